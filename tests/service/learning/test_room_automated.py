"""Automated data labeling: people label a part, a model the rest, and it is right."""

from __future__ import annotations

import json
import sys
import tarfile
from collections import Counter
from collections.abc import Iterator, Sequence
from io import BytesIO
from pathlib import Path
from random import Random
from typing import Any
from urllib.request import urlopen

import pytest

from dev.messages import CLASSES, messages
from dev.pictures import SCENE_LABELS, digits, scene
from dev.stack import ROOT, Service, wait_until
from labeling_provider.request import AutomatedLabeling
from labeling_provider.service.failures import ApiError
from tests.conftest import Lab, texts, without_marks
from tests.service.in_process import ACCOUNT, InProcess
from tests.snippets import blocks

DIGITS = [str(digit) for digit in range(10)]
DIGIT_PICTURES = 1200
ROLE = f"arn:aws:iam::{ACCOUNT}:role/labeling-local"
WORKERS = {"workers": 3, "accuracy": 0.95}


class Auto(InProcess):
    """An engine with three workers, right in 95 %, where small jobs may be automated, too."""

    def __init__(self, folder: Path, seed: int = 7, **settings: Any) -> None:
        folder.mkdir(exist_ok=True)
        super().__init__(folder, team=WORKERS, seed=seed, **settings)

    def put(self, key: str, body: bytes) -> str:
        """Store an object; its URI."""
        uri = f"s3://lab/{key}"
        self.storage.objects[uri] = body
        return uri

    def get(self, uri: str) -> bytes:
        return self.storage.objects[uri]

    def keys(self, prefix: str) -> list[str]:
        keys = (uri.removeprefix("s3://lab/") for uri in self.storage.objects)
        return sorted(key for key in keys if key.startswith(prefix))

    def begin(self, lines: Sequence[dict[str, Any]], name: str, **arguments: Any) -> str:
        """Create a job with automated labeling; its name."""
        defaults = {"automated_labeling": True, "max_concurrent_objects": 25, "workers_per_object": 3}
        manifest = "".join(json.dumps(line) + "\n" for line in lines).encode()
        return self.create(manifest, name=name, **{**defaults, **arguments})

    def output(self, description: dict[str, Any]) -> list[Any]:
        """The lines of a job's output manifest; empty if there is none."""
        uri = description.get("LabelingJobOutput", {}).get("OutputDatasetS3Uri")
        return [json.loads(line) for line in self.get(uri).splitlines()] if uri else []


@pytest.fixture(scope="module")
def auto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Auto]:
    made = Auto(tmp_path_factory.mktemp("auto"))
    yield made
    made.close()


def put_pictures(
    lab: Auto | Lab, folder: str, pictures: Sequence[bytes], truths: Sequence[Any]
) -> list[dict[str, Any]]:
    """Store pictures; manifest lines with the truth."""
    uris = [lab.put(f"{folder}/{number}.png", picture) for number, picture in enumerate(pictures)]
    return [{"source-ref": uri, "truth": truth} for uri, truth in zip(uris, truths, strict=True)]


@pytest.fixture(scope="module")
def digit_lines(auto: Auto) -> list[dict[str, Any]]:
    pictures, truths = zip(*digits()[:DIGIT_PICTURES], strict=True)
    return put_pictures(auto, "digits", pictures, truths)


def run(auto: Auto, lines: Sequence[dict[str, Any]], name: str, **arguments: Any) -> tuple[dict[str, Any], list[Any]]:
    """Run a job with automated labeling; its description and output."""
    description = auto.wait(auto.begin(lines, name, **arguments))
    return description, auto.output(description) if description["LabelingJobStatus"] != "Failed" else []


def run_digits(
    auto: Auto, lines: Sequence[dict[str, Any]], name: str, **arguments: Any
) -> tuple[dict[str, Any], list[Any]]:
    return run(auto, lines, name, **{"task_type": "image-classification", "labels": DIGITS, **arguments})


def by_machine(output: Sequence[dict[str, Any]], attribute: str = "label") -> list[dict[str, Any]]:
    return [line for line in output if line.get(f"{attribute}-metadata", {}).get("human-annotated") == "no"]


def right(lines: Sequence[dict[str, Any]]) -> float:
    """The share of labels that are true."""
    return sum(line["label-metadata"]["class-name"] == line["truth"] for line in lines) / max(len(lines), 1)


Run = tuple[dict[str, Any], list[Any]]


@pytest.fixture(scope="module")
def digit_runs(auto: Auto, digit_lines: list[Any]) -> dict[str, Run]:
    """Two jobs over a thousand digits, by name; names of jobs whose first sample lacks a digit."""
    return {name: run_digits(auto, digit_lines[:1000], name) for name in ("digits-b", "digits-e")}


@pytest.fixture(scope="module")
def first(auto: Auto, digit_lines: list[Any]) -> Run:
    """The job ``laid-out``, over some digits."""
    subnets = AutomatedLabeling(subnets=["subnet-1"], security_group_ids=["sg-1"])
    return run_digits(auto, digit_lines[:600], "laid-out", automated_labeling=subnets, max_concurrent_objects=40)


@pytest.fixture(scope="module")
def fresh(auto: Auto, digit_lines: list[Any]) -> Run:
    """A job over the others."""
    return run_digits(auto, digit_lines[600:], "fresh")


@pytest.mark.parametrize("name", ["digits-b", "digits-e"])
def test_a_model_labels_most_of_the_digits_and_is_right(digit_runs: dict[str, Run], name: str) -> None:
    description, output = digit_runs[name]
    counters = description["LabelCounters"]
    machine = by_machine(output)
    assert description["LabelingJobStatus"] == "Completed"
    assert counters["MachineLabeled"] == len(machine) >= 0.5 * len(output)
    assert counters["HumanLabeled"] == len(output) - len(machine)
    assert counters["TotalLabeled"] == len(output) == 1000
    assert counters["Unlabeled"] == 0
    assert right(machine) >= 0.95
    confidences = [line["label-metadata"]["confidence"] for line in machine]
    sure = sum(confidences) / len(confidences)
    assert right(machine) - 0.08 < sure < right(machine) + 0.04, "calibrated; with few objects to measure on, careful"
    people = [line for line in output if line["label-metadata"]["human-annotated"] == "yes"]
    assert right(people) > 0.97
    metadata = machine[0]["label-metadata"]
    assert list(metadata) == ["class-name", "confidence", "type", "job-name", "human-annotated", "creation-date"]
    assert metadata["type"] == "groundtruth/image-classification"


def test_iterations_are_laid_out_as_amazon_does(auto: Auto, first: Run) -> None:
    _, output = first
    responses = auto.keys("out/laid-out/annotations/worker-response/")
    sets = Counter(int(key.split("/")[4].removeprefix("iteration-")) for key in responses)
    assert [sets[number] for number in (1, 2, 3, 4)] == [10, 30, 40, 40], (
        "a probe, the rest of the first sample, validation"
    )
    keys = auto.keys("out/laid-out/")
    trainings = sorted({int(key.split("/")[3]) for key in keys if key.split("/")[2] == "training"})
    assert trainings[0] == 6, "after 40 objects to learn from and 120 to measure on"
    measured = [lines_of(auto, f"activelearning/{number}/validation/input/validation.manifest") for number in trainings]
    learned = [lines_of(auto, f"training/{number}/input/train.manifest") for number in trainings]
    assert measured[0] == 120
    assert learned[0] == 40
    # What stands for no unlabeled object any more is learned from, beside the set that people had in between.
    for number in range(1, len(trainings)):
        assert measured[number] < measured[number - 1]
        assert learned[number] - learned[number - 1] == 40 + measured[number - 1] - measured[number]
    intermediate = {}
    for iteration in trainings:
        for path in (
            f"activelearning/{iteration}/validation/input/validation.manifest",
            f"activelearning/{iteration}/validation/output/validation.manifest.out",
            f"activelearning/{iteration}/auto-labels/input/unlabeled.manifest",
            f"inference/{iteration}/input/unlabeled.manifest",
            f"inference/{iteration}/output/unlabeled.manifest.out",
            f"training/{iteration}/input/train.manifest",
        ):
            assert f"out/laid-out/{path}" in keys
        key = f"out/laid-out/activelearning/{iteration}/auto-labels/auto_annotator_output.txt"
        if key in keys:
            for line in auto.get(f"s3://lab/{key}").decode().splitlines():
                object_id, _, content = line.partition(" ")
                intermediate[int(object_id)] = json.loads(content)
    expected = {n: line for n, line in enumerate(output) if line["label-metadata"]["human-annotated"] == "no"}
    assert intermediate.keys() == expected.keys()
    assert all(
        intermediate[n] == {key: line[key] for key in ("label", "label-metadata")} for n, line in expected.items()
    )
    examples = auto.get(f"s3://lab/out/laid-out/training/{trainings[0]}/input/train.manifest").decode().splitlines()
    assert all("label" in json.loads(line) for line in examples)


def lines_of(auto: Auto, path: str) -> int:
    """How many lines a file of the job ``laid-out`` has."""
    return len(auto.get(f"s3://lab/out/laid-out/{path}").splitlines())


def test_the_model_is_described_and_can_be_read(auto: Auto, first: Run) -> None:
    description, _ = first
    arn = description["LabelingJobOutput"]["FinalActiveLearningModelArn"]
    assert description["LabelingJobAlgorithmsConfig"]["LabelingJobResourceConfig"]["VpcConfig"]["Subnets"]
    model = auto.operations.call("DescribeModel", {"ModelName": arn.rpartition("/")[2]})
    assert model["ModelArn"] == arn
    assert model["ExecutionRoleArn"] == ROLE
    assert model["VpcConfig"] == {"SecurityGroupIds": ["sg-1"], "Subnets": ["subnet-1"]}
    uri = model["PrimaryContainer"]["ModelDataUrl"]
    name, trained = model["ModelName"], uri.removeprefix("s3://lab/out/laid-out/training/")
    iteration, _, path = trained.partition("/")
    assert iteration.isdecimal()
    assert path == f"output/{name}/output/model.tar.gz", "one level, and what a training of SageMaker would write"
    with tarfile.open(fileobj=BytesIO(auto.get(uri))) as files:
        assert sorted(files.getnames()) == ["about.json", "model"]
    listed = auto.operations.call("ListLabelingJobs", {"NameContains": "laid-out"})["LabelingJobSummaryList"]
    assert listed[0]["LabelCounters"] == description["LabelCounters"]
    with pytest.raises(ApiError, match="Could not find model"):
        auto.operations.call("DescribeModel", {"ModelName": "nobody"})


@pytest.mark.parametrize("asked", [True, False], ids=["asked", "chained"])
def test_a_later_job_starts_from_the_model_and_needs_fewer_people(
    auto: Auto, digit_lines: list[Any], first: Run, fresh: Run, asked: bool
) -> None:
    # Whether a wrong label of people hides how right the model is depends on the name: it seeds who sees what.
    name = f"goes-on-{asked}".lower()
    description, output = first
    arn = description["LabelingJobOutput"]["FinalActiveLearningModelArn"]
    lines = digit_lines[600:]
    # A chained job finds the former's model by the labels that it is given.
    settings = AutomatedLabeling(initial_model_arn=arn) if asked else AutomatedLabeling()
    lines = lines if asked else [*output, *lines]
    later, labeled = run_digits(auto, lines, name, automated_labeling=settings)
    assert later["LabelCounters"]["HumanLabeled"] < fresh[0]["LabelCounters"]["HumanLabeled"]
    assert later["LabelCounters"]["TotalLabeled"] == 600
    assert right(by_machine(labeled[-600:])) >= 0.95
    responses = auto.keys(f"out/{name}/annotations/worker-response/iteration-2/")
    assert len(responses) == 25, "after the probe people go on with the validation set"


def test_messages_of_a_grammar_are_labeled_right(auto: Auto) -> None:
    lines = [{"source": text, "truth": name} for text, name in messages(1500, 5)]
    description, output = run(auto, lines, "messages", labels=CLASSES, max_concurrent_objects=150)
    machine = by_machine(output)
    assert description["LabelCounters"]["TotalLabeled"] == 1500
    assert len(machine) >= 0.5 * len(output)
    assert right(machine) >= 0.95
    measured = min(
        (key for key in auto.keys("out/messages/activelearning/") if key.endswith("validation.manifest")),
        key=lambda key: int(key.split("/")[3]),
    )
    assert len(auto.get(f"s3://lab/{measured}").splitlines()) == 300, "a fifth of the dataset"


@pytest.mark.parametrize("task", ["text", "image"])
def test_nothing_is_labeled_by_machine_when_labels_are_random(auto: Auto, digit_lines: list[Any], task: str) -> None:
    chance = Random(3)
    if task == "text":
        lines = [{"source": text, "truth": chance.choice(CLASSES)} for text, _ in messages(400, 5)]
        description, output = run(auto, lines, "random-text", labels=CLASSES)
    else:
        lines = [{**line, "truth": chance.choice(DIGITS)} for line in digit_lines[:250]]
        description, output = run_digits(auto, lines, "random-image")
    assert by_machine(output) == []
    assert description["LabelCounters"]["HumanLabeled"] == len(lines)
    keys = auto.keys(f"out/random-{task}/training/")
    sets = {key.split("/")[4] for key in auto.keys(f"out/random-{task}/annotations/intermediate/")}
    assert len([key for key in keys if key.endswith("model.tar.gz")]) <= 0.7 * len(sets), "it was given up"


def test_a_class_that_the_first_sample_lacks_is_not_given_to_others(auto: Auto, digit_runs: dict[str, Run]) -> None:
    missed: Counter[str] = Counter()
    wrong: Counter[str] = Counter()
    for name, (_, output) in digit_runs.items():
        sample = set()
        for iteration in (1, 2):
            keys = auto.keys(f"out/{name}/annotations/worker-response/iteration-{iteration}/")
            sample |= {output[int(key.split("/")[5])]["truth"] for key in keys}
        lacking = set(DIGITS) - sample
        assert lacking, "choose another name: this one's first sample has them all"
        for line in output:
            missed[line["truth"]] += line["truth"] in lacking
        for line in by_machine(output):
            wrong[line["truth"]] += line["truth"] in lacking and line["label-metadata"]["class-name"] != line["truth"]
    for digit in missed:
        assert wrong[digit] <= 0.05 * missed[digit], digit


@pytest.mark.parametrize(("task", "promised"), [("bounding-box", 0.6), ("semantic-segmentation", 0.7)])
def test_boxes_and_masks_are_labeled_where_something_can_be_seen(auto: Auto, task: str, promised: float) -> None:
    scenes = [scene(number) for number in range(200)]
    truths = truths_of(auto, task, scenes)
    lines = put_pictures(auto, f"scenes-{task}", [scene.picture for scene in scenes], truths)
    attribute = "label-ref" if task == "semantic-segmentation" else "label"
    description, output = run(auto, lines, task, task_type=task, labels=SCENE_LABELS, max_concurrent_objects=60)
    machine = by_machine(output, attribute)
    assert len(machine) >= 60
    overlaps = [overlap(auto, task, line, attribute) for line in machine]
    assert sum(overlaps) / len(overlaps) >= promised
    assert description["LabelCounters"]["MachineLabeled"] == len(machine)
    if task == "bounding-box":
        metadata = machine[0]["label-metadata"]
        assert len(metadata["objects"]) == len(machine[0]["label"]["annotations"])
        assert all(0 < entry["confidence"] <= 1 for entry in metadata["objects"])


def truths_of(lab: Auto, task: str, scenes: Sequence[Any]) -> list[Any]:
    if task == "bounding-box":
        return [scene.boxes for scene in scenes]
    return [lab.put(f"masks/{number}.png", scene.mask) for number, scene in enumerate(scenes)]


def overlap(lab: Auto, task: str, line: dict[str, Any], attribute: str) -> float:
    """Shared by joint area with the truth, all classes together."""
    import numpy as np
    from PIL import Image

    if task == "bounding-box":
        size = line["label"]["image_size"][0]
        masks = [np.zeros((size["height"], size["width"]), dtype=int) for _ in range(2)]
        drawn = [{**box, "label": SCENE_LABELS[box["class_id"]]} for box in line["label"]["annotations"]]
        for mask, boxes in zip(masks, (drawn, line["truth"]), strict=True):
            for box in boxes:
                rows = slice(round(box["top"]), round(box["top"] + box["height"]))
                columns = slice(round(box["left"]), round(box["left"] + box["width"]))
                mask[rows, columns] = SCENE_LABELS.index(box["label"]) + 1
    else:
        masks = [np.asarray(Image.open(BytesIO(lab.get(uri)))) for uri in (line[attribute], line["truth"])]
    painted, other = masks
    return float(((painted == other) & (painted > 0)).sum() / ((painted > 0) | (other > 0)).sum())


@pytest.mark.parametrize("task", ["bounding-box", "semantic-segmentation"])
def test_boxes_and_masks_of_what_nobody_can_see_are_left_to_people(auto: Auto, task: str) -> None:
    scenes = [scene(number, visible=False) for number in range(40)]
    truths = truths_of(auto, task, scenes)
    lines = put_pictures(auto, f"unseen-{task}", [scene.picture for scene in scenes], truths)
    name = f"unseen-{task}"
    description, _ = run(auto, lines, name, task_type=task, labels=SCENE_LABELS, max_concurrent_objects=20)
    assert description["LabelCounters"]["MachineLabeled"] == 0
    assert description["LabelCounters"]["HumanLabeled"] == 40


def test_small_jobs_fail_as_on_amazon(lab: Lab) -> None:
    name = lab.create(texts(40), automated_labeling=True)
    description = lab.wait(name)
    assert description["LabelingJobStatus"] == "Failed"
    assert "at least 1,250 objects" in description["FailureReason"]
    assert "FinalActiveLearningModelArn" not in description.get("LabelingJobOutput", {})


def test_a_first_sample_that_people_cannot_label_fails_the_job(auto: Auto) -> None:
    lines = [{"source": text, "truth": name} for text, name in messages(300, 5)]
    # Nobody knows the truth about every fifth.
    lines = [line if number % 5 else {"source": line["source"]} for number, line in enumerate(lines)]
    description, _ = run(auto, lines, "unanswerable", labels=CLASSES)
    assert description["LabelingJobStatus"] == "Failed"
    assert "more than 10%" in description["FailureReason"]
    lines = [line if number % 25 else {"source": line["source"]} for number, line in enumerate(lines)]
    lines = [{"truth": "delay", **line} if number % 25 else line for number, line in enumerate(lines)]
    description, _ = run(auto, lines, "answerable", labels=CLASSES)
    assert description["LabelingJobStatus"] == "Completed"


@pytest.mark.parametrize(
    ("conditions", "people", "everyone"),
    [
        ({"max_human_labeled_objects": 30}, 30, 30),
        ({"max_human_labeled_objects": 280}, 280, None),
        ({"max_percentage_labeled": 60}, None, 480),
        ({"max_percentage_labeled": 5}, 40, 40),
    ],
)
def test_stopping_conditions_hold_for_people_and_machine(
    auto: Auto, digit_lines: list[Any], conditions: dict[str, int], people: int | None, everyone: int | None
) -> None:
    name = "stops-{}-{}".format(*next(iter(conditions.items()))).replace("_", "-")
    description, output = run_digits(auto, digit_lines[:800], name, max_concurrent_objects=60, **conditions)
    counters = description["LabelCounters"]
    assert description["LabelingJobStatus"] == "Stopped"
    assert people is None or counters["HumanLabeled"] == people
    assert everyone is None or counters["TotalLabeled"] == everyone
    if people == 280 or everyone == 480:
        assert counters["MachineLabeled"] > 0
    assert sum("label" in line for line in output) == counters["TotalLabeled"]


def test_pictures_that_cannot_be_read_go_to_people(auto: Auto, digit_lines: list[Any]) -> None:
    broken = put_pictures(auto, "broken", [b"no picture"] * 20, ["1"] * 20)
    description, output = run_digits(auto, [*digit_lines[:580], *broken], "unreadable", max_concurrent_objects=40)
    assert description["LabelingJobStatus"] == "Completed"
    assert description["LabelCounters"]["MachineLabeled"] > 0
    assert by_machine(output[580:]) == []


def test_the_same_seed_gives_the_same_labels(tmp_path: Path, auto: Auto) -> None:
    lines = [{"source": text, "truth": name} for text, name in messages(500, 5)]
    same, other = Auto(tmp_path / "same"), Auto(tmp_path / "other", seed=8)
    folder = "out/seeded/annotations/worker-response/iteration-1/"
    try:
        labs = (auto, same, other)
        outputs = [run(lab, lines, "seeded", labels=CLASSES, max_concurrent_objects=100)[1] for lab in labs]
        probes = [{key.split("/")[5] for key in lab.keys(folder)} for lab in labs]
    finally:
        same.close()
        other.close()
    assert without_dates(outputs[0]) == without_dates(outputs[1]) != without_dates(outputs[2])
    assert by_machine(outputs[0])
    assert probes[0] == probes[1] != probes[2], "other objects come first"


def without_dates(output: Sequence[dict[str, Any]]) -> list[Any]:
    return [
        {
            **line,
            "label-metadata": {key: value for key, value in line["label-metadata"].items() if key != "creation-date"},
        }
        for line in output
    ]


def check_pages(lab: Lab, description: dict[str, Any]) -> None:
    """See that the pages of a job tell what the model did."""
    machine = description["LabelCounters"]["MachineLabeled"]
    assert machine > 0
    page = f"{lab.service.ready['pages_url']}/jobs/{description['LabelingJobName']}"
    with urlopen(page) as answer:
        shown = without_marks(answer.read().decode())
    assert f"<th>Labeled by machine</th><td>{machine:,}</td>" in shown
    assert 'aria-label="600 of 600 done"' in shown
    assert description["LabelingJobOutput"]["FinalActiveLearningModelArn"].rpartition("/")[2] in shown
    with urlopen(f"{page}/log") as answer:
        assert "labeled by machine" in answer.read().decode()
    with urlopen(lab.service.ready["pages_url"]) as answer:
        assert "600 of 600" in answer.read().decode()


def test_a_killed_service_comes_to_the_same_labels_and_its_pages_tell_of_them(tmp_path: Path, auto: Auto) -> None:
    pictures, truths = zip(*digits()[:600], strict=True)
    _, undisturbed = run_digits(auto, put_pictures(auto, "killed", pictures, truths), "killed")
    workforce = tmp_path / "workforce.json"
    workforce.write_text(json.dumps({"seed": 7, "workteams": {"private-simulated": WORKERS}}))
    own = Lab(Service(tmp_path, "--workforce", str(workforce), "--minimum-automated", "0"))
    settings = {"task_type": "image-classification", "labels": DIGITS, "automated_labeling": True}
    try:
        own.create(put_pictures(own, "killed", pictures, truths), "killed", max_concurrent_objects=25, **settings)
        kills = 0
        while kills < 3:
            before = own.describe("killed")
            if before["LabelingJobStatus"] not in {"Initializing", "InProgress"}:
                break
            wait_until(lambda seen=before: own.describe("killed") != seen, 30, "the job goes on", pause=0.005)
            own.service.kill()
            own.service.start()
            own.connect()
            kills += 1
        description = own.wait("killed", seconds=180)
        output = own.output(description)
        check_pages(own, description)
    finally:
        own.service.stop()
    assert kills >= 2
    assert without_dates(output) == without_dates(undisturbed)


def test_a_job_can_be_stopped_while_it_learns(auto: Auto) -> None:
    lines = [{"source": text, "truth": name} for text, name in messages(1000, 5)]
    name = auto.begin(lines, "stopped", labels=CLASSES, max_concurrent_objects=150)
    wait_until(lambda: auto.describe(name)["LabelCounters"]["HumanLabeled"] >= 340, 60, "people are done")
    auto.operations.call("StopLabelingJob", {"LabelingJobName": name})
    description = auto.wait(name)
    assert description["LabelingJobStatus"] == "Stopped"
    counters, output = description["LabelCounters"], auto.output(description)
    assert sum("label" in line for line in output) == counters["TotalLabeled"]
    assert len(by_machine(output)) == counters["MachineLabeled"]


def test_a_model_of_ones_own_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (code,) = [block for block in blocks(ROOT / "docs" / "automated-labeling.md", "python") if "(Model)" in block]
    (tmp_path / "my_models.py").write_text(code)
    monkeypatch.syspath_prepend(tmp_path)
    own = Auto(tmp_path, models={"text-classification": "my_models:FirstWord"})
    try:
        lines = [{"source": f"{word} number {n}", "truth": word} for n in range(200) for word in ("cat", "dog", "bird")]
        description, output = run(own, lines, "own", max_concurrent_objects=30)
        arn = description["LabelingJobOutput"]["FinalActiveLearningModelArn"]
        model = own.operations.call("DescribeModel", {"ModelName": arn.rpartition("/")[2]})
        assert model["PrimaryContainer"]["Environment"] == {"LABELING_MODEL": "my_models:FirstWord"}
        assert len(by_machine(output)) > 300
        assert right(by_machine(output)) >= 0.95
        later, _ = run(own, lines, "own-later", automated_labeling=AutomatedLabeling(initial_model_arn=arn))
        assert later["LabelingJobStatus"] == "Completed"
    finally:
        own.close()


@pytest.mark.parametrize(
    ("method", "body", "words"),
    [
        ("train", "raise RuntimeError('no <b>luck</b>')", "Broken.train failed with RuntimeError: no <b>luck</b>"),
        ("predict", "return []", "did not give each object a finite score"),
        ("predict", "return [Prediction(0, float('nan'))] * len(args[1])", "finite score"),
        ("predict", "return [Prediction(99, 1.0)] * len(args[1])", "99 is not a class position"),
    ],
)
def test_a_model_that_fails_fails_its_job_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str, body: str, words: str
) -> None:
    (code,) = [block for block in blocks(ROOT / "docs" / "automated-labeling.md", "python") if "(Model)" in block]
    broken = f"class Broken(FirstWord):\n    def {method}(*args):\n        {body}\n"
    (tmp_path / "broken.py").write_text(f"{code}\n\n{broken}")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "broken", raising=False)
    service = InProcess(tmp_path, models={"text-classification": "broken:Broken"})
    manifest = "".join(json.dumps(line) + "\n" for line in texts(60)).encode()
    try:
        description, _ = service.run(manifest, automated_labeling=True, max_concurrent_objects=25)
        assert description["LabelingJobStatus"] == "Failed"
        assert words in description["FailureReason"]
        assert service.run(manifest)[0]["LabelingJobStatus"] == "Completed", "the service goes on"
    finally:
        service.close()


def test_an_initial_model_has_to_fit(auto: Auto, digit_lines: list[Any], first: Run) -> None:
    arn = first[0]["LabelingJobOutput"]["FinalActiveLearningModelArn"]
    settings = AutomatedLabeling(initial_model_arn=arn)
    with pytest.raises(ApiError, match="image-classification, not for text-classification"):
        auto.begin(texts(100), "of-texts", automated_labeling=settings)
    gone = AutomatedLabeling(initial_model_arn=arn.replace("laid-out", "missing"))
    with pytest.raises(ApiError, match="Could not find model"):
        run_digits(auto, digit_lines[:300], "of-nobody", automated_labeling=gone)
    description, _ = run_digits(
        auto, digit_lines[:300], "other-labels", labels=["dog", "cat"], automated_labeling=settings
    )
    assert description["LabelingJobStatus"] == "Failed"
    model = auto.operations.call("DescribeModel", {"ModelName": arn.rpartition("/")[2]})
    uri = model["PrimaryContainer"]["ModelDataUrl"]
    kept = auto.get(uri)
    auto.put(uri.removeprefix("s3://lab/"), b"changed on the way")
    description, _ = run_digits(auto, digit_lines[:300], "spoiled", automated_labeling=settings)
    assert description["LabelingJobStatus"] == "Failed"
    assert "can't be used" in description["FailureReason"]
    del auto.storage.objects[uri]
    description, _ = run_digits(auto, digit_lines[:300], "bereft", automated_labeling=settings)
    assert "does not exist" in description["FailureReason"]
    auto.put(uri.removeprefix("s3://lab/"), kept)


def test_other_jobs_go_on_while_a_model_is_trained(auto: Auto) -> None:
    lines = [{"source": text, "truth": name} for text, name in messages(800, 5)]
    busy = [auto.begin(lines, f"busy-{n}", labels=CLASSES) for n in range(2)]
    _, output = auto.run("".join(json.dumps(line) + "\n" for line in texts(30)).encode())
    assert len(output) == 30
    assert [auto.describe(name)["LabelingJobStatus"] for name in busy] == ["InProgress"] * 2
    for name in busy:
        assert auto.wait(name)["LabelingJobStatus"] == "Completed"

"""Automated data labeling: people label a part, a model the rest, and it is right."""

from __future__ import annotations

import json
import os
import tarfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path
from random import Random
from typing import Any
from urllib.request import urlopen

import pytest
from botocore.exceptions import ClientError

from dev.messages import CLASSES, messages
from dev.pictures import SCENE_LABELS, digits, scene
from dev.stack import ROOT, Service, wait_until
from labeling_provider.request import AutomatedLabeling
from tests.conftest import Lab, texts
from tests.snippets import blocks

DIGITS = [str(digit) for digit in range(10)]
WORKERS = {"workers": 3, "accuracy": 0.95}


def start(folder: Path, *options: str, seed: int = 7, **more: Any) -> Lab:
    """A service with three workers; it can import what is in its folder."""
    folder.mkdir(parents=True, exist_ok=True)
    workforce = folder / "workforce.json"
    workforce.write_text(json.dumps({"seed": seed, "workteams": {"private-simulated": WORKERS}, **more}))
    env = {"PYTHONPATH": f"{ROOT}{os.pathsep}{folder}"}
    return Lab(Service(folder, "--workforce", str(workforce), *options, env=env))


@pytest.fixture(scope="module")
def auto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A service with three workers, right in 95 %, that takes small jobs too."""
    lab = start(tmp_path_factory.mktemp("auto"), "--minimum-automated", "0")
    yield lab
    lab.service.stop()


def put_pictures(lab: Lab, folder: str, pictures: Sequence[bytes], truths: Sequence[Any]) -> list[dict[str, Any]]:
    """Store pictures; manifest lines with the truth."""
    with ThreadPoolExecutor(8) as pool:
        uris = list(pool.map(lambda one: lab.put(f"{folder}/{one[0]}.png", one[1]), enumerate(pictures)))
    return [{"source-ref": uri, "truth": truth} for uri, truth in zip(uris, truths, strict=True)]


@pytest.fixture(scope="module")
def digit_lines(auto: Lab) -> list[dict[str, Any]]:
    pictures, truths = zip(*digits(), strict=True)
    return put_pictures(auto, "digits", pictures, truths)


def run(lab: Lab, lines: Sequence[dict[str, Any]], name: str, **arguments: Any) -> tuple[dict[str, Any], list[Any]]:
    """Run a job with automated labeling; its description and output."""
    defaults = {"automated_labeling": True, "max_concurrent_objects": 25}
    lab.create(lines, name, **{**defaults, **arguments})
    description = lab.wait(name, seconds=180)
    return description, lab.output(description) if description["LabelingJobStatus"] != "Failed" else []


def run_digits(
    lab: Lab, lines: Sequence[dict[str, Any]], name: str, **arguments: Any
) -> tuple[dict[str, Any], list[Any]]:
    return run(lab, lines, name, **{"task_type": "image-classification", "labels": DIGITS, **arguments})


def by_machine(output: Sequence[dict[str, Any]], attribute: str = "label") -> list[dict[str, Any]]:
    return [line for line in output if line.get(f"{attribute}-metadata", {}).get("human-annotated") == "no"]


def right(lines: Sequence[dict[str, Any]]) -> float:
    """The share of labels that are true."""
    return sum(line["label-metadata"]["class-name"] == line["truth"] for line in lines) / max(len(lines), 1)


@pytest.mark.parametrize("name", ["digits-a", "digits-b"])
def test_a_model_labels_most_of_the_digits_and_is_right(auto: Lab, digit_lines: list[Any], name: str) -> None:
    description, output = run_digits(auto, digit_lines, name)
    counters = description["LabelCounters"]
    machine = by_machine(output)
    assert description["LabelingJobStatus"] == "Completed"
    assert counters["MachineLabeled"] == len(machine) >= 0.5 * len(output)
    assert counters["HumanLabeled"] == len(output) - len(machine)
    assert counters["TotalLabeled"] == len(output) == 1797
    assert counters["Unlabeled"] == 0
    assert right(machine) >= 0.95
    confidences = [line["label-metadata"]["confidence"] for line in machine]
    assert sum(confidences) / len(confidences) == pytest.approx(right(machine), abs=0.04), "calibrated"
    people = [line for line in output if line["label-metadata"]["human-annotated"] == "yes"]
    assert right(people) > 0.97
    first = machine[0]["label-metadata"]
    assert list(first) == ["class-name", "confidence", "type", "job-name", "human-annotated", "creation-date"]
    assert first["type"] == "groundtruth/image-classification"


def test_iterations_are_laid_out_as_amazon_does(auto: Lab, digit_lines: list[Any]) -> None:
    _description, output = run_digits(auto, digit_lines[:600], "laid-out", max_concurrent_objects=40)
    responses = auto.keys("out/laid-out/annotations/worker-response/")
    sets = Counter(int(key.split("/")[4].removeprefix("iteration-")) for key in responses)
    assert [sets[one] for one in (1, 2, 3, 4)] == [10, 30, 40, 40], "a probe, the rest of the first sample, validation"
    keys = auto.keys("out/laid-out/")
    trainings = sorted({int(key.split("/")[3]) for key in keys if key.split("/")[2] == "training"})
    assert trainings[0] == 6, "after 40 objects to learn from and 120 to measure on"
    measured = [lines_of(auto, f"activelearning/{one}/validation/input/validation.manifest") for one in trainings]
    learned = [lines_of(auto, f"training/{one}/input/train.manifest") for one in trainings]
    assert measured[0] == 120
    assert learned[0] == 40
    # What stands for no unlabeled object any more is learned from, beside the set that people had in between.
    for number in range(1, len(trainings)):
        assert measured[number] < measured[number - 1]
        assert learned[number] - learned[number - 1] == 40 + measured[number - 1] - measured[number]
    told = {}
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
        key = f"out/laid-out/activelearning/{iteration}/auto-labels/output/auto_annotator_output.txt"
        if key in keys:
            for line in auto.get(f"s3://lab/{key}").decode().splitlines():
                object_id, _, content = line.partition(" ")
                told[int(object_id)] = json.loads(content)
    expected = {n: line for n, line in enumerate(output) if line["label-metadata"]["human-annotated"] == "no"}
    assert told.keys() == expected.keys()
    assert all(told[n] == {key: line[key] for key in ("label", "label-metadata")} for n, line in expected.items())
    examples = auto.get(f"s3://lab/out/laid-out/training/{trainings[0]}/input/train.manifest").decode().splitlines()
    assert all("label" in json.loads(line) for line in examples)


def lines_of(lab: Lab, path: str) -> int:
    """How many lines a file of the job ``laid-out`` has."""
    return len(lab.get(f"s3://lab/out/laid-out/{path}").splitlines())


def test_the_model_is_described_and_can_be_read(auto: Lab, digit_lines: list[Any]) -> None:
    subnets = AutomatedLabeling(subnets=["subnet-1"], security_group_ids=["sg-1"])
    description, _ = run_digits(auto, digit_lines[:300], "described", automated_labeling=subnets)
    arn = description["LabelingJobOutput"]["FinalActiveLearningModelArn"]
    assert description["LabelingJobAlgorithmsConfig"]["LabelingJobResourceConfig"]["VpcConfig"]["Subnets"]
    model = auto.sagemaker.describe_model(ModelName=arn.rpartition("/")[2])
    assert model["ModelArn"] == arn
    assert model["ExecutionRoleArn"] == auto.role
    assert model["VpcConfig"] == {"SecurityGroupIds": ["sg-1"], "Subnets": ["subnet-1"]}
    uri = model["PrimaryContainer"]["ModelDataUrl"]
    assert uri.startswith("s3://lab/out/described/training/")
    with tarfile.open(fileobj=BytesIO(auto.get(uri))) as files:
        assert sorted(files.getnames()) == ["about.json", "model"]
    listed = auto.sagemaker.list_labeling_jobs(NameContains="described")["LabelingJobSummaryList"]
    assert listed[0]["LabelCounters"] == description["LabelCounters"]
    with pytest.raises(ClientError, match="Could not find model"):
        auto.sagemaker.describe_model(ModelName="nobody")


@pytest.mark.parametrize("asked", [True, False], ids=["asked", "chained"])
def test_a_later_job_starts_from_the_model_and_needs_fewer_people(
    auto: Lab, digit_lines: list[Any], asked: bool
) -> None:
    name = f"start-{asked}".lower()
    first, output = run_digits(auto, digit_lines[:600], name)
    arn = first["LabelingJobOutput"]["FinalActiveLearningModelArn"]
    lines = digit_lines[600:1200]
    # A chained job finds the former's model by the labels that it is given.
    settings = AutomatedLabeling(initial_model_arn=arn) if asked else AutomatedLabeling()
    lines = lines if asked else [*output, *lines]
    later, labeled = run_digits(auto, lines, f"{name}-later", automated_labeling=settings)
    fresh, _ = run_digits(auto, digit_lines[600:1200], f"{name}-fresh")
    assert later["LabelCounters"]["HumanLabeled"] < fresh["LabelCounters"]["HumanLabeled"]
    assert later["LabelCounters"]["TotalLabeled"] == 600
    assert right(by_machine(labeled[-600:])) >= 0.95
    responses = auto.keys(f"out/{name}-later/annotations/worker-response/iteration-2/")
    assert len(responses) == 25, "after the probe people go on with the validation set"


def test_messages_of_a_grammar_are_labeled_right(auto: Lab) -> None:
    lines = [{"source": text, "truth": name} for text, name in messages(5200, 5)]
    for name in ("messages-a", "messages-b"):
        description, output = run(auto, lines, name, labels=CLASSES, max_concurrent_objects=300)
        machine = by_machine(output)
        assert description["LabelCounters"]["TotalLabeled"] == 5200
        assert len(machine) >= 0.5 * len(output)
        assert right(machine) >= 0.95
        measured = min(
            (key for key in auto.keys(f"out/{name}/activelearning/") if key.endswith("validation.manifest")),
            key=lambda key: int(key.split("/")[3]),
        )
        assert len(auto.get(f"s3://lab/{measured}").splitlines()) == 520, "a tenth of a large dataset"


@pytest.mark.parametrize("task", ["text", "image"])
def test_nothing_is_labeled_by_machine_when_labels_are_random(auto: Lab, digit_lines: list[Any], task: str) -> None:
    chance = Random(3)
    if task == "text":
        lines = [{"source": text, "truth": chance.choice(CLASSES)} for text, _ in messages(400, 5)]
        description, output = run(auto, lines, "random-text", labels=CLASSES)
    else:
        lines = [{**line, "truth": chance.choice(DIGITS)} for line in digit_lines[:400]]
        description, output = run_digits(auto, lines, "random-image")
    assert by_machine(output) == []
    assert description["LabelCounters"]["HumanLabeled"] == 400
    keys = auto.keys(f"out/random-{task}/training/")
    assert len([key for key in keys if key.endswith("model.tar.gz")]) <= 6, "it was given up"


def test_a_class_that_the_first_sample_lacks_is_not_given_to_others(auto: Lab, digit_lines: list[Any]) -> None:
    missed: Counter[str] = Counter()
    wrong: Counter[str] = Counter()
    for name in ("lacking-a", "lacking-b"):
        _, output = run_digits(auto, digit_lines, name, max_concurrent_objects=20)
        first = set()
        for iteration in (1, 2):
            keys = auto.keys(f"out/{name}/annotations/worker-response/iteration-{iteration}/")
            first |= {output[int(key.split("/")[5])]["truth"] for key in keys}
        lacking = set(DIGITS) - first
        assert lacking, "choose another name: this one's first sample has them all"
        for line in output:
            missed[line["truth"]] += line["truth"] in lacking
        for line in by_machine(output):
            wrong[line["truth"]] += line["truth"] in lacking and line["label-metadata"]["class-name"] != line["truth"]
    for digit in missed:
        assert wrong[digit] <= 0.05 * missed[digit], digit


@pytest.mark.parametrize(("task", "promised"), [("bounding-box", 0.6), ("semantic-segmentation", 0.7)])
def test_boxes_and_masks_are_labeled_where_something_can_be_seen(auto: Lab, task: str, promised: float) -> None:
    scenes = [scene(number) for number in range(200)]
    truths = truths_of(auto, task, scenes)
    lines = put_pictures(auto, f"scenes-{task}", [one.picture for one in scenes], truths)
    attribute = "label-ref" if task == "semantic-segmentation" else "label"
    description, output = run(auto, lines, task, task_type=task, labels=SCENE_LABELS, max_concurrent_objects=20)
    machine = by_machine(output, attribute)
    assert len(machine) >= 60
    overlaps = [overlap(auto, task, line, attribute) for line in machine]
    assert sum(overlaps) / len(overlaps) >= promised
    assert description["LabelCounters"]["MachineLabeled"] == len(machine)
    if task == "bounding-box":
        metadata = machine[0]["label-metadata"]
        assert len(metadata["objects"]) == len(machine[0]["label"]["annotations"])
        assert all(0 < one["confidence"] <= 1 for one in metadata["objects"])


def truths_of(lab: Lab, task: str, scenes: Sequence[Any]) -> list[Any]:
    if task == "bounding-box":
        return [one.boxes for one in scenes]
    return [lab.put(f"masks/{number}.png", one.mask) for number, one in enumerate(scenes)]


def overlap(lab: Lab, task: str, line: dict[str, Any], attribute: str) -> float:
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
    one, other = masks
    return float(((one == other) & (one > 0)).sum() / ((one > 0) | (other > 0)).sum())


@pytest.mark.parametrize("task", ["bounding-box", "semantic-segmentation"])
def test_boxes_and_masks_of_what_nobody_can_see_are_left_to_people(auto: Lab, task: str) -> None:
    scenes = [scene(number, visible=False) for number in range(80)]
    truths = truths_of(auto, task, scenes)
    lines = put_pictures(auto, f"unseen-{task}", [one.picture for one in scenes], truths)
    name = f"unseen-{task}"
    description, _ = run(auto, lines, name, task_type=task, labels=SCENE_LABELS, max_concurrent_objects=10)
    assert description["LabelCounters"]["MachineLabeled"] == 0
    assert description["LabelCounters"]["HumanLabeled"] == 80


def test_small_jobs_fail_as_on_amazon(lab: Lab) -> None:
    name = lab.create(texts(40), automated_labeling=True)
    description = lab.wait(name)
    assert description["LabelingJobStatus"] == "Failed"
    assert "at least 1,250 objects" in description["FailureReason"]
    assert "FinalActiveLearningModelArn" not in description.get("LabelingJobOutput", {})


def test_a_first_sample_that_people_cannot_label_fails_the_job(auto: Lab) -> None:
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
    auto: Lab, digit_lines: list[Any], conditions: dict[str, int], people: int | None, everyone: int | None
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


def test_pictures_that_cannot_be_read_go_to_people(auto: Lab, digit_lines: list[Any]) -> None:
    broken = put_pictures(auto, "broken", [b"no picture"] * 20, ["1"] * 20)
    description, output = run_digits(auto, [*digit_lines[:580], *broken], "unreadable", max_concurrent_objects=40)
    assert description["LabelingJobStatus"] == "Completed"
    assert description["LabelCounters"]["MachineLabeled"] > 0
    assert by_machine(output[580:]) == []


def test_the_same_seed_gives_the_same_labels(tmp_path: Path, auto: Lab) -> None:
    lines = [{"source": text, "truth": name} for text, name in messages(800, 5)]
    same = start(tmp_path / "same", "--minimum-automated", "0")
    other = start(tmp_path / "other", "--minimum-automated", "0", seed=8)
    folder = "out/seeded/annotations/worker-response/iteration-1/"
    try:
        labs = (auto, same, other)
        outputs = [run(lab, lines, "seeded", labels=CLASSES, max_concurrent_objects=150)[1] for lab in labs]
        probes = [{key.split("/")[5] for key in lab.keys(folder)} for lab in labs]
    finally:
        same.service.stop()
        other.service.stop()
    assert without_dates(outputs[0]) == without_dates(outputs[1]) != without_dates(outputs[2])
    assert by_machine(outputs[0])
    assert probes[0] == probes[1] != probes[2], "other objects come first"


def without_dates(output: Sequence[dict[str, Any]]) -> list[Any]:
    return [
        {**line, "label-metadata": {key: one for key, one in line["label-metadata"].items() if key != "creation-date"}}
        for line in output
    ]


def test_a_killed_service_comes_to_the_same_labels(tmp_path: Path, auto: Lab) -> None:
    pictures, truths = zip(*digits()[:500], strict=True)
    undisturbed = run_digits(auto, put_pictures(auto, "killed", pictures, truths), "killed", max_concurrent_objects=25)[
        1
    ]
    own = start(tmp_path / "killed", "--minimum-automated", "0")
    try:
        own.create(
            put_pictures(own, "killed", pictures, truths),
            "killed",
            task_type="image-classification",
            labels=DIGITS,
            automated_labeling=True,
            max_concurrent_objects=25,
        )
        kills = 0
        while kills < 12:
            before = own.describe("killed")
            if before["LabelingJobStatus"] not in {"Initializing", "InProgress"}:
                break
            wait_until(lambda seen=before: own.describe("killed") != seen, 30, "the job goes on", pause=0.005)
            own.service.kill()
            own.service.start()
            own.connect()
            kills += 1
        output = own.output(own.wait("killed"))
    finally:
        own.service.stop()
    assert kills >= 3
    assert without_dates(output) == without_dates(undisturbed)


def test_a_job_can_be_stopped_while_it_learns(auto: Lab) -> None:
    lines = [{"source": text, "truth": name} for text, name in messages(5200, 5)]
    name = auto.create(lines, "stopped", labels=CLASSES, automated_labeling=True, max_concurrent_objects=600)
    wait_until(lambda: auto.describe(name)["LabelCounters"]["HumanLabeled"] >= 1100, 60, "people are done")
    auto.sagemaker.stop_labeling_job(LabelingJobName=name)
    description = auto.wait(name)
    assert description["LabelingJobStatus"] == "Stopped"
    counters, output = description["LabelCounters"], auto.output(description)
    assert sum("label" in line for line in output) == counters["TotalLabeled"]
    assert len(by_machine(output)) == counters["MachineLabeled"]


def test_a_model_of_ones_own_is_used(tmp_path: Path) -> None:
    (code,) = [one for one in blocks(ROOT / "docs" / "automated-labeling.md", "python") if "(Model)" in one]
    (tmp_path / "my_models.py").write_text(code)
    models = {"text-classification": "my_models:FirstWord"}
    lab = start(tmp_path, "--minimum-automated", "0", models=models)
    try:
        lines = [{"source": f"{word} number {n}", "truth": word} for n in range(200) for word in ("cat", "dog", "bird")]
        description, output = run(lab, lines, "own", max_concurrent_objects=30)
        arn = description["LabelingJobOutput"]["FinalActiveLearningModelArn"]
        model = lab.sagemaker.describe_model(ModelName=arn.rpartition("/")[2])
        assert model["PrimaryContainer"]["Environment"] == {"LABELING_MODEL": "my_models:FirstWord"}
        assert len(by_machine(output)) > 300
        assert right(by_machine(output)) >= 0.95
        later, _ = run(lab, lines, "own-later", automated_labeling=AutomatedLabeling(initial_model_arn=arn))
        assert later["LabelingJobStatus"] == "Completed"
    finally:
        lab.service.stop()


@pytest.mark.parametrize(
    ("models", "words"),
    [
        ({"named-entities": "my_models:FirstWord"}, "models.named-entities is unknown"),
        ({"text-classification": "tests.functions:pre"}, "is not a subclass of labeling_provider"),
        ({"text-classification": "nowhere:Model"}, "imported"),
        ({"text-classification": "tests.raises_at_import:Model"}, "can't be imported: not today"),
        ([], "JSON object"),
    ],
)
def test_a_model_that_cannot_be_used_is_refused_at_the_start(tmp_path: Path, models: Any, words: str) -> None:
    from labeling_provider.service.learning.registry import ModelRegistry
    from labeling_provider.service.work.workforce import WorkforceFileError, load_workforce

    file = tmp_path / "workforce.json"
    file.write_text(json.dumps({"models": models}))
    with pytest.raises(WorkforceFileError, match=words):
        workforce = load_workforce(file, seed=0, region="us-east-1", account="123456789012")
        ModelRegistry(None, None, workforce)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("method", "body", "words"),
    [
        ("train", "raise RuntimeError('no <b>luck</b>')", "Broken.train failed with RuntimeError: no <b>luck</b>"),
        ("predict", "return []", "did not give each object a finite score"),
        ("predict", "return [Prediction(0, float('nan'))] * len(args[1])", "finite score"),
        ("predict", "return [Prediction(99, 1.0)] * len(args[1])", "99 is not a class position"),
    ],
)
def test_a_model_that_fails_fails_its_job_with_the_reason(tmp_path: Path, method: str, body: str, words: str) -> None:
    (code,) = [one for one in blocks(ROOT / "docs" / "automated-labeling.md", "python") if "(Model)" in one]
    broken = f"class Broken(FirstWord):\n    def {method}(*args):\n        {body}\n"
    (tmp_path / "broken.py").write_text(f"{code}\n\n{broken}")
    lab = start(tmp_path, "--minimum-automated", "0", models={"text-classification": "broken:Broken"})
    try:
        description, _ = run(lab, texts(60), "broken")
        assert description["LabelingJobStatus"] == "Failed"
        assert words in description["FailureReason"]
        assert lab.run(texts(3))[0]["LabelingJobStatus"] == "Completed", "the service goes on"
    finally:
        lab.service.stop()


def test_an_initial_model_has_to_fit(auto: Lab, digit_lines: list[Any]) -> None:
    first, _ = run_digits(auto, digit_lines[:300], "fitting")
    arn = first["LabelingJobOutput"]["FinalActiveLearningModelArn"]
    settings = AutomatedLabeling(initial_model_arn=arn)
    with pytest.raises(ClientError, match="image-classification, not for text-classification"):
        auto.create(texts(100), automated_labeling=settings)
    gone = AutomatedLabeling(initial_model_arn=arn.replace("fitting", "missing"))
    with pytest.raises(ClientError, match="Could not find model"):
        auto.create(digit_lines[:300], task_type="image-classification", labels=DIGITS, automated_labeling=gone)
    description, _ = run_digits(
        auto, digit_lines[:300], "other-labels", labels=["dog", "cat"], automated_labeling=settings
    )
    assert description["LabelingJobStatus"] == "Failed"
    uri = auto.sagemaker.describe_model(ModelName=arn.rpartition("/")[2])["PrimaryContainer"]["ModelDataUrl"]
    auto.put(uri.removeprefix("s3://lab/"), b"changed on the way")
    description, _ = run_digits(auto, digit_lines[:300], "spoiled", automated_labeling=settings)
    assert description["LabelingJobStatus"] == "Failed"
    assert "can't be used" in description["FailureReason"]
    auto.s3.delete_object(Bucket="lab", Key=uri.removeprefix("s3://lab/"))
    description, _ = run_digits(auto, digit_lines[:300], "bereft", automated_labeling=settings)
    assert "does not exist" in description["FailureReason"]


def test_other_jobs_go_on_while_a_model_is_trained(auto: Lab) -> None:
    lines = [{"source": text, "truth": name} for text, name in messages(3000, 5)]
    busy = [auto.create(lines, f"busy-{n}", labels=CLASSES, automated_labeling=True) for n in range(2)]
    began = time.monotonic()
    _, output = auto.run(texts(30))
    assert len(output) == 30
    assert time.monotonic() - began < 60
    for name in busy:
        assert auto.wait(name, seconds=120)["LabelingJobStatus"] == "Completed"


def test_the_page_of_a_job_tells_what_the_model_did(auto: Lab) -> None:
    words = ["cat", "dog", "bird"]
    lines = [{"source": f"a {words[n % 3]}, number {n}", "truth": words[n % 3]} for n in range(600)]
    description, _ = run(auto, lines, "on-page", max_concurrent_objects=100)
    machine = description["LabelCounters"]["MachineLabeled"]
    assert machine > 0
    page = f"{auto.service.ready['pages_url']}/jobs/on-page"
    with urlopen(page) as answer:
        shown = answer.read().decode()
    assert f"<th>Labeled by machine</th><td>{machine:,}</td>" in shown
    assert 'aria-label="600 of 600 done"' in shown
    assert description["LabelingJobOutput"]["FinalActiveLearningModelArn"].rpartition("/")[2] in shown
    with urlopen(f"{page}/log") as answer:
        assert f"{machine:,} labeled by machine" in answer.read().decode()
    with urlopen(auto.service.ready["pages_url"]) as answer:
        assert "600 of 600" in answer.read().decode()

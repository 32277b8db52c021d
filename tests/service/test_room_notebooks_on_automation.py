"""What Amazon's notebooks on automated labeling and on custom recipes do, request by request, and what they then read.

Written from the documentation: image classification from unlabeled data, object detection, reuse of a model, and a
custom task with a template and two functions.
"""

from __future__ import annotations

import json
import tarfile
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from io import BytesIO
from pathlib import Path
from statistics import mean
from typing import Any

import pytest

from dev.pictures import SCENE_LABELS, digits, scene
from dev.stack import ROOT, Service
from labeling_provider.groundtruth.facts import algorithm_arn, lambda_arn, public_workteam_arn
from labeling_provider.service.learning.models import load_model
from tests.conftest import Lab
from tests.own_names import own_id
from tests.service.likeness import boxes_of, likeness

REGION = "us-east-1"
FUNCTION = f"arn:aws:lambda:{REGION}:123456789012:function:serverlessrepo-aws-sagemaker-ground-truth-recipe-GtRecipe"
TEMPLATE = """<script src="https://assets.crowd.aws/crowd-html-elements.js"></script>
<crowd-form><crowd-classifier name="answer" categories="{{ task.input.labels | to_json | escape }}" header="Which?">
<classification-target><img src="{{ task.input.taskObject | grant_read_access }}"></classification-target>
<short-instructions>Choose one.</short-instructions><full-instructions>Choose one.</full-instructions>
</crowd-classifier></crowd-form>"""


@pytest.fixture(scope="module")
def notebook(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A service in which small jobs may be automated, too, with a recipe's functions."""
    folder = tmp_path_factory.mktemp("notebook")
    functions = {f"{FUNCTION}PreHumanTaskFunc": "tests.functions:recipe_before"}
    functions |= {f"{FUNCTION}AnnotationConsol": "tests.functions:recipe_after"}
    teams = {name: {"workers": 5, "accuracy": 1} for name in ("private-simulated", "public")}
    (folder / "workforce.json").write_text(json.dumps({"seed": 7, "workteams": teams, "functions": functions}))
    options = ("--workforce", str(folder / "workforce.json"), "--minimum-automated", "0")
    service = Service(folder, *options, env={"PYTHONPATH": str(ROOT)})
    yield Lab(service)
    service.stop()


def run(
    lab: Lab,
    name: str,
    lines: list[dict[str, Any]],
    labels: list[str],
    function: str,
    algorithm: str,
    batch: int,
    **config: str,
) -> tuple[str, dict[str, Any]]:
    """The notebooks' request to the public workforce; the folder of the job's output, and its description.

    :param name: the job's; which objects come first follows from it.
    """
    categories = json.dumps({"labels": [{"label": label} for label in labels]})
    request = {
        "InputConfig": {
            "DataSource": {"S3DataSource": {"ManifestS3Uri": lab.manifest(lines)}},
            "DataAttributes": {"ContentClassifiers": ["FreeOfPersonallyIdentifiableInformation", "FreeOfAdultContent"]},
        },
        "OutputConfig": {"S3OutputPath": "s3://lab/demo/output/"},
        "HumanTaskConfig": {
            "AnnotationConsolidationConfig": {
                "AnnotationConsolidationLambdaArn": lambda_arn(f"ACS-{function}", REGION)
            },
            "PreHumanTaskLambdaArn": lambda_arn(f"PRE-{function}", REGION),
            "MaxConcurrentTaskCount": batch,
            "NumberOfHumanWorkersPerDataObject": 3,
            "TaskAvailabilityLifetimeInSeconds": 21600,
            "TaskDescription": "What do you see: a ball or a crate?",
            "TaskKeywords": ["image", "annotation"],
            "TaskTimeLimitInSeconds": 300,
            "TaskTitle": "Label a picture",
            "UiConfig": {"UiTemplateS3Uri": lab.put(f"demo/{name}/instructions.template", TEMPLATE)},
            "PublicWorkforceTaskPrice": {"AmountInUsd": {"Dollars": 0, "Cents": 3, "TenthFractionsOfACent": 6}},
            "WorkteamArn": public_workteam_arn(REGION),
        },
        "LabelingJobName": name,
        "RoleArn": lab.role,
        "LabelAttributeName": "category",
        "LabelCategoryConfigS3Uri": lab.put(f"demo/{name}/class_labels.json", categories),
        "LabelingJobAlgorithmsConfig": {
            "LabelingJobAlgorithmSpecificationArn": algorithm_arn(algorithm, REGION),
            **config,
        },
    }
    lab.sagemaker.create_labeling_job(**request)
    description = lab.wait(name, seconds=180)
    assert description["LabelingJobStatus"] == "Completed", description
    return description["OutputConfig"]["S3OutputPath"].removeprefix("s3://lab/") + name, description


def by_people(lab: Lab, folder: str) -> Counter[int]:
    """How many labels of people each iteration has brought, as the names of the files say."""
    counts: Counter[int] = Counter()
    for key in lab.keys(f"{folder}/annotations/consolidated-annotation/consolidation-response/"):
        iteration, name = key.split("/")[-2:]
        datetime.strptime(name, "%Y-%m-%d_%H:%M:%S.json")
        counts[int(iteration.removeprefix("iteration-"))] += len(json.loads(lab.get(f"s3://lab/{key}")))
    return counts


def by_machine(lab: Lab, folder: str) -> dict[int, dict[int, dict[str, Any]]]:
    """The labels of the model by object, by iteration, which is the second folder above the file."""
    iterations = {}
    for key in lab.keys(f"{folder}/activelearning/"):
        if key.endswith("auto_annotator_output.txt"):
            lines = [line.partition(" ") for line in lab.get(f"s3://lab/{key}").decode().splitlines()]
            iterations[int(key.split("/")[-3])] = {int(number): json.loads(label) for number, _, label in lines}
    return iterations


def trainings(lab: Lab, folder: str, mark: str) -> list[tuple[int, bytes, int, list[float]]]:
    """Of each training the iteration, the model's archive, how many samples its log tells, and its figures.

    :param mark: what comes before a figure in the log.
    """
    logs, group = lab.service.client("logs"), "/aws/sagemaker/TrainingJobs"
    trainings = []
    for key in lab.keys(f"{folder}/training/"):
        if not key.endswith("/model.tar.gz"):
            continue
        parts = key.split("/")
        streams = logs.describe_log_streams(logGroupName=group, logStreamNamePrefix=parts[-3])["logStreams"]
        stream = {"logGroupName": group, "logStreamName": streams[0]["logStreamName"], "startFromHead": True}
        page = logs.get_log_events(**stream)
        messages = [event["message"] for event in page["events"]]
        again = logs.get_log_events(**stream, nextToken=page["nextForwardToken"])
        assert again["nextForwardToken"] == page["nextForwardToken"], "there is no more"
        (samples,) = (
            int(message.split("num_training_samples': u'")[1].split("'")[0])
            for message in messages
            if "Final conf" in message
        )
        figures = [float(message.split(mark)[1].rstrip(")")) for message in messages if mark in message]
        trainings.append((int(parts[-5]), lab.get(f"s3://lab/{key}"), samples, figures))
    return sorted(trainings, key=lambda training: training[0])


@pytest.fixture(scope="module")
def classified(notebook: Lab) -> tuple[str, dict[str, Any]]:
    """A job over some digits, from unlabeled data."""
    return run(
        notebook, "demo-classify", pictures(notebook, 0, 500), [str(digit) for digit in range(10)], *CLASSIFICATION
    )


CLASSIFICATION = ("ImageMultiClass", "image-classification", 40)


def pictures(lab: Lab, start: int, end: int) -> list[dict[str, Any]]:
    chosen = enumerate(digits()[start:end], start)
    return [{"source-ref": lab.put(f"demo/{n}.png", picture), "truth": truth} for n, (picture, truth) in chosen]


def test_images_are_classified_from_unlabeled_data_to_a_model(
    notebook: Lab, classified: tuple[str, dict[str, Any]]
) -> None:
    folder, description = classified
    people, machine = by_people(notebook, folder), by_machine(notebook, folder)
    assert [people[iteration] for iteration in (1, 2, 3)] == [10, 30, 40]
    counters = description["LabelCounters"]
    assert sum(people.values()) == counters["HumanLabeled"]
    assert sum(map(len, machine.values())) == counters["MachineLabeled"] > 0
    for label in (label for labels in machine.values() for label in labels.values()):
        assert label["category-metadata"]["class-name"] in "0123456789"
        datetime.strptime(label["category-metadata"]["creation-date"], "%Y-%m-%dT%H:%M:%S.%f")
    truths = [line["truth"] for line in notebook.output(description)]
    named = [
        label["category-metadata"]["class-name"] == truths[number]
        for labels in machine.values()
        for number, label in labels.items()
    ]
    assert mean(named) > 0.9, "95 % are promised"
    learned = trainings(notebook, folder, "Validation-accuracy=")
    assert {iteration for iteration, *_ in learned} >= machine.keys()
    assert learned[0][2] == 40
    assert len(learned[0][3]) == 1
    assert all(0 < figure <= 1 for *_, figures in learned for figure in figures)
    archive = learned[-1][1]
    with tarfile.open(fileobj=BytesIO(archive)) as files:
        assert sorted(files.getnames()) == ["about.json", "model"]
    model = load_model(archive)
    fresh = digits()[1000:1060]
    said = model.predict([model.read(picture) for picture, _ in fresh])
    right = [model.labels[prediction.answer] == digit for prediction, (_, digit) in zip(said, fresh, strict=True)]
    assert sum(right) / len(right) > 0.7
    name = description["LabelingJobName"]
    events = notebook.service.client("logs").get_log_events(
        logGroupName="/aws/sagemaker/LabelingJobs", logStreamName=name, startFromHead=True
    )["events"]
    messages = [json.loads(event["message"]) for event in events]
    assert {message["labeling-job-name"] for message in messages} == {name}
    assert [messages[0]["event-log-message"], messages[-1]["event-log-message"]] == ["Created", "Completed"]


def test_a_model_labels_more_of_the_next_data(notebook: Lab, classified: tuple[str, dict[str, Any]]) -> None:
    arn = classified[1]["LabelingJobOutput"]["FinalActiveLearningModelArn"]
    assert notebook.sagemaker.describe_model(ModelName=arn.rpartition("/")[2])["ModelArn"] == arn
    lines, labels = pictures(notebook, 500, 1000), [str(digit) for digit in range(10)]
    folder, reused = run(notebook, "demo-reuse", lines, labels, *CLASSIFICATION, InitialActiveLearningModelArn=arn)
    config = reused["LabelingJobAlgorithmsConfig"]
    assert config["InitialActiveLearningModelArn"] == arn
    assert by_people(notebook, folder)[1] == 10
    first = by_machine(notebook, folder)
    assert sum(map(len, first.values())) == reused["LabelCounters"]["MachineLabeled"]
    _, without = run(notebook, "demo-fresh", lines, labels, *CLASSIFICATION)
    assert reused["LabelCounters"]["HumanLabeled"] < without["LabelCounters"]["HumanLabeled"]


def test_objects_are_detected_and_the_boxes_of_people_and_machine_are_read(notebook: Lab) -> None:
    scenes = [scene(number) for number in range(160)]
    lines = [
        {"source-ref": notebook.put(f"demo/scene-{number}.png", scene.picture), "truth": scene.boxes}
        for number, scene in enumerate(scenes)
    ]
    folder, description = run(notebook, "demo-boxes", lines, SCENE_LABELS, "BoundingBox", "object-detection", 40)
    machine = by_machine(notebook, folder)
    assert sum(map(len, machine.values())) == description["LabelCounters"]["MachineLabeled"] > 0
    learned = trainings(notebook, folder, "validation mAP <score>=(")
    assert {iteration for iteration, *_ in learned} >= machine.keys()
    assert all(0.5 < figure <= 1 for *_, figures in learned for figure in figures[:1])
    output = notebook.output(description)
    labeled = {number: label for labels in machine.values() for number, label in labels.items()}
    right: dict[str, list[float]] = {"yes": [], "no": []}
    for number, (line, shown) in enumerate(zip(output, scenes, strict=True)):
        label, metadata = line["category"], line["category-metadata"]
        assert label["image_size"] == [{"width": 160, "height": 120, "depth": 3}]
        assert len(metadata["objects"]) == len(label["annotations"])
        assert all(0 <= entry["confidence"] <= 1 for entry in metadata["objects"])
        by = metadata["human-annotated"]
        assert (by == "no") == (number in labeled)
        assert by == "yes" or labeled[number]["category"] == label
        right[by].append(likeness(boxes_of(label, SCENE_LABELS), shown.boxes))
    assert min(right["yes"]) > 0.9, "these workers are right"
    assert mean(right["no"]) > 0.7
    answered = set()
    for key in notebook.keys(f"{folder}/annotations/worker-response/"):
        number = int(key.split("/")[-2])
        answered.add(number)
        for answer in json.loads(notebook.get(f"s3://lab/{key}"))["answers"]:
            boxes = answer["answerContent"]["boundingBox"]["boundingBoxes"]
            assert all(box.keys() == {"label", "left", "top", "width", "height"} for box in boxes)
            assert likeness(boxes, scenes[number].boxes) > 0.85
    assert answered == set(range(len(output))) - labeled.keys()


def test_a_recipe_of_ones_own_labels_what_its_functions_say(notebook: Lab, tmp_path: Path) -> None:
    species = [("Bird", "Cat", "Dog")[number % 3] for number in range(12)]
    lines = [
        {"source": f"text {number}", "truth": {"answer": {"label": name}}, "known": number == 3}
        for number, name in enumerate(species)
    ]
    name = f"custom-recipe-{own_id().hex[:8]}"
    notebook.sagemaker.create_labeling_job(
        LabelingJobName=name,
        LabelAttributeName="species",
        InputConfig={"DataSource": {"S3DataSource": {"ManifestS3Uri": notebook.manifest(lines)}}},
        OutputConfig={"S3OutputPath": "s3://lab/recipe"},
        RoleArn=notebook.role,
        HumanTaskConfig={
            "WorkteamArn": notebook.team(),
            "UiConfig": {"UiTemplateS3Uri": notebook.put(f"recipe/{name}.liquid", TEMPLATE)},
            "PreHumanTaskLambdaArn": f"{FUNCTION}PreHumanTaskFunc",
            "TaskTitle": "Name the species",
            "TaskDescription": "Name the species",
            "NumberOfHumanWorkersPerDataObject": 2,
            "TaskTimeLimitInSeconds": 600,
            "AnnotationConsolidationConfig": {"AnnotationConsolidationLambdaArn": f"{FUNCTION}AnnotationConsol"},
        },
    )
    description = notebook.wait(name)
    assert description["LabelingJobStatus"] == "Completed", description
    output = notebook.output(description)
    assert ["species" in line for line in output] == [number != 3 for number in range(12)]
    for name, line in zip(species, output, strict=True):
        if not line["known"]:
            said = line["species"]
            assert [answer["answer"] for answer in said["annotations"]] == [{"label": name}] * 2
            assert len({answer["workerId"] for answer in said["annotations"]}) == 2
            assert 0 < said["millis"] <= 900_000, "Lambda's 15 minutes"
    assert description["LabelCounters"]["HumanLabeled"] == 11

"""Classes of points: what workers answer, what becomes of it, and what simulated workers do."""

from __future__ import annotations

import base64
import dataclasses
import json
import zlib
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeling_provider.manifest import read_label
from labeling_provider.service.failures import ObjectFailure
from labeling_provider.service.kinds.kind import AnswerError, Kind, ObjectLabel
from labeling_provider.service.kinds.point_classes import PaintedPoints
from tests.service.in_process import InProcess
from tests.service.kinds.some_clouds import LINE, POINTS, WEATHER, classes, cloud_objects, packed
from tests.service.kinds.some_jobs import LABELS, STAMP, former_cloud, label_of, make_kind

SEGMENTATION = "3d-point-cloud-semantic-segmentation"
NUMBERS = [0, 2, 2, 0, 4, 1]


def form(numbers: list[int], **attributes: Any) -> dict[str, Any]:
    """A worker's answer."""
    return {"labeledPoints": base64.b64encode(packed(numbers)).decode(), "frameAttributes": attributes}


def numbers_of(label: ObjectLabel) -> list[int]:
    """The bytes in a label's file."""
    ((uri, (body, _)),) = label.files.items()
    assert uri == label.value
    return list(zlib.decompress(body))


def test_the_label_is_a_file_with_a_color_map_as_amazon_writes_it() -> None:
    kind = make_kind(SEGMENTATION, frameAttributes=WEATHER)
    label = label_of(kind, {kind.key: form(NUMBERS, weather="wet")}, LINE)
    assert label.value == f"s3://lab/out/job/annotations/consolidated-annotation/output/7/{STAMP}.zlib"
    assert numbers_of(label) == NUMBERS
    colors = label.metadata["color-map"]
    assert colors["0"] == {"class-name": "Background", "hex-color": "#ffffff", "confidence": 0}
    assert {number: entry["class-name"] for number, entry in colors.items()} == {
        "0": "Background",
        "1": "ant",
        "2": "bee",
        "4": "dog",
    }
    assert len({entry["hex-color"] for entry in colors.values()}) == 4
    assert label.metadata["dataset-object-attributes"] == {"weather": "wet"}


def test_points_without_a_class_are_no_class_of_the_label() -> None:
    kind = make_kind(SEGMENTATION)
    made = label_of(kind, {kind.key: form(NUMBERS)}, LINE)
    metadata = {**made.metadata, "type": kind.job.task_type.metadata_type}
    label = read_label({"x-ref": made.value, "x-ref-metadata": metadata}, "x-ref")
    assert label is not None
    assert label.classes == ("ant", "bee", "dog")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, "segmentedPoints.labeledPoints is missing, or not a string"),
        ({"labeledPoints": "ä"}, "labeledPoints is not a string in base64"),
        ({"labeledPoints": "e"}, "labeledPoints is not a string in base64"),
        ({"labeledPoints": "eJx="}, "labeledPoints breaks off|not a zlib file"),
        ({"labeledPoints": "AAAA"}, "labeledPoints is not a zlib file"),
        (form([0] * (POINTS + 1)), "labeledPoints has 7 points, but the cloud has 6"),
        (form([0] * (POINTS - 1)), "labeledPoints has 5 points, but the cloud has 6"),
        (form([0] * (POINTS - 1) + [5]), "labeledPoints has the number 5, but the job has 4 labels"),
        (form(NUMBERS, weather="hot"), "frameAttributes.weather is 'hot', which is not one of its choices"),
        (form(NUMBERS), "the attribute weather is required"),
    ],
)
def test_a_wrong_answer_is_told_where_it_is_wrong(given: Any, words: str) -> None:
    kind = make_kind(SEGMENTATION, frameAttributes=[{**WEATHER[0], "isRequired": "required" in words}])
    with pytest.raises(AnswerError, match=words):
        kind.check_answer({kind.key: given}, LINE)


def test_a_small_answer_that_grows_without_end_is_refused() -> None:
    kind = make_kind(SEGMENTATION)
    with pytest.raises(AnswerError, match="has more than 10,000,000 points"):
        kind.check_answer({kind.key: form([0] * 10_000_001)}, LINE)


# Simulated workers


@given(seed=st.integers(0, 10**6))
def test_what_is_right_comes_out_as_it_went_in(seed: int) -> None:
    kind, truth = make_kind(SEGMENTATION), classes(Random(seed), LABELS)
    content = kind.simulate(LINE, truth, True, Random(seed))
    assert content is not None
    assert numbers_of(label_of(kind, json.loads(json.dumps(content)), LINE)) == truth


def test_the_truth_may_name_classes_and_be_a_file() -> None:
    kind = make_kind(SEGMENTATION)
    right = kind.simulate(LINE, NUMBERS, True, Random(1))
    names = [[None, *LABELS][number] for number in NUMBERS]
    assert kind.simulate(LINE, names, True, Random(1)) == right
    kind.job.object_store.write({"s3://lab/truth.zlib": (packed(NUMBERS), "")})
    assert kind.simulate(LINE, "s3://lab/truth.zlib", True, Random(1)) == right
    with pytest.raises(ObjectFailure, match=r"there is no file s3://lab/no with the classes of the points"):
        kind.simulate(LINE, "s3://lab/no", True, Random(1))
    kind.job.object_store.write({"s3://lab/truth.zlib": (b"{}", "")})
    with pytest.raises(ObjectFailure, match="is not a zlib file"):
        kind.simulate(LINE, "s3://lab/truth.zlib", True, Random(1))


@pytest.mark.parametrize("truth", [3, {}, [], NUMBERS[1:], [*NUMBERS[1:], 5], [*NUMBERS[1:], "gnu"], [[]] * POINTS])
def test_a_truth_that_is_none_is_declined(truth: Any) -> None:
    assert make_kind(SEGMENTATION).simulate(LINE, truth, True, Random(1)) is None


def test_careless_workers_are_wrong_but_plausible() -> None:
    kind = make_kind(SEGMENTATION)
    right = kind.simulate(LINE, NUMBERS, True, Random(1))
    for seed in range(6):
        wrong = kind.simulate(LINE, NUMBERS, False, Random(seed))
        assert wrong != right
        kind.check_answer(wrong, LINE)


# Audits


def audit(numbers: list[int], **categories: Any) -> tuple[Kind, dict[str, Any]]:
    kind = make_kind(f"adjustment-{SEGMENTATION}", auditLabelAttributeName="before-ref", **categories)
    return kind, {**LINE, **former_cloud(kind, numbers)}


def test_a_good_worker_leaves_what_is_right_and_corrects_the_rest() -> None:
    for numbers, status in ((NUMBERS, "unadjusted"), ([1, *NUMBERS[1:]], "adjusted")):
        kind, line = audit(numbers)
        label = label_of(kind, kind.simulate(line, NUMBERS, True, Random(1)) or {}, line)
        assert label.metadata["adjustment-status"] == status
        assert numbers_of(label) == NUMBERS


def test_former_labels_are_read_by_the_names_in_their_color_map() -> None:
    """Other jobs have other numbers, and points without a class may have one that no color map names."""
    kind, line = audit([255, 0, 0, 255, 3, 7])
    names = {"0": "bee", "3": "dog", "7": "ant"}
    colors = {number: {"class-name": name, "hex-color": "#123456"} for number, name in names.items()}
    line["before-ref-metadata"]["color-map"] = colors
    assert kind.own_input(line)["initial"] == form(NUMBERS)


def test_points_without_a_class_are_not_those_of_a_label_that_is_called_background() -> None:
    labels = ["ant", "Background"]
    job = dataclasses.replace(audit([0])[0].job, labels=labels)
    label = read_label({"x-ref": "s3://lab/x.zlib", "x-ref-metadata": background_metadata()}, "x-ref")
    job.object_store.write({"s3://lab/x.zlib": (packed([0, 2, 1]), "")})
    assert label is not None
    assert list(PaintedPoints(job).former_answer(label).numbers) == [0, 2, 1]


def background_metadata() -> dict[str, Any]:
    names = ["Background", "ant", "Background"]
    colors = {str(number): {"class-name": name, "hex-color": "#123456"} for number, name in enumerate(names)}
    return {"type": "groundtruth/point_cloud_single_frame_semantic_segmentation", "color-map": colors}


def test_a_verification_locks_points_but_not_the_attributes_of_the_cloud() -> None:
    labels = [{"label": label, "editsAllowed": "none"} for label in LABELS]
    kind, line = audit(NUMBERS, labels=labels, frameAttributes=WEATHER)
    kind.check_answer({kind.key: form(NUMBERS)}, line)
    label = label_of(kind, {kind.key: form(NUMBERS, weather="dry")}, line)
    assert label.metadata["adjustment-status"] == "adjusted"
    for changed in ([1, *NUMBERS[1:]], [0, 0, *NUMBERS[2:]]):
        with pytest.raises(AnswerError, match="points of a label that the category file locks were changed"):
            kind.check_answer({kind.key: form(changed)}, line)
    content = kind.simulate(line, [1, 1, 1, 1, 1, 1], True, Random(1))
    assert content is not None
    kind.check_answer(content, line)


def test_locked_attributes_of_a_cloud_stay() -> None:
    kind, line = audit(NUMBERS, frameAttributes=[{**WEATHER[0], "editsAllowed": "none"}])
    with pytest.raises(AnswerError, match="the attribute weather is locked"):
        kind.check_answer({kind.key: form(NUMBERS, weather="dry")}, line)


def test_labels_of_another_cloud_can_not_be_audited() -> None:
    kind, line = audit([*NUMBERS, 1])
    assert kind.obstacle(line) == "The label has 7 points, but the point cloud has 6."


def test_a_whole_job_writes_what_amazon_writes(tmp_path: Path) -> None:
    service = InProcess(tmp_path)
    service.storage.objects |= cloud_objects()
    given = {"labels": ["van"], "label_attribute_name": "x-ref", "workers_per_object": 1, "task_type": SEGMENTATION}
    try:
        _, (line,) = service.run(json.dumps({**LINE, "truth": [0, 1, 1, 0, 0, 1]}).encode(), **given)
        given |= {"task_type": f"adjustment-{SEGMENTATION}", "label_attribute_name": "y-ref", "name": "again"}
        _, (checked,) = service.run(json.dumps(line).encode(), audited_attribute="x-ref", **given)
        objects = dict(service.storage.objects)
    finally:
        service.close()
    assert list(zlib.decompress(objects[line["x-ref"]])) == [0, 1, 1, 0, 0, 1]
    assert line["x-ref-metadata"]["type"] == "groundtruth/point_cloud_single_frame_semantic_segmentation"
    assert checked["y-ref-metadata"]["adjustment-status"] == "unadjusted"

"""Adjusting labels: what workers change, what becomes of it, and what simulated workers do."""

from __future__ import annotations

from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeling_provider.service.failures import ObjectFailure
from labeling_provider.service.kinds.bounding_boxes import overlap
from labeling_provider.service.kinds.kind import Answered, AnswerError, Kind, WorkerAnswer
from tests.service.kinds.some_jobs import HEIGHT, LABELS, WIDTH, former_boxes, make_kind, make_line, mask_line

STAMP = "2026-01-02T03:04:05.000006"
FORMER = {"label": "bee", "left": 2, "top": 3, "width": 10, "height": 8}
TRUE = {"label": "bee", "left": 20, "top": 12, "width": 10, "height": 8}
GOOD = {"label": "cow", "left": 25, "top": 2, "width": 9, "height": 9}
LINE = {"source-ref": "s3://lab/picture", **former_boxes([GOOD, FORMER])}


def boxes_of(content: Any) -> list[dict[str, Any]]:
    return content["boundingBox"]["boundingBoxes"]  # type: ignore[no-any-return]


def form(boxes: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    return {"boundingBox": {"boundingBoxes": boxes, **more}}


def label_of(kind: Kind, *contents: dict[str, Any], line: dict[str, Any] = LINE) -> Any:
    answers = [WorkerAnswer(f"private.{number}", content) for number, content in enumerate(contents)]
    consolidated = kind.consolidate([Answered(0, line, answers)], STAMP)
    assert consolidated is not None
    assert consolidated.failed == {}
    return consolidated.labels[0]


def test_a_label_is_adjusted_if_one_worker_has_changed_it() -> None:
    kind = make_kind("adjustment-bounding-box")
    as_it_was = form([GOOD, FORMER], initialValueModified=False)
    changed = form([GOOD, TRUE], initialValueModified=True)
    same = label_of(kind, as_it_was, as_it_was)
    assert same.metadata["adjustment-status"] == "unadjusted"
    assert same.value == LINE["before"], "what nobody changes stays as it was"
    mixed = label_of(kind, as_it_was, changed, changed)
    assert mixed.metadata["adjustment-status"] == "adjusted"
    assert [box["left"] for box in mixed.value["annotations"]] == [25, 20]
    assert mixed.metadata["class-map"] == {"1": "bee", "2": "cow"}


def test_a_form_that_does_not_say_is_compared_with_the_label_before() -> None:
    kind = make_kind("adjustment-bounding-box")
    assert label_of(kind, form([GOOD, FORMER])).metadata["adjustment-status"] == "unadjusted"
    assert label_of(kind, form([GOOD])).metadata["adjustment-status"] == "adjusted"


def test_what_the_form_says_is_true_or_false() -> None:
    kind = make_kind("adjustment-bounding-box")
    with pytest.raises(AnswerError, match="boundingBox.initialValueModified is 'no', neither true nor false"):
        kind.check_answer(form([GOOD], initialValueModified="no"), LINE)


def test_classes_have_the_numbers_of_this_job() -> None:
    boxes, metadata = former_boxes([FORMER])["before"], {"type": "groundtruth/object-detection"}
    line = {"source-ref": "s3://lab/picture", "old": boxes, "old-metadata": {**metadata, "class-map": {"1": "dog"}}}
    content = make_kind("adjustment-bounding-box").simulate(line, [{**FORMER, "label": "dog"}], True, Random(1))
    assert boxes_of(content) == [{**FORMER, "label": "dog"}]
    label = label_of(make_kind("adjustment-bounding-box"), content or {}, line=line)
    assert label.value["annotations"][0]["class_id"] == LABELS.index("dog")


def test_good_workers_move_boxes_to_where_they_belong_and_leave_the_others() -> None:
    content = make_kind("adjustment-bounding-box").simulate(LINE, [TRUE, GOOD], True, Random(1))
    assert content is not None
    kept, moved = boxes_of(content)
    assert kept == GOOD
    assert overlap(moved, TRUE) > 0.9
    assert content["boundingBox"]["initialValueModified"] is True
    right = {"source-ref": "s3://lab/picture", **former_boxes([GOOD])}
    content = make_kind("adjustment-bounding-box").simulate(right, [{**GOOD, "left": 25.4}], True, Random(1))
    assert content is not None
    assert (boxes_of(content), content["boundingBox"]["initialValueModified"]) == ([GOOD], False)


def test_careless_workers_overlook_or_spoil() -> None:
    kind = make_kind("adjustment-bounding-box")
    overlooked = kind.simulate(LINE, [TRUE, GOOD], False, Random(1))
    assert overlooked == form(
        [GOOD, FORMER], inputImageProperties={"width": WIDTH, "height": HEIGHT}, initialValueModified=False
    )
    spoiled = kind.simulate(LINE, [FORMER, GOOD], False, Random(1))
    assert spoiled is not None
    assert spoiled["boundingBox"]["initialValueModified"] is True
    assert boxes_of(spoiled) != [GOOD, FORMER]


@pytest.mark.parametrize("truth", [None, "x", [{"label": "gnu"}], [{**TRUE, "label": "gnu"}]])
def test_simulated_workers_decline_what_they_know_no_truth_of(truth: Any) -> None:
    assert make_kind("adjustment-bounding-box").simulate(LINE, truth, True, Random(1)) is None


def test_a_mask_is_corrected_and_keeps_its_classes() -> None:
    kind = make_kind("adjustment-semantic-segmentation")
    former, true = np.zeros((2, HEIGHT, WIDTH), dtype=np.uint8)
    former[:10, :10] = 1
    true[5:15, 5:15] = 3
    line = mask_line(kind, former, {1: "cow"})
    right, wrong = mask_line(kind, true, {3: "cow"})["before-ref"], mask_line(kind, true * 0 + 9, {})["before-ref"]
    content = kind.simulate(line, right, True, Random(1))
    assert content is not None
    answer = content["crowd-semantic-segmentation"]
    assert (answer["initialValueModified"], list(answer["labelMappings"])) == (True, ["cow"])
    label = label_of(kind, content, line=line)
    assert label.metadata["adjustment-status"] == "adjusted"
    assert label.metadata["internal-color-map"]["3"]["class-name"] == "cow"
    kept = mask_line(kind, true, {3: "cow"})
    content = kind.simulate(kept, right, True, Random(1))
    assert content is not None
    assert content["crowd-semantic-segmentation"].pop("initialValueModified") is False
    assert label_of(kind, content, line=kept).metadata["adjustment-status"] == "unadjusted"
    overlooked = kind.simulate(line, right, False, Random(1))
    assert overlooked is not None
    assert label_of(kind, overlooked, line=line).metadata["adjustment-status"] == "unadjusted"
    # The number 1 of the earlier job is the third label of this one.
    pixels = kind.read_answer(overlooked, line).answer
    assert np.array_equal(pixels, former * 3)
    assert kind.simulate(line, wrong, True, Random(1)) is None


def test_a_label_that_is_gone_is_told() -> None:
    kind = make_kind("adjustment-semantic-segmentation")
    line = {**make_line(kind, Random(1)), "before-ref": "s3://lab/gone.png"}
    with pytest.raises(ObjectFailure, match=r"s3://lab/gone\.png: there is no object"):
        kind.simulate(line, line["truth"], True, Random(1))
    with pytest.raises(ObjectFailure, match="no label of the type groundtruth/semantic-segmentation"):
        kind.simulate({"source-ref": "s3://lab/picture"}, line["truth"], True, Random(1))


@pytest.mark.parametrize("audited", ["bounding-box", "semantic-segmentation"])
@given(seed=st.integers(0, 10**6))
def test_what_good_workers_have_adjusted_a_verification_accepts(audited: str, seed: int) -> None:
    chance = Random(seed)
    adjustment = make_kind(f"adjustment-{audited}", workers=1)
    line = make_line(adjustment, chance)
    content = adjustment.simulate(line, line["truth"], True, chance)
    assert content is not None
    label = label_of(adjustment, content, line=line)
    verification = make_kind(f"verification-{audited}")
    store = adjustment.job.object_store
    store.write(label.files)
    verification.job.object_store.write({uri: (store.read(uri), "image/png") for uri in store.objects})  # type: ignore[attr-defined]
    about = {**label.metadata, "type": adjustment.job.task_type.metadata_type}
    adjusted = {"source-ref": "s3://lab/picture", "now": label.value, "now-metadata": about}
    verdict = verification.simulate(adjusted, line["truth"], True, chance)
    assert verdict == {"crowd-image-classifier": {"label": LABELS[0]}}

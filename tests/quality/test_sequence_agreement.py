"""How far two sets of labels of a sequence agree."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from labeling_provider.errors import LabelingError
from labeling_provider.groundtruth.frame_tools import BOX, TOOLS
from labeling_provider.manifest import Files, read_label
from labeling_provider.manifest.sequences import LabeledFrame, Shape
from labeling_provider.quality import judgement_of_label, sequence_agreement
from labeling_provider.quality.nearest import NEAREST
from labeling_provider.quality.sequence_agreement import SequenceAgreement, compare


def box(left: float, object_id: str = "", label: str = "van") -> Shape:
    return Shape(label, {"left": left, "top": 0, "width": 10, "height": 10}, object_id, object_id, {})


def frames(*shapes: list[Shape]) -> list[LabeledFrame]:
    return [LabeledFrame(number, f"{number}.jpg", {}, tuple(drawn)) for number, drawn in enumerate(shapes)]


def test_the_same_labels_agree() -> None:
    labels = frames([box(0, "a"), box(40, "b")], [], [box(5, "a")])
    assert compare(labels, labels, BOX) == SequenceAgreement(1.0, 3, 3, 0, 0, 0)
    assert compare([], [], BOX).overlap == 1.0


def test_what_only_one_has_counts_as_nothing() -> None:
    agreed = compare(frames([box(0), box(40)], [box(0)]), frames([box(0)]), BOX)
    assert agreed == SequenceAgreement(pytest.approx(0.25), 2, 1, 2, 0, 0)
    assert compare(frames([box(0)]), frames([box(0, label="bus")]), BOX).overlap == 0


def test_the_overlap_is_the_mean_of_the_frames() -> None:
    # A box that is a quarter of its width aside shares 7.5 of 12.5 columns.
    agreed = compare(frames([box(0)], [box(0)]), frames([box(0)], [box(2.5)]), BOX)
    assert agreed.overlap == pytest.approx((1 + 0.6) / 2)


def test_an_object_that_goes_over_to_another_is_a_switch() -> None:
    truth = frames([box(0, "a"), box(40, "b")], [box(0, "a"), box(40, "b")], [box(0, "a"), box(40, "b")])
    swapped = frames([box(0, "x"), box(40, "y")], [box(0, "y"), box(40, "x")], [box(0, "y"), box(40, "x")])
    assert compare(truth, swapped, BOX).id_switches == 2
    assert compare(truth, frames([box(0, "x")], [], [box(0, "x")]), BOX).id_switches == 0


@pytest.mark.parametrize("tool", ["Polygon", "Polyline", "Keypoint"])
def test_other_shapes_are_compared_as_pictures_are(tool: str) -> None:
    def shape(aside: float) -> Shape:
        corners: dict[str, Any] = {"vertices": [{"x": x + aside, "y": y} for x, y in ((0, 0), (90, 0), (90, 90))]}
        return Shape("van", {"x": aside, "y": 0} if tool == "Keypoint" else corners, "", "", {})

    def overlap(aside: float) -> float:
        return compare(frames([shape(0)]), frames([shape(aside)]), TOOLS[tool]).overlap

    assert overlap(0) == pytest.approx(1, abs=0.02)
    assert 0.5 < overlap(5) < 1
    assert overlap(400) == 0


@pytest.mark.parametrize("tool", ["BoundingBox", "Polygon", "Polyline", "Keypoint"])
def test_comparing_crowds_is_not_endless(tool: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of frames with hundreds of shapes over each other, some are compared, and of their pairs those most alike."""
    asked = 0

    def likeness(first: Shape, other: Shape, tool: Any, size: Any) -> float:
        nonlocal asked
        asked += 1
        return float(first == other)

    monkeypatch.setattr(sequence_agreement, "likeness", likeness)
    monkeypatch.setattr(sequence_agreement, "MAX_EFFORT", 3_000)

    def shape(place: int) -> Shape:
        corners: dict[str, Any] = {"vertices": [{"x": x + place, "y": y} for x, y in ((0, 0), (900, 0), (900, 900))]}
        given = {"left": place, "top": 0, "width": 900, "height": 900} if tool == "BoundingBox" else corners
        return Shape("van", {"x": 0, "y": place / 10} if tool == "Keypoint" else given, str(place), "", {})

    crowd = frames(*[[shape(place) for place in range(100)]] * 200)
    agreed = compare(crowd, crowd, TOOLS[tool])
    assert 1 <= agreed.frames < 200
    assert asked <= agreed.frames * 2 * NEAREST * 100
    assert (agreed.overlap, agreed.matched, agreed.id_switches) == (1.0, 100 * agreed.frames, 0)


def test_the_frames_that_are_compared_are_spread_over_the_sequence(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    monkeypatch.setattr(
        sequence_agreement, "likeness", lambda shape, other, *_: seen.append(shape.geometry["left"]) or 1.0
    )
    monkeypatch.setattr(sequence_agreement, "MAX_EFFORT", 0.4)
    labels = frames(*([box(place)] for place in range(64)))
    agreed = compare(labels, labels, BOX)
    assert 4 <= agreed.frames <= 16
    assert {int(left) // 16 for left in seen} == {0, 1, 2, 3}


def test_labels_of_sequences_are_compared_by_their_files(tmp_path: Path) -> None:
    def judged(left: float, kind: str = "video-object-tracking") -> Any:
        shape = {"left": left, "top": 0, "width": 10, "height": 10, "class-id": "0", "object-id": "a"}
        document = {"tracking-annotations": [{"frame-no": "0", "frame": "0.jpg", "annotations": [shape]}]}
        path = tmp_path / f"{left}.json"
        path.write_text(json.dumps(document))
        metadata = {"type": f"groundtruth/{kind}", "class-map": {"0": "van"}}
        label = read_label({"source-ref": "s3://a/b", "x-ref": str(path), "x-ref-metadata": metadata}, "x-ref")
        assert label is not None
        return judgement_of_label(label, Files())

    assert judged(0).distance(judged(2.5)) == pytest.approx(0.4)
    assert judged(0).distance(judged(0)) == 0
    assert judged(0) == judged(0)
    assert hash(judged(0)) == hash(judged(0))
    with pytest.raises(LabelingError, match="detection-annotations is missing"):
        judged(0, "video-object-detection")

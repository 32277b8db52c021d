"""What an adjustment has changed: how much, and by whom."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeling_provider.manifest import Files, read_label
from labeling_provider.quality import AnsweredJob, Measure
from labeling_provider.quality.adjustments import change_in_answer
from tests.memory import MemoryStore
from tests.quality.adjusted import box_answer, boxes, mask, mask_answer, picture
from tests.quality.labeled import answered, put

LEFT, RIGHT = ("heron", 0.0, 0.0, 10.0, 10.0), ("heron", 5.0, 0.0, 10.0, 10.0)
FAR = ("stork", 50.0, 50.0, 10.0, 10.0)
ADJUSTED, UNADJUSTED = {"adjustment-status": "adjusted"}, {"adjustment-status": "unadjusted"}
BACKGROUND = {0: "BACKGROUND"}
SIZE = (10, 14)


def pair(before: Any, after: Any, source: str, **about: Any) -> dict[str, Any]:
    return {"source-ref": f"s3://marsh/{source}", **boxes("old", *before), **boxes("new", *after, **about)}


def measured(bucket: MemoryStore, lines: list[dict[str, Any]], *files: Any, golden: Any = None) -> Any:
    measure = Measure(Files(bucket), "new", audited_attribute="old", samples=2)
    if golden is not None:
        measure.add_golden(put(bucket, "golden", golden), "new")
    manifest = put(bucket, "m", lines)
    measure.labels(manifest)
    measure.answers([AnsweredJob(manifest, files, len(files))])
    return measure.quality


def test_boxes_are_compared_with_those_before(bucket: MemoryStore) -> None:
    lines = [
        pair([LEFT], [RIGHT], "0", **ADJUSTED),
        pair([LEFT], [LEFT], "1", **UNADJUSTED),
        pair([LEFT, FAR], [LEFT], "2", **ADJUSTED),
        pair([LEFT], [FAR], "3"),
        {"source-ref": "s3://marsh/4", **boxes("old", LEFT)},
        {"source-ref": "s3://marsh/5", **boxes("new", LEFT, **ADJUSTED)},
    ]
    files = [
        answered(bucket, 0, box_answer("w1", RIGHT, initialValueModified=True), box_answer("w2", LEFT)),
        answered(bucket, 1, box_answer("w2", LEFT, initialValueModified=False)),
        answered(bucket, 2, box_answer("w1", LEFT), box_answer("w2", initialValueModified=True)),
    ]
    quality = measured(bucket, lines, *files, golden=[{"source-ref": "s3://marsh/0", **boxes("new", RIGHT)}])
    changes = quality.adjustments
    assert (changes.adjusted, changes.unadjusted, changes.compared) == (3, 1, 3)
    # A third, a half (one box of two), and nothing.
    assert changes.mean_overlap == pytest.approx((1 / 3 + 1 / 2 + 0) / 3)
    assert [(change.line["source-ref"], change.overlap) for change in changes.changes] == [
        ("s3://marsh/3", 0),
        ("s3://marsh/0", pytest.approx(1 / 3)),
    ]
    assert changes.workers == {0: ["w1"], 2: ["w1", "w2"]}
    first, second = sorted(quality.workers)
    assert (first.adjusted, first.adjustment_iou) == (2, pytest.approx((1 / 3 + 1 / 2) / 2))
    assert (second.adjusted, second.adjustment_iou) == (1, 0)
    assert (changes.golden_accuracy, quality.golden_accuracy) == (pytest.approx(1 / 3), 1)


def test_masks_are_compared_by_class(bucket: MemoryStore) -> None:
    # What lies below is background in all of them.
    before = picture((1, 0, 0, 4, 10), (2, 4, 0, 10, 10), size=SIZE)
    after = picture((7, 0, 0, 8, 10), (2, 8, 0, 10, 10), size=SIZE)
    names = {1: "water", 2: "reed"}
    lines = [
        {
            "source-ref": "s3://marsh/0",
            **mask(bucket, "old", before, {**BACKGROUND, **names}),
            # The number of a class is that of its job.
            **mask(bucket, "new", after, {**BACKGROUND, 7: "water", 2: "reed"}, **ADJUSTED),
        },
        {
            "source-ref": "s3://marsh/1",
            **mask(bucket, "old", before, {**BACKGROUND, **names}),
            **mask(bucket, "new", before, {**BACKGROUND, **names}, **UNADJUSTED),
        },
        {
            "source-ref": "s3://marsh/2",
            **mask(bucket, "old", b"no picture", names),
            **mask(bucket, "new", before, names, **ADJUSTED),
        },
        {
            "source-ref": "s3://marsh/3",
            **mask(bucket, "old", picture(size=(5, 5)), BACKGROUND),
            **mask(bucket, "new", picture((1, 0, 0, 2, 2)), {**BACKGROUND, 1: "water"}, **ADJUSTED),
        },
    ]
    drawn = picture(("#0000ff", 0, 0, 4, 10), ("#00ff00", 4, 0, 7, 10), mode="RGB", size=SIZE)
    colors = {"water": "#0000ff", "reed": "#00ff00"}
    files = [
        answered(bucket, 0, mask_answer("w1", drawn, colors)),
        answered(bucket, 1, mask_answer("w2", drawn, {"water": "#0000ff", "reed": "red"})),
    ]
    quality = measured(bucket, lines, *files)
    changes = quality.adjustments
    assert (changes.adjusted, changes.unadjusted, changes.compared) == (3, 1, 2)
    assert changes.mean_overlap == pytest.approx(((4 / 8 + 2 / 6) / 2 + 0) / 2)
    first, second = sorted(quality.workers)
    assert (first.adjusted, first.adjustment_iou) == (1, pytest.approx((1 + 1 / 2) / 2))
    assert (second.adjusted, second.adjustment_iou) == (0, None)
    assert "line 3: s3://marsh/old-" in quality.problems[0]


def test_without_labels_before_nothing_is_compared(bucket: MemoryStore) -> None:
    measure = Measure(Files(bucket), "new")
    measure.labels(put(bucket, "m", [pair([LEFT], [RIGHT], "0", **ADJUSTED)]))
    assert measure.quality.adjustments is None


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.sampled_from(["#1f77b4", "iVBORw0KGgo="]),
    lambda inside: (
        st.lists(inside, max_size=3)
        | st.dictionaries(
            st.sampled_from(["labeledImage", "labelMappings", "pngImageData", "initialValueModified", "color", "a"]),
            inside,
        )
    ),
    max_leaves=8,
)


@given(ANYTHING)
def test_any_answer_has_changed_something_or_not_or_nobody_knows(content: Any) -> None:
    bucket = MemoryStore()
    label = read_label(mask(bucket, "old", picture(), BACKGROUND), "old")
    assert label is not None
    for given_content in (content, {"form": content}):
        change = change_in_answer(Files(bucket), label, given_content)
        assert change.is_changed in (True, False, None)
        assert change.overlap is None or 0 <= change.overlap <= 1

"""The labels that an adjustment or a verification shows: found, and told if they can't be shown."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeling_provider.groundtruth.task_types import TASK_TYPES
from labeling_provider.manifest import AuditedLabels, LabelError, audited_attribute, audited_label
from labeling_provider.request.templates import worker_template

ADJUST, VERIFY = TASK_TYPES["adjustment-bounding-box"], TASK_TYPES["verification-bounding-box"]
MASKS = TASK_TYPES["adjustment-semantic-segmentation"]
BOX = {"class_id": 1, "left": 1, "top": 2, "width": 3, "height": 4}
BOXES = {
    "boxes": {"image_size": [{"width": 9, "height": 9}], "annotations": [BOX]},
    "boxes-metadata": {"type": "groundtruth/object-detection", "class-map": {"1": "heron"}},
}
LINE = {"source-ref": "s3://marsh/1.jpg", **BOXES}
COLOR = {"class-name": "water", "hex-color": "#2ca02c"}


def mask(color: dict[str, Any]) -> dict[str, Any]:
    color_map = {"0": {"class-name": "BACKGROUND"}, "1": color}
    metadata = {"type": "groundtruth/semantic-segmentation", "internal-color-map": color_map}
    return {"source-ref": "s3://marsh/1.jpg", "water-ref": "s3://marsh/1.png", "water-ref-metadata": metadata}


def test_the_label_is_the_last_of_its_type_or_the_one_that_is_named() -> None:
    later = {"better": BOXES["boxes"], "better-metadata": BOXES["boxes-metadata"]}
    failed = {"worse-metadata": {**BOXES["boxes-metadata"], "failure-reason": "No worker."}}
    audited = audited_label({**LINE, **later, **failed, **mask(COLOR)}, ADJUST)
    assert audited is not None
    assert audited.attribute == "better"
    named = audited_label({**LINE, **later}, VERIFY, "boxes")
    assert named is not None
    assert named.attribute == "boxes"
    assert audited_label(LINE, MASKS) is audited_label(LINE, ADJUST, "better") is None


GUIDE = "{{ task.input.manifestLine.old-boxes.annotations }} {{task.input.manifestLine.old-boxes-metadata.class-map}}"
QUOTED = "{{ task.input.manifestLine['a b'] }}{{ task.input.manifestLine[ \"a b-metadata\" ].type }}"


@pytest.mark.parametrize(
    ("template", "named", "expected"),
    [
        (None, None, None),
        (None, "boxes", "boxes"),
        ("<crowd-form>", "boxes", "boxes"),
        ("<crowd-form>", 3, None),
        (worker_template(ADJUST, "", "", "boxes"), None, "boxes"),
        (worker_template(VERIFY, "", "", "old-boxes"), "boxes", "old-boxes"),
        (worker_template(MASKS, "", "", "water-ref"), None, "water-ref"),
        (worker_template(ADJUST, "", ""), "boxes", None),
        (GUIDE, "boxes", "old-boxes"),
        (GUIDE + "{{ task.input.manifestLine.note }}", None, "old-boxes"),
        (QUOTED, None, "a b"),
        (GUIDE + QUOTED, "boxes", "boxes"),
    ],
)
def test_people_see_what_the_template_shows(template: str | None, named: Any, expected: str | None) -> None:
    assert audited_attribute(template, {"labels": [], "auditLabelAttributeName": named}) == expected
    if named is None:
        assert audited_attribute(template, None) == expected


@pytest.mark.parametrize(
    ("line", "task_type", "attribute", "words"),
    [
        (
            LINE,
            MASKS,
            "boxes",
            "boxes: its type is 'groundtruth/object-detection', but adjustment-semantic-segmentation",
        ),
        ({**LINE, "boxes-metadata": None}, ADJUST, "boxes", "boxes: its type is 'None'"),
        ({**LINE, "boxes": {}}, ADJUST, None, "boxes: "),
        (LINE, ADJUST, None, "boxes: its class 'heron' is not one of the job's labels"),
        (mask({"class-name": "water"}), MASKS, None, "the class 'water' has no hex-color"),
        (mask(COLOR), MASKS, None, "water-ref: its class 'water' is not one of the job's labels"),
    ],
)
def test_a_label_that_can_not_be_shown_is_told(line: Any, task_type: Any, attribute: str | None, words: str) -> None:
    with pytest.raises(LabelError) as caught:
        audited_label(line, task_type, attribute, ["stork"])
    assert words in str(caught.value)


def test_verdicts_are_no_classes() -> None:
    assert audited_label(LINE, VERIFY, None, ["good", "bad"]) is not None


def test_lines_are_counted_while_they_pass_through() -> None:
    lines = [
        LINE,
        {"source-ref": "s3://marsh/2.jpg"},
        {**LINE, "boxes-metadata": {**BOXES["boxes-metadata"], "class-map": {"1": "<b>"}}},
        {**LINE, "boxes": {}, "adjusted": {}},
        mask(COLOR),
    ]
    raw = [json.dumps(line).encode() + b"\n" for line in lines] + [b"no JSON\n"]
    audited = AuditedLabels(ADJUST, "adjusted", None, ["heron"])
    assert list(audited.through(raw)) == raw
    assert (audited.labeled, audited.missing, audited.wrong) == (1, 2, 1)
    (problem,) = audited.problems
    assert str(problem) == "line 3: boxes: its class '<b>' is not one of the job's labels"
    named = AuditedLabels(ADJUST, "adjusted", "boxen")
    list(named.through(raw))
    assert (named.labeled, named.missing, list(named.others)) == (0, 4, ["boxes"])
    many = AuditedLabels(ADJUST, classes=[])
    list(many.through(raw[:1] * 100))
    assert (many.wrong, len(many.problems)) == (100, 10)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4) | st.just("groundtruth/object-detection"),
    lambda inside: (
        st.lists(inside, max_size=3)
        | st.dictionaries(
            st.sampled_from(["type", "annotations", "image_size", "class-map", "class_id"]), inside, max_size=4
        )
    ),
)


@given(st.dictionaries(st.sampled_from(["source-ref", "boxes", "boxes-metadata", "b-metadata"]), JSON))
def test_any_line_has_a_label_or_none_or_is_told(line: dict[str, Any]) -> None:
    for attribute in (None, "boxes"):
        try:
            audited = audited_label(line, ADJUST, attribute, ["heron"])
        except LabelError:
            continue
        assert audited is None or set(audited.classes) <= {"heron"}

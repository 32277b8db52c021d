"""Sequence files and SeqLabel.json: what is read, and what is wrong where."""

from __future__ import annotations

import contextlib
import json
import pickle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeling_provider.manifest.sequences import (
    SequenceError,
    read_sequence,
    read_sequence_label,
    sequence_document,
    sequence_label,
)

URI = "s3://yard/cam4/seq.json"
FRAMES = [{"frame-no": 0, "frame": "000.jpg"}, {"frame-no": 1, "frame": "sub/001.PNG", "unix-timestamp": 3.5}]
GOOD = {"seq-no": 4, "prefix": "s3://yard/cam4/", "number-of-frames": 2, "frames": FRAMES}


def test_a_sequence_has_its_frames_in_the_order_of_their_names() -> None:
    document = sequence_document(4, "s3://yard/cam4/", ["f2.jpg", "f10.jpg", "é.jpg", "z.jpg"])
    sequence = read_sequence(json.dumps(document), URI)
    assert [(frame.number, frame.name) for frame in sequence.frames] == [
        (1, "f10.jpg"),
        (0, "f2.jpg"),
        (3, "z.jpg"),
        (2, "é.jpg"),
    ]
    assert sequence.uri(sequence.frames[0]) == "s3://yard/cam4/f10.jpg"
    assert read_sequence(json.dumps(GOOD).encode(), URI).frames[1].timestamp == 3.5


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"seq-no": "4"}, "seq-no is '4'; write a whole number"),
        ({"prefix": "s3://yard/cam4"}, "prefix is 's3://yard/cam4'; write an S3 folder"),
        ({"prefix": "s3://yard/"}, "write an S3 folder"),
        ({"prefix": "s3://yard/\ud800/"}, "write an S3 folder"),
        ({"prefix": "https://yard/cam4/"}, "write an S3 folder"),
        ({"prefix": "s3://yard/cam4/../secret/"}, "write a folder without dots"),
        ({"number-of-frames": 3}, "number-of-frames is 3, but frames has 2"),
        ({"frames": {}}, "frames is an object; write a list"),
        ({"frames": []}, "frames has 0 frames; 1 to 2,000 are allowed"),
        ({"frames": [*FRAMES, 7]}, r"frames\[2\] is a number; write an object"),
        ({"frames": [FRAMES[0], {"frame": "a.jpg"}]}, r"frames\[1\].frame-no is missing"),
        ({"frames": [FRAMES[0], {**FRAMES[1], "frame-no": 0}]}, r"frames\[1\].frame-no is 0, as in frames\[0\]"),
        ({"frames": [FRAMES[0], {**FRAMES[1], "frame": "000.jpg"}]}, "is '000.jpg', as in"),
        ({"frames": [FRAMES[0], {**FRAMES[1], "frame": "1.gif"}]}, "is '1.gif'; it must end with .jpg"),
        ({"frames": [FRAMES[0], {**FRAMES[1], "frame": "../1.jpg"}]}, "without empty parts and dots"),
        ({"frames": [FRAMES[0], {**FRAMES[1], "unix-timestamp": "now"}]}, r"frames\[1\].unix-timestamp is 'now'"),
        ({"frames": [FRAMES[0], {**FRAMES[1], "unix-timestamp": 10**400}]}, r"unix-timestamp is a number; write"),
    ],
)
def test_what_is_wrong_is_told_with_its_key(change: dict[str, Any], words: str) -> None:
    with pytest.raises(SequenceError, match=words) as caught:
        read_sequence(json.dumps({**GOOD, **change}), URI)
    assert str(caught.value).startswith(f"{URI}: ")
    assert pickle.loads(pickle.dumps(caught.value)).problems == caught.value.problems


def test_broken_json_is_told_with_its_line() -> None:
    with pytest.raises(SequenceError, match=rf"{URI}: line 3: it is not JSON"):
        read_sequence(b'{"seq-no": 4,\n "prefix": "s3://a/b/",\n "frames": [}', URI)
    for body in (b"[]", b"\xff", b'{"seq-no": NaN}', b"[" * 100_000, b" " * 5_000_000):
        with pytest.raises(SequenceError):
            read_sequence(body, URI)


def test_a_hostile_file_has_few_problems_and_short_ones() -> None:
    with pytest.raises(SequenceError) as caught:
        read_sequence(json.dumps({"prefix": "x" * 100_000, "frames": [{"frame": "y" * 900}] * 3_000}), URI)
    assert len(caught.value.problems) == 10
    assert len(str(caught.value)) < 2_000


ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["0", "1", "a.jpg"]),
    lambda inside: (
        st.lists(inside, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "frames",
                    "frame",
                    "frame-no",
                    "prefix",
                    "tracking-annotations",
                    "annotations",
                    "class-id",
                    "left",
                    "top",
                ]
            ),
            inside,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(ANYTHING)
def test_whatever_a_file_holds_is_read_or_told(value: Any) -> None:
    for read in (
        lambda: read_sequence(json.dumps(value), URI),
        lambda: sequence_label(value, URI, "trackingAnnotations", ["van"]),
        lambda: sequence_label({"detection-annotations": value}, URI, "detectionAnnotations", ["van"]),
    ):
        with contextlib.suppress(SequenceError):
            read()


BOX = {"class-id": "0", "left": 40, "top": 12, "width": 90, "height": 44, "object-id": "id", "object-name": "van:1"}


def frame(*boxes: Any, **more: Any) -> dict[str, Any]:
    return {"tracking-annotations": [{"frame-no": "0", "frame": "000.jpg", "annotations": list(boxes), **more}]}


def test_amazons_label_is_read() -> None:
    """Source: developer guide, "Video Frame Object Tracking Output"."""
    attributes = {"label-category-attributes": {"occluded": "no"}}
    body = json.dumps(frame({**BOX, **attributes}, **{"frame-attributes": {"weather": "wet"}}))
    labeled = read_sequence_label(body, URI, "trackingAnnotations", ["van"])
    ((shape,),) = [frame.shapes for frame in labeled.frames]
    assert shape == ("van", {"left": 40, "top": 12, "width": 90, "height": 44}, "id", "van:1", {"occluded": "no"})
    assert (labeled.frames[0].number, labeled.frames[0].attributes) == (0, {"weather": "wet"})
    assert labeled.tool is not None
    assert labeled.tool.name == "BoundingBox"


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ({}, "tracking-annotations is missing"),
        (
            frame({**BOX, "class-id": "7"}),
            r"tracking-annotations\[0\].annotations\[0\].class-id is '7', which is not a class",
        ),
        (frame({**BOX, "width": -1}), "width is -1; a box has"),
        (frame({**BOX, "object-id": 3}), "object-id is 3; write a string"),
        (frame(BOX, polygons=[{"class-id": 0, "vertices": []}]), "drawn with one tool"),
        (frame(**{"frame-no": "x"}), "frame-no is 'x'"),
        (frame(**{"frame-attributes": {"a": []}}), "frame-attributes is not an object of strings and numbers"),
    ],
)
def test_what_is_wrong_in_a_label_is_told_with_its_key(document: Any, words: str) -> None:
    with pytest.raises(SequenceError, match=words):
        sequence_label(document, URI, "trackingAnnotations", ["van"])

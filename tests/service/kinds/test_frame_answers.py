"""An answer about frames is read, or it is told where it is wrong."""

from __future__ import annotations

from typing import Any

import pytest

from labeling_provider.service.kinds.kind import AnswerError
from tests.service.kinds.some_frames import LINE, TRACKING, frame, tracked
from tests.service.kinds.some_jobs import make_kind
from tests.service.kinds.some_sequences import ATTRIBUTES, WEATHER

COW = tracked("cow", 1, 3, parked="no")


@pytest.mark.parametrize(
    ("frames", "words"),
    [
        (3, "frames is missing or not a list"),
        ([{**frame(0), "frameNumber": 9}], r"frames\[0\].frameNumber is not the number of a frame"),
        ([frame(0), frame(0)], "frameNumber is 0, which another frame has"),
        ([{**frame(0), "frame": "else.jpg"}], r"frames\[0\].frame is not the name of frame 0"),
        ([frame(0, {**COW, "label": "gnu"})], r"boundingBoxes\[0\].label is 'gnu'"),
        ([frame(0, {**COW, "width": 0})], r"boundingBoxes\[0\].width is 0; a box has"),
        ([frame(0, {**COW, "left": "3"})], r"boundingBoxes\[0\].left is '3'; write a number of pixels"),
        ([frame(0, COW, COW)], "frame 0: an object is in it twice"),
        ([frame(0, COW), frame(1, {**COW, "objectName": "cow:2"})], "one objectId and one objectName"),
        ([frame(0, COW, {**COW, "objectId": "other"})], "one objectId and one objectName"),
        ([frame(0, {**COW, "objectName": "bee:1"})], "objectName is not the label and a number, such as 'cow:1'"),
        ([frame(0, tracked("cow", 1, 3))], "frame 0: cow:1: the attribute parked is required"),
        ([frame(0, tracked("cow", 1, 3, parked="maybe"))], "parked is 'maybe', which is not one of its choices"),
        ([frame(0, tracked("cow", 1, 3, parked="no", size="l"))], "has 'size', which is not one of its attributes"),
        ([frame(0, weather="dry"), frame(2, COW)], "frame 1: the attribute weather is required"),
        ([frame(0, weather=7)], "frameAttributes.weather is not a string"),
    ],
)
def test_a_wrong_answer_is_told_where_it_is_wrong(frames: Any, words: str) -> None:
    required = [{**WEATHER[0], "isRequired": "required" in words and "weather" in words}]
    kind = make_kind(TRACKING, categoryGlobalAttributes=ATTRIBUTES, frameAttributes=required)
    with pytest.raises(AnswerError, match=words):
        kind.check_answer({kind.key: {"frames": frames}}, LINE)

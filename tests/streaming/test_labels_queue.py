"""What messages of an output topic, and notifications of a bucket, say."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeling_provider.streaming.labels_queue import _attribute, _counts, label_line
from labeling_provider.streaming.sources import created_objects

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(
    st.text()
    | JSON.map(json.dumps)
    | JSON.map(lambda message: json.dumps({"Type": "Notification", "Message": message}))
)
def test_no_message_makes_it_stumble(body: str) -> None:
    line = label_line(body)
    assert line is None or "-metadata" in line
    objects = created_objects(body)
    assert objects is None or isinstance(objects, list)


@pytest.mark.parametrize("body", ["[" * 100_000, '{"Type": "Notification", "Message": "%s"}' % ("[" * 100_000)])
def test_nor_does_a_deep_one(body: str) -> None:
    assert label_line(body) is None
    assert created_objects(body) is None


def test_the_label_is_the_one_that_came_last() -> None:
    line = {"source": "a\nb", "first": 1, "first-metadata": {"creation-date": "2024"}, "other-metadata": {}}
    assert json.loads(label_line(json.dumps(line)) or "") == line
    assert label_line(json.dumps({"source": "a", "label-metadata": {"failure-reason": "declined"}})) is None


def test_the_newest_label_is_found_however_its_date_is_written() -> None:
    line = {
        "source": "a",
        "first": 1,
        "first-metadata": {"creation-date": "2024-05-03T09:14:31.9"},
        "second": 1,
        "second-metadata": {"creation-date": "2024-05-03T09:14:31Z"},
    }
    assert _attribute(line) == "first"


def test_classes_of_boxes_are_counted_too() -> None:
    boxes = {"image_size": [{"width": 9, "height": 9}], "annotations": []}
    box = {"class_id": 1, "left": 1, "top": 1, "width": 2, "height": 2}
    about = {"type": "groundtruth/object-detection", "class-map": {"0": "heron", "1": "stork"}, "job-name": "a/birds"}
    lines = [{"y": {**boxes, "annotations": [box, box]}, "y-metadata": about}, {"y": boxes, "y-metadata": about}]
    lines.append({"y": "crooked", "y-metadata": about})
    assert _counts(lines) == {"label_attribute_name": "y", "job_name": "birds", "classes": {"stork": 1}}

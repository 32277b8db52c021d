"""Judgements as answers and labels have them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeling_provider.manifest import Label, read_label
from labeling_provider.quality import Judgement, judgement_of_answer, judgement_of_label, reading
from tests.quality.said import chose, drew, marked


@pytest.mark.parametrize(
    "content",
    [
        None,
        "text",
        [],
        {},
        {"element": {"labeledImage": {"pngImageData": ""}}},
        {"element": {"label": 1}},
        {"element": {"labels": "a"}},
        {"element": {"boundingBoxes": [{"label": "a", "left": "0"}]}},
        {"element": {"boundingBoxes": [{"\ud800": 1}]}},
        {"element": {"entities": [{"label": "a", "startOffset": 0.5, "endOffset": 2}]}},
        {"element": {"entities": [{"label": "a", "startOffset": 0, "endOffset": 2}] * 301}},
        [{"element": {"label": "a"}}, {"element": {"label": "b"}}],
    ],
)
def test_what_can_not_be_compared_is_no_judgement(content: Any) -> None:
    assert judgement_of_answer(content) is None


def test_an_answer_may_lie_in_a_list_of_one() -> None:
    assert judgement_of_answer([{"element": {"label": "a"}}]) == chose("a")


def test_labels_and_answers_are_of_one_kind() -> None:
    def of(value: Any, kind: str, **metadata: Any) -> Judgement | None:
        beside = {"type": f"groundtruth/{kind}", **metadata}
        label = read_label({"source": "a", "x": value, "x-metadata": beside}, "x")
        assert label is not None
        return judgement_of_label(label)

    assert of(0, "text-classification", **{"class-name": "a"}) == chose("a")
    assert of([0, 1], "text-classification-multilabel", **{"class-map": {"0": "a", "1": "b"}}) == chose("a", "b")
    boxes = {
        "image_size": [{"width": 9, "height": 9}],
        "annotations": [{"class_id": 0, "left": 1, "top": 2, "width": 3, "height": 4}],
    }
    assert of(boxes, "object-detection", **{"class-map": {"0": "a"}}) == drew(("a", 1, 2, 3, 4))
    entities = {"annotations": {"entities": [{"label": "a", "startOffset": 0, "endOffset": 2}]}}
    assert of(entities, "text-span") == marked(("a", 0, 2))
    assert of("s3://b/mask.png", "semantic-segmentation", **{"internal-color-map": {}}) is None


def test_each_class_of_labels_has_a_reader() -> None:
    def classes(base: type[Label]) -> list[type[Label]]:
        return [base, *(label_class for below in base.__subclasses__() for label_class in classes(below))]

    typed, reader = [label_class for label_class in classes(Label) if label_class.types], reading._reader_of
    assert len(typed) > 10
    assert [label_class for label_class in typed if reader(label_class) is reader(Label)] == []


@given(
    st.recursive(
        st.none() | st.text(max_size=3) | st.integers(),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["a", "label", "labels", "boundingBoxes", "entities", "left"]), inner, max_size=3
            )
        ),
    )
)
def test_any_json_is_a_judgement_or_none(content: Any) -> None:
    judgement = judgement_of_answer(content)
    assert judgement is None or judgement.distance(judgement) in (0, 1)

"""The category file of sequences: what is offered, and what is wrong where."""

from __future__ import annotations

from typing import Any

import pytest

from labeling_provider.groundtruth.frame_tools import CUBOID
from labeling_provider.groundtruth.task_types import TASK_TYPES
from labeling_provider.request.rules import category_problems
from labeling_provider.request.sequence_categories import SequenceCategories

# As the reference of the category file shows it.
GOOD: dict[str, Any] = {
    "documentVersion": "2020-03-01",
    "annotationType": "Polyline",
    "labels": [
        {"label": "kerb", "categoryAttributes": [{"name": "worn", "type": "string", "enum": ["yes", "no"]}]},
        {"label": "lane", "editsAllowed": "none"},
    ],
    "categoryGlobalAttributes": [{"name": "visible", "type": "number", "minimum": 0, "maximum": 100}],
    "frameAttributes": [
        {"name": "weather", "description": "As seen", "type": "string", "enum": ["dry", "wet"], "isRequired": True}
    ],
}
VIDEO = TASK_TYPES["video-object-tracking"]


def test_labels_have_their_own_attributes_and_those_of_all() -> None:
    assert category_problems(GOOD, VIDEO) == []
    categories = SequenceCategories(GOOD)
    assert categories.tool.name == "Polyline"
    assert list(categories.label_attributes["kerb"]) == ["visible", "worn"]
    assert list(categories.label_attributes["lane"]) == ["visible"]
    assert categories.frame_attributes["weather"].is_required
    assert categories.locked == {"lane"}
    assert SequenceCategories({"labels": [{"label": "a"}]}).tool.name == "BoundingBox"


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("visible", 101, "is 101, which is not from 0 to 100"),
        ("visible", True, "is not a number"),
        ("visible", 100, ""),
        ("worn", "maybe", "is 'maybe', which is not one of its choices"),
        ("worn", 3, "is not a string"),
        ("worn", "no", ""),
    ],
)
def test_values_are_checked(name: str, value: Any, words: str) -> None:
    assert SequenceCategories(GOOD).label_attributes["kerb"][name].problem(value, 80) == words


def test_point_clouds_have_cuboids_and_may_call_attributes_as_amazons_samples_do() -> None:
    categories = SequenceCategories({"labels": [{"label": "a", "attributes": [text("worn")]}]}, has_point_clouds=True)
    assert categories.tool == CUBOID
    assert list(categories.label_attributes["a"]) == ["worn"]
    wrong = {"labels": [{"label": "a", "attributes": [text("worn", type="date")]}]}
    (problem,) = category_problems(wrong, TASK_TYPES["3d-point-cloud-object-tracking"])
    assert "labels[0].attributes[0].type is 'date'." in str(problem)


def text(name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "type": "string", "description": "", **more}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"annotationType": "Circle"}, "annotationType is 'Circle'."),
        ({"annotationType": ["BoundingBox"]}, """annotationType is "['BoundingBox']"."""),
        ({"categoryGlobalAttributes": {}}, "categoryGlobalAttributes is not a list."),
        ({"categoryGlobalAttributes": [3]}, "categoryGlobalAttributes[0] is not an object."),
        ({"categoryGlobalAttributes": [text("worn")]}, "labels[0].categoryAttributes[0].name is 'worn', which another"),
        ({"frameAttributes": [text("a"), text("a")]}, "frameAttributes[1].name is 'a', which another"),
        ({"frameAttributes": [text("x" * 17)]}, "frameAttributes[0].name is not allowed."),
        ({"frameAttributes": [{"name": "a", "type": "string"}]}, "frameAttributes[0].description is missing."),
        ({"frameAttributes": [text("a", description="x" * 129)]}, "frameAttributes[0].description is too long."),
        ({"frameAttributes": [text("a", type="date")]}, "frameAttributes[0].type is 'date'."),
        ({"frameAttributes": [text("a", enum=[])]}, "frameAttributes[0].enum is not a list of choices."),
        ({"frameAttributes": [text("a", enum=["b", "b"])]}, "frameAttributes[0].enum is not a list of choices."),
        ({"frameAttributes": [text("a", enum=["b"], type="number")]}, "frameAttributes[0].enum belongs to"),
        (
            {"frameAttributes": [text("a", type="number", minimum=3, maximum=1)]},
            "frameAttributes[0].minimum is larger than its maximum.",
        ),
        ({"frameAttributes": [text("a", type="number", minimum="3")]}, "minimum and maximum must be numbers."),
        ({"frameAttributes": [text("a", isRequired="yes")]}, "frameAttributes[0].isRequired is neither"),
        ({"frameAttributes": [text("a", editsAllowed="some")]}, "frameAttributes[0].editsAllowed is 'some'."),
        ({"labels": [{"label": "a", "editsAllowed": True}]}, "labels[0].editsAllowed is 'True'."),
        ({"frameAttributes": [text(f"a{number}") for number in range(6)]}, "6 attributes with free text; at most 5"),
        ({"frameAttributes": [text(f"a{number}", enum=["b"]) for number in range(11)]}, "11 attributes; at most 10"),
    ],
)
def test_what_is_wrong_is_told_with_its_key(change: dict[str, Any], words: str) -> None:
    problems = category_problems({**GOOD, **change}, VIDEO)
    assert [problem for problem in problems if words in problem.message], problems
    assert {problem.field for problem in problems} == {"LabelCategoryConfigS3Uri"}

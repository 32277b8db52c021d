"""Polygons, polylines, lines and keypoints."""

from __future__ import annotations

import json
from itertools import permutations
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeling_provider.service.kinds.drawings import paths as module
from labeling_provider.service.kinds.drawings.paths import PATHS
from labeling_provider.service.kinds.kind import AnswerError
from tests.service.kinds.drawings.answers import LABELS, SIZE, SQUARE, drawn

POINTS = {"polygons": SQUARE, "polylines": SQUARE, "lines": SQUARE[:2], "keypoints": SQUARE[:1]}


def consolidated(name: str, *answers: Any) -> list[tuple[str, list[list[float]], float]]:
    """The label, points and confidence of each common shape."""
    drawings = PATHS[name].consolidate([PATHS[name].read(answer, LABELS) for answer in answers])
    names = list(LABELS)
    return [
        (names[drawing.shape.label], drawing.shape.points.round(1).tolist(), round(drawing.confidence, 2))
        for drawing in drawings
    ]


def moved(points: list[tuple[float, float]], x: float, y: float) -> list[tuple[float, float]]:
    return [(across + x, other + y) for across, other in points]


@pytest.mark.parametrize("name", PATHS)
def test_what_most_drew_is_in_the_middle_of_it(name: str) -> None:
    points = POINTS[name]
    answers = [drawn(name, ("heron", moved(points, *off))) for off in ((-1, 0), (0, 0), (2, 0))]
    answers[0]["drawing"][name] += drawn(name, ("heron", moved(points, 120, 40)))["drawing"][name]
    for order in permutations(answers):
        ((label, path, confidence),) = consolidated(name, *order)
        assert label == "heron"
        assert np.abs(np.sort(path, axis=0) - np.sort(points, axis=0)).max() < 0.6
        assert 0.6 < confidence < 1


@pytest.mark.parametrize("name", PATHS)
def test_one_workers_drawing_is_kept_point_for_point(name: str) -> None:
    shapes = [("stork", moved(POINTS[name], 0.25, 1)), ("heron", POINTS[name])]
    drawings = PATHS[name].consolidate([PATHS[name].read(drawn(name, *shapes), LABELS)])
    assert [
        (drawing.shape.label, [tuple(point) for point in drawing.shape.points], drawing.confidence)
        for drawing in drawings
    ] == [(LABELS[label], points, 1.0) for label, points in shapes]


@pytest.mark.parametrize("name", PATHS)
def test_the_label_is_voted_on(name: str) -> None:
    answers = [drawn(name, (label, POINTS[name])) for label in ("heron", "stork", "stork")]
    ((label, _, confidence),) = consolidated(name, *answers)
    assert (label, confidence) == ("stork", 0.67)


@pytest.mark.parametrize("name", PATHS)
def test_pictures_without_shapes(name: str) -> None:
    heron, none = drawn(name, ("heron", POINTS[name])), drawn(name)
    assert consolidated(name, none, none) == []
    assert consolidated(name, heron, none, none) == []
    assert len(consolidated(name, heron, none)) == 1, "half of the workers"


def test_lines_and_paths_have_no_beginning() -> None:
    for name, points in (("lines", SQUARE[:2]), ("polylines", [(10, 10), (60, 20), (110, 10)])):
        answers = [drawn(name, ("heron", points[::step])) for step in (1, -1, -1)]
        ((_, path, confidence),) = consolidated(name, *answers)
        assert path == [list(point) for point in points[::-1]], "as most of them drew it"
        assert confidence == 1


def test_points_of_different_labels_that_are_close_stay_apart() -> None:
    eyes = [("heron", [(50, 50)]), ("stork", [(53, 50)])]
    answers = [drawn("keypoints", *eyes), drawn("keypoints", *eyes[::-1]), drawn("keypoints", *eyes)]
    assert [(label, points) for label, points, _ in consolidated("keypoints", *answers)] == [
        ("heron", [[50, 50]]),
        ("stork", [[53, 50]]),
    ]


def test_shapes_that_only_touch_are_not_the_same() -> None:
    for name, far in (("polygons", 25), ("polylines", 15), ("lines", 15), ("keypoints", 15)):
        answers = [drawn(name, ("heron", moved(POINTS[name], step * far, 0))) for step in range(3)]
        assert consolidated(name, *answers) == [], name


BAD: list[tuple[str, Any, str]] = [
    ("polygons", {}, "0 elements of the answer have a list of polygons"),
    ("polygons", {**drawn("polygons"), **drawn("polygons", element="b")}, "2 elements"),
    ("polygons", {"drawing": {"polygons": {}}}, "0 elements"),
    ("polygons", drawn("polygons", ("heron", SQUARE[:2])), "polygons[0].vertices is not a list of 3 to 2,000 points"),
    ("lines", drawn("lines", ("heron", SQUARE)), "lines[0].vertices is not a list of 2 points"),
    ("polygons", drawn("polygons", ("crane", SQUARE)), "polygons[0].label is 'crane'"),
    ("polygons", drawn("polygons", ("heron", SQUARE), inputImageProperties=None), "inputImageProperties needs"),
    ("polygons", drawn("polygons", inputImageProperties={"width": True, "height": 1}), "inputImageProperties needs"),
    ("polygons", drawn("polygons", inputImageProperties={"width": 10**9, "height": 1}), "1,000,000 pixels"),
    ("polygons", {"drawing": {"polygons": ["x"], "inputImageProperties": SIZE}}, "polygons[0] is not a JSON object"),
    ("keypoints", drawn("keypoints", ("heron", [(True, 1)])), "keypoints[0].x is not a number"),
    ("keypoints", {"a": {"keypoints": [{"label": "heron"}], "inputImageProperties": SIZE}}, "x is not a number"),
    *(
        ("polylines", drawn("polylines", ("heron", [(0, 0), (value, 1)])), "vertices[1].x is outside the picture")
        for value in (float("nan"), float("inf"), -1e308, 10**400, 401, -201)
    ),
    ("keypoints", drawn("keypoints", *[("heron", [(1, 1)])] * 1001), "more than 1,000 keypoints"),
    ("polygons", drawn("polygons", *[("heron", SQUARE * 400)] * 13), "more than 20,000 points"),
]


@pytest.mark.parametrize(("name", "answer", "message"), BAD, ids=range(len(BAD)))
def test_what_can_not_be_used_is_told(name: str, answer: Any, message: str) -> None:
    with pytest.raises(AnswerError) as caught:
        PATHS[name].read(answer, LABELS)
    assert message in str(caught.value)
    assert len(str(caught.value)) < 200


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(["heron", "x"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["label", "vertices", "x", "y", "polygons", "inputImageProperties"]), inner)
    ),
    max_leaves=12,
)


@given(st.sampled_from(list(PATHS)), st.lists(JSON, max_size=3), JSON)
def test_any_answer_is_read_or_refused(name: str, shapes: list[Any], size: Any) -> None:
    for picture in (SIZE, size):
        try:
            PATHS[name].read({"drawing": {name: shapes, "inputImageProperties": picture}}, LABELS)
        except AnswerError:
            continue


COORDINATE = st.integers(-100, 200) | st.floats(-100, 200)


@given(st.sampled_from(list(PATHS)), st.data())
def test_any_drawings_have_something_in_common_or_nothing(name: str, data: st.DataObject) -> None:
    min_points = PATHS[name].min_points
    shape = st.lists(
        st.tuples(COORDINATE, COORDINATE), min_size=min_points, max_size=min(PATHS[name].max_points, min_points + 2)
    )
    drawing = st.lists(st.tuples(st.sampled_from(list(LABELS)), shape), max_size=3)
    answers = data.draw(st.lists(drawing, min_size=1, max_size=4))
    drawings = PATHS[name].consolidate([PATHS[name].read(drawn(name, *shapes), LABELS) for shapes in answers])
    for consolidated_drawing in drawings:
        assert 0 <= consolidated_drawing.confidence <= 1 + 1e-9
        json.dumps(PATHS[name].annotation(consolidated_drawing.shape.points), allow_nan=False)
        assert len(consolidated_drawing.shape.points) >= min(min_points, 2)


def test_only_so_many_pairs_are_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_PAIRS", 10)
    seen = []
    real = PATHS["keypoints"].similarity
    monkeypatch.setattr(PATHS["keypoints"], "similarity", lambda *points: seen.append(1) or real(*points))
    answers = [drawn("keypoints", *[("heron", [(7 * number, 5)]) for number in range(20)]) for _ in range(4)]
    drawings = consolidated("keypoints", *answers)
    # Ten pairs, and each kept shape is compared with its members.
    assert len(seen) <= 10 + 4 * 20
    assert drawings

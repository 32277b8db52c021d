"""Outlines and paths."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeling_provider.quality.geometry import distance, length, middle, overlap

SQUARE = np.array([[10, 10], [30, 10], [30, 30], [10, 30]], dtype=float)
NEAR_SQUARES = st.lists(
    st.lists(st.floats(-1, 1), min_size=8, max_size=8).map(lambda off: SQUARE + np.reshape(off, (4, 2))),
    min_size=1,
    max_size=5,
)


@pytest.mark.parametrize(
    ("other", "wanted"),
    [(SQUARE, 1), (SQUARE[::-1], 1), (np.add(SQUARE, (10, 0)), 1 / 3), (SQUARE + 100, 0), (SQUARE[[0, 1, 2]], 1 / 2)],
)
def test_overlap(other: np.ndarray, wanted: float) -> None:
    assert overlap(SQUARE, other) == pytest.approx(wanted, abs=0.02)
    assert overlap(other, SQUARE) == pytest.approx(wanted, abs=0.02)


def test_what_has_no_area_overlaps_nothing() -> None:
    point = np.full((3, 2), 7.0)
    assert overlap(point, point) == 0
    assert (length(point), length(SQUARE)) == (0, 60)


def test_the_distance_of_paths_is_that_of_all_their_points() -> None:
    path = np.array([[0, 0], [50, 0], [100, 0]], dtype=float)
    assert distance(path, np.add(path, (0, 3))) == pytest.approx(3)
    assert distance(path, path[::-1]) == pytest.approx(0)
    assert distance(path, path[:2]) == pytest.approx(12.5, abs=0.5), "half of a path is not the path"
    assert distance(path, path[:2]) == distance(path[:2], path)


@given(NEAR_SQUARES, st.data())
def test_the_middle_of_outlines_is_within_what_they_are(outlines: list[np.ndarray], data: st.DataObject) -> None:
    base = data.draw(st.integers(0, len(outlines) - 1))
    turned = [
        np.roll(outline, data.draw(st.integers(0, 3)), axis=0)[:: data.draw(st.sampled_from([1, -1]))]
        for outline in outlines
    ]
    between = middle(turned, base, closed=True)
    assert len(between) >= 3
    low, high = np.min(outlines, axis=(0, 1)), np.max(outlines, axis=(0, 1))
    assert (between >= low - 1e-6).all()
    assert (between <= high + 1e-6).all()
    assert overlap(between, SQUARE) > 0.8


def test_the_middle_of_three_is_not_drawn_away_by_one() -> None:
    between = middle([SQUARE, SQUARE, np.add(SQUARE, (9, 0))], 0, closed=True)
    assert overlap(between, SQUARE) == pytest.approx(1, abs=0.05)
    path = np.array([[0, 0], [50, 20], [100, 0]], dtype=float)
    between = middle([path, path[[0, 1]], path], 0, closed=False)
    assert distance(between, path) < 1
    assert between[0].tolist() == [0, 0]
    assert between[-1].tolist() == [100, 0]


def test_corners_that_are_none_are_left_out() -> None:
    sides = zip(SQUARE, np.roll(SQUARE, -1, axis=0), strict=True)
    more = np.concatenate([np.linspace(start, other, 20, endpoint=False) for start, other in sides])
    between = middle([more, SQUARE], 0, closed=True)
    assert sorted(between.round().tolist()) == sorted(SQUARE.tolist())

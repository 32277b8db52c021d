"""How alike two shapes are."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from labeling_provider.quality.shapes import LIKENESS, polygons

SIZE = (100, 80)
SQUARE = np.array([(0.0, 0.0), (10.0, 0.0), (10.0, 10.0), (0.0, 10.0)])


def moved(points: Any, right: float) -> Any:
    return points + np.array([right, 0])


def test_polygons_below_a_least_overlap_are_not_alike() -> None:
    assert polygons(SQUARE, moved(SQUARE, 5), SIZE) == pytest.approx(1 / 3, abs=0.02)
    assert polygons(SQUARE, moved(SQUARE, 5), SIZE, 0.5) == 0
    assert polygons(SQUARE, moved(SQUARE, 2), SIZE, 0.5) == pytest.approx(2 / 3, abs=0.02)
    assert polygons(SQUARE, moved(SQUARE, 10), SIZE) == polygons(SQUARE, SQUARE[:2], SIZE) == 0


@pytest.mark.parametrize("kind", LIKENESS)
def test_a_shape_is_like_itself_and_less_so_the_farther_it_moves(kind: str) -> None:
    shape = {"lines": SQUARE[:2], "keypoints": SQUARE[:1]}.get(kind, SQUARE)
    likenesses = [LIKENESS[kind](shape, moved(shape, right), SIZE) for right in (0, 1, 2, 11)]
    assert likenesses[0] == 1
    assert likenesses == sorted(set(likenesses), reverse=True)
    assert likenesses[-1] == 0

"""Outlines and masks."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeling_provider.manifest import rasters
from labeling_provider.manifest.rasters import area, covered, inside, joined, outlines, run_text, runs

SQUARE = np.array([[10, 10], [30, 10], [30, 30], [10, 30]], dtype=float)
MASKS = st.tuples(st.integers(1, 7), st.integers(1, 7)).flatmap(
    lambda shape: st.lists(st.booleans(), min_size=shape[0] * shape[1], max_size=shape[0] * shape[1]).map(
        lambda cells: np.reshape(cells, shape)
    )
)


def test_what_an_outline_covers_are_the_cells_whose_centers_are_inside() -> None:
    triangle = np.array([[0, 0], [4, 0], [0, 4]], dtype=float)
    assert covered(triangle, np.zeros(2), np.ones(2), 5, 4).astype(int).tolist() == [
        [1, 1, 1, 0, 0],
        [1, 1, 0, 0, 0],
        [1, 0, 0, 0, 0],
        [0, 0, 0, 0, 0],
    ]
    beyond = np.array([[-9, -9], [99, -9], [99, 2], [-9, 2]], dtype=float)
    assert covered(beyond, np.zeros(2), np.ones(2), 3, 3).astype(int).tolist() == [[1] * 3, [1] * 3, [0] * 3]


def test_the_area_is_exact_far_away_too() -> None:
    assert (area(SQUARE), area(SQUARE[::-1]), area(SQUARE + 1e6), area(np.full((3, 2), 7.0))) == (400, 400, 400, 0)


def test_what_is_beyond_the_edge_is_cut() -> None:
    assert inside(SQUARE, 200, 100) is SQUARE
    assert sorted(inside(SQUARE, 20, 100).tolist()) == [[10, 10], [10, 30], [20, 10], [20, 30]]
    assert sorted(inside(SQUARE - 20, 200, 100).tolist()) == [[0, 0], [0, 10], [10, 0], [10, 10]]
    assert len(inside(SQUARE + 500, 200, 100)) == 0
    assert area(inside(np.array([[-100, 50], [100, -150], [300, 50], [100, 250.0]]), 200, 100)) == 20_000


@given(MASKS)
def test_the_outlines_of_a_mask_enclose_it_alone_and_joined(mask: np.ndarray) -> None:
    rings = outlines(mask)
    rows, columns = mask.shape
    grid = (np.zeros(2), np.ones(2), columns, rows)
    enclosed = np.zeros_like(mask)
    for ring in rings:
        enclosed ^= covered(ring, *grid)
    assert (enclosed == mask).all()
    if rings:
        assert (covered(joined(rings), *grid) == mask).all()


def test_only_corners_are_kept_and_holes_go_the_other_way() -> None:
    mask = np.ones((9, 9), dtype=bool)
    assert [sorted(ring.tolist()) for ring in outlines(mask)] == [[[0, 0], [0, 9], [9, 0], [9, 9]]]
    mask[3:5, 3:5] = False
    around, hole = outlines(mask)

    def turns(ring: np.ndarray) -> float:
        return float(np.sum(ring[:, 0] * np.roll(ring[:, 1], -1) - np.roll(ring[:, 0], -1) * ring[:, 1]))

    assert (turns(around), turns(hole)) == (162, -8)


def test_pixels_that_touch_at_a_corner_are_different_parts() -> None:
    for mask in (np.eye(3, dtype=bool), np.eye(3, dtype=bool)[::-1]):
        assert [len(ring) for ring in outlines(mask)] == [4, 4, 4]


def test_a_border_without_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rasters, "MAX_EDGES", 40)
    with pytest.raises(ValueError, match="longer than 40 pixels"):
        outlines(np.indices((5, 5)).sum(axis=0) % 2 == 0)


@given(MASKS, st.integers(0, 2), st.integers(0, 2), st.integers(0, 2), st.integers(0, 2))
def test_runs_are_read_by_cocos_own_library(mask: np.ndarray, left: int, top: int, right: int, bottom: int) -> None:
    from pycocotools.mask import area as area_of
    from pycocotools.mask import decode, encode

    whole = np.pad(mask, ((top, bottom), (left, right)))
    height, width = whole.shape
    lengths = runs(mask, left, top, width, height)
    assert sum(lengths) == whole.size
    stored = {"size": [height, width], "counts": run_text(lengths)}
    assert (decode(stored) == whole).all()
    assert area_of(stored) == whole.sum()
    assert encode(np.asfortranarray(whole.astype(np.uint8)))["counts"] == stored["counts"].encode()


# Of numbers above these, COCO's library writes one byte too many into its memory, and the process may be aborted.
@given(st.lists(st.integers(0, 2**24 - 1), min_size=1, max_size=9))
def test_runs_of_any_length(lengths: list[int]) -> None:
    from pycocotools.mask import frPyObjects

    stored = frPyObjects({"size": [10**9, 1], "counts": lengths}, 10**9, 1)
    assert stored["counts"] == run_text(lengths).encode()

"""Masks from extreme points."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageDraw

from labeling_provider.service.kinds.drawings.extreme_points import mask_of


@pytest.mark.parametrize("size", [(400, 300), (1500, 1000)])
@pytest.mark.parametrize("seed", range(3))
def test_the_border_is_found_between_the_points(size: tuple[int, int], seed: int) -> None:
    rng, (width, height) = np.random.default_rng(seed), size
    rows, columns = np.indices((height, width)) + 0.5
    wide, high = rng.uniform(0.1, 0.3, 2) * size
    shape = ((columns - width / 2) / wide) ** 2 + ((rows - height / 2) / high) ** 2 < 1
    if seed:
        shape |= (abs(columns - width / 2) < wide * 0.9) & (abs(rows - height / 2 - high * 0.3) < high * 0.3)
    colors = np.where(shape[..., None], [180, 90, 60], [90, 120, 100]) + rng.normal(0, 20, (height, width, 3))
    down, across = np.nonzero(shape)
    ends = [across.argmin(), down.argmin(), across.argmax(), down.argmax()]
    points = np.stack([across[ends], down[ends]], axis=1) + rng.normal(0, 1, (4, 2))
    mask = mask_of(Image.fromarray(colors.clip(0, 255).astype(np.uint8)), points)
    assert (mask & shape).sum() / (mask | shape).sum() > 0.97


@pytest.mark.parametrize("loose", [2, 8])
def test_a_box_that_is_too_large_finds_the_thing_in_it(loose: int) -> None:
    shown = Image.new("RGB", (120, 80), "#eeeeee")
    ImageDraw.Draw(shown).ellipse((30, 20, 90, 60), fill="#336622")
    left, top, right, bottom = 30 - loose, 20 - loose, 91 + loose, 61 + loose
    sides = [[left, 40], [60, top], [right, 40], [60, bottom]]
    down, across = np.nonzero(mask_of(shown, np.array(sides, dtype=float)))
    assert (across.min(), down.min(), across.max(), down.max()) == (30, 20, 90, 60)


@pytest.mark.parametrize("points", [[[0, 0]] * 4, [[5, 0], [5, 0], [5, 9], [5, 9]], [[10, 10]] * 4, [[0, 4], [10, 4]]])
def test_thin_things_have_pixels_too(points: list[list[int]]) -> None:
    mask = mask_of(Image.new("RGB", (10, 10), "white"), np.array(points, dtype=float))
    assert mask.shape == (10, 10)
    assert mask.any()

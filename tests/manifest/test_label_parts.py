"""What labels consist of."""

from __future__ import annotations

import pytest

from labeling_provider.manifest import Box, ImageSize, Keypoint, Path, Point


@pytest.mark.parametrize(
    ("box", "is_in"),
    [
        (Box(0, 0, 0, 9, 8), True),
        (Box(0, 8.5, 7.5, 0.5, 0.5), True),
        (Box(0, -0.5, 0, 9, 8), False),
        (Box(0, 0, 0, 9.5, 8), False),
        (Box(0, 0, 1, 9, 8), False),
        (Box(0, 0, 0, 9, 0), False),
    ],
)
def test_a_box_lies_in_an_image_or_not(box: Box, is_in: bool) -> None:
    assert box.is_in(ImageSize(9, 8)) is is_in


def test_paths_and_keypoints_have_points() -> None:
    corners, keypoint = [Point(1, 2), Point(3, 4)], Keypoint(0, 5, 6)
    assert Path(0, corners).points == corners
    assert [(point.x, point.y) for point in keypoint.points] == [(5, 6)]

"""Where cameras show places of the world."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from labeling_provider.manifest.cameras import edges, projected
from labeling_provider.manifest.cuboids import LabeledCuboid
from labeling_provider.manifest.point_sequences import CameraImage, Pose

AHEAD = Pose((0, 0, 0), (0, 0, 0, 1))


def camera(model: str = "pinhole", pose: Pose = AHEAD, **more: Any) -> CameraImage:
    image = CameraImage("s3://a/1.jpg", 0, model, (800, 900), (320, 240), 0, (0, 0, 0, 0), (0, 0), pose)
    return image._replace(**more)


COORDINATES = st.tuples(*[st.floats(-20, 20)] * 3)
QUATERNIONS = st.tuples(*[st.floats(-1, 1)] * 4).filter(lambda given: math.hypot(*given) > 0.1)


@given(COORDINATES, QUATERNIONS, COORDINATES)
def test_a_pinhole_without_distortion_is_a_matrix(position: Any, heading: Any, point: Any) -> None:
    turned = Rotation.from_quat(heading)
    image = camera(pose=Pose(position, tuple(turned.as_quat())), skew=2.5)
    x, y, z = turned.as_matrix().T @ (np.array(point) - position)
    place = projected(image, point)
    if z < 0.1:
        assert place is None or z > 0.1 - 1e-9
    elif max(abs(x), abs(y)) < 100 * z:
        matrix = np.array([[800, 2.5, 320], [0, 900, 240], [0, 0, 1]])
        across, down, depth = matrix @ (x, y, z)
        assert place == pytest.approx((across / depth, down / depth), rel=1e-6, abs=1e-6)


def test_distortion_is_opencvs() -> None:
    """The formulas of OpenCV's page, computed by hand for x' = 0.5 and y' = -0.25: r² = 0.3125."""
    r2 = 0.3125
    pinhole = camera(radial=(0.1, -0.02, 0.003, 0.04), tangential=(0.01, -0.02))
    factor = (1 + 0.1 * r2 - 0.02 * r2**2 + 0.003 * r2**3) / (1 + 0.04 * r2)
    across = 0.5 * factor + 2 * 0.01 * 0.5 * -0.25 - 0.02 * (r2 + 2 * 0.25)
    down = -0.25 * factor + 0.01 * (r2 + 2 * 0.0625) + 2 * -0.02 * 0.5 * -0.25
    assert projected(pinhole, (1, -0.5, 2)) == pytest.approx((800 * across + 320, 900 * down + 240))
    fisheye = camera("fisheye", radial=(0.1, -0.02, 0.003, 0.04))
    theta, r = math.atan(math.sqrt(r2)), math.sqrt(r2)
    bent = theta * (1 + 0.1 * theta**2 - 0.02 * theta**4 + 0.003 * theta**6 + 0.04 * theta**8)
    right = 800 * bent / r * 0.5 + 320, 900 * bent / r * -0.25 + 240
    assert projected(fisheye, (1, -0.5, 2)) == pytest.approx(right)


def test_what_a_lens_can_not_show_has_no_place() -> None:
    assert projected(camera(), (0, 0, 5)) == (320, 240)
    assert projected(camera(), (0, 0, -5)) is None
    assert projected(camera(), (0, 0, 0)) is None
    # A strong barrel: from r = 1 on, what is farther out would be shown nearer to the middle.
    barrel = camera(radial=(-1 / 3, 0, 0, 0))
    assert projected(barrel, (0.9, 0, 1)) is not None
    assert projected(barrel, (1.1, 0, 1)) is None
    assert projected(camera(radial=(0, 0, 0, -1)), (2, 0, 1)) is None


def test_the_edges_of_a_cuboid_are_lines_in_the_picture() -> None:
    box = LabeledCuboid("car", (0, 0, 10), (2, 4, 6), (0, 0, 0), "", "", {})
    lines = edges(camera(), box)
    assert len(lines) == 12
    assert {len(line) for line in lines} == {9}
    points = np.array([point for line in lines for point in line])
    # The near side is at 7 meters, the far one at 13.
    assert points.max(axis=0) == pytest.approx((320 + 800 / 7, 240 + 900 * 2 / 7))
    assert points.min(axis=0) == pytest.approx((320 - 800 / 7, 240 - 900 * 2 / 7))
    around = edges(camera(), box._replace(center=(0, 0, 0)))
    assert len(around) == 8, "the far side, and what leads to it"
    assert edges(camera(), box._replace(center=(0, 0, -10))) == []

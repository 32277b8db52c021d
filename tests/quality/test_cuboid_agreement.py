"""How far two sets of labels of point clouds agree."""

from __future__ import annotations

import json
import math
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import linprog
from scipy.spatial import ConvexHull, HalfspaceIntersection
from scipy.spatial.transform import Rotation

from labeling_provider.errors import LabelingError
from labeling_provider.manifest import Files, Label, read_label
from labeling_provider.manifest.cuboids import CuboidFrame, LabeledCuboid
from labeling_provider.manifest.linked_boxes import BoxedPicture
from labeling_provider.manifest.sequences import Shape
from labeling_provider.quality import Measure, SequenceAgreement, judgement_of_answer, judgement_of_label
from labeling_provider.quality.adjustments import overlap_of_labels
from labeling_provider.quality.cuboid_agreement import Cuboids, compare_cuboids, overlap
from labeling_provider.rendering.quality_report import report_html
from tests.memory import MemoryStore
from tests.quality.labeled import put
from tests.quality.said import said


def cuboid(
    *center: float, size: Any = (4, 2, 1), angles: Any = (0, 0, 0), who: str = "", label: str = "car"
) -> LabeledCuboid:
    return LabeledCuboid(label, center, size, angles, who, "", {})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("first", "other", "right"),
    [
        (cuboid(0, 0, 0), cuboid(0, 0, 0), 1),
        (cuboid(5e6, -5e6, 10), cuboid(5e6, -5e6, 10), 1),
        (cuboid(0, 0, 0, angles=(0.3, 0.2, 0.1)), cuboid(0, 0, 0, angles=(0.3, 0.2, 0.1)), 1),
        # Turned around, it takes the same space.
        (cuboid(0, 0, 0), cuboid(0, 0, 0, angles=(0, 0, math.pi)), 1),
        (cuboid(0, 0, 0), cuboid(1, 0, 0), 3 / 5),
        (cuboid(0, 0, 0), cuboid(0, 0, 0.5), 1 / 3),
        (cuboid(0, 0, 0), cuboid(0, 0, 0, size=(2, 1, 1)), 1 / 4),
        (cuboid(0, 0, 0), cuboid(0, 0, 0, angles=(0, 0, math.pi / 2)), 4 / 12),
        # Two squares at half a right angle share an octagon.
        (cuboid(0, 0, 0, size=(2, 2, 1)), cuboid(0, 0, 0, size=(2, 2, 1), angles=(0, 0, math.pi / 4)), math.sqrt(0.5)),
        # Side by side, and only near to each other.
        (cuboid(0, 0, 0), cuboid(4, 0, 0), 0),
        (cuboid(0, 0, 0), cuboid(3.9, 1.9, 1.05), 0),
        (cuboid(0, 0, 0), cuboid(100, 0, 0), 0),
    ],
)
def test_cuboids_overlap_as_geometry_says(first: LabeledCuboid, other: LabeledCuboid, right: float) -> None:
    assert overlap(first, other) == pytest.approx(right, abs=1e-6)
    assert overlap(other, first) == pytest.approx(right, abs=1e-6)


def halfspaces(box: LabeledCuboid) -> Any:
    turned = Rotation.from_euler("ZYX", box.angles[::-1]).as_matrix()
    rows = []
    for axis, side in enumerate(box.size):
        for sign in (1, -1):
            normal = sign * turned[:, axis]
            rows.append([*normal, -(normal @ box.center + side / 2)])
    return rows


def volume(first: LabeledCuboid, other: LabeledCuboid) -> float:
    """The volume that two cuboids share, by Qhull."""
    rows = np.array(halfspaces(first) + halfspaces(other))
    # The point that is farthest from all sides.
    inner = linprog([0, 0, 0, -1], A_ub=np.c_[rows[:, :3], np.ones(len(rows))], b_ub=-rows[:, 3], bounds=(None, None))
    if inner.status or inner.x[3] < 1e-3:
        return 0
    return float(ConvexHull(HalfspaceIntersection(rows, inner.x[:3]).intersections).volume)


ANGLES = st.tuples(*[st.floats(-3, 3)] * 3)
SIZES = st.tuples(*[st.floats(0.5, 4)] * 3)
CENTERS = st.tuples(*[st.floats(-1.5, 1.5)] * 3)


@given(SIZES, SIZES, CENTERS, ANGLES, ANGLES)
def test_turned_cuboids_overlap_as_qhull_says(
    size: Any, other_size: Any, center: Any, angles: Any, others: Any
) -> None:
    first, other = cuboid(0, 0, 0, size=size, angles=angles), cuboid(*center, size=other_size, angles=others)
    shared = volume(first, other)
    right = shared / (math.prod(size) + math.prod(other_size) - shared)
    assert overlap(first, other) == pytest.approx(right, abs=5e-3)


def frames(*cuboids: list[LabeledCuboid]) -> list[CuboidFrame]:
    return [CuboidFrame(number, "", {}, tuple(shown)) for number, shown in enumerate(cuboids)]


def test_tracks_are_compared_over_time() -> None:
    near, far = cuboid(0, 0, 0, who="a"), cuboid(40, 0, 0, who="b")
    labels = frames([near, far], [], [near, far])
    assert compare_cuboids(labels, labels) == SequenceAgreement(1.0, 3, 4, 0, 0, 0)
    swapped = frames([near, far], [], [near._replace(object_id="b"), far._replace(object_id="a")])
    assert compare_cuboids(labels, swapped).id_switches == 2
    lost = frames([near], [], [near, far._replace(label="van")])
    assert compare_cuboids(labels, lost) == SequenceAgreement(pytest.approx(2 / 3), 3, 2, 2, 1, 0)


def boxed(place: int, *boxes: tuple[str, int], camera: int = 0) -> BoxedPicture:
    """A picture with boxes that are 100 pixels wide: whose, and where their left sides are."""
    side = {"top": 0, "width": 100, "height": 10}
    shapes = [Shape("car", {"left": left, **side}, who, f"car:{who}", {}) for who, left in boxes]
    return BoxedPicture(place, camera, tuple(shapes))


def test_linked_boxes_count_as_frames_and_have_the_partners_of_their_cuboids() -> None:
    clouds = frames([cuboid(0, 0, 0, who="a"), cuboid(40, 0, 0, who="b")], [])
    right = [boxed(0, ("a", 0), ("b", 500)), boxed(1), boxed(1, ("a", 0), camera=3)]

    def compared(*pictures: BoxedPicture) -> SequenceAgreement:
        return compare_cuboids(clouds, clouds, right, pictures)

    assert compared(*right) == SequenceAgreement(1.0, 4, 5, 0, 0, 0), "pictures without a box are none"
    assert compared() == SequenceAgreement(0.5, 4, 2, 3, 0, 0)
    aside = compared(boxed(0, ("a", 25), ("b", 500)), *right[1:])
    assert aside.overlap == pytest.approx((1 + 1 + (0.6 + 1) / 2 + 1) / 4)
    # In the first picture, each box is that of the other cuboid.
    assert compared(boxed(0, ("b", 0), ("a", 500)), *right[1:]).id_switches == 3
    assert compare_cuboids(clouds, clouds, [boxed(0, ("c", 0))], [boxed(0, ("d", 0))]).id_switches == 0
    # Who has drawn boxes alone has tracked as well.
    first, second = (Cuboids((), (boxed(0, ("a", 0)), boxed(1, (who, 0)))) for who in "ab")
    assert first.difference(second).id_switches == 1


def test_hundreds_of_cuboids_over_each_other_are_matched_with_those_most_like_them() -> None:
    crowd = frames([cuboid(place / 50, 0, 0, who=str(place), angles=(0.1, 0, place)) for place in range(150)])
    agreed = compare_cuboids(crowd, [crowd[0]._replace(cuboids=crowd[0].cuboids[::-1])])
    assert agreed == SequenceAgreement(pytest.approx(1), 1, 150, 0, 0, 0)


def judged(line: dict[str, Any], kind: str, **about: Any) -> Any:
    metadata = {"type": f"groundtruth/{kind}", "class-map": {"0": "car"}, **about}
    label = read_label({"source-ref": "s3://a/b", **line, "x-metadata": metadata}, "x")
    assert isinstance(label, Label)
    return judgement_of_label(label, Files())


PLACE = {"center-x": 0, "center-y": 0, "center-z": 0, "length": 4, "width": 2, "height": 1, "class-id": 0}


def test_labels_of_point_clouds_are_compared(tmp_path: Path) -> None:
    def detected(aside: float) -> Any:
        return judged({"x": {"annotations": [{**PLACE, "center-x": aside}]}}, "point_cloud_object_detection")

    def tracked(aside: float) -> Any:
        path = tmp_path / f"{aside}.json"
        frame = {"frame-number": 0, "annotations": [{**PLACE, "center-x": aside, "object-id": "a"}]}
        path.write_text(json.dumps({"tracking-annotations": [frame]}))
        return judged({"x": str(path)}, "point_cloud_object_tracking")

    for judge in (detected, tracked):
        assert judge(0).distance(judge(1)) == pytest.approx(0.4)
        assert (judge(0) == judge(0), hash(judge(0))) == (True, hash(judge(0)))
    assert detected(0).distance(judged({"x": 0}, "image-classification", **{"class-name": "car"})) == 1

    def linked(left: float) -> Any:
        box = {
            "class-id": 0,
            "object-id": "a",
            "object-name": "car:1",
            "left": left,
            "top": 0,
            "width": 10,
            "height": 9,
        }
        frame = {"frame-number": 0, "annotations": [{**PLACE, "object-id": "a"}]}
        camera = {"tracking-annotations": [{"frame-no": 0, "frame": "0.jpg", "annotations": [box]}]}
        path = tmp_path / f"linked-{left}.json"
        path.write_text(json.dumps({"lidar": {"tracking-annotations": [frame]}, "camera-0": camera}))
        return judged({"x": str(path)}, "point_cloud_object_tracking")

    assert linked(0).distance(linked(0)) == 0
    assert linked(0).distance(linked(2)) == pytest.approx((1 - 8 / 12) / 2)
    assert linked(0).distance(tracked(0)) == pytest.approx(0.5)
    (tmp_path / "none.json").write_text("[]")
    with pytest.raises(LabelingError, match=r"none.json: it is not a JSON object"):
        judged({"x": str(tmp_path / "none.json")}, "point_cloud_object_tracking")


def test_id_switches_are_counted_where_the_golden_labels_track_objects() -> None:
    bucket = MemoryStore()

    def line(number: int, *ids: str) -> dict[str, Any]:
        frames = [
            {"frame-number": place, "annotations": [{**PLACE, "object-id": who}]} for place, who in enumerate(ids)
        ]
        uri = f"s3://marsh/{number}-{''.join(ids)}.json"
        bucket.objects[uri] = json.dumps({"tracking-annotations": frames}).encode()
        metadata = {"type": "groundtruth/point_cloud_object_tracking", "class-map": {"0": "car"}}
        return {"source-ref": f"s3://marsh/{number}", "x": uri, "x-metadata": metadata}

    measure = Measure(Files(bucket), "x")
    measure.add_golden(put(bucket, "golden", [line(0, "a", "a", "a"), line(1, "a", "a")]), "x")
    assert measure.quality.id_switches is None
    measure.labels(put(bucket, "labels", [line(0, "b", "c", "b"), line(1, "d", "e")]))
    assert (measure.quality.id_switches, measure.quality.golden_accuracy) == (3, pytest.approx(1))
    assert b"id switches" in report_html(measure.quality, Files(bucket), title="q", label_attribute="x")


def answered_cuboid(x: float) -> dict[str, Any]:
    sides = {"length": 4, "width": 2, "height": 1}
    return {"label": "car", "objectName": "car:1", "centerX": x, "centerY": 0, "centerZ": 0, **sides}


def test_answers_about_a_cloud_are_compared_with_its_label() -> None:
    judgement = said({"boundingCuboids": [answered_cuboid(1)], "frameAttributes": {}})
    label = judged({"x": {"annotations": [PLACE]}}, "point_cloud_object_detection")
    assert judgement.distance(label) == pytest.approx(0.4)
    cuboid = answered_cuboid(1)
    for wrong in ([{**cuboid, "width": 0}], [{**cuboid, "centerY": 1e30}], [cuboid] * 501, [{}], 3):
        assert judgement_of_answer({"boundingCuboids": {"boundingCuboids": wrong}}) is None


def test_classes_of_points_are_compared_by_their_names(tmp_path: Path) -> None:
    def segmented(numbers: list[int], names: tuple[str, ...]) -> Any:
        path = tmp_path / "points.zlib"
        path.write_bytes(zlib.compress(bytes(numbers)))
        colors = {str(number): {"class-name": name} for number, name in enumerate(names)}
        kind = "point_cloud_single_frame_semantic_segmentation"
        return judged({"x": str(path)}, kind, **{"color-map": colors})

    first = segmented([0, 0, 1, 1], ("road", "car"))
    assert first.distance(segmented([1, 1, 0, 0], ("car", "road"))) == 0
    # The road is 2 of 3 points, the car 1 of 2.
    assert first.distance(segmented([0, 0, 0, 1], ("road", "car"))) == pytest.approx(1 - (2 / 3 + 1 / 2) / 2)
    assert first.distance(segmented([0, 0, 1, 1, 1], ("road", "car"))) == 1
    assert segmented([], ()).distance(segmented([], ())) == 0


def test_adjusted_clouds_are_compared_with_those_before(tmp_path: Path) -> None:
    path, about = tmp_path / "points.zlib", {"color-map": {"0": {"class-name": "road"}, "1": {"class-name": "car"}}}
    path.write_bytes(zlib.compress(bytes([0, 1])))
    kind = "groundtruth/point_cloud_single_frame_semantic_segmentation"
    label = read_label({"source-ref": "s3://a/b", "x": str(path), "x-metadata": {"type": kind, **about}}, "x")
    assert label is not None
    assert overlap_of_labels(Files(), label, label) == 1

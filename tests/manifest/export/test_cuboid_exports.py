"""Cuboids as KITTI and nuScenes have them."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from tests.manifest.exports import Exporting, metadata, reasons
from tests.manifest.scenes import FRAME, IMAGE, LINE, POSE, changed, sequence

CLASSES = {"0": "Car", "2": "Road sign"}


def cuboid(number: int, center: tuple[float, float, float], yaw: float, who: str = "", **more: Any) -> dict[str, Any]:
    places = dict(zip(("center-x", "center-y", "center-z"), center, strict=True))
    size = {"length": 4, "width": 2, "height": 1.5, "roll": 0, "pitch": 0, "yaw": yaw}
    ids = {"object-id": who} if who else {}
    return {"class-id": number, "object-name": "Car:1", **places, **size, **ids, **more}


def detected(name: str, *cuboids: Any, about: Any = LINE["source-ref-metadata"]) -> dict[str, Any]:
    kind = metadata("point_cloud_object_detection", class_map=CLASSES, objects=[])
    given = {"source-ref-metadata": about} if about else {}
    return {"source-ref": f"s3://marsh/{name}", **given, "bird": {"annotations": cuboids}, "bird-metadata": kind}


def tracked(export: Exporting, *frames: list[Any], names: Any = None, **more: Any) -> dict[str, Any]:
    """A line with a labeled sequence; its files are put into the bucket."""
    document = sequence(*[more for _ in frames])
    export.bucket.objects["s3://marsh/seq.json"] = json.dumps(document).encode()
    given = names or [frame["frame"] for frame in document["frames"]]
    labels = [
        {"frame-number": place, "frame-name": name, "annotations": drawn}
        for place, (name, drawn) in enumerate(zip(given, frames, strict=True))
    ]
    export.bucket.objects["s3://marsh/SeqLabel.json"] = json.dumps({"tracking-annotations": labels}).encode()
    about = metadata("point_cloud_object_tracking", **{"class-map": CLASSES})
    return {"source-ref": "s3://marsh/seq.json", "bird": "s3://marsh/SeqLabel.json", "bird-metadata": about}


CENTER = (-2.0, 125.0, 0.5)


def corners(center: Any, yaw: float) -> Any:
    """The corners of a cuboid of the tests in the world, without any code of the package."""
    signs = np.array([(x, y, z) for x in (1, -1) for y in (1, -1) for z in (1, -1)]) / 2
    return Rotation.from_euler("z", yaw).apply(signs * (4, 2, 1.5)) + center


def in_order(points: Any) -> Any:
    return np.array(sorted(np.round(points, 3).tolist()))


def calibration(export: Exporting, name: str) -> dict[str, Any]:
    """A calibration file, as the readers of KITTI take it."""
    rows = dict(line.split(": ") for line in export.read(name).splitlines())
    return {key: np.array(value.split(), dtype=float).reshape(3, -1) for key, value in rows.items()}


def kitti_corners(fields: list[float]) -> Any:
    """The corners of an object in the camera's coordinates, as KITTI's development kit computes them."""
    height, width, length, x, y, z, turned = fields[7:14]
    across = np.array([1, 1, -1, -1, 1, 1, -1, -1]) * length / 2
    down = np.array([0, 0, 0, 0, -1, -1, -1, -1]) * height
    ahead = np.array([1, -1, -1, 1, 1, -1, -1, 1]) * width / 2
    cosine, sine = math.cos(turned), math.sin(turned)
    matrix = np.array([[cosine, 0, sine], [0, 1, 0], [-sine, 0, cosine]])
    return (matrix @ np.array([across, down, ahead])).T + np.array([x, y, z])


@pytest.mark.parametrize("yaw", [0.3, -2.0, math.pi / 2])
@pytest.mark.parametrize("pose", [POSE, None, {**POSE, "heading": {"qx": 0, "qy": 0, "qz": 0, "qw": -1}}])
def test_kitti_leads_back_to_the_cloud_and_to_the_picture(export: Exporting, yaw: float, pose: Any) -> None:
    about = {**LINE["source-ref-metadata"], "ego-vehicle-pose": pose}
    exported = export("kitti", detected("1.bin", cuboid(0, CENTER, yaw), cuboid(2, (5, 130, 1), 0), about=about))
    assert (exported.objects, exported.notes, exported.problems) == ({"train": 1}, {}, [])
    first, second = export.read("train/label_2/1.txt").splitlines()
    assert second.startswith("Road_sign -1 -1 ")
    name, *rest = first.split()
    fields = [float(field) for field in rest]
    assert (name, len(rest)) == ("Car", 14)
    known = calibration(export, "train/calib/1.txt")
    assert known["P2"].shape == known["Tr_velo_to_cam"].shape == (3, 4)
    seen = np.hstack([corners(CENTER, yaw), np.ones((8, 1))]) @ known["Tr_velo_to_cam"].T @ known["R0_rect"].T
    np.testing.assert_allclose(in_order(kitti_corners(fields)), in_order(seen), atol=2e-3)
    # A vehicle that looks that way has what is in front of it in front of the camera.
    if pose is None:
        assert fields[12] == pytest.approx(125)
    # The picture's camera looks along the world's y: x right, z down.
    matrix = Rotation.from_quat([IMAGE["heading"][key] for key in ("qx", "qy", "qz", "qw")]).as_matrix()
    own = (corners(CENTER, yaw) - [IMAGE["position"][axis] for axis in "xyz"]) @ matrix
    assert (own[:, 2] > 0).all()
    pixels = own[:, :2] / own[:, 2:] * (IMAGE["fx"], IMAGE["fy"]) + (IMAGE["cx"], IMAGE["cy"])
    projected = np.hstack([seen, np.ones((8, 1))]) @ known["P2"].T
    np.testing.assert_allclose(projected[:, :2] / projected[:, 2:], pixels, atol=1e-3)
    np.testing.assert_allclose(fields[3:7], [*pixels.min(axis=0), *pixels.max(axis=0)], atol=1e-3)
    # From the camera, the angle to the object and how it is turned differ by the direction to it.
    assert math.remainder(fields[13] - math.atan2(fields[10], fields[12]) - fields[2], math.tau) == pytest.approx(
        0, abs=1e-3
    )
    assert export.rows("train.csv") == [
        {"file_name": "1.txt", "object": "s3://marsh/1.bin", "picture": "s3://yard/cameras/images/1.jpg"}
    ]


def test_kitti_without_a_picture_says_so(export: Exporting) -> None:
    behind = cuboid(0, (0, -50, 0), 0, roll=0.1)
    fisheye = {**IMAGE, "camera-model": "fisheye", "p1": 0}
    lines = [
        detected("1.bin", cuboid(0, (1, 10, 0.75), 0), about=None),
        detected("2.bin", behind),
        detected("3.bin", behind, about=changed(LINE["source-ref-metadata"], "images", [fisheye])),
        detected("4.bin"),
    ]
    exported = export("kitti", *lines)
    assert (exported.objects, exported.notes, exported.problems) == ({"train": 4}, {"cuboids_leveled": 2}, [])
    alone = export.read("train/label_2/1.txt").split()
    # Its length lies across: the camera looks along y, and the bottom is at the height of the camera.
    assert [float(field) for field in alone[4:]] == [-1, -1, -1, -1, 1.5, 2, 4, 1, 0, 10, 0]
    assert all(export.read(f"train/label_2/{name}.txt").split()[4:8] == ["-1.0000"] * 4 for name in "23")
    assert export.read("train/label_2/4.txt") == ""
    np.testing.assert_array_equal(calibration(export, "train/calib/3.txt")["P2"], np.eye(3, 4))


def test_kitti_has_tracks(export: Exporting) -> None:
    first, second = cuboid(0, CENTER, 0.3, "x"), cuboid(2, (5, 130, 1), 0, "y")
    exported = export("kitti", tracked(export, [second], [first, second]))
    assert (exported.objects, exported.problems) == ({"train": 1}, [])
    rows = [line.split() for line in export.read("train/label_02/seq.txt").splitlines()]
    assert [row[:3] for row in rows] == [["0", "0", "Road_sign"], ["1", "1", "Car"], ["1", "0", "Road_sign"]]
    seen = (
        np.hstack([corners(CENTER, 0.3), np.ones((8, 1))])
        @ calibration(export, "train/calib/seq.txt")["Tr_velo_to_cam"].T
    )
    fields = [float(field) for field in rows[1][3:]]
    np.testing.assert_allclose(in_order(kitti_corners(fields)), in_order(seen), atol=2e-3)


def linked(export: Exporting, *clouds: list[Any], **cameras: list[list[Any]]) -> dict[str, Any]:
    """A line with a sequence of two pinhole cameras and a fisheye one.

    :param cameras: boxes by camera and frame.
    """
    fisheye = {**IMAGE, "camera-model": "fisheye", "p1": 0}
    images = [{**image, "image-path": f"{number}.jpg"} for number, image in enumerate((IMAGE, IMAGE, fisheye))]
    line = tracked(export, *clouds, images=images)
    lidar = json.loads(export.bucket.objects["s3://marsh/SeqLabel.json"])
    parts = {
        name.replace("_", "-"): {
            "tracking-annotations": [
                {"frame-no": place, "frame": "?", "annotations": boxes} for place, boxes in enumerate(frames)
            ]
        }
        for name, frames in cameras.items()
    }
    export.bucket.objects["s3://marsh/SeqLabel.json"] = json.dumps({"lidar": lidar, **parts}).encode()
    return line


def box(left: int, who: str = "x", **more: Any) -> dict[str, Any]:
    place = {"left": left, "top": 20, "width": 30, "height": 40}
    return {"class-id": 0, "object-name": "Car:1", "object-id": who, **place, **more}


def test_kitti_has_the_boxes_that_are_linked_to_cuboids(export: Exporting) -> None:
    car = cuboid(0, CENTER, 0.3, "x")
    line = linked(export, [car], [car], camera_1=[[box(10), box(70, "y")], []], camera_2=[[], [box(90)]])
    exported = export("kitti", line)
    assert (exported.problems, exported.notes) == ([], {"boxes_left_out": 2})
    rows = [line.split() for line in export.read("train/label_02/seq.txt").splitlines()]
    boxes = [[float(field) for field in row[6:10]] for row in rows]
    assert boxes == [[10, 20, 40, 60], [-1, -1, -1, -1]]
    assert export.read("train.csv").splitlines()[1] == "seq.txt,s3://marsh/seq.json,camera-1"


def test_nuscenes_has_the_boxes_that_are_linked_to_cuboids(export: Exporting) -> None:
    car, parked = cuboid(0, CENTER, 0.3, "x"), {"label-category-attributes": {"parked": "no"}}
    boxes = [[box(10, **parked), box(70, "alone")], [box(50)]]
    line = linked(export, [car], [], camera_1=boxes, camera_2=[[box(90)], []])
    exported = export("nuscenes", line)
    assert (exported.problems, exported.notes) == ([], {"fisheye_images_left_out": 2, "boxes_left_out": 1})
    tables = Tables(export)
    tables.check()
    first, alone, later = tables.rows["image_annotations"]
    assert [row["bbox_corners"] for row in (first, alone, later)] == [
        [10, 20, 40, 60],
        [70, 20, 100, 60],
        [50, 20, 80, 60],
    ]
    (instance,) = tables.rows["instance"]
    assert [row["instance_token"] for row in (first, alone, later)] == [instance["token"], "", instance["token"]]
    assert first["sample_annotation_token"] == instance["first_annotation_token"]
    assert (later["sample_annotation_token"], later["category_name"]) == ("", "Car"), "no cuboid in its frame"
    data = tables.get("sample_data", first["sample_data_token"])
    assert data["filename"] == first["filename"] == "s3://yard/seq/1.jpg"
    assert tables.get("attribute", first["attribute_tokens"][0])["name"] == "parked.no"


@pytest.mark.parametrize(("camera", "place"), [("camera_0", 1), ("camera_7", 0)])
def test_boxes_in_pictures_that_are_not_there_are_told(export: Exporting, camera: str, place: int) -> None:
    exported = export("kitti", linked(export, [], **{camera: [*[[], []][:place], [box(10)]]}))
    ((_, reason),) = reasons(exported)
    assert f"frame {place} of {camera.replace('_', '-')} is not in the sequence" in reason


class Tables:
    """The tables of nuScenes, read without any code of the package: each row is found by its token."""

    def __init__(self, export: Exporting, name: str = "train") -> None:
        folder = export.folder / "out" / name
        self.rows = {path.stem: json.loads(path.read_text()) for path in folder.glob("*.json")}
        self.by_token = {table: {row["token"]: row for row in rows} for table, rows in self.rows.items()}

    def get(self, table: str, token: str) -> Any:
        return self.by_token[table][token]

    def check(self) -> None:
        """Every token is that of one row, and whatever a row names is there."""
        for table, rows in self.rows.items():
            assert len(self.by_token[table]) == len(rows)
            for row in rows:
                for key, value in row.items():
                    named = key.removesuffix("_token").removeprefix("first_").removeprefix("last_")
                    if key in {"prev", "next"}:
                        other = {"prev": "next", "next": "prev"}[key]
                        assert not value or self.get(table, value)[other] == row["token"]
                    elif key.endswith("_token") and value:
                        self.get({"annotation": "sample_annotation"}.get(named, named), value)
                    elif key == "attribute_tokens":
                        assert all(self.get("attribute", token) for token in value)


def placed(row: Any) -> tuple[Any, Any]:
    w, x, y, z = row["rotation"]
    return Rotation.from_quat([x, y, z, w]), np.array(row["translation"])


def test_nuscenes_has_tracks_that_lead_from_frame_to_frame(export: Exporting) -> None:
    first, second = cuboid(0, CENTER, 0.3, "x", roll=0.1, pitch=-0.2), cuboid(2, (5, 130, 1), 0, "y")
    marked = {**first, "label-category-attributes": {"parked": "no"}}
    exported = export("nuscenes", tracked(export, [second], [marked, second], []))
    assert (exported.objects, exported.notes, exported.problems) == ({"train": 1}, {}, [])
    tables = Tables(export)
    tables.check()
    assert set(tables.rows) == {
        *("attribute", "calibrated_sensor", "category", "ego_pose", "instance", "log", "map", "sample"),
        *("sample_annotation", "sample_data", "scene", "sensor", "visibility"),
    }
    (scene,) = tables.rows["scene"]
    assert (scene["nbr_samples"], scene["description"]) == (3, "s3://marsh/seq.json")
    sample, times = tables.get("sample", scene["first_sample_token"]), []
    while sample:
        times.append(sample["timestamp"])
        sample = tables.get("sample", sample["next"]) if sample["next"] else None
    assert times == [100_500_000, 101_500_000, 102_500_000]
    counts = {
        tables.get("category", instance["category_token"])["name"]: instance["nbr_annotations"]
        for instance in tables.rows["instance"]
    }
    assert counts == {"Car": 1, "Road sign": 2}
    (car,) = [row for row in tables.rows["sample_annotation"] if row["attribute_tokens"]]
    assert tables.get("attribute", car["attribute_tokens"][0])["name"] == "parked.no"
    assert car["size"] == [2, 4, 1.5]
    turned, center = placed(car)
    assert center.tolist() == list(CENTER)
    np.testing.assert_allclose(turned.as_matrix(), Rotation.from_euler("ZYX", [0.3, -0.2, 0.1]).as_matrix(), atol=1e-9)


def test_nuscenes_places_clouds_and_cameras(export: Exporting) -> None:
    export("nuscenes", tracked(export, [cuboid(0, CENTER, 0.3, "x")], []))
    tables = Tables(export)
    data = {row["filename"]: row for row in tables.rows["sample_data"]}
    assert set(data) == {"s3://yard/seq/lidar/0.bin", "s3://yard/seq/lidar/1.bin", "s3://yard/seq/images/1.jpg"}
    cloud, picture = data["s3://yard/seq/lidar/0.bin"], data["s3://yard/seq/images/1.jpg"]
    heading = Rotation.from_quat([IMAGE["heading"][key] for key in ("qx", "qy", "qz", "qw")])
    camera = heading.as_matrix(), [IMAGE["position"][axis] for axis in "xyz"]
    for row, right in ((cloud, (np.eye(3), np.zeros(3))), (picture, camera)):
        sensor = tables.get("calibrated_sensor", row["calibrated_sensor_token"])
        vehicle = tables.get("ego_pose", row["ego_pose_token"])
        (turned, moved), (driven, where) = placed(sensor), placed(vehicle)
        assert where.tolist() == [-2.5, 116.25, 1.8]
        # From the sensor by the vehicle into the world: nowhere else for the cloud.
        np.testing.assert_allclose((driven * turned).as_matrix(), right[0], atol=1e-9)
        np.testing.assert_allclose(driven.apply(moved) + where, right[1], atol=1e-9)
    intrinsic = tables.get("calibrated_sensor", picture["calibrated_sensor_token"])["camera_intrinsic"]
    assert intrinsic == [[847.5, 0, 576], [0, 850, 317], [0, 0, 1]]
    assert [sensor["channel"] for sensor in tables.rows["sensor"]] == ["CAM_0", "LIDAR"]


def test_nuscenes_has_clouds_of_their_own_and_sets_apart(export: Exporting) -> None:
    fisheye = {**IMAGE, "camera-model": "fisheye", "p1": 0}
    about = {**FRAME, "prefix": "s3://yard/cameras/", "images": [IMAGE, fisheye]}
    line = detected("1.bin", cuboid(0, CENTER, 0), cuboid(0, CENTER, 0), about=about)
    exported = export("nuscenes", sets={"train": [line], "test": [], "val": [detected("1.bin", about=None)]})
    assert (exported.objects, exported.notes) == ({"train": 1, "test": 0, "val": 1}, {"fisheye_images_left_out": 1})
    train, test, val = (Tables(export, name) for name in ("train", "test", "val"))
    for tables in (train, test, val):
        tables.check()
        assert [category["name"] for category in tables.rows["category"]] == ["Car"]
    assert [instance["nbr_annotations"] for instance in train.rows["instance"]] == [1, 1]
    assert (test.rows["scene"], len(val.rows["scene"]), val.rows["sample"][0]["timestamp"]) == ([], 1, 0)


def test_frames_that_amazon_names_otherwise_are_found_by_their_place(export: Exporting) -> None:
    export("nuscenes", tracked(export, [], [cuboid(0, CENTER, 0, "x")], names=["0.txt.pcd", "1.txt.pcd"]))
    tables = Tables(export)
    (annotation,) = tables.rows["sample_annotation"]
    assert tables.get("sample", annotation["sample_token"])["timestamp"] == 101_500_000


@pytest.mark.parametrize("name", ["kitti", "nuscenes"])
def test_what_cant_be_written_is_left_out_and_told(export: Exporting, name: str) -> None:
    good = tracked(export, [])
    label = {"tracking-annotations": [{"frame-number": 7, "annotations": [cuboid(0, CENTER, 0, "x")]}]}
    export.bucket.objects["s3://marsh/lost.json"] = json.dumps(label).encode()
    lines = [
        detected("1.bin", cuboid(0, CENTER, 0, length=-1)),
        detected("2.bin", cuboid(7, CENTER, 0)),
        detected("3.bin", about={"unix-timestamp": "now"}),
        {**good, "bird": "s3://marsh/lost.json"},
        {**good, "bird-metadata": metadata("video-object-tracking")},
    ]
    exported = export(name, *lines)
    assert (exported.objects, exported.left_out) == ({"train": 0}, 5)
    complaints = dict(reasons(exported))
    assert complaints[1] == "bird.annotations[0].length is -1; a cuboid has a length, a width and a height"
    assert complaints[2] == "bird.annotations[0].class-id is '7', which is not a class of the label"
    assert complaints[3].startswith("s3://marsh/3.bin: source-ref-metadata.unix-timestamp is 'now'")
    assert complaints[4] == "s3://marsh/lost.json: the frame 7 ('') is not in the sequence"
    assert complaints[5] == "bird: this format can't store labels of groundtruth/video-object-tracking"

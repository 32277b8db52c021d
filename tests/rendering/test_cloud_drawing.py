"""Labels of point clouds as HTML."""

from __future__ import annotations

import json
import math
import re
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from labeling_provider.errors import LabelingError
from labeling_provider.manifest import Label, read_label
from labeling_provider.rendering.cloud_drawing import MAX_DOTS, drawn_cloud, is_of_points
from tests.manifest.scenes import IMAGE, sequence
from tests.rendering.test_sequence_drawing import Local

KIND = "groundtruth/point_cloud_"
CAR = {"center-x": 10, "center-y": 20, "center-z": 1, "length": 4, "width": 2, "height": 1.5, "yaw": math.pi / 2}


def cloud(folder: Path, points: Any, name: str = "1.bin") -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(np.asarray(points, dtype="<f4").tobytes())


def drawn(folder: Path, line: dict[str, Any], kind: str, **about: Any) -> str:
    whole = {"source-ref": "s3://lab/1.bin", **line, "x-metadata": {"type": f"{KIND}{kind}", **about}}
    label = read_label(whole, "x")
    assert isinstance(label, Label)
    assert is_of_points(label)
    return str(drawn_cloud(Local(folder), whole, label, lambda uri, size: f"{uri}?{size[0]}"))


def test_cuboids_are_seen_from_above(tmp_path: Path) -> None:
    cloud(tmp_path, [[x, y, 0, 0.5] for x in range(20) for y in range(30)])
    label = {"annotations": [{**CAR, "class-id": 1, "object-name": "<car>:1"}]}
    page = drawn(tmp_path, {"x": label}, "object_detection", class_map={"0": "van", "1": "<car>"})
    # It drives up the picture: 2 meters wide, 4 long.
    assert 'points="9.00,-22.00 9.00,-18.00 11.00,-18.00 11.00,-22.00"' in page
    assert 'points="10.00,-20.00 10.00,-22.00"' in page
    assert page.count("h0") == 600
    assert "M3.00 -4.00h0" in page
    left, top, width, height = map(float, re.search('viewBox="([^"]+)"', page)[1].split())  # type: ignore[index]
    assert left < 0 < 19 < left + width
    assert top < -29 < 0 < top + height
    assert "&lt;car&gt;:1" in page
    assert "<car>" not in page


def test_of_large_clouds_few_points_are_drawn_and_what_is_far_out_is_not(tmp_path: Path) -> None:
    points = np.random.default_rng(1).random((100_000, 4)) * 10
    points[:100, :2] = 1e6
    cloud(tmp_path, points)
    page = drawn(tmp_path, {"x": {"annotations": []}}, "object_detection")
    assert 0.9 * MAX_DOTS < page.count("h0") <= MAX_DOTS
    assert float(re.search('viewBox="[^ ]+ [^ ]+ ([^ ]+)', page)[1]) < 20  # type: ignore[index]


def test_of_a_sequence_the_fullest_frame_is_shown_with_the_ways_of_objects(tmp_path: Path) -> None:
    for place in range(3):
        cloud(tmp_path, [[0, 0, 0, 0], [5, 5 + place, 0, 0]], f"seq/lidar/{place}.bin")
    (tmp_path / "1.bin").write_text(json.dumps({**sequence({}, {}, {}), "prefix": "s3://lab/seq/"}))

    def car(x: float, who: str) -> dict[str, Any]:
        return {**CAR, "center-x": x, "class-id": 0, "object-id": who, "object-name": f"car:{who}"}

    given = [[car(10, "a")], [car(12, "a"), car(30, "b")], [car(14, "a")]]
    frames = [
        {"frame-number": place, "frame-name": "?", "annotations": annotations}
        for place, annotations in enumerate(given)
    ]
    (tmp_path / "SeqLabel.json").write_text(json.dumps({"tracking-annotations": frames}))
    page = drawn(tmp_path, {"x": "s3://lab/SeqLabel.json"}, "object_tracking", **{"class-map": {"0": "car"}})
    assert "<bdi>lidar/1.bin</bdi>" in page
    assert "M5.00 -6.00h0" in page
    assert 'points="10.00,-20.00 12.00,-20.00 14.00,-20.00"' in page
    assert page.count("<polygon") == 2


def test_linked_boxes_are_drawn_in_their_pictures(tmp_path: Path) -> None:
    (tmp_path / "cam").mkdir()
    for place in range(2):
        cloud(tmp_path, [[0, 0, 0, 0], [5, 5, 0, 0]], f"seq/lidar/{place}.bin")
        for camera in range(2):
            Image.new("RGB", (200, 100)).save(tmp_path / "cam" / f"{camera}-{place}.jpg")

    def images(place: int) -> dict[str, Any]:
        # Neither camera sees the car.
        away = {**IMAGE, "position": {"x": 10, "y": 100, "z": 1}}
        given = [{**away, "image-path": f"{camera}-{place}.jpg"} for camera in range(2)]
        return {"prefix": "s3://lab/cam/", "images": given}

    (tmp_path / "1.bin").write_text(json.dumps({**sequence(images(0), images(1)), "prefix": "s3://lab/seq/"}))
    whose = {"class-id": 0, "object-id": "a", "object-name": "<car>:1"}
    frames = [{"frame-number": place, "frame-name": "?", "annotations": [{**CAR, **whose}]} for place in range(2)]
    drawn_box = {**whose, "left": 20, "top": 30, "width": 40, "height": 50}
    camera = {"tracking-annotations": [{"frame-no": 1, "frame": "1-1.jpg", "annotations": [drawn_box]}]}
    label = {"lidar": {"tracking-annotations": frames}, "camera-1": camera}
    (tmp_path / "SeqLabel.json").write_text(json.dumps(label))
    page = drawn(tmp_path, {"x": "s3://lab/SeqLabel.json"}, "object_tracking", **{"class-map": {"0": "<car>"}})
    assert "<bdi>lidar/1.bin</bdi>" in page, "that with the box"
    assert re.findall('href="([^"]+)"', page) == ["s3://lab/cam/1-1.jpg?200"]
    (rect,) = re.findall("<rect[^>]+>.*?</rect>", page)
    assert 'x="20" y="30" width="40" height="50"' in rect
    assert "&lt;car&gt;:1" in rect


def test_classes_of_points_have_their_colors(tmp_path: Path) -> None:
    cloud(tmp_path, [[0, 0, 0, 0], [1, 1, 0, 0], [2, 2, 0, 0]])
    colors = {"color-map": {"0": {"class-name": "road"}, "3": {"class-name": "<tree>"}}}

    def segmented(numbers: list[int]) -> str:
        (tmp_path / "x.zlib").write_bytes(zlib.compress(bytes(numbers)))
        return drawn(tmp_path, {"x": "s3://lab/x.zlib"}, "single_frame_semantic_segmentation", **colors)

    page = segmented([0, 3, 7])
    titles = re.findall(r'd="(M[^"]+)" stroke="(#\w+)".*?<title>(.*?)</title>', page)
    assert [(path, title) for path, _, title in titles] == [
        ("M0.00 -0.00h0", "road"),
        ("M1.00 -1.00h0", "&lt;tree&gt;"),
        ("M2.00 -2.00h0", ""),
    ]
    assert len({color for _, color, _ in titles}) == 3
    gray = titles[2][1]
    colors["color-map"]["0"] = {"class-name": "Background"}
    assert f'd="M0.00 -0.00h0M2.00 -2.00h0" stroke="{gray}"' in segmented([0, 3, 7])
    with pytest.raises(LabelingError, match=r"x.zlib has 2 points, but the cloud has 3"):
        segmented([0, 0])


def test_cuboids_are_drawn_in_the_pictures_that_show_them(tmp_path: Path) -> None:
    cloud(tmp_path, [[0, 0, 0, 0]])
    (tmp_path / "cam").mkdir()
    for name in ("ahead", "behind", "far"):
        Image.new("RGB", (200, 100)).save(tmp_path / "cam" / f"{name}.jpg")
    # The first looks along the world's y: x to the right, z up. The second looks back.
    ahead = {**IMAGE, "image-path": "ahead.jpg", "fx": 100, "fy": 100, "cx": 100, "cy": 50, "k1": 0, "p1": 0}
    ahead["position"] = {"x": 10, "y": 0, "z": 1}
    behind = {**ahead, "image-path": "behind.jpg", "heading": {"qx": 0, "qy": -0.7071, "qz": 0.7071, "qw": 0}}
    # What it shows of the car is beyond its edge.
    far = {**ahead, "image-path": "far.jpg", "cx": 5_000}
    about = {"unix-timestamp": 1, "prefix": "s3://lab/cam/", "images": [behind, far, ahead]}
    label = {"annotations": [{**CAR, "class-id": 0, "object-name": "car:1"}]}
    line = {"x": label, "source-ref-metadata": about}
    page = drawn(tmp_path, line, "object_detection", class_map={"0": "car"})
    assert re.findall('href="([^"]+)"', page) == ["s3://lab/cam/ahead.jpg?200"]
    # Its back is 18 meters away and two wide.
    points = [pair.split(",") for pair in re.findall(r"[-0-9.]+,[-0-9.]+", page.partition("<image")[2])]
    assert min(float(x) for x, _ in points) == pytest.approx(100 - 100 / 18, abs=0.1)
    assert max(float(y) for _, y in points) == pytest.approx(50 + 75 / 18, abs=0.1)

"""Sequences of video frames as COCO and MOT have them."""

from __future__ import annotations

import configparser
import json
from typing import Any

import numpy as np
import pytest

from labeling_provider.manifest.sequences import sequence_document
from tests.manifest.exports import Exporting, metadata, reasons

CLASSES = {"0": "van", "2": "bus"}


def box(number: int, left: float, top: float, width: float, height: float, who: str = "", **more: Any) -> Any:
    place = {"left": left, "top": top, "width": width, "height": height}
    ids = {"object-id": who, "object-name": f"van:{who}"} if who else {}
    return {"class-id": str(number), **place, **ids, "label-category-attributes": more}


def video(
    export: Exporting, name: str, *frames: list[Any], kind: str = "tracking", shapes: str = "annotations", **more: Any
) -> dict[str, Any]:
    """A line with a labeled sequence; its files are put into the bucket."""
    names = [f"{place:03}.png" for place in range(len(frames))]
    document = sequence_document(1, f"s3://marsh/{name}/", names)
    for place, frame in enumerate(document["frames"]):
        frame["unix-timestamp"] = 50 + place / 10
    export.bucket.objects[f"s3://marsh/{name}/seq.json"] = json.dumps(document).encode()
    export.picture(f"{name}/000.png")
    labels = [
        {"frame-no": str(place), "frame": names[place], shapes: drawn} for place, drawn in enumerate(frames) if drawn
    ]
    uri = f"s3://marsh/out/{name}/SeqLabel.json"
    export.bucket.objects[uri] = json.dumps({f"{kind}-annotations": labels, **more}).encode()
    about = metadata(f"video-object-{kind}", **{"class-map": CLASSES})
    return {"source-ref": f"s3://marsh/{name}/seq.json", "bird": uri, "bird-metadata": about}


def test_coco_with_videos_is_read_by_cocos_own_library(export: Exporting) -> None:
    from pycocotools.coco import COCO

    first = video(
        export,
        "a",
        [box(0, 10, 20, 30, 40, "x")],
        [],
        [box(0, 180, 20, 40, 40, "x", parked="no"), box(2, 0, 0, 9, 9, "y")],
    )
    exported = export("coco-video", first, video(export, "b", [box(2, 1, 1, 5, 5, "x"), box(2, 300, 1, 5, 5, "z")]))
    assert (exported.objects, exported.notes, exported.problems) == (
        {"train": 2},
        {"boxes_cut": 1, "boxes_left_out": 1},
        [],
    )
    read = COCO(str(export.folder / "out/train.json"))
    assert {category["id"]: category["name"] for category in read.loadCats(read.getCatIds())} == {1: "van", 3: "bus"}
    assert [row["name"] for row in read.dataset["videos"]] == ["seq", "seq-2"]
    images = read.loadImgs(read.getImgIds())
    assert [(row["video_id"], row["frame_id"], row["file_name"]) for row in images] == [
        (1, 0, "seq/000.png"),
        (1, 1, "seq/001.png"),
        (1, 2, "seq/002.png"),
        (2, 0, "seq-2/000.png"),
    ]
    assert {(row["width"], row["height"]) for row in images} == {(200, 100)}
    assert images[2]["coco_url"] == "s3://marsh/a/002.png"
    boxes = read.loadAnns(read.getAnnIds(imgIds=[images[2]["id"]]))
    assert [(row["category_id"], row["bbox"], row["instance_id"]) for row in boxes] == [
        (1, [180, 20, 20, 40], 1),
        (3, [0, 0, 9, 9], 2),
    ]
    assert boxes[0]["attributes"] == {"parked": "no"}
    # The same id in another sequence is another object.
    (other,) = read.loadAnns(read.getAnnIds(imgIds=[images[3]["id"]]))
    assert (other["video_id"], other["instance_id"]) == (2, 3)


def test_coco_has_polygons_of_videos_and_detected_boxes(export: Exporting) -> None:
    from pycocotools.coco import COCO

    points = [{"x": x, "y": y} for x, y in [(10, 20), (50, 20), (50, 60), (10, 60)]]
    polygon = {"class-id": "0", "vertices": points}
    lines = [video(export, "a", [polygon], kind="detection", shapes="polygons")]
    export("coco-video", *lines, video(export, "b", [box(0, 1, 1, 5, 5)], kind="detection"))
    read = COCO(str(export.folder / "out/train.json"))
    first, second = read.loadAnns(read.getAnnIds())
    assert read.annToMask(first).sum() == 1600
    assert (first["area"], "instance_id" in first, "segmentation" in second) == (1600, False, False)


def test_mot(export: Exporting) -> None:
    frames = [[box(0, 10, 20, 30, 40, "x")], [], [box(2, -4.5, 0, 9, 9, "y"), box(0, 11, 20, 30, 40, "x")]]
    exported = export("mot", video(export, "a", *frames))
    assert (exported.objects, exported.notes, exported.classes) == ({"train": 1}, {}, ["van", "unused-1", "bus"])
    rows = np.loadtxt(export.folder / "out/train/seq/gt/gt.txt", delimiter=",", ndmin=2)
    assert rows.tolist() == [
        [1, 1, 11, 21, 30, 40, 1, 1, 1],
        [3, 2, -3.5, 1, 9, 9, 1, 3, 1],
        [3, 1, 12, 21, 30, 40, 1, 1, 1],
    ]
    about = configparser.ConfigParser()
    about.optionxform = str  # type: ignore[assignment,method-assign]
    about.read_string(export.read("train/seq/seqinfo.ini"))
    assert dict(about["Sequence"]) == {
        "name": "seq",
        "seqLength": "3",
        "frameRate": "10",
        "imWidth": "200",
        "imHeight": "100",
    }
    assert export.read("train/seq/gt/labels.txt") == "van\nunused-1\nbus\n"
    assert export.rows("train/seq/frames.csv")[2] == {"frame": "3", "object": "s3://marsh/a/002.png"}


def test_what_cant_be_written_is_left_out_and_told(export: Exporting) -> None:
    keypoint = {"class-id": "0", "x": 1, "y": 1}
    lines = [
        video(export, "a", [keypoint], kind="detection", shapes="keypoints"),
        video(export, "b", [box(7, 1, 1, 5, 5, "x")]),
        video(export, "c", [box(0, 1, 1, 5, 5, "x")]),
        {**video(export, "d", []), "bird": "s3://marsh/gone.json"},
        {**video(export, "e", []), "bird-metadata": metadata("point_cloud_object_tracking")},
        video(export, "f", [box(0, 1, 1, 5, 5, "x")]),
    ]
    export.bucket.objects["s3://marsh/c/000.png"] = b"no picture"
    lost = {"frame-no": 9, "frame": "9.png", "annotations": [box(0, 1, 1, 5, 5, "x")]}
    export.bucket.objects["s3://marsh/out/f/SeqLabel.json"] = json.dumps({"tracking-annotations": [lost]}).encode()
    exported = export("coco-video", *lines)
    assert (exported.objects, exported.left_out) == ({"train": 0}, 6)
    complaints = dict(reasons(exported))
    assert complaints[1].endswith("this format can store BoundingBox and Polygon, not Keypoint")
    assert "annotations[0].class-id is '7', which is not a class of the label" in complaints[2]
    assert complaints[3] == "s3://marsh/c/000.png is not a picture; the export needs the size of the frames"
    assert "gone.json" in complaints[4]
    assert complaints[5] == "bird: this format can't store labels of groundtruth/point_cloud_object_tracking"
    assert complaints[6] == "s3://marsh/out/f/SeqLabel.json: the frame 9.png is not in the sequence"


def test_mot_has_only_tracks(export: Exporting) -> None:
    exported = export("mot", video(export, "a", [box(0, 1, 1, 5, 5)], kind="detection"))
    assert reasons(exported) == [(1, "bird: this format can't store labels of groundtruth/video-object-detection")]
    with pytest.raises(ValueError, match="mot has no place for pictures"):
        export("mot", copy_pictures=True)

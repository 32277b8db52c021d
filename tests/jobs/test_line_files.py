"""Files that a manifest line is about."""

from __future__ import annotations

import json
from typing import Any

import pytest

from labeling_provider.groundtruth.task_types import TASK_TYPES
from labeling_provider.jobs.line_files import files_of_line, named_files
from labeling_provider.manifest.sequences import SequenceError

CAMERA = {
    "unix-timestamp": 1.0,
    "camera-model": "pinhole",
    **dict.fromkeys(("fx", "fy", "cx", "cy"), 1.0),
    "position": {"x": 0, "y": 0, "z": 0},
    "heading": {"qx": 0, "qy": 0, "qz": 0, "qw": 1},
}


def files(task_type: str, line: dict[str, Any], **contents: Any) -> list[str]:
    stored = {f"s3://lab/{name}": json.dumps(content).encode() for name, content in contents.items()}
    return list(files_of_line(line, TASK_TYPES[task_type], lambda uri, _: stored[uri], "s3://lab/manifest"))


def test_files_that_a_line_names_are_found_however_deep() -> None:
    line = {
        "source": "s3://not/one",
        "source-ref": "https://lab.s3.amazonaws.com/a%20b",
        "mask-ref": "s3://lab/mask.png",
        "views": [{"left": "s3://lab/left"}, {"note": "see s3://lab/none", "count": 3}, "s3://lab/folder/"],
    }
    expected = ["s3://lab/a b", "s3://lab/mask.png", "s3://lab/left"]
    assert list(named_files(line)) == expected
    assert files("image-classification", line) == expected


def test_a_sequence_has_its_frames() -> None:
    sequence = {
        "seq-no": 1,
        "prefix": "s3://lab/frames/",
        "number-of-frames": 2,
        "frames": [{"frame-no": number, "frame": f"{number}.png"} for number in range(2)],
    }
    uris = files("video-object-tracking", {"source-ref": "https://lab.s3.amazonaws.com/one"}, one=sequence)
    assert uris == ["s3://lab/one", "s3://lab/frames/0.png", "s3://lab/frames/1.png"]


def test_a_point_cloud_has_its_pictures() -> None:
    about = {
        "unix-timestamp": 1.0,
        "format": "binary/xyzi",
        "prefix": "s3://lab/scene/",
        "images": [{"image-path": "images/left.png", **CAMERA}],
    }
    line = {"source-ref": "s3://lab/scene/cloud.bin", "source-ref-metadata": about}
    expected = ["s3://lab/scene/cloud.bin", "s3://lab/scene/images/left.png"]
    assert files("3d-point-cloud-object-detection", line) == expected
    frame = {"frame-no": 0, "frame": "cloud.bin", **about}
    sequence = {"seq-no": 1, "prefix": "s3://lab/scene/", "number-of-frames": 1, "frames": [frame]}
    assert files("3d-point-cloud-object-tracking", {"source-ref": "s3://lab/one"}, one=sequence) == [
        "s3://lab/one",
        *expected,
    ]


def test_what_is_not_described_as_it_must_be_is_told_after_the_rest() -> None:
    line = {"source-ref": "s3://lab/one", "labels-ref": "s3://lab/labels"}
    for task_type in ("3d-point-cloud-object-detection", "video-object-tracking"):
        uris = files_of_line(line, TASK_TYPES[task_type], lambda *_: b"{}", "s3://lab/manifest")
        assert [next(uris), next(uris)] == ["s3://lab/one", "s3://lab/labels"]
        with pytest.raises(SequenceError):
            next(uris)

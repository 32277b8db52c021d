"""The segmentation of point clouds as NumPy arrays."""

from __future__ import annotations

import json
import zlib
from typing import Any

import numpy as np
import pytest

from tests.manifest.exports import Exporting, metadata, reasons

COLORS = {
    "0": {"class-name": "Background", "hex-color": "#ffffff", "confidence": 0},
    "1": {"class-name": "Car", "hex-color": "#2ca02c", "confidence": 0},
    "3": {"class-name": "Tree", "hex-color": "#ff7f0e", "confidence": 0},
}
POINTS = np.array([[1, 2, 3, 0.5], [4, 5, 6, 1], [7, 8, 9, 0]], dtype="<f4")
KIND = "point_cloud_single_frame_semantic_segmentation"


def cloud(export: Exporting, name: str, labels: bytes, body: bytes | None = None, **more: Any) -> dict[str, Any]:
    """A line with a segmented cloud; its files are put into the bucket."""
    uri = f"s3://marsh/out/{name}.zlib"
    export.bucket.objects[f"s3://marsh/{name}"] = POINTS.tobytes() if body is None else body
    export.bucket.objects[uri] = zlib.compress(labels)
    about = metadata(KIND, **{"color-map": COLORS})
    given = {"source-ref-metadata": {"unix-timestamp": 1, **more}} if more else {}
    return {"source-ref": f"s3://marsh/{name}", **given, "bird": uri, "bird-metadata": about}


def test_arrays_are_read_by_numpy(export: Exporting) -> None:
    colored = b"1 2 3 255 128 0\n" * 2
    lines = [
        cloud(export, "a/1.bin", bytes([0, 3, 1])),
        cloud(export, "b/1.txt", bytes(2), colored, format="text/xyzrgb"),
    ]
    exported = export("numpy", *lines)
    assert (exported.objects, exported.problems, exported.classes) == (
        {"train": 2},
        [],
        ["Background", "Car", "unused-2", "Tree"],
    )
    first = np.load(export.folder / "out/train/1.npz", allow_pickle=False)
    assert set(first) == {"positions", "labels", "intensity"}
    np.testing.assert_array_equal(first["positions"], POINTS[:, :3])
    assert (first["labels"].dtype, first["labels"].tolist(), first["intensity"].tolist()) == (
        np.uint8,
        [0, 3, 1],
        [0.5, 1, 0],
    )
    second = np.load(export.folder / "out/train/1-2.npz", allow_pickle=False)
    assert second["colors"].tolist() == [[255, 128, 0]] * 2
    assert json.loads(export.read("classes.json")) == {"0": "Background", "1": "Car", "3": "Tree"}
    assert export.rows("train.csv")[1] == {"file_name": "1-2.npz", "object": "s3://marsh/b/1.txt"}


def test_given_classes_have_their_numbers(export: Exporting) -> None:
    export("numpy", cloud(export, "1.bin", bytes([0, 3, 1])), classes=["Tree", "Car", "Background"])
    assert np.load(export.folder / "out/train/1.npz")["labels"].tolist() == [2, 0, 1]


@pytest.mark.parametrize(
    ("labels", "body", "words"),
    [
        (bytes(2), None, "has labels of 2 points, but s3://marsh/1.bin has 3"),
        (bytes([0, 2, 0]), None, "point 2 has the number 2, which the color map does not name"),
        (bytes(3), POINTS.tobytes()[:-1], "s3://marsh/1.bin: it has 47 bytes, which is not a multiple of 16"),
    ],
)
def test_what_does_not_belong_together_is_told(
    export: Exporting, labels: bytes, body: bytes | None, words: str
) -> None:
    exported = export("numpy", cloud(export, "1.bin", labels, body))
    ((line, message),) = reasons(exported)
    assert line == 1
    assert words in message


def test_a_label_that_cant_be_read_is_told(export: Exporting) -> None:
    line = cloud(export, "1.bin", bytes(3))
    export.bucket.objects["s3://marsh/out/1.bin.zlib"] = b"no zlib"
    assert "s3://marsh/out/1.bin.zlib is not a zlib file" in reasons(export("numpy", line))[0][1]

"""Labels of video frames as HTML."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from labeling_provider.errors import LabelingError
from labeling_provider.manifest import Files, SequenceLabel
from labeling_provider.rendering.sequence_drawing import drawn_sequence


class Local(Files):
    """Files in a folder that are asked for as if they were in S3."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = folder

    def chunks(self, where: Any) -> Any:
        return super().chunks(self.folder / str(where).removeprefix("s3://lab/"))


def label(folder: Path, kind: str, frames: list[Any], names: tuple[str, ...] = ("<van>",)) -> SequenceLabel:
    (folder / "SeqLabel.json").write_text(json.dumps({f"{kind}-annotations": frames}))
    class_map = {str(number): name for number, name in enumerate(names)}
    metadata = {"type": f"groundtruth/video-object-{kind}", "class-map": class_map}
    return SequenceLabel("x-ref", "s3://lab/SeqLabel.json", metadata)


def sequence(folder: Path, count: int) -> None:
    names = [f"{number}.png" for number in range(count)]
    frames = [{"frame-no": number, "frame": name} for number, name in enumerate(names)]
    document = {"seq-no": 1, "prefix": "s3://lab/yard/", "number-of-frames": count, "frames": frames}
    (folder / "seq.json").write_text(json.dumps(document))
    (folder / "yard").mkdir()
    for name in names:
        Image.new("RGB", (80, 60)).save(folder / "yard" / name)


def drawn(folder: Path, of: SequenceLabel) -> str:
    address = "{}?{}x{}".format
    return str(drawn_sequence(Local(folder), "s3://lab/seq.json", of, lambda uri, size: address(uri, *size)))


def test_some_frames_are_shown_with_boxes_and_the_ways_of_objects(tmp_path: Path) -> None:
    sequence(tmp_path, 9)
    box = {"top": 5, "width": 10, "height": 10, "class-id": "0", "object-id": "id", "object-name": "<van>:1"}
    frames = [
        {"frame-no": str(number), "frame": f"{number}.png", "annotations": [{**box, "left": number}] if number else []}
        for number in range(9)
    ]
    page = drawn(tmp_path, label(tmp_path, "tracking", frames))
    shown = [number for number in range(9) if f"s3://lab/yard/{number}.png?80x60" in page]
    assert shown == [1, 3, 5, 8], "not the first, in which nothing is"
    assert page.count("<rect") == page.count("<polyline") == 4
    assert 'viewBox="0 0 80 60"' in page
    assert 'points="6.0,10.0 7.0,10.0' in page
    assert "&lt;van&gt;:1" in page
    assert "<van>" not in page


@pytest.mark.parametrize(
    ("listed", "shape", "tag"),
    [
        ("polygons", {"vertices": [{"x": 1, "y": 2}, {"x": 3, "y": 4}, {"x": 5, "y": 9}]}, "<polygon"),
        ("polylines", {"vertices": [{"x": 1, "y": 2}, {"x": 3, "y": 4}]}, "<polyline"),
        ("keypoints", {"x": 4, "y": 5}, "<circle"),
    ],
)
def test_other_shapes_are_drawn_as_on_pictures(tmp_path: Path, listed: str, shape: Any, tag: str) -> None:
    sequence(tmp_path, 1)
    frames = [{"frame-no": 0, "frame": "0.png", listed: [{**shape, "class-id": 0}]}]
    assert drawn(tmp_path, label(tmp_path, "detection", frames)).count(tag) == 1


def test_what_is_no_label_is_told_and_what_is_no_picture_left_out(tmp_path: Path) -> None:
    sequence(tmp_path, 2)
    (tmp_path / "yard" / "0.png").write_bytes(b"nothing")
    frames = [{"frame-no": number, "frame": f"{number}.png"} for number in range(2)]
    page = drawn(tmp_path, label(tmp_path, "detection", frames))
    assert "0.png" not in page
    assert "1.png" in page
    broken = label(tmp_path, "detection", [3])
    with pytest.raises(LabelingError, match=r"detection-annotations\[0\] is a number"):
        drawn(tmp_path, broken)

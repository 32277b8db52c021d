"""Frames taken from videos."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from labeling_provider.manifest.video import VideoError, video_frames
from tests.manifest.videos import SIZE, video

URI = "s3://yard/cam.mp4"


def gray(picture: bytes) -> float:
    image = Image.open(io.BytesIO(picture))
    assert image.size == SIZE
    return float(np.asarray(image).mean())


@pytest.mark.parametrize(
    ("rate", "wanted"),
    [
        (None, range(20)),
        (10, range(20)),
        (5, range(0, 20, 2)),
        (2, [0, 5, 10, 15]),
        (0.5, [0]),
        # Every third frame now, every fourth then: the one that is shown at each third of a second, or next.
        (3, [0, 4, 7, 10, 14, 17]),
        (100, range(20)),
    ],
)
def test_so_many_frames_a_second_are_taken(tmp_path: Path, rate: float | None, wanted: list[int]) -> None:
    frames = list(video_frames(video(tmp_path / "cam.mp4", 20), URI, rate))
    assert [round(frame.seconds * 10) for frame in frames] == list(wanted)
    assert [round(gray(frame.picture) / 12) for frame in frames] == list(wanted)


@pytest.mark.parametrize("body", [b"", b"no video", b"RIFF" + bytes(1000)])
def test_what_is_no_video_is_told(tmp_path: Path, body: bytes) -> None:
    path = tmp_path / "cam.mp4"
    path.write_bytes(body)
    with pytest.raises(VideoError, match=URI):
        list(video_frames(path, URI))


def test_without_pyav_it_is_told_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(VideoError, match=r"pip install 'airflow-provider-labeling\[video\]'"):
        list(video_frames(tmp_path / "cam.mp4", URI))

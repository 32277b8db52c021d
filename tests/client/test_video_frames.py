"""Videos in S3 become sequences of frames in S3."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from labeling_provider.client.video_frames import extract_frames
from labeling_provider.errors import LabelingError
from labeling_provider.groundtruth.facts import Quota
from labeling_provider.manifest.sequences import read_sequence
from labeling_provider.manifest.video import VideoError
from tests.client.clients import ground_truth
from tests.conftest import Lab
from tests.manifest.videos import video
from tests.own_names import own_id


def test_a_long_video_becomes_several_sequences(lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Quota, "SEQUENCE_FRAMES", 8)
    name = own_id().hex
    uri = lab.put(f"{name}/my cam.mp4", video(tmp_path / "cam.mp4", 20).read_bytes())
    objects = ground_truth(lab).objects
    uris = list(extract_frames(objects, uri, f"s3://lab/{name}/frames"))
    sequences = [read_sequence(lab.get(sequence_uri), sequence_uri) for sequence_uri in uris]
    assert [len(sequence.frames) for sequence in sequences] == [8, 8, 4]
    frames = [sequence.uri(frame) for sequence in sequences for frame in sequence.frames]
    assert {f"s3://lab/{key}" for key in lab.keys(f"{name}/frames/")} == {*frames, *uris}
    assert lab.get(frames[0]).startswith(b"\xff\xd8")
    assert "/my-cam-" in frames[0]
    # Again, the same; at another rate in a folder of its own.
    assert list(extract_frames(objects, uri, f"s3://lab/{name}/frames")) == uris
    (slow,) = extract_frames(objects, uri, f"s3://lab/{name}/frames", 2)
    assert len(json.loads(lab.get(slow))["frames"]) == 4
    assert slow.rpartition("/001/")[0] != uris[0].rpartition("/001/")[0]


def test_a_video_that_is_missing_or_broken_is_named(lab: Lab) -> None:
    objects = ground_truth(lab).objects
    with pytest.raises(LabelingError, match="s3://lab/no-video.mp4 can't be read"):
        list(extract_frames(objects, "s3://lab/no-video.mp4", "s3://lab/frames"))
    with pytest.raises(VideoError, match="s3://lab/broken.mp4 can't be read as a video"):
        list(extract_frames(objects, lab.put("broken.mp4", b"nothing"), "s3://lab/frames"))

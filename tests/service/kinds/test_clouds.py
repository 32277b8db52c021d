"""Point clouds that can't be used: each ends in one clear reason, before anybody sees it."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from random import Random
from typing import Any

import pytest

from labeling_provider.manifest.point_clouds import MAX_POINTS
from labeling_provider.service.cloud.object_store import MissingObject
from tests.service.in_process import InProcess, Memory
from tests.service.kinds.some_clouds import (
    LINE,
    NAMES,
    PREFIX,
    SEQUENCE_LINE,
    URI,
    cloud,
    cloud_objects,
    sequence_file,
    tracks_label,
)
from tests.service.kinds.some_jobs import LABELS, make_kind

DETECTION, TRACKING = "3d-point-cloud-object-detection", "3d-point-cloud-object-tracking"
FIRST = f"{PREFIX}0.bin"


def obstacle(task_type: str, line: dict[str, Any] | None = None, **files: bytes | None) -> str | None:
    """Why an object can't be worked on.

    :param files: what its files are instead; None for those that are missing.
    """
    kind = make_kind(task_type)
    store = kind.job.object_store
    assert isinstance(store, Memory)
    for name, body in files.items():
        uri = PREFIX + name.replace("__", "/").replace("_", ".").replace("n0", "0")
        store.objects.pop(uri, None)
        store.objects |= {} if body is None else {uri: body}
    return kind.obstacle(line or (SEQUENCE_LINE if kind.job.task_type.has_sequence_files else LINE))


@pytest.mark.parametrize("task_type", [DETECTION, TRACKING])
def test_a_file_that_is_missing_is_named(task_type: str) -> None:
    assert obstacle(task_type) is None
    assert obstacle(task_type, n0_bin=None) == f"There is no point cloud {FIRST}."
    assert obstacle(task_type, cam__0_jpg=None) == f"There is no picture {PREFIX}cam/0.jpg."


@pytest.mark.parametrize("task_type", [DETECTION, TRACKING])
@pytest.mark.parametrize(
    ("body", "words"),
    [
        (cloud(last=float("nan")), "byte 92 (point 6): i is nan, which is not a number of 4 bytes"),
        (cloud()[:-1], "it has 95 bytes, which is not a multiple of 16, the size of a point in binary/xyzi"),
        (b"", "it is empty"),
    ],
)
def test_what_is_wrong_in_a_cloud_is_told(task_type: str, body: bytes, words: str) -> None:
    assert obstacle(task_type, n0_bin=body) == f"The point cloud can't be used. {FIRST}: {words}."


def test_of_a_cloud_alone_every_point_is_read() -> None:
    far = struct.pack("<f", 1.0) * 4 * 5_000 + struct.pack("<4f", 1, 2, float("inf"), 4)
    assert "byte 80008 (point 5,001): z is inf" in str(obstacle(DETECTION, n0_bin=far))


@pytest.mark.parametrize("task_type", [DETECTION, TRACKING])
def test_too_many_points_are_told_without_reading_them(task_type: str, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = Memory.size

    def size(store: Memory, uri: str) -> int:
        return 16 * (MAX_POINTS + 1) if uri == FIRST else sizes(store, uri)

    monkeypatch.setattr(Memory, "size", size)
    assert "it has 10,000,001 points; at most 10,000,000 are allowed" in str(obstacle(task_type))


@pytest.mark.parametrize("task_type", [DETECTION, TRACKING])
def test_large_clouds_are_read_only_at_their_beginning(task_type: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Memory, "size", lambda store, uri: 96_000_000)
    monkeypatch.setattr(Memory, "read", refused)
    monkeypatch.setattr(Memory, "beginning", lambda store, uri, max_bytes: store.objects[uri][:max_bytes])
    assert obstacle(task_type) is None


def refused(store: Memory, uri: str) -> bytes:
    raise AssertionError(f"{uri} was read whole")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (None, f"There is no sequence file {URI}."),
        (b"{", f"The sequence file can't be used. {URI}: line 1: it is not JSON"),
        (sequence_file().replace(b'"number-of-frames": 3', b'"number-of-frames": 4'), "frames has 3"),
        (sequence_file().replace(b'"qw": 1', b'"qw": NaN'), "can't be used"),
        (sequence_file(["seq.json", *NAMES]), "frames[0].frame is 'seq.json', the sequence file itself"),
    ],
)
def test_a_sequence_file_that_is_wrong_is_told(body: bytes | None, words: str) -> None:
    assert words in str(obstacle(TRACKING, seq_json=body))


def test_a_line_that_describes_no_cloud_is_told() -> None:
    line = {**LINE, "source-ref-metadata": {"unix-timestamp": "noon"}}
    expected = "The point cloud can't be used. The manifest line: source-ref-metadata.unix-timestamp is 'noon'"
    assert str(obstacle(DETECTION, line)).startswith(expected)


def test_a_store_that_reads_whole_objects_knows_their_sizes() -> None:
    assert Memory({URI: b"abc"}).size(URI) == 3
    with pytest.raises(MissingObject):
        Memory().size(URI)


def test_points_of_a_text_are_its_lines_that_are_not_empty() -> None:
    kind = make_kind("3d-point-cloud-semantic-segmentation")
    kind.job.object_store.write({f"{PREFIX}a.txt": (b"1 2 3 4\n\n1 2 3 4\n5 6 7 8", "")})
    line = json.loads(json.dumps({**LINE, "source-ref": f"{PREFIX}a.txt"}))
    assert kind.count(line) == 3  # type: ignore[attr-defined]


def test_hostile_sequences_each_end_in_one_reason_and_nothing_else_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    huge, lost = f"{PREFIX}huge.bin", f"{PREFIX}lost.bin"
    sizes = Memory.size
    monkeypatch.setattr(Memory, "size", lambda own, uri: 16 * (MAX_POINTS + 1) if uri == huge else sizes(own, uri))
    good = sequence_file()
    sequences = {
        "missing": (sequence_file(["0.bin", "lost.bin"]), f"There is no point cloud {lost}."),
        "pose": (good.replace(b'"qw": 1', b'"qw": NaN'), "NaN is not a number"),
        "huge": (sequence_file(["huge.bin"]), f"{huge}: it has 10,000,001 points; at most 10,000,000 are allowed"),
        "count": (good.replace(b'"number-of-frames": 3', b'"number-of-frames": 4'), "frames has 3"),
        "self": (sequence_file(["self.json"]), "frames[0].frame is 'self.json', the sequence file itself"),
        "there": (sequence_file(["back.json"]), "frames[0].frame is 'back.json'; write the points as"),
        "back": (sequence_file(["there.json"]), "frames[0].frame is 'there.json'; write the points as"),
        "deep": (b'{"frames":' * 50_000, "it is not JSON"),
    }
    service = InProcess(tmp_path)
    service.storage.objects |= cloud_objects() | {huge: cloud()}
    service.storage.objects |= {f"{PREFIX}{name}.json": body for name, (body, _) in sequences.items()}
    truth = tracks_label(Random(4), LABELS)
    lines = [{"source-ref": f"{PREFIX}{name}.json", "truth": truth} for name in sequences]
    manifest = b"".join(json.dumps(line).encode() + b"\n" for line in [*lines, {**SEQUENCE_LINE, "truth": truth}])
    given = {"labels": LABELS, "label_attribute_name": "track-ref", "workers_per_object": 1}
    try:
        description, output = service.run(manifest, task_type=TRACKING, **given)
        objects = dict(service.storage.objects)
    finally:
        service.close()
    counters = description["LabelCounters"]
    assert (counters["HumanLabeled"], counters["FailedNonRetryableError"]) == (1, len(sequences))
    *failed, done = output
    assert json.loads(objects[done["track-ref"]]) == truth
    for line, (name, (_, words)) in zip(failed, sequences.items(), strict=True):
        assert line["source-ref"] == f"{PREFIX}{name}.json"
        reason = line["track-ref-metadata"]["failure-reason"]
        assert words in reason
        assert len(reason) < 400

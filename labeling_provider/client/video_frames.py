"""Extracts the frames of videos in S3 to S3, with sequence files that name them."""

from __future__ import annotations

import json
import re
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import Final

from labeling_provider.client.s3_objects import Objects
from labeling_provider.groundtruth.facts import Quota
from labeling_provider.groundtruth.uris import join_s3_uri
from labeling_provider.manifest.sequences import sequence_document
from labeling_provider.manifest.video import VideoFrame, video_frames

_THREADS: Final = 8
_AHEAD: Final = 32
"""How many frames may wait to be written."""
_NAME_CHARACTERS: Final = 60


def extract_frames(
    objects: Objects, video_uri: str, folder: str, frames_per_second: float | None = None
) -> Iterator[str]:
    """Write the frames of a video, and a sequence file for each 2,000 of them.

    The same video, folder and rate give the same names, so an interrupted extraction can be repeated.

    :param folder: S3 URI of the folder in which the video gets one of its own.
    :param frames_per_second: how many to take per second; None for all.
    :return: S3 URIs of the sequence files, each once all of its frames are written.
    :raises VideoError: if the video can't be decoded.
    :raises LabelingError: if it can't be read, or a frame can't be written.
    """
    base = join_s3_uri(folder, _folder_of(video_uri, frames_per_second))
    with TemporaryDirectory() as local, ThreadPoolExecutor(_THREADS) as pool:
        path = Path(local) / "video"
        with path.open("wb") as file:
            for chunk in objects.read_chunks(video_uri):
                file.write(chunk)
        frames = video_frames(path, video_uri, frames_per_second)
        for part, names in enumerate(_parts(objects, pool, frames, base), 1):
            prefix = join_s3_uri(base, f"{part:03}", "")
            document = sequence_document(part, prefix, names)
            uri = f"{prefix}sequence.json"
            objects.write_text(uri, json.dumps(document, ensure_ascii=False))
            yield uri


def _parts(objects: Objects, pool: ThreadPoolExecutor, frames: Iterator[VideoFrame], base: str) -> Iterator[list[str]]:
    """Write frames; yields the frame names of each sequence once all of them are written."""
    names: list[str] = []
    waiting: deque[Future[None]] = deque()
    part = 1
    try:
        for frame in frames:
            if len(names) == Quota.SEQUENCE_FRAMES:
                _finish(waiting, 0)
                yield names
                names, part = [], part + 1
            name = f"{len(names):06}.jpg"
            waiting.append(pool.submit(_write, objects, join_s3_uri(base, f"{part:03}", name), frame.picture))
            names.append(name)
            _finish(waiting, _AHEAD)
        _finish(waiting, 0)
    finally:
        for writing in waiting:
            writing.cancel()
    yield names


def _write(objects: Objects, uri: str, picture: bytes) -> None:
    with objects.writer(uri) as upload:
        upload.write(picture)


def _finish(waiting: deque[Future[None]], max_waiting: int) -> None:
    """Wait until at most ``max_waiting`` frames are still to be written.

    :raises LabelingError: if one can't be written.
    """
    while len(waiting) > max_waiting:
        waiting.popleft().result()


def _folder_of(video_uri: str, frames_per_second: float | None) -> str:
    """A folder's name that tells videos and rates apart."""
    stem = re.sub(r"[^\w.-]", "-", PurePosixPath(video_uri).stem, flags=re.ASCII)[:_NAME_CHARACTERS]
    digest = sha256(f"{video_uri} {frames_per_second}".encode()).hexdigest()[:8]
    return f"{stem}-{digest}"

"""Extracts the frames of video files, for labeling jobs over sequences of frames.

Needs PyAV: ``pip install 'airflow-provider-labeling[video]'``.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any, Final, NamedTuple

from labeling_provider.errors import LabelingError
from labeling_provider.groundtruth.facts import Quota

_QUALITY: Final = 92
_SLACK: Final = 1e-6


class VideoError(LabelingError):
    """A video whose frames can't be extracted."""


class VideoFrame(NamedTuple):
    """One picture of a video.

    :param seconds: time since the video's beginning.
    :param picture: a JPEG.
    """

    seconds: float
    picture: bytes


def video_frames(path: Path, where: str, frames_per_second: float | None = None) -> Iterator[VideoFrame]:
    """The frames of a video, one after the other, in constant memory.

    Frames that the video marks as rotated are turned upright.

    :param where: the video's URI, for errors.
    :param frames_per_second: how many to take per second, at even intervals; None for all. A video that has
        fewer gives all of its frames.
    :raises VideoError: if it is not a video, has pictures that are too large, or breaks off.
    """
    try:
        import av
    except ImportError:
        remedy = "pip install 'airflow-provider-labeling[video]'"
        raise VideoError(f"{where}: extracting frames needs PyAV: {remedy}") from None
    try:
        with av.open(str(path)) as container:
            yield from _frames(container, where, frames_per_second)
    except av.error.FFmpegError as error:
        raise VideoError(f"{where} can't be read as a video: {error.strerror or error}") from None


def _frames(container: Any, where: str, frames_per_second: float | None) -> Iterator[VideoFrame]:
    if not container.streams.video:
        raise VideoError(f"{where} has no pictures")
    stream = container.streams.video[0]
    # Decoding in several threads is three times as fast.
    stream.thread_type = "AUTO"
    first, due = None, 0.0
    for frame in container.decode(stream):
        if frame.width * frame.height > Quota.IMAGE_PIXELS:
            size = f"{frame.width:,} × {frame.height:,} pixels"
            raise VideoError(f"{where} has {size}; at most {Quota.IMAGE_PIXELS:,} in total are allowed")
        seconds = frame.time if frame.time is not None else 0.0
        first = seconds if first is None else first
        seconds -= first
        if frames_per_second is not None:
            if seconds < due - _SLACK:
                continue
            # Gaps in a video are not filled with frames.
            due = (math.floor(seconds * frames_per_second + _SLACK) + 1) / frames_per_second
        yield VideoFrame(seconds, _jpeg(frame))
    if first is None:
        raise VideoError(f"{where} has no pictures")


def _jpeg(frame: Any) -> bytes:
    image, body = frame.to_image(), BytesIO()
    # The counter-clockwise angle by which FFmpeg says to turn it, as Pillow turns.
    turn = getattr(frame, "rotation", 0)
    if turn:
        image = image.rotate(turn, expand=True)
    image.save(body, "JPEG", quality=_QUALITY)
    return body.getvalue()

"""What Ground Truth requires of the files of a labeling job: their endings, sizes and content types, and CORS rules.

Sources: developer guide, "Input data quotas" and "CORS requirement for input image data".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from labeling_provider.groundtruth.facts import Quota
from labeling_provider.groundtruth.task_types import TaskType

IMAGE_ENDINGS: Final = (".jpg", ".jpeg", ".png")
"""Endings of images and video frames. Keys may have them in upper case."""


class Media(NamedTuple):
    """The requirements for the files of one medium.

    :param endings: allowed endings of keys, in lower case; empty for any.
    :param max_bytes: largest file, in bytes; None for no limit.
    :param max_pixels: largest image, in pixels; None for other media.
    :param types: allowed prefixes of content types; empty for any.
    :param cors: methods that the bucket's CORS rule must allow; None if no rule is needed.
    :param writes: whether workers' browsers also use the output bucket.
    """

    endings: tuple[str, ...] = ()
    max_bytes: int | None = None
    max_pixels: int | None = None
    types: tuple[str, ...] = ()
    cors: frozenset[str] | None = None
    writes: bool = False


_READ: Final = frozenset({"GET"})
_READ_WRITE: Final = frozenset({"GET", "HEAD", "PUT"})
_MEDIA: Final[Mapping[str, Media]] = {
    "image": Media(IMAGE_ENDINGS, Quota.IMAGE_BYTES, Quota.IMAGE_PIXELS, ("image/",), _READ),
    "video": Media((".mp4", ".ogg", ".webm"), types=("video/", "application/ogg"), cors=_READ),
    "frames": Media((".json",), Quota.SEQUENCE_FILE_BYTES, cors=_READ_WRITE, writes=True),
    "points": Media(cors=_READ_WRITE, writes=True),
}
"""By :attr:`TaskType.media`; files of all others may be anything."""


def media_of(task_type: TaskType | None, *, automated: bool = False) -> Media:
    """The requirements for the files that a manifest of a task type names.

    :param task_type: None if it is not known; then files may be anything.
    :param automated: whether the job uses automated labeling, which allows only smaller images.
    """
    media = _MEDIA.get(task_type.media, Media()) if task_type else Media()
    if task_type and automated and media.max_pixels is not None:
        return media._replace(max_pixels=task_type.max_pixels_automated)
    return media

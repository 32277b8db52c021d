"""The data objects that a manifest line names, directly or in a sequence file, so that they can be brought along."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from labeling_provider.client.retries import is_outage
from labeling_provider.client.s3_objects import Objects
from labeling_provider.errors import LabelingError
from labeling_provider.groundtruth.facts import Quota
from labeling_provider.groundtruth.task_types import TaskType
from labeling_provider.groundtruth.uris import as_s3_uri
from labeling_provider.manifest.point_sequences import PointFrame, read_point_frame, read_point_sequence
from labeling_provider.manifest.sequences import read_sequence


def data_uris(line: Mapping[str, Any], task_type: TaskType, objects: Objects) -> Iterator[str]:
    """URIs of the files that a manifest line names, and of the frames and pictures that belong to its object.

    A sequence file that can't be read names none: what is wrong with it is told when it is copied, or labeled.

    :param objects: reads sequence files.
    :raises LabelingError: if S3 does not answer any more.
    """
    yield from named_uris(line)
    uri = line.get("source-ref")
    if not isinstance(uri, str) or not task_type.is_sequence:
        return
    try:
        if task_type.media == "frames":
            sequence = read_sequence(objects.read(uri, Quota.SEQUENCE_FILE_BYTES), uri)
            yield from (sequence.uri(frame) for frame in sequence.frames)
        elif task_type.has_sequence_files:
            clouds = read_point_sequence(objects.read(uri, Quota.POINT_SEQUENCE_FILE_BYTES), uri)
            yield from (part for frame in clouds.frames for part in (frame.uri, *_pictures(frame)))
        else:
            yield from _pictures(read_point_frame(line, uri))
    except LabelingError as error:
        if is_outage(error):
            raise


def _pictures(frame: PointFrame) -> Iterator[str]:
    return (image.uri for image in frame.images)


def named_uris(line: Mapping[str, Any]) -> Iterator[str]:
    """URIs of the files that a manifest line names: its data object, masks and other references; no folders."""
    left: list[Any] = [{key: value for key, value in line.items() if key != "source"}]
    while left:
        value = left.pop()
        if isinstance(value, dict):
            left += reversed(value.values())
        elif isinstance(value, list):
            left += reversed(value)
        elif isinstance(value, str) and (uri := as_s3_uri(value)).startswith("s3://"):
            yield from () if uri.endswith("/") else (uri,)

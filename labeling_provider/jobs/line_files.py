"""Which files a manifest line is about: its data object, the frames of a sequence, masks and other references."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from labeling_provider.groundtruth.facts import Quota
from labeling_provider.groundtruth.task_types import TaskType
from labeling_provider.groundtruth.uris import as_s3_uri
from labeling_provider.manifest.point_sequences import PointFrame, read_point_frame, read_point_sequence
from labeling_provider.manifest.sequences import read_sequence


def files_of_line(
    line: Mapping[str, Any], task_type: TaskType, read: Callable[[str, int], bytes], where: str
) -> Iterator[str]:
    """URIs of all files that the workers on a line's object look at, and of whatever else the line names.

    :param read: the content of a file, by its URI and the largest size to accept, in bytes.
    :param where: the manifest, for errors.
    :raises SequenceError: after the other files, if a sequence of frames or a point cloud is described wrongly.
    :raises LabelingError: from ``read``.
    """
    yield from named_files(line)
    uri = line.get("source-ref")
    if not task_type.is_sequence or not isinstance(uri, str):
        return
    if not task_type.has_sequence_files:
        yield from _pictures(read_point_frame(line, where))
        return
    uri = as_s3_uri(uri)
    if not task_type.has_point_clouds:
        sequence = read_sequence(read(uri, Quota.SEQUENCE_FILE_BYTES), uri)
        yield from map(sequence.uri, sequence.frames)
        return
    for frame in read_point_sequence(read(uri, Quota.POINT_SEQUENCE_FILE_BYTES), uri).frames:
        yield frame.uri
        yield from _pictures(frame)


def _pictures(frame: PointFrame) -> Iterator[str]:
    return (image.uri for image in frame.images)


def named_files(line: Mapping[str, Any]) -> Iterator[str]:
    """URIs of the files that a line names itself, however deep; what ends with a slash is a folder."""
    left: list[Any] = [{key: value for key, value in line.items() if key != "source"}]
    while left:
        value = left.pop()
        if isinstance(value, dict):
            left += reversed(value.values())
        elif isinstance(value, list):
            left += reversed(value)
        elif isinstance(value, str) and (uri := as_s3_uri(value)).startswith("s3://") and not uri.endswith("/"):
            yield uri

"""The point clouds of a job's objects: what their files are, and whether they can be used."""

from __future__ import annotations

from collections.abc import Iterator
from tempfile import SpooledTemporaryFile
from typing import Any, Final

from labeling_provider.groundtruth.facts import Quota
from labeling_provider.manifest.point_clouds import (
    BEGINNING_BYTES,
    PointCloudError,
    beginning_problem,
    read_point_cloud,
    size_problem,
)
from labeling_provider.manifest.point_sequences import (
    PointFrame,
    frame_document,
    image_document,
    read_point_frame,
    read_point_sequence,
)
from labeling_provider.manifest.sequences import SequenceError
from labeling_provider.service.cloud.object_store import MissingObject
from labeling_provider.service.kinds.drawn_frames import KEPT_SEQUENCES, LOOKED_FOR, SequenceFiles
from labeling_provider.service.kinds.kind import JobFacts
from labeling_provider.service.kinds.stored_data import Recent

_MAX_WHOLE_BYTES: Final = 64_000_000
"""Largest cloud that is read from beginning to end before people see it, in bytes. Ground Truth advises 8,000,000."""
_IN_MEMORY_BYTES: Final = 1 << 24


class Clouds:
    """The clouds of one job."""

    def __init__(self, job: JobFacts) -> None:
        self._job, self._store = job, job.object_store
        self._sequences = SequenceFiles(self._store, read_point_sequence, Quota.POINT_SEQUENCE_FILE_BYTES)
        self._counts = Recent[int](KEPT_SEQUENCES)

    def frames(self, line: dict[str, Any]) -> tuple[PointFrame, ...]:
        """The frames of a data object; a single one if it is not a sequence.

        :raises ValueError: in words for people, if the sequence file is missing, or what describes the frames is wrong.
        """
        if not self._job.task_type.has_sequence_files:
            try:
                return (read_point_frame(line, "The manifest line"),)
            except SequenceError as error:
                raise ValueError(f"The point cloud can't be used. {error}.") from None
        return self._sequences.of(str(line.get("source-ref"))).frames

    def obstacle(self, line: dict[str, Any]) -> str | None:
        """Why nobody can work on an object: what is missing, or wrong in a file; None if nothing is.

        Of a sequence, only the beginnings of a sample of files are checked: reading 500 clouds from far away takes
        minutes.
        """
        try:
            frames = self.frames(line)
        except ValueError as error:
            return str(error)
        return next(self._problems(frames[:: len(frames) // LOOKED_FOR + 1], whole=len(frames) == 1), None)

    def _problems(self, frames: tuple[PointFrame, ...], *, whole: bool) -> Iterator[str]:
        for frame in frames:
            try:
                problem = self._problem(frame, whole=whole)
            except MissingObject:
                yield f"There is no point cloud {frame.uri}."
                continue
            if problem:
                yield f"The point cloud can't be used. {frame.uri}: {problem}."
            for image in frame.images:
                if self._store.version(image.uri) is None:
                    yield f"There is no picture {image.uri}."

    def _problem(self, frame: PointFrame, *, whole: bool) -> str:
        size = self._store.size(frame.uri)
        problem = size_problem(size, frame.format)
        if problem or not whole or size > _MAX_WHOLE_BYTES:
            return problem or beginning_problem(self._store.beginning(frame.uri, BEGINNING_BYTES), frame.format, size)
        try:
            read_point_cloud(self._store.read(frame.uri), frame.format, frame.uri)
        except PointCloudError as error:
            return str(error).removeprefix(f"{frame.uri}: ")
        return ""

    def count(self, frame: PointFrame) -> int:
        """The number of points of a cloud.

        :raises ValueError: in words for people, if it is missing or has an impossible size.
        """
        try:
            size = self._store.size(frame.uri)
            if problem := size_problem(size, frame.format):
                raise ValueError(f"The point cloud can't be used. {frame.uri}: {problem}.")
            if frame.format.is_binary:
                return size // frame.format.record
            version = self._store.version(frame.uri)
            return self._counts.of(f"{version} {frame.uri}", lambda: self._lines(frame.uri))
        except MissingObject:
            raise ValueError(f"There is no point cloud {frame.uri}.") from None

    def _lines(self, uri: str) -> int:
        with SpooledTemporaryFile(max_size=_IN_MEMORY_BYTES) as file:
            self._store.copy_to(uri, file)
            file.seek(0)
            return sum(bool(line.strip()) for line in file)


def shown_frames(frames: tuple[PointFrame, ...]) -> list[dict[str, Any]]:
    """Frames as interfaces show them: numbered by their position in the sequence, with the URIs of their files."""
    return [_shown(place, frame) for place, frame in enumerate(frames)]


def _shown(place: int, frame: PointFrame) -> dict[str, Any]:
    about = frame_document(frame._replace(images=()), "")
    images = [{"uri": image.uri, "about": image_document(image, "")} for image in frame.images]
    return {"frame-no": place, "frame": frame.name, "uri": frame.uri, "about": about, "images": images}

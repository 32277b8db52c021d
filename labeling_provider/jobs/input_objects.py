"""Checks the objects of a manifest before they are labeled: files, frames, point clouds.

What it may not see is not a problem.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import Any, Final, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from labeling_provider.client.ground_truth import GroundTruth
from labeling_provider.client.retries import error_code
from labeling_provider.errors import LabelingError, Problem
from labeling_provider.groundtruth.facts import Quota
from labeling_provider.groundtruth.media import Media
from labeling_provider.groundtruth.task_types import TaskType
from labeling_provider.groundtruth.uris import as_s3_uri, split_s3_uri
from labeling_provider.manifest import parse_line
from labeling_provider.manifest.pictures import BEGINNING_BYTES, facts_of
from labeling_provider.manifest.point_clouds import BEGINNING_BYTES as CLOUD_BEGINNING_BYTES
from labeling_provider.manifest.point_clouds import beginning_problem
from labeling_provider.manifest.point_sequences import PointFrame, read_point_frame, read_point_sequence
from labeling_provider.manifest.sequences import SequenceError, read_sequence

MAX_SAMPLE: Final = 1000
"""Most objects of a manifest that are checked."""
_THREADS: Final = 10
_MAX_PROBLEMS: Final = 10
_ABSENT: Final = frozenset({"404", "NoSuchKey", "NoSuchBucket"})
_UNTYPED: Final = ("binary/octet-stream", "application/octet-stream", "")

Sampled = TypeVar("Sampled")
Sequence = TypeVar("Sequence")

log = logging.getLogger(__name__)


class LineSample:
    """A random sample of lines, always the same for the same manifest and seed.

    :param seed: a seed, such as the manifest's URI.
    """

    def __init__(self, seed: str) -> None:
        self._chance, self._kept, self._passed = random.Random(seed), list[tuple[int, bytes]](), 0  # noqa: S311

    def through(self, lines: Iterable[bytes]) -> Iterator[bytes]:
        """Sample lines while passing them through unchanged."""
        for self._passed, raw in enumerate(lines, 1):
            if self._passed <= MAX_SAMPLE:
                self._kept.append((self._passed, raw))
            elif (place := self._chance.randrange(self._passed)) < MAX_SAMPLE:
                self._kept[place] = (self._passed, raw)
            yield raw

    def references(self) -> list[tuple[int, str]]:
        """Line number and ``s3://bucket/key`` of the sampled lines whose ``source-ref`` is in S3, in order."""
        return [
            (number, uri)
            for number, line in self.lines()
            if isinstance(reference := line.get("source-ref"), str)
            and (uri := as_s3_uri(reference)).startswith("s3://")
        ]

    def lines(self) -> Iterator[tuple[int, dict[str, Any]]]:
        """Number and content of the sampled lines that can be read, in order."""
        for number, raw in sorted(self._kept):
            with suppress(ValueError):
                yield number, parse_line(raw)


class Findings:
    """The results of checking one job.

    :ivar problems: what is wrong.
    :ivar remarks: what is not wrong, but worth knowing before labeling.
    :ivar unseen: what this connection may not check, for the log.
    """

    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self.remarks: list[str] = []
        self.unseen: list[str] = []

    def wrong(self, field: str, message: str, remedy: str) -> None:
        """Add a problem."""
        self.problems.append(Problem(field, message, remedy))

    def not_seen(self, subject: str, error: Exception) -> None:
        """Add what could not be looked at, once."""
        unseen = f"{subject} ({error_code(error) or type(error).__name__})"
        if unseen not in self.unseen:
            self.unseen.append(unseen)


class ObjectInspection:
    """Checks the objects that a manifest names, and what they name in turn.

    :param media: the requirements for the files.
    :param findings: where to add what is wrong.
    """

    def __init__(self, ground_truth: GroundTruth, task_type: TaskType | None, media: Media, findings: Findings) -> None:
        self._ground_truth, self._task_type, self._media, self._findings = ground_truth, task_type, media, findings
        self._turned: list[int] = []

    def of_manifest(self, manifest: str, sample: LineSample) -> set[str]:
        """Check the sampled lines' objects.

        :param manifest: the manifest's URI, for messages.
        :return: the names of all buckets in which they are.
        """
        references = sample.references()
        self._objects(references, manifest)
        parts: list[tuple[int, str]] = []
        if self._task_type and self._task_type.has_point_clouds:
            parts = self._point_clouds(sample, manifest)
        elif self._task_type and self._task_type.is_sequence:
            parts = self._frames(references, manifest)
        return {split_s3_uri(uri)[0] for _, uri in [*references, *parts]}

    def _objects(self, references: list[tuple[int, str]], manifest: str) -> None:
        """Check that objects exist and meet Ground Truth's requirements.

        :param references: line numbers and S3 URIs.
        :param manifest: the manifest's URI, for messages.
        """
        with ThreadPoolExecutor(_THREADS) as pool:
            wrong = [finding for finding in pool.map(self._wrong_with, references) if finding]
        self._tell(wrong, manifest, len(references))
        if self._turned:
            self._findings.remarks.append(
                f"{manifest}: {len(self._turned)} of the {len(references)} pictures checked are stored rotated, the "
                f"first in line {min(self._turned)}. Workers see the stored pixels, but most programs rotate them by "
                "the EXIF orientation. Store them upright before labeling (Pillow: ImageOps.exif_transpose)."
            )

    def _tell(self, wrong: list[tuple[int, str]], manifest: str, count: int) -> None:
        for where, message in wrong[:_MAX_PROBLEMS]:
            self._findings.wrong(
                "manifest_uri", f"{manifest} line {where}: {message}.", "Correct the manifest or the object."
            )
        if len(wrong) > _MAX_PROBLEMS:
            more = f"{len(wrong) - _MAX_PROBLEMS} more of the {count} objects checked are wrong."
            self._findings.wrong("manifest_uri", more, "")

    def _frames(self, references: list[tuple[int, str]], manifest: str) -> list[tuple[int, str]]:
        """Check sequence files, and that their frames exist: all, or as many of each as a sample may have.

        :param references: line numbers and S3 URIs of sequence files; a missing one is reported elsewhere.
        :param manifest: the manifest's URI, for messages.
        :return: line numbers and S3 URIs of frames.
        """
        frames: list[tuple[int, str]] = []
        wrong: list[tuple[int, str]] = []
        for number, uri in references:
            sequence = self._sequence(number, uri, Quota.SEQUENCE_FILE_BYTES, read_sequence, wrong)
            if sequence is not None:
                frames += [(number, sequence.uri(frame)) for frame in sequence.frames]
        chosen = _spread(frames)
        with ThreadPoolExecutor(_THREADS) as pool:
            wrong += [finding for finding in pool.map(partial(self._missing, "frame"), chosen) if finding]
        self._tell(wrong, manifest, len(references) + len(chosen))
        return frames

    def _sequence(
        self,
        number: int,
        uri: str,
        max_bytes: int,
        read: Callable[[bytes, str], Sequence],
        wrong: list[tuple[int, str]],
    ) -> Sequence | None:
        """A sequence file; None if it can't be used, which is added to the problems unless it does not exist."""
        try:
            return read(self._ground_truth.objects.read(uri, max_bytes), uri)
        except SequenceError as error:
            wrong += [(number, f"{uri}: {problem}") for problem in error.problems]
        except LabelingError as error:
            log.debug("%s: %s", uri, error)
        return None

    def _point_clouds(self, sample: LineSample, manifest: str) -> list[tuple[int, str]]:
        """Check the frames that lines describe or sequence files list, the beginnings of the clouds, and the pictures.

        Of clouds and pictures, as many are looked at as a sample may have.

        :param manifest: the manifest's URI, for messages.
        :return: line numbers and S3 URIs of clouds and pictures.
        """
        wrong: list[tuple[int, str]] = []
        frames = list(self._point_frames(sample, manifest, wrong))
        images = [(number, image.uri) for number, frame in frames for image in frame.images]
        clouds, pictures = _spread(frames), _spread(images)
        with ThreadPoolExecutor(_THREADS) as pool:
            wrong += [finding for finding in pool.map(self._wrong_cloud, clouds) if finding]
            wrong += [finding for finding in pool.map(partial(self._missing, "picture"), pictures) if finding]
        self._tell(wrong, manifest, len(clouds) + len(pictures))
        return [*images, *((number, frame.uri) for number, frame in frames)]

    def _point_frames(
        self, sample: LineSample, manifest: str, wrong: list[tuple[int, str]]
    ) -> Iterator[tuple[int, PointFrame]]:
        if self._task_type and self._task_type.has_sequence_files:
            for number, uri in sample.references():
                sequence = self._sequence(number, uri, Quota.POINT_SEQUENCE_FILE_BYTES, read_point_sequence, wrong)
                yield from ((number, frame) for frame in (sequence.frames if sequence else ()))
            return
        for number, line in sample.lines():
            try:
                yield number, read_point_frame(line, manifest)
            except SequenceError as error:
                wrong += [(number, problem) for problem in error.problems]

    def _wrong_cloud(self, numbered: tuple[int, PointFrame]) -> tuple[int, str] | None:
        number, frame = numbered
        bucket, key = split_s3_uri(frame.uri)
        try:
            _, size, beginning = self._beginning(bucket, key, CLOUD_BEGINNING_BYTES)
        except (BotoCoreError, ClientError) as error:
            code = error_code(error)
            if code == "InvalidRange":
                return number, f"the point cloud {frame.uri} is empty"
            if code not in _ABSENT:
                self._findings.not_seen(f"the objects of {bucket}", error)
            # An object that does not exist is reported elsewhere.
            elif frame.name != frame.uri:
                return number, f"the frame {frame.uri} does not exist"
            return None
        problem = beginning_problem(beginning, frame.format, size)
        return (number, f"the point cloud {frame.uri}: {problem}") if problem else None

    def _missing(self, what: str, reference: tuple[int, str]) -> tuple[int, str] | None:
        number, uri = reference
        bucket, key = split_s3_uri(uri)
        try:
            self._ground_truth.s3.head_object(Bucket=bucket, Key=key)
        except (BotoCoreError, ClientError) as error:
            if error_code(error) in _ABSENT:
                return number, f"the {what} {uri} does not exist"
            self._findings.not_seen(f"the objects of {bucket}", error)
        return None

    def _wrong_with(self, reference: tuple[int, str]) -> tuple[int, str] | None:
        number, uri = reference
        bucket, key = split_s3_uri(uri)
        try:
            kind, size, beginning = self._file(bucket, key)
        except (BotoCoreError, ClientError) as error:
            if error_code(error) in _ABSENT:
                return number, f"{uri} does not exist"
            if error_code(error) == "InvalidRange":
                return number, f"{uri} is empty"
            self._findings.not_seen(f"the objects of {bucket}", error)
            return None
        media = self._media
        if media.endings and not key.lower().endswith(media.endings):
            return number, f"{uri} does not end with {' or '.join(media.endings)}"
        if media.types and kind not in _UNTYPED and not kind.startswith(media.types):
            return number, f"{uri} has the content type {kind[:80]!r}"
        if media.max_bytes is not None and size > media.max_bytes:
            return number, f"{uri} has {size:,} bytes; at most {media.max_bytes:,} are allowed"
        facts = facts_of(beginning)
        if facts is None or media.max_pixels is None:
            return None
        if facts.orientation != 1:
            self._turned.append(number)
        if (width := facts.width) * (height := facts.height) > media.max_pixels:
            limit = f"at most {media.max_pixels:,} in total are allowed"
            return number, f"{uri} has {width:,} × {height:,} pixels; {limit}"
        return None

    def _file(self, bucket: str, key: str) -> tuple[str, int, bytes]:
        """Content type, size in bytes, and for pictures the first bytes of the file."""
        if self._media.max_pixels is None:
            head = self._ground_truth.s3.head_object(Bucket=bucket, Key=key)
            return head.get("ContentType", ""), head["ContentLength"], b""
        return self._beginning(bucket, key, BEGINNING_BYTES)

    def _beginning(self, bucket: str, key: str, max_bytes: int) -> tuple[str, int, bytes]:
        """Content type, size in bytes, and the first bytes of an object."""
        answer = self._ground_truth.s3.get_object(Bucket=bucket, Key=key, Range=f"bytes=0-{max_bytes - 1}")
        size = answer.get("ContentRange", "").rpartition("/")[2] or answer["ContentLength"]
        return answer.get("ContentType", ""), int(size), answer["Body"].read(max_bytes)


def _spread(objects: list[Sampled]) -> list[Sampled]:
    """As many as a sample may have, from all parts of a list."""
    return objects if len(objects) <= MAX_SAMPLE else objects[:: len(objects) // MAX_SAMPLE + 1]

"""Reads the files with the workers' answers in a labeling job's output.

Source: developer guide, "Labeling job output data", "Worker response directory", and "Worker metadata".
"""

from __future__ import annotations

import heapq
import re
from collections.abc import Iterable, Iterator
from hashlib import blake2b
from typing import Any, Final, NamedTuple

import msgspec

from labeling_provider.errors import LabelingError
from labeling_provider.groundtruth.layout import WORKER_RESPONSES
from labeling_provider.groundtruth.structures import make_ready
from labeling_provider.manifest import Files
from labeling_provider.manifest.former_names import renamed

_FILE: Final = re.compile(rf"/{WORKER_RESPONSES}/iteration-\d{{1,9}}/(\d{{1,9}})/[^/]+\.json$")
_MAX_BYTES: Final = 16 << 20


class AnswerFile(NamedTuple):
    """A file with the answers about one object.

    :param uri: its S3 URI.
    :param object_id: the object's line in the job's manifest, from 0.
    """

    uri: str
    object_id: int


class RecordedAnswer(msgspec.Struct, rename="camel"):
    """One worker's answer."""

    worker_id: str
    answer_content: Any = None
    time_spent_in_seconds: float | None = None


class _Answers(msgspec.Struct):
    answers: list[RecordedAnswer]


def answer_file(uri: str) -> AnswerFile | None:
    """An answer file by its URI; None if the URI is not that of an answer file."""
    match = _FILE.search(uri)
    return AnswerFile(uri, int(match[1])) if match else None


@renamed(most="max_files")
def chosen_files(uris: Iterable[str], max_files: int) -> tuple[list[AnswerFile], int]:
    """A sample of the answer files among some URIs: those with the smallest hashes, so the sample is reproducible.

    :param max_files: the largest number of files to take.
    :return: the sample, and the number of all answer files.
    """
    count = 0

    def counted() -> Iterator[AnswerFile]:
        nonlocal count
        for uri in uris:
            if (file := answer_file(uri)) is not None:
                count += 1
                yield file

    files = counted()
    chosen = heapq.nsmallest(max_files, files, key=_hash)
    # If none are wanted, do not look at any.
    for _ in files:
        pass
    return chosen, count


def _hash(file: AnswerFile) -> bytes:
    return blake2b(file.uri.encode(errors="backslashreplace"), digest_size=8).digest()


def read_answers(files: Files, uri: str) -> list[RecordedAnswer]:
    """Read the answers in a file.

    :raises LabelingError: if it can't be read or does not contain answers.
    """
    body = files.whole(uri, _MAX_BYTES)
    try:
        return msgspec.json.decode(body, type=_Answers).answers
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise LabelingError(f"{uri} does not contain workers' answers: {error}") from None


make_ready(__name__)

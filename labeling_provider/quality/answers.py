"""The files with the workers' answers, as a labeling job leaves them beside its labels.

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
from labeling_provider.manifest import Files

_FILE: Final = re.compile(rf"/{WORKER_RESPONSES}/iteration-\d{{1,9}}/(\d{{1,9}})/[^/]+\.json$")
_MAX_BYTES: Final = 16 << 20


class AnswerFile(NamedTuple):
    """A file with the answers about one object.

    :param object_id: the object's line in the job's manifest, from 0.
    """

    uri: str
    object_id: int


class Answer(msgspec.Struct, rename="camel"):
    """What one worker sent."""

    worker_id: str
    answer_content: Any = None
    time_spent_in_seconds: float | None = None


class _Answers(msgspec.Struct):
    answers: list[Answer]


def answer_file(uri: str) -> AnswerFile | None:
    """What the name of a file tells; None if it is no answer about an object."""
    found = _FILE.search(uri)
    return AnswerFile(uri, int(found[1])) if found else None


def chosen_files(uris: Iterable[str], most: int) -> tuple[list[AnswerFile], int]:
    """So many files at most: those whose hash is smallest, so that the same files always give the same choice.

    :return: the files, and how many there are.
    """
    count = 0

    def counted() -> Iterator[AnswerFile]:
        nonlocal count
        for uri in uris:
            if (one := answer_file(uri)) is not None:
                count += 1
                yield one

    files = counted()
    chosen = heapq.nsmallest(most, files, key=_hash)
    # Who chooses none has looked at none.
    for _ in files:
        pass
    return chosen, count


def _hash(one: AnswerFile) -> bytes:
    return blake2b(one.uri.encode(errors="backslashreplace"), digest_size=8).digest()


def read_answers(files: Files, uri: str) -> list[Answer]:
    """The answers of a file.

    :raises LabelingError: if it can't be read or holds no answers.
    """
    body = bytearray()
    for chunk in files.chunks(uri):
        body += chunk
        if len(body) > _MAX_BYTES:
            raise LabelingError(f"{uri} has more than {_MAX_BYTES:,} bytes, too many for answers about one object.")
    try:
        return msgspec.json.decode(body, type=_Answers).answers
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise LabelingError(f"{uri} holds no answers of workers: {error}") from None

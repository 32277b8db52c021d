"""What a labeling job has left over, and the labels of several rounds put together. Streaming, in constant memory.

A job's output manifest has one line per input line, in input order, at all times; an object that failed has its reason
in the metadata and no label (developer guide, "Labeling job output data" and "Chaining labeling jobs").
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from labeling_provider.groundtruth.objects import ObjectKeys
from labeling_provider.manifest.reader import LineProblem, ManifestError, parse_line, size_of, written


def missing_lines(lines: Iterable[bytes], label_attribute: str, where: str = "manifest") -> Iterator[bytes]:
    """The lines without a label, ready to be the input of a further job: without the metadata of the failure.

    :param lines: the raw lines of an output manifest.
    :param where: its name, for the error.
    :raises ManifestError: at a line that can't be read.
    """
    for data, raw in _parsed(lines, where):
        if label_attribute in data:
            continue
        if data.pop(f"{label_attribute}-metadata", None) is None:
            yield raw
        else:
            yield written(data)


def without_label(raw: bytes, label_attribute: str) -> bytes:
    """A line as the input of a further job: without its label, or the reason why it has none.

    :raises ValueError: in words for a person, if it can't be read.
    """
    data = parse_line(raw)
    for key in (label_attribute, f"{label_attribute}-metadata"):
        data.pop(key, None)
    return written(data)


def merge_rounds(rounds: list[Iterable[bytes]], label_attribute: str, where: str = "manifest") -> Iterator[bytes]:
    """One manifest out of a job's output and those of the jobs that followed up on what it had left over.

    :param rounds: raw lines of each output manifest; the input of each was :func:`missing_lines` of the one before.
    :param where: the first manifest's name, for the error.
    :return: every line of the first, once and in its order, with the label of the round that has made it.
    :raises ManifestError: if a line can't be read or the rounds do not belong together.
    """
    first, *later = rounds
    objects = ObjectKeys(labels=(label_attribute,))
    follow_ups = _parsed(merge_rounds(later, label_attribute, f"follow-up of {where}"), where) if later else None
    number = 0
    for number, (data, raw) in enumerate(_parsed(first, where), 1):
        if label_attribute in data or follow_ups is None:
            yield raw
            continue
        follow_up, better = next(follow_ups, (None, b""))
        if follow_up is None or objects.digest(follow_up) != objects.digest(data):
            problem = LineProblem(number, 0, "has no label, and the follow-up job has another object in its place")
            raise ManifestError(where, [problem])
        yield better
    if follow_ups is not None and next(follow_ups, None) is not None:
        problem = LineProblem(number, 0, "is the last, and the follow-up job has further objects")
        raise ManifestError(where, [problem])


def _parsed(lines: Iterable[bytes], where: str) -> Iterator[tuple[dict[str, Any], bytes]]:
    offset = 0
    for number, raw in enumerate(lines, 1):
        try:
            data = parse_line(raw, half_surrogates=True)
        except ValueError as error:
            raise ManifestError(where, [LineProblem(number, offset, str(error))]) from None
        offset += size_of(raw)
        yield data, raw if raw.endswith(b"\n") else raw + b"\n"

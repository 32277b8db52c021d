"""Finds the objects that a labeling job left unlabeled, and merges the labels of its follow-up jobs.

Everything is streamed, in constant memory. A job's output manifest always has one line per input line, in input order.
An object that failed has the reason in its metadata and no label (developer guide, "Labeling job output data" and
"Chaining labeling jobs").
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from labeling_provider.groundtruth.objects import METADATA, ObjectKeys
from labeling_provider.manifest.reader import LineProblem, ManifestError, parse_line, size_of, written

MAX_PROBLEMS: Final = 20
"""Most wrong lines that an error lists."""


def missing_lines(lines: Iterable[bytes], label_attribute: str, where: str = "manifest") -> Iterator[bytes]:
    """The lines without a label, as input for a follow-up job: without the metadata of the failure.

    :param lines: the raw lines of an output manifest.
    :param where: the manifest's name, for errors.
    :raises ManifestError: at the first line that can't be read.
    """
    for data, raw in _parsed(lines, where):
        if label_attribute in data:
            continue
        if data.pop(f"{label_attribute}{METADATA}", None) is None:
            yield raw
        else:
            yield written(data)


def without_label(raw: bytes, label_attribute: str) -> bytes:
    """A line as input for another job: without its label and the label's metadata.

    :raises ValueError: in words for people, if the line can't be read.
    """
    data = parse_line(raw)
    for key in (label_attribute, f"{label_attribute}{METADATA}"):
        data.pop(key, None)
    return written(data)


def merge_rounds(
    rounds: Sequence[Iterable[bytes]], label_attribute: str, where: str | Sequence[str] = "manifest"
) -> Iterator[bytes]:
    """Merge the output manifests of a job and its follow-up jobs.

    :param rounds: raw lines of each output manifest; each job's input was :func:`missing_lines` of the manifest before.
    :param where: the name of each manifest, or of the first, for errors.
    :return: every line of the first manifest, once and in order, with the label from whichever job made it. Nothing
        more is returned after a wrong line.
    :raises ManifestError: at the end, if lines can't be read or the manifests do not belong together. It lists up to
        20 problems, each with its manifest and line.
    """
    given = [where] if isinstance(where, str) else list(where)
    names = given + [f"follow-up {number} of {given[0]}" for number in range(len(given), len(rounds))]
    merging = _Merging(label_attribute)
    try:
        for _, raw in merging.merged(list(zip(names, rounds, strict=True))):
            yield raw
    except _TooManyProblems:
        pass
    if merging.problems:
        raise merging.error()


class _TooManyProblems(Exception):
    """There are enough problems to report; the remaining lines need no check."""


class _Merging:
    """A merge in progress. After a wrong line it continues only to find further problems."""

    def __init__(self, label_attribute: str) -> None:
        self._attribute = label_attribute
        self._keys = ObjectKeys(labels=(label_attribute,))
        self.problems: list[tuple[str, LineProblem]] = []

    def merged(self, rounds: Sequence[tuple[str, Iterable[bytes]]]) -> Iterator[tuple[dict[str, Any], bytes]]:
        """Lines of the first round with the labels of the others, parsed and raw.

        :param rounds: name and raw lines of each round.
        """
        (where, lines), *later = rounds
        follow_ups = self.merged(later) if later else None
        number = 0
        for number, offset, line in self._parsed(where, lines):
            if self.problems:
                continue
            if self._attribute in line[0] or follow_ups is None:
                yield line
                continue
            follow_up = next(follow_ups, None)
            if follow_up is not None and self._keys.digest(follow_up[0]) == self._keys.digest(line[0]):
                yield follow_up
            elif not self.problems:
                self._note(where, number, offset, "has no label, and the follow-up job has a different object here")
        for _ in follow_ups or ():
            if not self.problems:
                self._note(where, number, 0, "is the last line, but the follow-up job has more objects")

    def _parsed(self, where: str, lines: Iterable[bytes]) -> Iterator[tuple[int, int, tuple[dict[str, Any], bytes]]]:
        """Number, offset and content of each line that can be read."""
        offset = 0
        for number, raw in enumerate(lines, 1):
            try:
                data = parse_line(raw, half_surrogates=True)
            except ValueError as error:
                self._note(where, number, offset, str(error))
            else:
                yield number, offset, (data, _ended(raw))
            offset += size_of(raw)

    def _note(self, where: str, number: int, offset: int, message: str) -> None:
        self.problems.append((where, LineProblem(number, offset, message)))
        if len(self.problems) >= MAX_PROBLEMS:
            raise _TooManyProblems

    def error(self) -> ManifestError:
        """The error for all problems. Those in manifests other than the first carry the manifest's name."""
        first = self.problems[0][0]
        problems = [
            problem if where == first else LineProblem(0, 0, f"{where}: {problem}") for where, problem in self.problems
        ]
        return ManifestError(first, problems)


def _parsed(lines: Iterable[bytes], where: str) -> Iterator[tuple[dict[str, Any], bytes]]:
    offset = 0
    for number, raw in enumerate(lines, 1):
        try:
            data = parse_line(raw, half_surrogates=True)
        except ValueError as error:
            raise ManifestError(where, [LineProblem(number, offset, str(error))]) from None
        offset += size_of(raw)
        yield data, _ended(raw)


def _ended(raw: bytes) -> bytes:
    return raw if raw.endswith(b"\n") else raw + b"\n"

"""What a labeling job has left over, and the labels of several rounds put together. Streaming, in constant memory.

A job's output manifest has one line per input line, in input order, at all times; an object that failed has its reason
in the metadata and no label (developer guide, "Labeling job output data" and "Chaining labeling jobs").
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from labeling_provider.groundtruth.objects import ObjectKeys
from labeling_provider.manifest.reader import LineProblem, ManifestError, parse_line, size_of, written

MAX_PROBLEMS: Final = 20
"""So many wrong lines an error names."""


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


def merge_rounds(
    rounds: Sequence[Iterable[bytes]], label_attribute: str, where: str | Sequence[str] = "manifest"
) -> Iterator[bytes]:
    """One manifest out of a job's output and those of the jobs that followed up on what it had left over.

    :param rounds: raw lines of each output manifest; the input of each was :func:`missing_lines` of the one before.
    :param where: the name of each manifest, or of the first, for the error.
    :return: every line of the first, once and in its order, with the label of the round that has made it. After a wrong
        line nothing more is returned.
    :raises ManifestError: at the end, if lines can't be read or the rounds do not belong together: it names each
        manifest and line, up to 20 of them.
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
    """So many lines are wrong that the rest need not be looked at."""


class _Merging:
    """Rounds that are being merged; it goes on after a wrong line only to find the others."""

    def __init__(self, label_attribute: str) -> None:
        self._attribute = label_attribute
        self._keys = ObjectKeys(labels=(label_attribute,))
        self.problems: list[tuple[str, LineProblem]] = []

    def merged(self, rounds: Sequence[tuple[str, Iterable[bytes]]]) -> Iterator[tuple[dict[str, Any], bytes]]:
        """Lines of the first round, with the labels of the others, parsed and as they are written.

        :param rounds: name and raw lines of each.
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
                self._note(where, number, offset, "has no label, and the follow-up job has another object in its place")
        for _ in follow_ups or ():
            if not self.problems:
                self._note(where, number, 0, "is the last, and the follow-up job has further objects")

    def _parsed(self, where: str, lines: Iterable[bytes]) -> Iterator[tuple[int, int, tuple[dict[str, Any], bytes]]]:
        """Number, offset, and what each line says, of those that can be read."""
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
        """What to raise for the problems: the first manifest's own, and the others' with their name."""
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

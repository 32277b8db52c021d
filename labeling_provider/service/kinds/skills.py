"""How well each worker of a labeling job works.

Nobody knows the truth about an object, so workers are measured by each other: how often their marks find partners, and
how far these are off. One object reveals little about a worker. So each estimate is pulled toward that of the crowd,
and the crowd's toward what is usual, until its own data outweighs that.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from itertools import islice, zip_longest
from typing import Final, NamedTuple

_CROWD_WEIGHT: Final = 20.0
"""The weight of the crowd's estimate against a worker's own, as a number of things or marks."""
_UNIT: Final = 1 << 30
"""Evidence is counted in units of 1 divided by this."""
_MIN_RATE, _MAX_RATE = 0.005, 0.98
"""No worker is known to be perfect, or useless."""


class Skill(NamedTuple):
    """How well a worker works.

    :param recall: the share of the visible things that the worker marks, 0 to 1.
    :param extra: marks of nothing, per thing that is there.
    :param misnamed: the share of marks with a wrong label, 0 to 1.
    :param off: how far marks are off, above 0, in the kind's own measure.
    :param repeats: how many times as often two marks of an object have the same label as by chance; 1 if unknown.
    """

    recall: float
    extra: float
    misnamed: float
    off: float
    repeats: float = 1.0


class Evidence(NamedTuple):
    """What one object reveals about one worker: numbers of things and of marks, each weighted with its probability.

    :param there: things that the worker could see.
    :param marked: those that were marked.
    :param extra: marks of nothing.
    :param compared: marks with partners from other workers.
    :param misnamed: those with a label that differs from most of their partners.
    :param off: the sum of how far those are off.
    :param beside: marks beside which the worker made others.
    :param repeated: the share of those others with the same label, in sum, times the number of labels.
    """

    there: float = 0.0
    marked: float = 0.0
    extra: float = 0.0
    compared: float = 0.0
    misnamed: float = 0.0
    off: float = 0.0
    beside: float = 0.0
    repeated: float = 0.0


class _Sums:
    """Sums of evidence, by worker and in total. As whole numbers, they don't depend on the order of additions."""

    def __init__(self) -> None:
        self._of: dict[str, list[int]] = {}
        self._all = [0] * len(Evidence._fields)

    def add(self, entries: Iterable[tuple[str, Evidence]], times: int = 1) -> None:
        """Add what an object reveals about its workers, or subtract it if ``times`` is -1."""
        for worker, evidence in entries:
            own = self._of.setdefault(worker, [0] * len(evidence))
            for place, value in enumerate(evidence):
                part = times * round(value * _UNIT)
                own[place] += part
                self._all[place] += part
            if not any(own):
                del self._of[worker]

    def of(self, worker: str, *others: _Sums) -> Evidence:
        """What is known about a worker, together with other sums."""
        return _evidence([sums._of.get(worker, ()) for sums in (self, *others)])

    def of_all(self, *others: _Sums) -> Evidence:
        """What is known about all workers, together with other sums."""
        return _evidence([sums._all for sums in (self, *others)])


class SkillBook:
    """What the latest objects of a job reveal about its workers.

    :param usual: the skill of a worker about whom nothing is known.
    :param size: how many objects are remembered.
    """

    def __init__(self, usual: Skill, size: int) -> None:
        self._usual, self._size = usual, size
        self._objects: deque[list[tuple[str, Evidence]]] = deque()
        self._sums = _Sums()

    def add(self, evidence: Iterable[list[tuple[str, Evidence]]]) -> None:
        """Remember what some objects reveal.

        :param evidence: for each object, its workers and what it reveals about them.
        """
        for entries in evidence:
            self._objects.append(entries)
            self._sums.add(entries)
            if len(self._objects) > self._size:
                self._sums.add(self._objects.popleft(), -1)

    def skills(self, batch: Sequence[list[tuple[str, Evidence]]]) -> Callable[[str], Skill]:
        """The skill of each worker, from what is remembered and from a batch that is not remembered yet."""
        change = _Sums()
        for entries in batch:
            change.add(entries)
        for entries in islice(self._objects, max(len(self._objects) + len(batch) - self._size, 0)):
            change.add(entries, -1)
        crowd = _skill(self._sums.of_all(change), self._usual)
        return lambda worker: _skill(self._sums.of(worker, change), crowd)


def _evidence(parts: Iterable[Sequence[int]]) -> Evidence:
    columns = zip_longest(*parts, fillvalue=0)
    return Evidence(*(sum(column) / _UNIT for column in columns))


def _skill(seen: Evidence, base: Skill) -> Skill:
    """A skill from what was seen, pulled toward another one."""

    def share(part: float, whole: float, pull: float) -> float:
        return (part + _CROWD_WEIGHT * pull) / (whole + _CROWD_WEIGHT)

    return Skill(
        recall=min(max(share(seen.marked, seen.there, base.recall), _MIN_RATE), _MAX_RATE),
        extra=max(share(seen.extra, seen.there, base.extra), _MIN_RATE),
        misnamed=min(max(share(seen.misnamed, seen.compared, base.misnamed), _MIN_RATE), _MAX_RATE),
        off=share(seen.off, seen.compared, base.off),
        repeats=share(seen.repeated, seen.beside, base.repeats),
    )

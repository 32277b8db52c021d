"""Consolidates what several workers marked in an object: boxes in a picture, spans in a text.

Marks of different workers are matched, the closest ones first. A thing is there if that is more probable than not,
given who marked it: a skilled worker's mark says more than a careless one's, and so does the lack of one. Some things
are hard to see and some places look like one, so workers err together, which the probabilities take into account. Where
workers are undecided between two labels, those of the other things in the object say more.
Source of matching by Jaccard index: developer guide, "Annotation consolidation".
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import comb
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from labeling_provider.service.kinds.matching import close_pairs, groups, similar_rows
from labeling_provider.service.kinds.skills import Evidence, Skill

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

# Found with simulated workers, see benchmarks/consolidation.py.
_VISIBLE: Final = ((1.0, 0.89), (0.5, 0.06), (0.2, 0.05))
"""How visible things are, as a share of a worker's usual chance to see one, and the share of such things."""
_KEPT: Final = 0.5
"""Least probability at which a thing is kept."""
_OTHER_READING: Final = 0.35
"""From this Jaccard index on, groups of marks are two readings of one thing unless many workers are in both."""
_DOUBLED: Final = 0.6
"""From this Jaccard index on, a mark of few who also made another with this label is a doubled one."""
_MAX_READINGS: Final = 16
"""Most other groups that one is compared with: the most similar ones."""
_NAMES: Final = 3
"""Number of labels among which a mistaken one is chosen."""
_CONTESTED: Final = 2.0
"""How many things look like another label, so that almost half of the workers choose it, as a multiple of those that
workers mistake on average."""
_MAX_CONTESTED: Final = 0.3
_RIGHT_OF_TWO: Final = 0.55
"""Share of workers who choose the right one of those two labels."""
_MAX_BY_OTHERS: Final = 1.4
"""The most that other things' labels multiply the probability of a label by. It outweighs one vote, but not two."""


class Marks(NamedTuple):
    """What one worker marked.

    :param labels: for each mark, the position of its label among the job's.
    :param extents: an array with a row for each mark: where it begins on each axis, then where it ends.
    """

    labels: Sequence[int]
    extents: Floats


def _marks_of(answers: Sequence[Sequence[Any]], extents: Callable[[Any], Floats]) -> tuple[list[str], list[Marks]]:
    """The labels that occur, in order, and each worker's marks with positions in these labels.

    :param answers: for each worker, a list of what was marked, each a mapping with a ``label``.
    :param extents: as in :class:`Rules`.
    """
    names = sorted({str(mark["label"]) for drawn in answers for mark in drawn})
    positions = {name: position for position, name in enumerate(names)}
    return names, [Marks([positions[str(mark["label"])] for mark in drawn], extents(drawn)) for drawn in answers]


class AgreedMark(NamedTuple):
    """A thing that is probably there.

    :param label: its label.
    :param extent: where it begins on each axis, then where it ends.
    :param confidence: the probability that all of this is right, 0 to 1.
    """

    label: str
    extent: list[float]
    confidence: float


@dataclass(frozen=True)
class Rules:
    """What differs between kinds of marks.

    :param extents: makes the rows of :class:`Marks` from one worker's list.
    :param min_similarity: the lowest Jaccard index of marks of the same thing.
    :param lures: how many places look like a thing, per thing that is there; any share of the workers marks them.
    :param usual: the skill of a worker about whom nothing is known.
    :param middle: the common extents of groups, and the probability that they are right, from extents (groups × workers
        × borders), who is in a group (groups × workers), and how far each worker is usually off.
    :param off: how far each mark is off from those of the other workers of its group: groups × workers; from the same.
    """

    extents: Callable[[Any], Floats]
    min_similarity: float
    lures: float
    usual: Skill
    middle: Callable[[Floats, Flags, Floats], tuple[Floats, Floats]]
    off: Callable[[Floats, Flags], Floats]


class _Groups(NamedTuple):
    """Matched marks: arrays with a row for each group and a column for each worker.

    :param there: whether the worker is in the group.
    :param labels: the label the worker chose.
    :param extents: groups × workers × borders.
    :param numbers: how many marks the worker made before this one.
    """

    there: Flags
    labels: npt.NDArray[np.int64]
    extents: Floats
    numbers: npt.NDArray[np.int64]


def evidence(answers: Sequence[Sequence[Any]], class_count: int, rules: Rules) -> list[Evidence]:
    """What an object reveals about each of its workers; nothing if there is only one.

    :param answers: for each worker, a list of what was marked, each a mapping with a ``label``.
    :param class_count: how many labels the job has.
    """
    _, marks = _marks_of(answers, rules.extents)
    of_workers = [Evidence()] * len(marks)
    if len(marks) < 2:
        return of_workers
    order = _ranked(marks, [rules.usual] * len(marks))
    matched = _matched([marks[place] for place in order], rules.min_similarity)
    if not len(matched.there):
        return of_workers
    probable, visible = _presence(matched.there, [rules.usual] * len(marks), rules.lures)
    size = matched.there.sum(axis=1)
    several = matched.there & (size > 1)[:, None]
    sums = (
        np.broadcast_to((probable * visible)[:, None], several.shape),
        probable[:, None] * matched.there,
        ((1 - probable) / size)[:, None] * matched.there,
        probable[:, None] * several,
        probable[:, None] * several * outvoted(matched.labels, matched.there),
        probable[:, None] * np.where(several, rules.off(matched.extents, several), 0.0),
    )
    for place, own in zip(order, np.stack([share.sum(axis=0) for share in sums], axis=1).tolist(), strict=True):
        beside, repeated = _repeated(marks[place].labels, class_count)
        # All workers tell about the same things.
        of_workers[place] = Evidence(*own)._replace(beside=beside / len(marks), repeated=repeated / len(marks))
    return of_workers


def _repeated(labels: Sequence[int], class_count: int) -> tuple[float, float]:
    """What a worker's marks tell about labels that are there several times. See the last two of :class:`Evidence`."""
    count = len(labels)
    if count < 2:
        return 0.0, 0.0
    same = sum(own * (own - 1) for own in Counter(labels).values())
    return float(count), class_count * same / (count - 1)


def consolidate(
    answers: Sequence[Sequence[Any]], known_skills: Sequence[Skill] | None, rules: Rules
) -> list[AgreedMark]:
    """The things that are probably there, in the order in which they were marked. One worker's marks stay as they are.

    :param answers: for each worker, a list of what was marked, each a mapping with a ``label``.
    :param known_skills: how well each of them works; None if all work alike.
    """
    if not answers:
        return []
    occurring, marks = _marks_of(answers, rules.extents)
    skills = [rules.usual] * len(answers) if known_skills is None else known_skills
    order = range(1) if len(marks) == 1 else _ranked(marks, skills)
    matched = _matched([marks[place] for place in order], rules.min_similarity)
    if not len(matched.there):
        return []
    skilled = [skills[place] for place in order]
    probable, _ = _presence(matched.there, skilled, rules.lures)
    extents, placed = rules.middle(matched.extents, matched.there, np.array([skill.off for skill in skilled]))
    names = [
        _names(labels[there].tolist(), [skill for skill, is_in in zip(skilled, there, strict=True) if is_in])
        for labels, there in zip(matched.labels, matched.there, strict=True)
    ]
    kept = (
        range(len(names))
        if len(marks) == 1
        else _kept(matched.there, probable, extents, [name.best[0] for name in names])
    )
    common = [
        AgreedMark(occurring[label], extents[group].tolist(), float(probable[group] * placed[group]) * sure)
        for group, (label, sure) in zip(
            kept, _named([names[group] for group in kept], probable[list(kept)], skilled), strict=True
        )
    ]
    turns = (matched.numbers.sum(axis=1) / matched.there.sum(axis=1))[list(kept)].tolist()
    return [mark for _, mark in sorted(zip(turns, common, strict=True))]


def outvoted(values: npt.NDArray[Any], there: Flags) -> Floats:
    """How probably each worker of a group is wrong, 0 to 1: the most votes are right, and of several values with the
    most, one is. Groups × workers.

    :param values: groups × workers.
    :param there: whether the worker is in the group.
    """
    same = (values[:, :, None] == values[:, None]) & there[:, :, None] & there[:, None]
    votes = same.sum(axis=2)
    top = votes.max(axis=1, keepdims=True)
    leads = there & (votes == top)
    # A value with the most votes counts once for each of its workers.
    leading = leads.sum(axis=1, keepdims=True) / np.maximum(top, 1)
    return np.where(leads, 1 - 1 / np.maximum(leading, 1), 1.0) * there


def _ranked(marks: Sequence[Marks], skills: Sequence[Skill]) -> list[int]:
    """The workers in an order that depends only on what they marked and how skilled they are."""
    return sorted(range(len(marks)), key=lambda place: (_rows(marks[place]), skills[place]))


def _rows(marks: Marks) -> list[tuple[list[float], int, int]]:
    """Where each mark is, its label and its number, in order."""
    return sorted(zip(marks.extents.tolist(), marks.labels, range(len(marks.labels)), strict=True))


def _matched(marks: Sequence[Marks], min_similarity: float) -> _Groups:
    """The groups of marks that stand for the same thing."""
    borders = marks[0].extents.shape[1]
    rows = [_rows(drawn) for drawn in marks]
    sorted_extents = [np.array([extent for extent, _, _ in own]).reshape(-1, borders) for own in rows]
    matched = groups([[label for _, label, _ in own] for own in rows], close_pairs(sorted_extents, min_similarity))
    shape = len(matched), len(marks)
    there = np.zeros(shape, dtype=np.bool_)
    labels = np.full(shape, -1, dtype=np.int64)
    extents = np.zeros((*shape, borders))
    numbers = np.zeros(shape, dtype=np.int64)
    for group, members in enumerate(matched):
        for worker, place in members:
            there[group, worker] = True
            extents[group, worker], labels[group, worker], numbers[group, worker] = rows[worker][place]
    return _Groups(there, labels, extents, numbers)


def _presence(there: Flags, skills: Sequence[Skill], lures: float) -> tuple[Floats, Floats]:
    """The probability that each group stands for a thing, and how visible that thing is, as in :data:`_VISIBLE`.

    :param there: groups × workers.
    :param lures: as in :class:`Rules`.
    """
    chance = np.array([skill.recall for skill in skills])
    extra = np.array([skill.extra for skill in skills])
    size, workers = there.sum(axis=1), there.shape[1]
    by_visibility = [
        share * np.where(there, chance * visible, 1 - chance * visible).prod(axis=1) for visible, share in _VISIBLE
    ]
    real = np.sum(by_visibility, axis=0)
    visibility = sum(part * visible for part, (visible, _) in zip(by_visibility, _VISIBLE, strict=True)) / real
    # A worker alone, or some who were misled by the same looks: one over the number of such groups of workers.
    misled = np.array([1 / comb(workers, int(count)) for count in size]) / (workers + 1)
    nothing = lures * misled + (there * extra).sum(axis=1) * (size == 1)
    return real / (real + nothing), visibility


class _Names(NamedTuple):
    """Which labels a thing may have.

    :param labels: those that workers chose, in order.
    :param probable: their probabilities, and that of all others.
    """

    labels: npt.NDArray[np.int64]
    probable: Floats

    @property
    def best(self) -> tuple[int, float]:
        """The most probable label, the first one if several are, and its probability."""
        # Products of the same factors in another order may differ in the last digits.
        best = int(self.probable[:-1].round(9).argmax())
        return int(self.labels[best]), float(self.probable[best])


def _names(labels: Sequence[int], skills: Sequence[Skill]) -> _Names:
    """Which labels a thing may have, by what the workers in its group chose."""
    right = np.array([1 - skill.misnamed for skill in skills])
    wrong = (1 - right) / _NAMES
    options = np.unique(labels)
    named = np.array(labels) == options[:, None]
    none = np.zeros_like(named[:1])
    # One of the labels that nobody chose stands for all of them.
    named, counts = np.concatenate([named, none]), np.append(np.ones(len(options)), max(_NAMES + 1 - len(options), 1))
    clear = np.where(named, right, wrong).prod(axis=1)
    either = right * np.where(named[:, None], _RIGHT_OF_TWO, 1 - _RIGHT_OF_TWO)
    contested = np.where(named[:, None] | named, either, wrong).prod(axis=2)
    np.fill_diagonal(contested, 0.0)
    share = min(_CONTESTED * float(wrong.mean()) * _NAMES, _MAX_CONTESTED)
    likely = counts * ((1 - share) * clear + share / _NAMES * (contested * counts).sum(axis=1))
    return _Names(options, likely / likely.sum())


def _named(names: Sequence[_Names], probable: Floats, skills: Sequence[Skill]) -> Iterator[tuple[int, float]]:
    """The label of each thing that is kept, and its probability.

    Things in an object often have the same label, or never do, as a left and a right hand. Labels that some workers
    chose are more or less probable by that.

    :param probable: the probability that each thing is there.
    """
    repeats = sum(skill.repeats for skill in skills) / len(skills)
    others = np.zeros(max((int(name.labels[-1]) for name in names), default=0) + 1)
    for name, is_there in zip(names, probable.tolist(), strict=True):
        others[name.labels] += is_there * name.probable[:-1]
    for name, is_there in zip(names, probable.tolist(), strict=True):
        if len(name.labels) > 1 and len(names) > 1:
            beside = (others[name.labels] - is_there * name.probable[:-1]) / (probable.sum() - is_there)
            by_others = np.clip(1 + (repeats - 1) * beside, 1 / _MAX_BY_OTHERS, _MAX_BY_OTHERS)
            likely = name.probable * np.append(by_others, 1.0)
            yield _Names(name.labels, likely / likely.sum()).best
        else:
            yield name.best


def _kept(there: Flags, probable: Floats, extents: Floats, labels: Sequence[int]) -> list[int]:
    """The groups that are things, without those that stand for the same thing as one that is more probable."""
    size = there.sum(axis=1)
    ranked = [int(group) for group in np.lexsort((*extents.T, -size, -probable)) if probable[group] >= _KEPT]
    near: dict[int, list[tuple[int, float]]] = {}
    for group, other, similarity in similar_rows(extents, extents, _OTHER_READING, _MAX_READINGS):
        near.setdefault(group, []).append((other, similarity))

    def is_another(group: int, other: int, similarity: float) -> bool:
        """Whether a group stands for the same thing as one that is kept."""
        both = int((there[group] & there[other]).sum())
        if not both or labels[group] != labels[other]:
            return not both
        # Workers in both groups may have marked one thing twice; those in only one of them are better evidence.
        if 2 * both <= min(size[group], size[other]):
            return True
        return similarity >= _DOUBLED and bool(2 * size[group] <= there.shape[1])

    kept: dict[int, None] = {}
    for group in ranked:
        beside = (pair for pair in near.get(group, []) if pair[0] in kept)
        if not any(is_another(group, *pair) for pair in beside):
            kept[group] = None
    return list(kept)

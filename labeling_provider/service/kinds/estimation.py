"""Estimates the class that several workers meant, by models of workers that are weighed by evidence.

Amazon's documentation ("Annotation consolidation") describes expectation maximization over a confusion matrix per
worker, after Dawid and Skene. Whether such matrices fit the workers or only noise depends on the job. So several models
are tried, from "all workers are alike", which is a majority vote, to a separate matrix for each worker. The better a
model predicts what workers said about objects that it has not seen (cross-validation), the more its opinion weighs. A
few answers leave many models possible, and then labels are accordingly uncertain.

Two things keep a model from confirming itself: what it knows of a worker never includes the object in question, and it
stops after a few rounds. Some objects mislead lenient workers alike; a model in which workers guess by habit separates
those from what a class really looks like. Other objects look like two classes; a model in which workers choose between
the two separates those from objects about which careless workers say anything.

Any method that overrules a majority is sometimes worse than it, because nobody tells it the truth. How accurate all
this is, and where it was worse: ``make bench-consolidation`` and docs/local-service.md.
"""

from __future__ import annotations

import threading
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from functools import cached_property
from math import log
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from labeling_provider.service.heaps import give_back

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_ROUNDS: Final = 5
"""More rounds make a model more certain, but not better: it drifts to whatever explains all answers."""
_START_ACCURACY: Final = 0.7
_CROWD_WEIGHT: Final = 20.0
"""The weight of the initial accuracy against the crowd's, as a number of answers."""
_TYPICAL_WEIGHT: Final = 10.0
"""The weight of what the crowd does about all classes against what it does about one: how often it is right, and that
it mistakes the class for any other. As a number of answers."""
_HABIT_WEIGHT: Final = 10.0
"""The weight of how the crowd guesses against how a worker does, as a number of answers."""
_PRIOR_WEIGHT: Final = 10.0
"""The weight of equal shares against the observed ones, as a number of objects per class."""
_OVERRULE: Final = 0.55
"""How certain the models must be to overrule the class that most workers chose."""
_GUESSED: Final = (0.1, 0.2, 0.3, 0.4)
"""The shares of guessed objects that are tried."""
_BETWEEN_TWO: Final = (0.15, 0.3)
"""The same for objects that look like two classes."""
_SCATTER: Final = 3.0
"""How different the answers about a guessed object are: the concentration of a Dirichlet distribution."""
_OUTSIDE: Final = 0.05
"""Of the answers about an object that looks like two classes, the share that is neither."""
_MAX_GUESSED: Final = 0.9
"""Largest initial probability that an object is guessed."""
_FOLDS: Final = 5
_FEW_FOLDS: Final = 3
"""Number of parts that suffices from :data:`_MANY` answers on."""
_MANY: Final = 500
_MARGIN: Final = 2.0
"""By how much the logarithm of the votes' probability must be higher for a model with guessed objects to weigh as much
as one without."""
_SIMPLE: Final = 0.2
"""The weight of models without confusions, whatever the evidence: workers are never quite as any model has them, and
the more it may explain, the more it explains away."""
_HOPELESS: Final = 5.0
"""By how much the logarithm of the votes' probability must fall with a larger share of guessed objects, so that even
larger ones are not tried."""
_MIN_WEIGHT: Final = 0.03
"""Models with less weight are left out."""
_MAX_JUDGED: Final = 8_192
"""Models are compared on this many answers at most."""
_MAX_CELLS: Final = 5_000_000
"""Workers have their own matrices only if these have at most this many cells in total."""
_GROWTH: Final = 1.06
"""A crowd is learned again when it has given this many times as many answers."""
_REWEIGHED: Final = 2.0
"""Models are weighed again when there are this many times as many answers."""
_MANY_VOTES: Final = 20_000
"""With more votes, a book learns only while no other such book does."""
_LEARNING: Final = threading.Lock()
MAX_VOTES: Final = 200_000
"""Enough answers to estimate the workers from; older ones are dropped."""
_MIN_PROBABILITY: Final = 1e-6
"""The least probability of an answer."""


@dataclass(frozen=True)
class _Model:
    """The ways in which workers may differ. A weight is a number of answers; if infinite, they don't differ in this.

    :param skill: the weight of the crowd's accuracy against a worker's own.
    :param typical: whether the crowd confuses some classes more than others.
    :param uneven: whether the crowd is right about some classes more often than about others.
    :param own: the weight of the crowd's confusions against those of a worker.
    :param guessed: the share of objects about which everybody guesses.
    :param habits: whether each worker guesses some classes more than others.
    :param scatter: how different the guesses about an object are: the concentration of a Dirichlet distribution.
    :param pairs: whether a guessed object looks like two classes, between which workers choose.
    """

    skill: float = np.inf
    typical: bool = False
    uneven: bool = False
    own: float = np.inf
    guessed: float = 0.0
    habits: bool = False
    scatter: float = _SCATTER
    pairs: bool = False


@contextmanager
def _alone() -> Iterator[None]:
    """Learn while nobody else does, and give the memory back."""
    with _LEARNING:
        try:
            yield
        finally:
            give_back()


class VoteBook:
    """The votes of a job so far, and what is known of its workers.

    A step that brings most of the votes learns the crowd from all of them. Other steps use what earlier votes have
    revealed: the crowd is learned again when there are 6 % more of these, and models are weighed again when there are
    twice as many. When that happens follows from the votes alone, so that a book refilled after a restart decides in
    the same way.
    """

    def __init__(self, class_count: int) -> None:
        self._class_count = class_count
        self._workers: dict[str, int] = {}
        self._objects, self._by, self._classes = array("q"), array("q"), array("q")
        self._next = 0
        self._models: list[tuple[_Model, float]] = []
        self._crowds: list[_View] = []
        # The number of votes they are from.
        self._weighed, self._learned = 0, (0, 0)

    def add(self, votes: Sequence[tuple[str, int]]) -> None:
        """Add the votes on one question.

        :param votes: pairs of worker and class; at least one.
        """
        for worker, choice in votes:
            self._objects.append(self._next)
            self._by.append(self._workers.setdefault(worker, len(self._workers)))
            self._classes.append(choice)
        self._next += 1

    def decide(self, count: int) -> list[tuple[int, float]]:
        """The class and its probability, 0 to 1, for each of the last ``count`` questions."""
        if not count:
            return []
        with self._one_at_a_time():
            classes, sure = self._decide(count)
        return list(zip(classes[-count:].tolist(), sure[-count:].tolist(), strict=True))

    def _decide(self, count: int) -> tuple[Ints, Floats]:
        """The class and its probability for questions up to the last one, at least the last ``count``."""
        first = self._first_vote_on(self._next - count)
        if len(self._objects) > MAX_VOTES and first:
            dropped = self._first_vote_on(self._objects[min(first, len(self._objects) // 10)])
            for column in (self._objects, self._by, self._classes):
                del column[:dropped]
            first, self._weighed, self._learned = first - dropped, 0, (0, 0)
        if 2 * first < len(self._objects):
            return _decided(*self._learn(len(self._objects), None))
        end = self._last_point(first, _GROWTH)
        judged = self._last_point(min(first, _MAX_JUDGED), _REWEIGHED)
        if (end, judged) != self._learned:
            _, views = self._learn(end, judged)
            self._crowds, self._learned = [(weight, crowd, None) for weight, crowd, _ in views], (end, judged)
        return _decided(self._table(first, len(self._objects)), self._crowds)

    def reconsider(self) -> tuple[Ints, Floats]:
        """The classes of the latest questions and their probabilities, 0 to 1, from all of their votes together."""
        if not self._objects:
            return np.zeros(0, np.int64), np.zeros(0)
        with self._one_at_a_time():
            return _decided(*self._learn(len(self._objects), None))

    def _one_at_a_time(self) -> AbstractContextManager[Any]:
        """Of books with many votes, one learns at a time: that takes much memory. Smaller ones do not wait."""
        return _alone() if len(self._objects) > _MANY_VOTES else nullcontext()

    def _learn(self, end: int, judged: int | None) -> tuple[_Table, Iterator[_View]]:
        """Learn the crowd from the votes up to a position, one model after the other: each takes as much memory as all
        votes do.

        :param judged: the position up to which votes determine the weights of models; None for ``end``.
        """
        table = self._table(0, end)
        if not judged:
            models = _weighed(table)
        else:
            if judged != self._weighed:
                self._models, self._weighed = _weighed(self._table(0, judged)), judged
            models = self._models
        return table, ((weight, *_learn(model, table)) for model, weight in models)

    def _last_point(self, end: int, ratio: float) -> int:
        """The last learning point up to a position: the start of a question, beyond the point before by a ratio."""
        point = min(int(ratio ** int(log(end, ratio) + _MIN_PROBABILITY)), end)
        return self._first_vote_on(self._objects[point]) or end

    def _first_vote_on(self, question: int) -> int:
        """The position of the first vote on a question."""
        return bisect_left(self._objects, question)

    def _table(self, first: int, end: int) -> _Table:
        """The votes from a position, which begins a question, up to another one."""
        columns = (np.array(column[first:end], dtype=np.int64) for column in (self._objects, self._by, self._classes))
        objects, workers, classes = columns
        return _Table(objects - objects[0], workers, classes, self._class_count)


class _Table:
    """Votes, in the order of their objects.

    :param classes: the classes chosen.
    """

    def __init__(self, objects: Ints, workers: Ints, classes: Ints, class_count: int) -> None:
        self.objects, self.workers, self.classes, self.class_count = objects, workers, classes, class_count
        self.votes, self.worker_count = np.arange(len(objects)), int(workers.max()) + 1
        # The worker and the class of each vote, as one number.
        self.cells = workers * class_count + classes
        self.starts = np.flatnonzero(np.diff(objects, prepend=-1))
        self.count = len(self.starts)
        self.sizes = np.diff(self.starts, append=len(objects))
        flat = np.bincount(classes * self.count + objects, minlength=self.count * class_count)
        # How many votes each class (row) has on each object.
        self.counts = flat.reshape(class_count, self.count).astype(np.float64)
        self.shares, self.against = _normalized(self.counts), self.sizes - self.counts
        # For each vote, how many votes on its object equal it.
        self.alike = self.counts[classes, objects]

    def among(self, wanted: npt.NDArray[np.bool_]) -> _Table:
        """The votes on some of the objects, which get new numbers."""
        numbers = wanted.cumsum() - 1
        kept = wanted[self.objects]
        objects = numbers[self.objects[kept]]
        return _Table(objects, self.workers[kept], self.classes[kept], self.class_count)

    @cached_property
    def scattered(self) -> Floats:
        """The logarithm of the probability of each object's answers, if all guess evenly."""
        scattered: Floats = np.add.reduceat(np.log(self.guessed(1 / self.class_count, _SCATTER)), self.starts)
        return scattered

    @cached_property
    def in_pairs(self) -> tuple[Floats, Floats]:
        """The case that each object looks like two classes, any two equally often, between which workers choose.

        :return: the logarithm of the probability of each object's answers, and class probabilities, in which each of
            the two has one half.
        """
        inside, outside = (1 - _OUTSIDE) / 2, _OUTSIDE / max(self.class_count - 2, 1)
        top = self.counts.max(axis=0)
        # How much more probable votes for a class are if it is one of the two, against those for the most frequent one.
        each = (inside / outside) ** (self.counts - top)
        none = np.zeros_like(each[:1])
        before = np.concatenate([none, each.cumsum(axis=0)[:-1]])
        after = np.concatenate([each[::-1].cumsum(axis=0)[-2::-1], none])
        # Sums over all pairs, without differences, in which small terms would get lost.
        both = (each * before).sum(axis=0).clip(np.finfo(float).tiny) * 2 / (self.class_count * (self.class_count - 1))
        log = self.sizes * np.log(outside) + 2 * top * np.log(inside / outside) + np.log(both)
        return log, _normalized(each * (before + after))

    @cached_property
    def if_guessed(self) -> Floats:
        """Class probabilities of objects that are guessed, classes × objects."""
        return _normalized(self.counts + _SCATTER / self.class_count)

    def guessed(self, usual: Floats | float, scatter: float) -> Floats:
        """The probability of each vote, given those before it, if they have nothing to do with the object's class.

        Each vote for a class makes further ones more probable, as in Pólya's urn. The order of the votes makes
        no difference to their product.

        :param usual: how often each vote's class is guessed.
        :param scatter: as in :class:`_Model`.
        """
        if not np.isfinite(scatter):
            return np.broadcast_to(usual, self.objects.shape)
        same, others = self._before
        return (scatter * usual + same) / (scatter + others)

    @cached_property
    def _before(self) -> tuple[Ints, Ints]:
        """How many votes on its object, for the same class and in all, are before each vote."""
        places = self.votes
        cells = self.objects * self.class_count + self.classes
        order = cells.argsort(kind="stable")
        ranked = cells[order]
        same = np.empty_like(places)
        same[order] = places - np.searchsorted(ranked, ranked)
        return same, places - self.starts[self.objects]

    @cached_property
    def disagreement(self) -> Floats:
        """The probability that two of each object's votes, drawn with replacement, differ, against the mean of all."""
        differ: Floats = 1 - (self.shares**2).sum(axis=0)
        return differ / max(float(differ.mean()), _MIN_PROBABILITY)


class _Beliefs:
    """What is believed about objects.

    :param truth: class probabilities of those that are not guessed, classes × objects.
    :param guessed: the probability that answers were guessed, one per object.
    :param evidence: the logarithm of the probability of each object's answers.
    """

    def __init__(self, truth: Floats, guessed: Floats, evidence: Floats) -> None:
        self.truth, self.guessed, self.evidence = truth, guessed, evidence
        self.known = truth * (1 - guessed)
        self._by_vote: tuple[Floats, Floats, Floats] | None = None

    def by_vote(self, table: _Table) -> tuple[Floats, Floats, Floats]:
        """What is known of the object of each vote.

        :param table: the votes on these objects, always the same.
        :return: the probability of each class (row), that of the class chosen, and that the object is not guessed.
        """
        if self._by_vote is None:
            known = self.known.take(table.objects, axis=1)
            self._by_vote = known, known[table.classes, table.votes], (1 - self.guessed)[table.objects]
        return self._by_vote


class _Crowd:
    """What is known about the workers who gave some votes, given what is believed about the objects."""

    def __init__(self, model: _Model, table: _Table, beliefs: _Beliefs) -> None:
        size = table.class_count
        self._model, self._workers = model, table.worker_count
        soft, right, answers = beliefs.by_vote(table)
        self._accuracy = (right.sum() + _CROWD_WEIGHT * _START_ACCURACY) / (answers.sum() + _CROWD_WEIGHT)
        if np.isfinite(model.skill):
            self._answers, self._hits = _sums(table.workers, (answers, right), self._workers)
        self._shares = beliefs.known.sum(axis=1) + _PRIOR_WEIGHT
        if model.typical:
            # The crowd's answers (columns) where it is wrong, given each true class (row).
            counts = _sums(table.classes, soft, size)
            self._right, self._known = counts.diagonal(), counts.sum(axis=1)
            self._mistakes = counts + _TYPICAL_WEIGHT / max(size - 1, 1)
            np.fill_diagonal(self._mistakes, 0.0)
        if model.habits:
            guesses = beliefs.guessed[table.objects]
            cells = np.bincount(table.cells, guesses, self._workers * size)
            self._guesses = cells.reshape(self._workers, size)
            of_all = self._guesses.sum(axis=0) + _TYPICAL_WEIGHT / size
            self._habit = of_all / of_all.sum()
        if np.isfinite(model.own):
            self._confusions = _sums(table.cells, soft, self._workers * size)
            self._rows = _sums(table.workers, soft, self._workers)

    def believe(self, table: _Table, own: _Beliefs | None = None) -> _Beliefs:
        """What these workers' votes say about objects.

        :param own: what was believed about these objects, if the crowd was learned from them; it is not used for them.
        """
        likely = self._likelihood(table, own)
        np.log(np.maximum(likely, _MIN_PROBABILITY, out=likely), out=likely)
        shares = self._shares[:, None] - (0.0 if own is None else own.known)
        log = np.log(_normalized(shares)) + np.add.reduceat(likely, table.starts, axis=1)
        top = log.max(axis=0)
        weights = np.exp(log - top)
        total = weights.sum(axis=0)
        evidence = top + np.log(total)
        guessed = np.zeros(table.count)
        if self._model.guessed:
            meant = np.log(1 - self._model.guessed) + evidence
            evidence = np.logaddexp(meant, np.log(self._model.guessed) + self._scattered(table, own))
            guessed = 1 - np.exp(meant - evidence).clip(max=1.0)
        return _Beliefs(weights / total, guessed, evidence)

    def if_guessed(self, table: _Table) -> Floats:
        """Class probabilities of objects that are guessed, classes × objects."""
        return table.in_pairs[1] if self._model.pairs else table.if_guessed

    def _likelihood(self, table: _Table, own: _Beliefs | None) -> Floats:
        """The probability of each vote (column) given each true class (row).

        :param own: what the crowd has learned from the votes themselves; it is left out.
        """
        # Workers that the crowd did not have are as accurate as the crowd.
        is_new = table.workers >= self._workers if own is None else None
        if is_new is not None and not is_new.any():
            is_new = None
        workers = table.workers if is_new is None else np.where(is_new, 0, table.workers)
        itself, its_hits, its_answers = (None, None, None) if own is None else own.by_vote(table)
        accuracy: Floats = np.full(len(table.votes), self._accuracy)
        if np.isfinite(self._model.skill):
            answers, hits = self._answers[workers], self._hits[workers]
            if own is not None:
                answers, hits = answers - its_answers, hits - its_hits
            likely_right = (hits + self._model.skill * self._accuracy) / (answers + self._model.skill)
            accuracy = likely_right if is_new is None else np.where(is_new, self._accuracy, likely_right)
        if self._model.uneven:
            accuracy = self._uneven(accuracy, table, own)
        likely = (1 - accuracy) * self._typical(table, own, itself)
        chosen = table.classes, table.votes
        likely[chosen] = accuracy[chosen] if self._model.uneven else accuracy
        if np.isfinite(self._model.own):
            cells = table.cells if is_new is None else workers * table.class_count + table.classes
            confusions, rows = self._confusions.take(cells, axis=1), self._rows.take(workers, axis=1)
            if itself is not None:
                confusions, rows = confusions - itself, rows - itself
            confused = (confusions + self._model.own * likely) / (rows + self._model.own)
            likely = confused if is_new is None else np.where(is_new, likely, confused)
        return likely

    def _uneven(self, accuracy: Floats, table: _Table, own: _Beliefs | None) -> Floats:
        """The accuracy of each vote (column) given each true class (row): better workers are better at every class.

        :param accuracy: the accuracy of each vote, whatever the class.
        """
        right, known = self._right[:, None], self._known[:, None]
        if own is not None:
            right, known = right - own.known * table.counts, known - own.known * table.sizes
        usual = (right.clip(min=0) + _TYPICAL_WEIGHT * self._accuracy) / (known.clip(min=0) + _TYPICAL_WEIGHT)
        odds = usual / (1 - usual)
        more = accuracy / (1 - accuracy) * (1 / self._accuracy - 1)
        odds = more * (odds if own is None else odds.take(table.objects, axis=1))
        uneven: Floats = odds / (1 + odds)
        return uneven

    def _scattered(self, table: _Table, own: _Beliefs | None) -> Floats:
        """The logarithm of the probability of each object's answers, if they are guessed as the model says.

        :param own: as for :meth:`_likelihood`.
        """
        if self._model.pairs:
            return table.in_pairs[0]
        if not self._model.habits:
            return table.scattered
        is_new = table.workers >= self._workers
        guesses = self._guesses[np.where(is_new, 0, table.workers)]
        same, all_guesses = guesses[np.arange(len(is_new)), table.classes], guesses.sum(axis=1)
        if own is not None:
            itself = own.guessed[table.objects]
            same, all_guesses = (same - itself).clip(min=0), (all_guesses - itself).clip(min=0)
        usual = self._habit[table.classes]
        likely = (same + _HABIT_WEIGHT * usual) / (all_guesses + _HABIT_WEIGHT)
        # By how much more probable each answer is by the worker's habits than by the crowd's.
        more = np.where(is_new, 1.0, likely / usual)
        scattered: Floats = np.add.reduceat(np.log(more * table.guessed(usual, self._model.scatter)), table.starts)
        return scattered

    def _typical(self, table: _Table, own: _Beliefs | None, itself: Floats | None) -> Floats:
        """The share of each vote's class (column) in the crowd's mistakes about each true class (row).

        If no confusion is typical, one column stands for all. Where others make a mistake about an object, the same
        mistake is more probable: as in Pólya's urn, but each vote sees half of the others, so that their order makes
        no difference.

        :param own: as for :meth:`_likelihood`; the object's other votes are left out, too.
        :param itself: for each vote, what is known from it alone.
        """
        if not self._model.typical:
            return np.full((table.class_count, 1), 1 / max(table.class_count - 1, 1))
        same = self._mistakes.take(table.classes, axis=1) + (table.alike - 1) / 2
        all_mistakes = self._mistakes.sum(axis=1)[:, None] + (table.against - 1) / 2
        if own is not None and itself is not None:
            same -= itself * table.alike
            all_mistakes -= own.known * table.against
        shares: Floats = np.maximum(same, 0, out=same)
        shares /= np.maximum(all_mistakes, _MIN_PROBABILITY, out=all_mistakes).take(table.objects, axis=1)
        return shares


_View = tuple[float, _Crowd, _Beliefs | None]
"""The weight of a model, its crowd, and what is believed about objects if the crowd was learned from them."""


def _learn(model: _Model, table: _Table) -> tuple[_Crowd, _Beliefs]:
    """The crowd that gave some votes, and what they say; learning starts from each class's share of the votes."""
    # Workers who choose between two classes disagree less than careless ones, who say anything.
    likely = np.ones(table.count) if model.pairs else table.disagreement
    guessed = (model.guessed * likely).clip(max=_MAX_GUESSED)
    beliefs = _Beliefs(table.shares, guessed, np.zeros(table.count))
    crowd = _Crowd(model, table, beliefs)
    for _ in range(_ROUNDS - 1):
        beliefs = crowd.believe(table, beliefs)
        crowd = _Crowd(model, table, beliefs)
    return crowd, beliefs


def _weighed(table: _Table) -> list[tuple[_Model, float]]:
    """Models, and how much each weighs: by how well it predicts what workers say about objects that it has not seen."""
    if len(table.objects) > _MAX_JUDGED:
        table = table.among(np.arange(table.count) < table.objects[_MAX_JUDGED])
    folds = _folds(table)
    scores: dict[_Model, float] = {}

    def best(*models: _Model) -> _Model:
        """The best of all models, with some more."""
        for model in models:
            if model not in scores:
                scores[model] = _foresight(model, folds) - _MARGIN * (model.guessed > 0)
        return max(scores, key=lambda model: scores[model])

    def guess(model: _Model, **how: Any) -> None:
        """Try growing shares of guessed objects, as long as they don't make a model much worse."""
        last = scores[model]
        for share in _BETWEEN_TWO if how.get("pairs") else _GUESSED:
            more = replace(model, guessed=share, **how)
            best(more)
            if scores[more] < last - _HOPELESS:
                break
            last = scores[more]

    alike = best(*(_Model(skill=weight) for weight in (np.inf, 30.0, 8.0, 3.0)))
    guess(alike)
    # Where there are only two classes, every object looks like them.
    several = table.class_count > 2
    if several:
        guess(alike, pairs=True)
    simple = _weights(scores)
    weighed = best(*(replace(alike, typical=True, uneven=uneven) for uneven in (False, True)))
    if table.worker_count * table.class_count**2 <= _MAX_CELLS:
        weighed = best(*(replace(weighed, typical=True, own=weight) for weight in (100.0, 30.0, 10.0, 3.0)))
        weighed = best(replace(weighed, typical=True, uneven=not weighed.uneven))
    bare = replace(weighed, guessed=0.0, pairs=False)
    best(bare)
    guess(bare)
    if several:
        guess(bare, pairs=True)
    for scatter in (_SCATTER, np.inf):
        guess(bare, habits=True, scatter=scatter)
    together = {
        model: (1 - _SIMPLE) * weight + _SIMPLE * simple.get(model, 0.0) for model, weight in _weights(scores).items()
    }
    return [(model, weight) for model, weight in together.items() if weight >= _MIN_WEIGHT]


def _weights(scores: dict[_Model, float]) -> dict[_Model, float]:
    """How much each model weighs; the weights add up to 1."""
    top = max(scores.values())
    weights = {model: float(np.exp(score - top)) for model, score in scores.items()}
    total = sum(weights.values())
    return {model: weight / total for model, weight in weights.items()}


def _foresight(model: _Model, folds: Sequence[tuple[_Table, _Table]]) -> float:
    """The logarithm of the probability of all votes, each object's by a crowd that was learned from other objects.

    :param folds: votes to learn from, and votes on other objects.
    """
    return sum(float(_learn(model, others)[0].believe(fold).evidence.sum()) for others, fold in folds)


def _folds(table: _Table) -> list[tuple[_Table, _Table]]:
    """Parts of the votes, each with the votes on the other objects before it; none if there is only one object."""
    count = _FOLDS if len(table.objects) < _MANY else _FEW_FOLDS
    numbers = np.arange(table.count) % count
    folds = range(min(count, table.count) if table.count > 1 else 0)
    return [(table.among(numbers != fold), table.among(numbers == fold)) for fold in folds]


def _decided(table: _Table, views: Iterable[_View]) -> tuple[Ints, Floats]:
    """The class of each object, and its probability."""
    probabilities = np.zeros(table.counts.shape)
    for weight, crowd, own in views:
        beliefs = crowd.believe(table, own)
        probabilities += weight * (beliefs.known + beliefs.guessed * crowd.if_guessed(table))
    probabilities = _normalized(probabilities)
    everyone = np.arange(table.count)
    popular, chosen = table.counts.argmax(axis=0), probabilities.argmax(axis=0)
    is_clear = (table.counts == table.counts.max(axis=0)).sum(axis=0) == 1
    # Nothing can overrule a single answer.
    kept = is_clear & ((probabilities[chosen, everyone] < _OVERRULE) | (table.sizes == 1))
    chosen = np.where(kept, popular, chosen)
    return chosen, probabilities[chosen, everyone]


def _sums(groups: Ints, rows: Iterable[Floats], group_count: int) -> Floats:
    """The sums of rows by group: rows × groups."""
    return np.array([np.bincount(groups, row, group_count) for row in rows])


def _normalized(columns: Floats) -> Floats:
    """Columns that add up to 1."""
    total = columns.sum(axis=0)
    return columns / np.where(total > 0, total, 1.0)

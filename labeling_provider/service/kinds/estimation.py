"""Estimates the class that several workers meant, by models of workers that are weighed by evidence.

Amazon's documentation ("Annotation consolidation") describes expectation maximization over a confusion matrix per
worker, after Dawid and Skene. Whether such matrices fit the workers or only noise depends on the job. So several models
are tried, from "all workers are alike", which is a majority vote, to a matrix of each worker's own. The better a model
foresees what workers said about objects that it has not seen (cross-validation), the more its opinion weighs. A few
answers leave many models possible, and then labels are as unsure as that.

Two things keep a model from believing itself: what it knows of a worker never includes the object in question, and it
stops after a few rounds. How accurate all this is: ``make bench-consolidation``.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import log
from typing import Final

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_ROUNDS: Final = 5
"""More rounds make a model surer, but not better: it drifts to whatever explains all answers."""
_START_ACCURACY: Final = 0.7
_CROWD_WEIGHT: Final = 20.0
"""The weight of the initial accuracy against the crowd's, as a number of answers."""
_TYPICAL_WEIGHT: Final = 10.0
"""The weight of "any other class" against the crowd's typical confusions of a class, as a number of answers."""
_PRIOR_WEIGHT: Final = 10.0
"""The weight of equal shares against the observed ones, as a number of objects per class."""
_OVERRULE: Final = 0.55
"""How sure the models must be to overrule the class that most workers chose."""
_GUESSED: Final = (0.1, 0.2, 0.3, 0.4)
"""The shares of guessed objects that are tried."""
_SCATTER: Final = 3.0
"""How different the answers about a guessed object are: the concentration of a Dirichlet distribution."""
_FOLDS: Final = 5
_MARGIN: Final = 2.0
"""By how much the logarithm of the votes' probability must be higher for a model with guessed objects to weigh as much
as one without."""
_SIMPLE: Final = 0.2
"""The weight of models without confusions, whatever the evidence: workers are never quite as any model has them, and
the more it may explain, the more it explains away."""
_LEAST_WEIGHT: Final = 0.01
"""Models with less weight are left out."""
_MAX_JUDGED: Final = 20_000
"""Models are compared on this many answers at most."""
_MAX_CELLS: Final = 5_000_000
"""Workers have matrices of their own only if these have at most so many cells in all."""
_GROWTH: Final = 1.05
"""A crowd is learned anew when it has given so many times as many answers."""
_REWEIGHED: Final = 2.0
"""Models are weighed anew when there are so many times as many answers."""
MAX_VOTES: Final = 200_000
"""Enough answers to estimate the workers from; older ones are dropped."""
_LEAST: Final = 1e-6
"""The least probability of an answer."""


@dataclass(frozen=True)
class Votes:
    """Workers' answers; each array has one entry per answer.

    :param objects: index of the object, from 0; each has at least one answer.
    :param workers: index of the worker, from 0.
    :param classes: index of the class chosen, from 0.
    """

    objects: Ints
    workers: Ints
    classes: Ints


@dataclass(frozen=True)
class _Model:
    """In what workers may differ. A weight is a number of answers; without limit, they don't differ in this.

    :param skill: the weight of the crowd's accuracy against a worker's own.
    :param typical: whether the crowd confuses some classes more than others.
    :param own: the weight of the crowd's confusions against those of a worker.
    :param guessed: the share of objects about which everybody guesses.
    """

    skill: float = np.inf
    typical: bool = False
    own: float = np.inf
    guessed: float = 0.0


def consolidate_votes(votes: Votes, class_count: int) -> tuple[Ints, Floats]:
    """The class that the workers most likely meant, for each object.

    :param votes: all known answers; more answers make better worker models.
    :param class_count: the number of classes.
    :return: class indices and their probabilities (0 to 1), each with one entry per object.
    """
    order = votes.objects.argsort(kind="stable")
    table = _Table(votes.objects[order], votes.workers[order], votes.classes[order], class_count)
    return _decided(table, [(weight, *_learn(model, table)) for model, weight in _weighed(table)])


class VoteBook:
    """The votes of a job so far, and what is known of its workers.

    A step that brings most of the votes learns the crowd from all of them. Other steps know what the votes before them
    tell: the crowd is learned anew when there are 5 % more of these, and models are weighed anew when there are twice
    as many. When that is follows from the votes alone, so that a book which was filled again after a restart decides as
    the one before it.
    """

    def __init__(self, class_count: int) -> None:
        self._class_count = class_count
        self._workers: dict[str, int] = {}
        self._objects, self._by, self._classes = array("q"), array("q"), array("q")
        self._next = 0
        self._models: list[tuple[_Model, float]] = []
        self._crowds: list[_View] = []
        # From how many votes they are.
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
        first = self._first_vote_on(self._next - count)
        if len(self._objects) > MAX_VOTES and first:
            dropped = self._first_vote_on(self._objects[min(first, len(self._objects) // 10)])
            for column in (self._objects, self._by, self._classes):
                del column[:dropped]
            first, self._weighed, self._learned = first - dropped, 0, (0, 0)
        if 2 * first < len(self._objects):
            classes, sure = _decided(*self._learn(len(self._objects), None))
        else:
            end, judged = self._last_point(first, _GROWTH), self._last_point(first, _REWEIGHED)
            if (end, judged) != self._learned:
                _, views = self._learn(end, judged)
                self._crowds, self._learned = [(weight, crowd, None) for weight, crowd, _ in views], (end, judged)
            classes, sure = _decided(self._table(first, len(self._objects)), self._crowds)
        return list(zip(classes[-count:].tolist(), sure[-count:].tolist(), strict=True))

    def reconsider(self) -> list[tuple[int, float]]:
        """The class and its probability, 0 to 1, for each of the latest questions, by all of their votes together."""
        if not self._objects:
            return []
        classes, sure = _decided(*self._learn(len(self._objects), None))
        return list(zip(classes.tolist(), sure.tolist(), strict=True))

    def _learn(self, end: int, judged: int | None) -> tuple[_Table, list[_View]]:
        """Learn the crowd from the votes up to a position.

        :param judged: the position up to which votes tell how much models weigh; None for ``end``.
        """
        table = self._table(0, end)
        if not judged:
            models = _weighed(table)
        else:
            if judged != self._weighed:
                self._models, self._weighed = _weighed(self._table(0, judged)), judged
            models = self._models
        return table, [(weight, *_learn(model, table)) for model, weight in models]

    def _last_point(self, most: int, ratio: float) -> int:
        """The last learning point up to a position: where a question begins, further than the one before by a ratio."""
        point = min(int(ratio ** int(log(most, ratio) + _LEAST)), most)
        return self._first_vote_on(self._objects[point]) or most

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
        self.starts = np.flatnonzero(np.diff(objects, prepend=-1))
        self.count = len(self.starts)
        ones = np.ones(len(objects))
        flat = np.bincount(objects * class_count + classes, weights=ones, minlength=self.count * class_count)
        self.counts = flat.reshape(self.count, class_count).astype(np.float64)

    def among(self, wanted: npt.NDArray[np.bool_]) -> _Table:
        """The votes on some of the objects, which get new numbers."""
        numbers = wanted.cumsum() - 1
        kept = wanted[self.objects]
        objects = numbers[self.objects[kept]]
        return _Table(objects, self.workers[kept], self.classes[kept], self.class_count)


class _Beliefs:
    """What is believed about objects.

    :param truth: class probabilities of those that are not guessed, objects × classes.
    :param guessed: the probability that answers were guessed, one per object.
    :param evidence: the logarithm of the probability of each object's answers.
    """

    def __init__(self, truth: Floats, guessed: Floats, evidence: Floats) -> None:
        self.truth, self.guessed, self.evidence = truth, guessed, evidence
        self.known = truth * (1 - guessed)[:, None]


class _Crowd:
    """What is known about the workers who gave some votes, given what is believed about the objects."""

    def __init__(self, model: _Model, table: _Table, beliefs: _Beliefs) -> None:
        size = table.class_count
        self._model, self._workers = model, int(table.workers.max()) + 1
        soft = beliefs.known[table.objects]
        right = soft[np.arange(len(soft)), table.classes]
        answers = soft.sum(axis=1)
        self._accuracy = (right.sum() + _CROWD_WEIGHT * _START_ACCURACY) / (answers.sum() + _CROWD_WEIGHT)
        self._answers = np.bincount(table.workers, weights=answers)
        self._hits = np.bincount(table.workers, weights=right)
        self._shares = beliefs.known.sum(axis=0) + _PRIOR_WEIGHT
        # The crowd's answers (columns) where it is wrong, given each true class (row).
        self._mistakes = np.ones((size, size))
        if model.typical:
            self._mistakes = _sum_rows(table.classes, soft, size).T + _TYPICAL_WEIGHT / max(size - 1, 1)
        np.fill_diagonal(self._mistakes, 0.0)
        if np.isfinite(model.own):
            groups = table.workers * size + table.classes
            self._confusions = _sum_rows(groups, soft, self._workers * size)
            self._rows = _sum_rows(table.workers, soft, self._workers)

    def believe(self, table: _Table, own: _Beliefs | None = None) -> _Beliefs:
        """What these workers' votes say about objects.

        :param own: what was believed about these objects, if the crowd was learned from them; it is not used for them.
        """
        known = np.zeros((table.count, table.class_count)) if own is None else own.known
        likely = np.log(self._likelihood(table, known[table.objects]).clip(_LEAST))
        shares = self._shares - known
        log = np.log(_normalized(shares)) + np.add.reduceat(likely, table.starts, axis=0)
        top = log.max(axis=1, keepdims=True)
        weights = np.exp(log - top)
        evidence = (top + np.log(weights.sum(axis=1, keepdims=True)))[:, 0]
        guessed = np.zeros(table.count)
        if self._model.guessed:
            together = np.logaddexp(
                np.log(1 - self._model.guessed) + evidence, np.log(self._model.guessed) + _scattered(table)
            )
            guessed = 1 - np.exp(np.log(1 - self._model.guessed) + evidence - together).clip(max=1.0)
            evidence = together
        return _Beliefs(_normalized(weights), guessed, evidence)

    def _typical(self, table: _Table, own: Floats) -> Floats:
        """The share of each vote's class (row) in the crowd's mistakes about each true class (column).

        :param own: as for :meth:`_likelihood`; the object's other votes are left out, too.
        """
        mistakes, rows = self._mistakes.T[table.classes], self._mistakes.sum(axis=1)
        if not self._model.typical:
            return mistakes / rows.clip(min=1)
        same = table.counts[table.objects, table.classes]
        others = table.counts.sum(axis=1, keepdims=True) - table.counts
        mistakes = (mistakes - own * same[:, None]).clip(min=0)
        shares: Floats = mistakes / (rows - own * others[table.objects]).clip(min=_LEAST)
        return shares

    def _likelihood(self, table: _Table, own: Floats) -> Floats:
        """The probability of each vote (row) given each true class (column).

        :param own: what the crowd has learned from the vote itself, in the same form; it is left out.
        """
        votes = np.arange(len(own))
        # Workers that the crowd did not have are as accurate as the crowd.
        is_new = table.workers >= self._workers
        workers = np.where(is_new, 0, table.workers)
        answers = np.where(is_new, 0.0, self._answers[workers])
        hits = np.where(is_new, 0.0, self._hits[workers])
        accuracy = np.full(len(own), self._accuracy)
        if np.isfinite(self._model.skill):
            hits = hits - own[votes, table.classes] + self._model.skill * self._accuracy
            accuracy = hits / (answers - own.sum(axis=1) + self._model.skill)
        likely: Floats = (1 - accuracy)[:, None] * self._typical(table, own)
        likely[votes, table.classes] = accuracy
        if np.isfinite(self._model.own):
            groups = workers * table.class_count + table.classes
            cells = np.where(is_new[:, None], 0.0, self._confusions[groups])
            rows = np.where(is_new[:, None], 0.0, self._rows[workers])
            likely = (cells - own + self._model.own * likely) / (rows - own + self._model.own)
        return likely


_View = tuple[float, _Crowd, _Beliefs | None]
"""The weight of a model, its crowd, and what is believed about objects if the crowd was learned from them."""


def _learn(model: _Model, table: _Table) -> tuple[_Crowd, _Beliefs]:
    """The crowd that gave some votes, and what they say; it begins with the share of the votes that a class has."""
    beliefs = _Beliefs(_normalized(table.counts), np.full(table.count, model.guessed), np.zeros(table.count))
    crowd = _Crowd(model, table, beliefs)
    for _ in range(_ROUNDS - 1):
        beliefs = crowd.believe(table, beliefs)
        crowd = _Crowd(model, table, beliefs)
    return crowd, beliefs


def _weighed(table: _Table) -> list[tuple[_Model, float]]:
    """Models, and how much each weighs: by how well it foresees what workers say about objects that it has not seen."""
    if len(table.objects) > _MAX_JUDGED:
        table = table.among(np.arange(table.count) < table.objects[_MAX_JUDGED])
    scores: dict[_Model, float] = {}

    def best(*models: _Model) -> _Model:
        for model in models:
            scores[model] = _foresight(model, table) - _MARGIN * (model.guessed > 0)
        return max(scores, key=lambda model: scores[model])

    alike = best(*(_Model(skill=weight) for weight in (np.inf, 30.0, 8.0, 3.0)))
    best(*(replace(alike, guessed=share) for share in _GUESSED))
    simple = _weights(scores)
    found = best(replace(alike, typical=True))
    if (int(table.workers.max()) + 1) * table.class_count**2 <= _MAX_CELLS:
        found = best(*(replace(found, typical=True, own=weight) for weight in (100.0, 30.0, 10.0, 3.0)))
    best(*(replace(found, guessed=share) for share in _GUESSED))
    together = {
        model: (1 - _SIMPLE) * weight + _SIMPLE * simple.get(model, 0.0) for model, weight in _weights(scores).items()
    }
    return [(model, weight) for model, weight in together.items() if weight >= _LEAST_WEIGHT]


def _weights(scores: dict[_Model, float]) -> dict[_Model, float]:
    """How much each model weighs, in all 1."""
    top = max(scores.values())
    weights = {model: float(np.exp(score - top)) for model, score in scores.items()}
    total = sum(weights.values())
    return {model: weight / total for model, weight in weights.items()}


def _foresight(model: _Model, table: _Table) -> float:
    """The logarithm of the probability of all votes, each object's by a crowd that was learned from other objects."""
    folds = np.arange(table.count) % _FOLDS
    total = 0.0
    for fold in range(min(_FOLDS, table.count) if table.count > 1 else 0):
        crowd, _ = _learn(model, table.among(folds != fold))
        total += float(crowd.believe(table.among(folds == fold)).evidence.sum())
    return total


def _decided(table: _Table, views: Sequence[_View]) -> tuple[Ints, Floats]:
    """The class of each object, and its probability."""
    guessed = _normalized(table.counts + _SCATTER / table.class_count)
    probabilities = np.zeros(table.counts.shape)
    for weight, crowd, own in views:
        beliefs = crowd.believe(table, own)
        probabilities += weight * (beliefs.known + beliefs.guessed[:, None] * guessed)
    probabilities = _normalized(probabilities)
    everyone = np.arange(table.count)
    popular, chosen = table.counts.argmax(axis=1), probabilities.argmax(axis=1)
    is_clear = (table.counts == table.counts.max(axis=1, keepdims=True)).sum(axis=1) == 1
    # Against a single answer there is nothing to be said.
    kept = is_clear & ((probabilities[everyone, chosen] < _OVERRULE) | (table.counts.sum(axis=1) == 1))
    chosen = np.where(kept, popular, chosen)
    return chosen, probabilities[everyone, chosen]


def _scattered(table: _Table) -> Floats:
    """The logarithm of the probability of each object's answers, if they have nothing to do with its class."""
    from scipy.special import gammaln

    even, answers = _SCATTER / table.class_count, table.counts.sum(axis=1)
    spread = (gammaln(even + table.counts) - gammaln(even)).sum(axis=1)
    scattered: Floats = gammaln(_SCATTER) - gammaln(_SCATTER + answers) + spread
    return scattered


def _sum_rows(groups: Ints, values: Floats, group_count: int) -> Floats:
    """The sums of an array's rows by group."""
    columns = [np.bincount(groups, weights=column, minlength=group_count) for column in values.T]
    return np.stack(columns, axis=1)


def _normalized(rows: Floats) -> Floats:
    total = rows.sum(axis=-1, keepdims=True)
    return rows / np.where(total > 0, total, 1.0)

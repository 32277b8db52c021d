"""Estimates the class that several workers meant, by expectation maximization over worker models.

Amazon's documentation ("Annotation consolidation") describes expectation maximization over a confusion matrix per
worker (Dawid and Skene). With many classes and few answers per worker, such matrices fit noise, and the result is worse
than a majority vote. So each estimate here is pulled towards a broader one until its own data outweighs that: a
worker's matrix towards the worker's accuracy and everybody's typical confusions, a worker's accuracy towards the
crowd's, and the class prior towards equal shares.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_ROUNDS: Final = 30
_START_ACCURACY: Final = 0.7
_CROWD_WEIGHT: Final = 20.0
"""The weight of the crowd's accuracy against a worker's own, as a number of answers."""
_MATRIX_WEIGHT: Final = 30.0
"""The weight of everybody's typical confusions against a row of a worker's own matrix, as a number of answers."""
_PRIOR_WEIGHT: Final = 10.0
"""The weight of equal shares against the observed ones, as a number of objects per class."""
_OVERRULE: Final = 0.75
"""How sure the model must be to overrule the class that most workers chose."""


@dataclass(frozen=True)
class Votes:
    """Workers' answers; each array has one entry per answer.

    :param objects: index of the object, from 0.
    :param workers: index of the worker, from 0.
    :param classes: index of the class chosen, from 0.
    """

    objects: Ints
    workers: Ints
    classes: Ints


def consolidate_votes(votes: Votes, class_count: int) -> tuple[Ints, Floats]:
    """The class that the workers most likely meant, for each object.

    The class with the most votes is overruled only on strong evidence. So a worker model based on little data can break
    ties and spot careless workers, but does not make results worse than a majority vote.

    :param votes: all known answers, at least one per object; more answers make better worker models.
    :param class_count: the number of classes.
    :return: class indices and their probabilities (0 to 1), each with one entry per object.
    """
    object_count = int(votes.objects.max()) + 1
    shares = _table(votes.objects, votes.classes, np.ones(len(votes.objects)), object_count, class_count)
    probabilities = _expectation_maximization(votes, _normalized(shares))
    everyone = np.arange(object_count)
    chosen = probabilities.argmax(axis=1)
    popular = shares.argmax(axis=1)
    clear = (shares == shares.max(axis=1, keepdims=True)).sum(axis=1) == 1
    unsure = probabilities[everyone, chosen] < _OVERRULE
    chosen = np.where(clear & unsure, popular, chosen)
    return chosen, probabilities[everyone, chosen]


def _expectation_maximization(votes: Votes, probabilities: Floats) -> Floats:
    """Alternate between estimating worker models and class probabilities until they settle.

    :param probabilities: the initial class probabilities, objects × classes.
    :return: the final ones, objects × classes.
    """
    worker_count = int(votes.workers.max()) + 1
    object_count = len(probabilities)
    for _ in range(_ROUNDS):
        matrices = _worker_matrices(votes, probabilities, worker_count)
        prior = probabilities.sum(axis=0) + _PRIOR_WEIGHT
        evidence = np.log(matrices[votes.workers, :, votes.classes])
        log = np.log(prior / prior.sum()) + _sum_rows(votes.objects, evidence, object_count)
        updated = _normalized(np.exp(log - log.max(axis=1, keepdims=True)))
        moved = float(np.abs(updated - probabilities).max())
        probabilities = updated
        if moved < 1e-4:
            break
    return probabilities


def _worker_matrices(votes: Votes, truth: Floats, worker_count: int) -> Floats:
    """For each worker, the probability of each answer (column) given each true class (row).

    :param truth: class probabilities, objects × classes.
    :return: workers × classes × classes.
    """
    class_count = truth.shape[1]
    soft = truth[votes.objects]
    right = soft[np.arange(len(soft)), votes.classes]
    accuracy = (right.sum() + _CROWD_WEIGHT * _START_ACCURACY) / (len(right) + _CROWD_WEIGHT)
    answers = np.bincount(votes.workers, minlength=worker_count)
    hits = np.bincount(votes.workers, weights=right, minlength=worker_count)
    own = (hits + _CROWD_WEIGHT * accuracy) / (answers + _CROWD_WEIGHT)

    # Sum the true-class probabilities by worker and answer, then transpose so that rows are true classes.
    answered = _sum_rows(votes.workers * class_count + votes.classes, soft, worker_count * class_count)
    confusions = answered.reshape(worker_count, class_count, class_count).transpose(0, 2, 1)
    # Even the typical confusions are pulled towards "all other classes are equally likely".
    typical = confusions.sum(axis=0) + _MATRIX_WEIGHT / max(class_count - 1, 1)
    np.fill_diagonal(typical, 0.0)
    base = _normalized(typical)[None] * (1 - own)[:, None, None]
    diagonal = np.arange(class_count)
    base[:, diagonal, diagonal] = own[:, None]
    return _normalized(confusions + _MATRIX_WEIGHT * base).clip(1e-9)


def _table(rows: Ints, columns: Ints, weights: Floats, row_count: int, column_count: int) -> Floats:
    """The sums of the weights by row and column."""
    flat = np.bincount(rows * column_count + columns, weights=weights, minlength=row_count * column_count)
    return flat.reshape(row_count, column_count).astype(np.float64)


def _sum_rows(groups: Ints, values: Floats, group_count: int) -> Floats:
    """The sums of an array's rows by group."""
    columns = [np.bincount(groups, weights=column, minlength=group_count) for column in values.T]
    return np.stack(columns, axis=1)


def _normalized(rows: Floats) -> Floats:
    total = rows.sum(axis=-1, keepdims=True)
    return rows / np.where(total > 0, total, 1.0)

"""Which class several workers meant: expectation maximisation over worker models, safe on sparse data.

Amazon's documentation ("Annotation consolidation") describes expectation maximisation over a confusion matrix per
worker (Dawid and Skene). Estimated freely, such matrices fit noise when there are many classes and few answers per
worker, and the result falls below a majority vote. So each estimate here leans on a wider one until its own data
outweighs it: a worker's matrix on that worker's accuracy and everybody's typical confusions, an accuracy on the
crowd's, and a class prior on equal shares.
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
"""Answers' worth of trust that the crowd's accuracy has against a worker's own."""
_MATRIX_WEIGHT: Final = 30.0
"""The same for a row of a worker's matrix against that worker's own confusions."""
_PRIOR_WEIGHT: Final = 10.0
"""Objects' worth of trust per class in equal shares."""
_OVERRULE: Final = 0.75
"""How sure the model must be to overrule the class that most workers chose."""


@dataclass(frozen=True)
class Votes:
    """Answers of workers, one entry of each array per answer.

    :param objects: index of the object, from 0.
    :param workers: index of the worker, from 0.
    :param classes: index of the class chosen, from 0.
    """

    objects: Ints
    workers: Ints
    classes: Ints


def consolidate_votes(votes: Votes, class_count: int) -> tuple[Ints, Floats]:
    """The class that the workers meant, per object, and how likely it is.

    A class that more workers chose than any other is overruled only on strong evidence: so a worker model that
    is still young breaks ties and finds careless workers, but never costs accuracy against a majority vote.

    :param votes: all answers known, at least one per object; more of them make the worker models better.
    :param class_count: number of classes.
    :return: the class index and its probability (0 to 1), an entry per object.
    """
    object_count = int(votes.objects.max()) + 1
    shares = _table(votes.objects, votes.classes, np.ones(len(votes.objects)), object_count, class_count)
    probabilities = _expectation_maximisation(votes, _normalised(shares))
    everyone = np.arange(object_count)
    chosen = probabilities.argmax(axis=1)
    popular = shares.argmax(axis=1)
    clear = (shares == shares.max(axis=1, keepdims=True)).sum(axis=1) == 1
    unsure = probabilities[everyone, chosen] < _OVERRULE
    chosen = np.where(clear & unsure, popular, chosen)
    return chosen, probabilities[everyone, chosen]


def _expectation_maximisation(votes: Votes, probabilities: Floats) -> Floats:
    """Objects × classes: how likely each class is, given worker models that fit those likelihoods."""
    worker_count = int(votes.workers.max()) + 1
    object_count = len(probabilities)
    for _ in range(_ROUNDS):
        matrices = _worker_matrices(votes, probabilities, worker_count)
        prior = probabilities.sum(axis=0) + _PRIOR_WEIGHT
        evidence = np.log(matrices[votes.workers, :, votes.classes])
        log = np.log(prior / prior.sum()) + _sum_rows(votes.objects, evidence, object_count)
        updated = _normalised(np.exp(log - log.max(axis=1, keepdims=True)))
        moved = float(np.abs(updated - probabilities).max())
        probabilities = updated
        if moved < 1e-4:
            break
    return probabilities


def _worker_matrices(votes: Votes, truth: Floats, worker_count: int) -> Floats:
    """Per worker: how likely each answer (column) is for each true class (row)."""
    class_count = truth.shape[1]
    soft = truth[votes.objects]
    right = soft[np.arange(len(soft)), votes.classes]
    accuracy = (right.sum() + _CROWD_WEIGHT * _START_ACCURACY) / (len(right) + _CROWD_WEIGHT)
    answers = np.bincount(votes.workers, minlength=worker_count)
    hits = np.bincount(votes.workers, weights=right, minlength=worker_count)
    own = (hits + _CROWD_WEIGHT * accuracy) / (answers + _CROWD_WEIGHT)

    # Answers × true classes, gathered per worker and answer, then turned so that rows are true classes.
    answered = _sum_rows(votes.workers * class_count + votes.classes, soft, worker_count * class_count)
    confusions = answered.reshape(worker_count, class_count, class_count).transpose(0, 2, 1)
    # Even the crowd's typical confusions lean on "any other class is as likely".
    typical = confusions.sum(axis=0) + _MATRIX_WEIGHT / max(class_count - 1, 1)
    np.fill_diagonal(typical, 0.0)
    base = _normalised(typical)[None] * (1 - own)[:, None, None]
    diagonal = np.arange(class_count)
    base[:, diagonal, diagonal] = own[:, None]
    return _normalised(confusions + _MATRIX_WEIGHT * base).clip(1e-9)


def _table(rows: Ints, columns: Ints, weights: Floats, row_count: int, column_count: int) -> Floats:
    """Weights summed by row and column."""
    flat = np.bincount(rows * column_count + columns, weights=weights, minlength=row_count * column_count)
    return flat.reshape(row_count, column_count).astype(np.float64)


def _sum_rows(groups: Ints, values: Floats, group_count: int) -> Floats:
    """Rows of an array summed by group."""
    columns = [np.bincount(groups, weights=column, minlength=group_count) for column in values.T]
    return np.stack(columns, axis=1)


def _normalised(rows: Floats) -> Floats:
    total = rows.sum(axis=-1, keepdims=True)
    return rows / np.where(total > 0, total, 1.0)

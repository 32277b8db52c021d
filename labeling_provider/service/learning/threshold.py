"""Chooses how sure a model must be to label objects, based on validation objects that people have labeled.

The value of a machine's label is its agreement with people's, 0 to 1: 0 or 1 for a class, the overlap for boxes and
masks. Ground Truth promises a mean agreement. Source: developer guide, "Automate data labeling".
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from itertools import accumulate, groupby
from typing import Any, Final, NamedTuple

import numpy as np

RISK: Final = 0.02
"""The maximum probability of accepting a model whose agreement is lower than promised."""


class Judged(NamedTuple):
    """A model's result on an object that people have labeled.

    :param score: how sure the model is, on its own scale.
    :param agreement: its agreement with people's label, 0 to 1.
    :param group: the class that people chose; None if labels are not classes.
    """

    score: float
    agreement: float
    group: Any = None


def _suffices(count: int, total: float, promised: float, whole: bool) -> bool:
    """Whether the probability of such a high sum is at most :data:`RISK` if the true mean is only as promised.

    :param total: the sum of the agreements.
    :param whole: whether all agreements are 0 or 1. Then the probability is exact, else it is bounded
        (Chernoff-Hoeffding bound for values from 0 to 1).
    """
    mean = total / count if count else 0.0
    if mean <= promised:
        return False
    if whole:
        from scipy.special import bdtrc

        return float(bdtrc(round(total) - 1, count, promised)) <= RISK
    divergence = mean * math.log(mean / promised)
    if mean < 1:
        divergence += (1 - mean) * math.log((1 - mean) / (1 - promised))
    return count * divergence >= math.log(1 / RISK)


def choose_threshold(
    judged: Sequence[Judged], taken: Sequence[Judged], group_sizes: dict[Any, int], promised: float
) -> float | None:
    """The lowest score at which the model's labels, together with earlier ones, keep the promise.

    The promise also holds for each class, as far as the validation objects can show it: the share of a class's objects
    that would be labeled wrongly stays within what is promised.

    :param judged: results on the objects that represent those without a label.
    :param taken: results on the objects that an earlier model of the job would have labeled.
    :param group_sizes: how many objects people have put into each class.
    :param promised: the mean agreement that is required, 0 to 1.
    :return: None if no score is high enough.
    """
    wrong: dict[Any, float] = defaultdict(float)
    for result in taken:
        wrong[result.group] += 1 - result.agreement
    count, total, chosen = len(taken), sum(result.agreement for result in taken), None
    whole = all(result.agreement in {0, 1} for result in (*judged, *taken))
    ordered = sorted(judged, key=lambda result: -result.score)
    for position, result in enumerate(ordered):
        count, total = count + 1, total + result.agreement
        wrong[result.group] += 1 - result.agreement
        if _fails_a_class(wrong, group_sizes, promised):
            break
        followed_by_equal = position + 1 < len(ordered) and ordered[position + 1].score == result.score
        if not followed_by_equal and _suffices(count, total, promised, whole):
            chosen = result.score
    return chosen


def _fails_a_class(wrong: dict[Any, float], sizes: dict[Any, int], promised: float) -> bool:
    """Whether significantly more of a class's objects would be wrong than the promise allows."""
    from scipy.special import bdtrc

    return any(
        wrong[group] > (1 - promised) * size and float(bdtrc(wrong[group] - 1, size, 1 - promised)) < RISK
        for group, size in sizes.items()
        if group is not None
    )


class Calibration:
    """Maps a model's score to the expected agreement with people, which never falls as the score rises.

    :param judged: results on objects that people have labeled.
    """

    def __init__(self, judged: Sequence[Judged]) -> None:
        from sklearn.isotonic import isotonic_regression

        ordered = sorted(judged, key=lambda result: result.score)
        rising = isotonic_regression([result.agreement for result in ordered]) if ordered else []
        self._scores: list[float] = []
        means: list[float] = []
        for _, pairs in groupby(zip(rising, ordered, strict=True), key=lambda pair: pair[0]):
            pool = [result for _, result in pairs]
            self._scores.append(sum(result.score for result in pool) / len(pool))
            # A few agreements do not make certainty.
            means.append((sum(result.agreement for result in pool) + 0.5) / (len(pool) + 1))
        self._means = list(accumulate(means, max))

    def confidence(self, score: float) -> float:
        """The expected agreement at a score, 0 to 1; 0 without any results."""
        if not self._scores:
            return 0.0
        return float(np.interp(score, self._scores, self._means))

"""How sure must a model be to label alone? Found on objects that people have labeled as well and it has not learned.

A label by machine is worth its agreement with people's, 0 to 1: for a class that is 0 or 1, for boxes and masks how
far they overlap. What Ground Truth promises (developer guide, "Automate data labeling") is the mean of it.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from itertools import accumulate, groupby
from typing import Any, Final, NamedTuple

import numpy as np

RISK: Final = 0.02
"""How likely a lower agreement than promised may look like a sufficient one, at most."""


class Judged(NamedTuple):
    """What a model has said about an object that people have labeled.

    :param score: how sure the model is, on its own scale.
    :param agreement: with people's label, 0 to 1.
    :param group: people's class, where an object has one.
    """

    score: float
    agreement: float
    group: Any = None


def suffices(agreements: Sequence[float], promised: float) -> bool:
    """Whether these objects show that all of their kind keep the promise in the mean."""
    whole = all(one in {0, 1} for one in agreements)
    return _suffices(len(agreements), sum(agreements), promised, whole)


def _suffices(count: int, total: float, promised: float, whole: bool) -> bool:
    """Whether so high a sum would come about with a probability of :data:`RISK` at most, were the mean not kept.

    :param whole: whether all agreements are 0 or 1: then the probability is known, else there is a bound on it
        (Chernoff's and Hoeffding's for values from 0 to 1).
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
    """The lowest score from which on labels by machine, together with earlier ones, keep the promise.

    No class pays for the others: the part of a class's objects that would be labeled wrongly stays within what is
    promised, too, as far as so few objects can tell.

    :param judged: the objects that stand for those that still have no label.
    :param taken: those that would have been labeled by an earlier model of the job.
    :param group_sizes: how many objects of each class people have found in all.
    :param promised: the mean agreement that is needed, 0 to 1.
    :return: None if no score will do.
    """
    wrong: dict[Any, float] = defaultdict(float)
    for one in taken:
        wrong[one.group] += 1 - one.agreement
    count, total, chosen = len(taken), sum(one.agreement for one in taken), None
    whole = all(one.agreement in {0, 1} for one in (*judged, *taken))
    ordered = sorted(judged, key=lambda one: -one.score)
    for position, one in enumerate(ordered):
        count, total = count + 1, total + one.agreement
        wrong[one.group] += 1 - one.agreement
        if _costs_a_class_too_much(wrong, group_sizes, promised):
            break
        followed_by_equal = position + 1 < len(ordered) and ordered[position + 1].score == one.score
        if not followed_by_equal and _suffices(count, total, promised, whole):
            chosen = one.score
    return chosen


def _costs_a_class_too_much(wrong: dict[Any, float], sizes: dict[Any, int], promised: float) -> bool:
    """Whether more of a class's objects would be wrong than the promise allows, beyond what chance explains."""
    from scipy.special import bdtrc

    return any(
        wrong[group] > (1 - promised) * size and float(bdtrc(wrong[group] - 1, size, 1 - promised)) < RISK
        for group, size in sizes.items()
        if group is not None
    )


class Calibration:
    """From a model's score to the agreement with people that it stands for, rising with it.

    :param judged: objects that people have labeled as well.
    """

    def __init__(self, judged: Sequence[Judged]) -> None:
        from sklearn.isotonic import isotonic_regression

        ordered = sorted(judged, key=lambda one: one.score)
        rising = isotonic_regression([one.agreement for one in ordered]) if ordered else []
        self._scores: list[float] = []
        means: list[float] = []
        for _, pairs in groupby(zip(rising, ordered, strict=True), key=lambda pair: pair[0]):
            pool = [one for _, one in pairs]
            self._scores.append(sum(one.score for one in pool) / len(pool))
            # A few that agree are no certainty yet.
            means.append((sum(one.agreement for one in pool) + 0.5) / (len(pool) + 1))
        self._means = list(accumulate(means, max))

    def confidence(self, score: float) -> float:
        """Expected agreement of an object, 0 to 1; 0 if nothing is known."""
        if not self._scores:
            return 0.0
        return float(np.interp(score, self._scores, self._means))

"""How far workers agree beyond chance: Krippendorff's alpha, for any number of workers and missing answers.

Source: Klaus Krippendorff, "Computing Krippendorff's Alpha-Reliability", 2011: observed disagreement within objects by
the disagreement that is expected between answers whatever they are about.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import combinations
from random import Random
from typing import Final

from labeling_provider.quality.judgement import Judgement

_MAX_VALUES: Final = 500


class Agreement:
    """Krippendorff's alpha of answers that come object by object, in constant memory.

    The expected disagreement is exact as long as there are at most 500 different answers, as with classes; of boxes and
    spans it is that of 500 answers, taken at random and always the same.
    """

    def __init__(self) -> None:
        self._observed, self._count = 0.0, 0
        self._values: Counter[Judgement] | None = Counter()
        self._sample: list[Judgement] = []
        self._random = Random(0)  # noqa: S311 - a sample, no secret

    def add(self, judgements: Sequence[Judgement]) -> None:
        """Take in what several workers said of one object; a single answer can't be compared with any."""
        if len(judgements) < 2:
            return
        pairs = sum(one.distance(another) for one, another in combinations(judgements, 2))
        self._observed += 2 * pairs / (len(judgements) - 1)
        for judgement in judgements:
            self._count += 1
            self._remember(judgement)

    def _remember(self, judgement: Judgement) -> None:
        if self._values is not None:
            self._values[judgement] += 1
            if len(self._values) > _MAX_VALUES:
                self._values = None
        if len(self._sample) < _MAX_VALUES:
            self._sample.append(judgement)
        elif (place := self._random.randrange(self._count)) < _MAX_VALUES:
            self._sample[place] = judgement

    @property
    def alpha(self) -> float | None:
        """1 if all agree, 0 if they agree as chance would have it, below 0 if less.

        None if no object has two answers that can be compared.
        """
        if not self._count:
            return None
        values = Counter(self._sample) if self._values is None else self._values
        count = sum(values.values())
        expected = sum(
            2 * many * more * one.distance(another) for (one, many), (another, more) in combinations(values.items(), 2)
        ) / (count * (count - 1))
        # Where all answers are one and the same, nothing tells agreement from chance, and nobody has disagreed.
        return 1 - self._observed / self._count / expected if expected else 1.0

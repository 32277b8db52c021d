"""How far workers agree beyond chance: Krippendorff's alpha, for any number of workers and missing answers.

Source: Klaus Krippendorff, "Computing Krippendorff's Alpha-Reliability", 2011: the disagreement observed within
objects, divided by the disagreement expected between answers to any objects.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import combinations
from random import Random

from labeling_provider.quality.judgement import Judgement


class Agreement:
    """Krippendorff's alpha of answers that are added object by object, in constant memory.

    The expected disagreement is exact for up to 500 different answers, as with classes. Beyond that, as with boxes and
    spans, it is estimated from 500 answers sampled with a fixed seed. For drawings, which take longer to compare, both
    numbers are 100.
    """

    def __init__(self) -> None:
        self._observed, self._count = 0.0, 0
        self._values: Counter[Judgement] | None = Counter()
        self._sample: list[Judgement] = []
        self._random = Random(0)  # noqa: S311 - for sampling, not for security

    def add(self, judgements: Sequence[Judgement]) -> None:
        """Add the judgements of several workers on one object; a single judgement is ignored."""
        if len(judgements) < 2:
            return
        pairs = sum(first.distance(second) for first, second in combinations(judgements, 2))
        self._observed += 2 * pairs / (len(judgements) - 1)
        for judgement in judgements:
            self._count += 1
            self._remember(judgement)

    def _remember(self, judgement: Judgement) -> None:
        if self._values is not None:
            self._values[judgement] += 1
            if len(self._values) > judgement.compared:
                self._values = None
        if len(self._sample) < judgement.compared:
            self._sample.append(judgement)
        elif (place := self._random.randrange(self._count)) < len(self._sample):
            self._sample[place] = judgement

    @property
    def alpha(self) -> float | None:
        """1 if all workers agree, 0 if they agree no more than by chance, negative if less.

        None if no object has two judgements.
        """
        if not self._count:
            return None
        values = Counter(self._sample) if self._values is None else self._values
        count = sum(values.values())
        expected = sum(
            2 * first_count * second_count * first.distance(second)
            for (first, first_count), (second, second_count) in combinations(values.items(), 2)
        ) / (count * (count - 1))
        # If all answers are the same, agreement and chance cannot be told apart, and nobody disagreed.
        return 1 - self._observed / self._count / expected if expected else 1.0

"""How far people agree."""

from __future__ import annotations

import pytest

from labeling_provider.quality import Agreement, Judgement
from tests.quality.said import chose, drew

# Krippendorff 2011, "Computing Krippendorff's Alpha-Reliability", example C: four observers, twelve units, gaps.
OBSERVERS = (
    "1 2 3 3 2 1 4 1 2 . . .",
    "1 2 3 3 2 2 4 1 2 5 . 3",
    ". 3 3 3 2 3 4 2 2 5 1 .",
    "1 2 3 3 2 4 4 1 2 5 1 .",
)


def alpha(*units: list[Judgement]) -> float | None:
    agreement = Agreement()
    for unit in units:
        agreement.add(unit)
    return agreement.alpha


def test_alpha_is_that_of_the_textbook() -> None:
    units = [
        [chose(choice) for choice in unit if choice != "."] for unit in zip(*map(str.split, OBSERVERS), strict=True)
    ]
    assert alpha(*units) == pytest.approx(0.743, abs=0.0005)


def test_alpha_of_full_agreement_of_none_and_of_nothing() -> None:
    a, b = chose("a"), chose("b")
    assert alpha([a, a], [b, b], [a, a]) == 1
    assert alpha([a, a], [a, a]) == 1
    assert alpha([a, b], [b, a]) == pytest.approx(-0.5)
    assert alpha([a], [b]) is None
    assert alpha() is None


def test_alpha_of_many_different_answers_is_near_the_exact_one() -> None:
    import random

    chance = random.Random(1)
    near, far = [], []
    for _ in range(400):
        left = chance.uniform(0, 900)
        near.append([drew(("a", left + chance.uniform(-3, 3), 0, 50, 50)) for _ in range(3)])
        far.append([drew(("a", chance.uniform(0, 900), 0, 50, 50)) for _ in range(3)])
    assert 0.8 < (alpha(*near) or 0) < 1
    assert abs(alpha(*far) or 1) < 0.05

"""Which class several workers meant."""

from __future__ import annotations

import numpy as np
import pytest

from labeling_provider.service.kinds.estimation import Votes, consolidate_votes

# Objects, classes, workers, answers per object, mean accuracy.
REGIMES = [
    (50, 2, 5, 3, 0.8),
    (30, 2, 5, 3, 0.8),
    (10, 3, 9, 9, 0.7),
    (100, 2, 3, 3, 0.85),
    (50, 10, 50, 3, 0.7),
    (100, 50, 80, 3, 0.7),
    (30, 20, 40, 2, 0.8),
    (200, 10, 10, 3, 0.9),
    (300, 10, 200, 3, 0.75),
    (300, 3, 6, 3, 0.6),
]
CROWDS = {
    "even": {},
    "skewed classes": {"skew": 1.5},
    "a third guesses": {"guessers": 0.3},
    "typical confusions": {"confused": True},
    "all at once": {"skew": 2.0, "guessers": 0.3, "confused": True},
}


def crowd(
    seed: int,
    regime: tuple[int, int, int, int, float],
    skew: float = 1.0,
    guessers: float = 0.0,
    confused: bool = False,
) -> tuple[np.ndarray, Votes]:
    """True classes, and what workers of different care have answered."""
    objects, classes, workers, answers, accuracy = regime
    chance = np.random.default_rng(seed)
    shares = np.array([skew**-number for number in range(classes)])
    truth = chance.choice(classes, objects, p=shares / shares.sum())
    care = np.clip(chance.normal(accuracy, 0.1, workers), 1 / classes, 0.99)
    care[: int(guessers * workers)] = 1 / classes
    rows = []
    for number in range(objects):
        for worker in chance.choice(workers, answers, replace=False):
            choice = truth[number]
            if chance.random() >= care[worker]:
                near = confused and chance.random() < 0.7
                choice = (choice + 1 + (0 if near else chance.integers(classes - 1))) % classes
            rows.append((number, worker, choice))
    return truth, Votes(*np.array(rows).T)


def majority_accuracy(truth: np.ndarray, votes: Votes, classes: int) -> float:
    """How often a majority vote is right, ties broken at random, in expectation."""
    counts = np.zeros((len(truth), classes))
    np.add.at(counts, (votes.objects, votes.classes), 1)
    best = counts == counts.max(axis=1, keepdims=True)
    return float((best[np.arange(len(truth)), truth] / best.sum(axis=1)).mean())


@pytest.mark.parametrize("kind", CROWDS)
@pytest.mark.parametrize("regime", REGIMES, ids=lambda regime: "-".join(map(str, regime)))
def test_the_model_is_never_less_accurate_than_a_majority_vote(regime: tuple, kind: str) -> None:
    gains = []
    for seed in range(24):
        truth, votes = crowd(seed, regime, **CROWDS[kind])
        classes, _ = consolidate_votes(votes, regime[1])
        gains.append(float((classes == truth).mean()) - majority_accuracy(truth, votes, regime[1]))
    assert np.mean(gains) >= -1e-9


def test_careless_workers_are_found_and_outweighed() -> None:
    truth, votes = crowd(1, (200, 10, 10, 3, 0.9), guessers=0.3)
    classes, _ = consolidate_votes(votes, 10)
    assert float((classes == truth).mean()) > majority_accuracy(truth, votes, 10) + 0.05


def test_agreement_is_surer_than_disagreement() -> None:
    votes = Votes(*np.array([(0, 0, 1), (0, 1, 1), (0, 2, 1), (1, 0, 0), (1, 1, 0), (1, 2, 1)]).T)
    classes, sure = consolidate_votes(votes, 2)
    assert list(classes) == [1, 0]
    assert sure[0] > sure[1] > 0.5

"""Which class several workers meant."""

from __future__ import annotations

from random import Random
from typing import Any

import numpy as np
import pytest

from benchmarks.classes import BATCH, TUNED, Votes, decided
from labeling_provider.service.kinds import estimation

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


@pytest.mark.parametrize("regime", REGIMES, ids=lambda regime: "-".join(map(str, regime)))
def test_the_model_is_not_a_point_less_accurate_than_a_majority_vote(regime: tuple) -> None:
    gains = []
    for kind in CROWDS.values():
        # Of few objects, each is a large share.
        for seed in range(12 if regime[0] < 30 else 2 if regime[1] < 50 else 1):
            truth, votes = crowd(seed, regime, **kind)
            classes, _ = decided(votes, regime[1])
            gains.append(float((classes == truth).mean()) - majority_accuracy(truth, votes, regime[1]))
    assert np.mean(gains) >= -0.01


@pytest.mark.parametrize(("regime", "classes", "min_gain"), [("leaning workers", 4, 0.07), ("two camps", 6, 0.0)])
def test_what_workers_are_prone_to_answer_is_found(regime: str, classes: int, min_gain: float) -> None:
    """Each by their own habit, or half of them alike: they take one class for another."""
    gains = []
    for seed in range(3):
        truth, votes = TUNED[regime].simulate(seed)
        decisions, _ = decided(votes, classes)
        gains.append(float((decisions == truth).mean()) - majority_accuracy(truth, votes, classes))
    assert np.mean(gains) > min_gain


def lenient_and_strict(seed: int) -> tuple[np.ndarray, Votes]:
    """Yes or no. Some objects look like "yes": lenient workers are all taken in by them, strict ones are not."""
    chance = np.random.default_rng(seed)
    kinds = chance.choice(3, 600, p=[0.55, 0.25, 0.2])
    # By the kind of object: none, looks like one, is one.
    yes = np.array([[0.05, 0.75, 0.9], [0.03, 0.1, 0.85]])
    workers = chance.random((600, 20)).argsort(axis=1)[:, :5]
    said = chance.random((600, 5)) < yes[(workers % 2), kinds[:, None]]
    return (kinds == 2).astype(int), Votes(np.repeat(np.arange(600), 5), workers.ravel(), said.ravel().astype(int))


def test_what_lenient_workers_alone_are_taken_in_by_does_not_overrule_most_of_them() -> None:
    gains, distances = [], []
    for seed in range(3):
        truth, votes = lenient_and_strict(seed)
        classes, sure = decided(votes, 2)
        gains.append(float((classes == truth).mean()) - majority_accuracy(truth, votes, 2))
        distances.append(float(sure.mean()) - float((classes == truth).mean()))
    assert np.mean(gains) > -0.01
    assert abs(np.mean(distances)) < 0.05


def distance(name: str) -> float:
    """How far confidence is from how often a label is right."""
    regime = TUNED[name]
    distances = []
    for seed in range(3):
        truth, votes = regime.simulate(seed)
        classes, sure = decided(votes, len(regime.shares))
        distances.append(float(sure.mean()) - float((classes == truth).mean()))
    return float(abs(np.mean(distances)))


@pytest.mark.parametrize("name", ["easy and hard objects", "eight answers"])
def test_confidence_is_how_often_a_label_is_right_although_some_objects_are_guessed(name: str) -> None:
    assert distance(name) < 0.06


@pytest.mark.parametrize("name", ["many classes", "strict and mild workers"])
def test_confidence_is_how_often_a_label_is_right_although_workers_make_the_same_mistakes(name: str) -> None:
    assert distance(name) < 0.06


def test_the_order_of_the_answers_about_an_object_makes_no_difference() -> None:
    _, votes = TUNED["confusions in pairs"].simulate(1)
    order = np.lexsort((np.random.default_rng(1).random(len(votes.objects)), votes.objects))
    shuffled = Votes(votes.objects[order], votes.workers[order], votes.classes[order])
    (classes, sure), (others, as_sure) = decided(votes, 4), decided(shuffled, 4)
    assert list(others) == list(classes)
    assert as_sure == pytest.approx(sure)


def test_objects_that_are_decided_in_small_batches_are_as_surely_right() -> None:
    regime, distances, gains = TUNED["spammers"], [], []
    for seed in range(2):
        truth, votes = regime.simulate(seed)
        chosen, sure = decided(votes, 4, BATCH)
        distances.append(float(sure.mean()) - float((chosen == truth).mean()))
        gains.append(float((chosen == truth).mean()) - majority_accuracy(truth, votes, 4))
    assert abs(np.mean(distances)) < 0.05
    assert np.mean(gains) > 0.03


@pytest.mark.parametrize("seed", range(3))
def test_a_book_that_was_filled_again_decides_as_the_one_before(seed: int) -> None:
    chance = Random(seed)
    sizes = [chance.choice((1, 2, 5, 30)) for _ in range(40)]
    questions = [
        [(str(worker), (number + (chance.random() < 0.2)) % 3) for worker in chance.sample(range(9), 3)]
        for number in range(sum(sizes))
    ]

    def filled(count: int) -> estimation.VoteBook:
        book = estimation.VoteBook(3)
        for votes in questions[:count]:
            book.add(votes)
        return book

    lasting, done = filled(0), 0
    for number, size in enumerate(sizes):
        done += size
        for votes in questions[done - size : done]:
            lasting.add(votes)
        labels = lasting.decide(size)
        if number % 5 == 0:
            assert filled(done).decide(size) == labels


def test_most_steps_read_only_their_own_votes(monkeypatch: pytest.MonkeyPatch) -> None:
    learned: list[int] = []
    learn = estimation._learn

    def counted(model: Any, table: Any) -> Any:
        learned.append(len(table.objects))
        return learn(model, table)

    book = estimation.VoteBook(3)
    for number in range(305):
        book.add([(str(worker), (number + (worker == number % 7)) % 3) for worker in range(3)])
    book.decide(305)
    book.add([("0", 1), ("1", 1), ("2", 1)])
    book.decide(1)
    monkeypatch.setattr(estimation, "_learn", counted)
    for _ in range(6):
        book.add([("0", 1), ("a new worker", 1), ("2", 1)])
        assert book.decide(1)[0][0] == 1
    assert learned == []


def test_careless_workers_are_found_and_outweighed() -> None:
    truth, votes = crowd(1, (200, 10, 10, 3, 0.9), guessers=0.3)
    classes, _ = decided(votes, 10)
    assert float((classes == truth).mean()) > majority_accuracy(truth, votes, 10) + 0.05


def test_agreement_is_surer_than_disagreement() -> None:
    votes = Votes(*np.array([(0, 0, 1), (0, 1, 1), (0, 2, 1), (1, 0, 0), (1, 1, 0), (1, 2, 1)]).T)
    classes, sure = decided(votes, 2)
    assert list(classes) == [1, 0]
    assert sure[0] > sure[1] > 0.5

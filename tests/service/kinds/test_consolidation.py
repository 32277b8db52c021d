"""Consolidation: one label out of several answers."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from labeling_provider.service.kinds.consolidation import masks
from labeling_provider.service.kinds.consolidation.boxes import consolidate_boxes, overlap
from labeling_provider.service.kinds.consolidation.classification import Votes, consolidate_votes
from labeling_provider.service.kinds.consolidation.masks import consolidate_masks
from labeling_provider.service.kinds.consolidation.spans import consolidate_spans

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


def box(left: float, top: float = 0, width: float = 10, height: float = 10, label: str = "a") -> dict:
    return {"label": label, "left": left, "top": top, "width": width, "height": height}


def test_overlap_is_shared_area_by_joint_area() -> None:
    assert overlap(box(0), box(0)) == 1
    assert overlap(box(0), box(5)) == pytest.approx(1 / 3)
    assert overlap(box(0), box(10)) == 0
    assert overlap(box(0, width=0), box(0, width=0)) == 0


def test_boxes_that_a_majority_drew_are_averaged_and_others_dropped() -> None:
    kept = consolidate_boxes([[box(0), box(50)], [box(1)], [box(2), box(90, label="b")]])
    ((mean, confidence),) = kept
    assert mean == {"label": "a", "left": 1.0, "top": 0.0, "width": 10.0, "height": 10.0}
    assert 0.7 < confidence < 1


def test_two_boxes_of_one_worker_are_never_merged() -> None:
    assert len(consolidate_boxes([[box(0), box(1)]])) == 2


def test_spans_take_the_most_frequent_borders_and_label() -> None:
    def span(start: int, end: int, label: str = "a") -> dict:
        return {"label": label, "startOffset": start, "endOffset": end}

    kept = consolidate_spans([[span(0, 10), span(20, 25)], [span(0, 11)], [span(0, 10, "b"), span(40, 45)]])
    ((found, confidence),) = kept
    assert found == span(0, 10)
    assert confidence == pytest.approx(2 / 3)
    assert consolidate_spans([[], []]) == []


def test_every_pixel_is_a_vote_and_neighbours_break_ties() -> None:
    base = np.zeros((5, 5), dtype=np.uint8)
    base[:, 3:] = 1
    noisy = base.copy()
    noisy[0, 0] = 1
    mask, support = consolidate_masks([base, base, noisy], 2)
    assert np.array_equal(mask, base)
    assert support == pytest.approx(1 - 1 / 75)
    mask, _ = consolidate_masks([base, noisy], 2)
    assert np.array_equal(mask, base)


def test_a_large_mask_is_consolidated_in_little_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(1)
    answers = [rng.integers(0, 20, (900, 1000), dtype=np.uint8) for _ in range(3)]
    tracemalloc.start()
    try:
        in_parts, support = consolidate_masks(answers, 20)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 200e6, f"{peak / 1e6:.0f} MB"
    monkeypatch.setattr(masks, "_VOTES_AT_ONCE", 10**9)
    whole, same = consolidate_masks(answers, 20)
    assert np.array_equal(in_parts, whole)
    assert support == pytest.approx(same)


@pytest.mark.parametrize("votes", [1, 7, 60])
def test_a_mask_in_parts_is_the_same(monkeypatch: pytest.MonkeyPatch, votes: int) -> None:
    rng = np.random.default_rng(votes)
    answers = [rng.integers(0, 3, (13, 5), dtype=np.uint8) for _ in range(4)]
    whole, support = consolidate_masks(answers, 3)
    monkeypatch.setattr(masks, "_VOTES_AT_ONCE", votes)
    in_parts, same = consolidate_masks(answers, 3)
    assert np.array_equal(in_parts, whole)
    assert support == pytest.approx(same)


def test_as_many_boxes_and_spans_as_a_line_can_name_are_matched() -> None:
    boxes = [
        {"label": "a", "left": 20 * (number % 40), "top": 20 * (number // 40), "width": 10, "height": 10}
        for number in range(1_600)
    ]
    kept = consolidate_boxes([boxes, boxes[::-1], boxes])
    assert sorted((box["top"], box["left"]) for box, _ in kept) == [(box["top"], box["left"]) for box in boxes]
    assert {confidence for _, confidence in kept} == {1.0}
    spans = [{"label": "a", "startOffset": 10 * number, "endOffset": 10 * number + 5} for number in range(1_600)]
    assert consolidate_spans([spans, spans[::-1], spans]) == [(span, 1.0) for span in spans]

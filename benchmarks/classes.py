"""How right consolidated classes are, beside other methods, and what they cost: ``make bench-consolidation``.

Crowds of twenty kinds are simulated (regimes), of which nine were held back while the method was made: experts,
class imbalance, families of classes, turned answers, hard objects with spammers, two answers, rare matches, a mistake
that all make, many answers. The methods:

- majority: the class with the most votes; of several, any; its share is its confidence.
- Amazon: as in Amazon's notebook ``ACSBlogPost.ipynb`` ("Understanding Annotation Consolidation").
- Dawid-Skene, one coin: those of crowd-kit, if it is installed.
- fixed weights: what this package did until November 2026: matrices that are always pulled with the same weights.
- who knows all: the workers and the shares of the classes as they were simulated. Nobody can be better; what error this
  has in its confidence is chance.
- ours, and ours in batches of five objects, which are decided one after the other.

Confidences are as they are written: at most 0.99, two decimals. The calibration error (ECE) has ten bins. The last line
is JSON; ``ece`` is the worst regime's with three or more answers, whole or in batches; ``ece_whole`` is without the
batches, as of a job that has ended; and ``ece_by_chance`` is that of who knows all.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import pairwise
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from labeling_provider.service.kinds.estimation import VoteBook
from labeling_provider.service.kinds.kind import MAX_CONFIDENCE

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Votes:
    """Workers' answers; each array has one entry per answer.

    :param objects: index of the object, from 0; each has at least one answer.
    :param workers: index of the worker, from 0.
    :param classes: index of the class chosen, from 0.
    """

    objects: Ints
    workers: Ints
    classes: Ints


@dataclass(frozen=True)
class Regime:
    """A kind of crowd and of work.

    :param objects: how many there are.
    :param answers: how many workers answer about each.
    :param shares: how frequent each class is; they add up to 1.
    :param workers: makes the probability of each answer (last axis) given each true class, for each worker.
    :param hard: the share of objects that look like one other class, between which everybody has to guess.
    """

    objects: int
    answers: int
    shares: Floats
    workers: Callable[[np.random.Generator], Floats]
    hard: float = 0.0

    def simulate(self, seed: int) -> tuple[Ints, Votes]:
        """The true classes, and what workers answer."""
        rng = np.random.default_rng(seed)
        matrices = self.workers(rng)
        classes = len(self.shares)
        truth = rng.choice(classes, self.objects, p=self.shares)
        chosen = rng.random((self.objects, len(matrices))).argsort(axis=1)[:, : self.answers]
        rows = matrices[chosen, truth[:, None]]
        looks = (truth + rng.integers(1, classes, self.objects)) % classes
        guess = (np.eye(classes)[truth] + np.eye(classes)[looks]) / 2
        is_hard = rng.random(self.objects) < self.hard
        rows = np.where(is_hard[:, None, None], guess[:, None, :], rows)
        choices = (rows.cumsum(axis=2) < rng.random((self.objects, self.answers, 1))).sum(axis=2).clip(max=classes - 1)
        numbers = np.repeat(np.arange(self.objects), self.answers)
        return truth, Votes(numbers, chosen.ravel(), choices.ravel())

    def known(self, seed: int, votes: Votes) -> Floats:
        """What can be known of each object by who knows the shares and all workers: class probabilities.

        :param votes: as simulated with this seed.
        """
        matrices, classes = self.workers(np.random.default_rng(seed)), len(self.shares)
        starts = np.arange(0, len(votes.objects), self.answers)
        likely = np.multiply.reduceat(matrices[votes.workers, :, votes.classes], starts)
        if self.hard:
            likely *= 1 - self.hard
            for looks in range(1, classes):
                guess = (np.eye(classes) + np.roll(np.eye(classes), looks, axis=1)) / 2
                likely += self.hard / (classes - 1) * np.multiply.reduceat(guess.T[votes.classes], starts)
        weights = likely * self.shares
        return weights / weights.sum(axis=1, keepdims=True)


def _even(classes: int) -> Floats:
    return np.full(classes, 1 / classes)


def _skilled(accuracies: Floats, classes: int) -> Floats:
    """Workers who are right with these probabilities, and otherwise choose any other class."""
    wrong = (1 - accuracies) / (classes - 1)
    return np.where(np.eye(classes, dtype=bool), accuracies[:, None, None], wrong[:, None, None])


def _alike(rng: np.random.Generator) -> Floats:
    return _skilled(np.full(20, 0.75), 4)


def _spammers(rng: np.random.Generator) -> Floats:
    return _skilled(np.where(np.arange(30) < 12, 0.25, rng.uniform(0.75, 0.95, 30)), 4)


def _experts(rng: np.random.Generator) -> Floats:
    return _skilled(np.where(np.arange(20) < 4, 0.96, rng.uniform(0.4, 0.65, 20)), 5)


def _pairs(rng: np.random.Generator) -> Floats:
    """Classes 0 and 1 look alike, and so do 2 and 3: each worker sees the one more readily than the other."""
    readily = rng.uniform(0.45, 0.98, (10, 4))
    readily[:, 1::2] = 1.45 - readily[:, ::2]
    matrices = np.full((10, 4, 4), 0.02)
    for real in range(4):
        matrices[:, real, real] = 0.96 * readily[:, real].clip(0, 1)
        matrices[:, real, real ^ 1] = 0.96 - matrices[:, real, real]
    return matrices


def _rare(rng: np.random.Generator) -> Floats:
    """Rare classes are often taken for the frequent one."""
    matrices = _skilled(rng.uniform(0.85, 0.97, 25), 3)
    matrices[:, 1] = [0.30, 0.65, 0.05]
    matrices[:, 2] = [0.25, 0.05, 0.70]
    return matrices


def _strangers(rng: np.random.Generator) -> Floats:
    return _skilled(rng.beta(6, 2.5, 300).clip(0.2, 0.99), 5)


def _four(rng: np.random.Generator) -> Floats:
    return _skilled(rng.beta(6, 2.5, 40).clip(0.2, 0.99), 4)


def _many(rng: np.random.Generator) -> Floats:
    """Forty classes, each of which looks like the next."""
    matrices = _skilled(rng.uniform(0.4, 0.9, 30), 40)
    diagonal = np.arange(40)
    right = matrices[:, diagonal, diagonal]
    matrices *= 0.4
    matrices[:, diagonal, (diagonal + 1) % 40] += 0.6 * (1 - right)
    matrices[:, diagonal, diagonal] = right
    return matrices


def _few(rng: np.random.Generator) -> Floats:
    return _skilled(rng.uniform(0.6, 0.95, 5), 3)


def _strict(rng: np.random.Generator) -> Floats:
    """Five degrees; each worker is too strict or too mild by some part of a degree."""
    bias = rng.normal(0, 0.7, (25, 1, 1))
    spread = rng.uniform(0.4, 0.8, (25, 1, 1))
    degrees = np.arange(5)
    likely = np.exp(-(((degrees[None, None, :] - degrees[None, :, None] - bias) / spread) ** 2) / 2)
    return likely / likely.sum(axis=2, keepdims=True)


def _camps(rng: np.random.Generator) -> Floats:
    """Half of the workers take one class for another one, as if the instructions could be read in two ways."""
    matrices = _skilled(rng.uniform(0.65, 0.95, 24), 6)
    matrices[::2, 2] = 0.04
    matrices[::2, 2, 5] = 0.8
    return matrices


def _families(rng: np.random.Generator) -> Floats:
    """Twelve classes in four families; within one, they look alike."""
    family = np.arange(12) // 3
    right = rng.uniform(0.5, 0.85, (30, 1, 1))
    near = (family[:, None] == family[None, :]) & ~np.eye(12, dtype=bool)
    matrices = np.where(near, (1 - right) * 0.4, (1 - right) * 0.2 / 9)
    matrices[:, np.arange(12), np.arange(12)] = right[:, 0]
    return matrices


def _leaning(rng: np.random.Generator) -> Floats:
    """Each worker answers a favourite class when unsure."""
    matrices = _skilled(np.ones(40), 4)
    favourite = np.eye(4)[rng.integers(4, size=40)]
    unsure = rng.uniform(0.1, 0.8, (40, 1, 1))
    return (1 - unsure) * matrices + unsure * favourite[:, None, :]


def _turned(rng: np.random.Generator) -> Floats:
    """Yes or no, and one worker in six has it the wrong way round."""
    return _skilled(np.where(np.arange(18) < 3, 0.15, rng.uniform(0.7, 0.95, 18)), 2)


def _matches(rng: np.random.Generator) -> Floats:
    """Yes or no: workers miss what they are looking for, each in another measure."""
    no, yes = rng.uniform(0.8, 0.98, 30), rng.uniform(0.4, 0.95, 30)
    return np.stack([np.stack([no, 1 - no], axis=1), np.stack([1 - yes, yes], axis=1)], axis=1)


def _shared(rng: np.random.Generator) -> Floats:
    """All take one class for another one in a third of the cases."""
    matrices = _skilled(rng.uniform(0.7, 0.92, 25), 5)
    matrices[:, 3] = [0.03, 0.03, 0.03, 0.55, 0.36]
    return matrices


def _twelve(rng: np.random.Generator) -> Floats:
    return _skilled(rng.uniform(0.35, 0.7, 12), 4)


def _fourteen(rng: np.random.Generator) -> Floats:
    return _skilled(rng.uniform(0.4, 0.75, 14), 5)


TUNED: Final[dict[str, Regime]] = {
    "alike": Regime(300, 3, _even(4), _alike),
    "spammers": Regime(400, 3, _even(4), _spammers),
    "confusions in pairs": Regime(600, 5, _even(4), _pairs),
    "few answers per worker": Regime(300, 3, _even(5), _strangers),
    "easy and hard objects": Regime(400, 5, _even(4), _four, 0.3),
    "a small job": Regime(40, 3, _even(3), _few),
    "leaning workers": Regime(400, 5, np.array([0.4, 0.3, 0.2, 0.1]), _leaning),
    "many classes": Regime(600, 3, _even(40), _many),
    "strict and mild workers": Regime(300, 5, np.array([0.1, 0.2, 0.4, 0.2, 0.1]), _strict),
    "two camps": Regime(400, 3, _even(6), _camps),
    "eight answers": Regime(300, 8, _even(5), _fourteen, 0.15),
}
HELD_BACK: Final[dict[str, Regime]] = {
    "experts": Regime(400, 5, _even(5), _experts),
    "class imbalance": Regime(500, 3, np.array([0.86, 0.09, 0.05]), _rare),
    "families of classes": Regime(500, 4, _even(12), _families),
    "turned answers": Regime(300, 3, np.array([0.6, 0.4]), _turned),
    "hard objects, spammers": Regime(400, 5, _even(4), _spammers, 0.3),
    "two answers": Regime(300, 2, _even(4), _spammers),
    "rare matches": Regime(500, 3, np.array([0.86, 0.14]), _matches),
    "a mistake that all make": Regime(400, 3, _even(5), _shared),
    "many answers": Regime(300, 9, _even(4), _twelve, 0.2),
}
"""The estimation was made without these: what it does, and its constants."""

BATCH: Final = 5
KNOWING: Final = "who knows all"
Method = Callable[[Votes, int], Floats]
"""Makes class probabilities of votes, objects × classes."""


def shares(votes: Votes, classes: int) -> Floats:
    """The share of the votes that each class has."""
    counts = np.zeros((int(votes.objects.max()) + 1, classes))
    np.add.at(counts, (votes.objects, votes.classes), 1)
    return counts / counts.sum(axis=1, keepdims=True)


def by_amazon(votes: Votes, classes: int) -> Floats:
    """Twenty rounds of Dawid-Skene; a matrix begins with what the worker's and the crowd's accuracy suggest."""
    workers = int(votes.workers.max()) + 1
    answers = np.bincount(votes.workers, minlength=workers).astype(float)
    crowd, truth = 0.7, np.full((int(votes.objects.max()) + 1, classes), 1 / classes)
    matrices = _skilled(np.full(workers, crowd), classes)
    for _ in range(20):
        truth = _believed(votes, matrices, truth.mean(axis=0))
        counts = _counted(votes, truth, workers)
        own = counts.trace(axis1=1, axis2=2) / answers.clip(min=1)
        pull = _skilled(own, classes) + _skilled(np.full(workers, crowd), classes) / 2
        matrices = counts + pull * answers[:, None, None]
        matrices /= matrices.sum(axis=2, keepdims=True).clip(min=1e-12)
        crowd = own[answers > 0].mean()
    return truth


def by_fixed_weights(votes: Votes, classes: int) -> Floats:
    """A worker's accuracy is pulled to the crowd's by 20 answers, each row of a matrix to this by 30."""
    workers = int(votes.workers.max()) + 1
    truth = shares(votes, classes)
    answers = np.bincount(votes.workers, minlength=workers)
    for _ in range(30):
        counts = _counted(votes, truth, workers)
        hits = counts.trace(axis1=1, axis2=2)
        crowd = (hits.sum() + 20 * 0.7) / (answers.sum() + 20)
        own = (hits + 20 * crowd) / (answers + 20)
        typical = counts.sum(axis=0) + 30 / (classes - 1)
        np.fill_diagonal(typical, 0)
        base = (1 - own)[:, None, None] * typical / typical.sum(axis=1, keepdims=True)
        base[:, np.arange(classes), np.arange(classes)] = own[:, None]
        matrices = counts + 30 * base
        prior = truth.sum(axis=0) + 10
        truth = _believed(votes, matrices / matrices.sum(axis=2, keepdims=True), prior / prior.sum())
    counts = shares(votes, classes)
    is_clear = (counts == counts.max(axis=1, keepdims=True)).sum(axis=1) == 1
    kept = is_clear & (truth.max(axis=1) < 0.75)
    # What most chose stays, with the probability that the model gives to its own choice.
    popular = np.eye(classes)[counts.argmax(axis=1)] * truth.max(axis=1, keepdims=True)
    return np.where(kept[:, None], popular, truth)


def _believed(votes: Votes, matrices: Floats, prior: Floats) -> Floats:
    starts = np.flatnonzero(np.diff(votes.objects, prepend=-1))
    likely = np.log(matrices[votes.workers, :, votes.classes].clip(1e-12))
    log = np.add.reduceat(likely, starts, axis=0) + np.log(prior.clip(1e-12))
    weights = np.exp(log - log.max(axis=1, keepdims=True))
    return weights / weights.sum(axis=1, keepdims=True)


def _counted(votes: Votes, truth: Floats, workers: int) -> Floats:
    """Workers × true classes × answers."""
    classes = truth.shape[1]
    cells = votes.workers * classes + votes.classes
    size = workers * classes
    columns = [np.bincount(cells, weights=truth[votes.objects, real], minlength=size) for real in range(classes)]
    return np.stack([column.reshape(workers, classes) for column in columns], axis=1)


def _of_crowd_kit(name: str) -> Method:
    def method(votes: Votes, classes: int) -> Floats:
        import pandas as pd
        from crowdkit import aggregation

        answers = pd.DataFrame({"task": votes.objects, "worker": votes.workers, "label": votes.classes})
        table = (
            getattr(aggregation, name)(n_iter=100)
            .fit(answers)
            .probas_.sort_index()
            .reindex(columns=range(classes), fill_value=0.0)
        )
        return np.asarray(table.fillna(0.0).to_numpy(), dtype=float)

    return method


def others() -> dict[str, Method]:
    """The other methods by name."""
    methods: dict[str, Method] = {"majority": shares, "Amazon": by_amazon, "fixed weights": by_fixed_weights}
    if find_spec("crowdkit"):
        names = {"Dawid-Skene": "DawidSkene", "one coin": "OneCoinDawidSkene"}
        methods |= {label: _of_crowd_kit(name) for label, name in names.items()}
    return methods


def decided(votes: Votes, classes: int, batch: int | None = None) -> tuple[Ints, Floats]:
    """Ours.

    :param batch: of how many objects answers come in before they are decided; None for all.
    """
    order = votes.objects.argsort(kind="stable")
    judgements = [
        (str(worker), choice) for worker, choice in zip(votes.workers[order], votes.classes[order], strict=True)
    ]
    ends = np.bincount(votes.objects).cumsum().tolist()
    book, labels = VoteBook(classes), []
    for number, (start, end) in enumerate(pairwise([0, *ends]), 1):
        book.add(judgements[start:end])
        if number == len(ends) or (batch and number % batch == 0):
            labels += book.decide(number - len(labels))
    chosen, sure = zip(*labels, strict=True)
    return np.array(chosen), np.array(sure)


def calibration_error(sure: Floats, right: Floats) -> float:
    """The mean distance between confidence and accuracy, in ten bins."""
    bins = (sure * 10).astype(int).clip(max=9)
    parts = [bins == number for number in range(10)]
    return float(sum(part.mean() * abs(sure[part].mean() - right[part].mean()) for part in parts if part.any()))


def measure(regime: Regime, seeds: int) -> dict[str, tuple[float, float]]:
    """Accuracy and calibration error by method."""
    classes = len(regime.shares)
    right: dict[str, list[Floats]] = {}
    sure: dict[str, list[Floats]] = {}

    def note(name: str, is_right: Floats, confidence: Floats) -> None:
        right.setdefault(name, []).append(is_right)
        sure.setdefault(name, []).append(confidence.clip(max=MAX_CONFIDENCE).round(2))

    for seed in range(seeds):
        truth, votes = regime.simulate(seed)
        everyone = np.arange(len(truth))
        for name, shares_of in (
            *((name, method(votes, classes)) for name, method in others().items()),
            (KNOWING, regime.known(seed, votes)),
        ):
            top = shares_of >= shares_of.max(axis=1, keepdims=True) - 1e-12
            # What several classes share is any of them.
            note(name, top[everyone, truth] / top.sum(axis=1), shares_of.max(axis=1))
        for name, (chosen, confidence) in (
            ("ours", decided(votes, classes)),
            ("in batches", decided(votes, classes, BATCH)),
        ):
            note(name, (chosen == truth).astype(float), confidence)
    results = {}
    for name, confidences in sure.items():
        is_right = np.concatenate(right[name])
        results[name] = (float(is_right.mean()), calibration_error(np.concatenate(confidences), is_right))
    return results


def cost(votes: int) -> tuple[float, float]:
    """CPU seconds of a step of five objects in a job of so many votes: with fixed weights, and ours on average."""
    rng = np.random.default_rng(1)
    objects = votes // 3
    truth = rng.integers(5, size=objects)
    workers = rng.random((objects, 100)).argsort(axis=1)[:, :3].ravel()
    choices = np.where(rng.random(len(workers)) < 0.8, truth.repeat(3), rng.integers(5, size=len(workers)))
    everything = Votes(np.repeat(np.arange(objects), 3), workers, choices)
    start = time.process_time()
    by_fixed_weights(everything, 5)
    before = time.process_time() - start
    start = time.process_time()
    decided(everything, 5, BATCH)
    return before, (time.process_time() - start) / (objects / BATCH)


def _table(name: str, results: Mapping[str, tuple[float, float]]) -> str:
    return f"{name:<26}" + "".join(f"{accuracy:>8.3f}/{error:.3f}" for accuracy, error in results.values())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--smallest", action="store_true", help="one seed, and no more than four regimes")
    options = parser.parse_args()
    seeds = 1 if options.smallest else options.seeds
    collected: list[dict[str, tuple[float, float]]] = []
    errors: list[float] = []
    for title, regimes in (("tuned", TUNED), ("held back", HELD_BACK)):
        print(f"{title}: accuracy/ECE of", ", ".join([*others(), KNOWING, "ours", "in batches"]))
        for name, regime in list(regimes.items())[: 2 if options.smallest else None]:
            results = measure(regime, seeds)
            print(_table(name, results), flush=True)
            collected.append(results)
            if regime.answers >= 3:
                errors += [results["ours"][1], results["in batches"][1]]
    means = {name: float(np.mean([results[name][0] for results in collected])) for name in collected[0]}
    before, after = cost(3_000 if options.smallest else 30_000)
    print("means:", {name: round(mean, 4) for name, mean in means.items()})
    print(f"a step of {BATCH} objects: {before * 1000:.1f} ms with fixed weights, {after * 1000:.2f} ms ours")
    result: dict[str, Any] = {
        "mean_accuracy": round(means["ours"], 4),
        "best_other": round(max(means[name] for name in others()), 4),
        "worst_vs_majority": round(min(results["ours"][0] - results["majority"][0] for results in collected), 4),
        "ece": round(max(errors), 4),
        "ece_whole": round(max(errors[::2]), 4),
        "ece_by_chance": round(max(results[KNOWING][1] for results in collected), 4),
        "cost_ratio": round(after / before, 4),
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()

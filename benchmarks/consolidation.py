"""How accurate consolidated drawings are, beside those of the best single worker: ``make bench-consolidation``.

Each seed is a set of pictures with things on them, and workers of different care: everybody misses things, draws some
that are not there, mistakes labels, and is off by some pixels. The score of a drawing is its panoptic quality: the
similarity of what was found, divided by what was found plus half of what was missed or is too much. The best worker of
a seed is the one with the highest mean score over all of its pictures, which nobody knows beforehand.
Source of the measure: Kirillov et al., "Panoptic Segmentation", 2019.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from statistics import mean
from typing import Any, Final

import numpy as np

from labeling_provider.groundtruth.ready_functions import READY_CONSOLIDATIONS
from labeling_provider.manifest.rasters import covered
from labeling_provider.service.kinds.drawings.instances import Masks, consolidate_masks
from labeling_provider.service.kinds.drawings.paths import PATHS, Drawing, Shape

WIDTH, HEIGHT, LABELS = 400, 300, 4
MISSED, INVENTED, MISTAKEN = 0.08, 0.05, 0.08
"""Shares of things that a worker misses, invents, and gives another label."""

Thing = tuple[int, Any]
"""A label and where it is."""


CREWS: Final[dict[str, Callable[[np.random.Generator], list[float]]]] = {
    "3": lambda rng: rng.uniform(1, 4, 3).tolist(),
    "5": lambda rng: rng.uniform(1, 4, 5).tolist(),
    "4 and an expert": lambda rng: [0.5, *rng.uniform(3, 4, 4).tolist()],
}
"""How far each worker is off, in pixels (standard deviation)."""


def measure(name: str, seed: int, care: Sequence[float], pictures: int = 8) -> tuple[float, float, float]:
    """The mean scores for one seed: of the consolidated drawings, of the best worker, and of all workers.

    :param name: a ready function.
    :param care: how far each worker is off, in pixels (standard deviation).
    """
    rng = np.random.default_rng(seed)
    scores = []
    for _ in range(pictures):
        truth = [_thing(name, rng) for _ in range(rng.integers(2, 7))]
        drawn = [_drawn(name, truth, off, rng) for off in care]
        scores.append(_score_masks(truth, drawn) if name == "instances" else _score_paths(name, truth, drawn))
    together = mean(score[0] for score in scores)
    each = [mean(score[1][worker] for score in scores) for worker in range(len(care))]
    return together, max(each), mean(each)


def _thing(name: str, rng: np.random.Generator) -> Thing:
    label = int(rng.integers(LABELS))
    center = rng.uniform([60, 60], [WIDTH - 60, HEIGHT - 60])
    if name == "keypoints":
        return label, center[None]
    if name == "lines":
        way = rng.uniform(0, np.pi)
        half = rng.uniform(15, 50) * np.array([np.cos(way), np.sin(way)])
        return label, np.stack([center - half, center + half])
    if name == "polylines":
        way = rng.uniform(0, 2 * np.pi) + np.cumsum(rng.normal(0, 0.5, int(rng.integers(3, 8))))
        steps = rng.uniform(8, 20, (len(way), 1)) * np.stack([np.cos(way), np.sin(way)], axis=1)
        return label, center + np.cumsum(steps, axis=0)
    corners = int(rng.integers(4, 16))
    at = (np.arange(corners) + rng.uniform(-0.3, 0.3, corners)) * 2 * np.pi / corners
    far = rng.uniform(0.6, 1, (corners, 1)) * rng.uniform(20, 55)
    return label, center + far * np.stack([np.cos(at), np.sin(at)], axis=1)


def _drawn(name: str, truth: Sequence[Thing], off: float, rng: np.random.Generator) -> list[Thing]:
    """What a worker draws."""
    invented = [_thing(name, rng) for _ in truth if rng.random() < INVENTED]
    seen = [thing for thing in truth if rng.random() >= MISSED]
    found = []
    for label, points in (*seen, *invented):
        said = label if rng.random() >= MISTAKEN else int(rng.integers(LABELS))
        own = points + rng.normal(0, off, points.shape)
        if name in {"polygons", "instances"}:
            own = np.roll(own, int(rng.integers(len(own))), axis=0)
        if name != "keypoints" and rng.random() < 0.5:
            own = own[::-1]
        found.append((said, own))
    return found


def _score_paths(name: str, truth: Sequence[Thing], drawn: Sequence[Sequence[Thing]]) -> tuple[float, list[float]]:
    paths, size = PATHS[name], (WIDTH, HEIGHT)

    def score(found: Sequence[Thing]) -> float:
        return quality(
            [[paths.similarity(one, other, size) * (label == said) for said, other in found] for label, one in truth],
            len(truth),
            len(found),
        )

    common = paths.consolidate([Drawing(size, [Shape(*thing) for thing in own]) for own in drawn])
    return score([(one.shape.label, one.shape.points) for one in common]), [score(own) for own in drawn]


def _score_masks(truth: Sequence[Thing], drawn: Sequence[Sequence[Thing]]) -> tuple[float, list[float]]:
    right = _masks(truth)

    def score(found: Masks) -> float:
        table = [
            [
                float(((right.numbers == one + 1) & (found.numbers == other + 1)).sum())
                / float(max(((right.numbers == one + 1) | (found.numbers == other + 1)).sum(), 1))
                * (right.labels[one] == found.labels[other])
                for other in range(len(found.labels))
            ]
            for one in range(len(right.labels))
        ]
        return quality(table, len(right.labels), len(found.labels))

    own = [_masks(things) for things in drawn]
    return score(consolidate_masks(own)[0]), [score(one) for one in own]


def _masks(things: Sequence[Thing]) -> Masks:
    numbers = np.zeros((HEIGHT, WIDTH), dtype=np.uint16)
    for number, (_, outline) in enumerate(things, 1):
        numbers[covered(outline, np.zeros(2), np.ones(2), WIDTH, HEIGHT)] = number
    return Masks([label for label, _ in things], numbers)


def quality(table: Sequence[Sequence[float]], wanted: int, found: int) -> float:
    """The panoptic quality.

    :param table: the similarity of each wanted thing with each found one, 0 to 1.
    """
    if not wanted + found:
        return 1.0
    ranked = sorted(((value, row, column) for row, line in enumerate(table) for column, value in enumerate(line)))
    rows, columns, total = set[int](), set[int](), 0.0
    for value, row, column in reversed(ranked):
        if value > 0 and row not in rows and column not in columns:
            rows.add(row)
            columns.add(column)
            total += value
    return total / (len(rows) + (wanted + found - 2 * len(rows)) / 2)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--smallest", action="store_true", help="one seed")
    options = parser.parse_args()
    seeds = 1 if options.smallest else options.seeds
    result: dict[str, dict[str, float]] = {}
    print("kind        workers             consolidated  best worker  mean worker  at least as good")
    for name in READY_CONSOLIDATIONS:
        for crew, care in CREWS.items():
            found = [measure(name, seed, care=care(np.random.default_rng(seed))) for seed in range(seeds)]
            together, best, each = (mean(one[part] for one in found) for part in range(3))
            as_good = sum(one[0] >= one[1] for one in found)
            print(f"{name:<12}{crew:<20}{together:>12.3f}{best:>13.3f}{each:>13.3f}{as_good:>9} of {seeds} seeds")
            result[f"{name}, {crew}"] = {"consolidated": round(together, 3), "best_worker": round(best, 3)}
    print(json.dumps(result))


if __name__ == "__main__":
    main()

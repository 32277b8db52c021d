"""How accurate consolidated drawings are, beside those of the best single worker: ``make bench-consolidation``.

Each seed is a set of pictures with things on them, and workers of different care: everybody misses things, draws some
that are not there, mistakes labels, and is off by some pixels. The score of a drawing is its panoptic quality: the
similarity of what was found, divided by what was found plus half of what was missed or is too much. The best worker of
a seed is the one with the highest mean score over all of its pictures, which nobody knows beforehand.
Boxes, spans and masks are compared with what the service made of them before; see :func:`measured`.
Source of the measure: Kirillov et al., "Panoptic Segmentation", 2019.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from statistics import mean, median_low
from typing import Any, Final

import numpy as np

from dev.drawing_workers import (
    LABELS,
    POOL,
    SCENES,
    Found,
    Scene,
    Thing,
    areas,
    boxes_by,
    boxes_known,
    crew_of,
    masks_by,
    spans_by,
    things_in_picture,
)
from labeling_provider.groundtruth.ready_functions import READY_CONSOLIDATIONS
from labeling_provider.manifest.rasters import covered
from labeling_provider.service.kinds.bounding_boxes import USUAL as BOXES_USUAL
from labeling_provider.service.kinds.bounding_boxes import consolidate_boxes, evidence_of_boxes
from labeling_provider.service.kinds.drawings.instances import Masks, consolidate_masks
from labeling_provider.service.kinds.drawings.paths import PATHS, Drawing, DrawnShape
from labeling_provider.service.kinds.kind import MAX_CONFIDENCE
from labeling_provider.service.kinds.masks import USUAL as MASKS_USUAL
from labeling_provider.service.kinds.masks import consolidate_masks as consolidate_class_masks
from labeling_provider.service.kinds.masks import evidence_of_masks
from labeling_provider.service.kinds.matching import jaccard
from labeling_provider.service.kinds.skills import SkillBook
from labeling_provider.service.kinds.spans import USUAL as SPANS_USUAL
from labeling_provider.service.kinds.spans import consolidate_spans, evidence_of_spans

WIDTH, HEIGHT, PATH_LABELS = 400, 300, 4
MISSED, INVENTED, MISTAKEN = 0.08, 0.05, 0.08
"""Shares of things that a worker misses, invents, and gives another label."""


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
        truth = [_drawn_thing(name, rng) for _ in range(rng.integers(2, 7))]
        drawn = [_drawn(name, truth, off, rng) for off in care]
        scores.append(_score_masks(truth, drawn) if name == "instances" else _score_paths(name, truth, drawn))
    together = mean(score[0] for score in scores)
    each = [mean(score[1][worker] for score in scores) for worker in range(len(care))]
    return together, max(each), mean(each)


def _drawn_thing(name: str, rng: np.random.Generator) -> Thing:
    label = int(rng.integers(PATH_LABELS))
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
    invented = [_drawn_thing(name, rng) for _ in truth if rng.random() < INVENTED]
    seen = [shape for shape in truth if rng.random() >= MISSED]
    drawing = []
    for label, points in (*seen, *invented):
        label_given = label if rng.random() >= MISTAKEN else int(rng.integers(PATH_LABELS))
        own = points + rng.normal(0, off, points.shape)
        if name in {"polygons", "instances"}:
            own = np.roll(own, int(rng.integers(len(own))), axis=0)
        if name != "keypoints" and rng.random() < 0.5:
            own = own[::-1]
        drawing.append((label_given, own))
    return drawing


def _score_paths(name: str, truth: Sequence[Thing], drawn: Sequence[Sequence[Thing]]) -> tuple[float, list[float]]:
    paths, size = PATHS[name], (WIDTH, HEIGHT)

    def score(drawn_shapes: Sequence[Thing]) -> float:
        return quality(
            [
                [paths.similarity(right, other, size) * (label == other_label) for other_label, other in drawn_shapes]
                for label, right in truth
            ],
            len(truth),
            len(drawn_shapes),
        )

    common = paths.consolidate([Drawing(size, [DrawnShape(*shape) for shape in own]) for own in drawn])
    return score([(label.shape.label, label.shape.points) for label in common]), [score(own) for own in drawn]


def _score_masks(truth: Sequence[Thing], drawn: Sequence[Sequence[Thing]]) -> tuple[float, list[float]]:
    right = _masks(truth)

    def score(masks: Masks) -> float:
        table = [
            [
                float(((right.numbers == right_number + 1) & (masks.numbers == other + 1)).sum())
                / float(max(((right.numbers == right_number + 1) | (masks.numbers == other + 1)).sum(), 1))
                * (right.labels[right_number] == masks.labels[other])
                for other in range(len(masks.labels))
            ]
            for right_number in range(len(right.labels))
        ]
        return quality(table, len(right.labels), len(masks.labels))

    own = [_masks(shapes) for shapes in drawn]
    return score(consolidate_masks(own)[0]), [score(masks) for masks in own]


def _masks(shapes: Sequence[Thing]) -> Masks:
    numbers = np.zeros((HEIGHT, WIDTH), dtype=np.uint16)
    for number, (_, outline) in enumerate(shapes, 1):
        numbers[covered(outline, np.zeros(2), np.ones(2), WIDTH, HEIGHT)] = number
    return Masks([label for label, _ in shapes], numbers)


def quality(table: Sequence[Sequence[float]], wanted: int, drawn: int) -> float:
    """The panoptic quality.

    :param table: the similarity of each wanted thing with each found one, 0 to 1.
    """
    if not wanted + drawn:
        return 1.0
    ranked = sorted(((value, row, column) for row, line in enumerate(table) for column, value in enumerate(line)))
    rows, columns, total = set[int](), set[int](), 0.0
    for value, row, column in reversed(ranked):
        if value > 0 and row not in rows and column not in columns:
            rows.add(row)
            columns.add(column)
            total += value
    return total / (len(rows) + (wanted + drawn - 2 * len(rows)) / 2)


# Boxes, spans and masks: beside what the service made of them before, in the order of the workers and without skills.


def _as_boxes(own: Sequence[Thing]) -> list[dict[str, Any]]:
    return [
        dict(
            zip(("label", "left", "top", "width", "height"), (str(label), *box[:2], *(box[2:] - box[:2])), strict=True)
        )
        for label, box in own
    ]


def _boxes_before(answers: Sequence[Sequence[Thing]]) -> Found:
    """Each box joins the first group that it overlaps by half; those of half of the workers are averaged."""
    groups: list[dict[int, Thing]] = []
    for worker, own in enumerate(answers):
        for label, box in own:
            fits = [
                -1.0
                if worker in group
                else float(jaccard(box, np.mean([member for _, member in group.values()], axis=0)))
                for group in groups
            ]
            best = int(np.argmax(fits)) if fits else -1
            if best < 0 or fits[best] < 0.5:
                groups.append({})
                best = len(groups) - 1
            groups[best][worker] = (label, box)
    kept = []
    for group in groups:
        if 2 * len(group) >= len(answers):
            middle = np.mean([box for _, box in group.values()], axis=0)
            label, votes = Counter(label for label, _ in group.values()).most_common(1)[0]
            fit = float(np.mean([jaccard(box, middle) for _, box in group.values()]))
            kept.append((label, middle, votes / len(answers) * fit))
    return kept


def _as_spans(own: Sequence[Thing]) -> list[dict[str, Any]]:
    return [{"label": str(label), "startOffset": int(span[0]), "endOffset": int(span[1])} for label, span in own]


def _spans_before(answers: Sequence[Sequence[Thing]]) -> Found:
    """What half of the workers marked, by the share of workers who chose the label."""
    spans: dict[tuple[int, int], list[Thing]] = {}
    for own in answers:
        for label, span in own:
            near = [place for place in spans if jaccard(np.array(place, dtype=float), span.astype(float)) >= 0.5]
            spans.setdefault(near[0] if near else (int(span[0]), int(span[1])), []).append((label, span))
    kept = []
    for group in spans.values():
        label, count = Counter(label for label, _ in group).most_common(1)[0]
        if 2 * len(group) >= len(answers):
            ranked = [Counter(int(span[border]) for _, span in group).most_common(2) for border in range(2)]
            middle = [
                median_low(int(span[border]) for _, span in group)
                if [n for _, n in ranking] == [ranking[0][1]] * 2
                else ranking[0][0]
                for border, ranking in enumerate(ranked)
            ]
            kept.append((label, np.array(middle), count / len(answers)))
    return kept


def measured(kind: str, scene: str, seeds: Iterable[int], workers: int, pictures: int = 40) -> dict[str, float]:
    """How right labels are, now and before, and how far confidences are from that (ECE).

    Boxes count as right with the right label and a Jaccard index of 0.5, spans with the right label and borders: their
    score is F1. Masks have the share of right pixels. For boxes, ``known`` is a bound, see :func:`boxes_known`.

    :param kind: ``boxes``, ``spans`` or ``masks``.
    :param scene: one of :data:`SCENES` for boxes; any name for others.
    :param workers: how many there are for each picture, of a pool of 12.
    """
    how = SCENES.get(scene, Scene(missed=0.05, mistaken=0.03, careless=0.2))
    results: dict[str, list[tuple[Any, Any]]] = {"one": [], "before": [], "ours": [], "known": []}
    for seed in seeds:
        rng = np.random.default_rng(seed)
        everybody = crew_of(how, rng)
        job = []
        for _ in range(pictures):
            # All of them draw, so that the first ones draw the same whatever the number.
            chosen = [int(place) for place in rng.permutation(POOL)]
            crew = [everybody[place] for place in chosen]
            if kind == "masks":
                truth: Any = areas(rng)
                drawn = masks_by(crew, truth, rng)
            elif kind == "boxes":
                truth = things_in_picture(how, rng)
                told_apart = boxes_by(crew, how, truth, rng)
                results["known"].append((truth, boxes_known(crew[:workers], how, truth, told_apart[:workers])))
                drawn = [[shape for shape, _ in own] for own in told_apart]
            else:
                starts = np.cumsum(rng.integers(20, 60, int(rng.integers(2, 9))))
                truth = [(int(rng.integers(LABELS)), np.array([at, at + rng.integers(8, 19)])) for at in starts]
                drawn = spans_by(crew, how, truth, rng)
            job.append((truth, [str(place) for place in chosen[:workers]], drawn[:workers]))
        forms = {"boxes": _as_boxes, "spans": _as_spans}
        tell = {
            "boxes": evidence_of_boxes,
            "spans": evidence_of_spans,
            "masks": lambda masks, _: evidence_of_masks(masks),
        }
        answers = [[forms[kind](own) for own in drawn] if kind in forms else drawn for _, _, drawn in job]
        answered = [
            list(zip(who, tell[kind](own, LABELS), strict=True)) for (_, who, _), own in zip(job, answers, strict=True)
        ]
        usual = {"boxes": BOXES_USUAL, "spans": SPANS_USUAL, "masks": MASKS_USUAL}[kind]
        skill_of = SkillBook(usual, 1_000).skills(answered)
        for (truth, who, drawn), own in zip(job, answers, strict=True):
            skills = [skill_of(worker) for worker in who]
            if kind == "masks":
                results["one"].append((truth, (drawn[0], 0.95)))
                # Without skills, the mask is what it was; the confidence was the share of votes for it.
                plain = consolidate_class_masks(own, LABELS)[0]
                results["before"].append((truth, (plain, float((np.stack(drawn) == plain).mean()))))
                results["ours"].append((truth, consolidate_class_masks(own, LABELS, skills)))
                continue
            results["one"].append((truth, [(*shape, 0.95) for shape in drawn[0]]))
            before = _boxes_before if kind == "boxes" else _spans_before
            results["before"].append((truth, before(drawn)))
            if kind == "boxes":
                kept = [
                    (
                        int(label["label"]),
                        np.array([label["left"], label["top"], label["width"], label["height"]]),
                        sure,
                    )
                    for label, sure in consolidate_boxes(own, skills)
                ]
                now = [(label, np.concatenate([box[:2], box[:2] + box[2:]]), sure) for label, box, sure in kept]
            else:
                now = [
                    (int(label["label"]), np.array([label["startOffset"], label["endOffset"]]), sure)
                    for label, sure in consolidate_spans(own, skills)
                ]
            results["ours"].append((truth, now))
    rate = _rated_masks if kind == "masks" else lambda pairs: _rated(pairs, 0.5 if kind == "boxes" else 1.0)
    scores = {method: rate(pairs) for method, pairs in results.items() if pairs}
    return {
        **{method: score for method, (score, _) in scores.items()},
        "ece": scores["ours"][1],
        "ece_before": scores["before"][1],
    }


def _rated(pairs: Sequence[tuple[Sequence[Thing], Found]], min_similarity: float) -> tuple[float, float]:
    """F1 and the calibration error."""
    hits, wanted, sure, right = 0, 0, [], []
    for truth, consolidated in pairs:
        table = np.array(
            [
                [
                    float(jaccard(box.astype(float), other.astype(float))) * (label == other_label)
                    for label, box in truth
                ]
                for other_label, other, _ in consolidated
            ]
        ).reshape(len(consolidated), len(truth))
        is_right = np.zeros(len(consolidated), dtype=bool)
        while table.size and table.max() >= min_similarity:
            row, column = np.unravel_index(int(table.argmax()), table.shape)
            is_right[row] = True
            table[row], table[:, column] = -1, -1
        hits, wanted = hits + int(is_right.sum()), wanted + len(truth)
        sure += [min(label[2], MAX_CONFIDENCE) for label in consolidated]
        right += is_right.tolist()
    return 2 * hits / max(wanted + len(right), 1), _calibration_error(sure, right)


def _rated_masks(pairs: Sequence[tuple[Any, tuple[Any, float]]]) -> tuple[float, float]:
    right = [float((truth == mask).mean()) for truth, (mask, _) in pairs]
    return mean(right), _calibration_error([min(sure, MAX_CONFIDENCE) for _, (_, sure) in pairs], right)


def _calibration_error(sure: Sequence[float], right: Sequence[float]) -> float:
    """The expected calibration error (ECE) in ten bins."""
    at = np.minimum((np.array(sure) * 10).astype(int), 9)
    off = np.bincount(at, np.array(sure) - np.array(right, dtype=float), minlength=10)
    return float(np.abs(off).sum() / max(len(sure), 1))


def _compare(smallest: bool, seeds: int) -> dict[str, dict[str, float]]:
    result = {}
    print("\nkind   scene        workers  one worker  before    now  ECE before  ECE now  bound")
    rows = [("boxes", scene) for scene in SCENES] + [("spans", "texts"), ("masks", "areas")]
    for kind, scene in rows:
        for workers in (3,) if smallest else (2, 3, 5, 7):
            # Nothing was tuned on the seeds from 20 on.
            chosen = range(20, 21) if smallest else range(20, 20 + seeds)
            figures = measured(kind, scene, chosen, workers, pictures=5 if smallest else 40)
            scores = f"{figures['one']:>10.3f}{figures['before']:>8.3f}{figures['ours']:>7.3f}"
            errors = f"{figures['ece_before']:>12.3f}{figures['ece']:>9.3f}"
            bound = f"{figures['known']:>7.3f}" if "known" in figures else ""
            print(f"{kind:<7}{scene:<13}{workers:>7}  {scores}{errors}{bound}", flush=True)
            result[f"{kind}, {scene}, {workers}"] = {name: round(value, 3) for name, value in figures.items()}
    return result


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
            scores_of = [measure(name, seed, care=care(np.random.default_rng(seed))) for seed in range(seeds)]
            together, best, each = (mean(score[part] for score in scores_of) for part in range(3))
            as_good = sum(score[0] >= score[1] for score in scores_of)
            print(f"{name:<12}{crew:<20}{together:>12.3f}{best:>13.3f}{each:>13.3f}{as_good:>9} of {seeds} seeds")
            result[f"{name}, {crew}"] = {"consolidated": round(together, 3), "best_worker": round(best, 3)}
    result |= _compare(options.smallest, min(seeds, 10))
    print(json.dumps(result))


if __name__ == "__main__":
    main()

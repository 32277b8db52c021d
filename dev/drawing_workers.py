"""Simulated workers who draw boxes, mark spans and paint masks, and err as people do.

Everybody misses things, draws some that are not there, mistakes labels and is off by some pixels. What is hard to see,
or looks like something else, is so for everybody.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import numpy as np

Thing = tuple[int, Any]
"""A label and where it is."""
Found = list[tuple[int, Any, float]]
"""Label, extent and confidence of each thing."""


class Scene(NamedTuple):
    """How people err in a set of pictures or texts. Shares are of things unless it says otherwise.

    :param things: the fewest and one more than the most in a picture.
    :param side: the median side of a box, in pixels.
    :param crowd: placed beside another one, overlapping.
    :param hard: hard to see for everybody: seen by less than twice ``seen`` of the workers.
    :param lures: places, per thing, that look like one to less than twice ``lured`` of the workers.
    :param split: things whose extent can be read in two ways.
    :param relative: the standard deviation of edges, as a share of the side; ``pixels`` is in pixels.
    :param alike: things whose class looks like another one.
    :param careless: a share of the workers: they miss, invent and mistake several times as much, and are off two to
        three times as far.
    """

    count: tuple[int, int] = (2, 9)
    side: float = 70.0
    crowd: float = 0.15
    hard: float = 0.11
    seen: float = 0.35
    lures: float = 0.08
    lured: float = 0.5
    split: float = 0.08
    relative: float = 0.035
    pixels: float = 1.5
    missed: float = 0.03
    invented: float = 0.03
    mistaken: float = 0.012
    alike: float = 0.03
    doubled: float = 0.01
    careless: float = 0.08


SCENES: Final = {
    "photographs": Scene(),
    "small": Scene(side=24, pixels=2.0),
    "careless": Scene(careless=0.35),
    "crowded": Scene(count=(8, 20), side=50, crowd=0.6),
    "alike": Scene(alike=0.12, mistaken=0.05),
    "doubled": Scene(doubled=0.06, split=0.12),
}
"""The crowded and the doubled one were held back from tuning, and so were the seeds from 20 on."""

POOL, LABELS, _WIDTH, _HEIGHT = 12, 5, 640, 480
"""Workers of whom each picture gets some, labels to choose from, and the size of a picture in pixels."""


class Care(NamedTuple):
    """A worker: shares of things, and how many times as far as usual the edges are off."""

    missed: float
    invented: float
    mistaken: float
    off: float
    doubled: float


def crew_of(scene: Scene, rng: np.random.Generator) -> list[Care]:
    """The workers of a job."""
    cares = []
    for _ in range(POOL):
        careless = rng.random() < scene.careless
        miss, more, off = (
            (rng.uniform(4, 8), rng.uniform(3, 6, 2), rng.uniform(2, 3.5))
            if careless
            else (rng.uniform(0.4, 1.6), rng.uniform(0.4, 1.6, 2), rng.uniform(0.5, 1.5))
        )
        missed = min(scene.missed * miss, 0.5)
        cares.append(Care(missed, scene.invented * more[0], scene.mistaken * more[1], off, scene.doubled))
    return cares


def _place(scene: Scene, others: Sequence[Thing], rng: np.random.Generator) -> Any:
    """A box in a picture: left, top, right, bottom."""
    side, ratio = scene.side * np.exp(rng.normal(0, 0.5)), np.exp(rng.normal(0, 0.35))
    size = np.minimum([side * ratio, side / ratio], [500, 400])
    center = rng.uniform(size / 2, np.array([_WIDTH, _HEIGHT]) - size / 2)
    if others and rng.random() < scene.crowd:
        other = others[rng.integers(len(others))][1]
        size = (other[2:] - other[:2]) * np.exp(rng.normal(0, 0.2, 2))
        way = rng.uniform(0, 2 * np.pi)
        center = (other[:2] + other[2:]) / 2 + rng.uniform(0.35, 1) * size * [np.cos(way), np.sin(way)]
    return np.concatenate([center - size / 2, center + size / 2])


def things_in_picture(scene: Scene, rng: np.random.Generator) -> list[Thing]:
    truth: list[Thing] = []
    for _ in range(rng.integers(*scene.count)):
        label = truth[-1][0] if truth and rng.random() < 0.5 else int(rng.integers(LABELS))
        truth.append((label, _place(scene, truth, rng)))
    return truth


class _Look(NamedTuple):
    """Something in a picture that may be drawn.

    :param visible: the share of careful workers who see it.
    :param label: its class, or that which a lure seems to have.
    :param taken_for: the class that it looks like to some.
    :param part: the part of it that some draw.
    :param of_part: the share of workers who do.
    """

    visible: float
    label: int
    taken_for: int
    box: Any
    part: Any
    of_part: float


def boxes_by(
    crew: Sequence[Care], scene: Scene, truth: Sequence[Thing], rng: np.random.Generator
) -> list[list[tuple[Thing, int | None]]]:
    """What each worker draws on a picture.

    :return: for each worker the boxes, each with the position of what it stands for: a thing of the truth, or a lure
        from the end of it on; None for those that the worker invented.
    """
    looks = []
    for label, box in truth:
        visible = rng.uniform(0, 2 * scene.seen) if rng.random() < scene.hard else 1.0
        taken_for = (label + 1) % LABELS if rng.random() < scene.alike else label
        part, of_part = box.copy(), 0.0
        if rng.random() < scene.split:
            edge, cut = int(rng.integers(4)), rng.uniform(0.3, 0.55)
            part[edge] += (cut if edge < 2 else -cut) * (box[2:] - box[:2])[edge % 2]
            of_part = rng.uniform(0.25, 0.6)
        looks.append(_Look(visible, label, taken_for, box, part, of_part))
    for _ in truth:
        if rng.random() < scene.lures:
            label, box = int(rng.integers(LABELS)), _place(scene, truth, rng)
            looks.append(_Look(rng.uniform(0, 2 * scene.lured), label, label, box, box, 0.0))
    answers = []
    for care in crew:
        seen: list[tuple[int, Any, int | None]] = []
        for place, look in enumerate(looks):
            if rng.random() < look.visible * (1 - care.missed):
                label = look.taken_for if rng.random() < 0.45 else look.label
                seen.append((label, look.part if rng.random() < look.of_part else look.box, place))
        for _ in truth:
            if rng.random() < care.invented:
                seen.append((int(rng.integers(LABELS)), _place(scene, truth, rng), None))
        seen += [shape for shape in seen if rng.random() < care.doubled]
        own = []
        for label, box, of in seen:
            off = np.hypot(scene.relative * np.tile(box[2:] - box[:2], 2), scene.pixels) * care.off
            drawn = box + rng.normal(0, 1, 4) * off
            drawn[2:] = np.maximum(drawn[2:], drawn[:2] + 1)
            own.append(((int(rng.integers(LABELS)) if rng.random() < care.mistaken else label, drawn), of))
        answers.append([own[place] for place in rng.permutation(len(own))])
    return answers


def boxes_known(
    crew: Sequence[Care], scene: Scene, truth: Sequence[Thing], answers: Sequence[Sequence[tuple[Thing, int | None]]]
) -> Found:
    """What somebody makes of the boxes who knows more than any method can: which are of one thing or lure, what its
    label is, and how careful each worker is. Whether it is a thing is to be told from who drew it.
    """
    groups: dict[int, list[tuple[int, Thing]]] = {}
    for worker, own in enumerate(answers):
        for shape, of in own:
            if of is not None:
                groups.setdefault(of, []).append((worker, shape))
    objects, evenly = [], (np.arange(40) + 0.5) / 40
    for of, members in groups.items():
        there = np.isin(np.arange(len(crew)), [worker for worker, _ in members])

        def chance(visible: Any, there: Any = there) -> float:
            seen = np.multiply.outer(visible, [1 - care.missed for care in crew])
            return float(np.where(there, seen, 1 - seen).prod(axis=1).mean())

        real = (1 - scene.hard) * chance(np.ones(1)) + scene.hard * chance(2 * scene.seen * evenly)
        nothing = scene.lures * chance(2 * scene.lured * evenly)
        if there.sum() == 1:
            nothing += sum(care.invented for care, is_in in zip(crew, there, strict=True) if is_in)
        if real > nothing:
            middle = np.average(
                [box for _, (_, box) in members], axis=0, weights=[crew[worker].off ** -2.0 for worker, _ in members]
            )
            label = truth[of][0] if of < len(truth) else members[0][1][0]
            objects.append((label, middle, real / (real + nothing)))
    return objects


def spans_by(crew: Sequence[Care], scene: Scene, truth: Sequence[Thing], rng: np.random.Generator) -> list[Any]:
    """The spans that each worker marks in a text: a border is a word off in proportion to the worker's care."""
    hard = [rng.uniform(0, 2 * scene.seen) if rng.random() < scene.hard else 1.0 for _ in truth]
    alike = [(label + 1) % LABELS if rng.random() < scene.alike else label for label, _ in truth]
    answers = []
    for care in crew:
        own = []
        for (label, span), visible, other in zip(truth, hard, alike, strict=True):
            if rng.random() < visible * (1 - care.missed):
                off = (rng.random(2) < 0.06 * care.off) * rng.choice([-6, 6], 2)
                label_given = other if rng.random() < 0.45 else label
                label_given = int(rng.integers(LABELS)) if rng.random() < care.mistaken else label_given
                own.append(
                    (label_given, np.array([max(span[0] + off[0], 0), max(span[1] + off[1], span[0] + off[0] + 3)]))
                )
        for _ in truth:
            if rng.random() < care.invented:
                start = int(rng.integers(1_000))
                own.append((int(rng.integers(LABELS)), np.array([start, start + 12])))
        answers.append(own)
    return answers


def masks_by(crew: Sequence[Care], truth: Any, rng: np.random.Generator) -> list[Any]:
    """Masks whose areas are moved and widened, and of which some are missing or of another class."""
    answers = []
    for care in crew:
        own = np.zeros_like(truth)
        for label in range(1, LABELS):
            if rng.random() < care.missed:
                continue
            shift = np.round(rng.normal(0, 1.5 * care.off, 2)).astype(int)
            moved = np.roll(truth == label, tuple(shift), axis=(0, 1))
            own[moved] = int(rng.integers(1, LABELS)) if rng.random() < care.mistaken else label
        answers.append(own)
    return answers


def areas(rng: np.random.Generator) -> Any:
    mask = np.zeros((90, 120), dtype=np.uint8)
    for label in range(1, LABELS):
        x, y, wide, high = rng.integers([10, 10, 12, 12], [80, 55, 40, 35])
        mask[y : y + high, x : x + wide] = label
    return mask

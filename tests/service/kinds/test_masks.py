"""Masks of several workers become one, and masks as they are kept for learning."""

from __future__ import annotations

import io
import tracemalloc
from itertools import permutations
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from benchmarks.consolidation import measured
from labeling_provider.service.cloud.object_store import MissingObject
from labeling_provider.service.kinds import masks
from labeling_provider.service.kinds.masks import USUAL, SegmentationMasks, consolidate_masks, evidence_of_masks
from labeling_provider.service.learning.learner import Learner, LearningSample, Material
from labeling_provider.service.learning.models import BUILT_IN, import_model

MASKS = "semantic-segmentation"
LABELS = ["ball"]
WIDTH, HEIGHT = 1_920, 1_080


def png(pixels: Any) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


class Files(dict[str, bytes]):
    """A bucket."""

    def beginning(self, uri: str, max_bytes: int) -> bytes:
        if uri not in self:
            raise MissingObject(uri)
        return self[uri][:max_bytes]


def kind(files: Files) -> SegmentationMasks:
    return SegmentationMasks(SimpleNamespace(labels=LABELS, object_store=files))  # type: ignore[arg-type]


def mask(left: int) -> Any:
    pixels = np.zeros((HEIGHT, WIDTH), dtype=np.uint8)
    pixels[200:700, left : left + 600] = 1
    return pixels


@pytest.mark.parametrize("file", [None, b"", b"no picture", png(mask(0))[:300], png(mask(0)).replace(b"IDAT", b"IDAX")])
def test_a_mask_that_can_not_be_read_is_not_learned_from(file: bytes | None) -> None:
    files = Files() if file is None else Files(mask=file)
    assert kind(files).answer_in("mask") is None


def test_a_mask_comes_back_as_it_was_and_agrees_with_itself() -> None:
    asked = kind(Files(mask=png(mask(30)), other=png(mask(330))))
    kept = [asked.answer_in("mask"), asked.answer_in("other")]
    opened = asked.opened(kept)
    assert [list(np.argwhere(mask)[0]) for mask in opened] == [[200, 30], [200, 330]]
    assert [list(np.argwhere(mask)[0]) for mask in opened[1:]] == [[200, 330]]
    assert asked.agreement(mask(30), kept[0]) == 1
    assert asked.agreement(mask(30), kept[1]) == pytest.approx(300 / 900)


def test_masks_of_large_pictures_are_not_all_in_memory_at_once() -> None:
    count = 16
    files = Files({str(number): png(mask(number * 75)) for number in range(count)})
    picture = png(np.dstack([mask(30) * 200] * 3))
    model = import_model(BUILT_IN[MASKS])
    asked = kind(files)
    learner = Learner(lambda: model(LABELS, 1), asked, lambda line: picture)
    # What a training takes anyway, libraries included.
    learner.train(Material([LearningSample(0, {}, asked.answer_in("0"))]))
    tracemalloc.start()
    try:
        examples = [LearningSample(number, {}, asked.answer_in(str(number))) for number in range(count)]
        learner.train(Material(examples))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < count * WIDTH * HEIGHT / 2


def test_every_pixel_is_a_vote_and_neighbours_break_ties() -> None:
    base = np.zeros((5, 5), dtype=np.uint8)
    base[:, 3:] = 1
    noisy = base.copy()
    noisy[0, 0] = 1
    mask, support = consolidate_masks([base, base, noisy], 2)
    assert np.array_equal(mask, base)
    assert 0.97 < support < 0.995
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


@settings(max_examples=40)
@given(seed=st.integers(0, 10**6), off=st.lists(st.sampled_from([0.05, 0.3, 0.45]), min_size=4, max_size=4))
def test_the_order_of_the_workers_makes_no_difference(seed: int, off: list[float]) -> None:
    rng = np.random.default_rng(seed)
    workers = [(rng.integers(0, 3, (4, 5), dtype=np.uint8), USUAL._replace(off=share)) for share in off]
    results = set()
    for order in permutations(workers):
        mask, sure = consolidate_masks([answer for answer, _ in order], 3, [skill for _, skill in order])
        results.add((mask.tobytes(), sure))
    assert len(results) == 1


def test_who_errs_less_weighs_more() -> None:
    right, wrong = np.zeros((6, 6), dtype=np.uint8), np.ones((6, 6), dtype=np.uint8)
    good, careless = USUAL._replace(off=0.03), USUAL._replace(off=0.45)
    assert consolidate_masks([right, wrong, wrong], 2, [good, careless, careless])[0].max() == 0
    assert consolidate_masks([right, wrong, wrong], 2)[0].min() == 1
    evidence = evidence_of_masks([right, wrong, wrong, right[:3]])
    assert [seen.off / seen.compared if seen.compared else None for seen in evidence] == [1, 0, 0, None]
    assert {seen.compared for seen in evidence_of_masks([right, wrong])} == {0}


def test_confidences_are_honest() -> None:
    figures = measured("masks", "areas", range(2), workers=5, pictures=10)
    assert figures["ours"] >= figures["before"] - 0.002
    assert figures["ece"] < 0.05

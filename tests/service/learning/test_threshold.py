"""The threshold keeps the promise, with the uncertainty of few objects taken into account."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labeling_provider.service.learning.threshold import RISK, Calibration, Judged, choose_threshold


def suffices(agreements: Sequence[float], promised: float) -> bool:
    """Whether a model with these agreements is believed."""
    return choose_threshold([Judged(0.0, agreement) for agreement in agreements], [], {}, promised) is not None


@pytest.mark.parametrize(
    ("count", "wrong", "enough"), [(76, 0, False), (77, 0, True), (112, 1, False), (116, 1, True), (300, 15, False)]
)
def test_few_objects_have_to_agree_better(count: int, wrong: int, enough: bool) -> None:
    assert suffices([0.0] * wrong + [1.0] * (count - wrong), 0.95) is enough


def test_much_worse_is_no_better() -> None:
    assert not suffices([0.1] * 500, 0.6)
    assert not suffices([0.6] * 500, 0.6)
    assert not suffices([], 0.6)


def test_a_model_that_keeps_no_promise_is_rarely_believed() -> None:
    chance = Random(1)
    believed = 0
    for _ in range(2_000):
        believed += suffices([float(chance.random() < 0.95) for _ in range(200)], 0.95)
    assert believed / 2_000 <= RISK
    believed = sum(suffices([chance.betavariate(3, 2) for _ in range(60)], 0.6) for _ in range(2_000))
    assert believed / 2_000 <= RISK, "a mean overlap of 0.6 is not more than 0.6"


@given(
    st.lists(st.tuples(st.floats(-5, 5), st.floats(0, 1), st.integers(0, 3)), max_size=120),
    st.lists(st.tuples(st.floats(-5, 5), st.floats(0, 1), st.integers(0, 3)), max_size=60),
    st.floats(0.5, 0.99),
)
@settings(deadline=None)
def test_what_is_above_the_threshold_keeps_the_promise(
    judged: list[tuple[float, float, int]], taken: list[tuple[float, float, int]], promised: float
) -> None:
    judged_objects, taken_objects = [Judged(*facts) for facts in judged], [Judged(*facts) for facts in taken]
    sizes: dict[int, int] = {}
    for item in (*judged_objects, *taken_objects):
        sizes[item.group] = sizes.get(item.group, 0) + 1
    threshold = choose_threshold(judged_objects, taken_objects, sizes, promised)
    if threshold is None:
        return
    above = [item for item in judged_objects if item.score >= threshold]
    assert above
    labeled = [*above, *taken_objects]
    assert suffices([item.agreement for item in labeled], promised)


def test_the_threshold_is_as_low_as_it_may_be() -> None:
    judged = [Judged(score, 1.0 if score > 100 else 0.0) for score in range(300)]
    threshold = choose_threshold(judged, [], {}, 0.95)
    assert threshold is not None
    assert 91 <= threshold < 101, "the errors that are allowed are used"


def test_no_class_pays_for_the_others() -> None:
    judged = [Judged(1_000 - number, 1.0, "common") for number in range(400)]
    judged += [Judged(500.5 - number / 100, float(number >= 6), "rare") for number in range(20)]
    sizes = {"common": 400, "rare": 20}
    assert choose_threshold(judged, [], sizes, 0.95) == 500.48, "three of the twenty may be wrong by chance, not six"
    assert choose_threshold(judged, [], {}, 0.95) == min(item.score for item in judged)


def test_equal_scores_stay_together() -> None:
    judged = [Judged(1.0, float(number < 90)) for number in range(100)]
    assert choose_threshold(judged, [], {}, 0.95) is None


def test_confidence_is_how_often_people_agree() -> None:
    chance = Random(2)
    judged = []
    for _ in range(3_000):
        score = chance.uniform(-2, 2)
        judged.append(Judged(score, float(chance.random() < 0.5 + score / 4)))
    calibration = Calibration(judged)
    for score in (-1.0, 0.0, 1.0):
        assert calibration.confidence(score) == pytest.approx(0.5 + score / 4, abs=0.1)
    rising = [calibration.confidence(score / 10) for score in range(-20, 21)]
    assert rising == sorted(rising)
    assert Calibration([]).confidence(1) == 0
    assert Calibration([Judged(1, 1.0)] * 5).confidence(1) < 1

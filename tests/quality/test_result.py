"""The figures of a measure."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from labeling_provider.quality.result import BINS, Share


def test_nothing_is_said_of_nothing() -> None:
    assert Share().mean_confidence is None
    assert Share().golden_accuracy is None


@given(st.lists(st.floats(0, 1), min_size=1))
def test_every_confidence_is_in_one_bin_and_in_the_mean(confidences: list[float]) -> None:
    share = Share()
    for confidence in confidences:
        share.rate(confidence)
    assert sum(share.histogram) == share.rated == len(confidences)
    assert share.mean_confidence is not None
    assert min(confidences) - 1e-9 <= share.mean_confidence <= max(confidences) + 1e-9


def test_the_surest_are_in_the_last_bin() -> None:
    share = Share()
    for confidence in (0.0, 0.999, 1.0):
        share.rate(confidence)
    assert (share.histogram[0], share.histogram[BINS - 1]) == (1, 2)

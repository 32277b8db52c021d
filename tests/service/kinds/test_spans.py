"""Spans of several workers become one set."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.consolidation import measured
from labeling_provider.service.kinds.spans import USUAL, consolidate_spans, evidence_of_spans
from tests.service.kinds.any_order import outcomes


def test_spans_take_the_most_frequent_borders_and_label() -> None:
    kept = consolidate_spans([[span(0, 10), span(20, 25)], [span(0, 11)], [span(0, 10, "b"), span(40, 45)]])
    ((kept_span, confidence),) = kept
    assert kept_span == span(0, 10)
    assert 0.5 < confidence < 0.9
    assert consolidate_spans([[], []]) == []


def test_as_many_spans_as_a_line_can_name_are_matched() -> None:
    spans = [{"label": "a", "startOffset": 10 * number, "endOffset": 10 * number + 5} for number in range(1_600)]
    kept = consolidate_spans([spans, spans[::-1], spans])
    assert [span for span, _ in kept] == spans
    assert all(0.9 < confidence <= 1 for _, confidence in kept)


def span(start: int, end: int, label: str = "a") -> dict:
    return {"label": label, "startOffset": start, "endOffset": end}


SPANS = st.lists(st.builds(span, st.integers(0, 4), st.integers(5, 9), st.sampled_from("ab")), max_size=4)


@given(st.lists(SPANS, min_size=2, max_size=4), st.lists(st.sampled_from([0.02, 0.1, 0.5]), min_size=4, max_size=4))
def test_the_order_of_the_workers_makes_no_difference(answers: list[list[dict]], off: list[float]) -> None:
    skills = [USUAL._replace(off=share) for share in off]
    assert len(outcomes(answers, skills, consolidate_spans, evidence_of_spans)) == 1


def test_who_is_more_exact_weighs_more() -> None:
    exact, rough = USUAL._replace(off=0.02), USUAL._replace(off=0.6)
    ((kept_span, _),) = consolidate_spans([[span(0, 10)], [span(1, 10)], [span(1, 10)]], [exact, rough, rough])
    assert kept_span == span(0, 10)
    ((kept_span, _),) = consolidate_spans([[span(0, 10)], [span(1, 10)], [span(1, 10)]])
    assert kept_span == span(1, 10)


def test_without_a_most_frequent_border_it_is_the_median() -> None:
    ((kept_span, confidence),) = consolidate_spans([[span(0, 10)], [span(1, 10)], [span(2, 10)]])
    assert kept_span == span(1, 10)
    assert confidence < 0.5


@pytest.mark.parametrize(("borders", "wrong"), [([0, 1], [1, 1]), ([0, 0, 1], [0, 0, 1]), ([0, 1, 2, 2], [1, 1, 0, 0])])
def test_who_is_wrong_where_workers_disagree_is_known_as_far_as_they_tell(borders: list[int], wrong: list[int]) -> None:
    """Of two who disagree, one is wrong, not both."""
    evidence = evidence_of_spans([[span(border, 10)] for border in borders], 2)
    share = 1 / 2 if len(borders) == 2 else 1
    # One of a span's two borders.
    assert [seen.off / seen.compared for seen in evidence] == pytest.approx([share * count / 2 for count in wrong])


@pytest.mark.parametrize("workers", [2, 5])
def test_confidences_are_honest(workers: int) -> None:
    figures = measured("spans", "texts", range(2), workers, pictures=25)
    assert figures["ours"] >= figures["before"] - 0.005
    assert figures["ece"] < 0.05

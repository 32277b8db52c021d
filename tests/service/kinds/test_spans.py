"""Spans of several workers become one set."""

from __future__ import annotations

import pytest

from labeling_provider.service.kinds.spans import consolidate_spans


def test_spans_take_the_most_frequent_borders_and_label() -> None:
    def span(start: int, end: int, label: str = "a") -> dict:
        return {"label": label, "startOffset": start, "endOffset": end}

    kept = consolidate_spans([[span(0, 10), span(20, 25)], [span(0, 11)], [span(0, 10, "b"), span(40, 45)]])
    ((found, confidence),) = kept
    assert found == span(0, 10)
    assert confidence == pytest.approx(2 / 3)
    assert consolidate_spans([[], []]) == []


def test_as_many_spans_as_a_line_can_name_are_matched() -> None:
    spans = [{"label": "a", "startOffset": 10 * number, "endOffset": 10 * number + 5} for number in range(1_600)]
    assert consolidate_spans([spans, spans[::-1], spans]) == [(span, 1.0) for span in spans]

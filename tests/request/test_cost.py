"""Cost estimates."""

from __future__ import annotations

from decimal import Decimal

from labeling_provider.request import estimate_cost


def test_an_estimate_shows_its_arithmetic() -> None:
    cost = estimate_cost(1000, 3, "0.012")
    assert cost.total_usd == Decimal("116.000")
    assert str(cost) == ("1,000 objects × $0.08 = $80.00 + 1,000 objects × 3 workers × $0.012 = $36.00; total $116.00")


def test_what_is_not_known_is_named_as_left_out() -> None:
    assert "the vendor's price" in estimate_cost(10, vendor=True).left_out
    assert "training" in estimate_cost(10, automated=True).left_out


def test_a_limit_on_peoples_labels_limits_their_cost() -> None:
    assert estimate_cost(1000, 1, max_human_labels=100).total_usd == Decimal("8.00")
    cost = estimate_cost(1000, 1, "0.1", automated=True, max_human_labels=100)
    assert (cost.total_usd, cost.people_usd) == (Decimal("90.00"), Decimal("10.00"))
    assert "+ at most 100 objects × 1 worker " in str(cost), "what a model labels costs no worker"

"""Job names and cost estimates."""

from __future__ import annotations

import re
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from labeling_provider.request import derive_job_name, estimate_cost

NAME = re.compile(r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}")


@given(st.text(), st.text(), st.text(), st.integers(-1, 10_000))
def test_a_derived_name_is_always_allowed_even_with_a_number_behind_it(
    dag: str, task: str, run: str, index: int
) -> None:
    name = derive_job_name(dag, task, run, index)
    assert NAME.fullmatch(f"{name}-99")
    assert len(f"{name}-99") <= 63
    assert name == derive_job_name(dag, task, run, index)


def test_names_differ_wherever_the_task_instance_does() -> None:
    identities = [
        ("d", "t", "r", -1),
        ("d", "t", "r", 0),
        ("d", "t", "q", -1),
        ("d", "s", "r", -1),
        ("d_t", "", "r", -1),
    ]
    names = {derive_job_name(*identity).lower() for identity in identities}
    assert len(names) == len(identities)


def test_a_name_can_be_read() -> None:
    assert derive_job_name("label_digits", "label", "r").startswith("label-digits-label-")


def test_an_estimate_shows_its_arithmetic() -> None:
    cost = estimate_cost(1000, 3, "0.012")
    assert cost.total_usd == Decimal("116.000")
    assert str(cost) == (
        "1,000 objects × $0.08 = $80.00 + 1,000 objects × 3 workers × $0.012 = $36.00; together $116.00"
    )


def test_what_is_not_known_is_named_as_left_out() -> None:
    assert "the vendor's price" in estimate_cost(10, vendor=True).left_out
    assert "training" in estimate_cost(10, automated=True).left_out


def test_a_limit_on_peoples_labels_limits_their_cost() -> None:
    assert estimate_cost(1000, 1, most_human_labels=100).total_usd == Decimal("8.00")
    cost = estimate_cost(1000, 1, "0.1", automated=True, most_human_labels=100)
    assert (cost.total_usd, cost.people_usd) == (Decimal("90.00"), Decimal("10.00"))
    assert "+ at most 100 objects × 1 workers" in str(cost), "what a model labels costs no worker"

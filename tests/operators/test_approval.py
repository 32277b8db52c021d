"""What is asked before money is spent; tests/e2e lets people answer."""

from __future__ import annotations

from typing import Any

import pytest

from labeling_provider.errors import InvalidArgumentsError, InvalidRequestError
from labeling_provider.operators.approval import ApproveCostOperator
from labeling_provider.request import MechanicalTurk
from tests.airflow_context import context
from tests.conftest import Lab

JOB: dict[str, Any] = {
    "task_type": "text-classification",
    "labels": ["a", "b"],
    "workforce": MechanicalTurk(price_usd=0.012, free_of_personal_information=True),
    "workers_per_object": 3,
    "deferrable": True,
    "max_cost_usd": 9,
}


class Asked(Exception):
    """Airflow was told to ask people."""


@pytest.fixture
def asking(monkeypatch: pytest.MonkeyPatch) -> None:
    from airflow.providers.standard.operators import hitl

    def ask(**question: Any) -> None:
        raise Asked(question["body"])

    monkeypatch.setattr(hitl, "upsert_hitl_detail", ask)


def approve(**arguments: Any) -> Any:
    around = context()
    around["task_instance"] = type("TaskInstance", (), {"id": "1"})
    return ApproveCostOperator(task_id="approve", **{"objects": 1000, "job": JOB, **arguments}).execute(around)


def test_a_cheap_job_goes_on_unasked(connected: Lab, asking: None) -> None:
    # 1,000 objects at 0.08 USD, and 3 workers at 0.012 USD for each.
    assert approve(ask_above_usd=116) == {"approved": True, "estimated_cost_usd": 116.0}
    assert approve(objects="10", ask_above_usd="2")["approved"]


def test_a_dear_job_is_asked_about_with_its_price(connected: Lab, asking: None) -> None:
    with pytest.raises(Asked, match=r"^\*\*Budget 7\*\*\n\nLabeling \*\*1,000\*\* .* cost \*\*\$116.00\*\*"):
        approve(ask_above_usd=115.99, body="**Budget 7**")


def test_what_makes_no_job_is_an_error(connected: Lab, asking: None) -> None:
    with pytest.raises(InvalidRequestError, match="task_type"):
        approve(job={**JOB, "task_type": "guessing"})
    with pytest.raises(InvalidArgumentsError, match="objects: 'many' is not a whole number"):
        approve(objects="many")

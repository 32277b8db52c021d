"""Whoever has an asset of the output's URI hears of the labels."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from airflow.sdk import Asset

from tests.airflow_context import context
from tests.conftest import Lab
from tests.operators.test_labeling_job import operator, run_id


def tell_asset(monkeypatch: pytest.MonkeyPatch, name: str | None) -> None:
    """Let Airflow's supervisor know an asset of any URI by a name, or none."""
    from airflow.sdk.exceptions import ErrorType
    from airflow.sdk.execution_time import task_runner
    from airflow.sdk.execution_time.comms import AssetResult, ErrorResponse, GetAssetByUri

    class Supervisor:
        def send(self, message: Any) -> Any:
            assert isinstance(message, GetAssetByUri)
            if name is None:
                return ErrorResponse(error=ErrorType.ASSET_NOT_FOUND)
            return AssetResult(name=name, uri=message.uri, group="asset")

    monkeypatch.setattr(task_runner, "SUPERVISOR_COMMS", Supervisor(), raising=False)


@pytest.mark.parametrize(("name", "told"), [("birds", True), ("s3://lab/out", False), (None, False)])
def test_an_asset_of_the_same_uri_and_another_name_hears_of_the_labels(
    connected: Lab, monkeypatch: pytest.MonkeyPatch, logged: Callable[[], str], name: str | None, told: bool
) -> None:
    tell_asset(monkeypatch, name)
    around, task = context(**run_id()), operator(connected)
    result = task.execute(around)
    (alias,) = task.outlets
    assert around["outlet_events"][alias].added == [(Asset(name or "s3://lab/out", uri="s3://lab/out"), result)]
    assert (f"with the name {name!r}" in logged()) is told

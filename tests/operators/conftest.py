"""What tests of operators share."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from dev.stack import ROOT, Service
from tests.conftest import Lab


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A service that takes small jobs."""
    folder = tmp_path_factory.mktemp("small")
    workforce = folder / "workforce.json"
    workforce.write_text(json.dumps({"workteams": {"private-simulated": {"workers": 3, "accuracy": 1}}}))
    env = {"PYTHONPATH": str(ROOT)}
    lab = Lab(Service(folder, "--workforce", str(workforce), "--minimum-automated", "0", env=env))
    yield lab
    lab.service.stop()


@pytest.fixture
def auto(small: Lab, monkeypatch: pytest.MonkeyPatch) -> Lab:
    monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", small.service.connection())
    return small

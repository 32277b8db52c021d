"""The objects of a large job go into the database a few at a time; until all are there it has none."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from labeling_provider.service.database import object_rows
from labeling_provider.service.database.database import Connection
from labeling_provider.service.database.schema import objects
from labeling_provider.service.engine import start
from tests.service.in_process import InProcess

MANIFEST = b"".join(
    json.dumps({"source": f"text {number}", "truth": "cat", **({"label": 0} if number % 5 == 0 else {})}).encode()
    + b"\r\n"
    for number in range(25)
)


@pytest.fixture
def chunks(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many objects were stored in each transaction."""
    seen: list[int] = []

    def noted(connection: Connection, job_id: int, rows: Sequence[Mapping[str, Any]]) -> None:
        seen.append(len(rows))
        insert(connection, job_id, rows)

    insert = object_rows.insert
    monkeypatch.setattr(object_rows, "insert", noted)
    monkeypatch.setattr(start, "_AT_ONCE", 10)
    return seen


def test_all_objects_are_stored_a_few_at_a_time(tmp_path: Path, chunks: list[int]) -> None:
    service = InProcess(tmp_path)
    try:
        description, output = service.run(MANIFEST)
    finally:
        service.close()
    assert chunks == [10, 10, 5]
    assert [line["source"] for line in output] == [f"text {number}" for number in range(25)]
    assert description["LabelCounters"]["HumanLabeled"] == 20


def test_a_job_that_is_stopped_while_its_objects_are_stored_has_none(
    tmp_path: Path, chunks: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    service = InProcess(tmp_path)
    first_state = start.first_state

    def stopped_meanwhile(*line: Any) -> Any:
        if len(chunks) == 2:
            monkeypatch.setattr(start, "first_state", first_state)
            with service.store.read() as connection:
                name = connection.exec_driver_sql("SELECT name FROM jobs").scalar_one()
            service.operations.call("StopLabelingJob", {"LabelingJobName": name})
        return first_state(*line)

    monkeypatch.setattr(start, "first_state", stopped_meanwhile)
    try:
        description = service.wait(service.create(MANIFEST))
        with service.store.read() as connection:
            count = connection.execute(sa.select(sa.func.count()).select_from(objects)).scalar_one()
    finally:
        service.close()
    assert chunks == [10, 10]
    assert (description["LabelingJobStatus"], count) == ("Stopped", 0)

"""Rows for tests of the tables' statements."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from labeling_provider.service.database import object_rows
from labeling_provider.service.database.database import Connection
from labeling_provider.service.database.job_rows import insert_job
from labeling_provider.service.database.states import ObjectState

STREAM = {"InputConfig": {"DataSource": {"SnsDataSource": {"SnsTopicArn": "t"}}}}
SCHEMA_0_1 = Path(__file__).with_name("schema_0_1.sql").read_text()
"""The tables of version 0.1."""
BY_LETTER = {state.value[0]: state for state in ObjectState}


def job(connection: Connection, name: str = "Cats", states: str = "", request: dict[str, Any] | None = None) -> int:
    """Make a job with an object in each of some states, by first letter; its id."""
    job_id = insert_job(
        connection, name=name, arn=f"arn-{name}", reference_code="r", workteam_arn="w", request=request or {}
    )
    line = [json.dumps({"source": f"text {number}"}) for number in range(len(states))]
    rows = [
        {"object_id": number, "state": BY_LETTER[letter], "line": line[number], "result": None}
        for number, letter in enumerate(states)
    ]
    if rows:
        object_rows.insert(connection, job_id, rows)
    return job_id


def fill(connection: Connection, table: sa.Table, job_id: int, rows: int) -> None:
    """Some rows of a job, whatever a table holds."""
    for number in range(rows):
        row: dict[str, Any] = {}
        for column in table.columns:
            if column.nullable or column.server_default is not None:
                continue
            if isinstance(column.type, sa.types.TypeDecorator):
                row[column.name] = next(iter(column.type.states))  # type: ignore[attr-defined]
            elif column.type.python_type is bool:
                row[column.name] = False
            elif column.type.python_type is str:
                row[column.name] = str(number)
            elif column.name != "id":
                row[column.name] = number
        connection.execute(sa.insert(table).values({**row, "job_id": job_id}))

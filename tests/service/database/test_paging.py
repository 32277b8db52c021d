"""Pages follow each other whatever is added meanwhile, and only a list's own tokens lead on."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
import sqlalchemy as sa

from labeling_provider.service.database.database import Connection
from labeling_provider.service.database.paging import BadToken, PageRequest, read_page
from labeling_provider.service.database.schema import jobs
from tests.service.database.rows import job


def page(connection: Connection, token: str | None = None, descending: bool = False) -> tuple[list[str], str | None]:
    query = sa.select(jobs.c.id, jobs.c.created, jobs.c.name)
    rows, token = read_page(connection, query, jobs.c.created, jobs.c.id, PageRequest(2, descending, token))
    return [row.name for row in rows], token


def add(connection: Connection, name: str, created: float) -> None:
    connection.execute(sa.update(jobs).where(jobs.c.id == job(connection, name)).values(created=created))


@pytest.mark.parametrize("descending", [False, True])
def test_pages_hold_each_row_once_even_where_many_are_alike(connection: Connection, descending: bool) -> None:
    for number in range(5):
        add(connection, f"job-{number}", 1.0)
    found, token = page(connection, None, descending)
    add(connection, "before", 2.0 if descending else 0.0)
    while token:
        names, token = page(connection, token, descending)
        found += names
    assert found == sorted((f"job-{number}" for number in range(5)), reverse=descending)


def test_a_page_that_is_just_full_is_the_last(connection: Connection) -> None:
    add(connection, "a", 1.0)
    add(connection, "b", 2.0)
    assert page(connection) == (["a", "b"], None)


@pytest.mark.parametrize(
    "values",
    ["nonsense", [1.0], [1.0, "1"], ["1", 1], [1.0, True], [1.0, 1 << 63], [None, 1], {"a": 1}, [[1.0], 1]],
    ids=str,
)
def test_a_token_of_somebody_else_is_refused(connection: Connection, values: Any) -> None:
    token = values if isinstance(values, str) else base64.urlsafe_b64encode(json.dumps(values).encode()).decode()
    with pytest.raises(BadToken):
        page(connection, token)

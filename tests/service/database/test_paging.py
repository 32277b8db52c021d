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

ALL = sa.select(jobs.c.id, jobs.c.created, jobs.c.modified, jobs.c.name)


def page(
    connection: Connection,
    token: str | None = None,
    descending: bool = False,
    query: sa.Select[Any] = ALL,
    column: sa.Column[Any] = jobs.c.created,
    whole: sa.Select[Any] | None = None,
) -> tuple[list[str], str | None]:
    rows, token = read_page(connection, query, column, jobs.c.id, PageRequest(2, descending, token), whole)
    return [row.name for row in rows], token


def values_of(token: str | None) -> Any:
    return json.loads(base64.urlsafe_b64decode(token or ""))


def token_of(values: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(values).encode()).decode()


def add(connection: Connection, name: str, created: float) -> None:
    connection.execute(sa.update(jobs).where(jobs.c.id == job(connection, name)).values(created=created))


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("listed", [(ALL, None), (sa.select(jobs.c.id, jobs.c.created), sa.select(jobs.c.name))])
def test_pages_hold_each_row_once_even_where_many_are_alike(
    connection: Connection, descending: bool, listed: tuple[sa.Select[Any], sa.Select[Any] | None]
) -> None:
    query, whole = listed
    for number in range(5):
        add(connection, f"job-{number}", 1.0)
    seen, token = page(connection, None, descending, query, whole=whole)
    add(connection, "before", 2.0 if descending else 0.0)
    while token:
        names, token = page(connection, token, descending, query, whole=whole)
        seen += names
    assert seen == sorted((f"job-{number}" for number in range(5)), reverse=descending)


def test_a_page_that_is_just_full_is_the_last(connection: Connection) -> None:
    add(connection, "a", 1.0)
    add(connection, "b", 2.0)
    assert page(connection) == (["a", "b"], None)


@pytest.mark.parametrize("token", ["nonsense", *map(token_of, (None, 1, "x", [], {"a": 1}, [1.0, 1]))])
def test_a_token_of_somebody_else_is_refused(connection: Connection, token: str) -> None:
    with pytest.raises(BadToken):
        page(connection, token)


@pytest.mark.parametrize(
    "values", [[1.0], [1.0, "1"], ["1", 1], [1.0, True], [1.0, 1 << 63], [None, 1], [[1.0], 1], [1.0, 1, 1]], ids=str
)
def test_a_token_that_was_changed_is_refused(connection: Connection, values: list[Any]) -> None:
    for name in "abc":
        add(connection, name, 1.0)
    listing = values_of(page(connection)[1])[0]
    with pytest.raises(BadToken):
        page(connection, token_of([listing, *values]))


def test_a_token_is_of_its_list_with_its_filter_and_order(connection: Connection) -> None:
    for number in range(4):
        add(connection, f"job-{number}", float(number))
    late = ALL.where(jobs.c.created > 0.5)
    _, token = page(connection, query=late)
    assert page(connection, token, query=ALL.where(jobs.c.created > 0.5)) == (["job-3"], None)
    for other in (
        {"query": ALL},
        {"query": ALL.where(jobs.c.created > 0.6)},
        {"query": late, "descending": True},
        {"query": late, "column": jobs.c.modified},
    ):
        with pytest.raises(BadToken):
            page(connection, token, **other)

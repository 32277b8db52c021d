"""Statements on worker templates that have a name."""

from __future__ import annotations

from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.exc import IntegrityError

from labeling_provider.service.database.database import now
from labeling_provider.service.database.job_rows import NameTaken
from labeling_provider.service.database.paging import Between, PageRequest, read_page
from labeling_provider.service.database.schema import human_task_uis


class HumanTaskUiRow(NamedTuple):
    """A template.

    :param created: epoch seconds.
    """

    name: str
    arn: str
    template: str
    created: float


class HumanTaskUiSummary(NamedTuple):
    """A template as a list has it.

    :param created: epoch seconds.
    """

    name: str
    arn: str
    created: float


def insert(connection: Connection, name: str, arn: str, template: str) -> None:
    """Store a new template.

    :raises NameTaken: if there is one with this name.
    """
    row = {"name": name, "arn": arn, "template": template, "created": now()}
    try:
        connection.execute(sa.insert(human_task_uis).values(row))
    except IntegrityError:
        raise NameTaken(name) from None


def find(connection: Connection, name: str) -> HumanTaskUiRow | None:
    """The template with a name; None if there is none."""
    return _row_of(connection, human_task_uis.c.name == name)


def find_by_arn(connection: Connection, arn: str) -> HumanTaskUiRow | None:
    """The template with an ARN; None if there is none."""
    return _row_of(connection, human_task_uis.c.arn == arn)


def count(connection: Connection) -> int:
    """How many there are."""
    return int(connection.execute(sa.select(sa.func.count()).select_from(human_task_uis)).scalar_one())


def page(connection: Connection, created: Between, wanted: PageRequest) -> tuple[list[HumanTaskUiSummary], str | None]:
    """A page of them, by creation time, and the token of the next page.

    :raises BadToken: if the token is not one of this list's.
    """
    # A template may be large: a page of them would be megabytes.
    query = created.narrow(sa.select(human_task_uis.c.created, human_task_uis.c.name), human_task_uis.c.created)
    whole = sa.select(human_task_uis.c.name, human_task_uis.c.arn)
    rows, token = read_page(connection, query, human_task_uis.c.created, human_task_uis.c.name, wanted, whole)
    return [HumanTaskUiSummary._make(row[:3]) for row in rows], token


def delete(connection: Connection, name: str) -> bool:
    """Delete a template; whether there was one."""
    return bool(connection.execute(sa.delete(human_task_uis).where(human_task_uis.c.name == name)).rowcount)


def _row_of(connection: Connection, which: sa.ColumnElement[bool]) -> HumanTaskUiRow | None:
    row = connection.execute(sa.select(human_task_uis).where(which)).one_or_none()
    return None if row is None else HumanTaskUiRow._make(row)

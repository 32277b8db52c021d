"""Statements on workteams."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.exc import IntegrityError

from labeling_provider.service.database import revisions
from labeling_provider.service.database.database import from_row, now
from labeling_provider.service.database.job_rows import NameTaken
from labeling_provider.service.database.paging import PageRequest, has_part, read_page
from labeling_provider.service.database.schema import workteams

WorkteamOrder = Literal["Name", "CreateDate"]
_ORDERS: Final[dict[WorkteamOrder, sa.Column[Any]]] = {"Name": workteams.c.name_key, "CreateDate": workteams.c.created}
_IS_PRIVATE: Final = workteams.c.arn.like("%:workteam/private-crowd/%")


@dataclass(frozen=True, slots=True)
class WorkteamRow:
    """A stored workteam.

    :param members: its MemberDefinitions.
    :param settings: its NotificationConfiguration and WorkerAccessConfiguration, if set.
    :param created: epoch seconds.
    :param updated: epoch seconds.
    """

    name: str
    arn: str
    description: str
    members: list[dict[str, Any]]
    settings: dict[str, Any]
    created: float
    updated: float


def insert(
    connection: Connection,
    *,
    name: str,
    arn: str,
    description: str,
    members: list[dict[str, Any]],
    settings: Mapping[str, Any],
) -> None:
    """Insert a new workteam.

    :raises NameTaken: if a workteam with this name exists.
    """
    at = now()
    row = {
        "name_key": name.lower(),
        "name": name,
        "arn": arn,
        "description": description,
        "members": json.dumps(members),
        "settings": json.dumps(settings),
        "created": at,
        "updated": at,
    }
    try:
        connection.execute(sa.insert(workteams).values(row))
    except IntegrityError:
        raise NameTaken(name) from None
    revisions.people_changed(connection)


def find(connection: Connection, name: str) -> WorkteamRow | None:
    """The workteam with a name, in any case; None if there is none."""
    return _find(connection, workteams.c.name_key == name.lower())


def find_workteam_by_arn(connection: Connection, arn: str) -> WorkteamRow | None:
    """The workteam with an ARN; None if there is none."""
    return _find(connection, workteams.c.arn == arn)


def known_arns(connection: Connection, arns: Collection[str]) -> set[str]:
    """Those of some ARNs that belong to a workteam."""
    return set(connection.execute(sa.select(workteams.c.arn).where(workteams.c.arn.in_(arns))).scalars())


def private_arns(connection: Connection) -> set[str]:
    """The ARNs of all private workteams."""
    query = sa.select(workteams.c.arn).where(_IS_PRIVATE)
    return set(connection.execute(query).scalars())


def all_workteams(connection: Connection) -> list[WorkteamRow]:
    """All of them; there are few."""
    return [_workteam(row) for row in connection.execute(sa.select(workteams).order_by(workteams.c.created))]


def count_workteams(connection: Connection) -> int:
    """How many workteams there are."""
    return int(connection.execute(sa.select(sa.func.count()).select_from(workteams)).scalar_one())


def list_private_workteams(
    connection: Connection, name_contains: str | None, order: WorkteamOrder, wanted: PageRequest
) -> tuple[list[WorkteamRow], str | None]:
    """A page of the private workteams, and the token for the next page; None if this is the last.

    :param name_contains: a part of the name, in any case.
    :raises BadToken: if the request's token was not issued by this list.
    """
    query = sa.select(workteams).where(_IS_PRIVATE)
    if name_contains is not None:
        query = query.where(has_part(workteams.c.name_key, name_contains.lower()))
    rows, token = read_page(connection, query, _ORDERS[order], workteams.c.name_key, wanted)
    return [_workteam(row) for row in rows], token


def update_workteam(
    connection: Connection, arn: str, *, description: str, members: list[dict[str, Any]], settings: Mapping[str, Any]
) -> None:
    """Update a workteam."""
    values = {
        "description": description,
        "members": json.dumps(members),
        "settings": json.dumps(settings),
        "updated": now(),
    }
    connection.execute(sa.update(workteams).where(workteams.c.arn == arn).values(values))
    revisions.people_changed(connection)


def delete_workteam(connection: Connection, arn: str) -> None:
    """Delete a workteam."""
    connection.execute(sa.delete(workteams).where(workteams.c.arn == arn))
    revisions.people_changed(connection)


def _find(connection: Connection, which: sa.ColumnElement[bool]) -> WorkteamRow | None:
    row = connection.execute(sa.select(workteams).where(which)).one_or_none()
    return None if row is None else _workteam(row)


def _workteam(row: sa.Row[Any]) -> WorkteamRow:
    return from_row(WorkteamRow, row, members=json.loads(row.members), settings=json.loads(row.settings))

"""Statements on private workforces: who the people are, and from which addresses they may come."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from labeling_provider.groundtruth.workforce_identity import WorkforceIdentity
from labeling_provider.service.database import revisions
from labeling_provider.service.database.database import from_row, now
from labeling_provider.service.database.paging import PageRequest, has_part, read_page
from labeling_provider.service.database.schema import workforces

WorkforceOrder = Literal["Name", "CreateDate"]
_ORDERS: Final[dict[WorkforceOrder, sa.Column[Any]]] = {
    "Name": workforces.c.name_key,
    "CreateDate": workforces.c.created,
}


OWN_CLIENT: Final = "local"
"""The client in the user pool of the service's own people."""


def own_user_pool(region: str) -> str:
    """The user pool of the service's own people."""
    return f"{region}_local"


@dataclass(frozen=True, slots=True)
class WorkforceRow:
    """A workforce, without the client's secret.

    :param identity: CognitoConfig or OidcConfig, under that name.
    :param settings: SourceIpConfig and IpAddressType, if they were given.
    :param created: epoch seconds.
    :param updated: epoch seconds.
    """

    name: str
    arn: str
    identity: dict[str, Any]
    settings: dict[str, Any]
    created: float
    updated: float


def insert(
    connection: Connection,
    *,
    name: str,
    arn: str,
    identity: Mapping[str, Any],
    client_secret: str | None,
    is_sealed: bool = False,
    settings: Mapping[str, Any],
) -> None:
    """Store a new workforce.

    :param is_sealed: whether the secret is encrypted.
    """
    at = now()
    row = {
        "name_key": name.lower(),
        "name": name,
        "arn": arn,
        "identity": json.dumps(identity),
        "client_secret": client_secret,
        "is_sealed": is_sealed,
        "settings": json.dumps(settings),
        "created": at,
        "updated": at,
    }
    connection.execute(sa.insert(workforces).values(row))


def find(connection: Connection, name: str) -> WorkforceRow | None:
    """The workforce with a name, in any case; None if there is none."""
    row = connection.execute(sa.select(workforces).where(workforces.c.name_key == name.lower())).one_or_none()
    return None if row is None else _workforce(row)


def all_workforces(connection: Connection) -> list[WorkforceRow]:
    """All of them; there are few."""
    return [_workforce(row) for row in connection.execute(sa.select(workforces).order_by(workforces.c.created))]


def of_openid(connection: Connection) -> WorkforceRow | None:
    """The workforce whose people are those of an OpenID Connect provider; None if there is none."""
    rows = all_workforces(connection)
    return next((row for row in rows if WorkforceIdentity(row.identity).provider is not None), None)


def secret_of(connection: Connection, name: str) -> tuple[str | None, bool]:
    """The client's secret of a workforce, as it is stored, and whether it is encrypted."""
    query = sa.select(workforces.c.client_secret, workforces.c.is_sealed)
    row = connection.execute(query.where(workforces.c.name_key == name.lower())).one_or_none()
    return (None, False) if row is None else (row.client_secret, row.is_sealed)


def page(
    connection: Connection, name_contains: str | None, order: WorkforceOrder, wanted: PageRequest
) -> tuple[list[WorkforceRow], str | None]:
    """A page of them, and the token of the next page.

    :param name_contains: a part of the name, in any case.
    :raises BadToken: if the token is not one of this list's.
    """
    query = sa.select(workforces)
    if name_contains is not None:
        query = query.where(has_part(workforces.c.name_key, name_contains.lower()))
    rows, token = read_page(connection, query, _ORDERS[order], workforces.c.name_key, wanted)
    return [_workforce(row) for row in rows], token


def update(
    connection: Connection,
    name: str,
    *,
    identity: Mapping[str, Any],
    client_secret: str | None,
    is_sealed: bool = False,
    settings: Mapping[str, Any],
) -> None:
    """Change a workforce.

    :param client_secret: None to keep the present one.
    :param is_sealed: whether it is encrypted.
    """
    values: dict[str, Any] = {"identity": json.dumps(identity), "settings": json.dumps(settings), "updated": now()}
    if client_secret is not None:
        values |= {"client_secret": client_secret, "is_sealed": is_sealed}
    connection.execute(sa.update(workforces).where(workforces.c.name_key == name.lower()).values(values))
    revisions.people_changed(connection)


def delete(connection: Connection, name: str) -> None:
    """Delete a workforce."""
    connection.execute(sa.delete(workforces).where(workforces.c.name_key == name.lower()))
    revisions.people_changed(connection)


def _workforce(row: sa.Row[Any]) -> WorkforceRow:
    return from_row(WorkforceRow, row, identity=json.loads(row.identity), settings=json.loads(row.settings))

"""Statements on requesters' API keys, and on what belongs to requesters. Times are epoch seconds."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.exc import IntegrityError

from labeling_provider.service.database.database import from_row, now
from labeling_provider.service.database.schema import api_keys, owners, queues, s3_buckets, topics

_KEPT_AS_NAMES: Final = {"s3": s3_buckets.c.name, "sns": topics.c.name, "sqs": queues.c.name}
"""Where a bucket, a topic or a queue is found by its name, by the service in its ARN."""


@dataclass(frozen=True, slots=True)
class KeyRow:
    """An API key as stored.

    :param secret: encrypted.
    :param scope: what it may do.
    :param created: epoch seconds.
    :param expires: epoch seconds; None if it is valid until it is removed.
    :param last_used: epoch seconds, to the minute; None if it was never used.
    """

    access_key_id: str
    requester: str
    secret: str
    scope: dict[str, Any]
    created: float
    expires: float | None
    last_used: float | None


def insert_key(
    connection: Connection,
    *,
    access_key_id: str,
    requester: str,
    secret: str,
    scope: dict[str, Any],
    expires: float | None = None,
) -> None:
    """Store a new key."""
    row = {"access_key_id": access_key_id, "requester": requester, "secret": secret, "scope": json.dumps(scope)}
    connection.execute(sa.insert(api_keys).values(**row, created=now(), expires=expires))


def find_key(connection: Connection, access_key_id: str) -> KeyRow | None:
    """The key with an id; None if there is none."""
    row = connection.execute(sa.select(api_keys).where(api_keys.c.access_key_id == access_key_id)).one_or_none()
    return None if row is None else _key(row)


def latest_secret(connection: Connection) -> str | None:
    """The secret of the key that was created last, encrypted; None if there are no keys."""
    query = sa.select(api_keys.c.secret).order_by(api_keys.c.created.desc()).limit(1)
    return connection.execute(query).scalar_one_or_none()


def list_keys(connection: Connection, requester: str | None = None) -> list[KeyRow]:
    """All keys, or those of a requester, by requester."""
    query = sa.select(api_keys).order_by(api_keys.c.requester, api_keys.c.created)
    if requester is not None:
        query = query.where(api_keys.c.requester == requester)
    return [_key(row) for row in connection.execute(query)]


def delete_key(connection: Connection, access_key_id: str, requester: str | None = None) -> bool:
    """Delete a key; whether there was one.

    :param requester: the only one whose key is deleted; None for anybody's.
    """
    delete = sa.delete(api_keys).where(api_keys.c.access_key_id == access_key_id)
    if requester is not None:
        delete = delete.where(api_keys.c.requester == requester)
    return bool(connection.execute(delete).rowcount)


def forget_expired(connection: Connection, before: float) -> None:
    """Delete keys that expired before a time, in epoch seconds."""
    connection.execute(sa.delete(api_keys).where(api_keys.c.expires < before))


def let_expire(connection: Connection, access_key_id: str, at: float) -> None:
    """Let a key expire at a time, unless it expires earlier."""
    ends_later = api_keys.c.expires.is_(None) | (api_keys.c.expires > at)
    known = (api_keys.c.access_key_id == access_key_id, ends_later)
    connection.execute(sa.update(api_keys).where(*known).values(expires=at))


def was_used(connection: Connection, access_key_id: str, at: float) -> None:
    """Record that a key was used."""
    connection.execute(sa.update(api_keys).where(api_keys.c.access_key_id == access_key_id).values(last_used=at))


# What belongs to whom


def owner(connection: Connection, arn: str) -> str | None:
    """The requester to whom something belongs; None if it is the administrator's, or nothing."""
    return connection.execute(sa.select(owners.c.requester).where(owners.c.arn == arn)).scalar_one_or_none()


def owned(connection: Connection, requester: str, arns: Collection[str]) -> set[str]:
    """Those of some ARNs that belong to a requester."""
    query = sa.select(owners.c.arn).where(owners.c.requester == requester, owners.c.arn.in_(arns))
    return set(connection.execute(query).scalars())


def claim(connection: Connection, arn: str, requester: str) -> bool:
    """Give something that is about to be created to a requester; returns whether nobody else owns it."""
    if _is_there(connection, arn) and owner(connection, arn) is None:
        return False
    try:
        with connection.begin_nested():
            connection.execute(sa.insert(owners).values(arn=arn, requester=requester))
    except IntegrityError:
        return owner(connection, arn) == requester
    return True


def release(connection: Connection, arn: str) -> None:
    """Drop the ownership of something, unless it still exists."""
    if not _is_there(connection, arn):
        connection.execute(sa.delete(owners).where(owners.c.arn == arn))


def _is_there(connection: Connection, arn: str) -> bool:
    """Whether a bucket, a topic or a queue exists."""
    parts = arn.split(":", 5)
    column = _KEPT_AS_NAMES.get(parts[2]) if len(parts) == 6 else None
    if column is None:
        return False
    return connection.execute(sa.select(column).where(column == parts[5])).first() is not None


def _key(row: Any) -> KeyRow:
    return from_row(KeyRow, row, scope=json.loads(row.scope))

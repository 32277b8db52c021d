"""Statements on wrong passwords: how many were tried for a name, and from where.

A try is counted before its password is checked, so that simultaneous ones all count. A right one is taken back.
"""

from __future__ import annotations

import hashlib
from typing import Final, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from labeling_provider.service.database.locks import take_turns
from labeling_provider.service.database.schema import sign_in_failures

_ROWS_AT_ONCE: Final = 1_000


class SignInTry(NamedTuple):
    """Somebody's try to sign in.

    :param person: what :func:`person_key` makes of the name.
    :param source: where it comes from; tries from the same place have the same.
    """

    person: str
    source: str


class TryLimits(NamedTuple):
    """Most wrong passwords within some time.

    :param together: for one name from one source.
    :param of_person: for one name, from all sources.
    :param of_source: from one source, for all names.
    """

    together: int
    of_person: int
    of_source: int


def person_key(name_key: str) -> str:
    """What the table has for a name.

    :param name_key: the name without case.
    """
    return hashlib.sha256(name_key.encode()).hexdigest()


def is_allowed(connection: Connection, tried: SignInTry, limits: TryLimits, since: float) -> bool:
    """Whether a password may be checked. Only :func:`count` decides it; this costs no writing.

    :param since: from when on wrong passwords count, in epoch seconds.
    """
    return bool(connection.execute(sa.select(_is_below(tried, limits, since))).scalar_one())


def count(connection: Connection, tried: SignInTry, limits: TryLimits, since: float, at: float) -> bool:
    """Count a try as a failure, if its password may be checked; forget failures that no longer count.

    :param since: from when on wrong passwords count, in epoch seconds.
    :param at: the time now, in epoch seconds.
    :return: whether the password may be checked.
    """
    # The statement does not see what others are just inserting.
    take_turns(connection, *tried)
    values = sa.select(*(sa.literal(value) for value in (*tried, at))).where(_is_below(tried, limits, since))
    counted = sa.insert(sign_in_failures).from_select(["person", "source", "at"], values)
    is_counted = connection.execute(counted.returning(sign_in_failures.c.id)).first() is not None
    old = sa.select(sign_in_failures.c.id).where(sign_in_failures.c.at <= since).limit(_ROWS_AT_ONCE)
    # Another process may be forgetting the same rows.
    free = old.with_for_update(skip_locked=True)
    connection.execute(sa.delete(sign_in_failures).where(sign_in_failures.c.id.in_(free)))
    return is_counted


def clear(connection: Connection, tried: SignInTry) -> None:
    """Forget the failures of a person from a source, because the password was right."""
    take_turns(connection, *tried)
    connection.execute(sa.delete(sign_in_failures).where(_is_of_person(tried), _is_of_source(tried)))


def forget_person(connection: Connection, name_key: str) -> None:
    """Forget the failures of a person from everywhere.

    :param name_key: the name without case.
    """
    connection.execute(sa.delete(sign_in_failures).where(sign_in_failures.c.person == person_key(name_key)))


def _is_below(tried: SignInTry, limits: TryLimits, since: float) -> sa.ColumnElement[bool]:
    of_person, of_source = _is_of_person(tried), _is_of_source(tried)
    kinds = ((of_person & of_source, limits.together), (of_person, limits.of_person), (of_source, limits.of_source))
    return sa.and_(*(_number(which, since) < max_failures for which, max_failures in kinds))


def _number(which: sa.ColumnElement[bool], since: float) -> sa.ScalarSelect[int]:
    query = sa.select(sa.func.count()).select_from(sign_in_failures).where(which, sign_in_failures.c.at > since)
    return query.scalar_subquery()


def _is_of_person(tried: SignInTry) -> sa.ColumnElement[bool]:
    return sign_in_failures.c.person == tried.person


def _is_of_source(tried: SignInTry) -> sa.ColumnElement[bool]:
    return sign_in_failures.c.source == tried.source

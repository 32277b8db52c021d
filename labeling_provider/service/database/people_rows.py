"""People who label in a browser: who they are, which workteams they are in, and who is signed in.

Times are epoch seconds.
"""

from __future__ import annotations

import json
import secrets
import unicodedata
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.exc import IntegrityError

from labeling_provider.service.database import revisions, sign_in_rows
from labeling_provider.service.database.database import Row, from_row, now
from labeling_provider.service.database.job_rows import NameTaken
from labeling_provider.service.database.schema import (
    IS_SUBMITTED,
    api_keys,
    memberships,
    people,
    remarks,
    sessions,
    tasks,
)
from labeling_provider.service.database.states import RemarkKind, TaskState

MAX_NAME_CHARACTERS: Final = 64

_COLUMNS: Final = (
    people.c.id,
    people.c.name,
    people.c.worker_id,
    people.c.sub,
    people.c.created,
    people.c.password,
    people.c.settings,
    people.c.issuer,
    people.c.group_names,
)
IS_PRESENT: Final = people.c.name_key.is_not(None) | people.c.issuer.is_not(None)
"""Rows of people, without those who are being erased; see :mod:`.erasure_rows`."""
_TASKS_OF_PEOPLE: Final = tasks.join(people, people.c.worker_id == tasks.c.worker_id)
"""Tasks that people have had, without those of simulated workers."""


@dataclass(frozen=True, slots=True)
class PersonRow:
    """A person as stored.

    :param worker_id: as in Amazon's output, ``private.<region>.<16 hex digits>``.
    :param sub: the identity in results; a UUID unless an identity provider has given it.
    :param created: epoch seconds.
    :param password: the hash of the password; None if none was chosen.
    :param settings: language and keys of the pages.
    :param issuer: the identity provider that the person comes from; None for a person known only here.
    :param groups: the groups that the identity provider named at the last sign-in.
    """

    id: int
    name: str
    worker_id: str
    sub: str
    created: float
    password: str | None
    settings: dict[str, Any]
    issuer: str | None
    groups: frozenset[str]


def plain_name(name: str) -> str:
    """A person's name as it is stored: normalized, without spaces around it."""
    return " ".join(unicodedata.normalize("NFC", name).split())


def is_name(name: str) -> bool:
    """Whether a name, as stored, can be a person's."""
    return 0 < len(name) <= MAX_NAME_CHARACTERS and name.isprintable()


def new_worker_id(region: str) -> str:
    """A worker id as in Amazon's output."""
    return f"private.{region}.{secrets.token_hex(8)}"


def insert_person(connection: Connection, *, name: str, worker_id: str, sub: str) -> PersonRow:
    """Store a new person.

    :raises NameTaken: if there is one with this name, in any case.
    """
    row = {"name": name, "worker_id": worker_id, "sub": sub, "created": now(), "settings": "{}"}
    insert = sa.insert(people).values(**row, name_key=name_key(name)).returning(*_COLUMNS)
    try:
        with connection.begin_nested():
            return _person(connection.execute(insert).one())
    except IntegrityError:
        raise NameTaken(name) from None


def enter(
    connection: Connection, *, issuer: str, sub: str, name: str, groups: Collection[str], worker_id: str
) -> PersonRow:
    """Store what an identity provider says about a person who signs in.

    :param worker_id: for somebody who has not been here before.
    """
    claims = {"name": name, "group_names": json.dumps(sorted(groups))}
    known = sa.update(people).where(people.c.issuer == issuer, people.c.sub == sub).values(claims).returning(*_COLUMNS)
    row = connection.execute(known).one_or_none()
    if row is None:
        new = {**claims, "issuer": issuer, "sub": sub, "worker_id": worker_id, "created": now(), "settings": "{}"}
        try:
            with connection.begin_nested():
                row = connection.execute(sa.insert(people).values(new).returning(*_COLUMNS)).one()
        except IntegrityError:
            # The same person has signed in twice at once.
            row = connection.execute(known).one()
    revisions.people_changed(connection)
    return _person(row)


def find_person(connection: Connection, name: str) -> PersonRow | None:
    """The person who signs in by a name, in any case; None if there is none."""
    return _person_of(connection, sa.select(*_COLUMNS).where(people.c.name_key == name_key(name)))


def find_worker(connection: Connection, worker_id: str) -> PersonRow | None:
    """The person with a worker id; None if there is none."""
    return _person_of(connection, sa.select(*_COLUMNS).where(people.c.worker_id == worker_id, IS_PRESENT))


def hold(connection: Connection, worker_id: str) -> bool:
    """Keep a person from being removed before the end of the transaction; returns whether the person exists."""
    query = sa.select(people.c.id).where(people.c.worker_id == worker_id, IS_PRESENT).with_for_update()
    return connection.execute(query).first() is not None


def list_people(
    connection: Connection, workteam_arn: str | None = None, *, only_by_name: bool = False
) -> list[PersonRow]:
    """All people, or those who were put into a workteam, by name.

    :param only_by_name: whether people of an identity provider are left out.
    """
    query = sa.select(*_COLUMNS).where(IS_PRESENT)
    query = query.order_by(sa.func.coalesce(people.c.name_key, people.c.name), people.c.id)
    if only_by_name:
        query = query.where(people.c.issuer.is_(None))
    if workteam_arn is not None:
        members = sa.select(memberships.c.person_id).where(memberships.c.workteam_arn == workteam_arn)
        query = query.where(people.c.id.in_(members))
    return [_person(row) for row in connection.execute(query)]


def delete_person(connection: Connection, person_id: int) -> None:
    """Forget a person, with all keys and failed sign-ins, and sign the person out everywhere.

    Answers stay, under the worker id.
    """
    connection.execute(sa.delete(memberships).where(memberships.c.person_id == person_id))
    gone = sa.delete(people).where(people.c.id == person_id).returning(people.c.worker_id, people.c.name_key)
    for worker_id, key in connection.execute(gone).all():
        connection.execute(sa.delete(api_keys).where(api_keys.c.requester == worker_id))
        # People of an identity provider sign in there.
        if key is not None:
            sign_in_rows.forget_person(connection, key)
    close_sessions(connection, person_id)


def subs(connection: Connection, worker_ids: Collection[str]) -> dict[str, str]:
    """The identities behind those of some worker ids that are people's."""
    if not worker_ids:
        return {}
    query = sa.select(people.c.worker_id, people.c.sub).where(people.c.worker_id.in_(worker_ids), IS_PRESENT)
    return {row.worker_id: row.sub for row in connection.execute(query)}


def names(connection: Connection, worker_ids: Collection[str]) -> dict[str, str]:
    """The names behind those of some worker ids that are people's."""
    if not worker_ids:
        return {}
    query = sa.select(people.c.worker_id, people.c.name).where(people.c.worker_id.in_(worker_ids))
    return {row.worker_id: row.name for row in connection.execute(query)}


def update_settings(connection: Connection, person_id: int, settings: dict[str, Any]) -> None:
    """Keep a person's language and keys."""
    connection.execute(sa.update(people).where(people.c.id == person_id).values(settings=json.dumps(settings)))
    revisions.people_changed(connection)


# Workteams


def teams_of(connection: Connection, person_id: int) -> set[str]:
    """ARNs of the workteams that a person is in."""
    query = sa.select(memberships.c.workteam_arn).where(memberships.c.person_id == person_id)
    return set(connection.execute(query).scalars())


def teams_with_members(connection: Connection) -> set[str]:
    """ARNs of the workteams that anybody is in."""
    return set(connection.execute(sa.select(memberships.c.workteam_arn).distinct()).scalars())


def join(connection: Connection, person_id: int, workteam_arn: str) -> None:
    """Put a person into a workteam; one who is in it stays."""
    there = sa.select(memberships.c.person_id).where(
        memberships.c.person_id == person_id, memberships.c.workteam_arn == workteam_arn
    )
    if connection.execute(there).first() is None:
        connection.execute(sa.insert(memberships).values(person_id=person_id, workteam_arn=workteam_arn))
        revisions.people_changed(connection)


def leave_all(connection: Connection, workteam_arn: str) -> None:
    """Take everybody out of a workteam."""
    connection.execute(sa.delete(memberships).where(memberships.c.workteam_arn == workteam_arn))
    revisions.people_changed(connection)


def leave(connection: Connection, person_id: int, workteam_arn: str) -> bool:
    """Take a person out of a workteam; whether the person was in it."""
    there = (memberships.c.person_id == person_id, memberships.c.workteam_arn == workteam_arn)
    has_left = bool(connection.execute(sa.delete(memberships).where(*there)).rowcount)
    revisions.people_changed(connection)
    return has_left


# Signing in


def invite(connection: Connection, person_id: int, token_hash: str, until: float) -> None:
    """Let the holder of a token choose the person's password until a time; an earlier invitation becomes void."""
    values = {"invitation": token_hash, "invited_until": until}
    connection.execute(sa.update(people).where(people.c.id == person_id).values(values))


def invited(connection: Connection, token_hash: str, at: float) -> PersonRow | None:
    """The person whom a token invites at a time; None if it invites nobody, or no longer."""
    query = sa.select(*_COLUMNS).where(people.c.invitation == token_hash, people.c.invited_until > at)
    return _person_of(connection, query)


def choose_password(connection: Connection, token_hash: str, password: str, at: float) -> PersonRow | None:
    """Use up an invitation: set the hash of the person's password, and end earlier sessions.

    :return: None if the invitation is no longer valid.
    """
    take = (
        sa.update(people)
        .where(people.c.invitation == token_hash, people.c.invited_until > at)
        .values(password=password, invitation=None, invited_until=None)
        .returning(*_COLUMNS)
    )
    row = connection.execute(take).one_or_none()
    if row is None:
        return None
    close_sessions(connection, row.id)
    return _person(row)


def open_session(connection: Connection, person_id: int, token_hash: str, expires: float, at: float) -> None:
    """Sign a person in, and forget sessions that are over."""
    connection.execute(sa.delete(sessions).where(sessions.c.expires <= at))
    connection.execute(sa.insert(sessions).values(token_hash=token_hash, person_id=person_id, expires=expires))


def signed_in(connection: Connection, token_hash: str, at: float) -> PersonRow | None:
    """The person of a session; None if there is none, or it is over."""
    query = (
        sa.select(*_COLUMNS)
        .join(sessions, sessions.c.person_id == people.c.id)
        .where(sessions.c.token_hash == token_hash, sessions.c.expires > at)
    )
    return _person_of(connection, query)


def close_session(connection: Connection, token_hash: str) -> None:
    """Sign somebody out."""
    connection.execute(sa.delete(sessions).where(sessions.c.token_hash == token_hash))
    revisions.people_changed(connection)


def close_sessions(connection: Connection, person_id: int) -> int:
    """Sign a person out everywhere; how many sessions that ends."""
    ended = connection.execute(sa.delete(sessions).where(sessions.c.person_id == person_id)).rowcount
    revisions.people_changed(connection)
    return int(ended)


# What they do


def add_remark(
    connection: Connection, job_id: int, object_id: int, worker_id: str, kind: RemarkKind, text: str, at: float
) -> None:
    """Keep what a person says about a data object of a job."""
    values = {"job_id": job_id, "object_id": object_id, "worker_id": worker_id, "kind": kind, "text": text}
    connection.execute(sa.insert(remarks).values(**values, at=at))


def latest_remarks(connection: Connection, job_id: int, limit: int) -> Sequence[Row]:
    """What people have said about a job's objects, latest first, with their names; None for unknown people."""
    query = (
        sa.select(remarks, people.c.name)
        .outerjoin(people, people.c.worker_id == remarks.c.worker_id)
        .where(remarks.c.job_id == job_id)
        .order_by(remarks.c.id.desc())
        .limit(limit)
    )
    return connection.execute(query).all()


def count_remarks(connection: Connection, job_id: int) -> int:
    """How many things people have said about a job's objects."""
    query = sa.select(sa.func.count()).select_from(remarks).where(remarks.c.job_id == job_id)
    return int(connection.execute(query).scalar_one())


def at_work(connection: Connection, job_id: int, at: float) -> Row:
    """How many people have tasks of a job in hand, ``people``, and how many ``tasks`` these are."""
    held = (tasks.c.job_id == job_id, tasks.c.state == TaskState.ACCEPTED, tasks.c.due >= at)
    counts: list[Any] = [sa.func.count(tasks.c.worker_id.distinct()).label("people"), sa.func.count().label("tasks")]
    return connection.execute(sa.select(*counts).select_from(_TASKS_OF_PEOPLE).where(*held)).one()


def count_declined(connection: Connection, job_id: int) -> int:
    """How many tasks of a job people have declined."""
    declined = (tasks.c.job_id == job_id, tasks.c.state == TaskState.DECLINED)
    query = sa.select(sa.func.count()).select_from(_TASKS_OF_PEOPLE).where(*declined)
    return int(connection.execute(query).scalar_one())


def work_done(connection: Connection, worker_id: str, since: float) -> Row:
    """How many tasks a worker has submitted since some time, and the active seconds of them."""
    seconds = sa.func.coalesce(tasks.c.spent, tasks.c.due - tasks.c.accepted)
    query = sa.select(sa.func.count().label("tasks"), sa.func.coalesce(sa.func.sum(seconds), 0.0).label("seconds"))
    mine = (tasks.c.worker_id == worker_id, IS_SUBMITTED, tasks.c.due >= since)
    return connection.execute(query.where(*mine)).one()


def name_key(name: str) -> str:
    """The key of a name, which is the same for names that differ only in case."""
    return name.casefold()


def _person_of(connection: Connection, query: sa.Select[Any]) -> PersonRow | None:
    row = connection.execute(query).one_or_none()
    return None if row is None else _person(row)


def _person(row: Any) -> PersonRow:
    groups = frozenset(json.loads(row.group_names or "[]"))
    return from_row(PersonRow, row, settings=json.loads(row.settings), groups=groups)

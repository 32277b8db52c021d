"""Statements that take a person out of the tables, and say in which files the person may still be.

A person who is being erased has a row among the people until the last file is done, so that a killed erasure can go on.
Nobody can sign in by such a row: it has neither a name to sign in with nor an identity provider.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Final, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from labeling_provider.groundtruth.job import RUNNING
from labeling_provider.service.database import people_rows, revisions
from labeling_provider.service.database.database import Row, now
from labeling_provider.service.database.people_rows import name_key
from labeling_provider.service.database.schema import (
    audit_trail,
    events,
    jobs,
    objects,
    owners,
    people,
    remarks,
    tasks,
)
from labeling_provider.service.database.states import Role

_ERASED: Final = "(erased)"
_SIGNING_IN: Final = ("sign-in", "sign-in by invitation", "sign-out")
"""Entries of the audit trail about what people do under their own name."""
_ABOUT_PEOPLE: Final = ("workers add", "workers invite", "workers remove", "workers sign-out")
_PSEUDONYM: Final = "pseudonym"
_WORKER_ID: Final = "private."
_MAX_IDS: Final = 20


class Erasure(NamedTuple):
    """A person who is being erased.

    :param id: of the row that remembers it.
    :param name: empty if it is no longer known.
    :param worker_id: by which the person was known, and may still be in files.
    :param sub: the person's identity in results; empty if it is no longer known.
    :param pseudonym: the worker id that takes the person's place.
    """

    id: int
    name: str
    worker_id: str
    sub: str
    pseudonym: str


class Former(NamedTuple):
    """What is still known of a person who was removed.

    :param name: empty if it is not known.
    :param worker_id: empty if it is not known.
    """

    name: str
    worker_id: str


def find(connection: Connection, name: str) -> Erasure | None:
    """The erasure of a person that has begun and not ended.

    :param name: the person's name in any case, worker id, or pseudonym.
    """
    columns = (people.c.id, people.c.name, people.c.worker_id, people.c.sub, people.c.settings)
    for row in connection.execute(sa.select(*columns).where(~people_rows.IS_PRESENT).order_by(people.c.id)):
        erasure = Erasure(*row[:-1], json.loads(row.settings)[_PSEUDONYM])
        if name in {erasure.worker_id, erasure.pseudonym} or name_key(name) == name_key(erasure.name):
            return erasure
    return None


def former(connection: Connection, name: str) -> list[Former]:
    """The people who were removed and had a name or a worker id, as far as answers, remarks and the audit trail tell.

    Requesters are no people, even if they have the same name.
    """
    if name.startswith(_WORKER_ID):
        known = (tasks.c.worker_id, remarks.c.worker_id, owners.c.requester, jobs.c.requester, audit_trail.c.who)
        if not any(connection.execute(sa.select(column).where(column == name).limit(1)).first() for column in known):
            return []
        targets = sa.select(audit_trail.c.target).where(_is_own(name), audit_trail.c.target.not_in(("", _ERASED)))
        latest = connection.execute(targets.order_by(audit_trail.c.id.desc()).limit(1)).scalar_one_or_none()
        return [Former((latest or "")[: people_rows.MAX_NAME_CHARACTERS], name)]
    present = sa.exists().where(people.c.worker_id == audit_trail.c.who)
    signed_in = (audit_trail.c.what.in_(_SIGNING_IN), audit_trail.c.role != Role.NOBODY)
    query = sa.select(audit_trail.c.who).distinct().where(*signed_in, _is_said(audit_trail.c.target, name), ~present)
    ids = connection.execute(query.order_by(audit_trail.c.who).limit(_MAX_IDS)).scalars().all()
    if ids:
        return [Former(name, worker_id) for worker_id in ids]
    about = (audit_trail.c.what.in_(_ABOUT_PEOPLE), _is_said(audit_trail.c.target, name, more=True))
    is_known = connection.execute(sa.select(audit_trail.c.id).where(*about).limit(1)).first() is not None
    return [Former(name, "")] if is_known else []


def begin(connection: Connection, *, name: str, worker_id: str, sub: str, pseudonym: str) -> Erasure:
    """Remember that a person is being erased, who is nobody any more from now on.

    :param name: empty if it is not known.
    :param sub: empty if it is not known.
    :param pseudonym: a worker id that nobody else has.
    """
    # First, so that nothing more is made in this person's name.
    known = people_rows.find_worker(connection, worker_id)
    if known is not None:
        people_rows.delete_person(connection, known.id)
    settings = json.dumps({_PSEUDONYM: pseudonym})
    row = {"name": name, "worker_id": worker_id, "sub": sub, "created": now(), "settings": settings}
    added = sa.insert(people).values(row).returning(people.c.id)
    return Erasure(connection.execute(added).scalar_one(), name, worker_id, sub, pseudonym)


def replace(connection: Connection, erasure: Erasure) -> bool:
    """Put the pseudonym in place of the person in every table. The person holds no task any more.

    :return: whether there were answers of the person, or tasks that the person has had.
    """
    old, new = erasure.worker_id, erasure.pseudonym
    of_person = tasks.c.worker_id == old
    places = sa.tuple_(objects.c.job_id, objects.c.object_id)
    is_named = places.in_(sa.select(tasks.c.job_id, tasks.c.object_id).where(of_person))
    # The caller's own functions know the worker ids, and Amazon's example writes them into labels.
    in_result = objects.c.result.contains(old, autoescape=True)
    renamed = {"result": sa.func.replace(objects.c.result, old, new)}
    connection.execute(sa.update(objects).where(is_named, in_result).values(renamed))
    _replace_in_errors(connection, erasure)
    moved = connection.execute(sa.update(tasks).where(of_person).values(worker_id=new)).rowcount
    connection.execute(sa.update(remarks).where(remarks.c.worker_id == old).values(worker_id=new))
    connection.execute(sa.update(owners).where(owners.c.requester == old).values(requester=new))
    connection.execute(sa.update(jobs).where(jobs.c.requester == old).values(requester=new))
    _replace_in_audit(connection, erasure)
    revisions.people_changed(connection)
    return bool(moved)


def end(connection: Connection, erasure: Erasure) -> None:
    """Forget a person who is in no file any more."""
    people_rows.delete_person(connection, erasure.id)


def jobs_with(connection: Connection, worker_id: str) -> list[int]:
    """The ids of the jobs in which a worker has had tasks, in order."""
    query = sa.select(tasks.c.job_id).distinct().where(tasks.c.worker_id == worker_id)
    return list(connection.execute(query.order_by(tasks.c.job_id)).scalars())


def answered(connection: Connection, job_id: int, worker_id: str, after: int, max_objects: int) -> list[Row]:
    """The objects of a job that a worker has had a task of and that have all their answers: object_id, iteration,
    answered and stamp, in order.

    :param after: the object before; -1 for the first ones.
    :param max_objects: how many, at most.
    """
    same = (tasks.c.job_id == objects.c.job_id) & (tasks.c.object_id == objects.c.object_id)
    query = (
        sa.select(objects.c.object_id, objects.c.iteration, objects.c.answered, objects.c.stamp)
        .join(tasks, same)
        .where(objects.c.job_id == job_id, tasks.c.job_id == job_id, tasks.c.worker_id == worker_id)
        .where(objects.c.object_id > after, objects.c.answered.is_not(None))
    )
    return list(connection.execute(query.order_by(objects.c.object_id).limit(max_objects)))


def has_ended(job: Row) -> bool:
    """Whether a job writes no more files."""
    return job.status not in RUNNING


def _replace_in_errors(connection: Connection, erasure: Erasure) -> None:
    """Replace a worker id that a caller's function has said in an error, in logs and failure reasons of jobs."""
    old, new = erasure.worker_id, erasure.pseudonym
    # The pseudonym's too: a job may have failed since the tasks were renamed.
    of_person = sa.select(tasks.c.job_id).where(tasks.c.worker_id.in_((old, new)))
    for place, job_id in ((events.c.message, events.c.job_id), (jobs.c.failure_reason, jobs.c.id)):
        named = (job_id.in_(of_person), place.contains(old, autoescape=True))
        connection.execute(sa.update(place.table).where(*named).values({place: sa.func.replace(place, old, new)}))


def _replace_in_audit(connection: Connection, erasure: Erasure) -> None:
    old, new = erasure.worker_id, erasure.pseudonym
    names = [name for name in (old, erasure.name, erasure.sub) if name]
    # Under this name, requesters are somebody else.
    of_people = audit_trail.c.role.in_((Role.WORKER, Role.NOBODY))
    _change(connection, of_people & _is_any(audit_trail.c.who, names), who=new, address="", target=_ERASED)
    # By what is done to people: the service's own commands, and those of user pools.
    is_done = audit_trail.c.what.startswith("workers ") | audit_trail.c.what.contains("User", autoescape=True)
    _change(connection, (is_done | of_people) & _is_any(audit_trail.c.target, names, more=True), target=_ERASED)
    # As a requester, a person has the worker id as name.
    is_requester = audit_trail.c.who == old
    if erasure.name:
        _change(connection, is_requester & _is_said(audit_trail.c.target, erasure.name, more=True), target=_ERASED)
    _change(connection, is_requester & audit_trail.c.what.in_(_SIGNING_IN), target=_ERASED)
    _change(connection, is_requester, who=new, address="")
    is_of_keys = audit_trail.c.what.startswith("keys ") & _is_said(audit_trail.c.target, old, more=True)
    _change(connection, is_of_keys, target=_ERASED)


def _change(connection: Connection, which: sa.ColumnElement[bool], **values: str) -> None:
    connection.execute(sa.update(audit_trail).where(which).values(values))


def _is_own(worker_id: str) -> sa.ColumnElement[bool]:
    """What a person has done under a name."""
    return (audit_trail.c.who == worker_id) & audit_trail.c.what.in_(_SIGNING_IN)


def _is_any(column: sa.Column[str], names: Collection[str], *, more: bool = False) -> sa.ColumnElement[bool]:
    return sa.or_(*(_is_said(column, name, more=more) for name in names))


def _is_said(column: sa.Column[str], name: str, *, more: bool = False) -> sa.ColumnElement[bool]:
    """Whether a column has a name, in any case.

    :param more: whether words may follow it.
    """
    in_cases = [(column, name), (sa.func.lower(column), name.lower())]
    conditions = [place == spelling for place, spelling in in_cases]
    conditions += [place.startswith(f"{spelling} ", autoescape=True) for place, spelling in in_cases if more]
    return sa.or_(*conditions)

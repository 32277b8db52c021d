"""Statements that delete a labeling job, or a person's data, with everything that belongs to it."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from labeling_provider.groundtruth.job import RUNNING
from labeling_provider.service.database import people_rows, revisions, tag_rows
from labeling_provider.service.database.schema import audit_trail, jobs, metadata, owners, remarks, tasks

_OF_JOBS: Final = [table for table in metadata.sorted_tables if "job_id" in table.columns]
"""Every table with rows that belong to jobs."""
_ERASED: Final = "(erased)"


def delete_rows(connection: Connection, job_id: int, most: int) -> bool:
    """Delete some of what belongs to a job.

    :param most: how many rows of each table.
    :return: whether there may be more.
    """
    is_more = False
    for table in _OF_JOBS:
        keys = list(table.primary_key.columns)
        some = sa.select(*keys).where(table.c.job_id == job_id).limit(most)
        place = keys[0] if len(keys) == 1 else sa.tuple_(*keys)
        is_more |= connection.execute(sa.delete(table).where(place.in_(some))).rowcount >= most
    return is_more


def delete_job(connection: Connection, job_id: int, arn: str) -> None:
    """Delete a job of which only its own row, its tags and its owner are left."""
    tag_rows.delete_all_tags(connection, arn)
    connection.execute(sa.delete(owners).where(owners.c.arn == arn))
    connection.execute(sa.delete(jobs).where(jobs.c.id == job_id))


def ended_before(connection: Connection, at: float, most: int) -> list[str]:
    """The names of jobs that ended before a time, earliest first.

    :param at: epoch seconds.
    :param most: how many, at most.
    """
    query = sa.select(jobs.c.name).where(jobs.c.status.not_in(RUNNING), jobs.c.modified < at)
    return list(connection.execute(query.order_by(jobs.c.modified).limit(most)).scalars())


def erase_person(connection: Connection, person: people_rows.PersonRow, worker_id: str) -> None:
    """Forget a person, and put a pseudonym in place of the person everywhere.

    The person's open tasks go to others once their time is over.

    :param worker_id: the pseudonym, which nobody else has.
    """
    own = tasks.c.worker_id == person.worker_id
    connection.execute(sa.update(tasks).where(own).values(worker_id=worker_id))
    connection.execute(sa.update(remarks).where(remarks.c.worker_id == person.worker_id).values(worker_id=worker_id))
    known = [name for name in (person.worker_id, person.name, person.sub) if name]
    # Requesters may have the same name; they are somebody else.
    of_people = audit_trail.c.role.in_(("worker", "nobody"))
    is_own = of_people & sa.or_(*(_is_said(audit_trail.c.who, name) for name in known))
    connection.execute(sa.update(audit_trail).where(is_own).values(who=worker_id, address="", target=_ERASED))
    # By what is done to people: the service's own commands, and those of user pools.
    is_done = audit_trail.c.what.startswith("workers ") | audit_trail.c.what.contains("User", autoescape=True)
    is_about = sa.or_(*(_is_said(audit_trail.c.target, name, more=True) for name in known))
    connection.execute(sa.update(audit_trail).where(is_done | of_people, is_about).values(target=_ERASED))
    _erase_requester(connection, person, worker_id)
    people_rows.delete_person(connection, person.id)
    revisions.people_changed(connection)


def _erase_requester(connection: Connection, person: people_rows.PersonRow, worker_id: str) -> None:
    """Give the pseudonym what the person owns as a requester, under the worker id."""
    own = owners.c.requester == person.worker_id
    connection.execute(sa.update(owners).where(own).values(requester=worker_id))
    connection.execute(sa.update(jobs).where(jobs.c.requester == person.worker_id).values(requester=worker_id))
    is_own = audit_trail.c.who == person.worker_id
    is_named = is_own & _is_said(audit_trail.c.target, person.name, more=True)
    connection.execute(sa.update(audit_trail).where(is_named).values(target=_ERASED))
    connection.execute(sa.update(audit_trail).where(is_own).values(who=worker_id, address=""))
    is_of_keys = audit_trail.c.what.startswith("keys ") & _is_said(audit_trail.c.target, person.worker_id, more=True)
    connection.execute(sa.update(audit_trail).where(is_of_keys).values(target=_ERASED))


def _is_said(column: sa.Column[str], name: str, *, more: bool = False) -> sa.ColumnElement[bool]:
    """Whether a column has a name, in any case.

    :param more: whether words may follow it.
    """
    in_cases = [(column, name), (sa.func.lower(column), name.lower())]
    conditions = [place == said for place, said in in_cases]
    conditions += [place.startswith(f"{said} ", autoescape=True) for place, said in in_cases if more]
    return sa.or_(*conditions)

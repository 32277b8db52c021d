"""People at the desk of an engine in this process."""

from __future__ import annotations

import json

import sqlalchemy as sa

from dev.stack import wait_until
from labeling_provider.service.database.schema import jobs, tasks
from labeling_provider.service.work.people import Person
from tests.service.in_process import InProcess

PEOPLE = "arn:aws:sagemaker:us-east-1:123456789012:workteam/private-crowd/private-people"
LINES = b"".join(json.dumps({"source": f"text {number}", "truth": "cat"}).encode() + b"\n" for number in range(30))


def waits_for_people(engine: InProcess, each: int = 1) -> str:
    """A job whose objects are with people; its name.

    :param each: how many people label an object.
    """
    name = engine.create(LINES, workforce=PEOPLE, workers_per_object=each)

    def sent() -> bool:
        with engine.store.read() as connection:
            theirs = sa.select(tasks.c.id).join(jobs, jobs.c.id == tasks.c.job_id).where(jobs.c.name == name)
            return connection.execute(theirs).first() is not None

    wait_until(sent, 60, "objects are with people", 0.01)
    return name


def person(number: int) -> Person:
    return Person(number, f"Person {number}", f"private.us-east-1.{number}", frozenset({PEOPLE}), {})


def taken(engine: InProcess, name: str, number: int = 0) -> int | None:
    """The task of a job that a person gets; None if there is none."""
    with engine.store.read() as connection:
        job_id = connection.execute(sa.select(jobs.c.id).where(jobs.c.name == name)).scalar_one()
    task = engine.labeling.desk.next(person(number), job_id).task
    if task is None:
        return None
    # The task's page is made with it, while the storage works.
    assert task.job.kind.job.name == name
    return task.id


def answer(engine: InProcess, task: int | None, number: int = 0) -> None:
    assert task is not None
    engine.labeling.desk.submit(person(number), task, {"crowd-classifier": {"label": "dog"}}, 1.0)

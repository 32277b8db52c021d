"""Who is erased is in no table any more, and nobody else is touched."""

from __future__ import annotations

import sqlalchemy as sa

from labeling_provider.service.database import audit_rows, erasure_rows, lease_rows, people_rows
from labeling_provider.service.database.audit_rows import AuditRow
from labeling_provider.service.database.database import Connection
from labeling_provider.service.database.erasure_rows import Erasure, Former
from labeling_provider.service.database.schema import audit_trail, events, jobs, objects, owners, remarks, tasks
from labeling_provider.service.database.states import RemarkKind, TaskState
from labeling_provider.service.work.people import put_pseudonym
from tests.service.database.rows import job

WORKER, OTHER, NOBODY = (f"private.us-east-1.{number:016x}" for number in (1, 2, 3))


def erase(connection: Connection, **known: str) -> Erasure:
    begun = erasure_rows.begin(connection, **known)
    put_pseudonym(connection, begun)
    return begun


def task(connection: Connection, job_id: int, object_id: int, state: TaskState, worker: str = WORKER) -> int:
    row = {"job_id": job_id, "object_id": object_id, "state": state, "expires": 1.0, "worker_id": worker, "due": 9.0}
    added = sa.insert(tasks).values(**row, answer="{}", accepted=1.0).returning(tasks.c.id)
    return int(connection.execute(added).scalar_one())


def write_down(connection: Connection, *acts: tuple[str, str, str, str]) -> None:
    for who, role, what, target in acts:
        audit_rows.insert(connection, AuditRow(1.0, who, role, "192.0.2.7", what, target, "ok"))


def test_a_person_is_erased_and_nobody_else(connection: Connection) -> None:
    job_id = job(connection)
    for name, worker in (("Ann", WORKER), ("Ben", OTHER)):
        own = job(connection, f"job of {name}")
        connection.execute(sa.update(jobs).where(jobs.c.id == own).values(requester=worker))
        connection.execute(sa.insert(owners).values(arn=f"arn-job of {name}", requester=worker))
        people_rows.insert_person(connection, name=name, worker_id=worker, sub=worker)
        row = {"job_id": job_id, "object_id": 1, "state": TaskState.SUBMITTED, "expires": 1.0}
        connection.execute(sa.insert(tasks).values(worker_id=worker, **row))
        said = {"job_id": job_id, "object_id": 1, "at": 1.0, "kind": next(iter(RemarkKind)), "text": "so"}
        connection.execute(sa.insert(remarks).values(worker_id=worker, **said))
    acts = [
        (WORKER, "worker", "sign in", "Ann"),
        ("ANN", "nobody", "sign in", ""),
        ("Ann", "requester", "CreateLabelingJob", "Ann"),
        ("owner", "administrator", "workers add", "Ann team"),
        ("owner", "administrator", "workers sign-out", "ann"),
        ("owner", "administrator", "AdminDisableUser", WORKER),
        ("owner", "administrator", "workers add", "Annabel team"),
    ]
    for who, role, what, target in acts:
        audit_rows.insert(connection, AuditRow(1.0, who, role, "192.0.2.7", what, target, "ok"))
    erase(connection, name="Ann", worker_id=WORKER, sub=WORKER, pseudonym=NOBODY)
    assert [person.name for person in people_rows.list_people(connection)] == ["Ben"]
    for table in (tasks, remarks):
        worker_ids = connection.execute(sa.select(table.c.worker_id).order_by(table.c.id)).scalars().all()
        assert worker_ids == [NOBODY, OTHER]
    of_requesters = sa.select(jobs.c.requester, owners.c.requester).join(owners, owners.c.arn == jobs.c.arn)
    assert connection.execute(of_requesters.order_by(jobs.c.name)).all() == [(NOBODY,) * 2, (OTHER,) * 2]
    kept = connection.execute(sa.select(audit_trail.c.who, audit_trail.c.address, audit_trail.c.target))
    assert sorted(tuple(row) for row in kept) == sorted(
        [
            (NOBODY, "", "(erased)"),
            (NOBODY, "", "(erased)"),
            ("Ann", "192.0.2.7", "Ann"),
            *[("owner", "192.0.2.7", "(erased)")] * 3,
            ("owner", "192.0.2.7", "Annabel team"),
        ]
    )


def test_errors_of_functions_name_the_person_no_more(connection: Connection) -> None:
    own, other = job(connection, states="l"), job(connection, "Dogs", states="l")
    begun = Erasure(0, "Ann", WORKER, "", NOBODY)

    def say() -> None:
        for job_id in (own, other):
            text = f"KeyError: '{WORKER}' beside '{OTHER}'"
            connection.execute(sa.insert(events).values(job_id=job_id, at=1.0, message=text))
            connection.execute(sa.update(jobs).where(jobs.c.id == job_id).values(failure_reason=text))

    task(connection, own, 0, TaskState.SUBMITTED)
    task(connection, other, 0, TaskState.SUBMITTED, OTHER)
    # The second time, after the tasks were renamed.
    for _ in range(2):
        say()
        erasure_rows.replace(connection, begun)
        for place, job_id in ((events.c.message, events.c.job_id), (jobs.c.failure_reason, jobs.c.id)):
            texts = connection.execute(sa.select(place).where(job_id == own, place.startswith("KeyError"))).scalars()
            assert set(texts) == {f"KeyError: '{NOBODY}' beside '{OTHER}'"}
            kept = sa.select(place).where(job_id == other, place.contains(WORKER, autoescape=True)).limit(1)
            assert connection.execute(kept).first() is not None


def test_nothing_that_was_read_before_is_the_last_word(connection: Connection) -> None:
    runs, other = job(connection, states="o"), job(connection, "Dogs", states="o")
    lease, _ = lease_rows.take(connection, runs, "me", 1.0, 9.0) or (None, None)
    kept, _ = lease_rows.take(connection, other, "me", 1.0, 9.0) or (None, None)
    assert lease
    assert kept
    task(connection, runs, 0, TaskState.ACCEPTED)
    task(connection, other, 0, TaskState.SUBMITTED, OTHER)
    erase(connection, name="Ann", worker_id=WORKER, sub="", pseudonym=NOBODY)
    assert lease_rows.release(connection, lease, 9.0) is None, "it has lost the job"
    assert lease_rows.due(connection, 1.0) == [runs]
    assert lease_rows.release(connection, kept, 9.0) == 9.0


def test_drafts_go_and_answers_stay(connection: Connection) -> None:
    job_id = job(connection, states="oo" + "l" * 3)
    states = (TaskState.ACCEPTED, TaskState.EXPIRED, TaskState.SUBMITTED, TaskState.DECLINED)
    for object_id, state in enumerate(states):
        task(connection, job_id, object_id, state)
    for worker, object_id in ((WORKER, 2), (OTHER, 4)):
        label = sa.update(objects).where(objects.c.object_id == object_id)
        connection.execute(label.values(result=f'{{"by": "{worker}"}}'))
    begun = erase(connection, name="Ann", worker_id=WORKER, sub="", pseudonym=NOBODY)
    rows = connection.execute(sa.select(tasks.c.state, tasks.c.worker_id, tasks.c.answer).order_by(tasks.c.id)).all()
    assert rows == [
        (TaskState.OPEN, None, None),
        (TaskState.EXPIRED, NOBODY, None),
        (TaskState.SUBMITTED, NOBODY, "{}"),
        (TaskState.DECLINED, NOBODY, "{}"),
    ]
    results = connection.execute(sa.select(objects.c.result).where(objects.c.result.is_not(None))).scalars()
    assert sorted(results) == [f'{{"by": "{OTHER}"}}', f'{{"by": "{NOBODY}"}}']
    assert not put_pseudonym(connection, begun)
    # A request that had begun before has just come through.
    task(connection, job_id, 4, TaskState.SUBMITTED)
    assert put_pseudonym(connection, begun)


def test_who_is_being_erased_is_nobody_any_more(connection: Connection) -> None:
    known = people_rows.insert_person(connection, name="Ann", worker_id=WORKER, sub="s")
    begun = erase(connection, name="Ann", worker_id=WORKER, sub="s", pseudonym=NOBODY)
    assert people_rows.list_people(connection) == []
    assert people_rows.find_person(connection, "Ann") is None
    assert people_rows.find_worker(connection, WORKER) is None
    assert not people_rows.hold(connection, WORKER)
    assert people_rows.subs(connection, [WORKER, NOBODY]) == {}
    for name in ("ANN", WORKER, NOBODY):
        assert erasure_rows.find(connection, name) == begun
    assert erasure_rows.find(connection, "Ben") is None
    # The name is free.
    again = people_rows.insert_person(connection, name="Ann", worker_id=OTHER, sub="s")
    erasure_rows.end(connection, begun)
    assert erasure_rows.find(connection, WORKER) is None
    assert [person.id for person in people_rows.list_people(connection)] == [again.id] != [known.id]


def test_who_was_removed_is_found_by_what_is_left(connection: Connection) -> None:
    assert erasure_rows.former(connection, "Ann") == erasure_rows.former(connection, WORKER) == []
    task(connection, job(connection, states="o"), 0, TaskState.SUBMITTED)
    assert erasure_rows.former(connection, WORKER) == [Former("", WORKER)]
    write_down(
        connection,
        (WORKER, "worker", "sign-in", "Ann"),
        (WORKER, "worker", "sign-out", "Ann"),
        ("owner", "administrator", "workers new-team", "birds"),
        ("owner", "administrator", "workers add", "Cyd birds"),
        ("Requester", "requester", "CreateLabelingJob", "Dee"),
    )
    assert erasure_rows.former(connection, WORKER) == [Former("Ann", WORKER)]
    assert erasure_rows.former(connection, "ann") == [Former("ann", WORKER)]
    assert erasure_rows.former(connection, "Cyd") == [Former("Cyd", "")], "has never signed in"
    for name in ("birds", "Dee", "Requester", "owner", "An", "private.us-east-1.no"):
        assert erasure_rows.former(connection, name) == []
    write_down(connection, (OTHER, "requester", "sign-in", "Ann"))
    assert erasure_rows.former(connection, "Ann") == [Former("Ann", WORKER), Former("Ann", OTHER)]
    # One of them is still there.
    people_rows.insert_person(connection, name="Ann", worker_id=OTHER, sub="s")
    assert erasure_rows.former(connection, "Ann") == [Former("Ann", WORKER)]

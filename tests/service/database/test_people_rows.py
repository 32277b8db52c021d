"""What people do, as it is counted."""

from __future__ import annotations

from labeling_provider.service.database import people_rows, revisions, task_rows, workteam_rows
from labeling_provider.service.database.database import Connection
from labeling_provider.service.database.states import RemarkKind
from tests.service.database.rows import job


def test_people_at_work_and_what_they_say_are_counted_without_simulated_workers(connection: Connection) -> None:
    mine, other = job(connection, "Cats", "oooo"), job(connection, "Dogs", "o")
    for name in ("ada", "bo"):
        people_rows.insert_person(connection, name=name, worker_id=name, sub=name)
    task_rows.offer(connection, mine, range(4), 1, 1_000.0)
    task_rows.offer(connection, other, range(1), 1, 1_000.0)
    for worker, due in (("ada", 100.0), ("bo", 100.0), ("bo", 20.0), ("simulated", 100.0)):
        row = task_rows.accept_next(connection, mine, worker, 10.0, due)
        assert row is not None
        if worker == "simulated":
            people_rows.add_remark(connection, row.job_id, row.object_id, worker, RemarkKind.COMMENT, "first", 1.0)
            people_rows.add_remark(connection, row.job_id, row.object_id, worker, RemarkKind.DECLINE, "second", 2.0)
    assert tuple(people_rows.at_work(connection, mine, 15.0)) == (2, 3)
    assert tuple(people_rows.at_work(connection, mine, 50.0)) == (2, 2), "the time of one task is over"
    assert tuple(people_rows.at_work(connection, other, 15.0)) == (0, 0)
    assert people_rows.count_declined(connection, mine) == 0
    for worker in ("ada", "simulated"):
        held = task_rows.in_hand(connection, mine, worker, 50.0)
        assert held is not None
        task_rows.decline(connection, [{"task": held.id, "worker": worker, "at": 50.0, "answer": None, "spent": None}])
    assert people_rows.count_declined(connection, mine) == 1
    assert tuple(people_rows.at_work(connection, mine, 50.0)) == (1, 1)
    assert (people_rows.count_remarks(connection, mine), people_rows.count_remarks(connection, other)) == (2, 0)
    assert [remark.text for remark in people_rows.latest_remarks(connection, mine, 1)] == ["second"]


def test_a_person_of_a_provider_is_known_by_issuer_and_identity_and_not_by_name(connection: Connection) -> None:
    people_rows.insert_person(connection, name="Ann", worker_id="local", sub="1")
    claims = {"issuer": "https://idp.example", "name": "Ann"}
    first = people_rows.enter(connection, **claims, sub="1", groups={"b", "a"}, worker_id="w1")
    other = people_rows.enter(connection, **claims, sub="2", groups=(), worker_id="w2")
    again = people_rows.enter(connection, **{**claims, "name": "Anna"}, sub="1", groups={"c"}, worker_id="w3")
    elsewhere = people_rows.enter(
        connection, **{**claims, "issuer": "https://b.example"}, sub="1", groups=(), worker_id="w4"
    )
    assert (again.id, again.worker_id, again.name, again.groups) == (first.id, "w1", "Anna", frozenset({"c"}))
    assert len({first.id, other.id, elsewhere.id}) == 3
    known = people_rows.find_person(connection, "ann")
    assert known is not None
    assert known.worker_id == "local"
    assert people_rows.find_worker(connection, "w4") == elsewhere
    assert [person.worker_id for person in people_rows.list_people(connection, only_by_name=True)] == ["local"]


def test_whatever_changes_people_or_what_they_may_do_shows_in_the_revision(connection: Connection) -> None:
    person = people_rows.insert_person(connection, name="Bea", worker_id="w", sub="1")
    people_rows.open_session(connection, person.id, "t", 10.0, 1.0)
    workteam_rows.insert(connection, name="t", arn="t", description="", members=[], settings={})
    seen = {revisions.number_of(connection, revisions.PEOPLE)}
    for number, change in enumerate(
        (
            lambda: people_rows.join(connection, person.id, "t"),
            lambda: people_rows.leave(connection, person.id, "t"),
            lambda: people_rows.leave_all(connection, "t"),
            lambda: people_rows.update_settings(connection, person.id, {}),
            lambda: people_rows.close_session(connection, "t"),
            lambda: people_rows.close_sessions(connection, person.id),
            lambda: people_rows.enter(connection, issuer="i", sub="s", name="n", groups=(), worker_id="v"),
            lambda: workteam_rows.update_workteam(connection, "t", description="", members=[], settings={}),
            lambda: workteam_rows.delete_workteam(connection, "t"),
            lambda: people_rows.delete_person(connection, person.id),
        ),
        2,
    ):
        change()
        seen.add(revisions.number_of(connection, revisions.PEOPLE))
        assert len(seen) == number

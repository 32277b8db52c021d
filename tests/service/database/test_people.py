"""What people do, as it is counted."""

from __future__ import annotations

from labeling_provider.service.database import people, task_rows
from labeling_provider.service.database.database import Connection
from labeling_provider.service.database.states import RemarkKind
from tests.service.database.rows import job


def test_people_at_work_and_what_they_say_are_counted_without_simulated_workers(connection: Connection) -> None:
    mine, other = job(connection, "Cats", "oooo"), job(connection, "Dogs", "o")
    for name in ("ada", "bo"):
        people.insert_person(connection, name=name, worker_id=name, sub=name)
    task_rows.offer(connection, mine, range(4), 1, 1_000.0)
    task_rows.offer(connection, other, range(1), 1, 1_000.0)
    for worker, due in (("ada", 100.0), ("bo", 100.0), ("bo", 20.0), ("simulated", 100.0)):
        row = task_rows.accept_next(connection, mine, worker, 10.0, due)
        assert row is not None
        if worker == "simulated":
            people.add_remark(connection, row.job_id, row.object_id, worker, RemarkKind.COMMENT, "first", 1.0)
            people.add_remark(connection, row.job_id, row.object_id, worker, RemarkKind.DECLINE, "second", 2.0)
    assert tuple(people.at_work(connection, mine, 15.0)) == (2, 3)
    assert tuple(people.at_work(connection, mine, 50.0)) == (2, 2), "the time of one task is over"
    assert tuple(people.at_work(connection, other, 15.0)) == (0, 0)
    assert people.count_declined(connection, mine) == 0
    for worker in ("ada", "simulated"):
        held = task_rows.in_hand(connection, mine, worker, 50.0)
        assert held is not None
        task_rows.decline(connection, [{"task": held.id, "worker": worker, "at": 50.0, "answer": None, "spent": None}])
    assert people.count_declined(connection, mine) == 1
    assert tuple(people.at_work(connection, mine, 50.0)) == (1, 1)
    assert (people.count_remarks(connection, mine), people.count_remarks(connection, other)) == (2, 0)
    assert [one.text for one in people.latest_remarks(connection, mine, 1)] == ["second"]

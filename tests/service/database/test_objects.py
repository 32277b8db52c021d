"""Data objects move one way only, and are counted when they do."""

from __future__ import annotations

from labeling_provider.service.database import objects, running, tasks
from labeling_provider.service.database.database import Connection
from labeling_provider.service.database.states import ObjectState
from tests.service.database.rows import job

OUT, WAITING = ObjectState.OUT, ObjectState.WAITING


def test_a_jobs_objects_are_replaced_as_a_whole(connection: Connection) -> None:
    job_id, other = job(connection, states="wwl"), job(connection, "Dogs", "w")
    objects.replace(connection, job_id, [{"object_id": 5, "state": WAITING, "line": '"5"', "result": None}])
    assert objects.waiting(connection, job_id) == [(5, '"5"')]
    assert objects.count(connection, job_id) == objects.count(connection, other) == 1
    objects.replace(connection, job_id, [])
    assert objects.count(connection, job_id) == 0


def test_only_what_waits_is_sent_out(connection: Connection) -> None:
    job_id = job(connection, states="wwwlg")
    objects.send_out(connection, job_id, [1, 2, 3, 4], 7)
    assert [one.object_id for one in objects.waiting(connection, job_id, 9)] == [0]
    assert objects.count(connection, job_id, OUT) == 2
    assert objects.count(connection, job_id, OUT, WAITING) == 3
    assert objects.lines(connection, job_id, {4, 0}) == {number: f'{{"source": "text {number}"}}' for number in (0, 4)}
    assert objects.lines(connection, job_id, set()) == {}


def test_an_object_is_over_when_no_worker_has_a_task_of_it(connection: Connection) -> None:
    job_id = job(connection, states="ooow")
    tasks.offer(connection, job_id, [0, 1, 2], 2, 100.0)
    ids = {
        object_id: [row.id for row in tasks.with_workers(connection, job_id) if row.object_id == object_id]
        for object_id in range(3)
    }
    took = [(ids[0][0], "a"), (ids[0][1], "b"), (ids[1][0], "a"), (ids[1][1], "b"), (ids[2][0], "a")]
    tasks.accept(connection, [{"task": task, "worker": worker, "at": 1.0, "due": 9.0} for task, worker in took])
    moves = [{"task": task, "worker": worker, "at": 2.0, "answer": "{}"} for task, worker in took]
    tasks.submit(connection, [moves[0], moves[1], moves[2], moves[4]])
    tasks.decline(connection, [moves[3]])
    assert [tuple(row) for row in objects.over(connection, job_id)] == [(0, 2, 0), (1, 1, 1)]


def test_an_outcome_is_written_and_counted_once(connection: Connection) -> None:
    job_id = job(connection, states="oooo")
    marks = [{"object": one, "answered": 5.0, "stamp": stamp} for one, stamp in ((0, 9), (1, 8))]
    objects.mark_answered(connection, job_id, marks)
    objects.mark_answered(connection, job_id, [{"object": 0, "answered": 6.0, "stamp": 1}])
    assert [(row.object_id, row.stamp) for row in objects.answered(connection, job_id)] == [(1, 8), (0, 9)]
    assert objects.decide(connection, job_id, ObjectState.LABELED, {0: '"a"', 1: '"b"'}) == 2
    assert objects.decide(connection, job_id, ObjectState.LABELED, {0: '"again"', 2: '"c"'}) == 1
    assert objects.decide(connection, job_id, ObjectState.FAILED, {2: '"late"', 3: '"d"'}) == 1
    assert objects.decide(connection, job_id, ObjectState.FAILED, {}) == 0
    found = running.find(connection, job_id)
    assert found is not None
    assert (found.labeled, found.failed) == (3, 1)
    assert [row.result for row in objects.results(connection, job_id)] == ['"a"', '"b"', '"c"', '"d"']
    assert [row.object_id for row in objects.labeled(connection, job_id) if row.object_id < 2] == [1, 0]


def test_labels_of_an_iteration_are_its_own(connection: Connection) -> None:
    job_id = job(connection, states="www")
    objects.send_out(connection, job_id, [0, 2], 1)
    objects.send_out(connection, job_id, [1], 2)
    objects.decide(connection, job_id, ObjectState.LABELED, {0: '"a"', 1: '"b"'})
    objects.decide(connection, job_id, ObjectState.FAILED, {2: '"c"'})
    assert [(row.object_id, row.result) for row in objects.labeled_in(connection, job_id, 1)] == [(0, '"a"')]

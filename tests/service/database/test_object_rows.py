"""Data objects move one way only, and are counted when they do."""

from __future__ import annotations

from labeling_provider.service.database import object_rows, running, task_rows
from labeling_provider.service.database.database import Connection
from labeling_provider.service.database.states import ObjectState
from tests.service.database.rows import job

OUT, WAITING = ObjectState.OUT, ObjectState.WAITING


def test_a_jobs_objects_are_replaced_as_a_whole(connection: Connection) -> None:
    job_id, other = job(connection, states="wwl"), job(connection, "Dogs", "w")
    object_rows.clear(connection, job_id)
    assert object_rows.count(connection, job_id) == 0
    object_rows.insert(connection, job_id, [{"object_id": 5, "state": WAITING, "line": '"5"', "result": None}])
    assert object_rows.waiting(connection, job_id) == [(5, '"5"')]
    assert object_rows.count(connection, job_id) == object_rows.count(connection, other) == 1


def test_waiting_objects_are_found_by_their_place(connection: Connection) -> None:
    job_id = job(connection, states="wlwgww")
    assert object_rows.ids(connection, job_id, WAITING) == [0, 2, 4, 5]
    assert [row.object_id for row in object_rows.waiting(connection, job_id, 2, skipped=1)] == [2, 4]


def test_only_what_waits_is_sent_out(connection: Connection) -> None:
    job_id = job(connection, states="wwwlg")
    object_rows.send_out(connection, job_id, [1, 2, 3, 4], 7)
    assert [row.object_id for row in object_rows.waiting(connection, job_id, 9)] == [0]
    assert object_rows.count(connection, job_id, OUT) == 2
    assert object_rows.count(connection, job_id, OUT, WAITING) == 3
    assert object_rows.lines(connection, job_id, {4, 0}) == {
        number: f'{{"source": "text {number}"}}' for number in (0, 4)
    }
    assert object_rows.lines(connection, job_id, set()) == {}


def test_an_object_is_over_when_no_worker_has_a_task_of_it(connection: Connection) -> None:
    job_id = job(connection, states="ooow")
    task_rows.offer(connection, job_id, [0, 1, 2], 2, 100.0)
    ids = {
        object_id: [row.id for row in task_rows.with_workers(connection, job_id) if row.object_id == object_id]
        for object_id in range(3)
    }
    took = [(ids[0][0], "a"), (ids[0][1], "b"), (ids[1][0], "a"), (ids[1][1], "b"), (ids[2][0], "a")]
    task_rows.accept(connection, [{"task": task, "worker": worker, "at": 1.0, "due": 9.0} for task, worker in took])
    moves = [{"task": task, "worker": worker, "at": 2.0, "answer": "{}", "spent": None} for task, worker in took]
    task_rows.submit(connection, [moves[0], moves[1], moves[2], moves[4]])
    task_rows.decline(connection, [moves[3]])
    assert [tuple(row) for row in object_rows.finished(connection, job_id)] == [(0, 2, 0), (1, 1, 1)]


def test_an_outcome_is_written_and_counted_once(connection: Connection) -> None:
    job_id = job(connection, states="oooo")
    marks = [{"object": object_id, "answered": 5.0, "stamp": stamp} for object_id, stamp in ((0, 9), (1, 8))]
    object_rows.mark_answered(connection, job_id, marks)
    object_rows.mark_answered(connection, job_id, [{"object": 0, "answered": 6.0, "stamp": 1}])
    assert [(row.object_id, row.stamp) for row in object_rows.answered(connection, job_id)] == [(1, 8), (0, 9)]
    assert object_rows.decide(connection, job_id, ObjectState.LABELED, {0: '"a"', 1: '"b"'}) == 2
    assert object_rows.decide(connection, job_id, ObjectState.LABELED, {0: '"again"', 2: '"c"'}) == 1
    assert object_rows.decide(connection, job_id, ObjectState.FAILED, {2: '"late"', 3: '"d"'}) == 1
    assert object_rows.decide(connection, job_id, ObjectState.FAILED, {}) == 0
    job_row = running.find(connection, job_id)
    assert job_row is not None
    assert (job_row.labeled, job_row.failed) == (3, 1)
    assert [row.result for row in object_rows.results(connection, job_id)] == ['"a"', '"b"', '"c"', '"d"']
    assert [row.object_id for row in object_rows.labeled(connection, job_id) if row.object_id < 2] == [1, 0]


def test_labels_of_an_iteration_are_its_own(connection: Connection) -> None:
    job_id = job(connection, states="www")
    object_rows.send_out(connection, job_id, [0, 2], 1)
    object_rows.send_out(connection, job_id, [1], 2)
    object_rows.decide(connection, job_id, ObjectState.LABELED, {0: '"a"', 1: '"b"'})
    object_rows.decide(connection, job_id, ObjectState.FAILED, {2: '"c"'})
    assert [(row.object_id, row.result) for row in object_rows.labeled_in(connection, job_id, 1)] == [(0, '"a"')]


def test_labeled_objects_are_read_in_the_order_of_their_consolidation(connection: Connection) -> None:
    job_id = job(connection, states="oooow")
    for stamp, object_id in ((7, 3), (7, 1), (5, 2), (9, 0)):
        object_rows.mark_answered(connection, job_id, [{"object": object_id, "answered": 1.0, "stamp": stamp}])
    object_rows.decide(connection, job_id, ObjectState.LABELED, dict.fromkeys((0, 1, 2, 3), "{}"))
    assert [row.object_id for row in object_rows.labeled(connection, job_id)] == [2, 1, 3, 0]
    assert [row.object_id for row in object_rows.labeled(connection, job_id, 2)] == [3, 0]
    assert [row.line for row in object_rows.labeled(connection, job_id, 1)] == ['{"source": "text 0"}']


def test_objects_are_read_by_their_consolidation_files_and_only_labels_change(connection: Connection) -> None:
    job_id = job(connection, states="oooooo")
    for stamp, object_id in ((7, 3), (7, 1), (5, 2), (9, 0), (9, 4)):
        object_rows.mark_answered(connection, job_id, [{"object": object_id, "answered": 1.0, "stamp": stamp}])
    object_rows.decide(connection, job_id, ObjectState.LABELED, dict.fromkeys((0, 1, 2, 3), "{}"))
    object_rows.decide(connection, job_id, ObjectState.FAILED, {4: '"why"'})

    def read(after: int) -> list[tuple[int, int, str]]:
        return [
            (row.stamp, row.object_id, row.result) for row in object_rows.consolidated(connection, job_id, after, 2)
        ]

    assert read(-1) == [(5, 2, "{}"), (7, 1, "{}"), (7, 3, "{}")]
    assert read(7) == [(9, 0, "{}")]
    assert read(9) == []
    object_rows.revise(connection, job_id, {0: '"new"', 4: '"new"', 5: '"new"'})
    object_rows.revise(connection, job_id, {})
    assert read(7) == [(9, 0, '"new"')]
    assert [row.result for row in object_rows.results(connection, job_id)][4:] == ['"why"', None]
    job_row = running.find(connection, job_id)
    assert job_row is not None
    assert (job_row.labeled, job_row.failed) == (4, 1)

"""A simulated worker does one task at a time, whoever asks."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from labeling_provider.service.database import task_rows, worker_rows
from labeling_provider.service.database.database import Database


def test_a_worker_is_free_when_the_last_task_is_over(url: str) -> None:
    database = Database(url)
    with database.write() as connection:
        worker_rows.introduce(connection, {"a", "b"})
        assert worker_rows.busy(connection, ["a", "b"]) == {"a": 0.0, "b": 0.0}
        assert worker_rows.occupy(connection, [{"worker": "a", "at": 5.0, "due": 9.0}])
        # Several tasks one after the other are in order.
        rows = [{"worker": "b", "at": 5.0, "due": 6.0}, {"worker": "a", "at": 9.0, "due": 10.0}]
        assert worker_rows.occupy(connection, [*rows, {"worker": "b", "at": 6.0, "due": 7.0}])
        assert worker_rows.busy(connection, ["a", "b"]) == {"a": 10.0, "b": 7.0}
        assert not worker_rows.occupy(connection, [{"worker": "b", "at": 7.0, "due": 8.0}, {**rows[1]}])
        assert worker_rows.occupy(connection, [])
        assert worker_rows.busy(connection, []) == {}
    database.close()


def test_workers_are_introduced_once_with_the_tasks_that_they_have(url: str) -> None:
    database = Database(url)
    with database.write() as connection:
        task_rows.offer(connection, 1, [0, 1], 1, 100.0)
        task_rows.accept(connection, [{"task": 1, "worker": "a", "at": 3.0, "due": 8.0}])
        worker_rows.introduce(connection, {"a", "b"})
        assert worker_rows.occupy(connection, [{"worker": "b", "at": 3.0, "due": 4.0}])
        worker_rows.introduce(connection, {"a", "b", "c"})
        assert worker_rows.busy(connection, ["a", "b", "c"]) == {"a": 8.0, "b": 4.0, "c": 0.0}
    database.close()


def test_of_two_who_ask_for_a_worker_at_once_one_gets_it(url: str) -> None:
    database, ready = Database(url), Barrier(2)
    with database.write() as connection:
        worker_rows.introduce(connection, {"a"})

    def ask(_: int) -> bool:
        with database.read() as connection:
            assert worker_rows.busy(connection, ["a"]) == {"a": 0.0}
        ready.wait()
        with database.write() as connection:
            return worker_rows.occupy(connection, [{"worker": "a", "at": 1.0, "due": 2.0}])

    with ThreadPoolExecutor(2) as threads:
        assert sorted(threads.map(ask, range(2))) == [False, True]
    database.close()

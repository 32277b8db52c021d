"""Messages for HTTP endpoints are sent one after the other, again if need be, and by whichever process is there."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest
import sqlalchemy as sa

from dev.stack import wait_until
from labeling_provider.service.clock import Clock
from labeling_provider.service.cloud import sender as sending
from labeling_provider.service.cloud.embedded.deliveries import Deliveries
from labeling_provider.service.cloud.sender import Sender
from labeling_provider.service.database.database import Connection, Database, Row
from labeling_provider.service.database.schema import deliveries
from tests.service.cloud.subscribers import answering, silent


class Ahead(Clock):
    """A clock that can be put forward."""

    seconds = 0.0

    def now(self) -> float:
        return super().now() + self.seconds


def left(database: Database) -> int:
    with database.read() as connection:
        return int(connection.execute(sa.select(sa.func.count()).select_from(deliveries)).scalar_one())


def forget(database: Database) -> None:
    with database.write() as connection:
        connection.execute(sa.delete(deliveries))


def tries(database: Database) -> tuple[int, int]:
    """How often the only message was begun to be sent, and how often it failed."""
    with database.read() as connection:
        row = connection.execute(sa.select(deliveries.c.attempts, deliveries.c.failures)).one()
        return row.attempts, row.failures


@contextmanager
def running(database: Database, clock: Clock | None = None, *, shared: bool = False) -> Iterator[Sender]:
    sender = Sender(database, clock or Clock(100), shared=shared)
    sender.start()
    try:
        yield sender
    finally:
        sender.stop()


def test_messages_come_in_order_and_what_is_given_up_is_told_without_secrets(
    opened: Database, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    outbox = Deliveries(opened)
    troubled = answering(lambda count: 503 if count in {2, 3} else 200)
    with silent() as mute, answering(lambda _: 404) as (closed, refused), troubled as (url, heard):
        for number in range(2):
            outbox.post(url, json=number)
        with running(opened):
            outbox.post(f"{mute}?token=secret", json={})
            outbox.post(f"{closed}?token=secret", json={})
            outbox.post("http://secret:secret@[", json={})
            outbox.post(url, json=2)
            wait_until(lambda: left(opened) == 1, 30, "each but the one that nobody answers is delivered or given up")
    assert heard == [0, 1, 1, 1, 2]
    assert refused == [{}], "what is refused is not sent again"
    assert "/hook could not be delivered: it responded with 404" in caplog.text
    assert "an invalid URL could not be delivered" in caplog.text
    assert "secret" not in caplog.text
    forget(opened)


def test_a_message_that_nobody_answers_is_given_up(
    opened: Database, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "_ANSWER_SECONDS", 0.1)
    with silent() as mute, running(opened):
        Deliveries(opened).post(f"{mute}?token=secret", json={})
        wait_until(lambda: not left(opened), 30, "it is given up", 0.02)
    assert "/hook could not be delivered: ReadTimeout" in caplog.text
    assert "secret" not in caplog.text


def test_a_message_is_tried_four_times(opened: Database, caplog: pytest.LogCaptureFixture) -> None:
    with answering(lambda _: 500) as (url, heard):
        Deliveries(opened).post(url, json="hello")
        # That processes were killed meanwhile is not the endpoint's fault.
        with opened.write() as connection:
            connection.execute(sa.update(deliveries).values(attempts=sending._MAX_BROKEN_OFF - 1))
        with running(opened):
            wait_until(lambda: not left(opened), 30, "it is given up", 0.02)
    assert heard == ["hello"] * 4
    assert "it responded with 500" in caplog.text
    caplog.clear()
    # Whoever tried it was killed each time.
    Deliveries(opened).post(url, json="harmful")
    with opened.write() as connection:
        connection.execute(sa.update(deliveries).values(attempts=sending._MAX_BROKEN_OFF))
    with running(opened):
        wait_until(lambda: not left(opened), 30, "it is given up", 0.02)
    assert "the delivery was interrupted too often" in caplog.text


def test_what_a_stop_breaks_off_is_sent_by_whoever_is_there(
    postgresql_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "_STOP_SECONDS", 0.05)
    go_on = threading.Event()
    first, second = Database(postgresql_url, shared=True), Database(postgresql_url, shared=True)

    def status(count: int) -> int:
        if count == 1:
            go_on.wait(30)
        return 200

    try:
        with answering(status) as (url, heard), running(first, shared=True) as stopped:
            for body in ("hangs", "waits"):
                Deliveries(first).post(url, json=body)
            wait_until(lambda: heard, 30, "the first one is being sent", 0.02)
            with running(second, shared=True) as sender:
                wait_until(lambda: sender._due, 30, "the other process knows that it is", 0.02)
                stopped.stop()
                wait_until(lambda: not left(second), 10, "the other process sends both", 0.02)
            go_on.set()
        assert heard == ["hangs", "hangs", "waits"]
    finally:
        go_on.set()
        first.close()
        second.close()


def test_what_a_killed_process_was_sending_is_sent_after_a_while(opened: Database) -> None:
    clock = Ahead()
    with answering(lambda _: 200) as (url, heard):
        Deliveries(opened).post(url, json="hello")
        with opened.write() as connection:
            until = clock.now() + sending._TAKEN_SECONDS
            connection.execute(sa.update(deliveries).values(due=until, attempts=1))
        # It is given back only by a process that is alone.
        with running(opened, clock, shared=True) as sender:
            wait_until(lambda: sender._due, 30, "it has looked", 0.01)
            assert heard == []
            clock.seconds = sending._TAKEN_SECONDS
            with opened.write() as connection:
                sending.delivery_rows.tell(connection, next(iter(sender._due)))
            wait_until(lambda: not left(opened), 30, "it is sent", 0.02)
        assert heard == ["hello"]


def test_a_database_that_is_away_for_a_moment_leads_to_no_repetition(
    opened: Database, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(sending, "_LOOK_SECONDS", 0.02)
    delete, failures = sending.delivery_rows.delete, iter((True, True))

    def failing(*arguments: object) -> None:
        if next(failures, False):
            raise OSError("it is away")
        delete(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(sending.delivery_rows, "delete", failing)
    with answering(lambda _: 200) as (url, heard), running(opened):
        Deliveries(opened).post(url, json="hello")
        wait_until(lambda: not left(opened), 10, "that it was delivered is stored", 0.02)
    assert heard == ["hello"]
    assert "wait until the database works: it is away" in caplog.text


def test_restarts_use_up_no_attempts_and_who_comes_late_leaves_the_database_alone(
    opened: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "_STOP_SECONDS", 0.02)
    go_on = threading.Event()
    write, late = opened.write, []

    def status(_: int) -> int:
        go_on.wait(30)
        return 200

    def writing(**options: bool) -> AbstractContextManager[Connection]:
        late.append(threading.current_thread().name)
        return write(**options)

    with answering(status) as (url, heard):
        Deliveries(opened).post(url, json="hello")
        before: Sender | None = None
        for number in range(1, 6):
            with running(opened) as sender:
                wait_until(lambda number=number: len(heard) == number, 30, "it is being sent", 0.01)
                if before is not None:
                    before.stop()
                assert tries(opened) == (1, 0), "a second stop gives back nothing of others"
            before = sender
            assert tries(opened) == (0, 0)
        monkeypatch.setattr(opened, "write", writing)
        go_on.set()
        for thread in threading.enumerate():
            if thread.name == "labeling-delivery":
                thread.join(30)
        assert late == []
    forget(opened)


def test_neither_a_lack_of_threads_nor_a_surprise_ends_the_sending(
    opened: Database, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(sending, "_LOOK_SECONDS", 0.02)
    monkeypatch.setattr(sending, "_TAKEN_SECONDS", 0.02)
    start, send, lacks, surprises = threading.Thread.start, sending._send, iter((True,)), iter((True,))

    def starting(thread: threading.Thread) -> None:
        if thread.name == "labeling-delivery" and next(lacks, False):
            raise RuntimeError("can't start new thread")
        start(thread)

    def surprising(delivery: Row) -> tuple[str | None, bool]:
        if next(surprises, False):
            raise MemoryError("secret")
        return send(delivery)

    monkeypatch.setattr(threading.Thread, "start", starting)
    monkeypatch.setattr(sending, "_send", surprising)
    with answering(lambda _: 200) as (url, heard), running(opened):
        Deliveries(opened).post(url, json="hello")
        wait_until(lambda: not left(opened), 10, "it is sent all the same", 0.02)
    assert heard == ["hello"]
    assert "wait for 0 seconds: can't start new thread" in caplog.text
    assert "wait for 0 seconds: MemoryError" in caplog.text
    assert "secret" not in caplog.text


def test_a_database_that_is_closed_by_a_stop_is_no_trouble(
    opened: Database, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    deleting = threading.Event()

    def failing(*_: object) -> None:
        deleting.set()
        wait_until(lambda: sender._is_stopping, 30, "it is being stopped", 0.01)
        raise OSError("it is closed")

    with answering(lambda _: 200) as (url, _), running(opened) as sender:
        with monkeypatch.context() as patches:
            patches.setattr(sending.delivery_rows, "delete", failing)
            Deliveries(opened).post(url, json="hello")
            assert deleting.wait(30)
            sender.stop()
        monkeypatch.setattr(sending.delivery_rows, "endpoints", failing)
        assert not sender._look()
    assert "it is closed" not in caplog.text
    forget(opened)

"""Messages of queues, sent by one process and received by another."""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from moto.sqs import models
from moto.sqs.exceptions import InvalidParameterValue, QueueDoesNotExist, ReceiptHandleIsInvalid

from labeling_provider.service.cloud.embedded import queue_messages as timing
from labeling_provider.service.cloud.embedded.queue_messages import Expiry, Messages
from labeling_provider.service.database import queue_rows, recorded_messages
from labeling_provider.service.database.database import Database
from labeling_provider.service.database.recorded_messages import ResourceKind
from labeling_provider.service.database.states import MessageState

DEAD = SimpleNamespace(name="dead", queue_arn="arn:dead")


def queue(name: str = "news", **more: Any) -> Any:
    """A queue as moto has it."""
    plain = {
        "redrive_policy": None,
        "dead_letter_queue": None,
        "message_retention_period": 345_600,
        "fifo_queue": False,
    }
    return SimpleNamespace(name=name, queue_arn=f"arn:{name}", **{**plain, **more})


@pytest.fixture
def databases(url: str) -> Iterator[tuple[Database, Database]]:
    """Those of two processes; with SQLite it is one."""
    first = Database(url, shared=True)
    second = first if url.startswith("sqlite") else Database(url, shared=True)
    with first.write() as connection:
        for name in ("news", "dead", "line.fifo"):
            row = {"arn": f"arn:{name}", "name": name, "settings": "{}", "tags": "{}"}
            recorded_messages.keep(connection, ResourceKind.QUEUE, row)
    yield first, second
    first.close()
    second.close()


@pytest.fixture
def both(databases: tuple[Database, Database]) -> tuple[Messages, Messages]:
    """Two processes."""
    made = [Messages(database, lambda *_: None) for database in databases]
    for messages in made:
        messages.answer_for(models.SQSBackend("us-east-1", "1"))
    return made[0], made[1]


def send(to: Messages, target: Any, body: str, **more: Any) -> None:
    message = models.Message(f"id of {body}", body)
    message.mark_sent()
    for name, value in more.items():
        setattr(message, name, value)
    to.add(target, message)


def bodies(messages: list[Any]) -> list[str]:
    return [message.body for message in messages]


def test_who_waits_is_told_and_has_the_message_alone(
    both: tuple[Messages, Messages], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timing, "_LOOK_SECONDS", 600.0)
    sender, receiver = both
    received: list[Any] = []
    waiting = threading.Thread(target=lambda: received.extend(receiver.receive(queue(), 10, 600, 30)), daemon=True)
    waiting.start()
    send(sender, queue(), "a")
    waiting.join(60)
    assert bodies(received) == ["a"]
    assert sender.receive(queue(), 10, 0, 30) == []
    assert sender.counts("arn:news") == {
        "ApproximateNumberOfMessages": 0,
        "ApproximateNumberOfMessagesNotVisible": 1,
        "ApproximateNumberOfMessagesDelayed": 0,
    }
    # Whoever has it may give it back, or keep it from others for longer, by any process.
    sender.hide(queue(), received[0].receipt_handle, 0)
    (again,) = receiver.receive(queue(), 10, 0, 30)
    assert again.approximate_receive_count == 2
    with pytest.raises(InvalidParameterValue):
        sender.hide(queue(), again.receipt_handle, 43_201)
    sender.delete(queue(), received[0].receipt_handle)
    sender.delete(queue(), received[0].receipt_handle)
    with pytest.raises(ReceiptHandleIsInvalid):
        sender.hide(queue(), again.receipt_handle, 0)


def test_many_receivers_get_each_message_once(both: tuple[Messages, Messages]) -> None:
    for number in range(60):
        send(both[0], queue(), str(number))
    received: list[str] = []

    def receive(receiver: Messages) -> None:
        while got := receiver.receive(queue(), 3, 0, 600):
            received.extend(bodies(got))

    threads = [threading.Thread(target=receive, args=(receiver,)) for receiver in both * 3]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    # Who looks while others have locked what is left goes with nothing.
    receive(both[0])
    assert sorted(received, key=int) == [str(number) for number in range(60)]


def test_a_message_that_nobody_deletes_goes_to_the_dead_letter_queue(both: tuple[Messages, Messages]) -> None:
    dying = queue(dead_letter_queue=DEAD, redrive_policy={"maxReceiveCount": 2})
    for body in ("a", "b"):
        send(both[0], dying, body)
    assert [bodies(receiver.receive(dying, 1, 0, 0)) for receiver in both] == [["a"], ["a"]]
    assert bodies(both[0].receive(dying, 1, 0, 30)) == ["b"]
    (dead,) = both[1].receive(queue("dead"), 1, 0, 30)
    assert (dead.body, dead.approximate_receive_count) == ("a", 3)


def test_a_queue_that_is_its_own_dead_letter_queue_hands_out_its_messages(both: tuple[Messages, Messages]) -> None:
    messages, _ = both
    loop = queue(redrive_policy={"maxReceiveCount": 1})
    loop.dead_letter_queue = loop
    send(messages, loop, "hello")
    assert [bodies(messages.receive(loop, 1, 0, 0)) for _ in range(3)] == [["hello"]] * 3


def test_messages_of_a_group_come_in_line_and_once(both: tuple[Messages, Messages]) -> None:
    line = queue("line.fifo", fifo_queue=True)
    for body, group, once in (("a", "g", "1"), ("b", "g", "2"), ("again", "g", "1"), ("c", "h", "3")):
        send(both[0], line, body, group_id=group, deduplication_id=once)
    (first,) = both[0].receive(line, 1, 0, 30)
    assert first.body == "a"
    assert bodies(both[1].receive(line, 10, 0, 30)) == ["c"]
    both[1].delete(line, first.receipt_handle)
    assert bodies(both[1].receive(line, 10, 0, 30)) == ["b"]


def test_a_group_goes_on_when_the_time_of_who_has_its_message_is_over(
    both: tuple[Messages, Messages], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timing, "_LOOK_SECONDS", 600.0)
    line = queue("line.fifo", fifo_queue=True)
    for body in ("a", "b"):
        send(both[0], line, body, group_id="g", deduplication_id=body)
    assert bodies(both[0].receive(line, 1, 0, 1)) == ["a"]
    assert bodies(both[1].receive(line, 10, 60, 30)) == ["a", "b"]


def test_what_is_delayed_comes_later_and_what_is_old_does_not_come(both: tuple[Messages, Messages]) -> None:
    send(both[0], queue(), "old", sent_timestamp=1)
    send(both[0], queue(), "much later", delayed_until=timing._now() + 3_600_000)
    assert both[0].receive(queue(), 10, 0, 30) == []
    assert both[0].counts("arn:news")["ApproximateNumberOfMessagesDelayed"] == 1
    send(both[0], queue(), "late", delayed_until=timing._now() + 300)
    assert bodies(both[1].receive(queue(), 10, 20, 30)) == ["late"]
    both[0].purge(queue())
    assert sum(both[1].counts("arn:news").values()) == 0


@pytest.mark.parametrize("receipt", ["", "none", "ä", base64.b64encode(b"short id").decode()])
def test_what_is_no_receipt_handle_is_refused(both: tuple[Messages, Messages], receipt: str) -> None:
    with pytest.raises(ReceiptHandleIsInvalid):
        both[0].delete(queue(), receipt)


def test_nothing_is_put_into_a_queue_that_is_gone(both: tuple[Messages, Messages]) -> None:
    with pytest.raises(QueueDoesNotExist):
        send(both[0], queue("gone"), "a")


def test_messages_expire_in_queues_that_nobody_reads(
    both: tuple[Messages, Messages], databases: tuple[Database, Database], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timing, "_SWEPT_AT_ONCE", 2)
    first, second = databases
    now = int(time.time() * 1000)
    settings = {
        "news": {"RedrivePolicy": {"deadLetterTargetArn": "arn:dead"}},
        "dead": {"MessageRetentionPeriod": "60"},
    }
    with first.write() as connection:
        for name, chosen in settings.items():
            row = {"arn": f"arn:{name}", "name": name, "settings": json.dumps(chosen), "tags": "{}"}
            recorded_messages.keep(connection, ResourceKind.QUEUE, row)
        ages = {"dead": (90, 80, 70, 65, 61, 50), "news": (345_700, 90)}
        for name, seconds in ages.items():
            old = [queue_rows.NewMessage(f"arn:{name}", f"{name} {age}", now - 1000 * age, "", "{}") for age in seconds]
            queue_rows.add(connection, old)

    def numbers() -> tuple[int, int, int, int]:
        with second.read() as connection:
            depths = queue_rows.depths(connection, int(time.time() * 1000))
        counts = [both[1].counts(f"arn:{name}")["ApproximateNumberOfMessages"] for name in ages]
        return depths[MessageState.DEAD], depths[MessageState.WAITING], counts[0], counts[1]

    assert numbers() == (1, 1, 1, 1), "what has expired is not counted"
    Expiry(second).sweep()
    every = [f"{name} {age}" for name, seconds in ages.items() for age in seconds]
    with first.read() as connection:
        assert queue_rows.present(connection, every) == {"dead 50", "news 90"}
    assert numbers() == (1, 1, 1, 1)

"""Messages of queues as they are kept. How they are received is tested with :mod:`..cloud.embedded.test_messages`."""

from __future__ import annotations

import json
from typing import Any

from labeling_provider.service.database import queue_rows, recorded_messages
from labeling_provider.service.database.database import Connection
from labeling_provider.service.database.queue_rows import NewMessage
from labeling_provider.service.database.recorded_messages import ResourceKind


def message(number: int, queue: str = "q", **more: int) -> NewMessage:
    return NewMessage(queue, str(number), 1_000 + number, "b", "{}", **more)


def test_a_message_stays_in_its_place_until_it_is_deleted(connection: Connection) -> None:
    queue_rows.add(connection, [])
    queue_rows.add(connection, [message(3), message(1), message(2, visible_at=5_000), message(4, "other")])
    assert [row.message_id for row in queue_rows.oldest(connection, "q", 2_000, 9)] == ["3", "1"]
    assert queue_rows.next_visible(connection, "q", 2_000) == 5_000
    assert queue_rows.next_visible(connection, "q", 5_000) is None
    assert queue_rows.present(connection, [str(number) for number in range(1_200)]) == {"1", "2", "3", "4"}
    assert queue_rows.counts(connection, "q", 2_000) == (2, 0, 1)
    assert queue_rows.counts(connection, "none", 2_000) == (0, 0, 0)
    queue_rows.delete(connection, "other", "3")
    queue_rows.delete_by_id(connection, ["1", "9"])
    queue_rows.delete_by_id(connection, [])
    assert [row.message_id for row in queue_rows.oldest(connection, "q", 9_000, 9)] == ["3", "2"]
    queue_rows.expire(connection, "q", 1_003)
    assert [row.message_id for row in queue_rows.oldest(connection, "q", 9_000, 9)] == ["3"]
    queue_rows.delete_all(connection, "q")
    assert queue_rows.present(connection, ["3", "4"]) == {"4"}


def test_dead_letters_are_told_from_messages_that_wait(connection: Connection) -> None:
    assert set(queue_rows.depths(connection, 2_000).values()) == {0}
    policies: dict[str, Any] = {
        "q": {"deadLetterTargetArn": "dead", "maxReceiveCount": 2},
        "of 0.1.0": json.dumps({"deadLetterTargetArn": "dead of 0.1.0", "maxReceiveCount": 2}),
        "itself": {"deadLetterTargetArn": "itself", "maxReceiveCount": 2},
    }
    for arn, policy in policies.items():
        keep_queue(connection, arn, {"RedrivePolicy": policy})
    # Whoever has a queue writes its other settings.
    keep_queue(connection, "odd", {"RedrivePolicy": None, "Policy": "deadLetterTargetArn"})
    queues = ("q", "itself", "odd", "dead", "dead of 0.1.0", "dead")
    queue_rows.add(connection, [message(number, queue) for number, queue in enumerate(queues)])
    queue_rows.add(connection, [message(number, "q", visible_at=5_000) for number in (7, 8, 9)])
    for queue in ("q", "dead"):
        queue_rows.receive(connection, queue, 2_000, 4_000, 0, 1, in_line=False)
    assert queue_rows.depths(connection, 2_000) == {"waiting": 2, "in_flight": 1, "delayed": 3, "dead": 3}
    assert queue_rows.depths(connection, 6_000) == {"waiting": 6, "in_flight": 0, "delayed": 0, "dead": 3}


def keep_queue(connection: Connection, arn: str, settings: dict[str, Any]) -> None:
    row = {"arn": arn, "name": arn, "settings": json.dumps(settings), "tags": "{}"}
    recorded_messages.keep(connection, ResourceKind.QUEUE, row)

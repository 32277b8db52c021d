"""Messages of queues as they are kept. How they are received is tested with :mod:`..cloud.embedded.test_messages`."""

from __future__ import annotations

from labeling_provider.service.database import queue_rows
from labeling_provider.service.database.database import Connection
from labeling_provider.service.database.queue_rows import NewMessage


def message(number: int, queue: str = "q", **more: int) -> NewMessage:
    return NewMessage(queue, str(number), 1_000 + number, "b", "{}", **more)


def test_a_message_stays_in_its_place_until_it_is_deleted(connection: Connection) -> None:
    queue_rows.add(connection, [])
    queue_rows.add(connection, [message(3), message(1), message(2, visible_at=5_000), message(4, "other")])
    assert [one.message_id for one in queue_rows.oldest(connection, "q", 2_000, 9)] == ["3", "1"]
    assert queue_rows.next_visible(connection, "q", 2_000) == 5_000
    assert queue_rows.next_visible(connection, "q", 5_000) is None
    assert queue_rows.present(connection, [str(number) for number in range(1_200)]) == {"1", "2", "3", "4"}
    assert queue_rows.counts(connection, "q", 2_000) == (2, 0, 1)
    assert queue_rows.counts(connection, "none", 2_000) == (0, 0, 0)
    queue_rows.delete(connection, "other", "3")
    queue_rows.delete_by_id(connection, ["1", "9"])
    queue_rows.delete_by_id(connection, [])
    assert [one.message_id for one in queue_rows.oldest(connection, "q", 9_000, 9)] == ["3", "2"]
    queue_rows.expire(connection, "q", 1_003)
    assert [one.message_id for one in queue_rows.oldest(connection, "q", 9_000, 9)] == ["3"]
    queue_rows.delete_all(connection, "q")
    assert queue_rows.present(connection, ["3", "4"]) == {"4"}

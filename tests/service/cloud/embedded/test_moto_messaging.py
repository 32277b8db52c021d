"""Topics and queues as labeling jobs use them."""

from __future__ import annotations

import pytest

from labeling_provider.service.cloud.embedded.moto_messaging import EmbeddedMessaging
from labeling_provider.service.database.database import Database
from tests.service.cloud.conftest import NAME, TOPIC, bodies
from tests.service.inside import ACCOUNT, REGION


def test_a_message_is_put_once_under_its_id_and_the_oldest_come_first(messaging: EmbeddedMessaging) -> None:
    messaging.open_queue(NAME, TOPIC)
    changed_queues: list[str | None] = []
    messaging.changed = lambda _, queue: changed_queues.append(queue)
    messaging.put(NAME, [("1", "a"), ("2", "b")])
    messaging.put(NAME, [("2", "again"), ("3", "c")])
    assert changed_queues == [NAME, NAME]
    assert bodies(messaging) == ["a", "b", "c"]
    assert bodies(messaging, 2) == ["a", "b"]
    assert messaging.waiting("GroundTruth-dogs", 9) == []


def test_messages_are_gone_with_the_transaction_that_says_what_became_of_them(
    messaging: EmbeddedMessaging, database: Database
) -> None:
    messaging.open_queue(NAME, TOPIC)
    messaging.put(NAME, [(str(number), str(number)) for number in range(3)])
    with pytest.raises(KeyError), database.write() as connection:
        messaging.drop(connection, ["0"])
        raise KeyError
    again = EmbeddedMessaging(database, ACCOUNT, REGION)
    assert bodies(again) == ["0", "1", "2"]
    with database.write() as connection:
        again.drop(connection, ["0", "2"])
    assert bodies(again) == bodies(messaging) == ["1"]

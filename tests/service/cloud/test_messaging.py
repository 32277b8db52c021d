"""What labeling jobs may expect of topics and queues, whatever is behind them."""

from __future__ import annotations

import json

from labeling_provider.service.cloud.embedded.moto_messaging import EmbeddedMessaging
from tests.service.cloud.conftest import NAME, TOPIC, bodies


def test_a_queue_is_opened_once_and_hears_its_topic_until_it_leaves(messaging: EmbeddedMessaging) -> None:
    assert messaging.has_topic(TOPIC)
    assert not messaging.has_topic(f"{TOPIC}-old")
    assert not messaging.has_queue(NAME)
    for _ in range(2):
        messaging.open_queue(NAME, TOPIC)
    assert messaging.has_queue(NAME)
    assert messaging.publish(TOPIC, "first", "1")
    messaging.leave(NAME)
    assert messaging.publish(TOPIC, "second", "2")
    notifications = [json.loads(body) for body in bodies(messaging)]
    assert [(notification["Message"], notification["MessageId"]) for notification in notifications] == [("first", "1")]
    assert not messaging.publish(f"{TOPIC}-old", "third", "3")


def test_a_deleted_queue_takes_its_messages_and_subscriptions_with_it(messaging: EmbeddedMessaging) -> None:
    messaging.delete_queue(NAME)
    messaging.open_queue(NAME, TOPIC)
    messaging.put(NAME, [("1", "a")])
    messaging.delete_queue(NAME)
    assert not messaging.has_queue(NAME)
    assert messaging._sns.list_subscriptions_by_topic(topic_arn=TOPIC)[0] == []
    messaging.open_queue(NAME, TOPIC)
    assert bodies(messaging) == []

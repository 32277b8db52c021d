"""Messages for HTTP endpoints as they are kept until they are delivered."""

from __future__ import annotations

import sqlalchemy as sa

from labeling_provider.service.database import delivery_rows, notices
from labeling_provider.service.database.database import Connection, Database
from labeling_provider.service.database.delivery_rows import NewDelivery
from labeling_provider.service.database.schema import deliveries, subscriptions


def add(connection: Connection, endpoint: str, body: str, subscription: str | None = None) -> None:
    delivery_rows.add(
        connection, NewDelivery(100.0 + len(body), endpoint, subscription, len(body), "POST", "u", "{}", body)
    )


def test_each_endpoint_gets_its_messages_in_line(connection: Connection) -> None:
    assert (delivery_rows.waiting(connection, 9), delivery_rows.oldest(connection, 5.0)) == (0, 0)
    for endpoint, body in (("b", "first"), ("a", "other"), ("b", "second")):
        add(connection, endpoint, body)
    assert {"delivery a", "delivery b"} <= connection.info.pop(notices.TOLD).keys()
    assert delivery_rows.endpoints(connection) == ["a", "b"]
    assert [delivery_rows.in_line(connection, "b", max_messages) for max_messages in (9, 1)] == [2, 1]
    assert delivery_rows.size(connection) == 16
    assert [delivery_rows.waiting(connection, max_messages) for max_messages in (9, 2)] == [3, 2]
    assert [delivery_rows.oldest(connection, at) for at in (107.0, 104.0)] == [2.0, 0.0]
    first = delivery_rows.take(connection, "b", 5.0, 10.0)
    assert first is not None
    assert (first.body, first.attempts) == ("first", 1)
    assert delivery_rows.take(connection, "b", 9.0, 14.0) is None, "the second one waits for the first"
    assert delivery_rows.next_due(connection, "b") == 10.0
    other = delivery_rows.take(connection, "a", 5.0, 10.0)
    assert other is not None
    assert other.body == "other"
    again = delivery_rows.take(connection, "b", 10.0, 15.0)
    assert again is not None, "who has taken it has said nothing for too long"
    assert (again.id, again.attempts) == (first.id, 2)
    delivery_rows.put_off(connection, first.id, first.attempts, 0.0)
    assert delivery_rows.next_due(connection, "b") == 15.0, "who was too slow does not change what another has taken"
    delivery_rows.give_back(connection, [(again.id, again.attempts)])
    assert delivery_rows.next_due(connection, "b") == 0.0
    once_more = delivery_rows.take(connection, "b", 5.0, 10.0)
    assert once_more is not None
    assert (once_more.attempts, once_more.failures) == (2, 0), "what was given back does not count"
    delivery_rows.put_off(connection, first.id, once_more.attempts, 8.0)
    failed = delivery_rows.take(connection, "b", 8.0, 13.0)
    assert failed is not None
    assert (failed.attempts, failed.failures) == (3, 1)
    delivery_rows.delete(connection, first.id)
    second = delivery_rows.take(connection, "b", 6.0, 11.0)
    assert second is not None
    assert (second.body, second.attempts) == ("second", 1)
    delivery_rows.give_back_all(connection)
    assert [delivery_rows.next_due(connection, endpoint) for endpoint in ("a", "b", "c")] == [0.0, 0.0, None]


def test_what_a_subscription_has_not_got_goes_with_it(connection: Connection) -> None:
    row = {"arn": "s", "topic": "t", "endpoint": "u", "protocol": "http", "attributes": "{}"}
    connection.execute(sa.insert(subscriptions).values(row))
    assert delivery_rows.is_subscribed(connection, "s")
    assert not delivery_rows.is_subscribed(connection, "other")
    for subscription in ("s", "other", None):
        add(connection, "a", str(subscription), subscription)
    delivery_rows.delete_all(connection, "s")
    assert list(connection.execute(sa.select(deliveries.c.body).order_by(deliveries.c.id)).scalars()) == [
        "other",
        "None",
    ]


def test_two_processes_never_take_one_line_at_once(postgresql_url: str) -> None:
    first, second = Database(postgresql_url, shared=True), Database(postgresql_url, shared=True)
    try:
        with first.write() as connection:
            add(connection, "a", "first")
            add(connection, "a", "second")
            add(connection, "b", "other")
        with first.write() as mine, second.write() as theirs:
            assert delivery_rows.take(mine, "a", 5.0, 10.0) is not None
            assert delivery_rows.take(theirs, "a", 5.0, 10.0) is None, (
                "it waits neither for the row nor skips to the next"
            )
            assert delivery_rows.take(theirs, "b", 5.0, 10.0) is not None
    finally:
        first.close()
        second.close()

"""Stores messages for HTTP subscribers in the database, so that the publisher need not wait until they have them.

With moto alone, the publisher waits while it posts a notification, for as long as the subscriber takes, and what is not
delivered is lost with the process. Here, each of these is a row before the publisher is answered, as a message for a
queue is, and :class:`.Sender` sends it. A publication is told to each subscriber at least once, with the same id.
"""

from __future__ import annotations

import copy
import hashlib
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final

from labeling_provider.groundtruth.documents import as_json
from labeling_provider.service.cloud.sender import MAX_ENDPOINTS, shown
from labeling_provider.service.database import delivery_rows
from labeling_provider.service.database.database import Connection, Database, now
from labeling_provider.service.database.delivery_rows import NewDelivery
from labeling_provider.service.failures import may_pass

log = logging.getLogger(__name__)

MAX_WAITING: Final = 1_000
"""How many messages may wait for an endpoint."""
MAX_BYTES: Final = 64 << 20
"""How much may wait altogether. Beyond that, each endpoint may still have one message."""
_SUBSCRIPTION: Final[ContextVar[str | None]] = ContextVar("subscription", default=None)
"""The subscription for which moto sends at this moment."""


class Deliveries:
    """Stores HTTP requests to be sent. It replaces ``requests`` in moto."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def post(self, url: str, json: Any = None, headers: dict[str, str] | None = None) -> None:
        """Store a POST request.

        :param json: its body.
        :raises DatabaseError: if it can't be stored.
        """
        self.request("POST", url, headers or {}, json)

    def request(self, method: str, url: str, headers: dict[str, str], json: Any = None) -> None:
        """Store a request. If there is no room, it is logged and dropped.

        :param json: its body; None for an empty one.
        :raises DatabaseError: if it can't be stored.
        """
        body = "" if json is None else as_json(json)
        endpoint = hashlib.sha256(url.encode(errors="surrogatepass")).hexdigest()
        subscription = _SUBSCRIPTION.get()
        new = NewDelivery(now(), endpoint, subscription, len(body.encode()), method, url, as_json(headers), body)
        with self._database.write() as connection:
            if subscription is not None and not delivery_rows.is_subscribed(connection, subscription):
                return
            full = _why_full(connection, new)
            if full is None:
                delivery_rows.add(connection, new)
        if full:
            log.warning("a message to %s was dropped: %s", shown(url), full)


def _why_full(connection: Connection, new: NewDelivery) -> str | None:
    """Why there is no room for a message; None if there is."""
    messages = delivery_rows.in_line(connection, new.endpoint, MAX_WAITING)
    if not messages:
        # No limit of size for an endpoint that has everything so far: others that accept nothing must not hold it up.
        is_full = len(delivery_rows.endpoints(connection)) >= MAX_ENDPOINTS
        return f"{MAX_ENDPOINTS} endpoints are already being served" if is_full else None
    if messages >= MAX_WAITING:
        return f"{MAX_WAITING} messages are already waiting for it"
    size = delivery_rows.size(connection)
    return f"{size:,} bytes of messages are already waiting" if size + new.size > MAX_BYTES else None


def deliver_from(database: Database) -> None:
    """Make moto's topics and event buses leave HTTP to the sender, each subscriber independently.

    :param database: stores what is to be sent.
    """
    from moto.events import models as events_models
    from moto.sns import models as sns_models

    sns_models.requests = events_models.requests = Deliveries(database)
    if not hasattr(sns_models.Subscription, "is_independent"):
        # moto creates its subscriptions and rules by these names.
        sns_models.Subscription = _independent_subscription(sns_models.Subscription)
        events_models.Rule = _independent_rule(events_models.Rule)


def _independent_subscription(base: Any) -> Any:
    """A subclass of moto's subscription. If it fails, the publisher and other subscriptions are not affected."""

    class IndependentSubscription(base):  # type: ignore[misc]
        is_independent = True

        def publish(self, message: str, message_id: str, **arguments: Any) -> None:
            if arguments.get("message_structure") == "json":
                # This raises the publisher's own mistakes to the publisher.
                self._parse_message_structure(message, self.protocol)
            before = _SUBSCRIPTION.set(self.arn)
            try:
                with _alone(f"subscription {self.arn}"):
                    super().publish(message, message_id, **arguments)
            finally:
                _SUBSCRIPTION.reset(before)

    return IndependentSubscription


def _independent_rule(base: Any) -> Any:
    """A subclass of moto's EventBridge rule. If one target fails, the others are not affected."""

    class IndependentRule(base):  # type: ignore[misc]
        def send_to_targets(self, original_event: Any, transform_input: bool = True) -> None:
            for target in list(self.targets):
                alone = copy.copy(self)
                alone.targets = [target]
                with _alone(f"target {target.get('Arn')} of rule {self.name}"):
                    base.send_to_targets(alone, original_event, transform_input)

    return IndependentRule


@contextmanager
def _alone(name: str) -> Iterator[None]:
    """Log errors of one receiver. Temporary errors are raised, so that the sender can try again."""
    try:
        yield
    except Exception as error:
        if may_pass(error):
            raise
        log.warning("a message could not be sent to %s: %r", name, error)

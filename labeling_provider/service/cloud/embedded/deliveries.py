"""Sends messages to HTTP subscribers from separate threads, so that a subscriber that does not respond blocks nobody.

With moto alone, the publisher waits while it posts a notification, for as long as the subscriber takes. Here, each
endpoint has a queue. Failed deliveries are retried a few times, then logged and dropped. As on Amazon, HTTP delivery is
not guaranteed: these queues are lost when the service stops.
Source: SNS developer guide, "Message delivery retries".
"""

from __future__ import annotations

import copy
import logging
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

from labeling_provider.groundtruth.documents import as_json
from labeling_provider.service.failures import may_pass

log = logging.getLogger(__name__)

MAX_ENDPOINTS: Final = 50
MAX_WAITING: Final = 1_000
MAX_BYTES: Final = 64 << 20
_CONNECT_SECONDS: Final = 5.0
_ANSWER_SECONDS: Final = 15.0
_PAUSES: Final = (1.0, 5.0, 20.0)


class _Delivery(NamedTuple):
    method: str
    url: str
    headers: dict[str, str]
    body: bytes


class Deliveries:
    """Sends HTTP requests in the background, one at a time per endpoint. It replaces ``requests`` in moto.

    :param pauses: the seconds before each retry.
    """

    def __init__(self, pauses: tuple[float, ...] = _PAUSES) -> None:
        self._pauses = pauses
        self._waiting: dict[str, deque[_Delivery]] = {}
        self._bytes = 0
        self._changing = threading.Lock()

    def post(self, url: str, json: Any = None, headers: dict[str, str] | None = None) -> None:
        """Queue a POST request.

        :param json: its body.
        """
        self.request("POST", url, headers or {}, json)

    def request(self, method: str, url: str, headers: dict[str, str], json: Any = None) -> None:
        """Queue a request.

        :param json: its body; None for an empty one.
        """
        delivery = _Delivery(method, url, headers, b"" if json is None else as_json(json).encode())
        with self._changing:
            queue = self._waiting.get(url)
            full = None
            if queue is None and len(self._waiting) >= MAX_ENDPOINTS:
                full = f"{MAX_ENDPOINTS} endpoints are already being served"
            elif queue is not None and len(queue) >= MAX_WAITING:
                full = f"{MAX_WAITING} messages are already waiting for it"
            elif self._bytes + len(delivery.body) > MAX_BYTES:
                full = f"{self._bytes:,} bytes of messages are already waiting"
            if full:
                log.warning("a message to %s was dropped: %s", _shown(url), full)
                return
            if queue is None:
                queue = self._waiting[url] = deque()
                threading.Thread(target=self._serve, args=(url, queue), name="labeling-delivery", daemon=True).start()
            queue.append(delivery)
            self._bytes += len(delivery.body)

    def _serve(self, url: str, queue: deque[_Delivery]) -> None:
        """Send the messages for an endpoint until its queue is empty."""
        while True:
            with self._changing:
                if not queue:
                    del self._waiting[url]
                    return
                delivery = queue.popleft()
                self._bytes -= len(delivery.body)
            self._deliver(delivery)

    def _deliver(self, delivery: _Delivery) -> None:
        for pause in (*self._pauses, None):
            trouble, is_final = _sent(delivery)
            if trouble is None:
                return
            if pause is None or is_final:
                log.warning("a message to %s could not be delivered: %s", _shown(delivery.url), trouble)
                return
            time.sleep(pause)


def _sent(delivery: _Delivery) -> tuple[str | None, bool]:
    """Send a request once.

    :return: what went wrong, None if nothing did; and whether a retry is pointless.
    """
    import requests

    try:
        with requests.request(
            delivery.method,
            delivery.url,
            headers=delivery.headers,
            data=delivery.body,
            timeout=(_CONNECT_SECONDS, _ANSWER_SECONDS),
            allow_redirects=False,
            # The response's body is not needed, and may be endless.
            stream=True,
        ) as response:
            status = response.status_code
    except (requests.ConnectionError, requests.Timeout) as error:
        return f"{type(error).__name__}: {error}", False
    except Exception as error:  # noqa: BLE001 - a bad address or response may raise anything
        return f"{type(error).__name__}: {error}", True
    if status < HTTPStatus.MULTIPLE_CHOICES:
        return None, True
    return f"it responded with {status}", status < HTTPStatus.INTERNAL_SERVER_ERROR and status != 429


def _shown(url: str) -> str:
    """An endpoint's URL for the log, without the parts that may be secret."""
    try:
        parts = urlsplit(url)
        return f"{parts.scheme}://{parts.hostname}:{parts.port or ''}{parts.path}"[:200].replace("\n", " ")
    except ValueError:
        return "an invalid URL"


def deliver_in_background() -> Deliveries:
    """Make moto's topics and event buses deliver over HTTP in the background, each subscriber independently."""
    from moto.events import models as events_models
    from moto.sns import models as sns_models

    deliveries = Deliveries()
    sns_models.requests = deliveries
    events_models.requests = deliveries
    if not hasattr(sns_models.Subscription, "is_independent"):
        # moto creates its subscriptions and rules by these names.
        sns_models.Subscription = _independent_subscription(sns_models.Subscription)
        events_models.Rule = _independent_rule(events_models.Rule)
    return deliveries


def _independent_subscription(base: Any) -> Any:
    """A subclass of moto's subscription. If it fails, the publisher and other subscriptions are not affected."""

    class IndependentSubscription(base):  # type: ignore[misc]
        is_independent = True

        def publish(self, message: str, message_id: str, **arguments: Any) -> None:
            if arguments.get("message_structure") == "json":
                # This raises the publisher's own mistakes to the publisher.
                self._parse_message_structure(message, self.protocol)
            with _alone(f"subscription {self.arn}"):
                super().publish(message, message_id, **arguments)

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

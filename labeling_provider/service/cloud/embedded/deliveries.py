"""Messages to subscribers over HTTP: sent from threads of their own, so that nobody waits for one that does not answer.

moto posts a notification while the publisher waits, for as long as the subscriber likes. Here it goes into a queue of
its endpoint and is sent from there, a few times if need be; what is given up is logged. As on Amazon, delivery over
HTTP is not certain: what is in these queues is gone when the service ends.
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
from labeling_provider.service.errors import may_pass

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
    """Sends HTTP requests in the background, to each endpoint one after the other; stands in for moto's ``requests``.

    :param pauses: seconds before each further try.
    """

    def __init__(self, pauses: tuple[float, ...] = _PAUSES) -> None:
        self._pauses = pauses
        self._waiting: dict[str, deque[_Delivery]] = {}
        self._bytes = 0
        self._changing = threading.Lock()

    def post(self, url: str, json: Any = None, headers: dict[str, str] | None = None) -> None:
        """Send a POST request, at some time.

        :param json: its body.
        """
        self.request("POST", url, headers or {}, json)

    def request(self, method: str, url: str, headers: dict[str, str], json: Any = None) -> None:
        """Send a request, at some time.

        :param json: its body; None for none.
        """
        delivery = _Delivery(method, url, headers, b"" if json is None else as_json(json).encode())
        with self._changing:
            queue = self._waiting.get(url)
            full = None
            if queue is None and len(self._waiting) >= MAX_ENDPOINTS:
                full = f"{MAX_ENDPOINTS} endpoints are being served"
            elif queue is not None and len(queue) >= MAX_WAITING:
                full = f"{MAX_WAITING} wait for it already"
            elif self._bytes + len(delivery.body) > MAX_BYTES:
                full = f"{self._bytes:,} bytes of messages wait already"
            if full:
                log.warning("a message to %s was dropped: %s", _shown(url), full)
                return
            if queue is None:
                queue = self._waiting[url] = deque()
                threading.Thread(target=self._serve, args=(url, queue), name="labeling-delivery", daemon=True).start()
            queue.append(delivery)
            self._bytes += len(delivery.body)

    def _serve(self, url: str, queue: deque[_Delivery]) -> None:
        """Send what waits for an endpoint, until nothing does."""
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
                log.warning("a message to %s was given up: %s", _shown(delivery.url), trouble)
                return
            time.sleep(pause)


def _sent(delivery: _Delivery) -> tuple[str | None, bool]:
    """Send a request once; what went wrong, if anything did, and whether that is for good."""
    import requests

    try:
        with requests.request(
            delivery.method,
            delivery.url,
            headers=delivery.headers,
            data=delivery.body,
            timeout=(_CONNECT_SECONDS, _ANSWER_SECONDS),
            allow_redirects=False,
            # What the subscriber has to say is of no interest, and may have no end.
            stream=True,
        ) as answer:
            status = answer.status_code
    except (requests.ConnectionError, requests.Timeout) as error:
        return f"{type(error).__name__}: {error}", False
    except Exception as error:  # noqa: BLE001 - whatever an address or an answer is like, it is told
        return f"{type(error).__name__}: {error}", True
    if status < HTTPStatus.MULTIPLE_CHOICES:
        return None, True
    return f"it has answered {status}", status < HTTPStatus.INTERNAL_SERVER_ERROR and status != 429


def _shown(url: str) -> str:
    """An endpoint without what may be secret in it."""
    try:
        parts = urlsplit(url)
        return f"{parts.scheme}://{parts.hostname}:{parts.port or ''}{parts.path}"[:200].replace("\n", " ")
    except ValueError:
        return "an endpoint that is no URL"


def deliver_in_background() -> Deliveries:
    """Let moto's topics and event buses send what goes over HTTP this way, and let no subscriber stop the others."""
    from moto.events import models as events_models
    from moto.sns import models as sns_models

    deliveries = Deliveries()
    sns_models.requests = deliveries
    events_models.requests = deliveries
    if not hasattr(sns_models.Subscription, "is_independent"):
        # moto makes its subscriptions and rules by these names.
        sns_models.Subscription = _independent_subscription(sns_models.Subscription)
        events_models.Rule = _independent_rule(events_models.Rule)
    return deliveries


def _independent_subscription(base: Any) -> Any:
    """A subclass of moto's subscription: one that can't be served stops neither the publisher nor the others."""

    class IndependentSubscription(base):  # type: ignore[misc]
        is_independent = True

        def publish(self, message: str, message_id: str, **arguments: Any) -> None:
            if arguments.get("message_structure") == "json":
                # The publisher's own mistake is told to the publisher.
                self._parse_message_structure(message, self.protocol)
            with _alone(f"subscription {self.arn}"):
                super().publish(message, message_id, **arguments)

    return IndependentSubscription


def _independent_rule(base: Any) -> Any:
    """A subclass of moto's EventBridge rule: a target that can't be served does not stop the others."""

    class IndependentRule(base):  # type: ignore[misc]
        def send_to_targets(self, original_event: Any, transform_input: bool = True) -> None:
            for target in list(self.targets):
                alone = copy.copy(self)
                alone.targets = [target]
                with _alone(f"target {target.get('Arn')} of the rule {self.name}"):
                    base.send_to_targets(alone, original_event, transform_input)

    return IndependentRule


@contextmanager
def _alone(name: str) -> Iterator[None]:
    """Log what goes wrong with one receiver; what may pass is the sender's to try again."""
    try:
        yield
    except Exception as error:
        if may_pass(error):
            raise
        log.warning("a message could not be put to the %s: %r", name, error)

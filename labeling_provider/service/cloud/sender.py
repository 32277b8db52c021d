"""Sends messages to HTTP endpoints, one at a time per endpoint, so that one that does not respond blocks nobody.

A message is a row of the database until it was accepted or given up, so that neither a kill nor a stop loses it. A
process takes it for a while, and if it dies meanwhile, the message is sent again, by whichever process is there. It is
the same to the letter each time, with the same message id. Failed messages are retried a few times, then logged and
dropped. ``labeling local`` and ``labeling work`` send; ``labeling serve`` only stores what is to be sent.
Source: SNS developer guide, "Message delivery retries".
"""

from __future__ import annotations

import json
import logging
import math
import threading
import time
from http import HTTPStatus
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from labeling_provider.service.clock import Clock
from labeling_provider.service.database import delivery_rows, notices
from labeling_provider.service.database.database import Database, Row

log = logging.getLogger(__name__)

MAX_ENDPOINTS: Final = 50
"""How many endpoints are served at a time."""
PAUSES: Final = (1.0, 5.0, 20.0)
"""Seconds of the service's clock before each retry."""
_CONNECT_SECONDS: Final = 5.0
_ANSWER_SECONDS: Final = 15.0
_TAKEN_SECONDS: Final = 45.0
"""How long sending a message may take: if a process dies meanwhile, another one takes over then."""
_LOOK_SECONDS: Final = 5.0
"""How often a process that shares its database looks for messages: it may have missed a notice."""
_LOCKED_SECONDS: Final = 0.05
"""When to look again for a message that another process is taking at this moment."""
_STOP_SECONDS: Final = 1.0
_MAX_BROKEN_OFF: Final = 20
"""How often processes may be killed while they send a message: it may be what kills them."""


class _Outcome(NamedTuple):
    """What became of a message that was sent.

    :param pause: seconds of the service's clock until it is sent again; None if it was delivered or given up.
    """

    delivery: Row
    pause: float | None


class Sender:
    """Sends the messages that are in the database.

    Each endpoint that has a message due gets a thread until nothing is due any more.

    :param clock: the time for retries.
    :param shared: whether other processes use the database as well.
    :param pauses: the seconds before each retry.
    """

    def __init__(self, database: Database, clock: Clock, *, shared: bool, pauses: tuple[float, ...] = PAUSES) -> None:
        self._database, self._clock, self._shared, self._pauses = database, clock, shared, pauses
        self._changed = threading.Condition()
        # By endpoint: when to look for its next message, in seconds of the monotonic clock,
        self._due: dict[str, float] = {}
        # and which message is being sent.
        self._sending: dict[str, Row | None] = {}
        self._has_missed = True
        self._is_stopping = self._has_stopped = False

    def start(self) -> None:
        """Send what is due, and from now on whatever is added."""
        if not self._shared:
            with self._database.write() as connection:
                delivery_rows.give_back_all(connection)
        self._database.listen(self._hear)
        threading.Thread(target=self._run, name="labeling-sender", daemon=True).start()

    def stop(self) -> None:
        """Begin nothing new. What is not sent soon is given back, for another process or the next start."""
        with self._changed:
            if self._has_stopped:
                return
            self._is_stopping = True
            self._changed.notify_all()
            self._changed.wait_for(lambda: not self._sending, _STOP_SECONDS)
            self._has_stopped = True
            left = {*self._due, *self._sending}
        if not left:
            return
        try:
            with self._database.write() as connection:
                # A thread that was taking a message has finished doing so, and from now on no thread takes one.
                with self._changed:
                    taken = [(delivery.id, delivery.attempts) for delivery in self._sending.values() if delivery]
                delivery_rows.give_back(connection, taken)
                for endpoint in left:
                    delivery_rows.tell(connection, endpoint)
        except Exception as error:  # noqa: BLE001 - others take over in a moment anyway
            log.warning("messages for HTTP endpoints could not be given back: %s", error)

    def _hear(self, notice: str) -> None:
        with self._changed:
            if self._is_stopping:
                return
            if notice.startswith(delivery_rows.DUE):
                self._due[notice.removeprefix(delivery_rows.DUE)] = time.monotonic()
            elif notice == notices.EVERYTHING:
                self._has_missed = True
            else:
                return
            self._changed.notify_all()

    def _run(self) -> None:
        """Start a thread for each endpoint that is due, until the end, whatever happens."""
        while not self._is_stopping:
            try:
                self._start_threads()
            except Exception as error:  # noqa: BLE001 - without this thread, nothing is sent until the next start
                log.error("messages for HTTP endpoints wait for %d seconds: %s", _LOOK_SECONDS, error)
                # Something may have been missed.
                self._has_missed = True
                self._wait_to_try_again()

    def _start_threads(self) -> None:
        """Start a thread for each endpoint that is due, until the end.

        :raises RuntimeError: if there can be no more threads at the moment.
        """
        look_at = math.inf
        while not self._is_stopping:
            if self._has_missed or time.monotonic() >= look_at:
                is_well = self._look()
                look_at = math.inf if is_well and not self._shared else time.monotonic() + _LOOK_SECONDS
            with self._changed:
                is_free = len(self._sending) < MAX_ENDPOINTS
                waiting = {at: endpoint for endpoint, at in self._due.items() if endpoint not in self._sending}
                at = min(waiting, default=math.inf) if is_free else math.inf
                left = min(at, look_at) - time.monotonic()
                if at <= time.monotonic():
                    self._begin(waiting[at])
                elif not (self._has_missed or self._is_stopping) and left > 0:
                    self._changed.wait(None if math.isinf(left) else left)

    def _begin(self, endpoint: str) -> None:
        threading.Thread(target=self._serve, args=(endpoint,), name="labeling-delivery", daemon=True).start()
        # The thread waits for the lock until this is noted.
        del self._due[endpoint]
        self._sending[endpoint] = None

    def _wait_to_try_again(self) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._is_stopping, _LOOK_SECONDS)

    def _look(self) -> bool:
        """Look for endpoints that have messages.

        :return: whether the database has answered.
        """
        self._has_missed = False
        try:
            with self._database.read() as connection:
                endpoints = delivery_rows.endpoints(connection)
        except Exception as error:  # noqa: BLE001 - the database will be back
            self._tell_of(error)
            return False
        with self._changed:
            for endpoint in endpoints:
                if endpoint not in self._sending:
                    self._due.setdefault(endpoint, time.monotonic())
        return True

    def _tell_of(self, error: Exception) -> None:
        # After a stop, the database is closed.
        if not self._is_stopping:
            log.error("messages for HTTP endpoints wait until the database works: %s", error)

    def _serve(self, endpoint: str) -> None:
        """Send the messages for an endpoint until none is due."""
        pause: float | None = _LOOK_SECONDS
        try:
            pause = self._send_due(endpoint)
        except Exception as error:  # noqa: BLE001 - the endpoint must not be left for good
            log.error("messages for an HTTP endpoint wait for %d seconds: %s", _LOOK_SECONDS, _reason(error))
        with self._changed:
            del self._sending[endpoint]
            if pause is not None:
                at = time.monotonic() + pause
                self._due[endpoint] = min(at, self._due.get(endpoint, at))
            self._changed.notify_all()

    def _send_due(self, endpoint: str) -> float | None:
        """Send the messages for an endpoint until none is due.

        :return: in how many seconds the next one is; None if there is none.
        """
        outcome: _Outcome | None = None
        while True:
            try:
                delivery, pause = self._next(endpoint, outcome)
            except Exception as error:  # noqa: BLE001 - the database will be back
                self._tell_of(error)
                self._wait_to_try_again()
                if self._is_stopping:
                    return None
                continue
            if delivery is None:
                return pause
            outcome = self._sent(delivery)

    def _next(self, endpoint: str, outcome: _Outcome | None) -> tuple[Row | None, float | None]:
        """Store what became of a message, and take the next one in the same transaction.

        :return: the next message, None if none is due; and in how many seconds one is, None if there is none.
        """
        # When the sender stops, taken messages are given back before the database closes: none may be taken in between.
        with self._database.alone():
            if self._has_stopped:
                return None, None
            now = self._clock.now()
            with self._database.write() as connection:
                if outcome is not None and outcome.pause is None:
                    delivery_rows.delete(connection, outcome.delivery.id)
                elif outcome is not None and outcome.pause is not None:
                    due = now + self._clock.real(outcome.pause)
                    delivery_rows.put_off(connection, outcome.delivery.id, outcome.delivery.attempts, due)
                delivery = None
                if not self._is_stopping:
                    delivery = delivery_rows.take(connection, endpoint, now, now + _TAKEN_SECONDS)
                next_due = delivery_rows.next_due(connection, endpoint) if delivery is None else None
            with self._changed:
                self._sending[endpoint] = delivery
        return delivery, None if next_due is None else max(next_due - now, _LOCKED_SECONDS)

    def _sent(self, delivery: Row) -> _Outcome:
        """Send a message, unless too many processes were killed meanwhile."""
        if delivery.attempts - delivery.failures > _MAX_BROKEN_OFF:
            trouble, is_final = "the delivery was interrupted too often", True
        else:
            trouble_now, is_final = _send(delivery)
            if trouble_now is None:
                return _Outcome(delivery, None)
            trouble = trouble_now
        if is_final or delivery.failures >= len(self._pauses):
            log.warning("a message to %s could not be delivered: %s", shown(delivery.url), trouble)
            return _Outcome(delivery, None)
        return _Outcome(delivery, self._pauses[delivery.failures])


def _send(delivery: Row) -> tuple[str | None, bool]:
    """Send a message once.

    :return: what went wrong, None if nothing did; and whether a retry is pointless.
    """
    import requests

    try:
        with requests.request(
            delivery.method,
            delivery.url,
            headers=json.loads(delivery.headers),
            data=delivery.body.encode(),
            timeout=(_CONNECT_SECONDS, _ANSWER_SECONDS),
            allow_redirects=False,
            # The response's body is not needed, and may be endless.
            stream=True,
        ) as response:
            status = response.status_code
    except (requests.ConnectionError, requests.Timeout) as error:
        return _reason(error), False
    except Exception as error:  # noqa: BLE001 - a bad address or response may raise anything
        return _reason(error), True
    if status < HTTPStatus.MULTIPLE_CHOICES:
        return None, True
    return f"it responded with {status}", status < HTTPStatus.INTERNAL_SERVER_ERROR and status != 429


def _reason(error: BaseException) -> str:
    """What went wrong, in words without the URL: parts of it may be secret."""
    root = error
    while root.__context__ is not None:
        root = root.__context__
    why = getattr(root, "strerror", None)
    return f"{type(error).__name__}: {why}" if why else type(error).__name__


def shown(url: str) -> str:
    """An endpoint's URL for the log, without the parts that may be secret."""
    try:
        parts = urlsplit(url)
        return f"{parts.scheme}://{parts.hostname}:{parts.port or ''}{parts.path}"[:200].replace("\n", " ")
    except ValueError:
        return "an invalid URL"

"""Clients that recover from failing credentials: they are created again from the current connection.

botocore looks up credentials once, when a client is created. A client created while the credentials endpoint was down
never gets any, and a client whose keys were rotated keeps the old ones.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Any, Final

from labeling_provider.client.parsing import quote_little
from labeling_provider.client.retries import is_credentials_trouble

_PAUSE: Final = 5.0
_NO_CALLS: Final = frozenset({"exceptions", "meta", "waiter_names"})

log = logging.getLogger(__name__)


class Renewal:
    """Decides when to create the clients of a connection again: all at once, and not too often.

    :param forget: drops cached parts of the connection.
    """

    def __init__(self, forget: Callable[[], None]) -> None:
        self._forget = forget
        self._lock = threading.Lock()
        self._generation = 0
        self._has_failed = False
        self._renewed_at: float | None = None

    def generation(self) -> int:
        """The current generation of clients."""
        with self._lock:
            now = time.monotonic()
            if self._has_failed and (self._renewed_at is None or now - self._renewed_at >= _PAUSE):
                self._forget()
                self._generation += 1
                self._has_failed, self._renewed_at = False, now
            return self._generation

    def failed(self, generation: int) -> None:
        """Note that credentials failed for a client of some generation, or that it could not be created."""
        with self._lock:
            self._has_failed |= generation == self._generation


class RenewedClient:
    """A proxy for a boto3 client, which is created on first use and again after credentials failed.

    The text of its errors is one line, whatever a server has sent.

    :param renewal: decides when to create the client again.
    :param make: creates the client.
    """

    def __init__(self, renewal: Renewal, make: Callable[[], Any]) -> None:
        self._renewal, self._make = renewal, make
        self._lock = threading.Lock()
        self._newest: tuple[int, Any] | None = None

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if name in _NO_CALLS:
            return getattr(self.now, name)

        def call(*arguments: Any, **named: Any) -> Any:
            generation, client = self._current()
            try:
                return getattr(client, name)(*arguments, **named)
            except Exception as error:
                quote_little(error)
                if is_credentials_trouble(error):
                    self._renewal.failed(generation)
                raise

        return call

    @property
    def now(self) -> Any:
        """The current boto3 client."""
        return self._current()[1]

    def _current(self) -> tuple[int, Any]:
        with self._lock:
            generation = self._renewal.generation()
            if self._newest is None or self._newest[0] != generation:
                if self._newest is not None:
                    log.info("Credentials failed; reading the connection again")
                try:
                    self._newest = generation, self._make()
                except Exception:
                    self._renewal.failed(generation)
                    raise
            return self._newest

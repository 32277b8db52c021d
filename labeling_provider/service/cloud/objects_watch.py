"""Watches whether the object store answers: probes, metrics and the log say so, and nobody who asks waits for it."""

from __future__ import annotations

import logging
import threading
import time
from typing import Final

from labeling_provider.service.cloud.object_store import ObjectsAway, ObjectStore
from labeling_provider.service.measures import OBJECT_STORE_UP
from labeling_provider.service.repeating import Repeating

log = logging.getLogger(__name__)

_LOOK_SECONDS: Final = 2.0
_FIRST_LOOK_SECONDS: Final = 0.5
"""How often it looks until the store has answered once."""
_MAX_LOOK_SECONDS: Final = 30.0
"""A check that takes longer counts as failed: looking up a host's name has no limit of its own."""
_SETTINGS: Final = "Check --s3-endpoint, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY."


class ObjectsWatch:
    """Checks the object store again and again, in a thread of its own.

    :param objects: checks within seconds.
    """

    def __init__(self, objects: ObjectStore) -> None:
        self._objects = objects
        self._trouble = "the object store was not asked yet"
        self._began: float | None = None
        self._has_answered = False
        self._looked = threading.Event()
        trouble = "the object store could not be checked"
        self._repeating = Repeating("labeling-objects-watch", self.look, self._pause, trouble)
        OBJECT_STORE_UP.set_function(lambda: float(not self.trouble))

    @property
    def trouble(self) -> str:
        """What is wrong; empty if the store answered the last check."""
        began = self._began
        if began is not None and time.monotonic() - began > _MAX_LOOK_SECONDS:
            return "the object store does not respond"
        return self._trouble

    @property
    def has_answered(self) -> bool:
        """Whether the store has answered this process at all: until then, its settings may be wrong."""
        return self._has_answered

    @property
    def has_looked(self) -> bool:
        """Whether it has checked the store."""
        return self._looked.is_set()

    def start(self) -> None:
        """Look now, and from time to time."""
        self._repeating.start()

    def stop(self) -> None:
        """Look no more."""
        self._repeating.stop()

    def wait(self, seconds: float) -> None:
        """Wait until it has looked once."""
        self._looked.wait(seconds)

    def look(self) -> None:
        """Check the store once."""
        before = self._trouble if self._looked.is_set() else ""
        self._began = time.monotonic()
        try:
            self._objects.check()
        except Exception as error:  # noqa: BLE001 - whatever it is, objects can't be read
            # The error itself may name the endpoint with a password in its URL.
            words = f"the object store does not respond ({type(error).__name__})"
            trouble = str(error) if isinstance(error, ObjectsAway) else words
            if trouble != before:
                log.error("%s. %s", trouble, self._advice())
        else:
            trouble, self._has_answered = "", True
            if before:
                log.warning("the object store answers again")
        self._trouble, self._began = trouble, None
        self._looked.set()

    def _advice(self) -> str:
        if self._has_answered:
            return "Labeling jobs wait for it; people can go on where it is not needed."
        return f"{_SETTINGS} Until it has answered once, this process is not ready."

    def _pause(self) -> float:
        return _LOOK_SECONDS if self._has_answered else _FIRST_LOOK_SECONDS

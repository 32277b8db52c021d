"""Objects for people's pages: S3 is waited for only briefly, and not at all by threads that must not wait.

An S3 that hangs would else take every thread of the portal, one request after the other.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextvars import ContextVar
from datetime import datetime
from typing import IO, Final, TypeVar

from labeling_provider.service.cloud.object_store import ObjectsAway, ObjectStore
from labeling_provider.service.failures import is_outage

AGAIN_SECONDS: Final = 2.0
"""How long nobody asks an S3 again that has not answered; then one does, and the others go on when it has."""
_MAY_WAIT: Final[ContextVar[bool]] = ContextVar("may_wait", default=True)
_T = TypeVar("_T")


class WouldWait(Exception):
    """This thread must not wait for the object store: ask again in one that may."""


def never_wait() -> None:
    """Have :class:`WouldWait` raised in the present thread, from now on, where it would wait for the object store."""
    _MAY_WAIT.set(False)


class ImpatientObjects(ObjectStore):
    """Objects in an S3 that may be away.

    Each access raises :class:`.ObjectsAway` if S3 does not answer it. While S3 is known to be away, that takes no time.

    :param objects: where they are, with short timeouts.
    :param words_for: says in words what an error of its client means.
    """

    def __init__(self, objects: ObjectStore, words_for: Callable[[BaseException], str]) -> None:
        self._objects, self._words_for = objects, words_for
        self._changing = threading.Lock()
        self._away, self._again = "", 0.0

    def read(self, uri: str) -> bytes:
        return self._ask(lambda: self._objects.read(uri))

    def beginning(self, uri: str, max_bytes: int) -> bytes:
        return self._ask(lambda: self._objects.beginning(uri, max_bytes))

    def size(self, uri: str) -> int:
        return self._ask(lambda: self._objects.size(uri))

    def version(self, uri: str) -> str | None:
        return self._ask(lambda: self._objects.version(uri))

    def copy_to(self, uri: str, file: IO[bytes]) -> None:
        self._ask(lambda: self._objects.copy_to(uri, file))

    def write(self, files: dict[str, tuple[bytes, str]]) -> None:
        self._ask(lambda: self._objects.write(files))

    def delete_below(self, prefix: str) -> int:
        return self._ask(lambda: self._objects.delete_below(prefix))

    def link(self, bucket: str, key: str, signed_at: datetime, seconds: int) -> str | None:
        """As :meth:`ObjectStore.link`.

        :raises ObjectsAway: if there are no credentials to sign it with.
        """
        # It is computed here, and says nothing of S3, but credentials may be missing.
        from botocore.exceptions import BotoCoreError

        try:
            return self._objects.link(bucket, key, signed_at, seconds)
        except BotoCoreError as error:
            raise ObjectsAway(self._words_for(error)) from error

    def check(self) -> None:
        self._converted(self._objects.check)

    def _ask(self, access: Callable[[], _T]) -> _T:
        with self._changing:
            if self._away and time.monotonic() < self._again:
                raise ObjectsAway(self._away)
            if not _MAY_WAIT.get():
                raise WouldWait
            # Beside this thread, the others do not wait.
            self._again = time.monotonic() + AGAIN_SECONDS
        return self._converted(access)

    def _converted(self, access: Callable[[], _T]) -> _T:
        """The result of an access.

        :raises ObjectsAway: if S3 does not answer, or refuses it.
        """
        from botocore.exceptions import BotoCoreError, ClientError
        from botocore.parsers import ResponseParserError

        away = ""
        try:
            return access()
        except (BotoCoreError, ClientError, ResponseParserError, OSError) as error:
            words = self._words_for(error)
            away = words if is_outage(error) else ""
            raise ObjectsAway(words) from error
        finally:
            with self._changing:
                self._away, self._again = away, time.monotonic() + AGAIN_SECONDS

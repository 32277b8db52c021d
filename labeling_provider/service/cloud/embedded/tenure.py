"""Which of the services that share a database has SNS, SQS and EventBridge: they are in one process at a time.

When that one ends, the next one that asks has them, with all that was kept.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from labeling_provider.service.database.database import Connection, Database

_NAME: Final = "messaging"


class Tenure:
    """This process's time with them.

    :param restore: lets moto have what is kept, and nothing else.
    """

    def __init__(self, database: Database, restore: Callable[[], None]) -> None:
        self._database, self._restoring = database, [restore]
        self._number: int | None = None
        self._beginning = threading.Lock()

    def restore_also(self, restore: Callable[[], None]) -> None:
        """Restore something else, too, when a time begins."""
        self._restoring.append(restore)

    def is_here(self) -> bool:
        """Whether they are in this process, now that everything is restored.

        :raises DatabaseError: if the database doesn't answer.
        """
        number = self._database.tenure(_NAME)
        if number is None:
            return False
        with self._beginning:
            if self._number != number:
                for restore in self._restoring:
                    restore()
                self._number = number
        return True

    def holder(self) -> str | None:
        """The address of the process that has them; None if there is none at the moment."""
        return self._database.holder(_NAME)

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction that changes what is kept.

        :raises NotHeld: if they are in another process by now.
        """
        with self._database.write() as connection:
            self.hold(connection)
            yield connection

    def hold(self, connection: Connection) -> None:
        """Keep them here until the end of a transaction; see :meth:`writing`."""
        self._database.hold(connection, _NAME)

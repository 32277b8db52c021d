"""Keeps what moto holds in this process in step with the database, which other processes change, too."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from labeling_provider.service.cloud.embedded.restoring import restoring
from labeling_provider.service.database import revisions
from labeling_provider.service.database.database import Connection, Database
from labeling_provider.service.database.recorded_states import States

_Described = dict[str, str]


class InStep:
    """Keeps in step what several processes share: topics, subscriptions, queues, event rules, roles."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._restoring: list[Callable[[], None]] = []
        self._number: int | None = None
        self._looking = threading.Lock()

    def restore_also(self, restore: Callable[[], None]) -> None:
        """Restore something, too, when anything has changed."""
        self._restoring.append(restore)

    def refresh(self) -> None:
        """Load the state in the database into moto. Call this before asking moto.

        :raises DatabaseError: if the database doesn't answer.
        """
        if self._database.revision(revisions.CLOUD) == self._number:
            return
        with self._looking:
            number = self._database.revision(revisions.CLOUD)
            if number != self._number:
                for restore in self._restoring:
                    restore()
                self._number = number

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction that changes any of it."""
        with self._database.write() as connection:
            revisions.changed(connection, revisions.CLOUD)
            yield connection
        number = self._database.revision(revisions.CLOUD)
        if self._number is not None and number == self._number + 1:
            # Nobody else has changed anything.
            self._number = number


class RecordedStates:
    """One kind of moto's resources, each written through to the database as a JSON object.

    This process remembers each as moto describes it, not as it is stored: moto may be unable to hold all of it, and
    what moto does not hold was not deleted by this process.

    :param described: what moto holds, by name.
    :param recall: adds one to moto, from its name and its stored state.
    :param drop: removes one from moto.
    """

    def __init__(
        self,
        database: Database,
        in_step: InStep,
        states: States,
        described: Callable[[], _Described],
        recall: Callable[[str, str], None],
        drop: Callable[[str], None],
    ) -> None:
        self._database, self._in_step, self._states = database, in_step, states
        self._described, self._recall, self._drop = described, recall, drop
        self._known: _Described = {}
        self._changing = threading.Lock()
        in_step.restore_also(self._restore)

    @contextmanager
    def recording(self) -> Iterator[None]:
        """Store what the block changes, or undo it if the database fails.

        :raises DatabaseError: if the database can't store it.
        """
        with self._changing:
            try:
                yield
            finally:
                self._keep()

    def _keep(self) -> None:
        now = self._described()
        if now == self._known:
            return
        try:
            with self._in_step.writing() as connection:
                for name in self._known.keys() - now.keys():
                    self._states.delete(connection, name)
                for name, state in now.items() - self._known.items():
                    # Another process may have changed it since this one has looked.
                    self._states.change(connection, name, self._known.get(name), state)
        except BaseException:
            self._return_to(self._known)
            raise
        self._known = now

    def _restore(self) -> None:
        with self._changing:
            with self._database.read() as connection:
                kept = self._states.kept(connection)
            self._return_to(kept)
            self._known = self._described()

    def _return_to(self, kept: _Described) -> None:
        now = self._described()
        for name in now.keys() - kept.keys():
            self._drop(name)
        for name, state in kept.items() - now.items():
            with restoring(name):
                self._recall(name, state)

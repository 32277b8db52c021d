"""A PostgreSQL of one's own, for tests and benchmarks: from the system's programs, in a temporary folder."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dev.stack import StackError, free_port, wait_until


def programs() -> Path:
    """Where PostgreSQL's programs are.

    :raises StackError: if they are missing.
    """
    programs = [
        shutil.which("postgres"),
        *sorted(map(str, Path("/usr/lib/postgresql").glob("*/bin/postgres")), reverse=True),
    ]
    program = next(filter(None, programs), None)
    if program is None:
        raise StackError("PostgreSQL's server is missing: `make setup` installs Debian's postgresql")
    return Path(program).resolve().parent


class PostgreSQL:
    """A server that runs.

    :param folder: where its data, its log and its socket are.
    :param other: whom its processes run as, as subprocess has it.
    """

    def __init__(self, folder: Path, other: dict[str, Any]) -> None:
        self.port = free_port()
        self._folder, self._other, self._bin = folder, other, programs()
        self._process: subprocess.Popen[bytes] | None = None
        options = ["-A", "trust", "-U", "postgres", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"]
        self._run("initdb", "-D", f"{folder}/data", *options)

    def url(self, database: str = "postgres", driver: str = "psycopg") -> str:
        """The address of a database, for SQLAlchemy."""
        return f"postgresql+{driver}://postgres@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        """Start it, and wait until it answers."""
        settings = ["-c", "listen_addresses=127.0.0.1", "-c", "fsync=off"]
        command = [self._bin / "postgres", "-D", f"{self._folder}/data", "-p", str(self.port), "-k", self._folder]
        with (self._folder / "log").open("ab") as log:
            where = {"cwd": self._folder, "start_new_session": True, **self._other}
            self._process = subprocess.Popen([*command, *settings], stderr=log, **where)
        wait_until(self._answers, 60, "PostgreSQL answers", 0.05)

    def stop(self) -> None:
        """End it, and every connection with it."""
        if self._process is not None:
            # The fast shutdown: no waiting for clients to leave.
            self._process.send_signal(2)
            self._process.wait(60)
            self._process = None

    def kill(self) -> None:
        """End it and all of its processes at once, as a crash would."""
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None

    def create(self, database: str) -> str:
        """Make an empty database; its URL."""
        self.execute(f'CREATE DATABASE "{database}"')
        return self.url(database)

    def execute(self, statement: str, database: str = "postgres") -> None:
        """Do one statement, as the superuser."""
        where = ["-h", "127.0.0.1", "-p", str(self.port), "-U", "postgres", "-d", database]
        self._run("psql", *where, "-v", "ON_ERROR_STOP=1", "-q", "-c", statement)

    def _answers(self) -> bool:
        asking = [self._bin / "pg_isready", "-h", "127.0.0.1", "-p", str(self.port)]
        return subprocess.run(asking, check=False, capture_output=True).returncode == 0

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self._bin / program), *arguments]
        done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=self._folder, **self._other)
        if done.returncode:
            raise StackError(f"{program}: {done.stderr.strip()}")


@contextmanager
def postgresql() -> Iterator[PostgreSQL]:
    """A server that runs until the end of the block."""
    # It refuses to run as root.
    other: dict[str, Any] = {"user": "postgres", "group": "postgres"} if os.geteuid() == 0 else {}
    with tempfile.TemporaryDirectory(prefix="labeling-postgresql-", ignore_cleanup_errors=True) as name:
        if other:
            shutil.chown(name, **other)
        server = PostgreSQL(Path(name), other)
        try:
            server.start()
            yield server
        finally:
            server.stop()

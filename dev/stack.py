"""Runs the self-hosted service and a real Airflow, each in a process group of its own, on free ports."""

from __future__ import annotations

import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

from dev.forks import ROOT, Fork, Importer

BIN = Path(sys.executable).parent


PARSED_ONCE = {"AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "3600"}
"""For an Airflow whose Dag files don't change: parsing them all again every 30 seconds keeps a core busy."""


PATIENCE = 4
"""How many times as long everything may take on a machine that does many things at once."""


class StackError(Exception):
    """A process did not come up or did not do what it should in time."""


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until(condition: Callable[[], Any], seconds: float, what: str, pause: float = 0.2) -> Any:
    """The condition's first true value.

    :param seconds: how long that takes at most, on a machine that has little else to do.
    :raises StackError: if it is not true in time.
    """
    deadline = time.monotonic() + PATIENCE * seconds
    while time.monotonic() < deadline:
        if value := condition():
            return value
        time.sleep(pause)
    raise StackError(f"{what}: not within {PATIENCE * seconds:.0f} s")


class Group:
    """A command in a process group of its own, its output in a file.

    :param stdout: a file descriptor for what is not to be in that file.
    :param importer: what it is forked from, if it is not to import everything by itself.
    """

    def __init__(
        self,
        command: Sequence[str],
        log: Path,
        env: Mapping[str, str],
        stdout: int | None = None,
        importer: Importer | None = None,
    ) -> None:
        self.log = log
        log.parent.mkdir(parents=True, exist_ok=True)
        self.process: subprocess.Popen[bytes] | Fork
        with log.open("ab") as output:
            out = output.fileno() if stdout is None else stdout
            if importer is not None:
                self.process = importer.fork(command, env, out, output.fileno())
                return
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=output,
                env=dict(env),
                cwd=ROOT,
                start_new_session=True,
            )

    def stop(self, seconds: float = 15) -> None:
        """End the whole group: ask first, then insist; return when nobody is left."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(self.process.pid, number)
            except ProcessLookupError:
                break
            deadline = time.monotonic() + seconds
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(seconds)
            while self._members() and time.monotonic() < deadline:
                time.sleep(0.05)
        self.process.wait()

    def kill(self) -> None:
        """End the whole group at once, as a crash would."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def _members(self) -> bool:
        try:
            os.killpg(self.process.pid, 0)
        except ProcessLookupError:
            return False
        return True


class Service:
    """The self-hosted service, or a part of one that several processes share.

    :param folder: its data directory and log.
    :param options: further options of the command.
    :param part: the command, ``local``, ``serve`` or ``work``.
    """

    importer: Callable[[], Importer | None] = staticmethod(lambda: None)
    """What it is forked from; tests, which start many, say so. Otherwise it starts as a user starts it."""

    def __init__(self, folder: Path, *options: str, env: Mapping[str, str] | None = None, part: str = "local") -> None:
        self.folder, self.options, self.part = folder, options, part
        self.env = {**os.environ, **(env or {})}
        self.start()

    def start(self) -> None:
        """Start it and read its ready line."""
        kept = ["--data-dir", str(self.folder / "data")] if self.part == "local" else []
        command = [str(BIN / "labeling"), self.part, *kept, *self.options]
        reader, writer = os.pipe()
        self._output = os.fdopen(reader)
        try:
            self.group = Group(command, self.folder / "service.log", self.env, writer, self.importer())
        finally:
            os.close(writer)
        try:
            line = self._output.readline()
        except BaseException:
            # Ctrl-C: nobody else knows of it yet.
            self.group.stop()
            raise
        if not line:
            raise StackError(f"the local service did not start: {self.group.log.read_text()[-2000:]}")
        self.ready: dict[str, Any] = json.loads(line)

    @property
    def endpoint_url(self) -> str:
        """Where it listens."""
        return str(self.ready["endpoint_url"])

    def client(self, name: str, **arguments: Any) -> Any:
        """A boto3 client of it."""
        import boto3

        defaults = {
            "endpoint_url": self.endpoint_url,
            "region_name": self.ready["region"],
            "aws_access_key_id": "local",
            "aws_secret_access_key": "local",
        }
        return boto3.client(name, **{**defaults, **arguments})

    def connection(self) -> str:
        """An Airflow connection to it, as JSON."""
        return json.dumps(
            {
                "conn_type": "aws",
                "login": "airflow",
                "password": "airflow",
                "extra": {"endpoint_url": self.endpoint_url, "region_name": self.ready["region"]},
            }
        )

    def kill(self) -> None:
        """End it at once, as a crash would."""
        self.group.kill()

    def stop(self) -> None:
        """End it."""
        self.group.stop()


def _patient_database(path: Path) -> str:
    """Address of a SQLite database whose readers don't block its writers, and whose writers wait for each other.

    :param path: the absolute path of its file, which is made if there is none.
    """
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA journal_mode=WAL")
    return f"sqlite:///{path}?timeout=30"


class RestApi:
    """Airflow's REST API, and the environment of its processes.

    :param folder: AIRFLOW_HOME and logs.
    :param dags: the Dag folder.
    :param connection: the connection ``aws_default``.
    :param settings: further environment variables.
    """

    def __init__(self, folder: Path, dags: Path, connection: str, settings: Mapping[str, str] | None = None) -> None:
        self.folder, self.dags, self.connection = folder, dags, connection
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._runs: Counter[str] = Counter()
        home = folder / "airflow"
        home.mkdir(parents=True, exist_ok=True)
        self.env = {
            **{key: value for key, value in os.environ.items() if not key.startswith("AIRFLOW")},
            "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
            "AIRFLOW_HOME": str(home),
            "AIRFLOW_CONN_AWS_DEFAULT": connection,
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": _patient_database(home / "airflow.db"),
            "AIRFLOW__CORE__DAGS_FOLDER": str(dags),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__PARALLELISM": "4",
            "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{self.url}/execution/",
            "AIRFLOW__API__HOST": "127.0.0.1",
            "AIRFLOW__API__PORT": str(self.port),
            "AIRFLOW__API__BASE_URL": self.url,
            "AIRFLOW__API__WORKERS": "1",
            "AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT": str(free_port()),
            "AIRFLOW__LOGGING__TRIGGER_LOG_SERVER_PORT": str(free_port()),
            "AIRFLOW__SCHEDULER__ENABLE_HEALTH_CHECK": "False",
            # On a machine that does many things at once, a task's process may wait long for the API server.
            "AIRFLOW__WORKERS__EXECUTION_API_TIMEOUT": "60",
            "AIRFLOW__WORKERS__MAX_FAILED_HEARTBEATS": "30",
            # A worker may take so many seconds to notice that a task has ended, and a trigger waits for that.
            "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": "2",
            "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
            "PYTHONUNBUFFERED": "1",
            **(settings or {}),
        }

    def wait_healthy(self, seconds: float = 300) -> None:
        """Wait until the scheduler, the triggerer and the Dag processor are up.

        :raises StackError: if they are not, with the end of the log.
        """
        wanted = ("metadatabase", "scheduler", "triggerer", "dag_processor")

        def healthy() -> bool:
            self.check_alive()
            try:
                health = self.get("/api/v2/monitor/health")
            except (OSError, ValueError):
                return False
            return all(health.get(part, {}).get("status") == "healthy" for part in wanted)

        wait_until(healthy, seconds, "airflow is healthy", 0.5)

    def check_alive(self) -> None:
        """Raise if a process that should run has ended."""

    def get(self, path: str) -> Any:
        """GET of the REST API."""
        return self._request("GET", path)

    def post(self, path: str, body: dict[str, Any]) -> Any:
        """POST to the REST API."""
        return self._request("POST", path, body)

    def patch(self, path: str, body: dict[str, Any]) -> Any:
        """PATCH of the REST API."""
        return self._request("PATCH", path, body)

    def _request(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        request = urllib.request.Request(
            self.url + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json", "Accept": "application/json"},
        )
        deadline = time.monotonic() + 90
        while True:
            try:
                # Processes that start at once on two cores leave the server without an answer for half a minute.
                with urllib.request.urlopen(request, timeout=90) as answer:
                    return json.load(answer)
            except urllib.error.HTTPError as error:
                # Airflow answers so when its database stays locked by another process, and has then changed nothing.
                if error.code != 500 or time.monotonic() > deadline:
                    raise
                time.sleep(0.5)

    def trigger(self, dag_id: str, seconds: float = 60, run_id: str | None = None, **params: Any) -> str:
        """Start a run of a Dag as soon as it is known; its id.

        :param run_id: its id. By default the runs of a Dag are counted: jobs are named after them, and simulated
            workers' luck hangs on the names, so that it is the same each time.
        :param params: its parameters.
        """
        self._runs[dag_id] += 1
        run_id = run_id or f"manual__{self._runs[dag_id]}"
        body = {"dag_run_id": run_id, "logical_date": None, "conf": params}

        def started() -> bool:
            try:
                self.post(f"/api/v2/dags/{dag_id}/dagRuns", body)
            except urllib.error.HTTPError as error:
                # 409: an answer was lost, the run was not.
                if error.code not in (404, 409):
                    raise StackError(f"{dag_id} can't be triggered: {error.read().decode()}") from None
                return error.code == 409
            return True

        wait_until(started, seconds, f"the Dag {dag_id} is known", 0.5)
        return run_id

    def run_state(self, dag_id: str, run_id: str) -> str:
        """State of a Dag run."""
        return str(self.get(f"/api/v2/dags/{dag_id}/dagRuns/{quote(run_id)}")["state"])

    def task(self, dag_id: str, run_id: str, task_id: str) -> dict[str, Any]:
        """A task instance."""
        run = quote(run_id)
        instance: dict[str, Any] = self.get(f"/api/v2/dags/{dag_id}/dagRuns/{run}/taskInstances/{task_id}")
        return instance

    def xcom(self, dag_id: str, run_id: str, task_id: str, key: str = "return_value") -> Any:
        """A value that a task has pushed; None if there is none."""
        run = quote(run_id)
        path = f"/api/v2/dags/{dag_id}/dagRuns/{run}/taskInstances/{task_id}/xcomEntries/{key}?deserialize=true"
        try:
            return self.get(path)["value"]
        except urllib.error.HTTPError as error:
            if error.code == 404:
                return None
            raise

    def task_log(self, dag_id: str, run_id: str, task_id: str, try_number: int | None = None) -> str:
        """Everything that a task has logged.

        :param try_number: in which try; by default in all of them: on a busy machine, Airflow itself loses some.
        """
        if try_number is not None:
            return self._try_log(dag_id, run_id, task_id, try_number)
        tries = max(self.task(dag_id, run_id, task_id)["try_number"], 1)
        return "\n".join(self._try_log(dag_id, run_id, task_id, number) for number in range(1, tries + 1))

    def _try_log(self, dag_id: str, run_id: str, task_id: str, number: int) -> str:
        path = f"/api/v2/dags/{dag_id}/dagRuns/{quote(run_id)}/taskInstances/{task_id}/logs/{number}?full_content=true"
        try:
            content = self.get(path)["content"]
        except urllib.error.HTTPError as error:
            if error.code != 404:
                raise
            return f"Airflow knows of no try {number}"
        return "\n".join(
            entry if isinstance(entry, str) else json.dumps(entry, ensure_ascii=False) for entry in content
        )


class Standalone(RestApi):
    """``airflow standalone``, as a user starts it, in a process group of its own."""

    def __init__(self, folder: Path, dags: Path, connection: str) -> None:
        super().__init__(folder, dags, connection)
        self.group = Group([str(BIN / "airflow"), "standalone"], folder / "airflow.log", self.env)

    def wait_healthy(self, seconds: float = 300) -> None:
        """The same, with the end of the log if it fails."""
        try:
            super().wait_healthy(seconds)
        except StackError as error:
            raise StackError(f"{error}: {self.group.log.read_text()[-3000:]}") from None

    def check_alive(self) -> None:
        """Raise if it has ended."""
        if self.group.process.poll() is not None:
            raise StackError("airflow has ended")

    def stop(self) -> None:
        """End all of its processes."""
        self.group.stop()


class Airflow(RestApi):
    """Scheduler, triggerer, Dag processor and API server, each in a process group of its own.

    They are forked from one process, which imports Airflow once for all of them: half of the processor time of those
    that :class:`Standalone` starts.

    :param parts: those to start at once.
    :param modules: what many tasks import, beside Airflow.
    """

    PARTS = ("api-server", "dag-processor", "scheduler", "triggerer")

    def __init__(
        self,
        folder: Path,
        dags: Path,
        connection: str,
        settings: Mapping[str, str] | None = None,
        parts: Sequence[str] = PARTS,
        modules: Sequence[str] = (),
    ) -> None:
        super().__init__(folder, dags, connection, settings)
        self.leaders: dict[str, int] = {}
        self.log = folder / "airflow.log"
        with self.log.open("ab") as output, self._explained():
            self.importer = Importer("dev.forked_airflow", *modules, env=self.env, log=output)
        for part in parts:
            self.start(part)

    def start(self, part: str, *options: str, name: str = "", **env: str) -> int:
        """Start a part; the id of its process.

        :param options: further options of its command.
        :param name: what to call it, and its log, if there is another one.
        :param env: what is different in its environment.
        """
        name = name or part
        command, log = ["airflow", part, *options], self.folder / f"{name}.log"
        with self._explained():
            group = Group(command, log, {**self.env, **env}, importer=self.importer)
        self.leaders[name] = group.process.pid
        return group.process.pid

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Says why nothing can be started."""
        try:
            yield
        except ChildProcessError as error:
            raise StackError(f"{error}: {self.log.read_text()[-2000:]}") from None

    def kill(self, part: str) -> None:
        """End a part and all that it has started, at once, as a machine that goes down would."""
        leader = self.leaders.pop(part)
        _kill([leader, *descendants(leader)])

    def wait_healthy(self, seconds: float = 300) -> None:
        """The same, with the ends of the logs if it fails."""
        try:
            super().wait_healthy(seconds)
        except StackError as error:
            logs = [self.folder / f"{part}.log" for part in self.leaders]
            ends = [f"{log.name}: {log.read_text()[-2000:]}" for log in logs if log.exists()]
            raise StackError("\n".join([str(error), *ends])) from None

    def check_alive(self) -> None:
        """Raise if a part has ended."""
        for part, leader in self.leaders.items():
            try:
                os.kill(leader, 0)
            except ProcessLookupError:
                raise StackError(f"Airflow's {part} has ended") from None

    def descendants(self) -> dict[int, str]:
        """Process ids and command lines of its parts and of everything that they have started."""
        return descendants(self.importer.pid)

    def stop(self) -> None:
        """End all of its processes at once: nothing that they still have to write is read again."""
        while started := self.descendants():
            _kill(started)
        self.importer.close()


class GuardedApi(RestApi):
    """A further API server of a running Airflow, where people sign in and have roles.

    :param airflow: the Airflow.
    :param roles: role of Airflow's simple auth manager by user name; the password is the name.
    """

    def __init__(self, airflow: Airflow, roles: Mapping[str, str]) -> None:
        super().__init__(airflow.folder, airflow.dags, airflow.connection)
        self._runs, self._airflow = airflow._runs, airflow
        passwords = airflow.folder / "passwords.json"
        passwords.write_text(json.dumps({name: name for name in roles}))
        env = {
            "AIRFLOW__API__BASE_URL": self.url,
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "False",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": ",".join(f"{name}:{role}" for name, role in roles.items()),
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(passwords),
        }
        self.pid = airflow.start("api-server", "--port", str(self.port), name="guarded-api-server", **env)
        wait_until(self._answers, 120, "the API server answers", 0.5)

    def _answers(self) -> bool:
        try:
            return bool(self.get("/api/v2/monitor/health"))
        except (OSError, ValueError):
            return False

    def token(self, name: str) -> str:
        """What a user's requests are authorized by."""
        return str(self.post("/auth/token", {"username": name, "password": name})["access_token"])

    def stop(self) -> None:
        """End it."""
        self._airflow.kill("guarded-api-server")


def _kill(pids: Iterable[int]) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def descendants(parent: int) -> dict[int, str]:
    """Process ids and command lines of everything that a process has started."""
    table = subprocess.run(["ps", "-eww", "-o", "pid,ppid,args"], capture_output=True, text=True, check=True).stdout
    rows = [line.split(None, 2) for line in table.splitlines()[1:]]
    children: dict[int, str] = {}
    wanted = {parent}
    while True:
        new = {int(pid): args for pid, ppid, args in rows if int(ppid) in wanted and int(pid) not in children}
        if not new:
            return children
        children.update(new)
        wanted = set(new)

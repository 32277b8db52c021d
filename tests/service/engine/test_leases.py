"""Several engines on one database: killed, held up or slow, together they do each thing once."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from random import Random
from typing import Any

import pytest
import sqlalchemy as sa

from dev.stack import wait_until
from labeling_provider.groundtruth.job import RUNNING, JobStatus
from labeling_provider.service.clock import Clock
from labeling_provider.service.cloud.embedded.moto_messaging import EmbeddedMessaging
from labeling_provider.service.database import lease_rows
from labeling_provider.service.database.database import Connection, Database
from labeling_provider.service.database.schema import jobs
from labeling_provider.service.engine import leases as timing
from labeling_provider.service.engine.leases import Leases
from labeling_provider.service.learning.loop import ActiveLearning
from labeling_provider.service.learning.registry import ModelRegistry
from labeling_provider.service.wiring import make_labeling
from labeling_provider.service.work.truth import Truth
from tests.service.in_process import ACCOUNT, REGION, InProcess, Memory


class Killed(BaseException):
    """The process is gone."""


class Held(Database):
    """One process's way to a database that is another object's."""

    def __init__(self, shared: Database, fate: Callable[[], None]) -> None:
        self._shared, self._fate = shared, fate

    def listen(self, hear: Callable[[str], None]) -> None:
        self._shared.listen(hear)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        with self._shared.read() as connection:
            yield connection

    @contextmanager
    def write(self, *, together: bool = False) -> Iterator[Connection]:
        self._fate()
        with self._shared.write(together=together) as connection:
            yield connection


class HeldStore(Memory):
    """One process's way to files that all of them have."""

    def __init__(self, shared: Memory, fate: Callable[[], None]) -> None:
        super().__init__()
        self.objects, self._fate = shared.objects, fate

    def write(self, files: dict[str, tuple[bytes, str]]) -> None:
        for uri, file in files.items():
            self._fate()
            super().write({uri: file})


class Replica:
    """An engine beside others.

    :param fate: what happens to it before each write.
    """

    def __init__(self, beside: InProcess, fate: Callable[[], None], announced: list[tuple[str, str]]) -> None:
        database, store = Held(beside.store, fate), HeldStore(beside.storage, fate)
        registry = ModelRegistry(database, store, beside.workforce, Clock())
        learning = ActiveLearning(database, store, beside.workforce, registry, 0, Clock())
        self.engine = make_labeling(
            database,
            store,
            beside.workforce,
            Truth((), store),
            EmbeddedMessaging(beside.store, ACCOUNT, REGION),
            lambda arn, status: announced.append((arn, status)),
            learning,
            Clock(),
            shared=True,
        ).engine


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[InProcess]:
    """A database and files, where the API makes jobs, but no engine of its own does their steps."""
    monkeypatch.setattr(timing, "LEASE_SECONDS", 0.4)
    monkeypatch.setattr(timing, "POLL_SECONDS", 0.05)
    made = InProcess(tmp_path)
    made.engine.stop()
    made.engine.wake = lambda _: None  # type: ignore[method-assign]
    yield made
    made.store.close()


def lines(count: int) -> bytes:
    return b"".join(
        json.dumps({"source": f"text {number}", "truth": "cat"}).encode() + b"\n" for number in range(count)
    )


def check(home: InProcess, name: str, count: int) -> None:
    """See that a job has come to its end, with everything once."""
    description = home.describe(name)
    assert description["LabelingJobStatus"] == "Completed", description
    assert description["LabelCounters"]["HumanLabeled"] == description["LabelCounters"]["TotalLabeled"] == count
    files = {uri: body for uri, body in home.storage.objects.items() if f"/{name}/" in uri}
    output = [json.loads(line) for line in files[description["LabelingJobOutput"]["OutputDatasetS3Uri"]].splitlines()]
    assert [line["source"] for line in output] == [f"text {number}" for number in range(count)]
    assert all(line["label-metadata"]["class-name"] == "cat" for line in output)
    responses = [uri for uri in files if "/worker-response/" in uri]
    assert set(Counter(uri.split("/")[-2] for uri in responses).values()) == {1}
    for uri in responses:
        workers = [answer["workerId"] for answer in json.loads(files[uri])["answers"]]
        assert len(workers) == len(set(workers)) == 2
    asked = [
        entry["datasetObjectId"]
        for uri, body in files.items()
        if "/consolidation-request/" in uri
        for entry in json.loads(body)
    ]
    assert len(asked) == len(set(asked)) == count


@pytest.mark.parametrize("seed", range(4))
def test_engines_that_are_killed_and_held_up_do_each_thing_once(
    home: InProcess, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    chance, announced = Random(seed), []
    blows, lock = [12], threading.Lock()
    dead: list[int] = []
    monkeypatch.setattr(threading, "excepthook", lambda _: None)

    def fate_of(number: int) -> Callable[[], None]:
        own = chance.random() * 0.1
        gone, asleep_until = threading.Event(), [0.0]

        def fate() -> None:
            # A process that is stopped is so with all of its threads.
            time.sleep(max(asleep_until[0] - time.monotonic(), 0))
            if gone.is_set():
                raise Killed
            with lock:
                luck = chance.random()
                struck = blows[0] > 0 and luck < 0.05 + own
                blows[0] -= struck
            if struck and luck < 0.04:
                gone.set()
                dead.append(number)
                raise Killed
            if struck:
                asleep_until[0] = time.monotonic() + 1.5 * timing.LEASE_SECONDS
                time.sleep(1.5 * timing.LEASE_SECONDS)

        return fate

    names = [home.create(lines(40), workers_per_object=2, max_concurrent_objects=15) for _ in range(3)]
    replicas = {number: Replica(home, fate_of(number), announced) for number in range(2)}

    def start(replica: Replica) -> None:
        with suppress(Killed):
            replica.engine.start()

    for replica in replicas.values():
        start(replica)

    def ended() -> bool:
        while dead:
            number = dead.pop()
            replicas[number].engine.stop()
            replicas[number] = Replica(home, fate_of(number), announced)
            start(replicas[number])
        return all(home.describe(name)["LabelingJobStatus"] not in RUNNING for name in names)

    arns = {home.describe(name)["LabelingJobArn"] for name in names}
    try:
        wait_until(ended, 120, "the jobs end", 0.05)
        wait_until(lambda: ended() and {arn for arn, _ in announced} == arns, 30, "every end is told", 0.05)
    finally:
        for replica in replicas.values():
            replica.engine.stop()
    time.sleep(0.7)  # whoever is held up still comes back, and must change nothing
    for name in names:
        check(home, name, 40)


def test_a_job_of_a_process_that_is_gone_is_taken_by_another(home: InProcess) -> None:
    name = home.create(lines(5), workers_per_object=2)
    with home.store.write() as connection:
        assert lease_rows.take(connection, 1, "gone", time.time(), time.time() + 0.3)
    announced: list[Any] = []
    replica = Replica(home, lambda: None, announced)
    replica.engine.start()
    try:
        wait_until(lambda: announced, 60, "the job has ended", 0.05)
    finally:
        replica.engine.stop()
    check(home, name, 5)
    assert [status for _, status in announced] == [JobStatus.COMPLETED]


def test_jobs_of_a_process_that_is_gone_wait_less_than_ten_seconds_on_any_machine() -> None:
    # As docs/team.md says: the lease was renewed just before, and the other process has just looked. Two seconds are
    # left for its first step.
    assert timing.LEASE_SECONDS + timing.POLL_SECONDS <= 8
    # A process that is alive keeps its jobs, even if a renewal comes late.
    assert timing.LEASE_SECONDS / 4 + 2 * timing.POLL_SECONDS < timing.LEASE_SECONDS


def test_who_is_told_of_a_job_goes_on_with_it_unless_another_one_knows_it_better(home: InProcess) -> None:
    home.create(lines(1))
    woken: list[int] = []
    leases = Leases(home.store, Clock(), lambda _: None, lambda job_id, *_: woken.append(job_id), shared=True)
    leases.start()
    leases.stop()
    for owner, expected in (("another", []), (leases._owner, [1])):
        with home.store.write() as connection:
            taken = lease_rows.take(connection, 1, owner, time.time(), time.time() - 1)
            assert taken is not None
            lease_rows.release(connection, taken[0], time.time() + 100)
        leases.wake(1, 0.0, patient=False)
        assert woken == expected
        with home.store.write() as connection:
            assert lease_rows.due(connection, time.time()) == [1]
    # It is told of once, until somebody has it.
    leases.wake(1, 0.0, patient=False)
    assert woken == [1]


def test_nobody_waits_to_wake_a_job_that_can_wait_and_it_is_told_of_once(home: InProcess) -> None:
    home.create(lines(1))
    woken: list[int] = []
    leases = Leases(home.store, Clock(), lambda _: None, lambda job_id, *_: woken.append(job_id), shared=True)
    leases.start()
    with home.store.write() as connection:
        taken = lease_rows.take(connection, 1, leases._owner, time.time(), time.time() + 100)
        assert taken is not None
    with home.store.write():
        # Nobody else can write.
        for _ in range(3):
            leases.wake(1, 0.2, patient=True)
        assert woken == []
    wait_until(lambda: woken, 10, "the job is woken", 0.01)
    leases.wake(1, 0.2, patient=True)
    leases.stop()
    assert woken == [1]
    with home.store.read() as connection:
        woken_at = connection.execute(sa.select(jobs.c.woken)).scalar_one()
    assert woken_at is not None

"""Simulated workers: each does one task at a time, by chance that is the same each time."""

from __future__ import annotations

import json
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

from labeling_provider.service.engine.leases import Leases
from labeling_provider.service.work.simulated import SimulatedWorkers
from tests.conftest import texts
from tests.service.in_process import ACCOUNT, REGION, InProcess

PEOPLE = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:workteam/private-crowd/private-people"


@contextmanager
def started(folder: Path, **settings: Any) -> Iterator[InProcess]:
    folder.mkdir(exist_ok=True)
    made = InProcess(folder, **settings)
    try:
        yield made
    finally:
        made.close()


def manifest(count: int) -> bytes:
    return "".join(json.dumps(line) + "\n" for line in texts(count)).encode()


def test_the_same_seed_gives_the_same_answers(tmp_path: Path) -> None:
    outputs = []
    for number, seed in enumerate((1, 1, 2)):
        with started(tmp_path / str(number), seed=seed, team={"workers": 10, "accuracy": 0.9}) as service:
            _, output = service.run(manifest(120), name="seeded")
            outputs.append([line["label"] for line in output])
    assert outputs[0] == outputs[1] != outputs[2]


def test_tasks_run_out_of_time_and_objects_expire(tmp_path: Path) -> None:
    with started(tmp_path, team={"workers": 3, "accuracy": 1, "seconds_per_task": 300}, speed=200) as service:
        began = time.monotonic()
        description, output = service.run(manifest(2), time_limit=30, availability=120)
        assert time.monotonic() - began >= 120 / 200
        assert description["LabelingJobStatus"] == "Completed"
        assert description["LabelCounters"]["FailedNonRetryableError"] == 2
        assert all("expired" in line["label-metadata"]["failure-reason"] for line in output)
        description, _ = service.run(manifest(2), availability=60, workforce=PEOPLE)
        assert description["LabelCounters"]["FailedNonRetryableError"] == 2


def test_a_job_of_more_than_thirty_days_fails(tmp_path: Path) -> None:
    with started(tmp_path, speed=2_000_000) as service:
        description, output = service.run(manifest(2), workforce=PEOPLE)
        assert description["LabelingJobStatus"] in {"Failed", "Completed"}
        assert "label" not in output[0]


def test_workers_do_one_task_at_a_time(tmp_path: Path) -> None:
    with started(tmp_path, team={"workers": 2, "accuracy": 1, "seconds_per_task": 0.05}) as service:
        names = [service.create(manifest(15), workers_per_object=2) for _ in range(2)]
        spans: dict[str, list[tuple[str, str]]] = defaultdict(list)
        for name in names:
            service.wait(name)
        for uri, body in service.storage.objects.items():
            if "/worker-response/" in uri:
                for answer in json.loads(body)["answers"]:
                    spans[answer["workerId"]].append((answer["acceptanceTime"], answer["submissionTime"]))
    assert sum(map(len, spans.values())) == 60
    assert len(spans) == 2
    for times in spans.values():
        assert all(before[1] <= after[0] for before, after in pairwise(sorted(times)))


def test_two_processes_never_give_one_worker_two_tasks_at_once(tmp_path: Path) -> None:
    """Both have chosen before either has written."""
    with started(tmp_path, team={"workers": 1, "accuracy": 1, "seconds_per_task": 900}) as service:
        service.engine.stop()
        names = [service.create(manifest(1)) for _ in range(2)]
        now = time.time()
        sides = []
        for name in names:
            engine = service.engine
            job_id = _id_of(service, name)
            leases: Leases = engine._leases
            taken = leases.take(job_id)
            assert taken is not None
            engine._stages.start.start(*taken)
            leases.release(taken[0], 0.0)
            taken = leases.take(job_id)
            assert taken is not None
            run = engine._stages.runs.of(*taken)
            engine._stages.hand_out.next_set(run)
            workers = SimulatedWorkers(service.store, service.workforce.teams, 4, engine._truth, engine._clock)
            sides.append((workers, run, workers.choices(run, now)))
        assert [len(moves.accepted) for _, _, moves in sides] == [1, 1]
        occupied = []
        for workers, run, moves in sides:
            with service.store.write() as connection:
                occupied.append(workers.occupy(connection, run, moves))
        assert occupied == [True, False]
        workers, run, _ = sides[1]
        assert workers.choices(run, now).accepted == []
        free_at = workers.free_at(run, now)
        assert free_at is not None
        assert free_at > now


def _id_of(service: InProcess, name: str) -> int:
    from labeling_provider.service.database.job_rows import find_job

    with service.store.read() as connection:
        job = find_job(connection, name)
    assert job is not None
    return job.id

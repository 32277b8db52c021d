"""Jobs whose surroundings fail: what may pass is waited for, all else ends the job with a reason."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa
from botocore.exceptions import ClientError, EndpointConnectionError

from dev.stack import wait_until
from labeling_provider.service.database.schema import jobs, tasks
from labeling_provider.service.database.states import TaskState
from labeling_provider.service.engine import scheduler as scheduling
from labeling_provider.service.engine.scheduler import Scheduler
from labeling_provider.service.work.desk import MoveRefused, NoJobs
from labeling_provider.service.work.people import Person
from labeling_provider.service.work.tasks import Refusal
from tests.service.in_process import InProcess

LINES = b"".join(json.dumps({"source": f"text {number}", "truth": "cat"}).encode() + b"\n" for number in range(30))
AWAY = EndpointConnectionError(endpoint_url="http://s3.example")
REFUSED = ClientError({"Error": {"Code": "AccessDenied", "Message": "It is not yours."}}, "PutObject")
PEOPLE = "arn:aws:sagemaker:us-east-1:123456789012:workteam/private-crowd/private-people"


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[InProcess]:
    made = InProcess(tmp_path)
    yield made
    made.close()


def waits_for_people(engine: InProcess, each: int = 1) -> str:
    """A job whose objects are with people; its name.

    :param each: how many people label an object.
    """
    name = engine.create(LINES, workforce=PEOPLE, workers_per_object=each)

    def sent() -> bool:
        with engine.store.read() as connection:
            theirs = sa.select(tasks.c.id).join(jobs, jobs.c.id == tasks.c.job_id).where(jobs.c.name == name)
            return connection.execute(theirs).first() is not None

    wait_until(sent, 60, "objects are with people", 0.01)
    return name


def person(number: int) -> Person:
    return Person(number, f"Person {number}", f"private.us-east-1.{number}", frozenset({PEOPLE}), {})


def taken(engine: InProcess, name: str, number: int = 0) -> int | None:
    """The task of a job that a person gets; None if there is none."""
    with engine.store.read() as connection:
        job_id = connection.execute(sa.select(jobs.c.id).where(jobs.c.name == name)).scalar_one()
    task = engine.engine.desk.next(person(number), job_id).task
    if task is None:
        return None
    # The task's page is made with it, while the storage works.
    assert task.job.kind.job.name == name
    return task.id


def answer(engine: InProcess, task: int | None, number: int = 0) -> None:
    assert task is not None
    engine.engine.desk.submit(person(number), task, {"crowd-classifier": {"label": "dog"}}, 1.0)


def test_a_job_waits_for_a_storage_that_is_away(engine: InProcess) -> None:
    name = waits_for_people(engine)
    engine.storage.down = AWAY
    engine.operations.call("StopLabelingJob", {"LabelingJobName": name})
    time.sleep(0.2)
    assert engine.describe(name)["LabelingJobStatus"] == "Stopping"
    engine.storage.down = None
    assert engine.wait(name)["LabelingJobStatus"] == "Stopped"


def test_a_job_waits_for_as_long_as_the_storage_is_away_and_then_not_for_a_refusal(
    engine: InProcess, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(scheduling, "_PASSING_SECONDS", 0.3)
    monkeypatch.setattr(scheduling, "_MAX_PAUSE", 0.02)
    name = waits_for_people(engine)
    engine.storage.down = AWAY
    engine.operations.call("StopLabelingJob", {"LabelingJobName": name})
    wait_until(lambda: caplog.text.count("the object store work: Could not connect to") > 20, 20, "it tries", 0.01)
    assert engine.describe(name)["LabelingJobStatus"] == "Stopping"
    engine.storage.down = REFUSED
    wait_until(lambda: "AccessDenied" in caplog.text, 20, "it has been refused", 0.01)
    assert engine.describe(name)["LabelingJobStatus"] == "Stopping", "the time of the outage does not count"
    assert engine.wait(name)["LabelingJobStatus"] == "Failed"


@pytest.mark.parametrize("stop", [True, False])
def test_a_job_that_the_storage_keeps_refusing_ends_and_says_so(
    engine: InProcess, monkeypatch: pytest.MonkeyPatch, stop: bool
) -> None:
    monkeypatch.setattr(scheduling, "_PASSING_SECONDS", 0.5)
    name = waits_for_people(engine)
    task = taken(engine, name)
    engine.storage.down = REFUSED
    if stop:
        engine.operations.call("StopLabelingJob", {"LabelingJobName": name})
    else:
        answer(engine, task)
    description = engine.wait(name)
    assert description["LabelingJobStatus"] == "Failed"
    assert "AccessDenied" in description["FailureReason"]


def test_a_job_that_meets_what_nobody_has_thought_of_ends_and_says_so(engine: InProcess) -> None:
    name = waits_for_people(engine)
    engine.storage.down = ZeroDivisionError("half a pair \ud800 and a zero \x00\nmore")
    engine.operations.call("StopLabelingJob", {"LabelingJobName": name})
    description = engine.wait(name)
    assert description["LabelingJobStatus"] == "Failed"
    assert "ZeroDivisionError: half a pair \ufffd and a zero \ufffd" in description["FailureReason"]


def test_answers_of_a_job_that_is_stopped_before_its_next_step_become_labels(tmp_path: Path) -> None:
    first = InProcess(tmp_path)
    name, other = waits_for_people(first, 2), waits_for_people(first, 2)
    # No step follows the last answer.
    first.engine.stop()
    for stopped, number in ((name, 0), (name, 1), (other, 0)):
        answer(first, taken(first, stopped, number), number)
    for stopped in (name, other):
        first.operations.call("StopLabelingJob", {"LabelingJobName": stopped})
    first.store.close()
    second = InProcess(tmp_path, objects=first.storage.objects)
    try:
        for stopped, labeled in ((name, 1), (other, 0)):
            description = second.wait(stopped)
            assert description["LabelingJobStatus"] == "Stopped"
            counters = {"HumanLabeled": labeled, "FailedNonRetryableError": 0, "Unlabeled": 30 - labeled}
            assert counters.items() <= description["LabelCounters"].items()
            output = second.storage.objects[description["LabelingJobOutput"]["OutputDatasetS3Uri"]]
            assert output.count(b'"class-name": "dog"') == labeled
            assert output.count(b"\n") == 30
    finally:
        second.close()


def test_who_has_no_job_is_told_why(engine: InProcess) -> None:
    desk = engine.engine.desk
    assert desk.no_jobs(replace(person(0), teams=frozenset())) is NoJobs.TEAM
    assert desk.no_jobs(person(0)) is NoJobs.NONE
    name = waits_for_people(engine)
    assert len(desk.jobs(person(0))) == 1
    engine.operations.call("StopLabelingJob", {"LabelingJobName": name})
    assert engine.wait(name)["LabelingJobStatus"] == "Stopped"
    assert (desk.jobs(person(0)), desk.no_jobs(person(0))) == ([], NoJobs.ENDED)


def test_who_submits_to_a_job_that_has_stopped_is_told_so(engine: InProcess) -> None:
    name = waits_for_people(engine)
    task = taken(engine, name)
    # Its output can't be written for a while, so the job stays in Stopping.
    engine.storage.down = AWAY
    engine.operations.call("StopLabelingJob", {"LabelingJobName": name})

    def withdrawn() -> bool:
        with engine.store.read() as connection:
            left = sa.select(tasks.c.id).where(tasks.c.state != TaskState.EXPIRED)
            return connection.execute(left).first() is None

    wait_until(withdrawn, 60, "no task is with anybody", 0.01)
    assert engine.describe(name)["LabelingJobStatus"] == "Stopping"
    assert taken(engine, name, 1) is None
    with pytest.raises(MoveRefused, match=Refusal.JOB_OVER):
        answer(engine, task)
    engine.storage.down = None
    assert engine.wait(name)["LabelCounters"]["HumanLabeled"] == 0


def run(step: Callable[[int], float | None], *job_ids: int) -> tuple[Scheduler, list[tuple[int, BaseException]]]:
    given_up: list[tuple[int, BaseException]] = []
    scheduler = Scheduler(step, lambda job_id, error: given_up.append((job_id, error)))
    scheduler.start()
    for job_id in job_ids:
        scheduler.wake(job_id)
    return scheduler, given_up


def test_steps_that_fail_now_and_then_are_too_many_in_the_end() -> None:
    steps = 0

    def step(_: int) -> float:
        nonlocal steps
        steps += 1
        if steps % 2:
            raise KeyError("again")
        return 0.0

    scheduler, given_up = run(step, 1)
    try:
        wait_until(lambda: given_up, 30, "the job is given up", 0.02)
    finally:
        scheduler.stop()
    assert steps == 7


def test_a_step_that_asks_the_process_to_end_ends_no_thread() -> None:
    done = []

    def step(job_id: int) -> None:
        if job_id < 10:
            raise SystemExit
        done.append(job_id)

    scheduler, _ = run(step, *range(10), 10)
    try:
        wait_until(lambda: done, 30, "the other job is looked at", 0.02)
    finally:
        scheduler.stop()


def test_steps_that_take_long_hold_up_no_other_job_nor_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scheduling, "_LATE_SECONDS", 0.05)
    monkeypatch.setattr(scheduling, "_STOP_SECONDS", 0.1)
    done = []

    def step(job_id: int) -> None:
        if job_id < 5:
            time.sleep(60)
        done.append(job_id)

    scheduler, _ = run(step, *range(5), 5)
    wait_until(lambda: done == [5], 30, "the other job is looked at", 0.02)
    before = time.monotonic()
    scheduler.stop()
    assert time.monotonic() - before < 30


def test_a_small_job_does_not_wait_for_large_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scheduling, "_LATE_SECONDS", 1e9)
    monkeypatch.setattr(scheduling, "_QUICK_SECONDS", 0.05)
    goes_on, done = threading.Event(), []
    seen: set[int] = set()

    def step(job_id: int) -> float | None:
        if job_id == 9:
            done.append(job_id)
            return None
        if job_id in seen:
            goes_on.wait(60)
            return None
        time.sleep(0.1)
        seen.add(job_id)
        return 0.0

    scheduler, _ = run(step, *range(4))
    try:
        wait_until(lambda: len(seen) == 4, 30, "the steps of large jobs take long", 0.02)
        scheduler.wake(9)
        wait_until(lambda: done, 10, "the small job has its turn", 0.02)
    finally:
        goes_on.set()
        scheduler.stop()


def test_a_patient_job_whose_steps_take_long_comes_after_others_until_somebody_has_no_patience() -> None:
    order: list[int] = []

    def step(job_id: int) -> float:
        if job_id == 1 and not order:
            time.sleep(0.2)
        order.append(job_id)
        return 600.0

    scheduler, _ = run(step, 1)
    try:
        wait_until(lambda: order == [1], 30, "the long step is done", 0.02)
        scheduler.wake(1, 0.0, patient=True)
        scheduler.wake(2, 0.2, patient=True)
        wait_until(lambda: order[1:], 30, "another step", 0.02)
        assert order == [1, 2]
        scheduler.wake(3, 0.1)
        scheduler.wake(1, 0.0)
        wait_until(lambda: len(order) == 4, 30, "both steps", 0.02)
        assert order == [1, 2, 1, 3]
    finally:
        scheduler.stop()

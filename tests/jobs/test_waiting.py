"""When a wait is over, and how a job is waited for."""

from __future__ import annotations

import dataclasses
import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dev.stack import wait_until
from labeling_provider.client.ground_truth import GroundTruth
from labeling_provider.errors import LabelingError
from labeling_provider.groundtruth.events import DETAIL_TYPE
from labeling_provider.groundtruth.job import JobState, JobStatus
from labeling_provider.jobs import waiting
from labeling_provider.jobs.waiting import Vigil, wait_for_job
from labeling_provider.request import PrivateWorkteam
from tests.client.clients import ground_truth
from tests.conftest import Lab, texts
from tests.flaky import proxy

STATE = JobState("job", "arn", JobStatus.IN_PROGRESS, 3, 3, 0, 1, 6, "", 0.0, None)


def moved(labeled: int) -> JobState:
    return dataclasses.replace(STATE, labeled=labeled, human_labeled=labeled)


def test_a_later_vigil_goes_on_with_the_clock_of_an_earlier_one() -> None:
    first = Vigil(stall_timeout=100)
    assert first.verdict(STATE, 1000) is None
    assert first.seconds_left(1000) == 100
    second = Vigil(stall_timeout=100, memory=first.memory)
    assert second.seconds_left(1060) == 40
    assert second.verdict(STATE, 1060) is None
    assert second.verdict(None, 1100) == {"state": STATE.as_dict(), "stalled": 100}


def test_what_moved_while_nobody_looked_starts_the_clock_again() -> None:
    first = Vigil(stall_timeout=100)
    first.verdict(STATE, 1000)
    second = Vigil(stall_timeout=100, memory=first.memory)
    assert second.verdict(moved(4), 1090) is None
    assert second.seconds_left(1090) == 100


@pytest.mark.parametrize(
    ("status", "event"),
    [
        (JobStatus.COMPLETED, True),
        (JobStatus.FAILED, True),
        (JobStatus.STOPPED, True),
        (JobStatus.STOPPING, False),
    ],
)
def test_any_end_ends_it(status: JobStatus, event: bool) -> None:
    state = dataclasses.replace(STATE, status=status)
    assert (Vigil().verdict(state, 0) is not None) is event


def test_a_deadline_counts_even_if_nothing_was_ever_seen() -> None:
    vigil = Vigil(deadline=10)
    assert vigil.seconds_left(4) == 6
    assert vigil.verdict(None, 9.9) is None
    assert vigil.verdict(None, 10) == {"state": None, "timeout": True}


def test_without_limits_it_waits_for_ever() -> None:
    assert Vigil().seconds_left(0) is None
    assert Vigil().verdict(STATE, 1e12) is None


def state_of(client: GroundTruth, name: str) -> JobState:
    return client.job(name).state


@pytest.fixture
def name(lab: Lab) -> Iterator[str]:
    """A job that waits for people."""
    made = lab.create(texts(2), workforce=lab.people)
    lab.wait(made, {"InProgress"})
    yield made
    lab.sagemaker.stop_labeling_job(LabelingJobName=made)


def test_an_event_ends_a_wait_long_before_the_next_look(lab: Lab, client: GroundTruth, name: str) -> None:
    sqs = client.client("sqs")
    url = sqs.create_queue(QueueName=f"waiting-{name}", Attributes={"VisibilityTimeout": "0"})["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody="not for us")

    def end() -> None:
        lab.sagemaker.stop_labeling_job(LabelingJobName=name)
        lab.wait(name)
        arn = lab.describe(name)["LabelingJobArn"]
        for resource in (arn.replace(name, "other"), arn):
            sqs.send_message(
                QueueUrl=url, MessageBody=json.dumps({"detail-type": DETAIL_TYPE, "resources": [resource]})
            )

    vigil, running = Vigil(deadline=time.time() + 60), state_of(client, name)
    timer = threading.Timer(0.2, end)
    timer.start()
    event = wait_for_job(client, running, vigil, poll_interval=3600, events_queue_url=url)
    timer.join()
    assert event["state"]["status"] == "Stopped"
    assert "timeout" not in event
    left = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["ApproximateNumberOfMessages"])["Attributes"]
    assert left["ApproximateNumberOfMessages"] == "2", "our event is gone; what is another's stays"


def test_a_job_on_which_something_moves_does_not_stall(
    lab: Lab, client: GroundTruth, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hundred seconds pass with each change, so that only what is not noticed is a standstill."""
    changes: list[JobState] = []
    clock = SimpleNamespace(time=lambda: 100.0 * len(changes), monotonic=time.monotonic, sleep=time.sleep)
    monkeypatch.setattr(waiting, "time", clock)
    team = PrivateWorkteam(lab.team("steady"))
    name = lab.create(texts(5), workforce=team, workers_per_object=1)
    lab.wait(name, {"InProgress"})
    vigil = Vigil(stall_timeout=150)
    event = wait_for_job(client, state_of(client, name), vigil, poll_interval=0.05, show=changes.append)
    assert event["state"]["status"] == "Completed", event
    assert clock.time() > 150


def test_without_its_queue_a_wait_goes_by_its_looks(lab: Lab, client: GroundTruth, name: str) -> None:
    vigil = Vigil(deadline=time.time() + 1.5)
    gone = f"{lab.service.endpoint_url}/123456789012/gone"
    event = wait_for_job(client, state_of(client, name), vigil, poll_interval=1, events_queue_url=gone)
    assert event["timeout"] is True


def test_a_wait_without_events_goes_by_its_looks(client: GroundTruth, name: str) -> None:
    vigil = Vigil(deadline=time.time() + 1.2)
    assert wait_for_job(client, state_of(client, name), vigil, poll_interval=1.1)["timeout"] is True


def test_trouble_on_the_way_is_sat_out_and_shown_is_what_has_changed(
    lab: Lab, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    shown: list[JobState] = []
    with proxy(lab) as between, ThreadPoolExecutor(1) as pool:
        client = ground_truth(lab, between.url)
        between.trouble = ["drop", "InternalFailure", "ThrottlingException"]

        def end() -> None:
            wait_until(lambda: between.trouble == [], 30, "all trouble is over", 0.02)
            lab.sagemaker.stop_labeling_job(LabelingJobName=name)

        ending = pool.submit(end)
        vigil = Vigil(deadline=time.time() + 60)
        state = JobState.of(lab.describe(name))
        event = wait_for_job(client, state, vigil, poll_interval=0.05, show=shown.append)
        ending.result()
    assert event["state"]["status"] == "Stopped"
    statuses = [state.status for state in shown]
    assert statuses in (["InProgress", "Stopped"], ["InProgress", "Stopping", "Stopped"])
    assert caplog.text.count(f"No answer about {name}, trying again in") == 3


def test_a_job_that_is_gone_or_a_service_that_stays_away_is_an_error(lab: Lab, client: GroundTruth, name: str) -> None:
    state = dataclasses.replace(state_of(client, name), name="nobody")
    with pytest.raises(LabelingError, match="the labeling job no longer exists"):
        wait_for_job(client, state, Vigil(), poll_interval=0.05)
    away = ground_truth(lab, "http://127.0.0.1:9", outage=0.1)
    with pytest.raises(LabelingError, match=f"Waiting for {name}: no answer for"):
        wait_for_job(away, state_of(client, name), Vigil(), poll_interval=0.05)


counted = st.builds(lambda number: dataclasses.replace(STATE, labeled=number, human_labeled=number), st.integers(0, 3))


@example([(None, 0.1), (moved(0), 1.624250072720085), (None, 1.1), (None, 17.0)], None, 18.0)
@given(
    st.lists(st.tuples(st.none() | counted, st.floats(0, 20)), max_size=8),
    st.none() | st.floats(0, 50),
    st.none() | st.floats(0, 30),
)
def test_a_wait_is_over_at_the_moment_that_it_has_said(
    looks: list[tuple[JobState | None, float]], deadline: float | None, stall: float | None
) -> None:
    vigil, now = Vigil(deadline=deadline, stall_timeout=stall), 0.0
    for state, seconds in looks:
        left = vigil.seconds_left(now)
        now += seconds if left is None else min(seconds, left)
        changed = state is not None and vigil.memory["counted"] != state.counted
        event = vigil.verdict(state, now)
        assert json.loads(json.dumps(vigil.memory)) == vigil.memory
        if left is not None and seconds >= left and not changed:
            assert event is not None
        if event is not None:
            assert event.get("timeout") or event["stalled"] == pytest.approx(stall, abs=1e-6)
            return

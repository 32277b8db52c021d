"""Jobs whose surroundings fail: what may pass is waited for, all else ends the job with a reason."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from dev.stack import wait_until
from labeling_provider.service.engine import scheduler as scheduling
from tests.service.at_the_desk import answer, taken, waits_for_people
from tests.service.in_process import InProcess

AWAY = EndpointConnectionError(endpoint_url="http://s3.example")
REFUSED = ClientError({"Error": {"Code": "AccessDenied", "Message": "It is not yours."}}, "PutObject")


def test_a_job_waits_for_a_storage_that_is_away(engine: InProcess) -> None:
    name = waits_for_people(engine)
    engine.storage.down = AWAY
    engine.operations.call("StopLabelingJob", {"LabelingJobName": name})
    time.sleep(0.2)
    assert engine.describe(name)["LabelingJobStatus"] == "Stopping"
    engine.storage.down = None
    assert engine.wait(name)["LabelingJobStatus"] == "Stopped"


class Later:
    """A monotonic clock that can be put forward."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def monotonic(self) -> float:
        return time.monotonic() + self.seconds


def test_a_job_waits_for_as_long_as_the_storage_is_away_and_then_not_for_a_refusal(
    engine: InProcess, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    clock = Later()
    monkeypatch.setattr(scheduling, "time", clock)
    monkeypatch.setattr(scheduling, "_MAX_PAUSE", 0.02)
    name = waits_for_people(engine)
    engine.storage.down = AWAY
    engine.operations.call("StopLabelingJob", {"LabelingJobName": name})

    def goes_on_trying(words: str) -> None:
        wanted = caplog.text.count(words) + 3
        wait_until(lambda: caplog.text.count(words) >= wanted, 20, "it tries", 0.01)
        assert engine.describe(name)["LabelingJobStatus"] == "Stopping"

    for _ in range(3):
        goes_on_trying("the object store to come back: Could not connect to")
        clock.seconds += 2 * scheduling._PASSING_SECONDS
    goes_on_trying("the object store to come back: Could not connect to")
    engine.storage.down = REFUSED
    # The time of the outage does not count.
    goes_on_trying("AccessDenied")
    clock.seconds += 2 * scheduling._PASSING_SECONDS
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

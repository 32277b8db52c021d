"""A user's code in a process of its own: whatever it does, whoever asks it gets an answer or a reason in time."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from labeling_provider.service.cloud.processes import Fault, Process
from tests.bad_functions import PIDS

MEBIBYTE = 1 << 20


@pytest.fixture
def process(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Process]:
    monkeypatch.setenv(PIDS, str(tmp_path))
    started = Process(f"tests.bad_functions:{request.param}", 8 * MEBIBYTE)
    yield started
    started.end()
    assert not started.is_alive


@pytest.mark.parametrize("process", ["echoes"], indirect=True)
def test_large_events_and_answers_come_over_whole(process: Process) -> None:
    event = {"text": "x" * (4 * MEBIBYTE)}
    assert process.ask(event, 60)["event"] == event
    assert process.ask({}, 60)["event"] == {}


@pytest.mark.parametrize("process", ["echoes"], indirect=True)
def test_a_process_that_takes_no_event_is_waited_for_no_longer_than_allowed(process: Process) -> None:
    pid = process.ask({}, 60)["pid"]
    os.kill(pid, signal.SIGSTOP)
    with pytest.raises(Fault, match="timed out after 0.2 seconds"):
        process.ask({"text": "x" * (4 * MEBIBYTE)}, 0.2)


@pytest.mark.parametrize("process", ["hangs", "spins"], indirect=True)
def test_an_answer_that_is_not_wanted_any_more_is_not_waited_for(process: Process) -> None:
    asked = []

    def is_wanted() -> bool:
        asked.append(True)
        return len(asked) < 3

    with pytest.raises(InterruptedError):
        process.ask({}, 600, is_wanted)
    assert len(asked) == 3


@pytest.mark.parametrize("process", ["raises_or_says_what_is_imported"], indirect=True)
def test_a_function_s_error_is_told_without_importing_what_the_function_has_no_time_for(process: Process) -> None:
    before = process.ask({"raise": False}, 60)
    with pytest.raises(Fault, match="ValueError: half a pair"):
        process.ask({"raise": True}, 60)
    assert not any(name.partition(".")[0] == "botocore" for name in before)
    more = set(process.ask({"raise": False}, 60)) - set(before)
    assert {name for name in more if name.partition(".")[0] in {"botocore", "labeling_provider", "urllib3"}} == set()


@pytest.mark.parametrize("process", ["no_such_function"], indirect=True)
def test_a_function_that_is_not_there_is_told(process: Process) -> None:
    with pytest.raises(Fault, match="its process exited with 1"):
        process.ask({}, 60)

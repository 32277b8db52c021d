"""Whoever runs a job: one that remembers nothing, and waits in its own process."""

from __future__ import annotations

import json
import re
import time
from typing import Any

import pytest

from labeling_provider.client.ground_truth import GroundTruth
from labeling_provider.groundtruth.job import JobState
from labeling_provider.jobs.caller import Caller, RunOptions, Wait
from labeling_provider.jobs.ownership import Owner
from tests.conftest import Lab, texts
from tests.jobs.runs import Notebook, for_people


def test_it_remembers_nothing(owner: Owner) -> None:
    caller = Caller(owner)
    caller.remember_name("birds")
    caller.keep_model("arn:model")
    assert (caller.remembered_name(), caller.last_model()) == (None, None)
    assert (caller.try_number, caller.deadline) == (1, None)


@pytest.mark.parametrize(
    ("option", "choices"),
    [
        ("if_job_exists", "'adopt' or 'replace' or 'fail'"),
        ("on_missing_labels", "'warn' or 'fail' or 'chain'"),
        ("on_stall", "'leave' or 'stop'"),
        ("preflight", "'fail' or 'warn' or 'off'"),
    ],
)
def test_an_option_that_is_a_choice_is_one_of_those_that_there_are(option: str, choices: str) -> None:
    for value in ("ignore", "", None, ["fail"]):
        with pytest.raises(ValueError, match=re.escape(f"{option} must be {choices}, not {value!r}")):
            RunOptions(**{option: value})


def wait(
    lab: Lab, client: GroundTruth, owner: Owner, *, people: bool, seconds: float | None = None, **limits: Any
) -> tuple[Notebook, dict[str, Any]]:
    """Wait for a job; who has waited, and what has come of it."""
    caller = Notebook(owner)
    spec = for_people(lab) if people else lab.spec(texts(3))
    draft = spec.draft(f"caller-{owner.run_id[:12]}", client.region)
    for uri, text in draft.files.items():
        client.objects.write_text(uri, text)
    job = client.create_job(draft.request)
    deadline = None if seconds is None else time.time() + seconds
    known = {"targets": frozenset[str](), "stall_timeout": None, **limits}
    event = caller.wait(client, Wait(job.state, deadline=deadline, **known), RunOptions(poll_interval=0.05))
    json.dumps(event)
    return caller, event


def test_a_wait_ends_with_the_job_and_what_happens_is_heard(lab: Lab, client: GroundTruth, owner: Owner) -> None:
    caller, event = wait(lab, client, owner, people=False)
    assert JobState.of_dict(event["state"]).status == "Completed"
    assert caller.seen[-1] == JobState.of_dict(event["state"])


def test_a_wait_ends_when_time_is_up(lab: Lab, client: GroundTruth, owner: Owner) -> None:
    _, event = wait(lab, client, owner, people=True, seconds=0.3)
    assert event["timeout"] is True


@pytest.mark.parametrize("status", ["InProgress"])
def test_a_wait_ends_at_a_status_that_is_waited_for(lab: Lab, client: GroundTruth, owner: Owner, status: str) -> None:
    _, event = wait(lab, client, owner, people=True, targets=frozenset({status}))
    assert event == {"state": event["state"]}
    assert event["state"]["status"] == status


def test_a_wait_ends_when_nothing_moves(lab: Lab, client: GroundTruth, owner: Owner) -> None:
    _, event = wait(lab, client, owner, people=True, stall_timeout=0.3)
    assert event["stalled"] >= 0.3

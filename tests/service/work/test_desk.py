"""What people at the desk are told, and what they can do there."""

from __future__ import annotations

from dataclasses import replace

import pytest
import sqlalchemy as sa
from botocore.exceptions import EndpointConnectionError

from dev.stack import wait_until
from labeling_provider.service.database.schema import tasks
from labeling_provider.service.database.states import TaskState
from labeling_provider.service.work.desk import MoveRefused, NoJobs
from labeling_provider.service.work.tasks import Refusal
from tests.service.at_the_desk import answer, person, taken, waits_for_people
from tests.service.in_process import InProcess

AWAY = EndpointConnectionError(endpoint_url="http://s3.example")


def test_who_has_no_job_is_told_why(engine: InProcess) -> None:
    desk = engine.labeling.desk
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

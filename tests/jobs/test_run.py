"""A labeling job run to its end without Airflow, against the real service."""

from __future__ import annotations

import dataclasses
import json
import logging
import threading
from datetime import timedelta
from typing import Any

import pytest

from labeling_provider.client.ground_truth import GroundTruth
from labeling_provider.errors import (
    InvalidRequestError,
    JobNameTakenError,
    LabelingError,
    LabelingJobFailedError,
    LabelingJobStalledError,
    LabelingJobStoppedError,
    LabelingTimeoutError,
)
from labeling_provider.jobs.ownership import Owner, OwnJob, killed_tags
from labeling_provider.request import LabelingJobSpec, PrivateWorkteam
from tests.conftest import Lab, texts
from tests.jobs.runs import Notebook, first_try, for_people, run
from tests.own_names import own_id
from tests.service.engine.test_stream import KEY, counted, stopped


def test_it_labels_and_hands_on_where_the_labels_are(lab: Lab, client: GroundTruth, owner: Owner) -> None:
    caller = Notebook(owner)
    result = run(client, lab.spec(texts(6)), caller).run()
    assert result["status"] == "Completed"
    assert result["counters"]["human_labeled"] == 6
    lines = [json.loads(line) for line in lab.get(result["output_manifest_uri"]).splitlines()]
    assert [line["label-metadata"]["class-name"] for line in lines] == [line["truth"] for line in texts(6)]
    assert caller.followed == [result["job_name"]]
    assert caller.ended == ["Completed"]
    assert caller.seen[-1].labeled == 6


def test_a_later_try_goes_on_with_the_job_of_an_earlier_one(lab: Lab, client: GroundTruth, owner: Owner) -> None:
    spec = lab.spec(texts(3))
    first = run(client, spec, Notebook(owner), wait_for_completion=False).run()
    second = run(client, spec, Notebook(owner, try_number=2)).run()
    assert second["job_name"] == first["job_name"]
    assert second["status"] == "Completed"


def test_what_has_come_of_a_job_is_told_once_though_it_ended_before_anybody_looked(
    lab: Lab, client: GroundTruth, owner: Owner, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    spec = lab.spec(texts(3))
    first_try(lab, client, spec, owner, {"Completed"})
    later = Notebook(owner, try_number=2)
    result = run(client, spec, later).run()
    assert [(state.status, state.labeled) for state in later.seen] == [("Completed", 3)]
    assert caplog.text.count(f"{result['job_name']} Completed, 3 of 3 labeled (3 by people)") == 1
    caplog.clear()
    seen = Notebook(owner, try_number=3)
    run(client, spec, seen).resume({"job_name": result["job_name"], "state": later.seen[0].as_dict()})
    assert (seen.seen, seen.ended) == ([], ["Completed"])
    assert "3 of 3 labeled" not in caplog.text, "whoever waited has told of it"


def test_a_job_of_the_wanted_name_that_is_somebody_else_s_is_left_alone(
    lab: Lab, client: GroundTruth, owner: Owner
) -> None:
    name = lab.create(texts(2))
    with pytest.raises(JobNameTakenError, match=f"A labeling job named {name} exists"):
        run(client, lab.spec(texts(2)), Notebook(owner), job_name=name).run()


def test_all_that_is_wrong_is_told_at_once_and_nothing_is_made(lab: Lab, client: GroundTruth, owner: Owner) -> None:
    spec = lab.spec(texts(2), role_arn="nobody", workers_per_object=10)
    task = run(client, spec, Notebook(owner), labels_queue="labels")
    with pytest.raises(InvalidRequestError) as caught:
        task.run()
    message = str(caught.value)
    assert "RoleArn" in message
    assert "NumberOfHumanWorkersPerDataObject" in message
    assert "labels_queue: is for streaming jobs" in message
    assert client.find_job(task.first_name) is None


def test_what_the_first_round_leaves_over_is_labeled_in_further_ones(
    lab: Lab, client: GroundTruth, owner: Owner
) -> None:
    spec = lab.spec(texts(12), workforce=PrivateWorkteam(lab.team("moody")), workers_per_object=1, availability=60)
    caller = Notebook(owner)
    result = run(client, spec, caller, on_missing_labels="chain", max_rounds=99).run()
    assert result["unlabeled"] == result["failed"] == 0
    assert [turn["job_name"] for turn in result["rounds"]] == caller.followed
    assert len(lab.get(result["output_manifest_uri"]).splitlines()) == 12


def test_labels_that_are_missing_fail_if_that_is_asked_for(lab: Lab, client: GroundTruth, owner: Owner) -> None:
    spec = lab.spec(texts(4), workforce=PrivateWorkteam(lab.team("reluctant")), workers_per_object=1)
    with pytest.raises(LabelingJobFailedError, match="4 of 4 objects unlabeled"):
        run(client, spec, Notebook(owner), on_missing_labels="fail").run()


@pytest.mark.parametrize(("stops", "status"), [(True, "Stopped"), (False, "InProgress")])
def test_when_time_is_up_the_job_is_stopped_or_goes_on(
    lab: Lab, client: GroundTruth, owner: Owner, stops: bool, status: str
) -> None:
    options = {"job_timeout": timedelta(seconds=1), "stop_job_on_kill": stops}
    spec = for_people(lab)
    first_try(lab, client, spec, owner, {"InProgress"})
    task = run(client, spec, Notebook(owner, try_number=2), **options)
    with pytest.raises(LabelingTimeoutError, match="0 of 3 objects labeled"):
        task.run()
    name = str(task.job_under_way)
    assert lab.wait(name, {status})["LabelingJobStatus"] == status
    if not stops:
        client.stop_job(name)


def test_a_job_that_stands_still_is_told_with_its_usual_cause(lab: Lab, client: GroundTruth, owner: Owner) -> None:
    options = {"stall_timeout": timedelta(seconds=1), "on_stall": "stop"}
    spec = for_people(lab)
    first_try(lab, client, spec, owner, {"InProgress"})
    task = run(client, spec, Notebook(owner, try_number=2), **options)
    with pytest.raises(LabelingJobStalledError, match="the workteam has no members.* It was stopped, because on_stall"):
        task.run()
    assert lab.wait(str(task.job_under_way), {"Stopped"})


def test_a_job_that_somebody_else_stops_is_an_error_of_its_own(lab: Lab, client: GroundTruth, owner: Owner) -> None:
    caller = Notebook(owner, when_followed=lambda job: threading.Timer(0.3, client.stop_job, [job.name]).start())
    with pytest.raises(LabelingJobStoppedError, match="stopped from outside this task"):
        run(client, for_people(lab), caller).run()


def test_a_killed_run_stops_its_job_and_the_next_try_makes_another(lab: Lab, client: GroundTruth, owner: Owner) -> None:
    spec = for_people(lab)
    killed = run(client, spec, Notebook(owner), wait_for_completion=False)
    name = killed.run()["job_name"]
    killed.kill()
    lab.wait(name, {"Stopped"})
    later = run(client, spec, Notebook(owner, try_number=2), wait_for_completion=False)
    result = later.run()
    assert result["job_name"] == f"{name}-2"
    client.stop_job(f"{name}-2")


def test_a_run_that_is_killed_while_it_creates_its_job_leaves_none_behind(
    lab: Lab, client: GroundTruth, owner: Owner, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = run(client, for_people(lab), Notebook(owner))
    create = client.create_job

    def kill_first(request: Any) -> Any:
        with pytest.raises(LabelingError, match="There is no labeling job"):
            task.kill()
        return create(request)

    monkeypatch.setattr(client, "create_job", kill_first)
    with pytest.raises(LabelingError, match="The task was killed while labeling job"):
        task.run()
    assert lab.wait(str(task.job_under_way), {"Stopped"})


def test_a_wait_that_somebody_else_has_done_goes_on_from_its_event(lab: Lab, client: GroundTruth, owner: Owner) -> None:
    spec = lab.spec(texts(3))
    name = run(client, spec, Notebook(owner), wait_for_completion=False).run()["job_name"]
    lab.wait(name)
    assert run(client, spec, Notebook(owner)).resume({"job_name": name, "state": None})["status"] == "Completed"
    with pytest.raises(LabelingError, match="no answer"):
        run(client, spec, Notebook(owner)).resume({"error": "no answer"})


def test_a_streaming_job_is_handed_on_as_soon_as_it_takes_objects(lab: Lab, client: GroundTruth, owner: Owner) -> None:
    topics = {
        f"{which}_topic_arn": f"arn:aws:sns:us-east-1:123456789012:{which}-{own_id().hex}"
        for which in ("input", "output")
    }
    spec = lab.spec(None, **topics)
    queue = f"labels-{own_id().hex}"
    result = run(client, spec, Notebook(owner), create_topics=True, labels_queue=queue).run()
    assert result["status"] == "InProgress"
    assert result.items() >= topics.items()
    assert result["labels_queue_url"].endswith(queue)
    assert result["output_manifest_uri"] == f"s3://lab/out/{result['job_name']}/manifests/output/output.manifest"
    assert result["backlog_queue"] == f"GroundTruth-{result['job_name']}"
    client.stop_job(result["job_name"])


def test_a_job_that_was_taken_up_and_is_then_stopped_by_the_kill_of_the_try_before_is_followed_by_another(
    lab: Lab, client: GroundTruth, owner: Owner
) -> None:
    spec = for_people(lab)
    first = run(client, spec, Notebook(owner), wait_for_completion=False).run()["job_name"]
    lab.wait(first, {"InProgress"})

    def stop(job: OwnJob) -> None:
        lab.wait(job.name, {"InProgress"})
        client.stop_job(job.name, killed_tags(1) if job.name == first else None)

    caller = Notebook(owner, 2, stop)
    with pytest.raises(LabelingJobStoppedError, match=f"{first}-2 ended as Stopped"):
        run(client, spec, caller).run()
    assert caller.followed == [first, f"{first}-2"]


@pytest.fixture
def stream(lab: Lab) -> LabelingJobSpec:
    """A streaming job that waits for people."""
    topic = f"arn:aws:sns:us-east-1:123456789012:input-{own_id().hex}"
    return lab.spec(None, input_topic_arn=topic, workforce=lab.people)


def test_a_stopped_job_is_followed_by_another_when_its_task_is_cleared(
    lab: Lab, client: GroundTruth, owner: Owner, stream: LabelingJobSpec
) -> None:
    first = run(client, stream, Notebook(owner), create_topics=True).run()
    stopped(lab, first["job_name"])
    second = run(client, stream, Notebook(owner), create_topics=True).run()
    assert second["job_name"] == f"{first['job_name']}-2"
    stopped(lab, second["job_name"])


def test_a_job_that_does_not_start_fails_the_task(client: GroundTruth, owner: Owner, stream: LabelingJobSpec) -> None:
    with pytest.raises(LabelingError, match="the input topic .* does not exist"):
        run(client, stream, Notebook(owner)).run()


def test_a_start_manifest_goes_along(lab: Lab, client: GroundTruth, owner: Owner, stream: LabelingJobSpec) -> None:
    manifest = lab.manifest([{**line, KEY: "source"} for line in texts(3)])
    team = PrivateWorkteam(lab.team())
    spec = dataclasses.replace(stream, manifest_uri=manifest, workforce=team, workers_per_object=1)
    result = run(client, spec, Notebook(owner), create_topics=True).run()
    counted(lab, result["job_name"], TotalLabeled=3)
    stopped(lab, result["job_name"])


def test_it_needs_no_airflow() -> None:
    import subprocess
    import sys

    check = (
        "import sys, labeling_provider.jobs.run; print([name for name in sys.modules if name.startswith('airflow')])"
    )
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"

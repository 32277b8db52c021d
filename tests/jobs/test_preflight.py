"""Everything that is wrong with a job is told before it is created, at once."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from typing import Any

import pytest

from labeling_provider.client.ground_truth import GroundTruth
from labeling_provider.errors import InvalidRequestError, LabelingJobFailedError
from labeling_provider.jobs.ownership import Owner
from labeling_provider.request import AutomatedLabeling
from tests.client.clients import ground_truth
from tests.conftest import Lab, texts
from tests.flaky import proxy
from tests.jobs.runs import Notebook, run
from tests.jobs.yards import Yard, complaints, looked_at, pictures
from tests.service.engine.test_stream import text


def test_what_a_service_does_not_do_is_asked_once_and_told_in_a_line(lab: Lab, logged: Callable[[], str]) -> None:
    with proxy(lab) as between:
        between.unsupported = {"SimulatePrincipalPolicy"}
        assert looked_at(lab, client=ground_truth(lab, between.url)).run()
        assert between.operations["SimulatePrincipalPolicy"] == 1
    (line,) = [one for one in logged().splitlines() if "permissions of the role" in one]
    assert "INFO" in line
    assert "can't check the permissions of the role labeling-local (NotImplemented)" in line


def test_trouble_can_be_told_or_left_alone(lab: Lab, logged: Callable[[], str]) -> None:
    yard = Yard(lab)
    yard.uris.append(f"s3://{yard.bucket}/gone.png")
    assert pictures(yard, preflight="warn", fix_cors=False).run()
    told = logged()
    assert "gone.png does not exist" in told
    assert "no CORS rule" in told
    assert pictures(yard, preflight="off", fix_cors=False).run()
    told = logged()
    assert "gone.png" not in told


def test_few_objects_are_warned_of_and_the_service_has_the_last_word(
    lab: Lab, client: GroundTruth, owner: Owner, logged: Callable[[], str]
) -> None:
    with pytest.raises(LabelingJobFailedError, match="at least 1,250 objects"):
        run(client, lab.spec(texts(30), automated_labeling=True), Notebook(owner)).run()
    told = "30 objects are few for automated labeling: Amazon requires 1,250 and advises 5,000"
    assert told in logged()


def test_ready_functions_are_refused_on_amazon(lab: Lab, client: GroundTruth, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [{"source-ref": "s3://lab/a.png"}]
    arguments = {"task_type": "custom", "consolidation": "polygons", "preflight": "off"}
    assert looked_at(lab, lines, **arguments).run(), "it is there on the service"
    monkeypatch.setattr(GroundTruth, "is_amazon", True)
    (problem,) = complaints(looked_at(lab, lines, **arguments))
    assert problem.startswith("consolidation: 'polygons' is a function of the self-hosted service; Amazon does not")
    assert "Lambda function of your own as consolidation_function" in problem


@pytest.mark.parametrize(
    ("arguments", "options", "wanted"),
    [
        ({"automated_labeling": AutomatedLabeling()}, {}, "a streaming job can't use automated labeling"),
        ({"max_human_labeled_objects": 5}, {}, "StoppingConditions: a streaming job ignores them"),
        ({}, {"on_missing_labels": "chain"}, "a streaming job runs until it is stopped"),
        ({}, {"notify_from": "s3://lab/new/"}, "do not work for text-classification"),
        ({"task_type": "image-classification"}, {"notify_from": "s3://lab/"}, "output would become input"),
        ({"task_type": "image-classification"}, {"notify_from": "s3://lab/out/a"}, "output would become input"),
        ({"task_type": "image-classification"}, {"notify_from": "lab/new"}, "is not an S3 URI"),
        ({}, {"notify_from": "s3://yard/", "create_topics": False}, "Set create_topics=True"),
        ({}, {"labels_queue": "labels"}, "Set output_topic_arn"),
        ({"manifest_uri": "s3://lab/out/input.manifest"}, {}, "Keep a streaming job's input and output apart"),
    ],
)
def test_the_rules_of_streaming_are_checked_before_anything_is_made(
    lab: Lab, client: GroundTruth, owner: Owner, arguments: dict[str, Any], options: dict[str, Any], wanted: str
) -> None:
    lab.put("out/input.manifest", json.dumps(text(1)))
    topic = f"arn:aws:sns:us-east-1:123456789012:input-{uuid.uuid4().hex}"
    spec = lab.spec(None, **{"input_topic_arn": topic, **arguments})
    with pytest.raises(InvalidRequestError) as caught:
        run(client, spec, Notebook(owner), **{"create_topics": True, **options}).run()
    assert wanted in str(caught.value)
    assert {"TopicArn": topic} not in lab.service.client("sns").list_topics()["Topics"]


@pytest.mark.parametrize("option", ["create_topics", "notify_from", "labels_queue"])
def test_a_static_job_takes_no_arguments_of_streaming(lab: Lab, client: GroundTruth, owner: Owner, option: str) -> None:
    with pytest.raises(InvalidRequestError, match=f"{option}: is for streaming jobs"):
        run(client, lab.spec(texts(2)), Notebook(owner), **{option: "s3://yard/"}).run()

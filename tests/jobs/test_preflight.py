"""Everything that is wrong with a job is told before it is created, at once."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from labeling_provider.client.ground_truth import GroundTruth
from labeling_provider.errors import InvalidRequestError, LabelingJobFailedError
from labeling_provider.groundtruth.task_types import TASK_TYPES
from labeling_provider.jobs.ownership import Owner
from labeling_provider.request import AutomatedLabeling
from labeling_provider.request.templates import worker_template
from tests.client.clients import ground_truth
from tests.conftest import Lab, texts
from tests.flaky import proxy
from tests.jobs.runs import Notebook, run
from tests.jobs.yards import Yard, complaints, looked_at, pictures
from tests.own_names import own_id
from tests.service.engine.test_stream import text

SIDES = ("left", "top", "width", "height")


def test_what_a_service_does_not_do_is_asked_once_and_told_in_a_line(lab: Lab, logged: Callable[[], str]) -> None:
    with proxy(lab) as between:
        between.unsupported = {"SimulatePrincipalPolicy"}
        assert looked_at(lab, client=ground_truth(lab, between.url)).run()
        assert between.operations["SimulatePrincipalPolicy"] == 1
    (line,) = [row for row in logged().splitlines() if "permissions of the role" in row]
    assert "INFO" in line
    assert "can't check the permissions of the role labeling-local (NotImplemented)" in line


def test_a_service_that_goes_by_no_policies_is_nothing_to_tell_of(lab: Lab, logged: Callable[[], str]) -> None:
    assert looked_at(lab).run()
    assert "can't check" not in logged()


def test_trouble_can_be_told_or_left_alone(lab: Lab, logged: Callable[[], str]) -> None:
    yard = Yard(lab)
    yard.uris.append(f"s3://{yard.bucket}/gone.png")
    assert pictures(yard, preflight="warn", fix_cors=False).run()
    log = logged()
    assert "gone.png does not exist" in log
    assert "no CORS rule" in log
    assert pictures(yard, preflight="off", fix_cors=False).run()
    log = logged()
    assert "gone.png" not in log


def test_few_objects_are_warned_of_and_the_service_has_the_last_word(
    lab: Lab, client: GroundTruth, owner: Owner, logged: Callable[[], str]
) -> None:
    with pytest.raises(LabelingJobFailedError, match="at least 1,250 objects"):
        run(client, lab.spec(texts(30), automated_labeling=True), Notebook(owner)).run()
    warning = "30 objects are few for automated labeling: Amazon requires 1,250 and recommends 5,000"
    assert warning in logged()


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
    topic = f"arn:aws:sns:us-east-1:123456789012:input-{own_id().hex}"
    spec = lab.spec(None, **{"input_topic_arn": topic, **arguments})
    with pytest.raises(InvalidRequestError) as caught:
        run(client, spec, Notebook(owner), **{"create_topics": True, **options}).run()
    assert wanted in str(caught.value)
    assert {"TopicArn": topic} not in lab.service.client("sns").list_topics()["Topics"]


@pytest.mark.parametrize("option", ["create_topics", "notify_from", "labels_queue"])
def test_a_static_job_takes_no_arguments_of_streaming(lab: Lab, client: GroundTruth, owner: Owner, option: str) -> None:
    with pytest.raises(InvalidRequestError, match=f"{option}: is for streaming jobs"):
        run(client, lab.spec(texts(2)), Notebook(owner), **{option: "s3://yard/"}).run()


BOXES = {"image_size": [{"width": 9, "height": 9}], "annotations": [{**dict.fromkeys(SIDES, 1), "class_id": 0}]}
ABOUT = {"type": "groundtruth/object-detection", "class-map": {"0": "cat"}}


@pytest.mark.parametrize(
    ("keys", "arguments", "words"),
    [
        ({}, {}, "has a label of the type groundtruth/object-detection to audit"),
        ({}, {"audited_attribute": "boxen"}, "has a label 'boxen' to audit. It has 'boxes'. Use the output manifest"),
        ({"boxes": "x"}, {}, "line 2: boxes: Expected `object`, got `str`. Correct the manifest"),
        ({"boxes-metadata": {**ABOUT, "class-map": {"0": "cow"}}}, {}, "line 2: boxes: its class 'cow' is not one of"),
        (
            {"boxes-metadata": {"type": "groundtruth/custom"}},
            {"audited_attribute": "boxes"},
            "line 2: boxes: its type is 'groundtruth/custom', but adjustment-bounding-box needs",
        ),
    ],
)
def test_the_labels_to_audit_are_looked_at(
    lab: Lab, keys: dict[str, Any], arguments: dict[str, Any], words: str
) -> None:
    yard = Yard(lab, 2)
    labels = {} if not keys and not arguments else {"boxes": BOXES, "boxes-metadata": ABOUT}
    first, second = ({"source-ref": uri, **labels} for uri in yard.uris)
    lines = yard.lab.manifest([first, {**second, **keys}])
    complained = complaints(looked_at(lab, lines, task_type="adjustment-bounding-box", fix_cors=True, **arguments))
    assert len(complained) == 1
    assert words in complained[0]


def test_the_labels_to_audit_are_those_that_the_template_shows(lab: Lab) -> None:
    yard = Yard(lab, 1)
    page = worker_template(TASK_TYPES["adjustment-bounding-box"], "", "", "boxes")
    later = {"later": {**BOXES, "annotations": "x"}, "later-metadata": ABOUT}
    lines = yard.lab.manifest([{"source-ref": yard.uris[0], "boxes": BOXES, "boxes-metadata": ABOUT, **later}])
    arguments = {"task_type": "adjustment-bounding-box", "ui_template_uri": lab.put("page.liquid", page)}
    complained = complaints(looked_at(lab, lines, fix_cors=True, audited_attribute="later", **arguments))
    assert "workers would see the labels 'boxes', not 'later'" in "".join(complained)
    # Nobody sees the later one, which is wrong.
    assert looked_at(lab, lines, fix_cors=True, **arguments).run()


def test_the_labels_to_audit_are_not_those_of_the_job_itself(lab: Lab) -> None:
    yard = Yard(lab, 1)
    lines = yard.lab.manifest([{"source-ref": yard.uris[0], "boxes": BOXES, "boxes-metadata": ABOUT}])
    arguments = {"task_type": "adjustment-bounding-box", "audited_attribute": "boxes", "label_attribute_name": "boxes"}
    complained = complaints(looked_at(lab, lines, fix_cors=True, **arguments))
    assert any("'boxes' is the attribute that this job audits" in complaint for complaint in complained)


def test_objects_without_a_label_to_audit_are_told_and_fail_one_by_one(lab: Lab, logged: Callable[[], str]) -> None:
    yard = Yard(lab, 3)
    first, *others = ({"source-ref": uri} for uri in yard.uris)
    lines = yard.lab.manifest([{**first, "boxes": BOXES, "boxes-metadata": ABOUT}, *others])
    assert looked_at(lab, lines, task_type="verification-bounding-box", fix_cors=True, audited_attribute="boxes").run()
    assert "2 lines have no label to audit; these objects will fail, and no others" in logged()

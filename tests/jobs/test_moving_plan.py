"""What a job from Amazon is like here: what concerns only work to come is fitted to what is left."""

from __future__ import annotations

from typing import Any

import pytest

from labeling_provider.groundtruth.facts import public_workteam_arn
from labeling_provider.groundtruth.task_types import TASK_TYPES
from labeling_provider.jobs.moving_choice import Data
from labeling_provider.jobs.moving_parts import Outcome
from labeling_provider.request import MechanicalTurk
from labeling_provider.request.templates import has_worker_template
from tests.conftest import Lab, texts
from tests.jobs.amazons import described, pretending, pretending_all
from tests.jobs.moves import UNKNOWN, arguments_for, bring, bring_one, make, make_running, notes_of, tags

pytestmark = pytest.mark.once


def labeled(name: str, count: int, **metadata: Any) -> list[dict[str, Any]]:
    """Lines that people have labeled in a job."""
    about = {"class-name": "cat", "human-annotated": "yes", "job-name": f"labeling-job/{name.lower()}", **metadata}
    return [{"source": f"known {number}", "label": 0, "label-metadata": about} for number in range(count)]


def stops_at(description: dict[str, Any], **conditions: int) -> dict[str, Any]:
    """A description of a job that stops then; its counter is ahead of its manifest."""
    counters = {**description["LabelCounters"], "HumanLabeled": 5}
    return {**description, "LabelCounters": counters, "StoppingConditions": conditions}


def test_what_concerns_only_work_to_come_is_fitted_to_what_is_left(amazon: Lab, lab: Lab, name: str) -> None:
    description = make_running(amazon, name, [*labeled(name, 2), *labeled("other", 1), *texts(4)])
    automated = {
        "LabelingJobAlgorithmSpecificationArn": "arn:aws:sagemaker:us-east-1:027400017018:"
        "labeling-job-algorithm-specification/text-classification",
        "InitialActiveLearningModelArn": "arn:aws:sagemaker:us-east-1:123456789012:model/no-such-model",
    }
    changed = {
        **stops_at(description, MaxHumanLabeledObjectCount=7),
        "LabelingJobAlgorithmsConfig": automated,
    }
    entry = bring_one(pretending(amazon, name, changed), lab, name)
    assert entry.outcome == Outcome.MADE
    assert "Automated labeling needs 1,250 unlabeled objects" in notes_of(entry)
    assert "stops when people have labeled 5 more, 7 in all" in notes_of(entry)
    new = lab.describe(name)
    assert "LabelingJobAlgorithmsConfig" not in new
    assert new["StoppingConditions"] == {"MaxHumanLabeledObjectCount": 5}


@pytest.mark.parametrize(
    ("left", "conditions", "why"),
    [
        (0, {}, "All of its objects have a label"),
        (2, {"MaxHumanLabeledObjectCount": 3}, "People have labeled 3 objects"),
        (2, {"MaxPercentageOfInputDatasetLabeled": 60}, "60 % of its objects have a label"),
    ],
)
def test_a_job_with_nothing_left_to_do_asks_nobody(
    amazon: Lab, lab: Lab, name: str, left: int, conditions: dict[str, int], why: str
) -> None:
    lines = [*labeled(name, 3), *texts(left)]
    # Where all have a label, it has ended at once.
    ended = make_running(amazon, name, lines) if left else make(amazon, name, lines)
    description = {**ended, "LabelingJobStatus": "InProgress"}
    source = pretending(amazon, name, stops_at(description, **conditions) if conditions else description)
    dry = bring_one(source, lab, name, dry_run=True)
    entry = bring_one(source, lab, name)
    assert (dry.outcome, entry.outcome) == (Outcome.MADE, Outcome.MADE)
    assert f"{why}" in notes_of(entry)
    assert entry.notes == dry.notes
    assert lab.describe(name)["LabelingJobStatus"] == "Completed"
    assert len(lab.output(lab.describe(name))) == 3 + left
    assert bring_one(source, lab, name).outcome == Outcome.THERE


def test_jobs_of_every_task_type_keep_what_makes_them(amazon: Lab, lab: Lab, name: str) -> None:
    template = amazon.put(f"{name}.liquid", "<crowd-form></crowd-form>")
    functions = [f"arn:aws:lambda:us-east-1:123456789012:function:{step}" for step in ("pre", "consolidate")]
    requests = {}
    text, other = (amazon.manifest([line]) for line in ({"source": "x"}, {"source-ref": "s3://lab/none"}))
    for number, row in enumerate(TASK_TYPES.values()):
        is_written = bool(row.human_task_ui or has_worker_template(row))
        arguments: dict[str, Any] = {
            "task_type": row.name,
            "labels": ["heron", "stork"] if row.needs_categories else None,
            "audited_attribute": "before-ref" if row.audits and row.is_sequence else None,
            "instructions": "Look." if is_written else None,
            "ui_template_uri": None if is_written else template,
            "label_attribute_name": "bird-ref" if row.ref else "bird",
            "tags": {"project": "marsh"},
            "max_percentage_labeled": 90,
            "description": "Birds",
        }
        if row.name == "custom":
            arguments |= {"pre_annotation_function": functions[0], "consolidation_function": functions[1]}
        job = f"{name}-{number}"
        requests[job] = amazon.request(text if row.media == "text" else other, job, **arguments_for(job, **arguments))
    assert len({request["HumanTaskConfig"].get("PreHumanTaskLambdaArn") for request in requests.values()}) == len(
        TASK_TYPES
    )
    running = {job: described(request, "InProgress") for job, request in requests.items()}
    entries = bring(pretending_all(amazon, running), lab, *requests, data=Data.NONE)
    assert [entry for entry in entries if entry.outcome == Outcome.REFUSED] == []
    for job, request in requests.items():
        new = lab.describe(job)
        for member in ("LabelAttributeName", "RoleArn", "LabelCategoryConfigS3Uri", "StoppingConditions"):
            assert new.get(member) == request.get(member), job
        assert {key: new["HumanTaskConfig"][key] for key in request["HumanTaskConfig"]} == request["HumanTaskConfig"]
        assert tags(lab, job)["project"] == "marsh"
        for uri in (new.get("LabelCategoryConfigS3Uri"), new["HumanTaskConfig"]["UiConfig"].get("UiTemplateS3Uri")):
            assert uri is None or lab.get(uri) == amazon.get(uri)


def test_functions_must_be_known_only_where_there_is_work_left(amazon: Lab, lab: Lab, name: str) -> None:
    arn = "arn:aws:lambda:us-east-1:123456789012:function:"
    description = make(amazon, name, [*texts(2), UNKNOWN])
    human = {
        **description["HumanTaskConfig"],
        "PreHumanTaskLambdaArn": f"{arn}pre",
        "AnnotationConsolidationConfig": {"AnnotationConsolidationLambdaArn": f"{arn}nobody-knows"},
    }
    template = amazon.put(f"{name}.liquid", "<crowd-form></crowd-form>")
    human["UiConfig"] = {"UiTemplateS3Uri": template}
    custom = {**description, "HumanTaskConfig": human}
    running = {**custom, "LabelingJobStatus": "InProgress"}
    entry = bring_one(pretending(amazon, name, running), lab, name, functions=frozenset({f"{arn}pre"}))
    assert entry.outcome == Outcome.REFUSED
    assert f"--function {arn}nobody-knows=MODULE:CALLABLE" in notes_of(entry)
    assert f"{arn}pre=MODULE" not in notes_of(entry)
    both = bring_one(pretending(amazon, name, running), lab, name, functions=frozenset())
    assert f"--function {arn}pre=MODULE:CALLABLE --function {arn}nobody-knows=MODULE:CALLABLE" in notes_of(both)
    unsaid = bring_one(pretending(amazon, name, running), lab, name, dry_run=True)
    assert f"The service refuses it unless it knows {arn}pre and {arn}nobody-knows: see --function." in unsaid.notes
    refused = bring_one(pretending(amazon, name, running), lab, name)
    assert refused.outcome == Outcome.REFUSED
    assert "is not known here" in notes_of(refused)
    assert "restart the service and run this again" in notes_of(refused)
    finished = bring_one(pretending(amazon, name, custom), lab, name)
    assert finished.outcome == Outcome.MADE
    assert "left out: PreHumanTaskLambdaArn, AnnotationConsolidationConfig" in notes_of(finished)
    assert lab.get(template) == amazon.get(template)


def test_the_public_workteam_needs_a_stand_in_only_where_there_is_work_left(amazon: Lab, lab: Lab, name: str) -> None:
    turk = MechanicalTurk("0.012", free_of_personal_information=True)
    make(amazon, f"{name}-1", workforce=turk)
    finished = bring_one(amazon, lab, f"{name}-1")
    assert finished.outcome == Outcome.MADE
    assert lab.describe(f"{name}-1")["HumanTaskConfig"]["WorkteamArn"] == public_workteam_arn("us-east-1")
    make(amazon, f"{name}-2", [UNKNOWN], workforce=turk)
    request = amazon.describe(f"{name}-2")
    # What is left of a job that was stopped.
    source = pretending(amazon, f"{name}-2", {**request, "LabelingJobStatus": "Stopped"})
    running = bring_one(source, lab, f"{name}-2", continue_stopped=True)
    assert running.outcome == Outcome.REFUSED
    assert "--workteam" in notes_of(running)
    arn = public_workteam_arn("us-east-1")
    given = bring_one(source, lab, f"{name}-2", continue_stopped=True, workteams={arn: "private-people"})
    assert given.outcome == Outcome.MADE
    human = lab.describe(f"{name}-2")["HumanTaskConfig"]
    assert human["WorkteamArn"] == lab.team("private-people")
    assert "PublicWorkforceTaskPrice" not in human
    assert "PublicWorkforceTaskPrice was left out: only the public workforce has a price." in given.notes
    wrong = bring_one(source, lab, f"{name}-2", continue_stopped=True, workteams={arn: "no-such-team"})
    assert wrong.outcome == Outcome.THERE

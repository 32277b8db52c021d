"""What a job from Amazon is like here: what concerns only work to come is fitted to what is left."""

from __future__ import annotations

import pytest

from labeling_provider.groundtruth.facts import public_workteam_arn
from labeling_provider.jobs.moving_teams import Outcome
from labeling_provider.request import MechanicalTurk
from tests.conftest import Lab, texts
from tests.jobs.amazons import pretending
from tests.jobs.moves import UNKNOWN, bring_one, make, make_running, told

pytestmark = pytest.mark.once


def test_what_concerns_only_work_to_come_is_fitted_to_what_is_left(amazon: Lab, lab: Lab, name: str) -> None:
    description = make_running(amazon, name, texts(4))
    automated = {
        "LabelingJobAlgorithmSpecificationArn": "arn:aws:sagemaker:us-east-1:027400017018:"
        "labeling-job-algorithm-specification/text-classification",
        "InitialActiveLearningModelArn": "arn:aws:sagemaker:us-east-1:123456789012:model/no-such-model",
    }
    counters = {**description["LabelCounters"], "HumanLabeled": 5}
    changed = {
        **description,
        "LabelCounters": counters,
        "LabelingJobAlgorithmsConfig": automated,
        "StoppingConditions": {"MaxHumanLabeledObjectCount": 7},
    }
    entry = bring_one(pretending(amazon, name, changed), lab, name)
    assert entry.outcome == Outcome.MADE
    assert "too few for automated labeling" in told(entry)
    new = lab.describe(name)
    assert "LabelingJobAlgorithmsConfig" not in new
    assert new["StoppingConditions"] == {"MaxHumanLabeledObjectCount": 2}


def test_functions_must_be_known_only_where_there_is_work_left(amazon: Lab, lab: Lab, name: str) -> None:
    arn = "arn:aws:lambda:us-east-1:123456789012:function:"
    description = make(amazon, name)
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
    assert f"--function {arn}nobody-knows=MODULE:CALLABLE" in told(entry)
    unsaid = bring_one(pretending(amazon, name, running), lab, name, dry_run=True)
    assert f"The service must know the function {arn}nobody-knows." in unsaid.notes
    refused = bring_one(pretending(amazon, name, running), lab, name)
    assert refused.outcome == Outcome.REFUSED
    assert "is not known here" in told(refused)
    assert "start the service again and run this again" in told(refused)
    finished = bring_one(pretending(amazon, name, custom), lab, name)
    assert finished.outcome == Outcome.MADE
    assert "without PreHumanTaskLambdaArn, AnnotationConsolidationConfig" in told(finished)
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
    assert "--workteam" in told(running)
    arn = public_workteam_arn("us-east-1")
    given = bring_one(source, lab, f"{name}-2", continue_stopped=True, workteams={arn: "private-people"})
    assert given.outcome == Outcome.MADE
    human = lab.describe(f"{name}-2")["HumanTaskConfig"]
    assert human["WorkteamArn"] == lab.team("private-people")
    assert "PublicWorkforceTaskPrice" not in human
    wrong = bring_one(source, lab, f"{name}-2", continue_stopped=True, workteams={arn: "no-such-team"})
    assert wrong.outcome == Outcome.THERE

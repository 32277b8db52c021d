"""The chain as a task group, as far as a DAG file tells; tests/e2e runs it."""

from __future__ import annotations

from typing import Any

import pytest
from airflow.sdk import DAG

from labeling_provider.dataset import label_dataset

JOB: dict[str, Any] = {
    "task_type": "text-classification",
    "labels": ["a", "b"],
    "workforce": "arn:aws:sagemaker:us-east-1:123456789012:workteam/private-crowd/team",
    "role_arn": "arn:aws:iam::123456789012:role/r",
    "title": "Which?",
    "instructions": "Choose.",
}
SOURCE = {"text_uris": "s3://b/texts.txt"}


def group(**arguments: Any) -> dict[str, Any]:
    """The tasks of a group by their own names."""
    with DAG("chain", schedule=None) as dag:
        label_dataset("set", folder="s3://b/set/", **{"source": SOURCE, "job": JOB, **arguments})
    return {task.task_id.removeprefix("set."): task for task in dag.tasks}


def order(tasks: dict[str, Any]) -> dict[str, set[str]]:
    return {name: {later.removeprefix("set.") for later in task.downstream_task_ids} for name, task in tasks.items()}


def test_the_least_chain() -> None:
    tasks = group()
    assert order(tasks) == {
        "build": {"check"},
        "check": {"label"},
        "label": {"quality"},
        "quality": {"merge"},
        "merge": {"split"},
        "split": set(),
    }
    assert tasks["build"].exclude_labeled_in == tasks["label"].output_uri == "s3://b/set/labels/"
    assert tasks["build"].label_attribute_name == tasks["label"].label_attribute_name == "label"
    assert tasks["build"].max_objects == 100_000
    assert tasks["quality"].branches is None


def test_the_whole_chain() -> None:
    tasks = group(ask_above_usd=5, relabel_below=0.6, export_format="csv", quality={"on_poor_labels": "warn"})
    assert order(tasks) == {
        "build": {"check"},
        "check": {"approve_cost"},
        "approve_cost": {"label"},
        "label": {"quality"},
        "quality": {"relabel", "merge"},
        "relabel": {"merge"},
        "merge": {"split"},
        "split": {"export"},
        "export": set(),
    }
    assert tasks["quality"].branches == {"good": "set.merge", "relabel": "set.relabel", "poor": "set.merge"}


def test_arguments_reach_their_tasks() -> None:
    tasks = group(
        source={**SOURCE, "max_objects": 7},
        job={**JOB, "label_attribute_name": "tone", "aws_conn_id": "other", "deferrable": True, "fix_cors": True},
        only_new=False,
        ask_above_usd=5,
        approval={"fail_on_reject": True},
        quality={"min_agreement": 0.4},
        relabel_below=0.6,
        relabel_job={"workers_per_object": 5, "title": "Look well"},
        fractions={"all": 1},
        split_seed="x",
        export_format="jsonl",
        export={"on_problems": "warn"},
        object_keys=["source-ref", "page"],
    )
    assert {task.aws_conn_id for task in tasks.values()} == {"other"}
    assert tasks["build"].max_objects == 7
    for name in ("build", "quality", "merge"):
        assert tasks[name].object_keys == ["source-ref", "page"]
    assert tasks["build"].exclude_labeled_in == ()
    assert tasks["check"].fix_cors
    assert tasks["approve_cost"].fail_on_reject
    assert (tasks["label"].title, tasks["relabel"].title, tasks["relabel"].workers_per_object) == (
        "Which?",
        "Look well",
        5,
    )
    assert tasks["label"].deferrable
    assert tasks["relabel"].deferrable
    assert tasks["relabel"].label_attribute_name == tasks["export"].label_attribute_name == "tone"
    assert tasks["quality"].min_agreement == 0.4
    assert (tasks["split"].fractions, tasks["split"].seed) == ({"all": 1}, "x")
    assert tasks["export"].on_problems == "warn"
    assert [manifest.operator.task_id for manifest in tasks["merge"].manifest_uris] == ["set.label", "set.relabel"]


def test_the_attribute_is_that_of_the_task_type() -> None:
    tasks = group(job={**JOB, "task_type": "semantic-segmentation"})
    assert tasks["split"].label_attribute_name == "label-ref"
    assert tasks["build"].max_objects == 20_000
    tasks = group(job={**JOB, "config": {"LabelAttributeName": "mine"}})
    assert tasks["split"].label_attribute_name == "mine"


BOXES = {**JOB, "task_type": "bounding-box", "label_attribute_name": "boxes"}


def test_a_review_verifies_labels_and_adjusts_what_was_rejected() -> None:
    tasks = group(job=BOXES, review={})
    assert order(tasks) == {
        "build": {"check"},
        "check": {"label"},
        "label": {"quality", "to_verify"},
        "quality": {"to_verify", "merge"},
        "to_verify": {"verify"},
        "verify": {"rejected", "merge"},
        "rejected": {"adjust"},
        "adjust": {"adjustments"},
        "adjustments": {"merge"},
        "merge": {"split"},
        "split": set(),
    }
    assert tasks["merge"].adjusted_in == {"boxes": "boxes-adjusted"}
    assert (tasks["verify"].labeling_type, tasks["adjust"].labeling_type) == (
        "verification-bounding-box",
        "adjustment-bounding-box",
    )
    assert tasks["verify"].audited_attribute == tasks["adjust"].audited_attribute == "boxes"
    assert tasks["verify"].labels == ["right", "wrong"]
    assert tasks["adjust"].labels == ["a", "b"]
    assert (tasks["adjust"].title, tasks["verify"].title) == ("Which?", "Are the labels right?")
    assert (tasks["rejected"].classes, tasks["rejected"].label_attribute_name) == (["wrong"], "boxes-verdict")
    assert tasks["adjustments"].audited_attribute_name == "boxes"
    assert tasks["verify"].output_uri == tasks["adjust"].output_uri == "s3://b/set/labels/"


def test_what_was_labeled_twice_is_reviewed_together() -> None:
    tasks = group(
        job={
            **BOXES,
            "aws_conn_id": "other",
            "automated_labeling": True,
            "ui_template_uri": "s3://b/t",
            "keywords": ["k"],
        },
        only_new=False,
        relabel_below=0.6,
        quality={"golden_uri": "s3://b/g", "golden_attribute_name": "truth", "on_poor_labels": "warn"},
        review={"labels": ["fine", "poor", "empty"], "workers_per_object": 1},
        adjust_job={"workers_per_object": 2, "instructions": "Correct."},
        object_keys=["source-ref", "page"],
    )
    tasks_after = order(tasks)
    assert tasks_after["quality"] == {"relabel", "labeled"}
    assert tasks_after["label"] == {"quality", "labeled", "merge"}
    assert tasks_after["relabel"] == {"labeled", "merge"}
    assert tasks_after["labeled"] == {"to_verify", "merge"}
    assert tasks["quality"].branches == dict.fromkeys(("good", "poor"), "set.labeled") | {"relabel": "set.relabel"}
    names = ["label", "relabel", "verify", "adjust"]
    assert [manifest.operator.task_id for manifest in tasks["merge"].manifest_uris] == [f"set.{name}" for name in names]
    assert {task.aws_conn_id for task in tasks.values()} == {"other"}
    assert tasks["rejected"].classes == ["poor", "empty"]
    assert (tasks["verify"].workers_per_object, tasks["adjust"].workers_per_object) == (1, 2)
    assert (tasks["verify"].keywords, tasks["adjust"].keywords) == (None, ["k"])
    assert tasks["adjust"].instructions == "Correct."
    for name in ("verify", "adjust"):
        assert tasks[name].automated_labeling is tasks[name].ui_template_uri is None
    assert (tasks["adjustments"].golden_uri, tasks["adjustments"].golden_attribute_name) == ("s3://b/g", "truth")
    assert tasks["adjustments"].object_keys == tasks["labeled"].object_keys == ["source-ref", "page"]


def test_the_attributes_of_a_review_are_named_after_the_labels() -> None:
    tasks = group(job={**JOB, "task_type": "semantic-segmentation"}, review={})
    assert tasks["verify"].label_attribute_name == "label-verdict"
    assert tasks["adjust"].label_attribute_name == "label-adjusted-ref"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"job": {}}, "job needs task_type"),
        ({"job": {"task_type": "guessing"}}, "task_type must be one of image-classification"),
        ({"approval": {"fail_on_reject": True}}, "approval needs ask_above_usd"),
        ({"relabel_job": {"workers_per_object": 5}}, "relabel_job needs relabel_below"),
        ({"export": {"copy_pictures": True}}, "export needs export_format"),
        ({"adjust_job": {"workers_per_object": 5}}, "adjust_job needs review"),
        ({"review": {}}, "review is for bounding-box and semantic-segmentation, not for text-classification"),
        ({"job": BOXES, "review": {"task_type": "custom"}}, "review can't set task_type"),
        ({"job": BOXES, "review": {}, "adjust_job": {"manifest_uri": "x"}}, "adjust_job can't set manifest_uri"),
        ({"job": {**JOB, "manifest_uri": "x", "output_uri": "y"}}, "job can't set manifest_uri, output_uri"),
        *(
            ({"relabel_below": 0.5, "relabel_job": {name: "bounding-box"}}, f"relabel_job can't set {name}: ")
            for name in ("task_type", "label_attribute_name", "manifest_uri", "output_uri", "task_id")
        ),
        ({"job": BOXES, "review": {"labels": ["right"]}}, "at least two names"),
        ({"job": BOXES, "review": {"labels": "{{ params.labels }}"}}, "at least two names"),
    ],
)
def test_arguments_that_can_do_nothing_are_refused(arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        group(**arguments)


def test_two_groups_and_nested_ones_do_not_clash() -> None:
    from airflow.sdk import TaskGroup

    with DAG("chain", schedule=None) as dag, TaskGroup("outer"):
        for name in ("one", "two"):
            label_dataset(name, folder=f"s3://b/{name}", source=SOURCE, job=JOB, relabel_below=0.5)
    gate = dag.get_task("outer.two.quality")
    assert gate.branches == {"good": "outer.two.merge", "relabel": "outer.two.relabel"}
    assert "task_ids='outer.two.quality'" in dag.get_task("outer.two.relabel").manifest_uri

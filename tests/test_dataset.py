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
    return {name: {one.removeprefix("set.") for one in task.downstream_task_ids} for name, task in tasks.items()}


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
    assert [one.operator.task_id for one in tasks["merge"].manifest_uris] == ["set.label", "set.relabel"]


def test_the_attribute_is_that_of_the_task_type() -> None:
    tasks = group(job={**JOB, "task_type": "semantic-segmentation"})
    assert tasks["split"].label_attribute_name == "label-ref"
    assert tasks["build"].max_objects == 20_000
    tasks = group(job={**JOB, "config": {"LabelAttributeName": "mine"}})
    assert tasks["split"].label_attribute_name == "mine"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"job": {}}, "job needs task_type"),
        ({"job": {"task_type": "guessing"}}, "task_type must be one of image-classification"),
        ({"approval": {"fail_on_reject": True}}, "approval needs ask_above_usd"),
        ({"relabel_job": {"workers_per_object": 5}}, "relabel_job needs relabel_below"),
        ({"export": {"copy_pictures": True}}, "export needs export_format"),
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

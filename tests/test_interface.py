"""What users write in their DAGs stays as it is: arguments of operators, sensors and triggers, and their defaults."""

from __future__ import annotations

import inspect
from importlib import import_module
from typing import Any

import pytest

from labeling_provider import get_provider_info

CONNECTION = {"aws_conn_id": "aws_default", "region_name": None, "verify": None, "botocore_config": None}
REQUIRED = inspect.Parameter.empty
PUSH = {
    "input_topic_arn": REQUIRED,
    "job_name": None,
    "prefix_uri": None,
    "queue_url": None,
    "manifest_uri": None,
    "object_keys": None,
    "suffixes": (),
    "text": False,
    "relabel_changed": False,
    "max_backlog": 5000,
    "overlap": 3600,
    "in_flight": 16,
}
"""What the operator and the trigger that push new objects have in common."""
BASES = {"JobSensor", "LabelingTrigger"}

ACCEPTED: dict[str, dict[str, Any]] = {
    "operators.approval.ApproveCostOperator": {
        "objects": REQUIRED,
        "job": REQUIRED,
        "ask_above_usd": 0,
        "subject": "Label for this price?",
        **CONNECTION,
    },
    "operators.filter_manifest.FilterManifestOperator": {
        "manifest_uri": REQUIRED,
        "filtered_uri": REQUIRED,
        "label_attribute_name": None,
        "state": None,
        "by": None,
        "classes": None,
        "min_confidence": None,
        "below_confidence": None,
        "skip_if_empty": True,
        **CONNECTION,
    },
    "operators.labeling_job.CreateLabelingJobOperator": {
        "task_type": None,
        "manifest_uri": None,
        "output_uri": None,
        "labels": None,
        "workforce": None,
        "role_arn": None,
        "title": None,
        "instructions": None,
        "description": None,
        "keywords": None,
        "workers_per_object": None,
        "time_limit": None,
        "availability": None,
        "max_concurrent_objects": None,
        "label_attribute_name": None,
        "job_name": None,
        "automated_labeling": None,
        "max_human_labeled_objects": None,
        "max_percentage_labeled": None,
        "max_cost_usd": None,
        "category_uri": None,
        "audited_attribute": None,
        "ui_template_uri": None,
        "pre_annotation_function": None,
        "consolidation_function": None,
        "consolidation": None,
        "input_topic_arn": None,
        "output_topic_arn": None,
        "create_topics": False,
        "notify_from": None,
        "notify_suffix": "",
        "labels_queue": None,
        "output_kms_key": None,
        "content_classifiers": None,
        "tags": None,
        "config": None,
        "preflight": "fail",
        "fix_cors": False,
        "wait_for_completion": True,
        "deferrable": False,
        "poll_interval": 30,
        "events_queue_url": None,
        "job_timeout": None,
        "outage": 900,
        "if_job_exists": "adopt",
        "on_missing_labels": "warn",
        "max_rounds": 3,
        "stall_timeout": None,
        "on_stall": "leave",
        "stop_job_on_kill": True,
        **CONNECTION,
    },
    "operators.stopping.StopLabelingJobOperator": {
        "job_name": None,
        "of_task": None,
        "drain": False,
        "drain_quiet": 180,
        "drain_timeout": None,
        "delete_queue": False,
        "wait_for_completion": True,
        "poll_interval": 10,
        "missing_ok": False,
        "deferrable": False,
        **CONNECTION,
    },
    "operators.build_manifest.BuildManifestOperator": {
        "manifest_uri": REQUIRED,
        "prefix_uri": None,
        "objects": None,
        "table_uri": None,
        "column": None,
        "text_uris": None,
        "video_uri": None,
        "frames_per_second": None,
        "suffixes": (),
        "data_key": "",
        "exclude_labeled_in": (),
        "label_attribute_name": None,
        "object_keys": None,
        "max_objects": None,
        "choose": "first",
        "shard_size": None,
        "skip_if_empty": True,
        **CONNECTION,
    },
    "operators.export_labels.ExportLabelsOperator": {
        "manifest_uri": REQUIRED,
        "output_uri": REQUIRED,
        "format": REQUIRED,
        "label_attribute_name": None,
        "classes": None,
        "copy_pictures": False,
        "keep_formulas": False,
        "on_problems": "fail",
        **CONNECTION,
    },
    "operators.manifest.MergeManifestsOperator": {
        "manifest_uris": REQUIRED,
        "merged_uri": REQUIRED,
        "prefer_job": None,
        "object_keys": None,
        "adjusted_in": None,
        **CONNECTION,
    },
    "operators.manifest.SplitManifestOperator": {
        "manifest_uri": REQUIRED,
        "output_uri": REQUIRED,
        "fractions": REQUIRED,
        "seed": "",
        "label_attribute_name": None,
        "min_confidence": None,
        "object_keys": None,
        **CONNECTION,
    },
    "operators.manifest.ValidateManifestOperator": {
        "manifest_uri": REQUIRED,
        "task_type": None,
        "label_attribute_name": None,
        "on_problems": "fail",
        "fix_cors": False,
        **CONNECTION,
    },
    "operators.quality.LabelQualityOperator": {
        "manifest_uri": REQUIRED,
        "label_attribute_name": None,
        "labeling_jobs": None,
        "classes": None,
        "golden_uri": None,
        "golden_attribute_name": None,
        "audited_attribute_name": None,
        "object_keys": None,
        "report_uri": None,
        "min_labeled": None,
        "min_confidence": None,
        "min_agreement": None,
        "min_worker_accuracy": None,
        "min_golden_accuracy": None,
        "min_class_share": None,
        "relabel_below": None,
        "relabel_uri": None,
        "max_answers": 10000,
        "on_poor_labels": "fail",
        "branches": None,
        **CONNECTION,
    },
    "operators.streaming.PushNewObjectsOperator": {
        **PUSH,
        "max_objects": None,
        "duration": None,
        "poll_interval": 10,
        "position_uri": None,
        "deferrable": False,
        **CONNECTION,
    },
    "sensors.labeling_job.LabelingJobSensor": {
        "job_name": REQUIRED,
        "target_statuses": ("Completed",),
        "outage": 900,
        "deferrable": False,
        "events_queue_url": None,
        **CONNECTION,
    },
    "sensors.streaming.StreamingJobSensor": {
        "job_name": REQUIRED,
        "backlog_below": None,
        "labeled": None,
        "baseline": None,
        "idle_for": None,
        "deferrable": False,
        **CONNECTION,
    },
    "triggers.labeling_job.LabelingJobTrigger": {
        "job_name": REQUIRED,
        "created": None,
        "targets": REQUIRED,
        "poll_interval": REQUIRED,
        "deadline": REQUIRED,
        "stall_timeout": None,
        "outage": REQUIRED,
        "stop_job_on_kill": REQUIRED,
        "events_queue_url": None,
        **CONNECTION,
    },
    "triggers.labels.LabelsArrivedTrigger": {
        "queue": REQUIRED,
        "labels_uri": REQUIRED,
        "batch_size": 100,
        "max_wait": 60,
        **CONNECTION,
    },
    "triggers.streaming.PushNewObjectsTrigger": {
        **PUSH,
        "poll_interval": 30,
        "forever": True,
        "max_objects": None,
        "deadline": None,
        "position_uri": None,
        **CONNECTION,
    },
    "triggers.streaming_job.StreamingJobTrigger": {
        "job_name": REQUIRED,
        "goal": REQUIRED,
        "poll_interval": REQUIRED,
        "deadline": REQUIRED,
        **CONNECTION,
    },
}


def classes() -> dict[str, type]:
    """Every operator, sensor and trigger that Airflow is told of, by its path below the package."""
    info = get_provider_info()
    modules = [
        name
        for kind in ("operators", "sensors", "triggers")
        for entry in info[kind]
        for name in entry["python-modules"]
    ]
    return {
        f"{kind.__module__.partition('.')[2]}.{name}": kind
        for module in modules
        for name, kind in vars(import_module(module)).items()
        if inspect.isclass(kind) and name.endswith(("Operator", "JobSensor", "Trigger"))
        if kind.__module__.startswith("labeling_provider.") and name not in BASES
    }


def accepted(kind: type) -> dict[str, Any]:
    """Arguments and defaults that a class and its bases in this package name."""
    arguments: dict[str, Any] = {}
    for each in kind.__mro__:
        if each.__module__.startswith("labeling_provider.") and "__init__" in vars(each):
            parameters = inspect.signature(vars(each)["__init__"]).parameters.values()
            arguments = {
                **{
                    parameter.name: parameter.default
                    for parameter in parameters
                    if parameter.name != "self" and parameter.kind != parameter.VAR_KEYWORD
                },
                **arguments,
            }
    return arguments


@pytest.mark.parametrize("path", ACCEPTED)
def test_the_arguments_are_what_they_were(path: str) -> None:
    assert accepted(classes()[path]) == ACCEPTED[path]


def test_no_class_is_left_out() -> None:
    assert set(classes()) == set(ACCEPTED)


@pytest.mark.parametrize("path", [path for path in ACCEPTED if path.startswith("triggers.")])
def test_a_trigger_travels_with_all_of_its_arguments(path: str) -> None:
    given = {name: f"any {name}" for name, default in ACCEPTED[path].items() if default is REQUIRED}
    source = {"queue_url": "https://queue"} if "queue_url" in ACCEPTED[path] else {}
    trigger = classes()[path](**given, **source, aws_conn_id="other", botocore_config={"read_timeout": 7})
    where, arguments = trigger.serialize()
    assert where == f"labeling_provider.{path}"
    assert set(arguments) == set(ACCEPTED[path])
    again = classes()[path](**arguments)
    assert again.serialize() == (where, arguments)

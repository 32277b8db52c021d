"""From data objects to a labeled, split and exported dataset: the whole chain as one task group."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from airflow.sdk import BaseOperator, TaskGroup, TriggerRule, XComArg, chain

from labeling_provider.operators.approval import ApproveCostOperator
from labeling_provider.operators.base import CONNECTION_ARGUMENTS
from labeling_provider.operators.labeling_job import CreateLabelingJobOperator
from labeling_provider.operators.manifest import (
    BuildManifestOperator,
    ExportLabelsOperator,
    MergeManifestsOperator,
    SplitManifestOperator,
    ValidateManifestOperator,
)
from labeling_provider.operators.quality import LabelQualityOperator

_RUN: Final = "{{ run_id | replace(':', '-') | replace('+', '_') }}"
_FRACTIONS: Final = {"train": 0.8, "validation": 0.1, "test": 0.1}


@dataclass(frozen=True)
class LabeledDataset:
    """The tasks that :func:`label_dataset` has added to the DAG.

    :param group: the task group, for ``>>`` and ``<<``.
    :param quality: result of the quality gate; see ``LabelQualityOperator``.
    :param merged: result with the merged manifest; see ``MergeManifestsOperator``.
    :param sets: result with a manifest per set; see ``SplitManifestOperator``.
    :param exported: result of the export; see ``ExportLabelsOperator``. None if nothing is exported.
    """

    group: TaskGroup
    quality: XComArg
    merged: XComArg
    sets: XComArg
    exported: XComArg | None


def label_dataset(
    group_id: str,
    *,
    folder: str,
    source: Mapping[str, Any],
    job: Mapping[str, Any],
    only_new: bool = True,
    object_keys: Sequence[str] | None = None,
    ask_above_usd: float | None = None,
    approval: Mapping[str, Any] | None = None,
    quality: Mapping[str, Any] | None = None,
    relabel_below: float | None = None,
    relabel_job: Mapping[str, Any] | None = None,
    fractions: Mapping[str, float] = _FRACTIONS,
    split_seed: str = "",
    export_format: str | None = None,
    export: Mapping[str, Any] | None = None,
) -> LabeledDataset:
    """Add a task group to the current DAG that turns data objects into a labeled dataset.

    Its tasks build a manifest, validate it, ask for approval of the cost, label the objects, measure the labels,
    relabel those of low confidence, then merge, split and export the labels. If there is nothing new to label, or the
    cost is rejected, the remaining tasks are skipped.

    :param group_id: id of the task group.
    :param folder: ``s3://bucket/prefix`` for all output: ``manifests/``, ``labels/``, ``merged/``, ``sets/`` and
        ``exports/`` (templated).
    :param source: arguments of ``BuildManifestOperator`` for the source of the objects, and for their number.
    :param job: arguments of ``CreateLabelingJobOperator``; ``task_type`` is required.
    :param only_new: whether to leave out objects that an earlier run has labeled, and merge the labels of all runs.
        False labels all objects in every run, and uses only that run's labels.
    :param object_keys: keys that identify an object, such as ``["source-ref", "page"]``; None for all input keys.
    :param ask_above_usd: ask people to approve a labeling job that would cost more than this, in USD; None never asks.
    :param approval: further arguments of ``ApproveCostOperator``, such as ``assigned_users`` or ``response_timeout``.
    :param quality: arguments of ``LabelQualityOperator``, such as its thresholds.
    :param relabel_below: label the objects with a confidence below this, 0 to 1, and those without a label again, in a
        second job; None for one round.
    :param relabel_job: arguments of the second job that differ, such as ``{"workers_per_object": 5}``.
    :param fractions: share of each set by name.
    :param split_seed: a different seed gives a different split.
    :param export_format: see ``ExportLabelsOperator``; None to export nothing.
    :param export: further arguments of ``ExportLabelsOperator``, such as ``copy_pictures``.
    :raises ValueError: if ``job`` lacks ``task_type``, or an argument requires another one that is missing.
    """
    if not job.get("task_type"):
        raise ValueError("job needs task_type, such as 'image-classification'")
    for name, value, needed, other in (
        ("approval", approval, ask_above_usd, "ask_above_usd"),
        ("relabel_job", relabel_job, relabel_below, "relabel_below"),
        ("export", export, export_format, "export_format"),
    ):
        if value and needed is None:
            raise ValueError(f"{name} needs {other}")
    attribute = _label_attribute(job)
    place = folder.rstrip("/")
    labels = f"{place}/labels/"
    shared = {name: job[name] for name in CONNECTION_ARGUMENTS if name in job}
    with TaskGroup(group_id) as group:
        known = {"exclude_labeled_in": labels, "label_attribute_name": attribute} if only_new else {}
        build = BuildManifestOperator(
            **{
                "task_id": "build",
                "manifest_uri": f"{place}/manifests/{_RUN}.manifest",
                "max_objects": _most_objects(job["task_type"]),
                "object_keys": object_keys,
                **shared,
                **known,
                **source,
            }
        )
        manifest = _part(build, "manifest_uri")
        check = ValidateManifestOperator(
            task_id="check",
            manifest_uri=manifest,
            task_type=job["task_type"],
            fix_cors=job.get("fix_cors", False),
            **shared,
        )
        rounds = {**job, "label_attribute_name": attribute, "output_uri": labels}
        before: list[BaseOperator] = [check]
        if ask_above_usd is not None:
            before.append(
                ApproveCostOperator(
                    **{
                        "task_id": "approve_cost",
                        "objects": _part(build, "objects"),
                        "job": dict(job),
                        "ask_above_usd": ask_above_usd,
                        **shared,
                        **(approval or {}),
                    }
                )
            )
        label = CreateLabelingJobOperator(**{**rounds, "task_id": "label", "manifest_uri": manifest})
        prefix = f"{group.group_id}."
        branches = {"good": f"{prefix}merge", "relabel": f"{prefix}relabel"}
        if (quality or {}).get("on_poor_labels") == "warn":
            branches["poor"] = f"{prefix}merge"
        gate = LabelQualityOperator(
            **{
                "task_id": "quality",
                "manifest_uri": label.output,
                "relabel_below": relabel_below,
                "branches": branches if relabel_below is not None else None,
                "object_keys": object_keys,
                **shared,
                **(quality or {}),
            }
        )
        outputs = [label.output]
        if relabel_below is not None:
            again = {**rounds, **(relabel_job or {}), "label_attribute_name": attribute}
            again["manifest_uri"] = _part(gate, "relabel_manifest_uri")
            relabel = CreateLabelingJobOperator(**{**again, "task_id": "relabel"})
            outputs.append(relabel.output)
        merge = MergeManifestsOperator(
            task_id="merge",
            manifest_uris=labels if only_new else outputs,
            merged_uri=f"{place}/merged/{_RUN}.manifest",
            object_keys=object_keys,
            trigger_rule=TriggerRule.NONE_FAILED_MIN_ONE_SUCCESS,
            **shared,
        )
        split = SplitManifestOperator(
            task_id="split",
            manifest_uri=merge.output,
            output_uri=f"{place}/sets/{_RUN}",
            fractions=fractions,
            seed=split_seed,
            label_attribute_name=attribute,
            **shared,
        )
        chain(build, *before, label, gate, merge, split)
        if relabel_below is not None:
            chain(gate, relabel, merge)
        exported = None
        if export_format is not None:
            exported = ExportLabelsOperator(
                **{
                    "task_id": "export",
                    "manifest_uri": split.output,
                    "output_uri": f"{place}/exports/{_RUN}",
                    "format": export_format,
                    "label_attribute_name": attribute,
                    **shared,
                    **(export or {}),
                }
            ).output
    return LabeledDataset(group, gate.output, merge.output, split.output, exported)


def _part(task: BaseOperator, key: str) -> str:
    """One key of a task's result, as a template."""
    return f"{{{{ ti.xcom_pull(task_ids='{task.task_id}')['{key}'] }}}}"


def _label_attribute(job: Mapping[str, Any]) -> str:
    """The label attribute of the jobs.

    :raises ValueError: if the task type is unknown.
    """
    from labeling_provider.groundtruth.task_types import TASK_TYPES
    from labeling_provider.request.builder import default_attribute_name

    given = job.get("label_attribute_name") or (job.get("config") or {}).get("LabelAttributeName")
    task_type = TASK_TYPES.get(job["task_type"])
    if task_type is None:
        raise ValueError(f"task_type must be one of {', '.join(TASK_TYPES)}, not {job['task_type']!r}")
    return str(given or default_attribute_name(task_type))


def _most_objects(task_type: str) -> int:
    """Most objects in one labeling job; the rest is left for the next run."""
    from labeling_provider.groundtruth.task_types import TASK_TYPES

    return TASK_TYPES[task_type].maximum_objects

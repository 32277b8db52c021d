"""From data objects to a labeled, split and exported dataset: the whole chain as one task group."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, NamedTuple

from airflow.sdk import BaseOperator, TaskGroup, TriggerRule, XComArg, chain

from labeling_provider.groundtruth.objects import LineState
from labeling_provider.hooks.connection import CONNECTION_ARGUMENTS
from labeling_provider.operators.approval import ApproveCostOperator
from labeling_provider.operators.labeling_job import CreateLabelingJobOperator
from labeling_provider.operators.manifest import (
    BuildManifestOperator,
    ExportLabelsOperator,
    FilterManifestOperator,
    MergeManifestsOperator,
    SplitManifestOperator,
    ValidateManifestOperator,
)
from labeling_provider.operators.quality import LabelQualityOperator

_RUN: Final = "{{ run_id | replace(':', '-') | replace('+', '_') }}"
_FRACTIONS: Final = {"train": 0.8, "validation": 0.1, "test": 0.1}
_VERDICTS: Final = ("right", "wrong")
_PLACED: Final = ("task_id", "manifest_uri", "output_uri")
"""Arguments of the labeling job that follow from the chain."""
_GIVEN: Final = (*_PLACED, "task_type", "label_attribute_name", "audited_attribute")
"""Arguments of the second job and of a review's jobs that follow from the chain and the labeling job."""
_LABELING_ONLY: Final = (
    *("config", "ui_template_uri", "automated_labeling", "pre_annotation_function", "consolidation_function"),
    *("max_human_labeled_objects", "max_percentage_labeled", "job_name"),
)
"""Arguments of the labeling job that a review's jobs do not share."""
_ABOUT_LABELS: Final = ("labels", "category_uri", "title", "description", "instructions", "keywords")
"""Further arguments that the verification does not share."""
_GOLDEN: Final = ("golden_uri", "golden_attribute_name")


@dataclass(frozen=True)
class LabeledDataset:
    """The tasks that :func:`label_dataset` has added to the Dag.

    :param group: the task group, for ``>>`` and ``<<``.
    :param quality: result of the quality gate; see ``LabelQualityOperator``.
    :param merged: result with the merged manifest; see ``MergeManifestsOperator``.
    :param sets: result with a manifest per set; see ``SplitManifestOperator``.
    :param exported: result of the export; see ``ExportLabelsOperator``. None if nothing is exported.
    :param verdicts: result of the verification; see ``CreateLabelingJobOperator``. None without a review.
    :param adjustments: what the review has changed; see ``LabelQualityOperator``. None without a review.
    """

    group: TaskGroup
    quality: XComArg
    merged: XComArg
    sets: XComArg
    exported: XComArg | None
    verdicts: XComArg | None = None
    adjustments: XComArg | None = None


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
    review: Mapping[str, Any] | None = None,
    adjust_job: Mapping[str, Any] | None = None,
    fractions: Mapping[str, float] = _FRACTIONS,
    split_seed: str = "",
    export_format: str | None = None,
    export: Mapping[str, Any] | None = None,
) -> LabeledDataset:
    """Add a task group to the current Dag that turns data objects into a labeled dataset.

    Its tasks build a manifest, validate it, ask for approval of the cost, label the objects, measure the labels,
    relabel those of low confidence, let people verify the labels and adjust those that were rejected, then merge, split
    and export the labels. If there is nothing new to label, or the cost is rejected, the remaining tasks are skipped.

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
    :param review: let people verify the labels of boxes and masks, and adjust those that they reject: arguments of the
        verification that differ from ``job``, such as ``workers_per_object``. Its ``labels`` are the verdicts, by
        default ``["right", "wrong"]``; all but the first reject. None for no review.
    :param adjust_job: arguments of the adjustment that differ from ``job``.
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
        ("adjust_job", adjust_job, review, "review"),
        ("export", export, export_format, "export_format"),
    ):
        if value and needed is None:
            raise ValueError(f"{name} needs {other}")
    _check_free("job", job, _PLACED, "the chain")
    _check_free("relabel_job", relabel_job or {}, _GIVEN, "job")
    attribute = _label_attribute(job)
    plan = None if review is None else _ReviewPlan.of(job, attribute, review, adjust_job or {})
    place = folder.rstrip("/")
    labels = f"{place}/labels/"
    shared = {name: job[name] for name in CONNECTION_ARGUMENTS if name in job}
    with TaskGroup(group_id) as group:
        known = {"exclude_labeled_in": labels, "label_attribute_name": attribute} if only_new else {}
        build = BuildManifestOperator(
            **{
                "task_id": "build",
                "manifest_uri": f"{place}/manifests/{_RUN}.manifest",
                "max_objects": _max_objects(job["task_type"]),
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
        after = f"{prefix}{'merge' if review is None else 'labeled'}"
        branches = {"good": after, "relabel": f"{prefix}relabel"}
        if (quality or {}).get("on_poor_labels") == "warn":
            branches["poor"] = after
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
            again = {**rounds, **(relabel_job or {}), "manifest_uri": _part(gate, "relabel_manifest_uri")}
            relabel = CreateLabelingJobOperator(**{**again, "task_id": "relabel"})
            outputs.append(relabel.output)
        ends: list[BaseOperator] = [gate]
        reviewed = None
        if plan is not None:
            measure = {name: value for name, value in (quality or {}).items() if name in _GOLDEN}
            reviewed = plan.tasks(
                f"{place}/review/{_RUN}", labels, outputs, {"object_keys": object_keys, **measure}, shared
            )
            chain(gate, reviewed.first)
            # A gate with branches skips whatever follows it directly and is in no branch.
            ends = [gate if relabel_below is None else reviewed.first, reviewed.verify, reviewed.gate]
            outputs += [reviewed.verify.output, reviewed.adjust.output]
        merge = MergeManifestsOperator(
            task_id="merge",
            manifest_uris=labels if only_new else outputs,
            merged_uri=f"{place}/merged/{_RUN}.manifest",
            object_keys=object_keys,
            adjusted_in=None if plan is None else {attribute: plan.adjusted},
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
        chain(build, *before, label, gate)
        chain(ends, merge, split)
        if relabel_below is not None:
            chain(gate, relabel, merge if reviewed is None else reviewed.first)
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
    done = LabeledDataset(group, gate.output, merge.output, split.output, exported)
    if reviewed is None:
        return done
    return replace(done, verdicts=reviewed.verify.output, adjustments=reviewed.gate.output)


class _Reviewed(NamedTuple):
    """The tasks of a review.

    :param first: the first of them: merges the labels of two jobs, or selects the objects that have a label.
    :param gate: measures what was adjusted.
    """

    first: BaseOperator
    verify: CreateLabelingJobOperator
    adjust: CreateLabelingJobOperator
    gate: LabelQualityOperator


@dataclass(frozen=True)
class _ReviewPlan:
    """How labels are verified and adjusted.

    :param attribute: their label attribute.
    :param verdict: the label attribute of the verdicts.
    :param adjusted: the label attribute of the adjusted labels.
    :param verdicts: the labels of the verification; all but the first reject.
    :param verify: arguments of the verification that follow from the labeling job or were given.
    :param adjust: those of the adjustment.
    """

    attribute: str
    verdict: str
    adjusted: str
    verdicts: Sequence[str]
    verify: Mapping[str, Any]
    adjust: Mapping[str, Any]

    @classmethod
    def of(
        cls, job: Mapping[str, Any], attribute: str, review: Mapping[str, Any], adjust_job: Mapping[str, Any]
    ) -> _ReviewPlan:
        """Plan a review.

        :raises ValueError: if the labels are of a kind that can't be reviewed, or an argument is wrong.
        """
        from labeling_provider.groundtruth.task_types import TASK_TYPES, audit_of

        verification = audit_of(job["task_type"], adjusts=False)
        adjustment = audit_of(job["task_type"], adjusts=True)
        if verification is None or adjustment is None:
            known = [name for name in TASK_TYPES if audit_of(name, adjusts=False)]
            raise ValueError(f"review is for {' and '.join(known)}, not for {job['task_type']}")
        for name, given in (("review", review), ("adjust_job", adjust_job)):
            _check_free(name, given, _GIVEN, "job")
        verdicts = review.get("labels", _VERDICTS)
        if isinstance(verdicts, str) or len(verdicts) < 2 or not all(isinstance(verdict, str) for verdict in verdicts):
            raise ValueError("review: labels must be a list of at least two names, the first of which accepts")
        stem, ending = attribute.removesuffix("-ref"), "-ref" if adjustment.ref else ""
        shared = {name: value for name, value in job.items() if name not in _LABELING_ONLY}
        own = {
            "labels": list(verdicts),
            "title": "Are the labels right?",
            "instructions": f"Choose “{verdicts[0]}” if each label is where it belongs and none is missing. Otherwise "
            "write what is wrong.",
        }
        verify = {**{name: value for name, value in shared.items() if name not in _ABOUT_LABELS}, **own, **review}
        adjust = {**shared, **adjust_job}
        return cls(
            attribute,
            f"{stem}-verdict",
            f"{stem}-adjusted{ending}",
            verdicts,
            {**verify, "task_type": verification.name},
            {**adjust, "task_type": adjustment.name},
        )

    def tasks(
        self,
        place: str,
        output_uri: str,
        labeled: Sequence[XComArg],
        measure: Mapping[str, Any],
        shared: Mapping[str, Any],
    ) -> _Reviewed:
        """Add the tasks of the review.

        :param place: URI of its manifests, without their endings.
        :param output_uri: output of its jobs.
        :param labeled: results of the labeling jobs.
        :param measure: arguments of the gate.
        :param shared: connection arguments.
        """
        common = {"output_uri": output_uri, "audited_attribute": self.attribute}
        both = None
        if len(labeled) > 1:
            both = MergeManifestsOperator(
                task_id="labeled",
                manifest_uris=list(labeled),
                merged_uri=f"{place}-labeled.manifest",
                object_keys=measure["object_keys"],
                trigger_rule=TriggerRule.NONE_FAILED_MIN_ONE_SUCCESS,
                **shared,
            )
        select = FilterManifestOperator(
            task_id="to_verify",
            manifest_uri=labeled[0] if both is None else both.output,
            filtered_uri=f"{place}.manifest",
            label_attribute_name=self.attribute,
            state=LineState.LABELED.value,
            **shared,
        )
        verify = CreateLabelingJobOperator(
            **{
                **self.verify,
                **common,
                "task_id": "verify",
                "manifest_uri": _part(select, "manifest_uri"),
                "label_attribute_name": self.verdict,
            }
        )
        rejected = FilterManifestOperator(
            task_id="rejected",
            manifest_uri=verify.output,
            filtered_uri=f"{place}-rejected.manifest",
            classes=list(self.verdicts[1:]),
            label_attribute_name=self.verdict,
            **shared,
        )
        adjust = CreateLabelingJobOperator(
            **{
                **self.adjust,
                **common,
                "task_id": "adjust",
                "manifest_uri": _part(rejected, "manifest_uri"),
                "label_attribute_name": self.adjusted,
            }
        )
        gate = LabelQualityOperator(
            **{
                "task_id": "adjustments",
                "manifest_uri": adjust.output,
                "audited_attribute_name": self.attribute,
                **shared,
                **measure,
            }
        )
        chain(select, verify, rejected, adjust, gate)
        return _Reviewed(both or select, verify, adjust, gate)


def _check_free(name: str, given: Mapping[str, Any], fixed: Sequence[str], source: str) -> None:
    """Check that arguments for a job leave out those that follow from elsewhere.

    :param source: what they follow from.
    :raises ValueError: if they do not.
    """
    if repeated := sorted(set(given) & set(fixed)):
        raise ValueError(f"{name} can't set {', '.join(repeated)}: it follows from {source}")


def _part(task: BaseOperator, key: str) -> str:
    """One key of a task's result, as a template."""
    return f"{{{{ ti.xcom_pull(task_ids='{task.task_id}')['{key}'] }}}}"


def _label_attribute(job: Mapping[str, Any]) -> str:
    """The label attribute of the jobs.

    :raises ValueError: if the task type is unknown.
    """
    from labeling_provider.groundtruth.description import JobRequest
    from labeling_provider.groundtruth.task_types import TASK_TYPES
    from labeling_provider.request.builder import default_attribute_name

    given = job.get("label_attribute_name") or JobRequest(job.get("config") or {}).label_attribute
    task_type = TASK_TYPES.get(job["task_type"])
    if task_type is None:
        raise ValueError(f"task_type must be one of {', '.join(TASK_TYPES)}, not {job['task_type']!r}")
    return str(given or default_attribute_name(task_type))


def _max_objects(task_type: str) -> int:
    """Most objects in one labeling job; the rest is left for the next run."""
    from labeling_provider.groundtruth.task_types import TASK_TYPES

    return TASK_TYPES[task_type].max_objects

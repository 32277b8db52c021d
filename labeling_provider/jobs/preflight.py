"""Checks everything that can be checked before a labeling job is created and money is spent."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from decimal import Decimal
from typing import Any, Final

from labeling_provider.client.ground_truth import GroundTruth
from labeling_provider.errors import InvalidRequestError, LabelingError, Problem, counted
from labeling_provider.groundtruth.description import JobRequest
from labeling_provider.groundtruth.facts import Quota, WorkforceKind
from labeling_provider.groundtruth.ready_functions import ready_function
from labeling_provider.groundtruth.uris import join_s3_uri
from labeling_provider.jobs.input_objects import LineSample
from labeling_provider.jobs.surroundings import Inspection
from labeling_provider.manifest import AuditedLabels, ManifestReport, audited_attribute, check_manifest
from labeling_provider.request import CostEstimate, LabelingJobDraft, Surroundings, check_request, estimate_request
from labeling_provider.request.templates import label_names, parse_category_document

_MAX_CATEGORY_FILE: Final = 1_000_000
_MAX_TEMPLATE: Final = 1_000_000

log = logging.getLogger(__name__)


def check_draft(
    ground_truth: GroundTruth,
    draft: LabelingJobDraft,
    *,
    max_cost_usd: float | None,
    spent_usd: float = 0.0,
    further_problems: Sequence[Problem] = (),
    preflight: str = "fail",
    fix_cors: bool = False,
    further_data: str | None = None,
) -> CostEstimate:
    """Check a request, its manifest, its category file and its surroundings, and estimate its cost.

    :param max_cost_usd: the highest estimate to allow, in USD; None for no limit.
    :param spent_usd: the estimate for earlier rounds, which counts toward the limit, in USD.
    :param further_problems: problems that are already known.
    :param preflight: how to treat problems with the job's objects, buckets, role and workteam: ``fail``, ``warn``, or
        ``off`` to skip those checks.
    :param fix_cors: add missing CORS rules.
    :param further_data: S3 URI of future objects that are in no manifest.
    :return: the estimated cost on Amazon.
    :raises InvalidRequestError: with all problems; nothing was sent.
    """
    problems: list[Problem] = []
    request = draft.request
    automated = JobRequest(request).is_automated
    sample = LineSample(str(JobRequest(request).input_config))
    categories = draft.categories or _categories(ground_truth, request, problems)
    audited = _audited_attribute(ground_truth, draft, categories, problems)
    audit = _audit(draft, categories, audited)
    report = _manifest_report(ground_truth, draft, problems, sample, audit)
    objects = report.unlabeled if report else None
    around = Surroundings(ground_truth.region, categories, objects, audited_attribute=audited)
    if not ground_truth.is_amazon:
        # A self-hosted service enforces its own minimum.
        around = replace(around, automated_minimum=0)
    problems = [*check_request(request, around), *problems, *further_problems]
    if ground_truth.is_amazon:
        problems.extend(_not_on_amazon(request))
    if preflight != "off":
        inspection = Inspection(ground_truth, draft.task_type, fix_cors=fix_cors, automated=automated)
        inspection.of_job(draft, sample, further_data)
        problems.extend(_to_fail_for(inspection, preflight))
    if problems:
        raise InvalidRequestError(problems)
    cost = estimate_request(request, objects or 0)
    if automated and objects is not None and objects < Quota.AUTOMATED_ADVISED_OBJECTS:
        log.warning(
            "%s objects are few for automated labeling: Amazon requires %s and recommends %s",
            f"{objects:,}",
            f"{Quota.AUTOMATED_MINIMUM_OBJECTS:,}",
            f"{Quota.AUTOMATED_ADVISED_OBJECTS:,}",
        )
    log.info("Estimated cost on Amazon: %s", cost)
    if max_cost_usd is not None and cost.total_usd + Decimal(str(spent_usd)) > Decimal(str(max_cost_usd)):
        spent = f" after ${spent_usd:,.2f} for earlier jobs" if spent_usd else ""
        message = f"the estimate is ${cost.total_usd:,.2f} on Amazon ({cost.arithmetic}){spent}."
        remedy = f"Raise the limit of ${max_cost_usd} or label fewer objects."
        raise InvalidRequestError([Problem("max_cost_usd", message, remedy)])
    if JobRequest(request).workforce_kind == WorkforceKind.PUBLIC and ground_truth.is_amazon:
        log.warning(
            "Amazon's own pages say that Mechanical Turk closed on 2026-09-30; the public workforce may never answer."
        )
    return cost


def _not_on_amazon(request: dict[str, Any]) -> Iterator[Problem]:
    """Problems with what only a self-hosted service has."""
    if name := ready_function(JobRequest(request).consolidation_arn or ""):
        message = f"{name!r} is a function of the self-hosted service; Amazon does not consolidate {name}."
        remedy = "Give the ARN of a Lambda function of your own as consolidation_function instead."
        yield Problem("consolidation", message, remedy)


def stream_problems(
    draft: LabelingJobDraft, *, create_topics: bool, notify_from: str | None, labels_queue: str | None, chained: bool
) -> list[Problem]:
    """Problems with a job's streaming arguments; the operator explains each argument.

    :param chained: whether ``on_missing_labels`` is ``chain``.

    Source: developer guide, "Ground Truth streaming labeling jobs" and "Set up Amazon S3 bucket event notifications".
    """
    request, problems = JobRequest(draft.request), []
    if not request.is_streaming:
        given = {"create_topics": create_topics, "notify_from": notify_from, "labels_queue": labels_queue}
        return [
            Problem(name, "is for streaming jobs only.", f"Set input_topic_arn, or remove {name}.")
            for name, value in given.items()
            if value
        ]
    if chained:
        message = "'chain' follows up on ended jobs, but a streaming job runs until it is stopped."
        problems.append(Problem("on_missing_labels", message, "Use 'warn'."))
    if request.has_stopping_conditions:
        problems.append(Problem("StoppingConditions", "a streaming job ignores them.", "Omit them."))
    for name, value in (("notify_from", notify_from), ("labels_queue", labels_queue)):
        if value and not create_topics:
            problems.append(Problem(name, "has no effect without create_topics.", "Set create_topics=True."))
    if labels_queue and not request.output_topic_arn:
        problems.append(Problem("labels_queue", "needs an output topic.", "Set output_topic_arn."))
    if notify_from:
        problems.extend(_notification_problems(draft, notify_from))
    return problems


def _notification_problems(draft: LabelingJobDraft, notify_from: str) -> Iterator[Problem]:
    where = "notify_from"
    if draft.task_type.data_key == "source":
        message = f"bucket notifications do not work for {draft.task_type.name}, whose messages contain the text."
        yield Problem(where, message, "Push the texts with PushNewObjectsOperator.")
    if not notify_from.startswith("s3://"):
        yield Problem(where, f"{notify_from!r} is not an S3 URI.", "Write s3://bucket/prefix.")
    path = JobRequest(draft.request).output_path
    output = join_s3_uri(path, "") if path else ""
    if output and (output.startswith(notify_from) or notify_from.startswith(output)):
        message = f"{notify_from} and the output {output} overlap, so output would become input."
        yield Problem(where, message, "Use separate prefixes.")


def _to_fail_for(inspection: Inspection, preflight: str) -> list[Problem]:
    """The problems that must fail the job. With ``warn`` there are none, and the problems are logged."""
    if inspection.unseen:
        log.info("This connection can't check %s", ", ".join(inspection.unseen))
    for remark in inspection.remarks:
        log.warning("%s", remark)
    if preflight == "fail":
        return inspection.problems
    for problem in inspection.problems:
        log.warning("%s", problem)
    return []


def _audited_attribute(
    ground_truth: GroundTruth,
    draft: LabelingJobDraft,
    categories: dict[str, Any] | None,
    problems: list[Problem],
) -> str | None:
    """The label attribute that the job will audit; None for the last label of the right type."""
    uri = JobRequest(draft.request).template_uri
    template = draft.files.get(uri) if uri else None
    if uri and template is None and draft.task_type.audits:
        # Whether the manifest has it is checked elsewhere.
        with suppress(LabelingError):
            template = ground_truth.objects.read(uri, _MAX_TEMPLATE).decode(errors="replace")
    shown = audited_attribute(template, categories)
    if shown and draft.audited_attribute and shown != draft.audited_attribute:
        message = f"workers would see the labels {shown!r}, not {draft.audited_attribute!r}."
        problems.append(Problem("audited_attribute", message, "Correct it, or the worker template or category file."))
    return shown or draft.audited_attribute


def _audit(draft: LabelingJobDraft, categories: dict[str, Any] | None, attribute: str | None) -> AuditedLabels | None:
    """Checks the labels that the job will audit; None if it audits none."""
    if not draft.task_type.audits:
        return None
    classes = None if categories is None else label_names(categories)
    return AuditedLabels(draft.task_type, JobRequest(draft.request).label_attribute, attribute, classes)


def _audit_problems(audit: AuditedLabels, uri: str) -> Iterator[Problem]:
    where = "audited_attribute"
    for problem in audit.problems:
        yield Problem(where, f"{uri} {problem}.", "Correct the manifest, or name another label attribute.")
    if audit.wrong > len(audit.problems):
        yield Problem(where, f"{audit.wrong - len(audit.problems):,} more labels in {uri} can't be audited.", "")
    if audit.missing and not audit.labeled and not audit.wrong:
        others = f" It has {', '.join(map(repr, audit.others))}." if audit.others else ""
        message = f"no line of {uri} has {audit.wanted} to audit.{others}"
        yield Problem(where, message, "Use the output manifest of the job that made the labels, and its attribute.")
    elif audit.missing:
        log.warning("%s: %s lines have no label to audit; these objects will fail, and no others", uri, audit.missing)


def _manifest_report(
    ground_truth: GroundTruth,
    draft: LabelingJobDraft,
    problems: list[Problem],
    sample: LineSample,
    audit: AuditedLabels | None,
) -> ManifestReport | None:
    where = "InputConfig.DataSource.S3DataSource.ManifestS3Uri"
    request = JobRequest(draft.request)
    uri, attribute = request.manifest_uri, request.label_attribute
    if not uri:
        return None
    try:
        lines = sample.through(ground_truth.objects.read_lines(uri))
        if audit is not None:
            lines = audit.through(lines)
        report = check_manifest(lines, data_key=draft.task_type.data_key, label_attribute=attribute)
    except LabelingError as error:
        problems.append(Problem(where, f"{error}.", "Check the URI and the permission to read it."))
        return None
    problems.extend(Problem(where, f"{uri} {problem}.", "") for problem in report.problems)
    if report.more_problems:
        problems.append(Problem(where, f"{counted(report.more_problems, 'more wrong line')}.", ""))
    if not report.problems and not report.unlabeled:
        message = f"every line of {uri} already has the label {attribute!r}."
        problems.append(Problem(where, message, "There is nothing to label."))
    if audit is not None:
        problems.extend(_audit_problems(audit, uri))
    return report


def _categories(ground_truth: GroundTruth, request: dict[str, Any], problems: list[Problem]) -> dict[str, Any] | None:
    uri = JobRequest(request).category_uri
    if not uri:
        return None
    try:
        return parse_category_document(ground_truth.objects.read(uri, _MAX_CATEGORY_FILE))
    except (LabelingError, ValueError) as error:
        problems.append(Problem("LabelCategoryConfigS3Uri", f"{uri}: {error}", "Correct the file."))
        return None

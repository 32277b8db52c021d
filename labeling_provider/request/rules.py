"""Checks every rule and quota of CreateLabelingJob that needs no call to Amazon, and reports all problems at once.

Sources: API reference, CreateLabelingJob and its structures; developer guide, the pages on the task types, "Input data
quotas", "Automate data labeling" and "Create a streaming labeling job".
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from labeling_provider.errors import Problem, counted
from labeling_provider.groundtruth import facts, model
from labeling_provider.groundtruth.description import JobRequest
from labeling_provider.groundtruth.facts import Arn, Quota, WorkforceKind
from labeling_provider.groundtruth.objects import METADATA
from labeling_provider.groundtruth.ready_functions import ready_function
from labeling_provider.groundtruth.task_types import TASK_TYPES, TaskType
from labeling_provider.request import templates
from labeling_provider.request.sequence_categories import sequence_category_problems

_PII = "FreeOfPersonallyIdentifiableInformation"


@dataclass(frozen=True)
class Surroundings:
    """What is known outside the request. Rules that need a value that is None are skipped.

    :param region: the region to which the request is sent.
    :param categories: the parsed label category file.
    :param objects: number of objects in the manifest that need a label.
    :param automated_minimum: fewest such objects that automated labeling accepts.
    :param audited_attribute: for an adjustment or a verification: the label attribute to audit.
    """

    region: str | None = None
    categories: dict[str, Any] | None = None
    objects: int | None = None
    automated_minimum: int = Quota.AUTOMATED_MINIMUM_OBJECTS
    audited_attribute: str | None = None


@dataclass(frozen=True)
class _Facts:
    """A request, with the values that several rules need."""

    request: JobRequest
    around: Surroundings

    @cached_property
    def task_type(self) -> TaskType:
        return self.request.task_type


def task_type_of_request(request: dict[str, Any]) -> TaskType:
    """The task type of a CreateLabelingJob request: by its functions, else by its worker interface, else custom."""
    return JobRequest(request).task_type


def check_request(request: dict[str, Any], around: Surroundings | None = None) -> list[Problem]:
    """Every problem of a CreateLabelingJob request, in the order of its fields.

    :param request: arguments of boto3's ``create_labeling_job``.
    :param around: what is known about the region, the category file and the manifest.
    :return: empty if Amazon's documentation gives no reason to refuse the request.
    """
    broken = [
        Problem(
            violation.field,
            f"{violation.value!r} is not allowed." if violation.value is not None else "is missing.",
            f"{violation.constraint} (botocore's model).",
        )
        for violation in model.violations("CreateLabelingJob", request)
    ]
    if broken and any("must not be null" in problem.remedy or "of type" in problem.remedy for problem in broken):
        # The rules below may read any required member.
        return broken
    known = _Facts(JobRequest(request), around or Surroundings())
    return broken + [problem for rule in _RULES for problem in rule(known)]


def attribute_name_problems(name: str, task_type: TaskType) -> list[Problem]:
    """Problems with a label attribute's name for a task type; empty if it is allowed."""
    where = "LabelAttributeName"
    problems = []
    if name.endswith(METADATA):
        problems.append(Problem(where, f"{name!r} ends with -metadata.", "Choose a name without that ending."))
    if name in {"source", "source-ref"}:
        problems.append(Problem(where, f"{name!r} is reserved for the input.", "Choose another name."))
    if task_type.ref and not name.endswith("-ref"):
        remedy = f"Use {name + '-ref'!r}."
        problems.append(Problem(where, f"{name!r} must end with -ref for {task_type.name}.", remedy))
    if not task_type.ref and name.endswith("-ref") and name != "source-ref":
        problems.append(Problem(where, f"{name!r} must not end with -ref for {task_type.name}.", "Drop the ending."))
    return problems


def category_problems(document: dict[str, Any], task_type: TaskType, *, automated: bool = False) -> list[Problem]:
    """Problems with a label category document for a task type; empty if it is allowed."""
    where = "LabelCategoryConfigS3Uri"
    names = templates.label_names(document)
    problems = []
    repeated = sorted({name for name in names if names.count(name) > 1}) if len(set(names)) < len(names) else []
    if repeated:
        problems.append(Problem(where, f"labels appear twice: {', '.join(repeated)}.", "List each label once."))
    has = f"the job has {counted(len(names), 'label')}"
    if len(names) < task_type.min_labels:
        message = f"{has}; {task_type.name} needs at least {task_type.min_labels}."
        problems.append(Problem(where, message, "Add labels."))
    limits = [task_type.max_labels, task_type.max_labels_automated if automated else None]
    limit = min((number for number in limits if number), default=None)
    if limit is not None and len(names) > limit:
        problems.append(Problem(where, f"{has}; {task_type.name} allows at most {limit}.", "Remove some."))
    for name in names:
        if not 1 <= len(name) <= task_type.label_characters:
            problems.append(
                Problem(
                    where,
                    f"label {name[:40]!r} has {len(name)} characters.",
                    f"Use 1 to {task_type.label_characters}.",
                )
            )
    problems.extend(_instruction_problems(document, task_type))
    if task_type.is_sequence:
        problems.extend(sequence_category_problems(document, task_type))
    if task_type.audits and task_type.is_sequence and not document.get("auditLabelAttributeName"):
        problems.append(
            Problem(
                where,
                "auditLabelAttributeName is missing.",
                "Name the attribute whose labels are adjusted or verified.",
            )
        )
    return problems


def no_algorithm(where: str, task_type: TaskType) -> Problem:
    """The problem of automated labeling for a task type that Amazon has no algorithm for."""
    supported = ", ".join(row.name for row in TASK_TYPES.values() if row.algorithm)
    return Problem(where, f"Amazon has no automated labeling for {task_type.name}.", f"It supports {supported}.")


def _instruction_problems(document: dict[str, Any], task_type: TaskType) -> Iterator[Problem]:
    where = "LabelCategoryConfigS3Uri"
    given = document.get("instructions")
    texts = given if isinstance(given, dict) else {}
    for key in ("shortInstruction", "fullInstruction"):
        if task_type.needs_instructions and not texts.get(key):
            yield Problem(where, f"instructions.{key} is missing.", f"{task_type.name} takes it only from this file.")
    limits = {"shortInstruction": Quota.CATEGORY_NOTE_SHORT, "fullInstruction": Quota.CATEGORY_NOTE_FULL}
    for key, limit in limits.items() if task_type.is_sequence else ():
        if len(str(texts.get(key, ""))) >= limit:
            yield Problem(where, f"instructions.{key} is too long.", f"Use fewer than {limit} characters.")


def _check_attribute(known: _Facts) -> Iterator[Problem]:
    yield from attribute_name_problems(known.request.label_attribute, known.task_type)
    audited = known.around.audited_attribute or (known.around.categories or {}).get("auditLabelAttributeName")
    if audited and audited == known.request.label_attribute:
        yield Problem(
            "LabelAttributeName",
            f"{audited!r} is the attribute that this job audits.",
            "Give the adjustment or verification its own name.",
        )


def _check_input(known: _Facts) -> Iterator[Problem]:
    request = known.request
    if not request.has_manifest_member and not request.is_streaming:
        yield Problem(
            "InputConfig.DataSource",
            "names no source.",
            "Give S3DataSource.ManifestS3Uri (static) or SnsDataSource.SnsTopicArn (streaming).",
        )
    if request.is_streaming and request.manifest_uri:
        output = f"{(request.output_path or '').rstrip('/')}/"
        if request.manifest_uri.startswith(output):
            yield Problem(
                "OutputConfig.S3OutputPath",
                f"{output} contains the input manifest.",
                "Keep a streaming job's input and output apart, or its output becomes input.",
            )
    limit, objects = known.task_type.max_objects, known.around.objects
    if objects is not None and objects > limit and not request.is_streaming:
        yield Problem(
            "InputConfig.DataSource.S3DataSource.ManifestS3Uri",
            f"it has {counted(objects, 'object')}; {known.task_type.name} allows at most {limit:,} in one job.",
            "Split the manifest.",
        )


def _check_interface(known: _Facts) -> Iterator[Problem]:
    where, request = "HumanTaskConfig.UiConfig", known.request
    if bool(request.template_uri) == bool(request.human_task_ui_arn):
        count = 2 if request.template_uri else 0
        remedy = "Give exactly one of UiTemplateS3Uri and HumanTaskUiArn."
        yield Problem(where, f"{count} interfaces are given.", remedy)
        return
    hosted = known.task_type.human_task_ui
    if hosted and request.template_uri:
        yield Problem(where, f"{known.task_type.name} takes no template.", f"Use the HumanTaskUiArn of {hosted}.")
    elif hosted and str(request.human_task_ui_arn).rpartition("/")[2] != hosted:
        yield Problem(where, f"HumanTaskUiArn is not the one of {known.task_type.name}.", f"Use {hosted}.")
    elif not hosted and request.human_task_ui_arn:
        yield Problem(where, f"{known.task_type.name} has no hosted interface.", "Give UiTemplateS3Uri.")


def _check_functions(known: _Facts) -> Iterator[Problem]:
    pre, consolidation = known.request.pre_annotation_arn, known.request.consolidation_arn
    kinds = {
        "HumanTaskConfig.PreHumanTaskLambdaArn": (pre, "PRE"),
        "HumanTaskConfig.AnnotationConsolidationConfig.AnnotationConsolidationLambdaArn": (
            consolidation,
            "ACS",
        ),
    }
    builtin = known.task_type.function
    for where, (arn, prefix) in kinds.items():
        if not arn or not builtin:
            continue
        try:
            parts, function = Arn.parse(arn), f"{prefix}-{builtin}"
        except ValueError:
            continue
        if parts.resource != f"function:{function}":
            yield Problem(where, f"{arn} is not for {known.task_type.name}.", f"Use {function}.")
        elif parts.region in facts.LAMBDA_ACCOUNTS and parts.account != facts.LAMBDA_ACCOUNTS[parts.region]:
            remedy = f"Use {facts.lambda_arn(function, parts.region)}."
            yield Problem(where, f"{arn} is not in Amazon's account for {parts.region}.", remedy)
    if consolidation and ready_function(consolidation) and not known.request.category_uri:
        yield Problem("LabelCategoryConfigS3Uri", f"is missing; {consolidation} needs labels.", "Give labels.")


def _check_regions(known: _Facts) -> Iterator[Problem]:
    region, request = known.around.region, known.request
    if region is None:
        return
    for where, arn in (
        ("InputConfig.DataSource.SnsDataSource.SnsTopicArn", request.input_topic_arn),
        ("OutputConfig.SnsTopicArn", request.output_topic_arn),
        ("HumanTaskConfig.WorkteamArn", request.workteam_arn),
        ("HumanTaskConfig.UiConfig.HumanTaskUiArn", request.human_task_ui_arn),
        ("HumanTaskConfig.PreHumanTaskLambdaArn", request.pre_annotation_arn),
        (
            "HumanTaskConfig.AnnotationConsolidationConfig.AnnotationConsolidationLambdaArn",
            request.consolidation_arn,
        ),
        (
            "LabelingJobAlgorithmsConfig.LabelingJobAlgorithmSpecificationArn",
            request.algorithm_arn,
        ),
    ):
        try:
            arn_region = Arn.parse(arn).region if arn else region
        except ValueError:
            continue
        if arn_region != region:
            yield Problem(where, f"{arn} is in {arn_region}.", f"The job runs in {region}; use an ARN of that region.")


def _check_workers(known: _Facts) -> Iterator[Problem]:
    request, task_type = known.request, known.task_type
    if request.workers_per_object > task_type.max_workers:
        yield Problem(
            "HumanTaskConfig.NumberOfHumanWorkersPerDataObject",
            f"{request.workers_per_object} workers are too many.",
            f"{task_type.name} allows at most {task_type.max_workers}.",
        )
    if request.task_seconds > task_type.max_task_seconds:
        yield Problem(
            "HumanTaskConfig.TaskTimeLimitInSeconds",
            f"{request.task_seconds:,} s is too long.",
            f"{task_type.name} allows at most {task_type.max_task_seconds:,} s.",
        )
    public = request.workforce_kind == WorkforceKind.PUBLIC
    limit = Quota.PUBLIC_AVAILABILITY_SECONDS if public else Quota.AVAILABILITY_SECONDS
    if request.availability_seconds > limit:
        yield Problem(
            "HumanTaskConfig.TaskAvailabilityLifetimeInSeconds",
            f"{request.availability_seconds:,} s is too long.",
            f"The {request.workforce_kind} workforce allows at most {limit:,} s.",
        )
    if request.workteam_arn and request.workforce_kind == WorkforceKind.UNKNOWN:
        yield Problem(
            "HumanTaskConfig.WorkteamArn",
            f"{request.workteam_arn} is not a private, vendor or public workteam.",
            "Use …:workteam/private-crowd/NAME, …/vendor-crowd/NAME or …/public-crowd/default.",
        )


def _check_public_workforce(known: _Facts) -> Iterator[Problem]:
    where, request = "HumanTaskConfig.PublicWorkforceTaskPrice", known.request
    if request.workforce_kind != WorkforceKind.PUBLIC:
        if request.has_price:
            yield Problem(where, "only the public workforce has a price.", "Omit it.")
        return
    prices = known.task_type.prices_usd
    if not prices:
        yield Problem(
            "HumanTaskConfig.WorkteamArn",
            f"the public workforce does not do {known.task_type.name}.",
            "Use a private or vendor workteam.",
        )
        return
    allowed = ", ".join(f"{price.normalize():f}" for price in sorted(prices))
    if request.price_usd is None:
        yield Problem(where, "is missing.", f"Choose a price: {allowed} USD.")
    elif request.price_usd not in prices:
        remedy = f"Choose a price: {allowed} USD."
        yield Problem(where, f"{request.price_usd} USD is not a price for {known.task_type.name}.", remedy)
    if _PII not in request.content_classifiers:
        yield Problem(
            "InputConfig.DataAttributes.ContentClassifiers",
            f"{_PII} is missing.",
            "The public workforce may not see personal information. Declare that there is none "
            "(MechanicalTurk(free_of_personal_information=True)) or use another workforce.",
        )


def _check_automated(known: _Facts) -> Iterator[Problem]:
    where = "LabelingJobAlgorithmsConfig"
    if not known.request.is_automated:
        return
    algorithm = known.task_type.algorithm
    if known.request.is_streaming:
        yield Problem(where, "a streaming job can't use automated labeling.", "Omit it.")
    if not algorithm:
        yield no_algorithm(where, known.task_type)
        return
    arn = known.request.algorithm_arn
    if arn and not arn.endswith(f":{facts.ALGORITHM_ACCOUNT}:labeling-job-algorithm-specification/{algorithm}"):
        yield Problem(
            f"{where}.LabelingJobAlgorithmSpecificationArn",
            f"{arn} is not the algorithm of {known.task_type.name}.",
            f"Use {facts.algorithm_arn(algorithm, known.around.region or 'us-east-1')}.",
        )
    objects = known.around.objects
    if objects is not None and objects < known.around.automated_minimum:
        yield Problem(
            where,
            f"{counted(objects, 'object')}: too few for automated labeling.",
            f"It needs at least {known.around.automated_minimum:,}; Amazon advises "
            f"{Quota.AUTOMATED_ADVISED_OBJECTS:,}.",
        )


def _check_categories(known: _Facts) -> Iterator[Problem]:
    if known.task_type.needs_categories and not known.request.category_uri:
        yield Problem("LabelCategoryConfigS3Uri", f"is missing; {known.task_type.name} needs labels.", "Give labels.")
    if known.around.categories is not None:
        yield from category_problems(known.around.categories, known.task_type, automated=known.request.is_automated)


_RULES = (
    _check_attribute,
    _check_input,
    _check_interface,
    _check_functions,
    _check_regions,
    _check_workers,
    _check_public_workforce,
    _check_automated,
    _check_categories,
)

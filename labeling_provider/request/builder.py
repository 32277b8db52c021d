"""Builds a CreateLabelingJob request and the files it refers to from a few named arguments."""

from __future__ import annotations

import copy
import dataclasses
import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from labeling_provider.errors import InvalidRequestError, Problem
from labeling_provider.groundtruth import facts
from labeling_provider.groundtruth.description import JobRequest
from labeling_provider.groundtruth.facts import WorkforceKind
from labeling_provider.groundtruth.job import JobState
from labeling_provider.groundtruth.ready_functions import READY_CONSOLIDATIONS, ready_function_arn
from labeling_provider.groundtruth.request_edits import EditableRequest
from labeling_provider.groundtruth.tag_lists import are_tags, write_tags
from labeling_provider.groundtruth.task_types import TASK_TYPES, TaskType
from labeling_provider.groundtruth.uris import join_s3_uri
from labeling_provider.request import templates
from labeling_provider.request.rules import no_algorithm, task_type_of_request
from labeling_provider.request.workforces import (
    AutomatedLabeling,
    MechanicalTurk,
    PrivateWorkteam,
    VendorWorkteam,
    Workforce,
)

_KINDS: Final[dict[str, WorkforceKind]] = {
    PrivateWorkteam.__name__: WorkforceKind.PRIVATE,
    VendorWorkteam.__name__: WorkforceKind.VENDOR,
}
"""The workforce that a class is for, by the name of the class."""


@dataclass(frozen=True)
class LabelingJobDraft:
    """A request, ready to be checked and sent.

    :param request: arguments of boto3's ``create_labeling_job``.
    :param files: files to store before sending it, text by S3 URI.
    :param categories: the label category document, if the labels were given inline.
    :param task_type: its row in the task type table.
    :param audited_attribute: for an adjustment or a verification: the label attribute to audit, if it was given.
    """

    request: dict[str, Any]
    files: dict[str, str]
    categories: dict[str, Any] | None
    task_type: TaskType
    audited_attribute: str | None = None

    def follow_up(self, manifest_uri: str, missing: int, state: JobState) -> LabelingJobDraft:
        """The same work for the objects that a job left unlabeled.

        Stopping conditions still refer to all objects. Automated labeling continues from the last model, unless too few
        objects are left for it.

        :param manifest_uri: S3 URI of the manifest of those objects.
        :param missing: the number of those objects.
        :param state: the combined state of the jobs so far.
        """
        request = EditableRequest(copy.deepcopy(self.request))
        request.drop_input_topic()
        request.read_manifest(manifest_uri)
        if (people := request.max_human_labeled) is not None:
            request.stop_after(max(people - state.human_labeled, 1))
        if (percentage := request.max_percentage_labeled) is not None:
            wanted = percentage * state.total / 100 - state.labeled
            request.stop_at(min(max(math.ceil(100 * wanted / missing), 1), 100))
        if request.is_automated and missing < facts.Quota.AUTOMATED_MINIMUM_OBJECTS:
            request.drop_automation()
        elif request.is_automated and state.final_model_arn:
            request.start_from(state.final_model_arn)
        return dataclasses.replace(self, request=request.members)


@dataclass(frozen=True, kw_only=True)
class LabelingJobSpec:
    """The named arguments of a labeling job; ``docs/operators.md`` explains each.

    All are optional because ``config`` may supply them. :func:`labeling_provider.request.check_request` reports what is
    still missing in the request.

    :param config: a raw CreateLabelingJob request; the named arguments fill in what it lacks.
    :param task_type: a name from the task type table.
    :param workforce: who does the work; a bare workteam ARN is used unchanged.
    :param labels: labels in class order, stored as the label category file; an empty list counts as none.
    :param instructions: plain text for workers, stored in the worker template or the category file.
    :param consolidation: for custom tasks, what a ready function of the self-hosted service consolidates: one of
        :data:`~labeling_provider.groundtruth.ready_functions.READY_CONSOLIDATIONS`.
    :param time_limit: time a worker has for one task, in seconds.
    :param availability: time an object may wait for workers, in seconds.
    """

    config: Mapping[str, Any] = field(default_factory=dict)
    task_type: str | None = None
    manifest_uri: str | None = None
    input_topic_arn: str | None = None
    output_uri: str | None = None
    output_topic_arn: str | None = None
    output_kms_key: str | None = None
    label_attribute_name: str | None = None
    labels: Sequence[str | dict[str, Any]] | None = None
    category_uri: str | None = None
    audited_attribute: str | None = None
    workforce: Workforce | str | None = None
    role_arn: str | None = None
    title: str | None = None
    description: str | None = None
    instructions: str | None = None
    keywords: Sequence[str] | None = None
    ui_template_uri: str | None = None
    pre_annotation_function: str | None = None
    consolidation_function: str | None = None
    consolidation: str | None = None
    workers_per_object: int | None = None
    time_limit: int | None = None
    availability: int | None = None
    max_concurrent_objects: int | None = None
    max_human_labeled_objects: int | None = None
    max_percentage_labeled: int | None = None
    automated_labeling: bool | AutomatedLabeling | None = None
    content_classifiers: Sequence[str] | None = None
    tags: Mapping[str, str] | None = None

    def draft(self, job_name: str, region: str) -> LabelingJobDraft:
        """Write the request.

        :param job_name: the labeling job's name.
        :param region: the region that it will run in.
        :raises InvalidRequestError: if an argument, such as an unknown task type, makes a request impossible.
        """
        problems: list[Problem] = []
        request = copy.deepcopy(dict(self.config))
        _fill(request, {"LabelingJobName": job_name})
        task_type = self._task_type(request, problems)
        if region not in facts.LAMBDA_ACCOUNTS and task_type and task_type.function:
            known = ", ".join(facts.LAMBDA_ACCOUNTS)
            problems.append(
                Problem("region", f"Ground Truth does not exist in {region!r}.", f"Use a connection to one of {known}.")
            )
        if task_type and self.audited_attribute and not task_type.audits:
            message = f"{task_type.name} neither adjusts nor verifies labels."
            problems.append(
                Problem("audited_attribute", message, "Remove it, or choose an adjustment or verification.")
            )
        if problems or task_type is None:
            raise InvalidRequestError(problems)
        attribute = JobRequest(request).label_attribute or self.label_attribute_name
        _fill(request, {"LabelAttributeName": attribute or default_attribute_name(task_type)})
        _fill(request, self._input())
        _fill(request, self._output())
        _fill(request, {"RoleArn": self.role_arn})
        _fill(request, self._human(task_type, region, problems))
        _fill(request, self._limits())
        if self.automated_labeling:
            _fill(request, self._automated(task_type, region, problems))
        if self.tags and are_tags(request.get("Tags") or []):
            request["Tags"] = write_tags({**self.tags, **JobRequest(request).tags})
        files, categories = self._files(EditableRequest(request), task_type, problems)
        if problems:
            raise InvalidRequestError(problems)
        return LabelingJobDraft(request, files, categories, task_type, self.audited_attribute)

    def _task_type(self, request: dict[str, Any], problems: list[Problem]) -> TaskType | None:
        if self.task_type is None:
            if not JobRequest(self.config).has_human_task:
                problems.append(Problem("task_type", "is missing.", f"Choose one of {', '.join(TASK_TYPES)}."))
                return None
            return task_type_of_request(request)
        if self.task_type not in TASK_TYPES:
            known = ", ".join(TASK_TYPES)
            problems.append(Problem("task_type", f"{self.task_type!r} is unknown.", f"Choose one of {known}."))
        return TASK_TYPES.get(self.task_type)

    def _input(self) -> dict[str, Any]:
        source: dict[str, Any] = {}
        if self.manifest_uri:
            source["S3DataSource"] = {"ManifestS3Uri": self.manifest_uri}
        if self.input_topic_arn:
            source["SnsDataSource"] = {"SnsTopicArn": self.input_topic_arn}
        config: dict[str, Any] = {"DataSource": source}
        classifiers = list(self.content_classifiers or [])
        if isinstance(self.workforce, PrivateWorkteam | VendorWorkteam | MechanicalTurk):
            declared = self.workforce.content_classifiers
            classifiers += [classifier for classifier in declared if classifier not in classifiers]
        if classifiers:
            config["DataAttributes"] = {"ContentClassifiers": classifiers}
        return {"InputConfig": config}

    def _output(self) -> dict[str, Any]:
        output = {
            "S3OutputPath": self.output_uri,
            "KmsKeyId": self.output_kms_key,
            "SnsTopicArn": self.output_topic_arn,
        }
        return {"OutputConfig": {key: value for key, value in output.items() if value}}

    def _human(self, task_type: TaskType, region: str, problems: list[Problem]) -> dict[str, Any]:
        human: dict[str, Any] = {
            "TaskTitle": self.title,
            "TaskDescription": self.description or _one_line(self.instructions or self.title),
            "TaskKeywords": list(self.keywords) if self.keywords else None,
            "NumberOfHumanWorkersPerDataObject": self.workers_per_object or 1,
            "TaskTimeLimitInSeconds": self.time_limit or 300,
            "TaskAvailabilityLifetimeInSeconds": self.availability,
            "MaxConcurrentTaskCount": self.max_concurrent_objects,
        }
        pre, consolidation = self.pre_annotation_function, self.consolidation_function
        if task_type.function:
            pre = pre or facts.lambda_arn(f"PRE-{task_type.function}", region)
            consolidation = consolidation or facts.lambda_arn(f"ACS-{task_type.function}", region)
        if self.consolidation is not None:
            consolidation = self._ready_consolidation(task_type, region, problems)
        if pre:
            human["PreHumanTaskLambdaArn"] = pre
        if consolidation:
            human["AnnotationConsolidationConfig"] = {"AnnotationConsolidationLambdaArn": consolidation}
        if task_type.human_task_ui and not self.ui_template_uri:
            human["UiConfig"] = {"HumanTaskUiArn": facts.human_task_ui_arn(task_type.human_task_ui, region)}
        elif self.ui_template_uri:
            human["UiConfig"] = {"UiTemplateS3Uri": self.ui_template_uri}
        else:
            human["UiConfig"] = {}
        human.update(self._workforce(region, problems))
        return {"HumanTaskConfig": {key: value for key, value in human.items() if value is not None}}

    def _ready_consolidation(self, task_type: TaskType, region: str, problems: list[Problem]) -> str | None:
        name, where = self.consolidation, "consolidation"
        if name not in READY_CONSOLIDATIONS:
            remedy = f"Choose one of {', '.join(READY_CONSOLIDATIONS)}."
            problems.append(Problem(where, f"{name!r} is unknown.", remedy))
            return None
        if task_type.function:
            problems.append(Problem(where, f"{task_type.name} has its own consolidation.", "Use task_type='custom'."))
        if self.consolidation_function:
            problems.append(Problem(where, "consolidation_function is given as well.", "Give one of the two."))
        return ready_function_arn(name, region)

    def _workforce(self, region: str, problems: list[Problem]) -> dict[str, Any]:
        workforce = self.workforce
        if workforce is None:
            return {}
        if isinstance(workforce, str):
            return {"WorkteamArn": workforce}
        try:
            config = workforce.human_task_config(region)
        except ValueError as error:
            problems.append(Problem("workforce", f"{error}.", "Use one of the task type's prices."))
            return {}
        expected = _KINDS.get(type(workforce).__name__)
        actual = facts.workforce_kind(config["WorkteamArn"])
        if expected and actual not in {expected, WorkforceKind.UNKNOWN}:
            problems.append(
                Problem(
                    "workforce",
                    f"{config['WorkteamArn']} is a {actual} workteam.",
                    f"Use a {expected} workteam, or another workforce class.",
                )
            )
        return config

    def _limits(self) -> dict[str, Any]:
        conditions = {
            "MaxHumanLabeledObjectCount": self.max_human_labeled_objects,
            "MaxPercentageOfInputDatasetLabeled": self.max_percentage_labeled,
        }
        given = {key: value for key, value in conditions.items() if value is not None}
        return {"StoppingConditions": given} if given else {}

    def _automated(self, task_type: TaskType, region: str, problems: list[Problem]) -> dict[str, Any]:
        if not task_type.algorithm:
            problems.append(no_algorithm("automated_labeling", task_type))
            return {}
        chosen = self.automated_labeling
        settings = chosen if isinstance(chosen, AutomatedLabeling) else AutomatedLabeling()
        arn = facts.algorithm_arn(task_type.algorithm, region)
        return {"LabelingJobAlgorithmsConfig": settings.algorithms_config(arn)}

    def _files(
        self, request: EditableRequest, task_type: TaskType, problems: list[Problem]
    ) -> tuple[dict[str, str], dict[str, Any] | None]:
        """Category file and worker template where given inline, text by S3 URI, and the category document."""
        files: dict[str, str] = {}
        categories = None
        folder = join_s3_uri(request.output_path or "", request.name, "annotation-tool")
        if self.category_uri and not request.has_category_member:
            request.name_categories(self.category_uri)
        if self.labels and not request.has_category_member:
            categories = templates.category_document(
                task_type, self.labels, self.instructions or "", self.audited_attribute
            )
            uri = join_s3_uri(folder, "data.json")
            files[uri] = json.dumps(categories, ensure_ascii=False)
            request.name_categories(uri)
        if request.lacks_interface and self.instructions is not None:
            title = request.title
            drawn = self.consolidation if self.consolidation in READY_CONSOLIDATIONS else None
            if drawn and categories and not self.pre_annotation_function:
                page = templates.drawing_template(title, self.instructions, drawn, templates.label_names(categories))
            elif not templates.has_worker_template(task_type):
                problems.append(
                    Problem(
                        "instructions",
                        f"there is no built-in worker page for {task_type.name}.",
                        "Write one and pass its S3 URI as ui_template_uri.",
                    )
                )
                return files, categories
            else:
                try:
                    page = templates.worker_template(task_type, title, self.instructions, self.audited_attribute)
                except ValueError as error:
                    remedy = "Name the attribute with the old labels."
                    problems.append(Problem("audited_attribute", f"{error}.", remedy))
                    return files, categories
            uri = join_s3_uri(folder, "template.liquid")
            files[uri] = page
            request.show(uri)
        return files, categories


def default_attribute_name(task_type: TaskType) -> str:
    """``label``, or ``label-ref`` if the task type requires that ending."""
    return "label-ref" if task_type.ref else "label"


def _fill(request: dict[str, Any], values: Mapping[str, Any]) -> None:
    """Add the values that a request lacks, at any depth; values that it has win."""
    for key, value in values.items():
        if value is None:
            continue
        present = request.get(key)
        if isinstance(present, dict) and isinstance(value, Mapping):
            if key not in {"UiConfig", "DataSource"} or not present:
                _fill(present, value)
        elif key not in request:
            request[key] = value


def _one_line(text: str | None) -> str | None:
    """A string as a task description: no line breaks and at most 255 characters."""
    if not text:
        return None
    line = re.sub(r"\s+", " ", text).strip()
    return line if len(line) <= 255 else line[:254] + "…"

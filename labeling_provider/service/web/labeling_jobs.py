"""The operations on labeling jobs. Source: API reference of each operation.

A request is checked against the rules that Amazon documents, and refused if this service can't run the job.
"""

from __future__ import annotations

import random
import string
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from labeling_provider.groundtruth import layout
from labeling_provider.groundtruth.description import JobRequest
from labeling_provider.groundtruth.facts import Arn, arn_of, bucket_arn
from labeling_provider.groundtruth.job import queue_name
from labeling_provider.groundtruth.request_edits import EditableRequest
from labeling_provider.groundtruth.uris import split_s3_uri
from labeling_provider.request.rules import Surroundings, check_request
from labeling_provider.service.database import job_rows, key_rows
from labeling_provider.service.database.database import Connection, Database
from labeling_provider.service.database.job_rows import JobFilter, JobRow, JobScope, NameTaken
from labeling_provider.service.database.workteam_rows import find_workteam_by_arn
from labeling_provider.service.engine.engine import Engine
from labeling_provider.service.failures import ApiError, not_found, validation_error
from labeling_provider.service.web.lists import between, next_token, page_request
from labeling_provider.service.web.tags import add_tags, is_own_job, list_tags
from labeling_provider.service.web.trained_models import TrainedModels
from labeling_provider.service.work.requesters import Requester
from labeling_provider.service.work.workforce import WorkforceFile


class LabelingJobs:
    """CreateLabelingJob, DescribeLabelingJob, ListLabelingJobs, ListLabelingJobsForWorkteam and StopLabelingJob.

    :param role_exists: returns whether an IAM role of this account exists, by its name.
    """

    def __init__(
        self,
        database: Database,
        engine: Engine,
        workforce: WorkforceFile,
        models: TrainedModels,
        *,
        region: str,
        account: str,
        role_exists: Callable[[str], bool],
    ) -> None:
        self._database, self._engine, self._workforce, self._models = database, engine, workforce, models
        self._region, self._account, self._role_exists = region, account, role_exists

    def create(self, request: dict[str, Any], who: Requester) -> dict[str, Any]:
        """CreateLabelingJob.

        :raises ApiError: if the request is wrong, its name is taken, or it names what does not exist or is not
            the requester's.
        """
        job = EditableRequest(request)
        self._check_own(job, who)
        problems = check_request(request, Surroundings(region=self._region))
        if problems:
            raise validation_error("; ".join(str(problem) for problem in problems))
        self._check_can_run(job)
        job.fill_defaults()
        name = job.name
        arn = arn_of("sagemaker", f"labeling-job/{name}", self._region, self._account)
        code = "".join(random.choices(string.ascii_lowercase + string.digits, k=16))  # noqa: S311 - not a secret
        try:
            with self._database.write() as connection:
                job_id = job_rows.insert_job(
                    connection,
                    name=name,
                    arn=arn,
                    reference_code=self._account + code,
                    workteam_arn=str(job.workteam_arn),
                    request={key: value for key, value in request.items() if key != "Tags"},
                    requester="" if who.is_administrator else who.name,
                )
                add_tags(connection, arn, request.get("Tags", []))
                if not who.is_administrator:
                    key_rows.claim(connection, arn, who.name)
                    if not key_rows.claim(connection, self._queue_arn(name), who.name):
                        raise ApiError("ResourceInUse", f"The queue {queue_name(name)} belongs to somebody else.")
        except NameTaken:
            raise ApiError(
                "ResourceInUse", f"A labeling job named {name} already exists: {arn}. Names are compared without case."
            ) from None
        self._engine.wake(job_id)
        return {"LabelingJobArn": arn}

    def _check_can_run(self, job: JobRequest) -> None:
        """Refuse a job that this service can't run.

        :raises ApiError: naming what is missing.
        """
        self._models.check_initial(job)
        team = str(job.workteam_arn)
        if not self._has_workteam(team):
            raise validation_error(_no_workteam(team))
        for arn in job.function_arns if not job.task_type.function else ():
            if arn not in self._workforce.functions:
                raise validation_error(
                    f"The function {arn} is not known here: map it to a Python callable under "
                    '"functions" of the workforce file.'
                )
        role = Arn.parse(str(job.role_arn))
        if role.account == self._account and not self._role_exists(role.resource.rpartition("/")[2]):
            raise validation_error(f"Could not assume the role {job.role_arn}: it does not exist.")

    def _has_workteam(self, arn: str) -> bool:
        with self._database.read() as connection:
            return find_workteam_by_arn(connection, arn) is not None

    def _check_own(self, job: JobRequest, who: Requester) -> None:
        """Refuse a requester's job that is outside the key's scope, or uses what is not the requester's.

        :raises ApiError: if it is refused.
        """
        if who.is_administrator:
            return
        if not who.covers(job.workteam_arn or "", job.tags):
            limits = [f"workteams {', '.join(sorted(who.teams))}"] if who.teams else []
            limits += [f"jobs tagged {name}={value}" for name, value in sorted(who.tags.items())]
            raise _denied(f"The key of {who.name} is for {' and '.join(limits)} only.")
        model = self._models.initial_uri(job)
        uris = filter(None, (job.manifest_uri, job.output_uri, job.category_uri, job.template_uri, model))
        buckets = {split_s3_uri(uri)[0] for uri in uris if uri.startswith("s3://")} - who.buckets
        arns = {bucket_arn(bucket) for bucket in buckets}
        arns |= {arn for arn in (job.input_topic_arn, job.output_topic_arn) if arn}
        with self._database.read() as connection:
            others = arns - key_rows.owned(connection, who.name, arns)
        if others:
            raise _denied(who.lacks(others))

    def _queue_arn(self, name: str) -> str:
        """The queue of a streaming job."""
        return arn_of("sqs", queue_name(name), self._region, self._account)

    def describe(self, request: dict[str, Any], who: Requester) -> dict[str, Any]:
        """DescribeLabelingJob.

        :raises ApiError: if there is no such job, or it is not the requester's.
        """
        with self._database.read() as connection:
            job = self._job(connection, JobRequest(request).name, who)
            own_tags = list_tags(connection, job.arn)
            model_arn = job_rows.final_model_arn(connection, job.id)
        return {
            **_summary(job, model_arn),
            **job.request.echo(),
            "JobReferenceCode": job.reference_code,
            "Tags": own_tags,
        }

    def list(self, request: dict[str, Any], who: Requester) -> dict[str, Any]:
        """ListLabelingJobs."""
        which = JobFilter(
            name_contains=request.get("NameContains"),
            status=request.get("StatusEquals"),
            created=between(request, "CreationTime"),
            modified=between(request, "LastModifiedTime"),
            scope=scope_of(self._database, who),
        )
        order = request.get("SortBy", "CreationTime")
        with self._database.read() as connection:
            page, token = job_rows.list_jobs(connection, which, order, page_request(request))
        return {"LabelingJobSummaryList": [_list_entry(job) for job in page], **next_token(token)}

    def list_for_workteam(self, request: dict[str, Any], who: Requester) -> dict[str, Any]:
        """ListLabelingJobsForWorkteam.

        :raises ApiError: if there is no such workteam.
        """
        arn = request["WorkteamArn"]
        if not self._has_workteam(arn):
            raise not_found(_no_workteam(arn))
        which = JobFilter(
            workteam_arn=arn,
            reference_code_contains=request.get("JobReferenceCodeContains"),
            created=between(request, "CreationTime"),
            scope=scope_of(self._database, who),
        )
        with self._database.read() as connection:
            page, token = job_rows.list_jobs(connection, which, "CreationTime", page_request(request))
            pending = job_rows.objects_with_workers(connection, [job.id for job in page])
        entries = [self._workteam_entry(job, pending.get(job.id, 0)) for job in page]
        return {"LabelingJobSummaryList": entries, **next_token(token)}

    def _workteam_entry(self, job: JobRow, pending: int) -> dict[str, Any]:
        """A LabelingJobForWorkteamSummary."""
        return {
            "LabelingJobName": job.name,
            "JobReferenceCode": job.reference_code,
            "WorkRequesterAccountId": self._account,
            "CreationTime": job.created,
            "LabelCounters": {"HumanLabeled": job.labeled, "PendingHuman": pending, "Total": job.lines},
            "NumberOfHumanWorkersPerDataObject": job.request.workers_per_object,
        }

    def stop(self, request: dict[str, Any], who: Requester) -> dict[str, Any]:
        """StopLabelingJob. A job that has ended does not change.

        :raises ApiError: if there is no such job, or it is not the requester's.
        """
        with self._database.write() as connection:
            job = self._job(connection, JobRequest(request).name, who)
            job_rows.request_stop(connection, job.id)
        self._engine.wake(job.id)
        return {}

    def _job(self, connection: Connection, name: str, who: Requester) -> JobRow:
        """:raises ApiError: if there is no job with this name, or it is not the requester's."""
        job = job_rows.find_job(connection, name)
        if job is None or not is_own_job(connection, who, job.arn, job.workteam_arn):
            raise not_found(f"There is no labeling job named {name} in {self._region}.")
        return job


def scope_of(database: Database, who: Requester) -> JobScope | None:
    """The jobs that somebody may see; None for all."""
    if who.is_administrator:
        return None
    job_rows.note_requesters(database)
    return JobScope(who.name, who.teams, who.tags)


def _denied(message: str) -> ApiError:
    return ApiError("AccessDeniedException", message, HTTPStatus.FORBIDDEN)


def _no_workteam(arn: str) -> str:
    return f"The workteam {arn} does not exist."


def _summary(job: JobRow, model_arn: str | None = None) -> dict[str, Any]:
    """The members that Describe and List have in common.

    :param model_arn: ARN of the last model of automated labeling, which List leaves out.
    """
    model = {"FinalActiveLearningModelArn": model_arn} if model_arn else {}
    output = {"OutputDatasetS3Uri": layout.output_manifest_uri(job.request.output_uri), **model} if job.lines else None
    return {
        "LabelingJobName": job.name,
        "LabelingJobArn": job.arn,
        "LabelingJobStatus": job.status,
        "CreationTime": job.created,
        "LastModifiedTime": job.modified,
        "LabelCounters": {
            "TotalLabeled": job.labeled + job.machine_labeled,
            "HumanLabeled": job.labeled,
            "MachineLabeled": job.machine_labeled,
            "FailedNonRetryableError": job.failed,
            "Unlabeled": job.unlabeled,
        },
        **({"FailureReason": job.failure_reason} if job.failure_reason else {}),
        **({"LabelingJobOutput": output} if output else {}),
    }


def _list_entry(job: JobRow) -> dict[str, Any]:
    """A LabelingJobSummary."""
    functions = {
        "PreHumanTaskLambdaArn": job.request.pre_annotation_arn,
        "AnnotationConsolidationLambdaArn": job.request.consolidation_arn,
    }
    return {
        **_summary(job),
        "WorkteamArn": job.workteam_arn,
        "InputConfig": job.request.input_config,
        **{name: arn for name, arn in functions.items() if arn},
    }

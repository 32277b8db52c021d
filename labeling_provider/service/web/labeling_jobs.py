"""SageMaker's labeling operations, as the local service answers them.

Each request is checked against botocore's model, then against the rules that Amazon documents. Source: the API
reference of each operation.
"""

from __future__ import annotations

import base64
import json
import random
import string
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.exc import IntegrityError

from labeling_provider.groundtruth import layout, model
from labeling_provider.groundtruth.facts import PUBLIC_WORKFORCE_ACCOUNT, Arn, Quota, workforce_kind
from labeling_provider.groundtruth.uris import join_s3_uri
from labeling_provider.request.rules import Surroundings, check_request, task_type_of_request
from labeling_provider.service.database.database import Database, now
from labeling_provider.service.database.schema import events, jobs, tags, tasks, workteams
from labeling_provider.service.engine.engine import ACTIVE, Engine
from labeling_provider.service.errors import ApiError, constraint_error, not_found, validation_error
from labeling_provider.service.kinds.base import KINDS
from labeling_provider.service.learning.registry import ModelRegistry, final_model_arn
from labeling_provider.service.work.records import labeled_by_machine
from labeling_provider.service.work.workforce import PEOPLE, Workforce

_PAGE: Final = 10
_MOST_TAGS: Final = 50
_LARGEST_INTEGER: Final = 1 << 63
_MOST_WORKTEAMS: Final = 25
_ECHOED: Final = (
    "LabelAttributeName",
    "InputConfig",
    "OutputConfig",
    "RoleArn",
    "LabelCategoryConfigS3Uri",
    "StoppingConditions",
    "LabelingJobAlgorithmsConfig",
    "HumanTaskConfig",
)


class LabelingApi:
    """The operations, by name.

    :param role_exists: tells whether an IAM role of this account exists.
    """

    def __init__(
        self,
        database: Database,
        engine: Engine,
        workforce: Workforce,
        models: ModelRegistry,
        *,
        region: str,
        account: str,
        role_exists: Callable[[str], bool],
    ) -> None:
        self._database, self._engine, self._workforce = database, engine, workforce
        self._models = models
        self._region, self._account, self._role_exists = region, account, role_exists
        self.operations: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
            "CreateLabelingJob": self.create_labeling_job,
            "DescribeLabelingJob": self.describe_labeling_job,
            "ListLabelingJobs": self.list_labeling_jobs,
            "ListLabelingJobsForWorkteam": self.list_labeling_jobs_for_workteam,
            "StopLabelingJob": self.stop_labeling_job,
            "CreateWorkteam": self.create_workteam,
            "DescribeWorkteam": self.describe_workteam,
            "ListWorkteams": self.list_workteams,
            "UpdateWorkteam": self.update_workteam,
            "DeleteWorkteam": self.delete_workteam,
            "AddTags": self.add_tags,
            "ListTags": self.list_tags,
            "DeleteTags": self.delete_tags,
            "DescribeModel": self.describe_model,
        }
        self._create_ready_workteams()

    def call(self, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        """Answer one request.

        :raises ApiError: with Amazon's code, if it is refused.
        """
        broken = model.violations(operation, request)
        if broken:
            raise constraint_error(broken)
        return self.operations[operation](request)

    # Labeling jobs

    def create_labeling_job(self, request: dict[str, Any]) -> dict[str, Any]:
        """CreateLabelingJob."""
        problems = check_request(request, Surroundings(region=self._region))
        if problems:
            raise validation_error("; ".join(str(problem) for problem in problems))
        self._check_can_run(request)
        name = request["LabelingJobName"]
        arn = f"arn:aws:sagemaker:{self._region}:{self._account}:labeling-job/{name}"
        at = now()
        human = request["HumanTaskConfig"]
        human.setdefault("MaxConcurrentTaskCount", Quota.CONCURRENT_OBJECTS_DEFAULT)
        public = workforce_kind(human["WorkteamArn"]) == "public"
        default = Quota.PUBLIC_AVAILABILITY_DEFAULT if public else Quota.AVAILABILITY_SECONDS
        human.setdefault("TaskAvailabilityLifetimeInSeconds", default)
        code = "".join(random.choices(string.ascii_lowercase + string.digits, k=16))  # noqa: S311 - not a secret
        row = {
            "name": name,
            "name_key": name.lower(),
            "arn": arn,
            "reference_code": self._account + code,
            "workteam_arn": human["WorkteamArn"],
            "status": "Initializing",
            "created": at,
            "modified": at,
            "request": json.dumps({key: value for key, value in request.items() if key != "Tags"}),
        }
        try:
            with self._database.write() as connection:
                job_id = connection.execute(sa.insert(jobs).values(row)).inserted_primary_key[0]  # type: ignore[index]
                connection.execute(sa.insert(events).values(job_id=job_id, at=at, message="Created"))
                self._put_tags(connection, arn, request.get("Tags", []))
        except IntegrityError:
            raise ApiError(
                "ResourceInUse", f"A labeling job named {name} already exists: {arn}. Names are compared without case."
            ) from None
        self._engine.wake(job_id)
        return {"LabelingJobArn": arn}

    def _check_can_run(self, request: dict[str, Any]) -> None:
        """Refuse what this service does not run, rather than let it wait for ever."""
        task_type = task_type_of_request(request)
        human = request["HumanTaskConfig"]
        if task_type.name not in KINDS:
            raise validation_error(f"The local service does not run {task_type.name} yet. It runs {', '.join(KINDS)}.")
        self._models.check_request(request)
        self._team_row(human["WorkteamArn"])
        consolidation = human.get("AnnotationConsolidationConfig", {}).get("AnnotationConsolidationLambdaArn")
        for arn in (human.get("PreHumanTaskLambdaArn"), consolidation):
            if arn and not task_type.function and arn not in self._workforce.functions:
                raise validation_error(
                    f"The function {arn} is not known here: map it to a Python callable under "
                    '"functions" of the workforce file.'
                )
        role = Arn.parse(request["RoleArn"])
        if role.account == self._account and not self._role_exists(role.resource.rpartition("/")[2]):
            raise validation_error(f"Could not assume the role {request['RoleArn']}: it does not exist.")

    def _job_row(self, name: str) -> sa.Row[Any]:
        with self._database.read() as connection:
            row = connection.execute(sa.select(jobs).where(jobs.c.name_key == name.lower())).one_or_none()
        if row is None:
            raise not_found(f"There is no labeling job named {name} in {self._region}.")
        return row

    def describe_labeling_job(self, request: dict[str, Any]) -> dict[str, Any]:
        """DescribeLabelingJob."""
        row = self._job_row(request["LabelingJobName"])
        created = json.loads(row.request)
        created["OutputConfig"].setdefault("KmsKeyId", "")
        with self._database.read() as connection:
            own_tags = self._tags_of(connection, row.arn)
            summary = _summary(row, labeled_by_machine(connection, [row.id]))
            model_arn = final_model_arn(connection, row.id)
        if model_arn:
            summary["LabelingJobOutput"]["FinalActiveLearningModelArn"] = model_arn
        return {
            **summary,
            **{key: created[key] for key in _ECHOED if key in created},
            "JobReferenceCode": row.reference_code,
            "Tags": own_tags,
        }

    def list_labeling_jobs(self, request: dict[str, Any]) -> dict[str, Any]:
        """ListLabelingJobs."""
        query = _between(sa.select(jobs), request, jobs.c.created, "CreationTime")
        query = _between(query, request, jobs.c.modified, "LastModifiedTime")
        if "NameContains" in request:
            query = query.where(jobs.c.name_key.contains(request["NameContains"].lower(), autoescape=True))
        if "StatusEquals" in request:
            query = query.where(jobs.c.status == request["StatusEquals"])
        columns = {"Name": jobs.c.name_key, "CreationTime": jobs.c.created, "Status": jobs.c.status}
        column = columns[request.get("SortBy", "CreationTime")]
        rows, token = self._page(query, request, column, jobs.c.id)
        with self._database.read() as connection:
            by_machine = labeled_by_machine(connection, [row.id for row in rows])
        return {"LabelingJobSummaryList": [_list_entry(row, by_machine) for row in rows], **token}

    def list_labeling_jobs_for_workteam(self, request: dict[str, Any]) -> dict[str, Any]:
        """ListLabelingJobsForWorkteam."""
        arn = request["WorkteamArn"]
        try:
            self._team_row(arn)
        except ApiError as error:
            raise not_found(error.message) from None
        query = _between(sa.select(jobs).where(jobs.c.workteam_arn == arn), request, jobs.c.created, "CreationTime")
        if "JobReferenceCodeContains" in request:
            text = request["JobReferenceCodeContains"]
            query = query.where(jobs.c.reference_code.contains(text, autoescape=True))
        rows, token = self._page(query, request, jobs.c.created, jobs.c.id)
        with self._database.read() as connection:
            pending = self._pending(connection, [row.id for row in rows])
        return {"LabelingJobSummaryList": [self._team_entry(row, pending) for row in rows], **token}

    def _team_entry(self, row: sa.Row[Any], pending: dict[int, int]) -> dict[str, Any]:
        human = json.loads(row.request)["HumanTaskConfig"]
        return {
            "LabelingJobName": row.name,
            "JobReferenceCode": row.reference_code,
            "WorkRequesterAccountId": self._account,
            "CreationTime": row.created,
            "LabelCounters": {
                "HumanLabeled": row.labeled,
                "PendingHuman": pending.get(row.id, 0),
                "Total": row.lines,
            },
            "NumberOfHumanWorkersPerDataObject": human["NumberOfHumanWorkersPerDataObject"],
        }

    @staticmethod
    def _pending(connection: Connection, job_ids: list[int]) -> dict[int, int]:
        """Objects with the workers, by job."""
        query = (
            sa.select(tasks.c.job_id, sa.func.count(sa.distinct(tasks.c.object_id)))
            .where(tasks.c.job_id.in_(job_ids), tasks.c.state.in_(("open", "accepted")))
            .group_by(tasks.c.job_id)
        )
        return dict(connection.execute(query).tuples().all())

    def stop_labeling_job(self, request: dict[str, Any]) -> dict[str, Any]:
        """StopLabelingJob. A job that has ended stays as it is."""
        row = self._job_row(request["LabelingJobName"])
        with self._database.write() as connection:
            stopped = connection.execute(
                sa.update(jobs)
                .where(jobs.c.id == row.id, jobs.c.status.in_(ACTIVE))
                .values(status="Stopping", modified=now())
            )
            if stopped.rowcount:
                connection.execute(sa.insert(events).values(job_id=row.id, at=now(), message="Stopping"))
        self._engine.wake(row.id)
        return {}

    def describe_model(self, request: dict[str, Any]) -> dict[str, Any]:
        """DescribeModel, for the models of automated labeling."""
        return self._models.describe(request["ModelName"])

    # Workteams

    def _create_ready_workteams(self) -> None:
        """Make the workteams that are promised at start, unless an earlier start has."""
        at = now()
        with self._database.write() as connection:
            known = set(connection.execute(sa.select(workteams.c.arn)).scalars())
            for name, arn in self._workforce.names.items():
                if arn in known:
                    continue
                people = "People" if name == PEOPLE else "Simulated workers"
                member = {"UserPool": f"{self._region}_local", "UserGroup": name, "ClientId": "local"}
                row = {
                    "name_key": name.lower(),
                    "name": name,
                    "arn": arn,
                    "description": f"{people} of the local service",
                    "members": json.dumps([{"CognitoMemberDefinition": member}]),
                    "settings": "{}",
                    "created": at,
                    "updated": at,
                }
                connection.execute(sa.insert(workteams).values(row))

    def _team_row(self, arn: str) -> sa.Row[Any]:
        with self._database.read() as connection:
            row = connection.execute(sa.select(workteams).where(workteams.c.arn == arn)).one_or_none()
        if row is None:
            raise validation_error(f"The workteam {arn} does not exist.")
        return row

    def create_workteam(self, request: dict[str, Any]) -> dict[str, Any]:
        """CreateWorkteam."""
        members = _checked_members(request["MemberDefinitions"])
        name = request["WorkteamName"]
        arn = f"arn:aws:sagemaker:{self._region}:{self._account}:workteam/private-crowd/{name}"
        settings = {
            key: request[key] for key in ("NotificationConfiguration", "WorkerAccessConfiguration") if key in request
        }
        at = now()
        try:
            with self._database.write() as connection:
                count = connection.execute(sa.select(sa.func.count()).select_from(workteams)).scalar_one()
                if count >= _MOST_WORKTEAMS + len(self._workforce.names):
                    raise ApiError("ResourceLimitExceeded", f"There are {_MOST_WORKTEAMS} workteams already.")
                row = {
                    "name_key": name.lower(),
                    "name": name,
                    "arn": arn,
                    "description": request["Description"],
                    "members": json.dumps(members),
                    "settings": json.dumps(settings),
                    "created": at,
                    "updated": at,
                }
                connection.execute(sa.insert(workteams).values(row))
                self._put_tags(connection, arn, request.get("Tags", []))
        except IntegrityError:
            raise ApiError("ResourceInUse", f"A workteam named {name} already exists.") from None
        return {"WorkteamArn": arn}

    def _workteam(self, name: str) -> sa.Row[Any]:
        with self._database.read() as connection:
            row = connection.execute(sa.select(workteams).where(workteams.c.name_key == name.lower())).one_or_none()
        if row is None:
            raise validation_error(f"The workteam {name} does not exist.")
        return row

    def describe_workteam(self, request: dict[str, Any]) -> dict[str, Any]:
        """DescribeWorkteam."""
        return {"Workteam": self._team_entity(self._workteam(request["WorkteamName"]))}

    def _team_entity(self, row: sa.Row[Any]) -> dict[str, Any]:
        return {
            "WorkteamName": row.name,
            "WorkteamArn": row.arn,
            "WorkforceArn": f"arn:aws:sagemaker:{self._region}:{self._account}:workforce/private-crowd/default",
            "MemberDefinitions": json.loads(row.members),
            "Description": row.description,
            "CreateDate": row.created,
            "LastUpdatedDate": row.updated,
            **json.loads(row.settings),
        }

    def list_workteams(self, request: dict[str, Any]) -> dict[str, Any]:
        """ListWorkteams: this account's private teams, as on Amazon."""
        own = workteams.c.arn.like("%:workteam/private-crowd/%")
        query = sa.select(workteams).where(own)
        if "NameContains" in request:
            query = query.where(workteams.c.name_key.contains(request["NameContains"].lower(), autoescape=True))
        columns = {"Name": workteams.c.name_key, "CreateDate": workteams.c.created}
        column = columns[request.get("SortBy", "CreateDate")]
        rows, token = self._page(query, request, column, workteams.c.name_key)
        return {"Workteams": [self._team_entity(row) for row in rows], **token}

    def update_workteam(self, request: dict[str, Any]) -> dict[str, Any]:
        """UpdateWorkteam."""
        row = self._workteam(request["WorkteamName"])
        values: dict[str, Any] = {"updated": now()}
        if "Description" in request:
            values["description"] = request["Description"]
        if "MemberDefinitions" in request:
            values["members"] = json.dumps(_checked_members(request["MemberDefinitions"]))
        settings = json.loads(row.settings)
        for key in ("NotificationConfiguration", "WorkerAccessConfiguration"):
            if key in request:
                settings[key] = request[key]
        values["settings"] = json.dumps(settings)
        with self._database.write() as connection:
            connection.execute(sa.update(workteams).where(workteams.c.name_key == row.name_key).values(values))
        return self.describe_workteam({"WorkteamName": row.name})

    def delete_workteam(self, request: dict[str, Any]) -> dict[str, Any]:
        """DeleteWorkteam."""
        row = self._workteam(request["WorkteamName"])
        with self._database.write() as connection:
            connection.execute(sa.delete(workteams).where(workteams.c.name_key == row.name_key))
            connection.execute(sa.delete(tags).where(tags.c.arn == row.arn))
        return {"Success": True}

    # Tags

    def _taggable(self, arn: str) -> None:
        """Check that an ARN is a job or workteam of ours."""
        with self._database.read() as connection:
            for table in (jobs, workteams):
                if connection.execute(sa.select(table.c.arn).where(table.c.arn == arn)).first():
                    return
        raise not_found(f"There is no labeling job or workteam {arn}.")

    @staticmethod
    def _tags_of(connection: Connection, arn: str) -> list[dict[str, str]]:
        rows = connection.execute(sa.select(tags).where(tags.c.arn == arn).order_by(tags.c.key))
        return [{"Key": row.key, "Value": row.value} for row in rows]

    def _put_tags(self, connection: Connection, arn: str, given: list[dict[str, str]]) -> None:
        merged = {tag["Key"]: tag["Value"] for tag in (*self._tags_of(connection, arn), *given)}
        if len(merged) > _MOST_TAGS:
            raise ApiError("ResourceLimitExceeded", f"{len(merged)} tags, at most {_MOST_TAGS} are allowed.")
        rows = [{"arn": arn, "key": key, "value": value} for key, value in merged.items()]
        self._database.upsert(connection, tags, rows)

    def add_tags(self, request: dict[str, Any]) -> dict[str, Any]:
        """AddTags. A tag of the same key is replaced."""
        self._taggable(request["ResourceArn"])
        with self._database.write() as connection:
            self._put_tags(connection, request["ResourceArn"], request["Tags"])
            return {"Tags": self._tags_of(connection, request["ResourceArn"])}

    def list_tags(self, request: dict[str, Any]) -> dict[str, Any]:
        """ListTags. There are at most 50, so the first page holds them all."""
        self._taggable(request["ResourceArn"])
        with self._database.read() as connection:
            return {"Tags": self._tags_of(connection, request["ResourceArn"])}

    def delete_tags(self, request: dict[str, Any]) -> dict[str, Any]:
        """DeleteTags."""
        self._taggable(request["ResourceArn"])
        with self._database.write() as connection:
            connection.execute(
                sa.delete(tags).where(tags.c.arn == request["ResourceArn"], tags.c.key.in_(request["TagKeys"]))
            )
        return {}

    # Pages

    def _page(
        self, query: sa.Select[Any], request: dict[str, Any], column: sa.Column[Any], unique: sa.Column[Any]
    ) -> tuple[list[sa.Row[Any]], dict[str, str]]:
        """One page of a query and the token of the next; a page starts after the last row of the one before.

        :param column: what to sort by.
        :param unique: what breaks ties.
        """
        down = request.get("SortOrder") == "Descending"
        if "NextToken" in request:
            value, tie = _read_token(request["NextToken"], column, unique)
            here, last = sa.tuple_(column, unique), sa.tuple_(sa.literal(value), sa.literal(tie))
            query = query.where(here < last if down else here > last)
        size = request.get("MaxResults", _PAGE)
        order = (column.desc(), unique.desc()) if down else (column.asc(), unique.asc())
        with self._database.read() as connection:
            rows = list(connection.execute(query.order_by(*order).limit(size + 1)))
        if len(rows) <= size:
            return rows, {}
        last = rows[size - 1]._mapping
        token = json.dumps([last[column.name], last[unique.name]])
        return rows[:size], {"NextToken": base64.urlsafe_b64encode(token.encode()).decode()}


def _read_token(token: str, *columns: sa.Column[Any]) -> list[Any]:
    """The last row's values of the columns."""
    try:
        values = json.loads(base64.urlsafe_b64decode(token.encode()))
        if not isinstance(values, list) or not all(_fits(*pair) for pair in zip(values, columns, strict=True)):
            raise ValueError(token)
    except (ValueError, TypeError, RecursionError):
        raise validation_error("NextToken is not one that this operation has given out.") from None
    return values


def _fits(value: Any, column: sa.Column[Any]) -> bool:
    """Whether a database can compare a value with a column."""
    if not isinstance(value, column.type.python_type) or isinstance(value, bool):
        return False
    if isinstance(value, str):
        return bool(value.encode())
    return bool(-_LARGEST_INTEGER < value < _LARGEST_INTEGER)


def _between(query: sa.Select[Any], request: dict[str, Any], column: sa.Column[Any], name: str) -> sa.Select[Any]:
    """Apply the …After and …Before filters of a time."""
    if f"{name}After" in request:
        query = query.where(column > request[f"{name}After"])
    if f"{name}Before" in request:
        query = query.where(column < request[f"{name}Before"])
    return query


def _summary(row: sa.Row[Any], by_machine: dict[int, int]) -> dict[str, Any]:
    """What Describe and List have in common.

    :param by_machine: how many labels models have made, by job.
    """
    machine = by_machine.get(row.id, 0)
    request = json.loads(row.request)
    output = join_s3_uri(request["OutputConfig"]["S3OutputPath"], row.name)
    summary = {
        "LabelingJobName": row.name,
        "LabelingJobArn": row.arn,
        "LabelingJobStatus": row.status,
        "CreationTime": row.created,
        "LastModifiedTime": row.modified,
        "LabelCounters": {
            "TotalLabeled": row.labeled + machine,
            "HumanLabeled": row.labeled,
            "MachineLabeled": machine,
            "FailedNonRetryableError": row.failed,
            "Unlabeled": max(row.lines - row.given - row.labeled - machine - row.failed, 0),
        },
    }
    if row.failure_reason:
        summary["FailureReason"] = row.failure_reason
    if row.lines:
        summary["LabelingJobOutput"] = {"OutputDatasetS3Uri": layout.output_manifest_uri(output)}
    return summary


def _list_entry(row: sa.Row[Any], by_machine: dict[int, int]) -> dict[str, Any]:
    """A LabelingJobSummary."""
    request = json.loads(row.request)
    human = request["HumanTaskConfig"]
    entry = {**_summary(row, by_machine), "WorkteamArn": row.workteam_arn, "InputConfig": request["InputConfig"]}
    if "PreHumanTaskLambdaArn" in human:
        entry["PreHumanTaskLambdaArn"] = human["PreHumanTaskLambdaArn"]
    consolidation = human.get("AnnotationConsolidationConfig", {}).get("AnnotationConsolidationLambdaArn")
    if consolidation:
        entry["AnnotationConsolidationLambdaArn"] = consolidation
    return entry


def _checked_members(members: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Members of a workteam: all of Cognito, from one user pool, or all of OIDC."""
    kinds = {key for member in members for key in member}
    if len(kinds) != 1 or any(len(member) != 1 for member in members):
        raise validation_error("MemberDefinitions must be all CognitoMemberDefinition or all OidcMemberDefinition.")
    if kinds == {"CognitoMemberDefinition"}:
        pools = {
            (one["CognitoMemberDefinition"]["UserPool"], one["CognitoMemberDefinition"]["ClientId"]) for one in members
        }
        if len(pools) > 1:
            raise validation_error("All members must be of one user pool and client.")
    return members


def unsupported(operation: str, known: list[str]) -> ApiError:
    """An operation of SageMaker that nobody here can answer."""
    return ApiError(
        "UnknownOperationException",
        f"The local service has no operation {operation!r}. It has {', '.join(sorted(known))}.",
        HTTPStatus.NOT_FOUND,
    )


__all__ = ["PUBLIC_WORKFORCE_ACCOUNT", "LabelingApi", "unsupported"]

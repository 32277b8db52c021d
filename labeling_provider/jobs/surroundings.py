"""Checks a labeling job's surroundings: objects, buckets, role and workteam. What it may not see is not a problem.

Sources: developer guide, "CORS requirement for input image data" and "Assign IAM permissions to use Ground Truth"; the
API references of S3, IAM and SageMaker.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from difflib import SequenceMatcher
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote

from botocore.exceptions import BotoCoreError, ClientError

from labeling_provider.client.ground_truth import GroundTruth
from labeling_provider.client.retries import error_code
from labeling_provider.errors import Problem
from labeling_provider.groundtruth.description import JobRequest
from labeling_provider.groundtruth.facts import WorkforceKind, bucket_arn, principal_of, workforce_kind
from labeling_provider.groundtruth.media import media_of
from labeling_provider.groundtruth.task_types import TaskType
from labeling_provider.groundtruth.uris import split_s3_uri
from labeling_provider.groundtruth.workforce_identity import TeamMember, UserGroup
from labeling_provider.jobs.input_objects import Findings, LineSample, ObjectInspection

if TYPE_CHECKING:
    from labeling_provider.request import LabelingJobDraft

_SAGEMAKER: Final = principal_of("sagemaker")
_NAMED: Final = 10
_LISTED: Final = 100

log = logging.getLogger(__name__)


class Inspection:
    """Checks a job's surroundings and collects the problems.

    :param task_type: the task type, which decides on the requirements for files and buckets.
    :param fix_cors: add a missing CORS rule to a bucket's existing rules.
    :param automated: whether the job uses automated labeling, which allows only smaller images.
    """

    def __init__(
        self, ground_truth: GroundTruth, task_type: TaskType | None, *, fix_cors: bool = False, automated: bool = False
    ) -> None:
        self._ground_truth, self._fix_cors, self._findings = ground_truth, fix_cors, Findings()
        self._media = media_of(task_type, automated=automated)
        self._objects = ObjectInspection(ground_truth, task_type, self._media, self._findings)

    @property
    def problems(self) -> list[Problem]:
        """What is wrong."""
        return self._findings.problems

    @property
    def remarks(self) -> list[str]:
        """What is not wrong, but worth knowing before labeling."""
        return self._findings.remarks

    @property
    def unseen(self) -> list[str]:
        """What this connection may not check, for the log."""
        return self._findings.unseen

    def of_job(self, draft: LabelingJobDraft, sample: LineSample, further_data: str | None = None) -> None:
        """Check all surroundings of a job that is about to be created.

        :param further_data: S3 URI of future objects that are in no manifest.
        """
        request = JobRequest(draft.request)
        self.of_manifest(request.manifest_uri, sample, request.output_path, further_data)
        if request.role_arn:
            self._role(request.role_arn, request.manifest_uri, request.output_path)
        if request.workteam_arn:
            self._workteam(request.workteam_arn)

    def of_manifest(
        self, manifest: str | None, sample: LineSample, output: str | None = None, further_data: str | None = None
    ) -> None:
        """Check a manifest's objects and all buckets.

        :param output: S3 URI of the output.
        :param further_data: S3 URI of future objects that are in no manifest.
        """
        data = self._objects.of_manifest(manifest or "", sample) | _bucket_of(further_data)
        self._buckets(data, _bucket_of(output), _bucket_of(manifest))

    def _buckets(self, data: set[str], output: set[str], others: set[str]) -> None:
        """Check that buckets exist, are in the job's region, and have the CORS rules that workers' browsers need.

        :param data: names of the objects' buckets.
        :param output: name of the output's bucket.
        :param others: name of the manifest's bucket.
        """
        region = self._ground_truth.region
        for bucket in sorted(data | output | others):
            try:
                answer = self._ground_truth.s3.get_bucket_location(Bucket=bucket)
            except (BotoCoreError, ClientError) as error:
                if error_code(error) in {"404", "NoSuchBucket"}:
                    self._findings.wrong(
                        "bucket", f"the bucket {bucket} does not exist.", "Create it, or correct the URI."
                    )
                else:
                    self._findings.not_seen(f"the region of {bucket}", error)
                continue
            location = answer.get("LocationConstraint")
            bucket_region = {None: "us-east-1", "EU": "eu-west-1"}.get(location, location)
            if bucket_region != region:
                message = f"the bucket {bucket} is in {bucket_region}, but the job is in {region}."
                self._findings.wrong("bucket", message, "Manifest, objects, output and job must be in one region.")
            elif bucket in data or (self._media.writes and bucket in output):
                self._cors(bucket)

    def _cors(self, bucket: str) -> None:
        methods = self._media.cors
        if methods is None:
            return
        try:
            rules = self._ground_truth.s3.get_bucket_cors(Bucket=bucket)["CORSRules"]
        except (BotoCoreError, ClientError) as error:
            if error_code(error) != "NoSuchCORSConfiguration":
                self._findings.not_seen(f"the CORS rules of {bucket}", error)
                return
            rules = []
        if any(_lets_in(rule, methods) for rule in rules):
            return
        allowed = ", ".join(sorted(methods))
        if not self._fix_cors:
            message = f"the bucket {bucket} has no CORS rule that allows {allowed}, so workers would see no objects."
            self._findings.wrong("CORS", message, "Set fix_cors=True, or add the rule in docs/manifests.md.")
            return
        rule: dict[str, Any] = {
            "AllowedMethods": sorted(methods),
            "AllowedOrigins": ["*"],
            "ExposeHeaders": ["Access-Control-Allow-Origin"],
        }
        if self._media.writes:
            rule |= {"AllowedHeaders": ["*"], "MaxAgeSeconds": 3000}
        put = {"Bucket": bucket, "CORSConfiguration": {"CORSRules": [*rules, rule]}}
        try:
            self._ground_truth.s3.put_bucket_cors(**put)
        except (BotoCoreError, ClientError) as error:
            self._findings.wrong(
                "CORS", f"the rule can't be added to {bucket}: {error}.", "Add the rule in docs/manifests.md."
            )
            return
        log.info("Added a CORS rule for %s to the bucket %s, next to %s others", allowed, bucket, len(rules))

    def _role(self, arn: str, manifest: str | None, output: str | None) -> None:
        """Check that the execution role exists, lets SageMaker assume it, and may read input and write output."""
        iam, name = self._once("iam"), arn.rpartition("/")[2]
        try:
            role = iam.get_role(RoleName=name)["Role"]
        except (BotoCoreError, ClientError) as error:
            if error_code(error) == "NoSuchEntity":
                self._findings.wrong("RoleArn", f"there is no role {name}.", "Create it, or correct the ARN.")
            else:
                self._findings.not_seen(f"the role {name}", error)
            return
        if not _trusts(role.get("AssumeRolePolicyDocument")):
            message = f"the role {name} does not let {_SAGEMAKER} assume it."
            self._findings.wrong("RoleArn", message, "Add this service to its trust policy.")
        rights = {"s3:PutObject": f"{_arn(output).rstrip('/')}/*"} if output else {}
        if manifest:
            rights["s3:GetObject"] = _arn(manifest)
        ask = {"PolicySourceArn": arn, "ActionNames": list(rights), "ResourceArns": list(rights.values())}
        try:
            answer = iam.simulate_principal_policy(**ask)
        except (BotoCoreError, ClientError) as error:
            # A service without this operation, such as ours, does not go by policies: there is nothing to check.
            if error_code(error) != "InvalidAction":
                self._findings.not_seen(f"the permissions of the role {name}", error)
            return
        for result in answer["EvaluationResults"]:
            action, resource = result["EvalActionName"], result["EvalResourceName"]
            if rights.get(action) == resource and result["EvalDecision"] != "allowed":
                message = f"the role {name} lacks the permission {action} on {resource}."
                self._findings.wrong("RoleArn", message, "Add it to the role's policy.")

    def _workteam(self, arn: str) -> None:
        """Check that a private workteam exists and has members."""
        if workforce_kind(arn) != WorkforceKind.PRIVATE:
            return
        name = arn.rpartition("/")[2]
        try:
            team = self._ground_truth.sagemaker.describe_workteam(WorkteamName=name)["Workteam"]
        except (BotoCoreError, ClientError) as error:
            if error_code(error) in {"ValidationException", "ResourceNotFound"}:
                self._findings.wrong("WorkteamArn", f"there is no workteam {name}.", self._other_workteams(name))
            else:
                self._findings.not_seen(f"the workteam {name}", error)
            return
        groups = [TeamMember(member).group for member in team["MemberDefinitions"]]
        if not groups:
            self._findings.wrong("WorkteamArn", f"the workteam {name} has no members.", "Add people to it.")
        elif all(groups) and not any(self._has_people(group) for group in groups if group):
            self._findings.wrong(
                "WorkteamArn", f"the user groups of the workteam {name} are empty.", "Add people to them."
            )

    def _other_workteams(self, name: str) -> str:
        """What to do about a workteam that does not exist: names those that do, the most similar first."""
        try:
            page = self._once("sagemaker").list_workteams(MaxResults=_LISTED)
        except (BotoCoreError, ClientError):
            return "Create it, or correct the ARN."
        arns = {team["WorkteamName"]: team["WorkteamArn"] for team in page["Workteams"]}
        if not arns:
            return "Create it: there is none yet."
        names = sorted(arns, key=lambda other: SequenceMatcher(None, name, other).ratio(), reverse=True)
        more = len(names) > _NAMED or "NextToken" in page
        others = f", and of others: {', '.join(names[1:_NAMED])}{' …' if more else ''}" if names[1:] else ""
        return f"Create it, or correct the ARN. There is {arns[names[0]]}{others}."

    def _has_people(self, group: UserGroup) -> bool:
        cognito = self._once("cognito-idp")
        try:
            return bool(cognito.list_users_in_group(**group.place, Limit=1)["Users"])
        except (BotoCoreError, ClientError) as error:
            self._findings.not_seen(f"the members of the user group {group.name}", error)
            return True

    def _once(self, service: str) -> Any:
        """A client without retries: these checks are optional, so they must not cost time."""
        return self._ground_truth.client(service, retries={"total_max_attempts": 1})


def _bucket_of(uri: str | None) -> set[str]:
    try:
        return {split_s3_uri(uri)[0]} if uri else set()
    except ValueError:
        return set()


def _arn(uri: str) -> str:
    return bucket_arn(uri.removeprefix("s3://"))


def _lets_in(rule: Mapping[str, Any], methods: frozenset[str]) -> bool:
    origins = rule.get("AllowedOrigins", ())
    return methods <= set(rule.get("AllowedMethods", ())) and any(
        origin == "*" or "sagemaker.aws" in origin for origin in origins
    )


def _trusts(document: Any) -> bool:
    """Whether a trust policy lets SageMaker assume the role; True for a policy that can't be read."""
    try:
        policy = json.loads(unquote(document)) if isinstance(document, str) else document
        statements = policy["Statement"]
    except (ValueError, TypeError, KeyError):
        return True
    for statement in [statements] if isinstance(statements, dict) else statements:
        principal = statement.get("Principal", {})
        services = principal.get("Service", ()) if isinstance(principal, dict) else principal
        named = [services] if isinstance(services, str) else services
        if statement.get("Effect") == "Allow" and (_SAGEMAKER in named or "*" in named):
            return True
    return False

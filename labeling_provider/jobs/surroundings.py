"""Checks a labeling job's surroundings: objects, buckets, role and workteam. What it may not see is not a problem.

Sources: developer guide, "CORS requirement for input image data", "Input data quotas", "Assign IAM permissions to use
Ground Truth"; the API references of S3, IAM and SageMaker.
"""

from __future__ import annotations

import json
import logging
import random
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar
from urllib.parse import unquote

from botocore.exceptions import BotoCoreError, ClientError

from labeling_provider.client.ground_truth import GroundTruth
from labeling_provider.client.retries import error_code
from labeling_provider.errors import LabelingError, Problem
from labeling_provider.groundtruth.description import JobRequest
from labeling_provider.groundtruth.facts import Quota, workforce_kind
from labeling_provider.groundtruth.task_types import TaskType
from labeling_provider.groundtruth.uris import as_s3_uri, split_s3_uri
from labeling_provider.manifest import parse_line
from labeling_provider.manifest.pictures import BEGINNING_BYTES, facts_of
from labeling_provider.manifest.point_clouds import BEGINNING_BYTES as CLOUD_BEGINNING_BYTES
from labeling_provider.manifest.point_clouds import beginning_problem
from labeling_provider.manifest.point_sequences import PointFrame, read_point_frame, read_point_sequence
from labeling_provider.manifest.sequences import SequenceError, read_sequence

if TYPE_CHECKING:
    from labeling_provider.request import LabelingJobDraft

MAX_SAMPLE: Final = 1000
"""Most objects of a manifest that are checked."""
_THREADS: Final = 10
_MAX_PROBLEMS: Final = 10
_ABSENT: Final = frozenset({"404", "NoSuchKey", "NoSuchBucket"})
_UNTYPED: Final = ("binary/octet-stream", "application/octet-stream", "")
_SAGEMAKER: Final = "sagemaker.amazonaws.com"

Item = TypeVar("Item")
Sequence = TypeVar("Sequence")

log = logging.getLogger(__name__)


class _Media(NamedTuple):
    """Ground Truth's requirements for the files of one medium.

    :param endings: allowed endings of keys; empty for any.
    :param max_bytes: largest file, in bytes; None for no limit.
    :param max_pixels: largest image, in pixels; None for other media.
    :param types: allowed prefixes of content types; empty for any.
    :param cors: methods that the bucket's CORS rule must allow; None if no rule is needed.
    :param writes: whether workers' browsers also use the output bucket.
    """

    endings: tuple[str, ...] = ()
    max_bytes: int | None = None
    max_pixels: int | None = None
    types: tuple[str, ...] = ()
    cors: frozenset[str] | None = None
    writes: bool = False


_READ: Final = frozenset({"GET"})
_READ_WRITE: Final = frozenset({"GET", "HEAD", "PUT"})
_MEDIA: Final[Mapping[str, _Media]] = {
    "image": _Media((".jpg", ".jpeg", ".png"), Quota.IMAGE_BYTES, Quota.IMAGE_PIXELS, ("image/",), _READ),
    "video": _Media((".mp4", ".ogg", ".webm"), types=("video/", "application/ogg"), cors=_READ),
    "frames": _Media((".json",), Quota.SEQUENCE_FILE_BYTES, cors=_READ_WRITE, writes=True),
    "points": _Media(cors=_READ_WRITE, writes=True),
}


class LineSample:
    """A random sample of lines, always the same for the same manifest and seed.

    :param seed: a seed, such as the manifest's URI.
    """

    def __init__(self, seed: str) -> None:
        self._chance, self._kept, self._passed = random.Random(seed), list[tuple[int, bytes]](), 0  # noqa: S311

    def through(self, lines: Iterable[bytes]) -> Iterator[bytes]:
        """Sample lines while passing them through unchanged."""
        for self._passed, raw in enumerate(lines, 1):
            if self._passed <= MAX_SAMPLE:
                self._kept.append((self._passed, raw))
            elif (place := self._chance.randrange(self._passed)) < MAX_SAMPLE:
                self._kept[place] = (self._passed, raw)
            yield raw

    def references(self) -> list[tuple[int, str]]:
        """Line number and ``s3://bucket/key`` of the sampled lines whose ``source-ref`` is in S3, in order."""
        return [
            (number, uri)
            for number, line in self.lines()
            if isinstance(reference := line.get("source-ref"), str)
            and (uri := as_s3_uri(reference)).startswith("s3://")
        ]

    def lines(self) -> Iterator[tuple[int, dict[str, Any]]]:
        """Number and content of the sampled lines that can be read, in order."""
        for number, raw in sorted(self._kept):
            with suppress(ValueError):
                yield number, parse_line(raw)


class Inspection:
    """Checks a job's surroundings and collects the problems.

    :param task_type: the task type, which decides on the requirements for files and buckets.
    :param fix_cors: add a missing CORS rule to a bucket's existing rules.
    :param automated: whether the job uses automated labeling, which allows only smaller images.
    :ivar problems: what is wrong.
    :ivar remarks: what is not wrong, but worth knowing before labeling.
    :ivar unseen: what this connection may not check, for the log.
    """

    def __init__(
        self, ground_truth: GroundTruth, task_type: TaskType | None, *, fix_cors: bool = False, automated: bool = False
    ) -> None:
        self._ground_truth, self._fix_cors, self._task_type = ground_truth, fix_cors, task_type
        self._media = _MEDIA.get(task_type.media, _Media()) if task_type else _Media()
        if task_type and automated and self._media.max_pixels is not None:
            self._media = self._media._replace(max_pixels=task_type.maximum_pixels_automated)
        self.problems: list[Problem] = []
        self.remarks: list[str] = []
        self._turned: list[int] = []
        self.unseen: list[str] = []

    def of_job(self, draft: LabelingJobDraft, sample: LineSample, further_data: str | None = None) -> None:
        """Check all surroundings of a job that is about to be created.

        :param further_data: S3 URI of future objects that are in no manifest.
        """
        request = JobRequest(draft.request)
        self.of_manifest(request.manifest_uri, sample, request.output_path, further_data)
        if request.role_arn:
            self.role(request.role_arn, request.manifest_uri, request.output_path)
        if request.workteam_arn:
            self.workteam(request.workteam_arn)

    def of_manifest(
        self, manifest: str | None, sample: LineSample, output: str | None = None, further_data: str | None = None
    ) -> None:
        """Check a manifest's objects and all buckets.

        :param output: S3 URI of the output.
        :param further_data: S3 URI of future objects that are in no manifest.
        """
        references = sample.references()
        self.objects(references, manifest or "")
        media, parts = self._task_type.media if self._task_type else "any", list[tuple[int, str]]()
        if media == "frames":
            parts = self.frames(references, manifest or "")
        elif media == "points":
            parts = self.point_clouds(sample, manifest or "")
        data = {split_s3_uri(uri)[0] for _, uri in [*references, *parts]} | _buckets(further_data)
        self.buckets(data, _buckets(output), _buckets(manifest))

    def objects(self, references: list[tuple[int, str]], manifest: str) -> None:
        """Check that objects exist and meet Ground Truth's requirements.

        :param references: line numbers and S3 URIs.
        :param manifest: the manifest's URI, for messages.
        """
        with ThreadPoolExecutor(_THREADS) as pool:
            wrong = [finding for finding in pool.map(self._wrong_with, references) if finding]
        self._tell(wrong, manifest, len(references))
        if self._turned:
            self.remarks.append(
                f"{manifest}: {len(self._turned)} of the {len(references)} pictures checked are stored rotated, the "
                f"first in line {min(self._turned)}. Workers see the stored pixels, but most programs rotate them by "
                "the EXIF orientation. Store them upright before labeling (Pillow: ImageOps.exif_transpose)."
            )

    def _tell(self, wrong: list[tuple[int, str]], manifest: str, count: int) -> None:
        for where, message in wrong[:_MAX_PROBLEMS]:
            self._wrong("manifest_uri", f"{manifest} line {where}: {message}.", "Correct the manifest or the object.")
        if len(wrong) > _MAX_PROBLEMS:
            more = f"{len(wrong) - _MAX_PROBLEMS} more of the {count} objects checked are wrong."
            self._wrong("manifest_uri", more, "")

    def frames(self, references: list[tuple[int, str]], manifest: str) -> list[tuple[int, str]]:
        """Check sequence files, and that their frames exist: all, or as many of each as a sample may have.

        :param references: line numbers and S3 URIs of sequence files; what does not exist is named elsewhere.
        :param manifest: the manifest's URI, for messages.
        :return: line numbers and S3 URIs of frames.
        """
        found: list[tuple[int, str]] = []
        wrong: list[tuple[int, str]] = []
        for number, uri in references:
            sequence = self._sequence(number, uri, Quota.SEQUENCE_FILE_BYTES, read_sequence, wrong)
            if sequence is not None:
                found += [(number, sequence.uri(frame)) for frame in sequence.frames]
        chosen = _spread(found)
        with ThreadPoolExecutor(_THREADS) as pool:
            wrong += [finding for finding in pool.map(partial(self._missing, "frame"), chosen) if finding]
        self._tell(wrong, manifest, len(references) + len(chosen))
        return found

    def _sequence(
        self, number: int, uri: str, most: int, read: Callable[[bytes, str], Sequence], wrong: list[tuple[int, str]]
    ) -> Sequence | None:
        """A sequence file; None if it can't be used, which is added to what is wrong unless it does not exist."""
        try:
            return read(self._ground_truth.objects.read(uri, most), uri)
        except SequenceError as error:
            wrong += [(number, f"{uri}: {problem}") for problem in error.problems]
        except LabelingError as error:
            log.debug("%s: %s", uri, error)
        return None

    def point_clouds(self, sample: LineSample, manifest: str) -> list[tuple[int, str]]:
        """Check the frames that lines describe or sequence files list, the beginnings of the clouds, and the pictures.

        Of clouds and pictures, as many are looked at as a sample may have.

        :param manifest: the manifest's URI, for messages.
        :return: line numbers and S3 URIs of clouds and pictures.
        """
        wrong: list[tuple[int, str]] = []
        frames = list(self._point_frames(sample, manifest, wrong))
        images = [(number, image.uri) for number, frame in frames for image in frame.images]
        clouds, pictures = _spread(frames), _spread(images)
        with ThreadPoolExecutor(_THREADS) as pool:
            wrong += [finding for finding in pool.map(self._wrong_cloud, clouds) if finding]
            wrong += [finding for finding in pool.map(partial(self._missing, "picture"), pictures) if finding]
        self._tell(wrong, manifest, len(clouds) + len(pictures))
        return [*images, *((number, frame.uri) for number, frame in frames)]

    def _point_frames(
        self, sample: LineSample, manifest: str, wrong: list[tuple[int, str]]
    ) -> Iterator[tuple[int, PointFrame]]:
        if self._task_type and self._task_type.has_sequence_files:
            for number, uri in sample.references():
                sequence = self._sequence(number, uri, Quota.POINT_SEQUENCE_FILE_BYTES, read_point_sequence, wrong)
                yield from ((number, frame) for frame in (sequence.frames if sequence else ()))
            return
        for number, line in sample.lines():
            try:
                yield number, read_point_frame(line, manifest)
            except SequenceError as error:
                wrong += [(number, problem) for problem in error.problems]

    def _wrong_cloud(self, numbered: tuple[int, PointFrame]) -> tuple[int, str] | None:
        number, frame = numbered
        bucket, key = split_s3_uri(frame.uri)
        try:
            _, size, beginning = self._beginning(bucket, key, CLOUD_BEGINNING_BYTES)
        except (BotoCoreError, ClientError) as error:
            code = error_code(error)
            if code == "InvalidRange":
                return number, f"the point cloud {frame.uri} is empty"
            if code not in _ABSENT:
                self._not_seen(f"the objects of {bucket}", error)
            # That the object of a line does not exist is told elsewhere.
            elif frame.name != frame.uri:
                return number, f"the frame {frame.uri} does not exist"
            return None
        problem = beginning_problem(beginning, frame.format, size)
        return (number, f"the point cloud {frame.uri}: {problem}") if problem else None

    def _missing(self, what: str, reference: tuple[int, str]) -> tuple[int, str] | None:
        number, uri = reference
        bucket, key = split_s3_uri(uri)
        try:
            self._ground_truth.s3.head_object(Bucket=bucket, Key=key)
        except (BotoCoreError, ClientError) as error:
            if error_code(error) in _ABSENT:
                return number, f"the {what} {uri} does not exist"
            self._not_seen(f"the objects of {bucket}", error)
        return None

    def _wrong_with(self, reference: tuple[int, str]) -> tuple[int, str] | None:
        number, uri = reference
        bucket, key = split_s3_uri(uri)
        try:
            kind, size, beginning = self._file(bucket, key)
        except (BotoCoreError, ClientError) as error:
            if error_code(error) in _ABSENT:
                return number, f"{uri} does not exist"
            if error_code(error) == "InvalidRange":
                return number, f"{uri} is empty"
            self._not_seen(f"the objects of {bucket}", error)
            return None
        media = self._media
        if media.endings and not key.lower().endswith(media.endings):
            return number, f"{uri} does not end with {' or '.join(media.endings)}"
        if media.types and kind not in _UNTYPED and not kind.startswith(media.types):
            return number, f"{uri} has the content type {kind[:80]!r}"
        if media.max_bytes is not None and size > media.max_bytes:
            return number, f"{uri} has {size:,} bytes; at most {media.max_bytes:,} are allowed"
        facts = facts_of(beginning)
        if facts is None or media.max_pixels is None:
            return None
        if facts.orientation != 1:
            self._turned.append(number)
        if (width := facts.width) * (height := facts.height) > media.max_pixels:
            limit = f"at most {media.max_pixels:,} in total are allowed"
            return number, f"{uri} has {width:,} × {height:,} pixels; {limit}"
        return None

    def _file(self, bucket: str, key: str) -> tuple[str, int, bytes]:
        """Content type, size in bytes, and for pictures the first bytes of the file."""
        if self._media.max_pixels is None:
            head = self._ground_truth.s3.head_object(Bucket=bucket, Key=key)
            return head.get("ContentType", ""), head["ContentLength"], b""
        return self._beginning(bucket, key, BEGINNING_BYTES)

    def _beginning(self, bucket: str, key: str, most: int) -> tuple[str, int, bytes]:
        """Content type, size in bytes, and the first bytes of an object."""
        answer = self._ground_truth.s3.get_object(Bucket=bucket, Key=key, Range=f"bytes=0-{most - 1}")
        size = answer.get("ContentRange", "").rpartition("/")[2] or answer["ContentLength"]
        return answer.get("ContentType", ""), int(size), answer["Body"].read(most)

    def buckets(self, data: set[str], output: set[str], others: set[str]) -> None:
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
                    self._wrong("bucket", f"the bucket {bucket} does not exist.", "Create it, or correct the URI.")
                else:
                    self._not_seen(f"the region of {bucket}", error)
                continue
            location = answer.get("LocationConstraint")
            bucket_region = {None: "us-east-1", "EU": "eu-west-1"}.get(location, location)
            if bucket_region != region:
                message = f"the bucket {bucket} is in {bucket_region}, but the job is in {region}."
                self._wrong("bucket", message, "Manifest, objects, output and job must be in one region.")
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
                self._not_seen(f"the CORS rules of {bucket}", error)
                return
            rules = []
        if any(_lets_in(rule, methods) for rule in rules):
            return
        allowed = ", ".join(sorted(methods))
        if not self._fix_cors:
            message = f"the bucket {bucket} has no CORS rule that allows {allowed}, so workers would see no objects."
            self._wrong("CORS", message, "Set fix_cors=True, or add the rule in docs/manifests.md.")
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
            self._wrong("CORS", f"the rule can't be added to {bucket}: {error}.", "Add the rule in docs/manifests.md.")
            return
        log.info("Added a CORS rule for %s to the bucket %s, next to %s others", allowed, bucket, len(rules))

    def role(self, arn: str, manifest: str | None, output: str | None) -> None:
        """Check that the execution role exists, lets SageMaker assume it, and may read input and write output."""
        iam, name = self._once("iam"), arn.rpartition("/")[2]
        try:
            role = iam.get_role(RoleName=name)["Role"]
        except (BotoCoreError, ClientError) as error:
            if error_code(error) == "NoSuchEntity":
                self._wrong("RoleArn", f"there is no role {name}.", "Create it, or correct the ARN.")
            else:
                self._not_seen(f"the role {name}", error)
            return
        if not _trusts(role.get("AssumeRolePolicyDocument")):
            message = f"the role {name} does not let {_SAGEMAKER} assume it."
            self._wrong("RoleArn", message, "Add this service to its trust policy.")
        rights = {"s3:PutObject": f"{_arn(output).rstrip('/')}/*"} if output else {}
        if manifest:
            rights["s3:GetObject"] = _arn(manifest)
        ask = {"PolicySourceArn": arn, "ActionNames": list(rights), "ResourceArns": list(rights.values())}
        try:
            answer = iam.simulate_principal_policy(**ask)
        except (BotoCoreError, ClientError) as error:
            self._not_seen(f"the permissions of the role {name}", error)
            return
        for result in answer["EvaluationResults"]:
            action, resource = result["EvalActionName"], result["EvalResourceName"]
            if rights.get(action) == resource and result["EvalDecision"] != "allowed":
                message = f"the role {name} lacks the permission {action} on {resource}."
                self._wrong("RoleArn", message, "Add it to the role's policy.")

    def workteam(self, arn: str) -> None:
        """Check that a private workteam exists and has members."""
        if workforce_kind(arn) != "private":
            return
        name = arn.rpartition("/")[2]
        try:
            team = self._ground_truth.sagemaker.describe_workteam(WorkteamName=name)["Workteam"]
        except (BotoCoreError, ClientError) as error:
            if error_code(error) in {"ValidationException", "ResourceNotFound"}:
                self._wrong("WorkteamArn", f"there is no workteam {name}.", "Create it, or correct the ARN.")
            else:
                self._not_seen(f"the workteam {name}", error)
            return
        groups = [member.get("CognitoMemberDefinition") for member in team["MemberDefinitions"]]
        if not groups:
            self._wrong("WorkteamArn", f"the workteam {name} has no members.", "Add people to it.")
        elif all(groups) and not any(self._has_people(group) for group in groups):
            self._wrong("WorkteamArn", f"the user groups of the workteam {name} are empty.", "Add people to them.")

    def _has_people(self, group: Mapping[str, str]) -> bool:
        cognito = self._once("cognito-idp")
        ask = {"UserPoolId": group["UserPool"], "GroupName": group["UserGroup"], "Limit": 1}
        try:
            return bool(cognito.list_users_in_group(**ask)["Users"])
        except (BotoCoreError, ClientError) as error:
            self._not_seen(f"the members of the user group {group['UserGroup']}", error)
            return True

    def _once(self, service: str) -> Any:
        """A client without retries: these checks are optional, so they must not cost time."""
        return self._ground_truth.client(service, retries={"total_max_attempts": 1})

    def _wrong(self, field: str, message: str, remedy: str) -> None:
        self.problems.append(Problem(field, message, remedy))

    def _not_seen(self, what: str, error: Exception) -> None:
        unseen = f"{what} ({error_code(error) or type(error).__name__})"
        if unseen not in self.unseen:
            self.unseen.append(unseen)


def _spread(found: list[Item]) -> list[Item]:
    """As many as a sample may have, from all parts of a list."""
    return found if len(found) <= MAX_SAMPLE else found[:: len(found) // MAX_SAMPLE + 1]


def _buckets(uri: str | None) -> set[str]:
    try:
        return {split_s3_uri(uri)[0]} if uri else set()
    except ValueError:
        return set()


def _arn(uri: str) -> str:
    return f"arn:aws:s3:::{uri.removeprefix('s3://')}"


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

"""What is checked before a labeling job is created: objects, buckets, role, workteam."""

from __future__ import annotations

import gzip
import io
import json
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError
from PIL import Image

from labeling_provider.errors import InvalidManifestError, InvalidRequestError, LabelingError
from labeling_provider.operators.labeling_job import CreateLabelingJobOperator
from labeling_provider.operators.manifest import ValidateManifestOperator
from labeling_provider.request import PrivateWorkteam
from tests.airflow_context import context
from tests.conftest import Lab
from tests.flaky import connection, proxy
from tests.operators.test_labeling_job import operator as job_operator
from tests.operators.test_labeling_job import run_id


def operator(lab: Lab, lines: Any = None, **arguments: Any) -> CreateLabelingJobOperator:
    """A job whose surroundings are checked."""
    return job_operator(lab, lines, **{"preflight": "fail", **arguments})


class Yard:
    """A bucket of its own with pictures in it."""

    def __init__(self, lab: Lab, pictures: int = 3, **bucket: Any) -> None:
        self.lab, self.bucket = lab, f"yard-{uuid.uuid4().hex[:8]}"
        lab.s3.create_bucket(Bucket=self.bucket, **bucket)
        self.uris = [self.put(f"{number}.png") for number in range(pictures)]

    def put(self, key: str, body: bytes = b"x", **more: Any) -> str:
        self.lab.s3.put_object(Bucket=self.bucket, Key=key, Body=body, **more)
        return f"s3://{self.bucket}/{key}"

    def cors(self) -> list[dict[str, Any]]:
        try:
            return self.lab.s3.get_bucket_cors(Bucket=self.bucket)["CORSRules"]
        except ClientError:
            return []

    def manifest(self) -> str:
        return self.lab.manifest([{"source-ref": uri} for uri in self.uris])


def pictures(yard: Yard, **arguments: Any) -> CreateLabelingJobOperator:
    """A job over the yard's pictures that is created and not waited for."""
    defaults = {"task_type": "image-classification", "wait_for_completion": False, "fix_cors": True}
    return operator(yard.lab, yard.manifest(), **{**defaults, **arguments})


def complaints(task: CreateLabelingJobOperator) -> list[str]:
    with pytest.raises(InvalidRequestError) as caught:
        task.execute(context(**run_id()))
    return [str(problem) for problem in caught.value.problems]


def test_a_bucket_that_lets_no_browser_in_is_named_and_can_be_mended(connected: Lab) -> None:
    yard = Yard(connected)
    (problem,) = complaints(pictures(yard, fix_cors=False))
    assert f"CORS: the bucket {yard.bucket} has no CORS rule that allows GET" in problem
    mine = {"AllowedMethods": ["PUT"], "AllowedOrigins": ["https://lab.example"], "MaxAgeSeconds": 5}
    connected.s3.put_bucket_cors(Bucket=yard.bucket, CORSConfiguration={"CORSRules": [mine]})
    assert pictures(yard).execute(context(**run_id()))
    added = {"AllowedMethods": ["GET"], "AllowedOrigins": ["*"], "ExposeHeaders": ["Access-Control-Allow-Origin"]}
    assert yard.cors() == [mine, added]
    assert pictures(yard, fix_cors=False).execute(context(**run_id()))
    pictures(yard).execute(context(**run_id()))
    assert len(yard.cors()) == 2


def test_the_bucket_that_feeds_a_streaming_job_is_looked_at_too(connected: Lab) -> None:
    yard = Yard(connected, 0)
    arn = f"arn:aws:sns:us-east-1:123456789012:groundtruth-{uuid.uuid4().hex[:8]}"
    task = job_operator(
        connected,
        task_type="image-classification",
        manifest_uri=None,
        input_topic_arn=arn,
        create_topics=True,
        notify_from=f"s3://{yard.bucket}/new/",
        preflight="fail",
    )
    (problem,) = complaints(task)
    assert f"the bucket {yard.bucket} has no CORS rule" in problem


@pytest.mark.parametrize(
    ("rule", "enough"),
    [
        ({"AllowedMethods": ["GET", "PUT"], "AllowedOrigins": ["*"]}, True),
        ({"AllowedMethods": ["GET"], "AllowedOrigins": ["https://*.labeling.us-east-1.sagemaker.aws"]}, True),
        ({"AllowedMethods": ["HEAD"], "AllowedOrigins": ["*"]}, False),
        ({"AllowedMethods": ["GET"], "AllowedOrigins": ["https://lab.example"]}, False),
    ],
)
def test_a_rule_must_let_workers_read(connected: Lab, rule: dict[str, Any], enough: bool) -> None:
    yard = Yard(connected)
    connected.s3.put_bucket_cors(Bucket=yard.bucket, CORSConfiguration={"CORSRules": [rule]})
    task = pictures(yard, fix_cors=False)
    if enough:
        assert task.execute(context(**run_id()))
    else:
        assert "no CORS rule" in complaints(task)[0]


def test_objects_that_are_not_as_they_must_be_are_named_all_at_once(connected: Lab) -> None:
    yard = Yard(connected, 2)
    yard.uris += [
        f"s3://{yard.bucket}/gone.png",
        yard.put("page.png", ContentType="text/html"),
        yard.put("drawing.svg"),
        yard.put("large.PNG", b"x" * 40_000_001),
        yard.put("photo.JPG", ContentType="image/jpeg"),
    ]
    found = complaints(pictures(yard, labels=["only one"]))
    assert len(found) == 5
    for line, words in {
        3: "gone.png does not exist",
        4: "page.png has the content type 'text/html'",
        5: "drawing.svg does not end with .jpg or .jpeg or .png",
        6: "large.PNG has 40,000,001 bytes; at most 40,000,000 are allowed",
    }.items():
        assert any(f"line {line}: s3://{yard.bucket}/{words}" in one for one in found)
    assert any("labels" in one.lower() for one in found)


def picture(width: int, height: int, kind: str = "PNG") -> bytes:
    """A file that says it is so large, and the little that it takes to say so."""
    if kind == "JPEG":
        frame = b"\xff\xc0\0\x11\x08" + height.to_bytes(2) + width.to_bytes(2) + b"\x03"
        return b"\xff\xd8\xff\xe1\x40\0" + b"x" * 0x3FFE + frame + bytes(100)
    return b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + width.to_bytes(4) + height.to_bytes(4) + bytes(100)


@pytest.mark.parametrize(
    ("task", "automated", "most"),
    [
        ("image-classification", False, (10_000, 10_000)),
        ("image-classification", True, (3_840, 2_160)),
        ("bounding-box", True, (2_160, 3_840)),
        ("semantic-segmentation", True, (1_920, 1_080)),
    ],
)
def test_pictures_that_are_too_large_for_the_job_are_named(
    connected: Lab, task: str, automated: bool, most: tuple[int, int]
) -> None:
    yard = Yard(connected, 0)
    (width, height), allowed = most, f"at most {most[0] * most[1]:,} in total are allowed"
    yard.uris = [
        yard.put("fits.png", picture(*most)),
        yard.put("wide.png", picture(width + 1, height)),
        yard.put("high.jpg", picture(width, height + 1, "JPEG")),
        yard.put("fits.jpg", picture(*most, "JPEG")),
        yard.put("unknown.jpg", b"\xff\xd8 and what not"),
        yard.put("empty.png", b""),
    ]
    ref = "label-ref" if task == "semantic-segmentation" else "label"
    found = complaints(pictures(yard, task_type=task, automated_labeling=automated, label_attribute_name=ref))
    assert len(found) == 3
    assert f"line 2: s3://{yard.bucket}/wide.png has {width + 1:,} × {height:,} pixels; {allowed}" in found[0]
    assert f"line 3: s3://{yard.bucket}/high.jpg has {width:,} × {height + 1:,} pixels; {allowed}" in found[1]
    assert f"line 6: s3://{yard.bucket}/empty.png is empty" in found[2]


def turned(orientation: int) -> bytes:
    """A JPEG that is stored turned."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    file = io.BytesIO()
    Image.new("RGB", (60, 40)).save(file, "JPEG", exif=exif.tobytes())
    return file.getvalue()


def test_pictures_that_are_stored_turned_are_told_and_fail_nothing(connected: Lab, logged: Callable[[], str]) -> None:
    yard = Yard(connected, 1)
    yard.uris += [yard.put(f"{number}.jpg", turned(number)) for number in (1, 6, 3)]
    assert pictures(yard).execute(context(**run_id()))
    words = "2 of the 4 pictures checked are stored rotated, the first in line 3."
    assert logged().count(words) == 1
    task = ValidateManifestOperator(
        task_id="validate", manifest_uri=yard.manifest(), task_type="image-classification", fix_cors=True
    )
    assert task.execute(context())["problems"] == []
    assert logged().count(words) == 1


def test_many_wrong_objects_are_counted(connected: Lab) -> None:
    yard = Yard(connected, 1)
    yard.uris += [f"s3://{yard.bucket}/gone-{number}.png" for number in range(25)]
    found = complaints(pictures(yard))
    assert len(found) == 11
    assert "15 more of the 26 objects checked are wrong" in found[-1]


def test_of_a_large_manifest_a_sample_is_looked_at(connected: Lab) -> None:
    yard = Yard(connected, 0)
    yard.uris = [f"s3://{yard.bucket}/gone-{number}.png" for number in range(3000)]
    task = pictures(yard)
    found = complaints(task)
    assert "990 more of the 1000 objects checked are wrong" in found[-1]
    assert found == complaints(task)
    lines = [int(one.split(" line ")[1].split(":")[0]) for one in found[:-1]]
    assert lines == sorted(lines)
    assert lines[-1] > 10


def test_everything_must_be_in_one_region_and_there(connected: Lab) -> None:
    yard = Yard(connected, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    found = complaints(pictures(yard, output_uri="s3://nobody-has-this-bucket/out"))
    assert any(f"the bucket {yard.bucket} is in eu-west-1, but the job is in us-east-1" in one for one in found)
    assert any("the bucket nobody-has-this-bucket does not exist" in one for one in found)


def test_role_and_workteam_are_looked_at(connected: Lab) -> None:
    iam = connected.service.client("iam")
    name = f"role-{uuid.uuid4().hex[:8]}"
    trust = {"Effect": "Allow", "Principal": {"Service": ["ec2.amazonaws.com"]}, "Action": "sts:AssumeRole"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=policy)["Role"]["Arn"]
    (problem,) = complaints(operator(connected, role_arn=arn))
    assert f"the role {name} does not let sagemaker.amazonaws.com assume it" in problem
    (problem,) = complaints(operator(connected, role_arn=f"{arn}-gone"))
    assert f"there is no role {name}-gone" in problem
    team = connected.team().replace("private-simulated", "nobody")
    (problem,) = complaints(operator(connected, workforce=PrivateWorkteam(team)))
    assert "there is no workteam nobody" in problem


def test_a_right_that_the_role_lacks_is_named(connected: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    task = operator(connected)
    make = type(task.ground_truth).client

    def client(ground_truth: Any, service: str, **settings: Any) -> Any:
        made = make(ground_truth, service, **settings)
        if service == "iam":
            # moto can't simulate policies.
            made.simulate_principal_policy = lambda **ask: {
                "EvaluationResults": [
                    {
                        "EvalActionName": action,
                        "EvalResourceName": resource,
                        "EvalDecision": "allowed" if "GetObject" in action else "implicitDeny",
                    }
                    for action in ask["ActionNames"]
                    for resource in ask["ResourceArns"]
                ]
            }
        return made

    monkeypatch.setattr(type(task.ground_truth), "client", client)
    (problem,) = complaints(task)
    assert "lacks the permission s3:PutObject on arn:aws:s3:::lab/out/*" in problem


def test_what_a_service_does_not_do_is_asked_once_and_told_in_a_line(
    connected: Lab, monkeypatch: pytest.MonkeyPatch, logged: Callable[[], str]
) -> None:
    with proxy(connected) as between:
        monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", connection(between.url))
        between.unsupported = {"SimulatePrincipalPolicy"}
        assert operator(connected, preflight="fail").execute(context(**run_id()))
        assert between.operations["SimulatePrincipalPolicy"] == 1
    (line,) = [one for one in logged().splitlines() if "permissions of the role" in one]
    assert "INFO" in line
    assert "can't check the permissions of the role labeling-local (NotImplemented)" in line


def test_trouble_fails_the_task_unless_something_else_is_asked_for() -> None:
    assert CreateLabelingJobOperator(task_id="label").preflight == "fail"
    assert CreateLabelingJobOperator(task_id="label").fix_cors is False


def test_trouble_can_be_told_or_left_alone(connected: Lab, logged: Callable[[], str]) -> None:
    yard = Yard(connected)
    yard.uris.append(f"s3://{yard.bucket}/gone.png")
    assert pictures(yard, preflight="warn", fix_cors=False).execute(context(**run_id()))
    told = logged()
    assert "gone.png does not exist" in told
    assert "no CORS rule" in told
    assert pictures(yard, preflight="off", fix_cors=False).execute(context(**run_id()))
    told = logged()
    assert "gone.png" not in told
    with pytest.raises(ValueError, match="preflight must be 'fail' or 'warn' or 'off', not 'maybe'"):
        pictures(yard, preflight="maybe")


def test_a_manifest_is_checked_as_a_task(connected: Lab, logged: Callable[[], str]) -> None:
    yard = Yard(connected)
    lines = [{"source-ref": uri, "bird": 0, "bird-metadata": {"class-name": "heron"}} for uri in yard.uris]

    def check(manifest: Any, **arguments: Any) -> dict[str, Any]:
        defaults = {"task_type": "image-classification", "label_attribute_name": "bird", "fix_cors": True}
        task = ValidateManifestOperator(task_id="check", manifest_uri=manifest, **{**defaults, **arguments})
        return task.execute(context())

    good = connected.manifest([*lines, {"source-ref": yard.put("more.png")}])
    result = check({"manifest_uri": good})
    assert result == {
        "manifest_uri": good,
        "lines": 4,
        "labeled": 3,
        "unlabeled": 1,
        "failed": 0,
        "classes": {"heron": 3},
        "problems": [],
    }
    packed = connected.put("good.manifest.gz", gzip.compress(connected.get(good)))
    assert check(packed) == {**result, "manifest_uri": packed}
    bad = connected.put("bad.manifest", json.dumps({"source-ref": f"s3://{yard.bucket}/gone.png"}) + "\n{\n" * 30)
    with pytest.raises(InvalidManifestError, match=r"bad.manifest is not fit for labeling, 22 problems") as caught:
        check(bad)
    told = [str(problem) for problem in caught.value.problems]
    assert "line 2: not JSON" in told[0]
    assert "40 more lines" in told[20] or "more lines are wrong" in told[20]
    assert "gone.png does not exist" in told[21]
    logged()
    assert len(check(bad, on_problems="warn")["problems"]) == 22
    assert "gone.png does not exist" in logged()
    with pytest.raises(LabelingError, match="'birds' is not a task type"):
        check(good, task_type="birds")
    with pytest.raises(ValueError, match="on_problems must be"):
        check(good, on_problems="off")

"""Requesters have their own labeling jobs, buckets, topics and queues, and only the rights of their keys."""

from __future__ import annotations

import base64
import json
import shlex
import subprocess
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from dev.stack import ROOT, Service, wait_until
from labeling_provider.request import LabelingJobSpec
from tests.own_names import own_id
from tests.service.web.wire import refused
from tests.snippets import blocks

pytestmark = pytest.mark.e2e

Run = Callable[..., subprocess.CompletedProcess[str]]
Owner = Callable[[str], Any]
TEAM = "arn:aws:sagemaker:us-east-1:123456789012:workteam/private-crowd/"
ROLE = "arn:aws:iam::123456789012:role/labeling-local"


class Key:
    """A requester with a key."""

    def __init__(self, service: Service, run: Run, requester: str, *options: str) -> None:
        made = run("keys", "add", requester, *options)
        assert made.returncode == 0, made.stderr
        self.env = dict(line.split("=", 1) for line in made.stdout.splitlines())
        self.service, self.id = service, self.env["AWS_ACCESS_KEY_ID"]
        self.bucket = f"own-{own_id().hex[:12]}"

    def client(self, name: str) -> Any:
        keys = {"aws_access_key_id": self.id, "aws_secret_access_key": self.env["AWS_SECRET_ACCESS_KEY"]}
        return self.service.client(name, **keys)

    def page(self, path: str) -> int:
        """The status of a page, as a browser asks for it."""
        request = urllib.request.Request(f"{self.service.endpoint_url}/_labeling{path}")
        given = base64.b64encode(f"{self.id}:{self.env['AWS_SECRET_ACCESS_KEY']}".encode()).decode()
        request.add_header("authorization", f"Basic {given}")
        try:
            with urllib.request.urlopen(request) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return error.code

    def job(self, team: str = "private-people", bucket: str | None = None, **changed: Any) -> str:
        """Make a job in the own bucket; its name."""
        s3, where = self.client("s3"), bucket or self.bucket
        if bucket is None:
            s3.create_bucket(Bucket=where)
            s3.put_object(Bucket=where, Key="in.manifest", Body=json.dumps({"source": "a"}).encode())
        name = f"job-{own_id().hex[:12]}"
        draft = LabelingJobSpec(
            task_type="text-classification",
            manifest_uri=f"s3://{where}/in.manifest",
            output_uri=f"s3://{where}/out",
            labels=["cat", "dog"],
            workforce=TEAM + team,
            role_arn=ROLE,
            title="What?",
            instructions="Choose.",
            workers_per_object=1,
        ).draft(name, "us-east-1")
        for uri, text in draft.files.items():
            if bucket is None:
                place, _, key = uri.removeprefix("s3://").partition("/")
                s3.put_object(Bucket=place, Key=key, Body=text.encode())
        self.client("sagemaker").create_labeling_job(**{**draft.request, **changed})
        return name


@pytest.fixture(scope="module")
def ann(guarded: Service, run: Run) -> Key:
    return Key(guarded, run, "Ann")


@pytest.fixture(scope="module")
def ben(guarded: Service, run: Run) -> Key:
    return Key(guarded, run, "Ben")


def test_requesters_have_their_own_jobs(ann: Key, ben: Key, owner: Owner, run: Run) -> None:
    name = ann.job()
    own, other, administrator = ann.client("sagemaker"), ben.client("sagemaker"), owner("sagemaker")
    assert own.describe_labeling_job(LabelingJobName=name)["LabelingJobName"] == name
    arn = own.describe_labeling_job(LabelingJobName=name)["LabelingJobArn"]
    listed = [
        [job["LabelingJobName"] for job in who.list_labeling_jobs()["LabelingJobSummaryList"]] for who in (own, other)
    ]
    assert (name in listed[0], name in listed[1]) == (True, False)
    of_team = {"WorkteamArn": TEAM + "private-people"}
    assert len(own.list_labeling_jobs_for_workteam(**of_team)["LabelingJobSummaryList"]) == 1
    assert other.list_labeling_jobs_for_workteam(**of_team)["LabelingJobSummaryList"] == []
    for call in (other.describe_labeling_job, other.stop_labeling_job):
        assert refused(call, LabelingJobName=name) == "ResourceNotFound"
    assert refused(other.add_tags, ResourceArn=arn, Tags=[{"Key": "a", "Value": "b"}]) == "ResourceNotFound"
    assert refused(other.list_tags, ResourceArn=arn) == "ResourceNotFound"
    own.add_tags(ResourceArn=arn, Tags=[{"Key": "a", "Value": "b"}])
    assert administrator.describe_labeling_job(LabelingJobName=name)["Tags"] == [{"Key": "a", "Value": "b"}]
    # Their pages as well.
    for page in (f"/jobs/{name}", f"/jobs/{name}/log", f"/jobs/{name}/output", f"/jobs/{name}/people"):
        assert (ann.page(page), ben.page(page)) == (200, 404), page
    assert (ann.page("/"), ann.page("/workers"), ann.page("/keys"), ann.page("/audit")) == (200, 403, 403, 403)
    # A second key of the same requester is for the same jobs.
    again = Key(ann.service, run, "Ann")
    again.client("sagemaker").stop_labeling_job(LabelingJobName=name)


def test_a_key_is_good_for_its_rights_only(guarded: Service, run: Run, ann: Key) -> None:
    name = ann.job()
    readers = Key(guarded, run, "Ann", "--right", "read").client("sagemaker")
    stoppers = Key(guarded, run, "Ann", "--right", "stop").client("sagemaker")
    assert readers.describe_labeling_job(LabelingJobName=name)
    assert refused(readers.stop_labeling_job, LabelingJobName=name) == "AccessDenied"
    assert refused(stoppers.describe_labeling_job, LabelingJobName=name) == "AccessDenied"
    stoppers.stop_labeling_job(LabelingJobName=name)
    writer = Key(guarded, run, "Ann", "--right", "create")
    s3 = writer.client("s3")
    s3.put_object(Bucket=ann.bucket, Key="x", Body=b"x")
    assert refused(s3.get_object, Bucket=ann.bucket, Key="x") == "AccessDenied"
    assert refused(Key(guarded, run, "Ann", "--right", "read").client("s3").delete_object, Bucket=ann.bucket, Key="x")
    assert writer.page("/") == 403


def test_a_key_is_for_its_workteams_and_tags_only(guarded: Service, run: Run) -> None:
    narrow = Key(guarded, run, "Cid", "--team", "private-people", "--tag", "project=birds")
    tagged = {"Tags": [{"Key": "project", "Value": "birds"}]}
    name = narrow.job(**tagged)
    with pytest.raises(ClientError, match="is for workteams private-people and jobs tagged project=birds only"):
        narrow.job(bucket=narrow.bucket)
    with pytest.raises(ClientError, match="is for workteams"):
        narrow.job("private-simulated", bucket=narrow.bucket, **tagged)
    wide = Key(guarded, run, "Cid")
    other = wide.job(bucket=narrow.bucket)
    sagemaker = narrow.client("sagemaker")
    assert [job["LabelingJobName"] for job in sagemaker.list_labeling_jobs()["LabelingJobSummaryList"]] == [name]
    assert refused(sagemaker.stop_labeling_job, LabelingJobName=other) == "ResourceNotFound"
    assert (narrow.page(f"/jobs/{name}"), narrow.page(f"/jobs/{other}")) == (200, 404)


@pytest.mark.parametrize(
    ("service", "operation", "arguments"),
    [
        ("sagemaker", "create_workteam", {"WorkteamName": "x", "Description": "x", "MemberDefinitions": [{}]}),
        ("sagemaker", "delete_workteam", {"WorkteamName": "private-people"}),
        ("sagemaker", "delete_workforce", {"WorkforceName": "default"}),
        ("sagemaker", "create_human_task_ui", {"HumanTaskUiName": "x", "UiTemplate": {"Content": "x"}}),
        ("sagemaker", "list_models", {}),
        # Its template could ask for a link to any object.
        ("sagemaker", "render_ui_template", {"Task": {"Input": "{}"}, "RoleArn": ROLE, "UiTemplate": {"Content": "x"}}),
        ("iam", "create_user", {"UserName": "x"}),
        ("sts", "get_session_token", {}),
        ("logs", "describe_log_groups", {}),
        ("events", "list_rules", {}),
        ("cognito-idp", "list_user_pools", {"MaxResults": 1}),
        ("s3", "list_buckets", {}),
        ("sns", "list_topics", {}),
        ("sns", "list_subscriptions", {}),
        ("sns", "publish", {"PhoneNumber": "+1", "Message": "x"}),
        ("sqs", "list_queues", {}),
    ],
)
def test_the_rest_is_the_administrator_s(ann: Key, service: str, operation: str, arguments: dict[str, Any]) -> None:
    assert refused(getattr(ann.client(service), operation), **arguments) in {"AccessDenied", "403"}


def test_a_bucket_is_its_maker_s(ann: Key, ben: Key, guarded: Service, run: Run, owner: Owner) -> None:
    s3, others = ann.client("s3"), ben.client("s3")
    name = f"anns-{own_id().hex[:8]}"
    s3.create_bucket(Bucket=name)
    s3.put_object(Bucket=name, Key="a/b", Body=b"x")
    assert s3.get_object(Bucket=name, Key="a/b")["Body"].read() == b"x"
    for call, more in (
        (others.get_object, {"Key": "a/b"}),
        (others.put_object, {"Key": "a/b", "Body": b"y"}),
        (others.list_objects_v2, {}),
        (others.create_bucket, {}),
        (others.delete_bucket, {}),
    ):
        assert refused(call, Bucket=name, **more) in {"AccessDenied", "403"}, call
    others.create_bucket(Bucket=f"{name}-2")
    copied = {"Bucket": f"{name}-2", "Key": "c"}
    for source in ({"Bucket": name, "Key": "a/b"}, f"/{name}/a/b"):
        assert refused(others.copy_object, **copied, CopySource=source) == "AccessDenied"
    # boto3 encodes it once more, so it names no bucket.
    assert refused(others.copy_object, **copied, CopySource=f"{name}%2Fa/b") == "InvalidArgument"
    assert refused(s3.put_bucket_policy, Bucket=name, Policy="{}") == "AccessDenied"
    hint = f"is not Ben's. The administrator can make a key .* `labeling keys add Ben --bucket {name}`"
    with pytest.raises(ClientError, match=hint):
        ben.job(bucket=name)
    with pytest.raises(ClientError, match=hint):
        others.list_objects_v2(Bucket=name)
    with pytest.raises(ClientError, match="Only its owner and the administrator can delete a bucket"):
        others.delete_bucket(Bucket=name)
    shared = Key(guarded, run, "Ben", "--bucket", name)
    assert shared.client("s3").get_object(Bucket=name, Key="a/b")["Body"].read() == b"x"
    owner("s3").create_bucket(Bucket=f"{name}-admin")
    assert refused(s3.create_bucket, Bucket=f"{name}-admin") == "AccessDenied"
    s3.delete_object(Bucket=name, Key="a/b")
    s3.delete_bucket(Bucket=name)
    others.create_bucket(Bucket=name)


def test_files_that_are_named_by_their_address_at_amazon_are_their_maker_s_too(ann: Key, ben: Key) -> None:
    def files(bucket: str) -> dict[str, Any]:
        address = f"https://{bucket}.s3.us-east-1.amazonaws.com"
        data = {"S3DataSource": {"ManifestS3Uri": f"{address}/in.manifest"}}
        return {
            "InputConfig": {"DataSource": data},
            "OutputConfig": {"S3OutputPath": f"{address}/out"},
            "LabelCategoryConfigS3Uri": f"{address}/categories.json",
        }

    ben.bucket, ann.bucket = f"bens-{own_id().hex[:8]}", f"anns-{own_id().hex[:8]}"
    own = ben.job(**files(ben.bucket))
    described = ben.client("sagemaker").describe_labeling_job(LabelingJobName=own)
    assert described["OutputConfig"]["S3OutputPath"] == files(ben.bucket)["OutputConfig"]["S3OutputPath"]
    ann.client("s3").create_bucket(Bucket=ann.bucket)
    for member, value in files(ann.bucket).items():
        with pytest.raises(ClientError, match=f"{ann.bucket} is not Ben's"):
            ben.job(bucket=ben.bucket, **{**files(ben.bucket), member: value})


def test_a_topic_and_a_queue_are_their_maker_s(ann: Key, ben: Key) -> None:
    sns, sqs, other_sns, other_sqs = ann.client("sns"), ann.client("sqs"), ben.client("sns"), ben.client("sqs")
    end = own_id().hex[:8]
    topic = sns.create_topic(Name=f"topic-{end}")["TopicArn"]
    queue = sqs.create_queue(QueueName=f"queue-{end}")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    # What a message says is only a text.
    sns.publish(TopicArn=topic, Message="arn:aws:sns:us-east-1:123456789012:of-somebody-else")
    message = sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=5)["Messages"][0]
    sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
    theirs = other_sqs.create_queue(QueueName=f"theirs-{end}")["QueueUrl"]
    their_arn = arn.replace("queue-", "theirs-")
    their_topic = other_sns.create_topic(Name=f"theirs-{end}")["TopicArn"]
    for call, more in (
        (other_sns.publish, {"TopicArn": topic, "Message": "x"}),
        (other_sns.get_topic_attributes, {"TopicArn": topic}),
        (other_sns.subscribe, {"TopicArn": topic, "Protocol": "sqs", "Endpoint": their_arn}),
        (other_sns.subscribe, {"TopicArn": their_topic, "Protocol": "sqs", "Endpoint": arn}),
        (other_sns.subscribe, {"TopicArn": their_topic, "Protocol": "http", "Endpoint": "http://127.0.0.1:1"}),
        (other_sns.delete_topic, {"TopicArn": topic}),
        (other_sns.create_topic, {"Name": f"topic-{end}"}),
        (other_sqs.get_queue_url, {"QueueName": f"queue-{end}"}),
        (other_sqs.receive_message, {"QueueUrl": queue}),
        (other_sqs.receive_message, {"QueueUrl": f"queue-{end}"}),
        (other_sqs.receive_message, {"QueueUrl": f"{queue}?/theirs-{end}"}),
        (other_sqs.send_message, {"QueueUrl": queue, "MessageBody": "x"}),
        (other_sqs.delete_queue, {"QueueUrl": queue}),
        (other_sqs.create_queue, {"QueueName": f"queue-{end}"}),
        *(
            (other_sqs.set_queue_attributes, {"QueueUrl": theirs, "Attributes": {"RedrivePolicy": policy}})
            for policy in (
                json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 1}),
                '{"deadLetterTargetArn": "' + arn.replace("queue", "q\\u0075eue") + '", "maxReceiveCount": 1}',
            )
        ),
    ):
        assert refused(call, **more) == "AccessDenied", (call, more)
    sqs.delete_queue(QueueUrl=queue)
    sns.delete_topic(TopicArn=topic)
    other_sqs.create_queue(QueueName=f"queue-{end}")


def test_objects_are_announced_to_own_topics_only(ann: Key, ben: Key) -> None:
    s3, end = ann.client("s3"), own_id().hex[:8]
    s3.create_bucket(Bucket=f"news-{end}")
    mine = ann.client("sns").create_topic(Name=f"mine-{end}")["TopicArn"]
    other = ben.client("sns").create_topic(Name=f"other-{end}")["TopicArn"]

    def announced(arn: str) -> dict[str, Any]:
        return {"TopicConfigurations": [{"TopicArn": arn, "Events": ["s3:ObjectCreated:*"]}]}

    s3.put_bucket_notification_configuration(Bucket=f"news-{end}", NotificationConfiguration=announced(mine))
    for arn in (other, other.replace("other", "oth&er")):
        call = s3.put_bucket_notification_configuration
        assert refused(call, Bucket=f"news-{end}", NotificationConfiguration=announced(arn)) == "AccessDenied"


def test_a_key_is_replaced_and_removed(guarded: Service, run: Run) -> None:
    first = Key(guarded, run, "Dot")
    assert "never used" in next(line for line in run("keys", "list").stdout.splitlines() if first.id in line)
    first.client("sagemaker").list_labeling_jobs()
    made = dict(line.split("=", 1) for line in run("keys", "rotate", first.id).stdout.splitlines())
    second = Key.__new__(Key)
    second.service, second.id, second.env = guarded, made["AWS_ACCESS_KEY_ID"], made
    for key in (first, second):
        key.client("sagemaker").list_labeling_jobs()
    line = next(line for line in run("keys", "list").stdout.splitlines() if first.id in line)
    assert "  used 20" in line
    assert "  until 20" in line
    assert run("keys", "remove", first.id).returncode == 0
    assert refused(first.client("sagemaker").list_labeling_jobs) == "InvalidClientTokenId"
    assert run("keys", "remove", first.id).returncode == 1
    files = [path for path in (guarded.folder / "data").rglob("*") if path.is_file()]
    assert not any(made["AWS_SECRET_ACCESS_KEY"].encode() in path.read_bytes() for path in files)


def test_who_did_what_is_written_down(guarded: Service, run: Run, ann: Key) -> None:
    name = ann.job()
    ann.client("sagemaker").stop_labeling_job(LabelingJobName=name)
    teams = ann.client("sagemaker")

    def refusal_lines() -> list[str] | None:
        refused(teams.delete_workteam, WorkteamName="private-people")
        lines = run("audit", "--who", "Ann").stdout.splitlines()
        return lines if any(line.endswith("DeleteWorkteam  private-people  AccessDenied") for line in lines) else None

    # Other tests may have used up the refusals that are written down in a minute.
    lines = wait_until(refusal_lines, 70, "the refusal is written down", 5)
    for end in (f"CreateLabelingJob  {name}  ok", f"StopLabelingJob  {name}  ok"):
        assert any(line.endswith(end) and "  requester Ann  127.0.0.1  " in line for line in lines), lines
    assert not any("ListLabelingJobs" in line or "PUT" in line for line in lines)
    everything = run("audit", "--limit", "1000").stdout
    assert f"administrator administrator  127.0.0.1  keys add  Ann {ann.id}  ok" in everything


def test_whatever_is_no_reading_is_written_down(guarded: Service, run: Run, owner: Owner) -> None:
    name = f"rule-{own_id().hex[:8]}"
    events = owner("events")
    events.put_rule(Name=name, EventPattern='{"source": ["aws.sagemaker"]}')
    events.disable_rule(Name=name)
    events.enable_rule(Name=name)
    events.describe_rule(Name=name)
    lines = [line for line in run("audit", "--limit", "1000").stdout.splitlines() if f"  {name}  " in line]
    assert sorted(line.split("  ")[-3] for line in lines) == ["DisableRule", "EnableRule", "PutRule"]


def test_the_commands_of_the_docs_do_what_they_say(guarded: Service, run: Run) -> None:
    key = Key(guarded, run, "Eli")
    lines = [line for block in blocks(ROOT / "docs" / "security.md", "") for line in block.splitlines()]
    assert len(lines) == 5
    for line in lines:
        program, *arguments = shlex.split(line.replace("LABKEXAMPLE", key.id))
        done = run(*arguments)
        assert (program, done.returncode) == ("labeling", 0), done.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("add", "administrator"), "The name of a requester"),
        (("add", " "), "The name of a requester"),
        (("rotate", "LABKNONE"), "There is no key LABKNONE."),
        (("remove", "LABKNONE"), "There is no key LABKNONE."),
    ],
)
def test_labeling_keys_says_what_is_wrong(run: Run, arguments: tuple[str, ...], words: str) -> None:
    done = run("keys", *arguments)
    assert (done.returncode, words in done.stderr) == (1, True), done.stderr

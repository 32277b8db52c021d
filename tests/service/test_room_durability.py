"""Nothing that was accepted is lost when the service is killed."""

from __future__ import annotations

import json
import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from botocore.config import Config

from dev.stack import PATIENCE, Service, StackError, wait_until
from tests.conftest import Lab, texts
from tests.service.cloud.subscribers import answering


@pytest.fixture
def own(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Lab]:
    """A service of this test's own, whose workers take a moment; on each kind of database, if the test uses ``url``."""
    workforce = tmp_path / "workforce.json"
    teams = {"private-simulated": {"workers": 9, "accuracy": 0.9, "seconds_per_task": 0.01, "declined": 0.0}}
    workforce.write_text(json.dumps({"workteams": teams, "seed": 3}))
    url = request.getfixturevalue("url") if "url" in request.fixturenames else f"sqlite:///{tmp_path}/labeling.sqlite"
    service = Service(tmp_path, "--workforce", str(workforce), "--database-url", url)
    yield Lab(service)
    service.stop()


@pytest.mark.usefixtures("url")
def test_a_job_goes_on_after_any_kill_and_counts_every_answer_once(own: Lab) -> None:
    name = own.create(texts(150), "survivor", max_concurrent_objects=60)
    chance = random.Random(1)
    for _ in range(3):
        time.sleep(chance.uniform(0.0, 0.25))  # the instant of the kill is what the test varies
        own.service.kill()
        own.service.start()
        own.connect()
    description = own.wait(name)
    counters = description["LabelCounters"]
    assert description["LabelingJobStatus"] == "Completed"
    assert counters["TotalLabeled"] == 150
    output = own.output(description)
    assert [line["source"] for line in output] == [line["source"] for line in texts(150)]
    assert all("label" in line for line in output)
    keys = [key for key in own.keys("out/survivor/") if "/worker-response/" in key]
    by_object = Counter(key.split("/")[5] for key in keys)
    assert set(by_object.values()) == {1}, "an object that was consolidated twice has two response files"
    for key in keys:
        answers = json.loads(own.get(f"s3://lab/{key}"))["answers"]
        workers = [answer["workerId"] for answer in answers]
        assert len(workers) == len(set(workers)) == 3
    payloads = [key for key in own.keys("out/survivor/") if "/consolidation-request/" in key]
    objects = [entry["datasetObjectId"] for key in payloads for entry in json.loads(own.get(f"s3://lab/{key}"))]
    assert len(objects) == len(set(objects)) == 150


def test_buckets_objects_and_settings_survive_a_kill(own: Lab) -> None:
    own.s3.put_object(Bucket="lab", Key="dir/ä b+c.txt", Body=b"kept", ContentType="text/plain", Metadata={"who": "me"})
    own.put("gone.txt", "x")
    own.put("gone-too.txt", "x")
    own.s3.delete_object(Bucket="lab", Key="gone.txt")
    own.s3.delete_objects(Bucket="lab", Delete={"Objects": [{"Key": "gone-too.txt"}]})
    own.s3.copy_object(Bucket="lab", Key="copy.txt", CopySource={"Bucket": "lab", "Key": "dir/ä b+c.txt"})
    upload = own.s3.create_multipart_upload(Bucket="lab", Key="large.bin")["UploadId"]
    part = own.s3.upload_part(Bucket="lab", Key="large.bin", UploadId=upload, PartNumber=1, Body=b"z" * 6_000_000)
    parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    own.s3.complete_multipart_upload(Bucket="lab", Key="large.bin", UploadId=upload, MultipartUpload=parts)
    rule = {"AllowedMethods": ["GET"], "AllowedOrigins": ["*"], "ExposeHeaders": ["Access-Control-Allow-Origin"]}
    own.s3.put_bucket_cors(Bucket="lab", CORSConfiguration={"CORSRules": [rule]})
    own.s3.create_bucket(Bucket="emptied")
    own.s3.delete_bucket(Bucket="emptied")
    before = own.s3.head_object(Bucket="lab", Key="dir/ä b+c.txt")
    own.service.kill()
    own.service.start()
    own.connect()
    assert sorted(own.keys("")) == ["copy.txt", "dir/ä b+c.txt", "large.bin"]
    answer = own.s3.get_object(Bucket="lab", Key="dir/ä b+c.txt")
    assert (answer["Body"].read(), answer["ContentType"], answer["Metadata"]) == (b"kept", "text/plain", {"who": "me"})
    assert answer["ETag"] == before["ETag"]
    assert answer["LastModified"] == before["LastModified"]
    assert len(own.get("s3://lab/large.bin")) == 6_000_000
    assert own.s3.get_bucket_cors(Bucket="lab")["CORSRules"] == [rule]
    assert [bucket["Name"] for bucket in own.s3.list_buckets()["Buckets"]] == ["lab"]


def test_what_was_acknowledged_in_any_spelling_survives_a_kill(own: Lab) -> None:
    by_host = own.service.client("s3", config=Config(s3={"addressing_style": "virtual"}))
    # Names under localhost are not resolved everywhere.
    by_host.meta.events.register("before-send", lambda request, **_: _sent_to(own.service.endpoint_url, request))
    by_host.create_bucket(Bucket="by-host")
    own.s3.put_object(Bucket="by-host", Key="by-path", Body=b"1")
    by_host.put_object(Bucket="by-host", Key="by-host", Body=b"2")
    by_host.put_object(Bucket="lab", Key="gone", Body=b"3")
    by_host.delete_object(Bucket="lab", Key="gone")
    own.put("form", "old")
    own.s3.put_bucket_acl(Bucket="lab", ACL="public-read")
    form = own.s3.generate_presigned_post("lab", "form")
    answer = requests.post(
        f"{own.service.endpoint_url}/lab", data=form["fields"], files={"file": b"new"}, timeout=PATIENCE * 10
    )
    assert answer.status_code == 204, answer.text
    own.s3.put_bucket_versioning(Bucket="lab", VersioningConfiguration={"Status": "Enabled"})
    first = own.s3.put_object(Bucket="lab", Key="versions", Body=b"first")["VersionId"]
    second = own.s3.put_object(Bucket="lab", Key="versions", Body=b"second")["VersionId"]
    own.s3.delete_objects(Bucket="lab", Delete={"Objects": [{"Key": "versions", "VersionId": second}]})
    own.s3.put_object(Bucket="lab", Key="marked", Body=b"seen")
    own.s3.delete_objects(Bucket="lab", Delete={"Objects": [{"Key": "marked"}]})
    own.service.kill()
    own.service.start()
    own.connect()
    assert {own.get(f"s3://by-host/{key}") for key in ("by-path", "by-host")} == {b"1", b"2"}
    assert sorted(own.keys("")) == ["form", "versions"]
    assert own.get("s3://lab/form") == b"new"
    assert len(own.s3.get_bucket_acl(Bucket="lab")["Grants"]) == 2
    assert own.get("s3://lab/versions") == b"first"
    listed = own.s3.list_object_versions(Bucket="lab", Prefix="versions")["Versions"]
    assert [version["VersionId"] for version in listed] == [first]
    listed = own.s3.list_object_versions(Bucket="lab", Prefix="marked")
    assert (len(listed["Versions"]), len(listed["DeleteMarkers"])) == (1, 1)


def _sent_to(endpoint_url: str, request: Any) -> None:
    request.headers["Host"] = urlsplit(request.url).netloc
    request.url = endpoint_url + request.url.partition(urlsplit(request.url).netloc)[2]


def test_queues_and_topics_of_every_kind_survive_a_kill(own: Lab) -> None:
    sqs, sns = own.service.client("sqs"), own.service.client("sns")
    arn = "arn:aws:sqs:us-east-1:123456789012"
    urls = {
        name: sqs.create_queue(QueueName=name)["QueueUrl"] for name in ("widow", "gone", "itself", "again", "empty")
    }
    for name, dead in (("widow", "gone"), ("itself", "itself")):
        policy = json.dumps({"deadLetterTargetArn": f"{arn}:{dead}", "maxReceiveCount": 1})
        sqs.set_queue_attributes(QueueUrl=urls[name], Attributes={"RedrivePolicy": policy, "VisibilityTimeout": "0"})
        sqs.send_message(QueueUrl=urls[name], MessageBody=name)
    sqs.delete_queue(QueueUrl=urls["gone"])
    for _ in range(3):
        # Where the dead-letter queue is gone, the message stays.
        sqs.receive_message(QueueUrl=urls["widow"])
    sqs.send_message(QueueUrl=urls["again"], MessageBody="of the first queue of this name")
    sqs.delete_queue(QueueUrl=urls["again"])
    sqs.create_queue(QueueName="again")
    sqs.send_message(QueueUrl=urls["empty"], MessageBody="purged")
    sqs.purge_queue(QueueUrl=urls["empty"])
    lined = {"FifoQueue": "true", "ContentBasedDeduplication": "true"}
    urls["lined.fifo"] = sqs.create_queue(QueueName="lined.fifo", Attributes=lined)["QueueUrl"]
    attributes = {"FifoTopic": "true", "ContentBasedDeduplication": "true"}
    topic = sns.create_topic(Name="lined.fifo", Attributes=attributes)["TopicArn"]
    raw = {"RawMessageDelivery": "true"}
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=f"{arn}:lined.fifo", Attributes=raw)
    sns.publish(TopicArn=topic, Message="in line", MessageGroupId="g")
    over_http = sns.create_topic(Name="over-http")["TopicArn"]
    killed = threading.Event()

    def status(count: int) -> int:
        # The first answer comes when nobody hears it any more.
        return 200 if count > 1 or killed.wait(60) else 500

    with answering(status) as (url, posted):
        sns.subscribe(TopicArn=over_http, Protocol="http", Endpoint=url)
        for number in range(2):
            sns.publish(TopicArn=over_http, Message=f"message {number}")
        wait_until(lambda: posted, 30, "the first message is on its way", 0.02)
        own.service.kill()
        killed.set()
        own.service.start()
        wait_until(lambda: len(posted) == 3, 10, "both are told after the kill", 0.02)
    assert posted[1] == posted[0], "whoever hears it again knows it by its id"
    assert [message["Message"] for message in posted] == ["message 0", "message 0", "message 1"]
    sqs, sns = own.service.client("sqs"), own.service.client("sns")

    def bodies(name: str) -> list[str]:
        url = sqs.get_queue_url(QueueName=name)["QueueUrl"]
        return [
            message["Body"] for message in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
        ]

    assert {name: bodies(name) for name in ("widow", "itself", "again", "empty", "lined.fifo")} == {
        "widow": ["widow"],
        "itself": ["itself"],
        "again": [],
        "empty": [],
        "lined.fifo": ["in line"],
    }
    sns.publish(TopicArn=topic, Message="after", MessageGroupId="h")
    assert bodies("lined.fifo") == ["after"]


def test_tags_and_workteams_survive_a_kill(own: Lab) -> None:
    member = {"OidcMemberDefinition": {"Groups": ["g"]}}
    own.sagemaker.create_workteam(WorkteamName="herons", MemberDefinitions=[member], Description="d")
    name = own.create(texts(1), workforce=own.people, tags={"a": "b"})
    own.service.kill()
    own.service.start()
    own.connect()
    assert own.sagemaker.describe_workteam(WorkteamName="herons")["Workteam"]["MemberDefinitions"] == [member]
    assert own.describe(name)["Tags"] == [{"Key": "a", "Value": "b"}]
    assert own.wait(name, {"InProgress"})["LabelCounters"]["Unlabeled"] == 1


def test_two_services_do_not_share_a_data_directory(own: Lab) -> None:
    with pytest.raises(StackError, match="is in use by another service"):
        Service(own.service.folder)

"""A requester who signs requests as no client would send them gets no further than with any other."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlencode

import pytest
from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from dev.stack import Service
from labeling_provider.service.web.requests import FORM
from tests.own_names import own_id
from tests.service.web.test_rights import Key, Owner, Run
from tests.service.web.wire import ask, refused

pytestmark = pytest.mark.e2e

VERSIONS = {"sqs": "2012-11-05", "sns": "2010-03-31", "iam": "2010-05-08", "sts": "2011-06-15"}
ACCOUNT = "123456789012"


class Odd:
    """A requester who signs by hand."""

    def __init__(self, key: Key) -> None:
        self.key = key

    def ask(
        self, service: str, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> tuple[int, str]:
        """Status and body of the answer to a signed request."""
        url = self.key.service.endpoint_url + path
        request = AWSRequest(method, url, headers=dict(headers or {}), data=body)
        keys = Credentials(self.key.id, self.key.env["AWS_SECRET_ACCESS_KEY"])
        (S3SigV4Auth if service == "s3" else SigV4Auth)(keys, service, "us-east-1").add_auth(request)
        status, content, _ = ask(self.key.service, method, path, dict(request.headers), body)
        return status, content.decode()

    def form(
        self, service: str, query: Mapping[str, str], form: Mapping[str, str], method: str = "POST"
    ) -> tuple[int, str]:
        """The answer to a request with parameters in the query and in a form."""
        asked = {"Version": VERSIONS[service], **form}
        path = "/?" + urlencode(query) if query else "/"
        return self.ask(service, method, path, urlencode(asked).encode(), {"Content-Type": FORM})

    def document(
        self,
        service: str,
        operation: str,
        document: Any,
        query: str = "",
        content_type: str = "application/x-amz-json-1.0",
    ) -> tuple[int, str]:
        """The answer to a request with its parameters in a JSON document."""
        target = {"sqs": "AmazonSQS", "sagemaker": "SageMaker"}[service]
        body = document if isinstance(document, bytes) else json.dumps(document).encode()
        headers = {"Content-Type": content_type, "X-Amz-Target": f"{target}.{operation}"}
        return self.ask(service, "POST", f"/{query}", body, headers)


@pytest.fixture(scope="module")
def ann(guarded: Service, run: Run) -> Key:
    return Key(guarded, run, "Ann")


@pytest.fixture(scope="module")
def ben(guarded: Service, run: Run) -> Odd:
    return Odd(Key(guarded, run, "Ben"))


@pytest.fixture(scope="module")
def reader(guarded: Service, run: Run) -> Odd:
    return Odd(Key(guarded, run, "Ben", "--right", "read"))


@pytest.fixture(scope="module")
def their_queue(ann: Key) -> str:
    """Somebody else's queue, with a secret in it."""
    sqs = ann.client("sqs")
    url = str(sqs.create_queue(QueueName=f"ann-{own_id().hex[:8]}")["QueueUrl"])
    sqs.send_message(QueueUrl=url, MessageBody="a secret")
    return url


@pytest.fixture(scope="module")
def own_queue(ben: Odd) -> str:
    return str(ben.key.client("sqs").create_queue(QueueName=f"ben-{own_id().hex[:8]}")["QueueUrl"])


@pytest.fixture(scope="module")
def own_topic(ben: Odd) -> str:
    return str(ben.key.client("sns").create_topic(Name=f"ben-{own_id().hex[:8]}")["TopicArn"])


def test_a_form_s_parameters_are_in_the_form_alone(
    ann: Key, ben: Odd, their_queue: str, own_queue: str, own_topic: str
) -> None:
    for query, form in (
        ({"QueueUrl": their_queue}, {"Action": "ReceiveMessage", "QueueUrl": own_queue}),
        ({"QueueUrl": their_queue}, {"Action": "ReceiveMessage"}),
    ):
        status, answer = ben.form("sqs", query, form)
        assert status == 400, answer
        assert "must be in the body, not in the query" in answer
    theirs = ann.client("sns").create_topic(Name=f"ann-{own_id().hex[:8]}")["TopicArn"]
    assert ben.form("sns", {"TopicArn": theirs}, {"Action": "DeleteTopic", "TopicArn": own_topic})[0] == 400
    hook = {"Protocol": "http", "Endpoint": "http://127.0.0.1:1"}
    asked = {"Action": "Subscribe", "TopicArn": own_topic, "Protocol": "sqs"}
    assert ben.form("sns", hook, asked)[0] == 400
    assert ben.key.client("sns").list_subscriptions_by_topic(TopicArn=own_topic)["Subscriptions"] == []
    assert ann.client("sns").get_topic_attributes(TopicArn=theirs)
    # Without the stray parameters, it is as boto3 would send it.
    status, answer = ben.form("sqs", {}, {"Action": "ReceiveMessage", "QueueUrl": own_queue})
    assert (status, "a secret" in answer) == (200, False), answer


def test_the_last_of_two_values_is_not_another_than_the_first(ben: Odd, their_queue: str, own_queue: str) -> None:
    pairs = [("Action", "ReceiveMessage"), ("Version", VERSIONS["sqs"])]
    for urls in ((their_queue, own_queue), (own_queue, their_queue)):
        body = urlencode([*pairs, *(("QueueUrl", url) for url in urls)]).encode()
        assert ben.ask("sqs", "POST", "/", body, {"Content-Type": FORM})[0] == 403
        document = "{" + ", ".join(f'"QueueUrl": {json.dumps(url)}' for url in urls) + "}"
        status, answer = ben.document("sqs", "ReceiveMessage", document.encode())
        assert "a secret" not in answer
        assert status == (403 if urls[-1] == their_queue else 200), answer


def test_a_reading_operation_in_the_query_is_no_other_in_the_body(reader: Odd, own_topic: str) -> None:
    reads = {"Action": "GetTopicAttributes", "TopicArn": own_topic, "Version": VERSIONS["sns"]}
    for form in ({"Action": "Publish", "TopicArn": own_topic, "Message": "x"}, {"Action": "ListTopics"}):
        for method in ("GET", "POST"):
            status, answer = reader.form("sns", reads, form, method)
            assert status == 400, answer
    status, answer = reader.ask("sns", "GET", "/?" + urlencode(reads))
    assert (status, own_topic in answer) == (200, True), answer


def test_an_operation_in_a_json_document_s_text_is_only_text(
    reader: Odd, ben: Odd, their_queue: str, own_queue: str
) -> None:
    name = their_queue.rpartition("/")[2]
    for more in ("&Action=ListQueues&Version=2012-11-05&", f"&QueueUrl={their_queue}&Action=DeleteQueue&"):
        status, answer = reader.document("sqs", "ReceiveMessage", {"QueueUrl": own_queue, "x": more})
        assert (status, name in answer) == (200, False), answer
    for query in ("?Action=ListQueues", "?" + urlencode({"QueueUrl": their_queue}), f"?Version={VERSIONS['sqs']}"):
        assert reader.document("sqs", "ReceiveMessage", {"QueueUrl": own_queue}, query)[0] == 400
    # Whatever the body says that it is, it is read in one way.
    for kind in ("application/x-amz-json-1.0", "application/json", "text/plain"):
        status, answer = ben.document("sqs", "ReceiveMessage", {"QueueUrl": own_queue}, content_type=kind)
        assert (status, "a secret" in answer) == (200, False), answer
        assert ben.document("sqs", "ReceiveMessage", {"QueueUrl": their_queue}, content_type=kind)[0] == 403
    utf_16 = json.dumps({"QueueUrl": their_queue}).encode("utf-16")
    assert ben.document("sqs", "ReceiveMessage", utf_16)[0] == 403
    for broken in (b"[]", b"{", b'"x"', b"[" * 100_000):
        status, answer = ben.document("sqs", "ReceiveMessage", broken)
        assert (status, json.loads(answer)["__type"]) == (400, "SerializationException")


def test_somebody_else_s_queue_is_still_there(ann: Key, their_queue: str) -> None:
    assert ann.client("sqs").receive_message(QueueUrl=their_queue)["Messages"][0]["Body"] == "a secret"


@pytest.mark.parametrize(
    "spelling", ["//{own}/{theirs}/x", "///{own}/{theirs}/x", "/%2F{own}/{theirs}/x", "{theirs}%2Fx"]
)
def test_a_copy_s_source_is_read_in_one_way(ann: Key, ben: Odd, spelling: str) -> None:
    end = own_id().hex[:8]
    own, theirs = f"bens-{end}", f"anns-{end}"
    s3 = ben.key.client("s3")
    s3.create_bucket(Bucket=own)
    ann.client("s3").create_bucket(Bucket=theirs)
    ann.client("s3").put_object(Bucket=theirs, Key="x", Body=b"a secret")
    source = spelling.format(own=own, theirs=theirs)
    upload = s3.create_multipart_upload(Bucket=own, Key="parts")["UploadId"]
    for path in ("/copy", f"/parts?partNumber=1&uploadId={upload}"):
        status, _ = ben.ask("s3", "PUT", f"/{own}{path}", headers={"x-amz-copy-source": source})
        assert status == (403 if spelling.startswith("{") else 400)
    assert refused(s3.get_object, Bucket=own, Key="copy") == "NoSuchKey"


def test_copies_keep_their_odd_keys_and_versions(ben: Odd) -> None:
    bucket, s3 = f"bens-{own_id().hex[:8]}", ben.key.client("s3")
    s3.create_bucket(Bucket=bucket)
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    for key in ("a b", "/x", "x//y", "ä+%41#;:?versionId=", "a?b", "."):
        first = s3.put_object(Bucket=bucket, Key=key, Body=b"first")["VersionId"]
        s3.put_object(Bucket=bucket, Key=key, Body=b"second")
        source: dict[str, Any] = {"Bucket": bucket, "Key": key}
        for wanted, more in ((b"second", {}), (b"first", {"VersionId": first})):
            s3.copy_object(Bucket=bucket, Key="copy", CopySource={**source, **more})
            assert s3.get_object(Bucket=bucket, Key="copy")["Body"].read() == wanted, key


def test_a_narrowed_key_can_t_widen_itself(guarded: Service, run: Run) -> None:
    narrow = Key(guarded, run, "Dee", "--tag", "project=birds")
    wide = Key(guarded, run, "Dee")
    birds = [{"Key": "project", "Value": "birds"}]
    own, other = narrow.job(Tags=birds), wide.job()
    sagemaker = narrow.client("sagemaker")
    own_arn, other_arn = (
        wide.client("sagemaker").describe_labeling_job(LabelingJobName=name)["LabelingJobArn"] for name in (own, other)
    )
    calls: list[tuple[Callable[..., Any], dict[str, Any]]] = [
        (sagemaker.add_tags, {"Tags": birds}),
        (sagemaker.delete_tags, {"TagKeys": ["project"]}),
        (sagemaker.list_tags, {}),
    ]
    for call, more in calls:
        assert refused(call, ResourceArn=other_arn, **more) == "ResourceNotFound"
    assert refused(sagemaker.describe_labeling_job, LabelingJobName=other) == "ResourceNotFound"
    changed = [{"Key": "project", "Value": "fish"}]
    assert refused(sagemaker.add_tags, ResourceArn=own_arn, Tags=changed) == "AccessDenied"
    assert refused(sagemaker.delete_tags, ResourceArn=own_arn, TagKeys=["project"]) == "AccessDenied"
    sagemaker.add_tags(ResourceArn=own_arn, Tags=[{"Key": "a", "Value": "b"}])
    sagemaker.delete_tags(ResourceArn=own_arn, TagKeys=["a"])
    assert sagemaker.list_tags(ResourceArn=own_arn)["Tags"] == birds


def test_what_is_not_about_labeling_is_the_administrator_s(ben: Odd, owner: Owner) -> None:
    sagemaker, name = owner("sagemaker"), f"model-{own_id().hex[:8]}"
    role = f"arn:aws:iam::{ACCOUNT}:role/labeling-local"
    arn = sagemaker.create_model(ModelName=name, ExecutionRoleArn=role)["ModelArn"]
    sagemaker.add_tags(ResourceArn=arn, Tags=[{"Key": "a", "Value": "b"}])
    own = ben.key.client("sagemaker")
    assert refused(own.add_tags, ResourceArn=arn, Tags=[{"Key": "a", "Value": "c"}]) == "ResourceNotFound"
    assert refused(own.list_tags, ResourceArn=arn) == "ResourceNotFound"
    assert refused(own.delete_tags, ResourceArn=arn, TagKeys=["a"]) == "ResourceNotFound"
    assert sagemaker.list_tags(ResourceArn=arn)["Tags"] == [{"Key": "a", "Value": "b"}]

"""S3, SNS and the others answer as Amazon's do, and refuse what they would not keep."""

from __future__ import annotations

import gzip
import json
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.service.inside import ACCOUNT, Inside

RULES: list[dict[str, Any]] = [
    {"AllowedOrigins": ["http://reads.localhost"], "AllowedMethods": ["GET", "HEAD"], "ExposeHeaders": ["ETag"]},
    {
        "AllowedOrigins": ["http://writes.localhost", "http://*.many.localhost"],
        "AllowedMethods": ["PUT", "GET"],
        "AllowedHeaders": ["content-type", "X-Amz-*"],
        "MaxAgeSeconds": 7,
    },
    {"AllowedOrigins": ["http://reads.localhost"], "AllowedMethods": ["DELETE", "GET"]},
    {"AllowedOrigins": ["*"], "AllowedMethods": ["HEAD"]},
]


@pytest.fixture
def lab(inside: Inside) -> Inside:
    s3 = inside.client("s3")
    s3.create_bucket(Bucket="lab")
    s3.put_object(Bucket="lab", Key="a", Body=b"body")
    s3.put_bucket_cors(Bucket="lab", CORSConfiguration={"CORSRules": RULES})
    return inside


def ask(inside: Inside, origin: str, method: str, headers: str = "") -> tuple[int, dict[str, str]]:
    """What a browser is answered that asks whether a page may do something."""
    asked = {"Access-Control-Request-Headers": headers} if headers else {}
    given = {"Origin": origin, "Access-Control-Request-Method": method, **asked}
    return inside.send("OPTIONS", "http://localhost/lab/a", given)[:2]


@pytest.mark.parametrize(
    ("origin", "method", "headers", "methods"),
    [
        ("http://reads.localhost", "GET", "", "GET, HEAD"),
        ("http://reads.localhost", "DELETE", "", "DELETE, GET"),
        ("http://writes.localhost", "PUT", "Content-Type, x-amz-meta-a", "PUT, GET"),
        ("http://one.many.localhost", "GET", "", "PUT, GET"),
        ("http://anywhere.example", "HEAD", "", "HEAD"),
    ],
)
def test_the_first_cors_rule_that_fits_answers(
    lab: Inside, origin: str, method: str, headers: str, methods: str
) -> None:
    status, answer = ask(lab, origin, method, headers)
    assert status == 200
    assert answer["access-control-allow-methods"] == methods
    assert answer["access-control-allow-origin"] == ("*" if methods == "HEAD" else origin)
    assert answer["vary"].startswith("Origin")
    assert answer.get("access-control-allow-headers") == (headers.lower() or None)
    assert answer.get("access-control-max-age") == ("7" if "PUT" in methods else None)


@pytest.mark.parametrize(
    ("origin", "method", "headers"),
    [
        ("http://reads.localhost", "PUT", ""),
        ("http://reads.localhost", "GET", "content-type"),
        ("http://writes.localhost", "PUT", "authorization"),
        ("http://writes.localhost.example", "PUT", ""),
        ("http://.many.localhostile.example", "GET", ""),
        ("http://writesXlocalhost", "PUT", ""),
    ],
)
def test_what_no_cors_rule_allows_is_refused(lab: Inside, origin: str, method: str, headers: str) -> None:
    status, answer = ask(lab, origin, method, headers)
    assert status == 403
    assert "access-control-allow-origin" not in answer


@pytest.mark.parametrize("headers", [{}, {"Origin": "http://a.localhost"}, {"Access-Control-Request-Method": "GET"}])
def test_half_a_question_is_refused(lab: Inside, headers: dict[str, str]) -> None:
    assert lab.send("OPTIONS", "http://localhost/lab/a", headers)[0] == 400


def test_a_bucket_without_rules_allows_nothing(inside: Inside) -> None:
    inside.client("s3").create_bucket(Bucket="lab")
    assert ask(inside, "http://reads.localhost", "GET")[0] == 403
    inside.client("s3").delete_bucket(Bucket="lab")
    assert ask(inside, "http://reads.localhost", "GET")[0] == 403


def test_answers_say_who_may_see_them(lab: Inside) -> None:
    keys = {"aws_access_key_id": "local", "aws_secret_access_key": "local", "region_name": "us-east-1"}
    s3 = boto3.client("s3", endpoint_url="http://localhost", config=Config(signature_version="s3v4"), **keys)

    def seen(method: str, origin: str) -> dict[str, str]:
        url = s3.generate_presigned_url(f"{method.lower()}_object", Params={"Bucket": "lab", "Key": "a"})
        status, headers, _ = lab.send(method, url, {"Origin": origin, "Sec-Fetch-Site": "same-site"})
        assert (status, headers["vary"]) == (200, "Origin")
        return headers

    reads = "http://reads.localhost"
    assert seen("GET", reads)["access-control-allow-origin"] == reads
    assert seen("GET", reads)["access-control-expose-headers"] == "ETag"
    assert seen("HEAD", reads)["access-control-allow-origin"] == reads
    assert "access-control-allow-origin" not in seen("GET", "http://other.localhost")
    assert seen("HEAD", "http://other.localhost")["access-control-allow-origin"] == "*"


def test_an_object_of_parts_has_an_access_control_list(inside: Inside) -> None:
    s3 = inside.client("s3")
    s3.create_bucket(Bucket="lab")
    place = {"Bucket": "lab", "Key": "parts"}
    upload = s3.create_multipart_upload(**place)["UploadId"]
    part = s3.upload_part(**place, UploadId=upload, PartNumber=1, Body=b"body")
    parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    s3.complete_multipart_upload(**place, UploadId=upload, MultipartUpload=parts)
    s3.put_object(Bucket="lab", Key="whole", Body=b"body")
    of_whole = s3.get_object_acl(Bucket="lab", Key="whole")["Grants"]
    assert s3.get_object_acl(**place)["Grants"] == of_whole
    assert [grant["Permission"] for grant in of_whole] == ["FULL_CONTROL"]
    inside.start()
    assert s3.get_object_acl(**place)["Grants"] == of_whole


def test_nothing_is_unpacked_for_a_query(inside: Inside) -> None:
    s3 = inside.client("s3")
    s3.create_bucket(Bucket="lab")
    s3.put_object(Bucket="lab", Key="a", Body=gzip.compress(b'{"a": 1}\n'))
    with pytest.raises(ClientError, match="SelectObjectContent is not offered") as error:
        s3.select_object_content(
            Bucket="lab",
            Key="a",
            Expression="SELECT * FROM s3object",
            ExpressionType="SQL",
            InputSerialization={"JSON": {"Type": "LINES"}, "CompressionType": "GZIP"},
            OutputSerialization={"JSON": {}},
        )
    assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400


APPLICATION = f"arn:aws:sns:us-east-1:{ACCOUNT}:app/GCM/phones"


@pytest.mark.parametrize(
    ("operation", "arguments"),
    [
        ("create_platform_application", {"Name": "phones", "Platform": "GCM", "Attributes": {}}),
        ("create_platform_endpoint", {"PlatformApplicationArn": APPLICATION, "Token": "t"}),
        ("set_sms_attributes", {"attributes": {"DefaultSenderID": "me"}}),
        ("opt_in_phone_number", {"phoneNumber": "+447420500600"}),
        ("publish", {"PhoneNumber": "+447420500600", "Message": "hello"}),
    ],
)
def test_what_would_be_gone_after_a_restart_is_refused(
    inside: Inside, operation: str, arguments: dict[str, Any]
) -> None:
    with pytest.raises(ClientError, match="not offered|this service does not send text messages") as error:
        getattr(inside.client("sns"), operation)(**arguments)
    assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400


def test_all_that_moto_keeps_of_s3_sns_and_sqs_is_kept_here_or_refused(inside: Inside) -> None:
    """A newer moto may know more."""
    from moto.s3.models import s3_backends
    from moto.sns.models import sns_backends
    from moto.sqs.models import sqs_backends

    ours = {"buckets", "topics", "subscriptions", "queues", "tagger"}
    refused = {"applications", "platform_endpoints", "sms_attributes", "opt_out_numbers"}
    refused |= {"sms_messages", "sms_message_objects"}
    # Table buckets are of a service that is not offered; inventories are their bucket's.
    unused = {"table_buckets", "inventory_configs", "_pagination_tokens", "_message_public_keys"}
    fixed = {"region_name", "account_id", "partition"}
    replaced = {
        "publish",
        "purge_queue",
        "receive_message",
        "change_message_visibility",
        "get_queue_attributes",
        "get_object_acl",
        "get_bucket_acl",
    }
    replaced |= {"list_objects", "list_objects_v2", "list_object_versions"}
    held: set[str] = set()
    for backend in (
        s3_backends[ACCOUNT]["aws"],
        sns_backends[ACCOUNT]["us-east-1"],
        sqs_backends[ACCOUNT]["us-east-1"],
    ):
        held |= set(vars(backend))
    assert held - ours - refused - unused - fixed - replaced == set()


def test_a_policy_that_a_topic_was_given_is_there_after_a_restart(inside: Inside) -> None:
    sns = inside.client("sns")
    arn = sns.create_topic(Name="birds")["TopicArn"]
    sns.add_permission(TopicArn=arn, Label="l", AWSAccountId=["1"], ActionName=["Publish"])
    policy = json.loads(sns.get_topic_attributes(TopicArn=arn)["Attributes"]["Policy"])
    inside.start()
    assert json.loads(sns.get_topic_attributes(TopicArn=arn)["Attributes"]["Policy"]) == policy

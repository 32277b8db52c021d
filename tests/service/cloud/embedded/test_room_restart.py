"""Whatever was done to S3, SNS and SQS: after a kill and a start they answer as before."""

from __future__ import annotations

import json
import sqlite3
import tempfile
from contextlib import closing, suppress
from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.service.inside import ACCOUNT, Inside, same_after_a_kill

# S3

BUCKETS = st.sampled_from(["cats", "dogs"])
KEYS = st.sampled_from(["a", "dir/ä b+c%2F.txt"])
BODIES = st.sampled_from([b"", b"one", b"two"])
TAGS = {"TagSet": [{"Key": "kind", "Value": "tabby"}]}
RETENTION = {"Mode": "GOVERNANCE", "RetainUntilDate": "2099-01-01T00:00:00Z"}
GRANTS = {"Owner": {"ID": "me"}, "Grants": [{"Grantee": {"Type": "CanonicalUser", "ID": "you"}, "Permission": "READ"}]}
LIFECYCLE = {
    "Rules": [
        {
            "ID": "old",
            "Status": "Enabled",
            "Filter": {"And": {"Prefix": "x/", "Tags": [{"Key": "k", "Value": "v"}]}},
            "Transitions": [{"Days": 3, "StorageClass": "GLACIER"}],
            "NoncurrentVersionTransitions": [{"NoncurrentDays": 3, "StorageClass": "GLACIER"}],
            "Expiration": {"Days": 9},
        }
    ]
}
NOTIFICATION = {
    "QueueConfigurations": [
        {
            "QueueArn": f"arn:aws:sqs:us-east-1:{ACCOUNT}:news",
            "Events": ["s3:ObjectCreated:*"],
            "Filter": {"Key": {"FilterRules": [{"Name": "prefix", "Value": "a"}]}},
        }
    ]
}
INVENTORY = {
    "Id": "weekly",
    "IsEnabled": True,
    "IncludedObjectVersions": "All",
    "Schedule": {"Frequency": "Weekly"},
    "Destination": {"S3BucketDestination": {"Bucket": "arn:aws:s3:::dogs", "Format": "CSV"}},
}
ENCRYPTION = {"Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}, "BucketKeyEnabled": True}]}
REPLICATION = {
    "Role": "arn:aws:iam::1:role/r",
    "Rules": [{"Status": "Enabled", "Prefix": "", "Destination": {"Bucket": "arn:aws:s3:::dogs"}}],
}
SETTINGS: list[tuple[str, dict[str, Any]]] = [
    ("put_bucket_acl", {"ACL": "public-read"}),
    ("put_bucket_acl", {"AccessControlPolicy": GRANTS}),
    ("put_bucket_acl", {"ACL": "log-delivery-write"}),
    ("put_bucket_accelerate_configuration", {"AccelerateConfiguration": {"Status": "Enabled"}}),
    (
        "put_bucket_cors",
        {
            "CORSConfiguration": {
                "CORSRules": [{"AllowedMethods": ["GET"], "AllowedOrigins": ["*"], "MaxAgeSeconds": 3}]
            }
        },
    ),
    ("delete_bucket_cors", {}),
    ("put_bucket_encryption", {"ServerSideEncryptionConfiguration": ENCRYPTION}),
    ("delete_bucket_encryption", {}),
    ("put_bucket_inventory_configuration", {"Id": "weekly", "InventoryConfiguration": INVENTORY}),
    ("put_bucket_lifecycle_configuration", {"LifecycleConfiguration": LIFECYCLE}),
    ("delete_bucket_lifecycle", {}),
    ("put_bucket_logging", {"BucketLoggingStatus": {"LoggingEnabled": {"TargetBucket": "dogs", "TargetPrefix": "l"}}}),
    ("put_bucket_notification_configuration", {"NotificationConfiguration": NOTIFICATION}),
    ("put_bucket_notification_configuration", {"NotificationConfiguration": {"EventBridgeConfiguration": {}}}),
    ("put_bucket_ownership_controls", {"OwnershipControls": {"Rules": [{"ObjectOwnership": "BucketOwnerPreferred"}]}}),
    ("put_bucket_policy", {"Policy": json.dumps({"Version": "2012-10-17", "Statement": []})}),
    ("delete_bucket_policy", {}),
    ("put_bucket_replication", {"ReplicationConfiguration": REPLICATION}),
    ("put_bucket_tagging", {"Tagging": TAGS}),
    ("delete_bucket_tagging", {}),
    ("put_bucket_versioning", {"VersioningConfiguration": {"Status": "Enabled"}}),
    ("put_bucket_versioning", {"VersioningConfiguration": {"Status": "Suspended"}}),
    ("put_bucket_website", {"WebsiteConfiguration": {"IndexDocument": {"Suffix": "index.html"}}}),
    ("delete_bucket_website", {}),
    (
        "put_object_lock_configuration",
        {
            "ObjectLockConfiguration": {
                "ObjectLockEnabled": "Enabled",
                "Rule": {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": 1}},
            }
        },
    ),
    ("put_public_access_block", {"PublicAccessBlockConfiguration": {"BlockPublicAcls": True}}),
    ("delete_public_access_block", {}),
]
OBJECT_CALLS: list[tuple[str, dict[str, Any]]] = [
    ("delete_object", {}),
    ("delete_object_tagging", {}),
    ("put_object_acl", {"ACL": "public-read"}),
    ("put_object_legal_hold", {"LegalHold": {"Status": "ON"}}),
    ("put_object_retention", {"Retention": RETENTION}),
    ("put_object_tagging", {"Tagging": TAGS}),
    ("restore_object", {"RestoreRequest": {"Days": 3}}),
]
PUT_OPTIONS = st.sampled_from(
    [
        {},
        {"Metadata": {"Who": "me"}, "ContentType": "text/plain", "CacheControl": "no-store"},
        {"ContentEncoding": "gzip", "Tagging": "a=b&c=d"},
        {"ACL": "public-read", "WebsiteRedirectLocation": "/there"},
        {"StorageClass": "GLACIER"},
        {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": "key"},
        {"ChecksumAlgorithm": "SHA256"},
    ]
)


class S3:
    """Calls to S3, by path or by host name."""

    def __init__(self, service: Inside, style: str) -> None:
        self.service, self.style = service, style
        self.client = service.client("s3", style)

    def create(self, bucket: str, lock: bool) -> None:
        self.client.create_bucket(Bucket=bucket, ObjectLockEnabledForBucket=lock)

    def put(self, bucket: str, key: str, body: bytes, options: dict[str, Any]) -> None:
        self.client.put_object(Bucket=bucket, Key=key, Body=body, **options)

    def call(self, name: str, arguments: dict[str, Any]) -> None:
        getattr(self.client, name)(**arguments)

    def versions(self, bucket: str, key: str) -> list[str]:
        listed = self.client.list_object_versions(Bucket=bucket, Prefix=key)
        return [version["VersionId"] for version in [*listed.get("Versions", ()), *listed.get("DeleteMarkers", ())]]

    def on_version(self, name: str, bucket: str, key: str, number: int, arguments: dict[str, Any]) -> None:
        versions = self.versions(bucket, key) or ["none"]
        where = {"Bucket": bucket, "Key": key, "VersionId": versions[number % len(versions)]}
        getattr(self.client, name)(**where, **arguments)

    def delete_many(self, bucket: str, keys: list[str], number: int | None) -> None:
        objects: list[dict[str, str]] = [{"Key": key} for key in keys]
        if number is not None:
            for entry in objects:
                versions = self.versions(bucket, entry["Key"]) or ["none"]
                entry["VersionId"] = versions[number % len(versions)]
        self.client.delete_objects(Bucket=bucket, Delete={"Objects": objects})

    def copy(self, source: tuple[str, str], target: tuple[str, str], options: dict[str, Any]) -> None:
        copied = {"Bucket": source[0], "Key": source[1]}
        self.client.copy_object(Bucket=target[0], Key=target[1], CopySource=copied, **options)

    def upload(self, bucket: str, key: str, body: bytes, options: dict[str, Any]) -> None:
        place = {"Bucket": bucket, "Key": key}
        upload = self.client.create_multipart_upload(**place, **options)["UploadId"]
        part = self.client.upload_part(**place, UploadId=upload, PartNumber=1, Body=body)
        parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
        self.client.complete_multipart_upload(**place, UploadId=upload, MultipartUpload=parts)

    def form(self, bucket: str, key: str, body: bytes) -> int:
        """Upload from an HTML form."""
        fields = {"key": key.encode(), "x-amz-meta-from": b"form", "file": body}
        disposition = 'Content-Disposition: form-data; name="{}"'
        lines = [
            line
            for name, value in fields.items()
            for line in (
                b"--limit",
                (disposition.format(name) + ('; filename="f"' if name == "file" else "")).encode(),
                b"",
                value,
            )
        ]
        content = b"\r\n".join([*lines, b"--limit--", b""])
        url = f"http://{bucket}.localhost/" if self.style == "virtual" else f"http://localhost/{bucket}"
        return self.service.send("POST", url, {"content-type": "multipart/form-data; boundary=limit"}, content)[0]


PLACES = st.tuples(BUCKETS, KEYS)
CALLS = st.one_of(
    st.tuples(st.just("create"), BUCKETS, st.booleans()),
    st.tuples(st.just("put"), BUCKETS, KEYS, BODIES, PUT_OPTIONS),
    st.builds(
        lambda bucket, setting: ("call", setting[0], {"Bucket": bucket, **setting[1]}),
        BUCKETS,
        st.sampled_from(SETTINGS),
    ),
    st.builds(
        lambda place, call: ("call", call[0], {"Bucket": place[0], "Key": place[1], **call[1]}),
        PLACES,
        st.sampled_from(OBJECT_CALLS),
    ),
    st.builds(lambda bucket: ("call", "delete_bucket", {"Bucket": bucket}), BUCKETS),
    st.builds(
        lambda place, number, call: ("on_version", call[0], *place, number, call[1]),
        PLACES,
        st.integers(0, 3),
        st.sampled_from(OBJECT_CALLS),
    ),
    st.tuples(st.just("delete_many"), BUCKETS, st.lists(KEYS, min_size=1), st.none() | st.integers(0, 3)),
    st.tuples(
        st.just("copy"),
        PLACES,
        PLACES,
        st.sampled_from(
            [{}, {"MetadataDirective": "REPLACE", "ContentType": "text/css"}, {"StorageClass": "STANDARD_IA"}]
        ),
    ),
    st.tuples(st.just("upload"), BUCKETS, KEYS, BODIES, st.sampled_from([{}, {"Metadata": {"by": "parts"}}])),
    st.tuples(st.just("form"), BUCKETS, KEYS, BODIES),
)


def do(service: Inside, calls: list[tuple[str, tuple[Any, ...]]]) -> None:
    """Make the calls; that some are refused is a part of it."""
    for style, (name, *arguments) in calls:
        with suppress(ClientError):
            getattr(S3(service, style), name)(*arguments)


@settings(
    max_examples=15,
    deadline=None,
    report_multiple_bugs=False,
)
@given(calls=st.lists(st.tuples(st.sampled_from(["path", "virtual"]), CALLS), min_size=12, max_size=24))
def test_s3_answers_as_before_after_any_calls(shared: Inside, calls: list[tuple[str, tuple[Any, ...]]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        shared.url = f"sqlite:///{folder}/labeling.sqlite"
        shared.start()
        first = S3(shared, "path")
        for bucket in ("cats", "dogs"):
            first.create(bucket, lock=False)
            first.put(bucket, "a", b"first", {"Tagging": "a=b"})
        first.call("put_bucket_versioning", {"Bucket": "dogs", "VersioningConfiguration": {"Status": "Enabled"}})
        first.put("dogs", "a", b"second", {})
        first.call("delete_object", {"Bucket": "dogs", "Key": "a"})
        do(shared, calls)
        same_after_a_kill(shared)


@pytest.mark.parametrize("key", ["k" * 1025, "ä" * 513, "a\0b"])
def test_a_key_that_no_database_holds_is_refused(inside: Inside, key: str) -> None:
    s3 = inside.client("s3")
    s3.create_bucket(Bucket="cats")
    with pytest.raises(ClientError) as error:
        s3.put_object(Bucket="cats", Key=key)
    assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    assert s3.list_objects_v2(Bucket="cats")["KeyCount"] == 0


def test_an_upload_that_the_database_refuses_can_be_completed_later_and_is_told_of_once(inside: Inside) -> None:
    s3, sqs = inside.client("s3"), inside.client("sqs")
    s3.create_bucket(Bucket="cats")
    url = sqs.create_queue(QueueName="news")["QueueUrl"]
    s3.put_bucket_notification_configuration(Bucket="cats", NotificationConfiguration=NOTIFICATION)
    sqs.purge_queue(QueueUrl=url)
    place = {"Bucket": "cats", "Key": "a"}
    upload = s3.create_multipart_upload(**place)["UploadId"]
    part = s3.upload_part(**place, UploadId=upload, PartNumber=1, Body=b"body")
    parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    with closing(sqlite3.connect(inside.url.removeprefix("sqlite:///"))) as database:
        database.execute("CREATE TRIGGER t BEFORE INSERT ON s3_objects BEGIN SELECT RAISE(ABORT, 'no'); END")
        database.commit()
        with pytest.raises(ClientError) as error:
            s3.complete_multipart_upload(**place, UploadId=upload, MultipartUpload=parts)
        assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] >= 500
        assert s3.list_objects_v2(Bucket="cats")["KeyCount"] == 0
        database.execute("DROP TRIGGER t")
        database.commit()
    assert inside.depth("news") == 0
    s3.complete_multipart_upload(**place, UploadId=upload, MultipartUpload=parts)
    same_after_a_kill(inside)
    events = [json.loads(message.body)["Records"][0]["eventName"] for message in inside.messaging.waiting("news", 10)]
    assert "ObjectCreated:CompleteMultipartUpload" in events
    assert len(set(events)) == len(events)


# SNS and SQS

QUEUES = st.sampled_from(["news", "dead", "lined.fifo"])
TOPICS = st.sampled_from(["birds", "lined.fifo"])
QUEUE_SETTINGS = st.sampled_from(
    [
        {},
        {"DelaySeconds": "0", "VisibilityTimeout": "0", "MaximumMessageSize": "2048"},
        {"ContentBasedDeduplication": "true"},
        {"Policy": json.dumps({"Version": "2012-10-17", "Statement": [{"Sid": "a", "Effect": "Allow"}]})},
        {"KmsMasterKeyId": "key", "KmsDataKeyReusePeriodSeconds": "60"},
        {"SqsManagedSseEnabled": "false"},
        {"RedrivePolicy": ""},
    ]
)
TOPIC_SETTINGS = st.sampled_from(
    [
        ("DisplayName", "Birds"),
        ("DeliveryPolicy", json.dumps({"http": {}})),
        ("Policy", json.dumps({"Version": "2008-10-17", "Statement": []})),
        ("ContentBasedDeduplication", "true"),
        ("KmsMasterKeyId", "key"),
    ]
)
SUBSCRIPTION_SETTINGS = st.sampled_from(
    [
        {},
        {"RawMessageDelivery": "true"},
        {"FilterPolicy": json.dumps({"kind": ["tit"]})},
        {"FilterPolicyScope": "MessageBody", "FilterPolicy": json.dumps({"kind": {"of": ["tit"]}})},
    ]
)
ATTRIBUTES = {
    "kind": {"DataType": "String", "StringValue": "tit"},
    "raw": {"DataType": "Binary", "BinaryValue": b"\x00\xff"},
}
TEXTS = st.sampled_from(["one", "two", "\x07", '{"kind": {"of": "tit"}}'])


class Messages:
    """Calls to SNS and SQS by the names of topics and queues."""

    def __init__(self, service: Inside) -> None:
        self.sns, self.sqs = service.client("sns"), service.client("sqs")

    @staticmethod
    def url(queue: str) -> str:
        return f"http://localhost/{ACCOUNT}/{queue}"

    @staticmethod
    def arn(service: str, name: str) -> str:
        return f"arn:aws:{service}:us-east-1:{ACCOUNT}:{name}"

    @staticmethod
    def lined(name: str, text: str) -> dict[str, str]:
        return {"MessageGroupId": "g", "MessageDeduplicationId": text.strip("\x07") or "-"} if "fifo" in name else {}

    def create_queue(self, name: str, options: dict[str, str], tags: bool) -> None:
        fifo = {"FifoQueue": "true"} if "fifo" in name else {}
        more = {"tags": {"a": "b"}} if tags else {}
        self.sqs.create_queue(QueueName=name, Attributes={**fifo, **options}, **more)

    def redrive(self, name: str, target: str, max_receives: int) -> None:
        policy = json.dumps({"deadLetterTargetArn": self.arn("sqs", target), "maxReceiveCount": max_receives})
        self.sqs.set_queue_attributes(QueueUrl=self.url(name), Attributes={"RedrivePolicy": policy})

    def set_queue(self, name: str, options: dict[str, str]) -> None:
        self.sqs.set_queue_attributes(QueueUrl=self.url(name), Attributes=options)

    def tag_queue(self, name: str, tagged: bool) -> None:
        if tagged:
            self.sqs.tag_queue(QueueUrl=self.url(name), Tags={"c": "d"})
        else:
            self.sqs.untag_queue(QueueUrl=self.url(name), TagKeys=["a", "c"])

    def permit(self, name: str, given: bool) -> None:
        if given:
            more = {"AWSAccountIds": ["1"], "Actions": ["SendMessage"]}
            self.sqs.add_permission(QueueUrl=self.url(name), Label="l", **more)
        else:
            self.sqs.remove_permission(QueueUrl=self.url(name), Label="l")

    def delete_queue(self, name: str) -> None:
        self.sqs.delete_queue(QueueUrl=self.url(name))

    def purge(self, name: str) -> None:
        self.sqs.purge_queue(QueueUrl=self.url(name))

    def send(self, name: str, text: str) -> None:
        more = {"MessageAttributes": ATTRIBUTES, **self.lined(name, text)}
        self.sqs.send_message(QueueUrl=self.url(name), MessageBody=text, **more)

    def send_batch(self, name: str, texts: list[str]) -> None:
        entries = [
            {"Id": str(number), "MessageBody": text, **self.lined(name, text)} for number, text in enumerate(texts)
        ]
        self.sqs.send_message_batch(QueueUrl=self.url(name), Entries=entries)

    def receive(self, name: str, then: str) -> None:
        """Receive messages with no time to handle them, and delete them or not."""
        url = self.url(name)
        answer = self.sqs.receive_message(QueueUrl=url, VisibilityTimeout=0, MaxNumberOfMessages=2)
        handles = [message["ReceiptHandle"] for message in answer.get("Messages", ())]
        if then == "delete":
            for handle in handles:
                self.sqs.delete_message(QueueUrl=url, ReceiptHandle=handle)
        elif then == "delete batch" and handles:
            entries = [{"Id": str(number), "ReceiptHandle": handle} for number, handle in enumerate(handles)]
            self.sqs.delete_message_batch(QueueUrl=url, Entries=entries)
        elif then == "later":
            for handle in handles:
                self.sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=handle, VisibilityTimeout=0)

    def create_topic(self, name: str, tags: bool) -> None:
        attributes = {"FifoTopic": "true"} if "fifo" in name else {}
        more = {"Tags": [{"Key": "a", "Value": "b"}]} if tags else {}
        self.sns.create_topic(Name=name, Attributes=attributes, **more)

    def set_topic(self, name: str, attribute: tuple[str, str]) -> None:
        self.sns.set_topic_attributes(
            TopicArn=self.arn("sns", name), AttributeName=attribute[0], AttributeValue=attribute[1]
        )

    def tag_topic(self, name: str, tagged: bool) -> None:
        if tagged:
            self.sns.tag_resource(ResourceArn=self.arn("sns", name), Tags=[{"Key": "c", "Value": "d"}])
        else:
            self.sns.untag_resource(ResourceArn=self.arn("sns", name), TagKeys=["a", "c"])

    def delete_topic(self, name: str) -> None:
        self.sns.delete_topic(TopicArn=self.arn("sns", name))

    def subscribe(self, topic: str, queue: str, options: dict[str, str]) -> None:
        where = {"TopicArn": self.arn("sns", topic), "Protocol": "sqs", "Endpoint": self.arn("sqs", queue)}
        self.sns.subscribe(**where, Attributes=options)

    def unsubscribe(self, number: int) -> None:
        subscriptions = self.sns.list_subscriptions()["Subscriptions"]
        arns = [*(subscription["SubscriptionArn"] for subscription in subscriptions), "none"]
        self.sns.unsubscribe(SubscriptionArn=arns[number % len(arns)])

    def publish(self, topic: str, text: str) -> None:
        self.sns.publish(
            TopicArn=self.arn("sns", topic), Message=text, MessageAttributes=ATTRIBUTES, **self.lined(topic, text)
        )

    def publish_batch(self, topic: str, texts: list[str]) -> None:
        entries = [{"Id": str(number), "Message": text, **self.lined(topic, text)} for number, text in enumerate(texts)]
        self.sns.publish_batch(TopicArn=self.arn("sns", topic), PublishBatchRequestEntries=entries)


def calling(name: str, *arguments: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.tuples(st.just(name), *arguments)


BATCHES = st.lists(TEXTS, min_size=1, max_size=3)
MESSAGE_CALLS = st.one_of(
    calling("create_queue", QUEUES, QUEUE_SETTINGS, st.booleans()),
    calling("redrive", QUEUES, QUEUES, st.integers(1, 2)),
    calling("set_queue", QUEUES, QUEUE_SETTINGS),
    calling("tag_queue", QUEUES, st.booleans()),
    calling("permit", QUEUES, st.booleans()),
    calling("delete_queue", QUEUES),
    calling("purge", QUEUES),
    *2 * [calling("send", QUEUES, TEXTS)],
    calling("send_batch", QUEUES, BATCHES),
    *4 * [calling("receive", QUEUES, st.sampled_from(["nothing", "delete", "delete batch", "later"]))],
    calling("create_topic", TOPICS, st.booleans()),
    calling("set_topic", TOPICS, TOPIC_SETTINGS),
    calling("tag_topic", TOPICS, st.booleans()),
    calling("delete_topic", TOPICS),
    calling("subscribe", TOPICS, QUEUES, SUBSCRIPTION_SETTINGS),
    calling("unsubscribe", st.integers(0, 3)),
    calling("publish", TOPICS, TEXTS),
    calling("publish_batch", TOPICS, BATCHES),
)


@settings(max_examples=12, deadline=None, report_multiple_bugs=False)
@given(calls=st.lists(MESSAGE_CALLS, min_size=12, max_size=30))
def test_sns_and_sqs_answer_as_before_after_any_calls(shared: Inside, calls: list[tuple[Any, ...]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        shared.url = f"sqlite:///{folder}/labeling.sqlite"
        shared.start()
        messages = Messages(shared)
        for name in ("news", "dead", "lined.fifo"):
            messages.create_queue(name, {}, tags=False)
        for topic, queue in (("birds", "news"), ("lined.fifo", "lined.fifo")):
            messages.create_topic(topic, tags=False)
            messages.subscribe(topic, queue, {})
            messages.publish(topic, "first")
            messages.send_batch(queue, ["second", "third"])
        messages.redrive("news", "dead", 1)
        for name, *arguments in calls:
            with suppress(ClientError):
                getattr(messages, name)(*arguments)
        same_after_a_kill(shared)
        received = contents(shared)
        shared.start()
        assert contents(shared) == received


def contents(service: Inside) -> dict[str, Any]:
    """Every message of every queue, oldest first, as its receiver gets it."""
    by_queue = {}
    for name in ("news", "dead", "lined.fifo"):
        with suppress(ClientError):
            # To be received once more must not move a message.
            Messages(service).set_queue(name, {"RedrivePolicy": ""})
            by_queue[name] = (
                service.client("sqs")
                .receive_message(
                    QueueUrl=Messages.url(name),
                    VisibilityTimeout=0,
                    MaxNumberOfMessages=10,
                    MessageAttributeNames=["All"],
                    AttributeNames=["SentTimestamp", "MessageGroupId", "MessageDeduplicationId"],
                )
                .get("Messages", [])
            )
            for message in by_queue[name]:
                del message["ReceiptHandle"]
    return by_queue

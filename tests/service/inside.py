"""The service's S3, SNS and SQS in the test's own process, so that a kill and a start take milliseconds."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from labeling_provider.service.cloud.embedded.services import EmbeddedServices
from labeling_provider.service.cloud.identity import Staff
from labeling_provider.service.database.database import Database
from labeling_provider.service.web.asgi import Application
from labeling_provider.service.web.assets import Assets
from labeling_provider.service.web.entrance import Entrance
from labeling_provider.service.web.logs import Logs
from labeling_provider.service.web.object_links import make_link_credentials
from labeling_provider.service.web.request_threads import RequestThreads

ACCOUNT, REGION = "123456789012", "us-east-1"
LINKS = make_link_credentials()
_LAST = ("x-amz-request-id", "x-amz-id-2", "date", "x-amzn-requestid")


class Inside:
    """A service without jobs. What it has in memory is forgotten at each start, as by a kill.

    :param folder: where its database is.
    :param starts: whether it starts at once.
    :ivar is_shared: whether others may use the database, too, after the next start.
    :ivar is_open: whether a workteam without members is everybody's, after the next start.
    """

    def __init__(self, folder: Path, *, starts: bool = True) -> None:
        self.url = f"sqlite:///{folder / 'labeling.sqlite'}"
        self._loop = asyncio.new_event_loop()
        self._originals = _moto_originals()
        self.store: Database | None = None
        self.is_shared = False
        self.is_open = True
        if starts:
            self.start()

    def start(self) -> None:
        """Begin (again) with nothing but the database."""
        self.stop()
        self.store = Database(self.url, shared=self.is_shared)
        self.embedded = embedded = EmbeddedServices(
            self.store, ACCOUNT, REGION, keeps_objects=True, staff=Staff(is_open=self.is_open)
        )
        self.messaging = embedded.messaging
        threads = RequestThreads()
        self.service = Application(
            Entrance(threads, None, None, link_credentials=LINKS),  # type: ignore[arg-type]
            threads,
            None,  # type: ignore[arg-type]
            None,  # type: ignore[arg-type]
            None,  # type: ignore[arg-type]
            Logs(self.store, embedded, region=REGION, account=ACCOUNT),
            None,  # type: ignore[arg-type]
            s3_endpoint=None,
            region=REGION,
            static=Assets(Path("/nowhere")),
        )
        embedded.restore()

    def stop(self) -> None:
        """Forget everything."""
        if self.store is not None:
            self.store.close()
        self.store = None
        for module, name, value in self._originals:
            setattr(module, name, value)
        _reset_moto()

    def depth(self, queue: str) -> int:
        """How many messages are in a queue, whoever has them."""
        return sum(self.messaging._record.messages.counts(f"arn:aws:sqs:{REGION}:{ACCOUNT}:{queue}").values())

    def send(
        self, method: str, url: str, headers: dict[str, str] | None = None, body: bytes = b""
    ) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body that a request is answered with."""
        parts = urlsplit(url)
        given = {"host": parts.netloc, "content-length": str(len(body))}
        given |= {name.lower(): value for name, value in (headers or {}).items() if name.lower() != "transfer-encoding"}
        scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.4"},
            "http_version": "1.1",
            "method": method,
            "raw_path": (parts.path or "/").encode(),
            "query_string": parts.query.encode(),
            "headers": [(name.encode(), value.encode("latin-1")) for name, value in given.items()],
        }
        sent: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Any) -> None:
            sent.append(message)

        self._loop.run_until_complete(self.service(scope, receive, send))
        answered = {name.decode(): value.decode("latin-1") for name, value in sent[0]["headers"]}
        return sent[0]["status"], answered, b"".join(message.get("body", b"") for message in sent[1:])

    @cache  # noqa: B019 -- a client takes long to make, and there are few
    def client(self, name: str, addressing_style: str = "auto") -> Any:
        """A boto3 client of it."""
        import boto3
        from botocore.awsrequest import AWSResponse
        from botocore.config import Config

        client = boto3.client(
            name,
            endpoint_url="http://localhost",
            region_name=REGION,
            aws_access_key_id="local",
            aws_secret_access_key="local",
            config=Config(s3={"addressing_style": addressing_style}, retries={"total_max_attempts": 1}),
        )

        def answered(request: Any, **_: Any) -> Any:
            headers = {
                key: value.decode() if isinstance(value, bytes) else value for key, value in request.headers.items()
            }
            body = request.body.read() if hasattr(request.body, "read") else request.body
            body = body.encode() if isinstance(body, str) else body
            status, sent, content = self.send(request.method, request.url, headers, body or b"")
            return AWSResponse(request.url, status, sent, _Raw(b"" if request.method == "HEAD" else content))

        client.meta.events.register("before-send", answered)
        return client


class _Raw(BytesIO):
    def stream(self, *_: Any, **__: Any) -> Iterator[bytes]:
        yield self.read()


def _moto_originals() -> list[tuple[Any, str, Any]]:
    """What the service replaces in moto."""
    from moto.s3 import notifications
    from moto.sqs import models

    names = [(notifications, "_get_s3_event"), (notifications, "send_event"), (notifications, "send_test_event")]
    return [(module, name, getattr(module, name)) for module, name in [*names, (models, "Queue")]]


def _reset_moto() -> None:
    from moto.cognitoidp.models import cognitoidp_backends
    from moto.events.models import events_backends
    from moto.iam.models import iam_backends
    from moto.s3.models import s3_backends
    from moto.sagemaker.models import sagemaker_backends
    from moto.sns.models import sns_backends
    from moto.sqs.models import sqs_backends

    of_all = (cognitoidp_backends, events_backends, iam_backends, sagemaker_backends, s3_backends, sns_backends)
    for backends in (*of_all, sqs_backends):
        backends.clear()
    s3_backends.bucket_accounts.clear()


# What clients can see


def picture(inside: Inside) -> dict[str, Any]:
    """All that clients can see of S3, SNS and SQS, without what differs from one answer to the next."""
    return json.loads(json.dumps({"s3": _buckets(inside), **_messaging(inside)}, default=str))  # type: ignore[no-any-return]


def _asked(call: Any, **arguments: Any) -> Any:
    from botocore.exceptions import ClientError

    try:
        answer = call(**arguments)
    except ClientError as error:
        return error.response["Error"]
    headers = answer.pop("ResponseMetadata")["HTTPHeaders"]
    if "Body" in answer:
        answer["Body"] = answer["Body"].read().hex()
    return {**answer, "headers": {key: value for key, value in headers.items() if key not in _LAST}}


_BUCKET_QUESTIONS = (
    "head_bucket",
    "get_bucket_accelerate_configuration",
    "get_bucket_acl",
    "get_bucket_cors",
    "get_bucket_encryption",
    "get_bucket_lifecycle_configuration",
    "get_bucket_location",
    "get_bucket_logging",
    "get_bucket_notification_configuration",
    "get_bucket_ownership_controls",
    "get_bucket_policy",
    "get_bucket_replication",
    "get_bucket_tagging",
    "get_bucket_versioning",
    "get_bucket_website",
    "get_object_lock_configuration",
    "get_public_access_block",
    "list_bucket_inventory_configurations",
    "list_object_versions",
    "list_objects_v2",
)


def _buckets(inside: Inside) -> dict[str, Any]:
    s3 = inside.client("s3")
    listed = _asked(s3.list_buckets)
    objects: dict[str, Any] = {"listed": listed}
    for bucket in (entry["Name"] for entry in listed["Buckets"]):
        answers = {name: _asked(getattr(s3, name), Bucket=bucket) for name in _BUCKET_QUESTIONS}
        versions = answers["list_object_versions"]
        asked: set[tuple[str, str | None]] = set()
        for listed_version in [*versions.get("Versions", ()), *versions.get("DeleteMarkers", ())]:
            asked |= {(listed_version["Key"], None), (listed_version["Key"], listed_version["VersionId"])}
        for key, version in sorted(asked, key=str):
            where = {"Bucket": bucket, "Key": key, **({"VersionId": version} if version else {})}
            for name in ("get_object", "get_object_tagging", "get_object_acl") if version else ("get_object",):
                answers[f"{name} {key} {version}"] = _asked(getattr(s3, name), **where)
        objects[bucket] = answers
    return objects


_WITH_RECEIVERS = ("ApproximateNumberOfMessagesNotVisible", "ApproximateNumberOfMessages")


def _messaging(inside: Inside) -> dict[str, Any]:
    sns, sqs = inside.client("sns"), inside.client("sqs")
    topics = [topic["TopicArn"] for topic in sns.list_topics()["Topics"]]
    queues = sqs.list_queues().get("QueueUrls", [])
    subscriptions = sns.list_subscriptions()["Subscriptions"]
    seen: dict[str, Any] = {"topics": sorted(topics), "queues": sorted(queues)}
    for arn in topics:
        seen[arn] = [
            _asked(sns.get_topic_attributes, TopicArn=arn),
            _asked(sns.list_tags_for_resource, ResourceArn=arn),
            sorted(
                subscription["SubscriptionArn"]
                for subscription in sns.list_subscriptions_by_topic(TopicArn=arn)["Subscriptions"]
            ),
        ]
    for subscription in subscriptions:
        arn = subscription["SubscriptionArn"]
        seen[arn] = subscription, _asked(sns.get_subscription_attributes, SubscriptionArn=arn)
    for url in queues:
        name = url.rpartition("/")[2]
        attributes = _asked(sqs.get_queue_attributes, QueueUrl=url, AttributeNames=["All"])
        for left_out in _WITH_RECEIVERS:
            attributes.get("Attributes", {}).pop(left_out, None)
        attributes.pop("headers", None)
        seen[url] = [
            attributes,
            _asked(sqs.list_queue_tags, QueueUrl=url),
            sorted(sqs.list_dead_letter_source_queues(QueueUrl=url)["queueUrls"]),
            inside.depth(name),
        ]
    return seen


def same_after_a_kill(service: Inside) -> dict[str, Any]:
    """What clients see, before and after."""
    before = picture(service)
    service.start()
    assert picture(service) == before
    return before

"""What a request asks for: its operation and what it names, for the rights and the audit trail."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qsl

from labeling_provider.service.cloud.offered import Call, Service
from labeling_provider.service.web.requests import RequestHead

SUBRESOURCES: Final = frozenset(
    {
        *("accelerate", "acl", "analytics", "cors", "encryption", "intelligent-tiering", "inventory", "lifecycle"),
        *("logging", "metrics", "notification", "object-lock", "ownershipControls", "policy", "publicAccessBlock"),
        *("replication", "requestPayment", "tagging", "versioning", "website", "delete"),
    }
)
"""What of a bucket a request can be about. It is a name in its query."""
_READS: Final = re.compile(
    r"List|Describe|Get|Search|Query|Filter|Simulate|Test|Check|Decode|Render|Generate|Batch(Get|Describe)|Start(Query|Live)"
)
_NOT_WRITTEN: Final = frozenset(
    {
        *("Publish", "PublishBatch", "SendMessage", "SendMessageBatch", "ReceiveMessage", "PutEvents", "PutLogEvents"),
        *("DeleteMessage", "DeleteMessageBatch", "ChangeMessageVisibility", "ChangeMessageVisibilityBatch"),
        *("AssumeRole", "AssumeRoleWithSAML", "AssumeRoleWithWebIdentity", "AssumeRoot"),
    }
)
"""Frequent operations that change nothing but messages; they would fill the audit trail."""
_TARGETS: Final = (
    *("LabelingJobName", "WorkteamName", "WorkforceName", "HumanTaskUiName", "ResourceArn", "TopicArn", "QueueUrl"),
    *(
        "SubscriptionArn",
        "SourceArn",
        "Name",
        "QueueName",
        "RoleName",
        "Username",
        "UserPoolId",
        "LogGroupName",
        "logGroupName",
    ),
)


@dataclass(frozen=True)
class Asked:
    """A request, as far as it matters for rights and the audit trail.

    :param operation: its name; made up for S3, which has none.
    :param fields: names and values of a request with named fields, at every depth.
    """

    service: Service
    operation: str
    request: RequestHead
    fields: tuple[tuple[str, str], ...]
    text: str

    @classmethod
    def of(cls, service: Service, request: RequestHead, call: Call) -> Asked:
        """Read a request as the service will read it. Objects are not inspected."""
        if service == Service.S3:
            is_settings = not request.bucket_and_key[1] and bool(_subresources(request))
            text = _content(call).decode("utf-8", "replace") if is_settings else ""
            return cls(service, _s3_operation(request), request, (), text)
        content = _content(call)
        if request.target:
            return cls(service, call.operation, request, tuple(_flat("", json.loads(content))), "")
        pairs = parse_qsl(content.decode(), keep_blank_values=True)
        return cls(service, call.operation, request, tuple(_with_inner(pairs)), "")

    @property
    def changes(self) -> bool:
        """Whether it changes something that belongs in the audit trail: not objects, and not messages."""
        if self.service == Service.S3:
            return self.operation != self.request.method
        return bool(self.operation) and self.operation not in _NOT_WRITTEN and not _READS.match(self.operation)

    @property
    def target(self) -> str:
        """The resource that it is about."""
        if self.service == Service.S3:
            return self.request.bucket_and_key[0]
        named = dict(reversed(self.fields))
        return next((named[name] for name in _TARGETS if name in named), "")


def _content(call: Call) -> bytes:
    content = call.body.read()
    call.body.seek(0)
    return content


def _subresources(request: RequestHead) -> set[str]:
    return {name for name, _ in request.parameters} & SUBRESOURCES


def _s3_operation(request: RequestHead) -> str:
    """A name for the operation of an S3 request about a bucket; else the method."""
    bucket, key = request.bucket_and_key
    if not bucket or key:
        return request.method
    named = sorted(_subresources(request))
    if request.method == "POST" and named == ["delete"]:
        return "DeleteObjects"
    what = "".join(part.capitalize() for name in named for part in name.split("-"))
    verb = {"PUT": "Put" if named else "Create", "DELETE": "Delete"}.get(request.method)
    return f"{verb}Bucket{what}" if verb else request.method


def _flat(name: str, value: Any) -> Iterator[tuple[str, str]]:
    """The strings in a JSON document, each with its path; on the first level, with its name."""
    if isinstance(value, dict):
        for key, member in value.items():
            yield from _flat(f"{name}.{key}" if name else str(key), member)
    elif isinstance(value, list):
        for member in value:
            yield from _flat(name, member)
    elif isinstance(value, str):
        yield from _with_inner([(name, value)])


def _with_inner(pairs: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """Fields, and the content of those that hold JSON, such as a policy."""
    for name, value in pairs:
        yield name, value
        if value.lstrip()[:1] in {"{", "["}:
            try:
                yield from _flat(f"{name}.", json.loads(value))
            except (ValueError, RecursionError):
                continue

"""What the administrator's commands are told when something is away."""

from __future__ import annotations

import asyncio
import json
from typing import Any, cast

from botocore.exceptions import EndpointConnectionError
from starlette.requests import Request

from labeling_provider.service.engine.deletion import Deletion
from labeling_provider.service.web.administration import Administration
from labeling_provider.service.work.audit_trail import AuditTrail
from labeling_provider.service.work.requesters import ADMINISTRATOR, ApiKeys


class Parts:
    """A deletion whose S3 is away, and an audit trail."""

    def __init__(self) -> None:
        self.recorded: list[Any] = []

    def delete(self, name: str, *, with_output: bool) -> int:
        raise EndpointConnectionError(endpoint_url="http://s3/a-secret")

    def record(self, *row: Any) -> None:
        self.recorded.append(row)


def test_an_output_that_can_not_be_deleted_now_is_said_to_be_there_still() -> None:
    parts, body = Parts(), json.dumps({"job": "birds", "with_output": True}).encode()

    async def receive() -> Any:
        return {"type": "http.request", "body": body, "more_body": False}

    request = Request({"type": "http", "headers": [], "client": None, "requester": ADMINISTRATOR}, receive)
    pages = Administration(cast(ApiKeys, None), cast(AuditTrail, parts), cast(Deletion, parts))
    answer = asyncio.run(pages.delete(request))
    assert answer.status_code == 503
    message = json.loads(bytes(answer.body))["message"]
    assert "the job is still there. Try again." in message
    assert "secret" not in message
    assert [row[-3:] for row in parts.recorded] == [("jobs delete", "birds with its output", "refused")]

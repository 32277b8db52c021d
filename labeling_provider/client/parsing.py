"""Adjusts how boto3 clients parse responses: refuses truncated bodies, and parses times fast."""

from __future__ import annotations

from datetime import datetime
from typing import Any


def parse_time(value: Any) -> datetime:
    """Parse a time in a response. botocore's own parser takes four fifths of the time of parsing an S3 listing."""
    from botocore.utils import parse_timestamp

    if isinstance(value, str) and value.endswith("Z"):
        try:
            return datetime.fromisoformat(value)
        except ValueError:
            pass
    parsed: datetime = parse_timestamp(value)
    return parsed


def refuse_half_answers(client: Any) -> None:
    """Make a client raise IncompleteReadError for a truncated body, which botocore parses as a body without fields."""
    client.meta.events.register("after-call", _check_length)


def _check_length(http_response: Any, model: Any, **_: Any) -> None:
    from botocore.exceptions import IncompleteReadError

    length = http_response.headers.get("Content-Length")
    if length is None or model.has_streaming_output or model.http.get("method") == "HEAD":
        return
    if len(http_response.content) < int(length):
        raise IncompleteReadError(actual_bytes=len(http_response.content), expected_bytes=int(length))

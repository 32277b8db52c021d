"""Adjusts how boto3 clients parse responses: refuses truncated and foreign ones, parses times fast, quotes little."""

from __future__ import annotations

import re
from datetime import datetime
from http import HTTPStatus
from typing import Any, Final

MAX_MESSAGE: Final = 2_000
"""Longest text of an error, in characters; Amazon's own lists of violations are shorter."""
_PAGE: Final = re.compile(r"<!doctype html|<html", re.IGNORECASE)
_WITH_ETAG: Final = frozenset({"GetObject", "HeadObject"})


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


def refuse_foreign_answers(client: Any) -> None:
    """Make a client raise ClientError for what no AWS service answers, such as a web page.

    botocore parses a page as an answer without fields, so a wrong endpoint would look like a service without jobs.
    """

    def check(operation_model: Any, response_dict: Any, **_: Any) -> None:
        from botocore.exceptions import ClientError

        if not _is_foreign(operation_model, response_dict):
            return
        status = response_dict["status_code"]
        kind = str(response_dict["headers"].get("Content-Type", "no content type"))[:80]
        message = (
            f"{client.meta.endpoint_url} answers with status {status} and {kind}, as "
            f"{operation_model.service_model.service_id} never does; correct endpoint_url in the extra of the Airflow "
            "connection"
        )
        error: Any = {
            "Error": {"Code": str(status), "Message": message},
            "ResponseMetadata": {"HTTPStatusCode": status},
        }
        raise ClientError(error, operation_model.name)

    client.meta.events.register("before-parse", check)


def _is_foreign(model: Any, answer: Any) -> bool:
    """Whether an answer comes from another program. A server error may be from a proxy, while the service starts."""
    status, headers = answer["status_code"], answer["headers"]
    if status >= 500 and status != HTTPStatus.NOT_IMPLEMENTED:
        return False
    if model.name in _WITH_ETAG and status < 300:
        return "ETag" not in headers
    if model.http.get("method") == "HEAD":
        return False
    if status >= 400 and model.service_model.service_name == "sagemaker":
        return b"__type" not in answer["body"] and "x-amzn-ErrorType" not in headers
    # The header alone proves nothing: moto says HTML for an empty body, and for XML.
    body = answer["body"]
    return isinstance(body, bytes) and body[:200].lstrip().lower().startswith((b"<!doctype html", b"<html"))


def quote_little(error: Exception) -> None:
    """Cut the text of a botocore error to one line of readable length.

    botocore quotes the whole body of an answer that it can't parse, such as a proxy's page.
    """
    from botocore.exceptions import BotoCoreError, ClientError
    from botocore.parsers import ResponseParserError

    if not isinstance(error, BotoCoreError | ClientError | ResponseParserError):
        return
    text = str(error)
    if isinstance(error, ResponseParserError):
        # The body follows in lines of its own.
        text = text.partition("\n")[0].rstrip(":")
    elif page := _PAGE.search(text):
        text = f"{text[: page.start()]}a web page of {len(text) - page.start():,} characters"
    short = " ".join(text[: 2 * MAX_MESSAGE].split())
    error.args = (short if len(short) <= MAX_MESSAGE else f"{short[:MAX_MESSAGE]} …",)

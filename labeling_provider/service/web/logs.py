"""The operations of CloudWatch Logs that read, on the logs of labeling jobs and of the trainings of their models.

Source: API reference of each operation; what Amazon's notebooks read.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable, Sequence
from http import HTTPStatus
from io import BytesIO
from itertools import takewhile
from typing import Any, Final

from labeling_provider.groundtruth import model
from labeling_provider.groundtruth.facts import arn_of
from labeling_provider.service.cloud import log_streams
from labeling_provider.service.cloud.offered import Call, Service, ServiceResponse, Services
from labeling_provider.service.database.database import Connection, Database
from labeling_provider.service.database.log_rows import StreamLine, StreamQuery
from labeling_provider.service.failures import ApiError, constraint_error
from labeling_provider.service.web.responses import JSON

MAX_EVENTS: Final = 10_000
MAX_RESPONSE_BYTES: Final = 1 << 20
_EVENT_BYTES: Final = 26
_MAX_STREAMS: Final = 50
_TERM: Final = re.compile(r'([-?]?)(?:"([^"]*)"|([^\s"]+))')


class Logs:
    """CloudWatch Logs, in front of the other supporting services.

    :param others: answer requests to other services.
    :param region: the only region of the logs.
    :param account: the account that owns them.
    """

    def __init__(self, database: Database, others: Services, *, region: str, account: str) -> None:
        self._database, self._others = database, others
        self._prefix = arn_of("logs", "log-group:", region, account)
        self._operations: dict[str, Callable[[Connection, dict[str, Any]], dict[str, Any]]] = {
            "DescribeLogGroups": self._groups,
            "DescribeLogStreams": self._streams,
            "GetLogEvents": self._events,
            "FilterLogEvents": self._filtered,
        }

    def serve(self, service: Service, call: Call) -> ServiceResponse:
        """Answer a request.

        :raises ApiError: if the operation is not offered or the request is invalid.
        """
        if service != Service.LOGS:
            return self._others.serve(service, call)
        if call.operation not in self._operations:
            offered = ", ".join(self._operations)
            raise ApiError("UnknownOperationException", f"Logs are read-only here. The operations are {offered}.")
        request = {key: value for key, value in json.load(call.body).items() if value is not None}
        broken = model.violations(call.operation, request, Service.LOGS)
        if broken:
            raise _invalid(constraint_error(broken).message)
        with self._database.read() as connection:
            body = json.dumps(self._operations[call.operation](connection, request)).encode()
        headers = [("content-type", JSON), ("x-amzn-requestid", str(uuid.uuid4()))]
        return ServiceResponse(HTTPStatus.OK, headers, BytesIO(body), len(body))

    def _groups(self, connection: Connection, request: dict[str, Any]) -> dict[str, Any]:
        prefix, part = request.get("logGroupNamePrefix", ""), request.get("logGroupNamePattern", "").lower()
        groups = [
            {
                "logGroupName": name,
                "creationTime": _millis(at),
                "metricFilterCount": 0,
                "arn": f"{self._prefix}{name}:*",
                "logGroupArn": f"{self._prefix}{name}",
                "logGroupClass": "STANDARD",
                "storedBytes": 0,
            }
            for name, at in log_streams.groups(connection).items()
            if name.startswith(prefix) and part in name.lower()
        ]
        start = _number(request.get("nextToken"))
        return _with_token("logGroups", groups[start:], start, request.get("limit", _MAX_STREAMS))

    def _streams(self, connection: Connection, request: dict[str, Any]) -> dict[str, Any]:
        limit, start = request.get("limit", _MAX_STREAMS), _number(request.get("nextToken"))
        prefix, by_time = request.get("logStreamNamePrefix", ""), request.get("orderBy") == "LastEventTime"
        if prefix and by_time:
            raise _invalid("Cannot order by LastEventTime with a logStreamNamePrefix.")
        descending = request.get("descending", False)
        wanted = StreamQuery(prefix, None, None, by_time, descending, offset=start, limit=limit + 1)
        group = self._group(connection, request)
        streams = [
            {
                "logStreamName": stream.name,
                "creationTime": _millis(stream.created),
                "firstEventTimestamp": _millis(stream.first),
                "lastEventTimestamp": _millis(stream.last),
                "lastIngestionTime": _millis(stream.last),
                "arn": f"{self._prefix}{group}:log-stream:{stream.name}",
                "storedBytes": stream.size,
            }
            for stream in log_streams.streams(connection, group, wanted)
        ]
        return _with_token("logStreams", streams, start, limit)

    def _events(self, connection: Connection, request: dict[str, Any]) -> dict[str, Any]:
        name = request["logStreamName"]
        streams = log_streams.streams(connection, self._group(connection, request), StreamQuery(names=[name]))
        stream = next((candidate for candidate in streams if candidate.name == name), None)
        if stream is None:
            raise _missing("log stream")
        lines = [line for line in stream.lines() if _is_within(line, request)]
        direction, place = _position(request.get("nextToken"))
        forward = direction == "f" or (not direction and request.get("startFromHead", False))
        if direction:
            lines = [line for line in lines if (line.id > place if forward else line.id < place)]
        limit = request.get("limit", MAX_EVENTS)
        page = _fitting(lines, limit) if forward else _fitting(lines[::-1], limit)[::-1]
        first, last = (page[0].id, page[-1].id) if page else (place, place)
        return {
            "events": [
                {"timestamp": _millis(line.at), "message": line.message, "ingestionTime": _millis(line.at)}
                for line in page
            ],
            "nextForwardToken": f"f/{last:056d}",
            "nextBackwardToken": f"b/{first:056d}",
        }

    def _filtered(self, connection: Connection, request: dict[str, Any]) -> dict[str, Any]:
        """Lines of many streams, one stream after the other. A page may be empty, and others follow, as on Amazon."""
        matches, limit = _pattern(request.get("filterPattern", "")), request.get("limit", MAX_EVENTS)
        start, after = _place(request.get("nextToken"))
        since = request.get("startTime")
        wanted = StreamQuery(
            request.get("logStreamNamePrefix", ""),
            request.get("logStreamNames"),
            None if since is None else since / 1000,
            offset=start,
            limit=_MAX_STREAMS + 1,
        )
        streams = log_streams.streams(connection, self._group(connection, request), wanted)
        events: list[dict[str, Any]] = []
        token, size = None, 0
        for number, stream in enumerate(streams):
            if number == _MAX_STREAMS:
                token = f"{start + number}/0"
                break
            for line in stream.lines():
                if line.id <= after or not _is_within(line, request) or not matches(line.message):
                    continue
                size += len(line.message.encode()) + _EVENT_BYTES
                if len(events) == limit or size > MAX_RESPONSE_BYTES:
                    break
                events.append(_event(stream.name, line))
                after = line.id
            else:
                after = 0
                continue
            token = f"{start + number}/{after}"
            break
        events.sort(key=lambda event: event["timestamp"])
        return {"events": events, "searchedLogStreams": [], **({"nextToken": token} if token else {})}

    def _group(self, connection: Connection, request: dict[str, Any]) -> str:
        """The name of the group that a request is about.

        :raises ApiError: if there is none.
        """
        named = [request[key] for key in ("logGroupName", "logGroupIdentifier") if key in request]
        if len(named) != 1:
            raise _invalid("Name one log group, by logGroupName or logGroupIdentifier.")
        name = named[0].removeprefix(self._prefix)
        if name not in log_streams.groups(connection):
            raise _missing("log group")
        return str(name)


def _event(stream: str, line: StreamLine) -> dict[str, Any]:
    at = _millis(line.at)
    return {
        "logStreamName": stream,
        "timestamp": at,
        "message": line.message,
        "ingestionTime": at,
        "eventId": f"{at:020d}{line.id:036d}",
    }


def _fitting(lines: Sequence[StreamLine], limit: int) -> list[StreamLine]:
    """As many lines as fit into a response, but at least one."""
    sizes, total = [], 0
    for line in lines[:limit]:
        total += len(line.message.encode()) + _EVENT_BYTES
        sizes.append(total)
    count = sum(1 for _ in takewhile(lambda size: size <= MAX_RESPONSE_BYTES, sizes))
    return list(lines[: max(count, 1)])


def _pattern(text: str) -> Callable[[str], bool]:
    """What a filter pattern asks of a line: every term, one of those after ``?``, and none of those after ``-``.

    :raises ApiError: for patterns of JSON, of columns and regular expressions.
    """
    text = text.strip()
    terms = [(sign, quoted or bare) for sign, quoted, bare in _TERM.findall(text)]
    if text.startswith(("{", "[", "%")) or (text and not terms):
        raise _invalid("Only filter patterns made of terms are supported here.")
    kinds = {sign: [term for prefix, term in terms if prefix == sign] for sign in ("", "?", "-")}

    def matches(message: str) -> bool:
        return (
            all(term in message for term in kinds[""])
            and (not kinds["?"] or any(term in message for term in kinds["?"]))
            and not any(term in message for term in kinds["-"])
        )

    return matches


def _is_within(line: StreamLine, request: dict[str, Any]) -> bool:
    """Whether a line was written in the time span of a request, which excludes its end."""
    at = _millis(line.at)
    return bool(at >= request.get("startTime", at) and at < request.get("endTime", at + 1))


def _with_token(what: str, items: list[dict[str, Any]], start: int, limit: int) -> dict[str, Any]:
    token = {"nextToken": str(start + limit)} if len(items) > limit else {}
    return {what: items[:limit], **token}


def _number(token: str | None) -> int:
    if token is None:
        return 0
    if not _is_number(token) or len(token) > 9:
        raise _invalid("The specified nextToken is invalid.")
    return int(token)


def _place(token: str | None) -> tuple[int, int]:
    """The stream in which a page begins, and the line after which it begins."""
    stream, _, line = (token or "0/0").partition("/")
    return _number(stream), _id(line)


def _position(token: str | None) -> tuple[str, int]:
    """The direction of a token, ``f`` or ``b``, and the line that it starts from; nothing for no token."""
    if token is None:
        return "", 0
    direction, _, place = token.partition("/")
    if direction not in {"f", "b"}:
        raise _invalid("The specified nextToken is invalid.")
    return direction, _id(place)


def _id(text: str) -> int:
    if not _is_number(text) or len(text) > 56:
        raise _invalid("The specified nextToken is invalid.")
    return int(text)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal()


def _millis(at: float) -> int:
    return int(at * 1000)


def _missing(what: str) -> ApiError:
    return ApiError("ResourceNotFoundException", f"The specified {what} does not exist.")


def _invalid(message: str) -> ApiError:
    return ApiError("InvalidParameterException", message)

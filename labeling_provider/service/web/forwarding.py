"""Passes a request on to the one of several services that has what it is about: topics, queues, event rules."""

from __future__ import annotations

import http.client
import logging
from http import HTTPStatus
from tempfile import SpooledTemporaryFile
from typing import Final
from urllib.parse import urlsplit

from labeling_provider.service.cloud.offered import ServiceResponse
from labeling_provider.service.errors import ApiError
from labeling_provider.service.web.bodies import Body
from labeling_provider.service.web.requests import RequestHead

log = logging.getLogger(__name__)

FORWARDED: Final = "x-labeling-forwarded"
"""The header of a request that was passed on: who gets it and does not have what it is about passes it to nobody."""
MAX_ANSWER_BYTES: Final = 16 << 20
# Longer than anybody may wait for messages.
_SECONDS: Final = 40
_OF_ONE_CONNECTION: Final = frozenset(
    {"connection", "content-length", "expect", "keep-alive", "proxy-connection", "te", "transfer-encoding", "upgrade"}
)


def forward(address: str | None, request: RequestHead, body: Body) -> ServiceResponse:
    """Ask another service, with the same head: its signature is still right.

    :param address: the other's, such as ``http://10.0.0.7:8000``; None if nobody knows it.
    :raises ApiError: ServiceUnavailable if there is no answer; clients of AWS try again then.
    """
    if address is None or FORWARDED in request.headers:
        raise _unavailable("who has them is not known at the moment")
    parts = urlsplit(address)
    headers = {name: value for name, value in request.headers.items() if name not in _OF_ONE_CONNECTION}
    body.file.seek(0)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=_SECONDS)
    try:
        connection.putrequest(request.method, _target(request), skip_host=True, skip_accept_encoding=True)
        for name, value in {**headers, FORWARDED: "1", "content-length": str(body.length)}.items():
            connection.putheader(name, value)
        connection.endheaders(body.file, encode_chunked=False)
        return _taken(connection.getresponse())
    except (OSError, http.client.HTTPException) as error:
        log.warning("%s, which has topics and queues, does not answer: %r", address, error)
        raise _unavailable("the service that has them does not answer") from None
    finally:
        connection.close()


def _target(request: RequestHead) -> str:
    return f"{request.path}?{request.query}" if request.query else request.path


def _taken(answer: http.client.HTTPResponse) -> ServiceResponse:
    """An answer, read to its end.

    :raises ApiError: if it is too large.
    """
    content = SpooledTemporaryFile(max_size=1 << 20)  # noqa: SIM115 - the sender closes it
    while piece := answer.read(1 << 16):
        content.write(piece)
        if content.tell() > MAX_ANSWER_BYTES:
            content.close()
            raise _unavailable("the answer of the service that has them is too large")
    length = content.tell()
    content.seek(0)
    headers = [(name, value) for name, value in answer.getheaders() if name.lower() not in _OF_ONE_CONNECTION]
    return ServiceResponse(answer.status, headers, content, length)


def _unavailable(why: str) -> ApiError:
    message = f"Topics, queues and event rules are in another of the services that share the database, and {why}."
    return ApiError("ServiceUnavailable", message, HTTPStatus.SERVICE_UNAVAILABLE)

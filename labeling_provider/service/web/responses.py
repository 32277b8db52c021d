"""Responses and errors in the protocols that callers use: JSON 1.1, XML and streamed objects."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import Final
from xml.sax.saxutils import escape

from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse

from labeling_provider.service.cloud.offered import ServiceResponse
from labeling_provider.service.failures import ApiError
from labeling_provider.service.web.requests import PORTAL_PATH, RequestHead

JSON: Final = "application/x-amz-json-1.1"
DATABASE_AWAY: Final = "The service's database does not respond. Try again."
_PIECE: Final = 1 << 18


def streamed(request: RequestHead, answer: ServiceResponse) -> StreamingResponse:
    """Stream a supporting service's response, in pieces small enough for slow readers."""

    async def pieces() -> AsyncIterator[bytes]:
        with answer.body as file:
            while piece := file.read(_PIECE):
                yield piece

    response = StreamingResponse(pieces(), answer.status)
    given = {name.lower() for name, _ in answer.headers}
    response.raw_headers = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in answer.headers]
    if "content-length" not in given and request.method != "HEAD" and answer.status not in {204, 304}:
        response.headers["content-length"] = str(answer.length)
    # An object is somebody's file: shown as a page, it must not act on behalf of this service.
    response.headers["content-security-policy"] = "sandbox"
    response.headers["x-content-type-options"] = "nosniff"
    return response


def _portal_refusal(request: RequestHead, error: ApiError) -> Response:
    """An error for the page of a task, or for a person."""
    headers = {"cache-control": "no-store", "x-content-type-options": "nosniff"}
    if request.path.startswith(f"{PORTAL_PATH}/api/"):
        reason = "too_large" if error.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE else "invalid"
        return JSONResponse({"refused": reason, "message": error.message}, int(error.status), headers)
    return PlainTextResponse(f"{int(error.status)} {error.message}", int(error.status), headers)


def amazon_response(status: int, body: bytes, content_type: str) -> Response:
    """A response in the form of Amazon's; one of status 401 lets a browser ask for a key."""
    headers = {"content-type": content_type}
    if status == HTTPStatus.UNAUTHORIZED:
        headers["www-authenticate"] = 'Basic realm="labeling"'
    return Response(body, int(status), headers)


def refusal(request: RequestHead | None, error: ApiError) -> Response:
    """An error in the caller's protocol: JSON for operations with a target, words for the portal, XML for the rest."""
    if request and "x-amz-target" in request.headers:
        body = json.dumps({"__type": error.code, "message": error.message, "Message": error.message})
        return amazon_response(error.status, body.encode(), JSON)
    if request and request.is_portal:
        return _portal_refusal(request, error)
    code, message = escape(error.code), escape(error.message)
    inner = f"<Code>{code}</Code><Message>{message}</Message>"
    in_query_protocol = request is not None and (
        request.is_form or any(name == "Action" for name, _ in request.parameters)
    )
    if in_query_protocol:
        text = f"<ErrorResponse><Error>{inner}</Error></ErrorResponse>"
    else:
        text = f"<?xml version='1.0'?><Error>{inner}</Error>"
    return amazon_response(error.status, text.encode(errors="replace"), "application/xml")

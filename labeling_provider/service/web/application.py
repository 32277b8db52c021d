"""One endpoint: labeling operations are ours, job pages for a browser too, the services around them are their own."""

from __future__ import annotations

import base64
import hmac
import json
import logging
import uuid
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from functools import cached_property
from http import HTTPStatus
from typing import Final, TypeVar
from urllib.parse import parse_qsl, unquote
from xml.sax.saxutils import escape

from anyio import CapacityLimiter, to_thread
from starlette.responses import Response, StreamingResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from labeling_provider.service.cloud.offered import Answer, Call, Service, Services
from labeling_provider.service.database.opening import DatabaseError
from labeling_provider.service.errors import ApiError
from labeling_provider.service.web.bodies import Body, ClientGone, check_sums, decode_chunks, max_encoded, read_body
from labeling_provider.service.web.operations import Operations
from labeling_provider.service.web.origins import check_page, is_local_name
from labeling_provider.service.web.requests import PAGES_PATH, RequestHead, service_of_form
from labeling_provider.service.web.signatures import (
    STREAMING,
    UNSIGNED_PAYLOAD,
    ChunkSignatures,
    Credentials,
    Signature,
)

log = logging.getLogger(__name__)

WELL_KNOWN: Final = Credentials("local", "local")
"""The keys on loopback, where others are taken, too, but can't be checked."""
MAX_OBJECT_BYTES: Final = 1_000_000_000
"""The largest object: SQLite holds no larger value."""

MAX_PAGE_BODY_BYTES: Final = 1 << 20

# What would be in another region would be lost at the next start.
_OF_ONE_REGION: Final = frozenset({Service.SAGEMAKER, Service.SNS, Service.SQS, Service.EVENTS})
_MAX_REQUEST_BYTES: Final = {Service.SAGEMAKER: 1 << 20}
_MAX_OTHER_BYTES: Final = 4 << 20
_MAX_FORM_FIELDS: Final = 5_000
_SETTINGS_OF_OBJECTS: Final = frozenset({"acl", "tagging", "retention", "legal-hold"})
_POSTED_TO_OBJECTS: Final = frozenset({"uploads", "uploadId", "restore", "select"})
_PIECE: Final = 1 << 18
_T = TypeVar("_T")
_JSON: Final = "application/x-amz-json-1.1"
_AT_ONCE: Final = 24
# Receivers of messages hold a thread each while they wait.
_WAITING_AT_ONCE: Final = 400


class Application:
    """The ASGI application.

    :param operations: the labeling operations.
    :param pages: answers for the pages for a browser; its paths begin after ``/_labeling``.
    :param services: those around labeling.
    :param s3_endpoint: where S3 is, if it is elsewhere.
    :param region: the one region that labeling operations are served for.
    :param credentials: if set, every request must be signed with them.
    """

    def __init__(
        self,
        operations: Operations,
        pages: ASGIApp,
        services: Services,
        *,
        s3_endpoint: str | None,
        region: str,
        credentials: Credentials | None,
    ) -> None:
        self._operations, self._pages, self._services = operations, pages, services
        self._s3_endpoint, self._region = s3_endpoint, region
        self._demanding, self._credentials = credentials is not None, credentials or WELL_KNOWN

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, whatever it is."""
        request: RequestHead | None = None
        response: ASGIApp
        try:
            request = RequestHead.of(scope)
            response = await self._answer(request, receive)
        except ClientGone:
            return
        except ApiError as error:
            response = _refusal(request, error)
        except DatabaseError as error:
            log.error("%s %s: %s", scope["method"], scope["raw_path"][:200], error)
            message = "The service's database can't store this now. Try again."
            response = _refusal(request, ApiError("ServiceUnavailable", message, HTTPStatus.SERVICE_UNAVAILABLE))
        except Exception:
            log.exception("%s %s failed", scope["method"], scope["raw_path"][:200])
            response = _refusal(request, ApiError("InternalFailure", "See the log of the local service.", 500))
        is_expecting = any(name == b"expect" for name, _ in scope["headers"])
        if is_expecting and isinstance(response, Response) and response.status_code >= HTTPStatus.BAD_REQUEST:
            # A client that has not been told to go on sends no body; what it sends next must not be taken for one.
            response.headers["connection"] = "close"
        await response(scope, receive, send)

    @cached_property
    def _working(self) -> CapacityLimiter:
        return CapacityLimiter(_AT_ONCE)

    @cached_property
    def _waiting(self) -> CapacityLimiter:
        return CapacityLimiter(_WAITING_AT_ONCE)

    async def _run(self, function: Callable[[], _T], limiter: CapacityLimiter | None = None) -> _T:
        return await to_thread.run_sync(function, abandon_on_cancel=True, limiter=limiter or self._working)

    async def _answer(self, request: RequestHead, receive: Receive) -> ASGIApp:
        signature = self._admit(request)
        if request.is_page:
            return self._page(request, await read_body(request, receive, MAX_PAGE_BODY_BYTES))
        named = _named_service(request, signature)
        if named == Service.S3 and self._s3_endpoint is not None:
            raise ApiError("InvalidRequest", f"S3 is at {self._s3_endpoint}: give that endpoint to S3 clients.")
        body = await self._body(request, named, signature, receive)
        service, operation = _service_and_operation(named, request, body)
        if service != Service.S3:
            # Where everybody knows the keys, a link could be signed by anybody.
            _check_plain(request, signature if self._demanding else None)
        if signature and service in _OF_ONE_REGION and signature.region != self._region:
            raise ApiError(
                "InvalidSignatureException",
                f"Credential should be scoped to a valid region: this service runs {self._region}, "
                f"not {signature.region!r}.",
                HTTPStatus.FORBIDDEN,
            )
        if service == Service.SAGEMAKER:
            answer = await self._run(lambda: self._operations.answer(operation, body.bytes()))
            return _amazon_response(HTTPStatus.OK, answer, _JSON)
        call = _call(service, operation, request, signature, body)
        limiter = self._waiting if operation == "ReceiveMessage" else None
        return _response(request, await self._run(lambda: self._services.serve(service, call), limiter))

    def _page(self, request: RequestHead, body: Body) -> ASGIApp:
        """The pages' answer to one request, whose body has been read."""
        path = "/".join(part for part in unquote(request.path).removeprefix(PAGES_PATH).split("/") if part)
        unread: list[Message] = [{"type": "http.request", "body": body.bytes(), "more_body": False}]

        async def answer(scope: Scope, receive: Receive, send: Send) -> None:
            async def read() -> Message:
                return unread.pop() if unread else await receive()

            await self._pages({**scope, "path": f"/{path}", "root_path": ""}, read, send)

        return answer

    def _admit(self, request: RequestHead) -> Signature | None:
        """Keep out what must not come in; the signature, unless that is of keys that can't be checked.

        :raises ApiError: if the request is refused.
        """
        if not self._demanding and not is_local_name(request.host_name):
            message = f"This service does not answer for the host {request.host!r}."
            raise ApiError("AccessDenied", message, HTTPStatus.FORBIDDEN)
        if request.method == "OPTIONS" and request.reads_an_object and not request.is_page:
            # A browser asks so before it reads; it can't sign that.
            return None
        signature = Signature.of(request)
        if self._demanding and request.is_page:
            _check_basic(request.headers.get("authorization", ""), self._credentials)
        elif signature is None and self._demanding:
            message = "This service takes only requests signed with its credentials."
            raise ApiError("MissingAuthenticationToken", message, HTTPStatus.FORBIDDEN)
        right = signature is not None and self._is_right(request, signature)
        of_s3 = signature is not None and signature.is_presigned and signature.service == Service.S3
        presigned = right and of_s3
        check_page(request, presigned=presigned, secret=self._demanding)
        return signature

    def _is_right(self, request: RequestHead, signature: Signature) -> bool:
        """Check a signature as far as the head of the request allows; False if nobody here knows its keys.

        :raises ApiError: if it is wrong.
        """
        ours = self._credentials.access_key_id
        if not hmac.compare_digest(signature.access_key_id.encode(), ours.encode()):
            if not self._demanding and not signature.is_presigned:
                return False
            message = "The access key is not that of this service" + ("." if self._demanding else f" ({ours!r}).")
            raise ApiError("InvalidClientTokenId", message, HTTPStatus.FORBIDDEN)
        signature.check_cover(request, datetime.now(UTC))
        if signature.payload is not None:
            signature.check(request, self._credentials, None)
        return True

    async def _body(
        self, request: RequestHead, named: Service | None, signature: Signature | None, receive: Receive
    ) -> Body:
        """Read the body and hold it against what was signed.

        :param named: the service, as far as the head tells.
        :raises ApiError: if it is not that, or too large.
        """
        claimed = request.headers.get("x-amz-content-sha256", "")
        chunked = claimed.startswith("STREAMING-")
        if chunked and (named != Service.S3 or claimed not in STREAMING):
            raise ApiError("InvalidRequest", f"A body is not signed as {claimed[:60]!r} here.")
        limit = _limit(named, request)
        body = await read_body(request, receive, max_encoded(limit) if chunked else limit)
        checked = signature is not None and signature.access_key_id == self._credentials.access_key_id
        if chunked:
            signed = signature and checked and not claimed.startswith("STREAMING-UNSIGNED")
            signatures = ChunkSignatures(signature, self._credentials) if signature and signed else None
            received = body
            body = await self._run(lambda: decode_chunks(received, request.headers, limit, signatures))
        elif signature and signature.payload is None:
            if checked:
                signature.check(request, self._credentials, body.sha256)
        elif signature and signature.payload not in {UNSIGNED_PAYLOAD, body.sha256}:
            raise ApiError("XAmzContentSHA256Mismatch", "The body is not the one that was signed.")
        if named == Service.S3 and _is_upload(request):
            await self._run(lambda: check_sums(request, body))
        return body


def _named_service(request: RequestHead, signature: Signature | None) -> Service | None:
    """The service that a request is for; None if only its body tells.

    :raises ApiError: if it names two, or one that is not offered.
    """
    target = request.target
    if request.method == "OPTIONS":
        if target or not request.reads_an_object:
            raise ApiError("MethodNotAllowed", "Only objects of S3 are asked so.", HTTPStatus.METHOD_NOT_ALLOWED)
        return Service.S3
    if target and request.method != "POST":
        raise ApiError("MethodNotAllowed", "Operations are called by POST.", HTTPStatus.METHOD_NOT_ALLOWED)
    if signature:
        if signature.service not in set(Service):
            message = f"This endpoint offers {', '.join(Service)}, not {signature.service!r}."
            raise ApiError("InvalidSignatureException", message, HTTPStatus.FORBIDDEN)
        if target and target[0] != signature.service:
            raise _wrong_scope(target[0])
        return Service(signature.service)
    if target:
        return target[0]
    if request.is_form and not request.bucket_and_key[1]:
        return None
    return service_of_form(request.parameters)[0] or Service.S3


def _service_and_operation(named: Service | None, request: RequestHead, body: Body) -> tuple[Service, str]:
    """The service that a request is for, and the operation; empty for S3, whose addresses say what to do.

    :param named: the service, as far as the head tells.
    """
    in_query = any(name in {"Action", "Version"} for name, _ in request.parameters)
    if sum((bool(request.target), request.is_form, in_query)) > 1:
        raise ApiError("InvalidRequest", "The operation is named in one place: the header, the query or the form.")
    if request.target:
        return request.target
    if named == Service.S3:
        bucket, key = request.bucket_and_key
        of_nothing = not bucket and request.method not in {"GET", "HEAD", "OPTIONS"}
        names = {name for name, _ in request.parameters}
        if of_nothing or (key and request.method == "POST" and not names & _POSTED_TO_OBJECTS):
            raise ApiError("MethodNotAllowed", "This is no operation of S3.", HTTPStatus.METHOD_NOT_ALLOWED)
        return named, ""
    service, operation = service_of_form(_fields(body) if request.is_form else request.parameters)
    if service is None or not operation:
        raise ApiError("InvalidAction", "The request names no Action and Version that are known here.")
    if named and named != service:
        raise _wrong_scope(service)
    return service, operation


def _check_plain(request: RequestHead, signature: Signature | None) -> None:
    """Refuse what could be understood in two ways: a form in parts, a packed body, a link that does things.

    :raises ApiError: if it is refused.
    """
    if request.method != "POST" and (signature is None or request.method != "GET"):
        raise ApiError("MethodNotAllowed", "Operations are called by POST.", HTTPStatus.METHOD_NOT_ALLOWED)
    packed = request.headers.get("content-encoding", "identity") != "identity"
    if packed or request.content_type.startswith("multipart/"):
        raise ApiError("InvalidRequest", "The body is taken neither packed nor in parts.")


def _wrong_scope(service: Service) -> ApiError:
    message = f"Credential should be scoped to correct service: {str(service)!r}."
    return ApiError("InvalidSignatureException", message, HTTPStatus.FORBIDDEN)


def _is_upload(request: RequestHead) -> bool:
    """Whether the body of a request to S3 is an object, or a part of one."""
    names = {name for name, _ in request.parameters}
    return request.method == "PUT" and bool(request.bucket_and_key[1]) and not names & _SETTINGS_OF_OBJECTS


def _limit(service: Service | None, request: RequestHead) -> int:
    """How many bytes the body may have."""
    if request.method == "OPTIONS":
        return 0
    if service == Service.S3:
        posts = request.method == "POST" and request.content_type == "multipart/form-data"
        return MAX_OBJECT_BYTES if posts or _is_upload(request) else _MAX_OTHER_BYTES
    return _MAX_REQUEST_BYTES.get(service, _MAX_OTHER_BYTES) if service else _MAX_OTHER_BYTES


def _fields(body: Body) -> list[tuple[str, str]]:
    """The fields of a form."""
    content = body.bytes()
    body.file.seek(0)
    try:
        return parse_qsl(content.decode(), keep_blank_values=True, max_num_fields=_MAX_FORM_FIELDS)
    except ValueError:
        raise ApiError("MalformedQueryString", "The body is no form that can be read.") from None


def _call(service: Service, operation: str, request: RequestHead, signature: Signature | None, body: Body) -> Call:
    """The request as a service around labeling gets it: one spelling for each thing."""
    path = request.s3_path if service == Service.S3 else request.path
    scope = signature.scope if signature else None
    return Call(
        operation, request.method, path, request.query, request.headers, request.host, scope, body.file, body.length
    )


def _check_basic(authorization: str, credentials: Credentials) -> None:
    """Let a browser in with the access key as user name and the secret key as password."""
    wanted = base64.b64encode(f"{credentials.access_key_id}:{credentials.secret_access_key}".encode())
    if not hmac.compare_digest(authorization.encode(), b"Basic " + wanted):
        raise ApiError("Unauthorized", "Sign in with the service's access key and secret key.", HTTPStatus.UNAUTHORIZED)


def _response(request: RequestHead, answer: Answer) -> StreamingResponse:
    """The answer of a service around labeling, in pieces that a slow reader can take."""

    async def pieces() -> AsyncIterator[bytes]:
        with answer.body as file:
            while piece := file.read(_PIECE):
                yield piece

    response = StreamingResponse(pieces(), answer.status)
    given = {name.lower() for name, _ in answer.headers}
    response.raw_headers = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in answer.headers]
    if "content-length" not in given and request.method != "HEAD" and answer.status not in {204, 304}:
        response.headers["content-length"] = str(answer.length)
    # An object is somebody's file: as a page it must not act in the name of this service.
    response.headers["content-security-policy"] = "sandbox"
    response.headers["x-content-type-options"] = "nosniff"
    return response


def _amazon_response(status: int, body: bytes, content_type: str) -> Response:
    headers = {"content-type": content_type, "x-amzn-requestid": str(uuid.uuid4())}
    if status == HTTPStatus.UNAUTHORIZED:
        headers["www-authenticate"] = 'Basic realm="labeling"'
    return Response(body, int(status), headers)


def _refusal(request: RequestHead | None, error: ApiError) -> Response:
    """An error in the protocol that the caller speaks: JSON for operations with a target, XML for S3 and the rest."""
    if request and "x-amz-target" in request.headers:
        body = json.dumps({"__type": error.code, "message": error.message, "Message": error.message})
        return _amazon_response(error.status, body.encode(), _JSON)
    code, message = escape(error.code), escape(error.message)
    inner = f"<Code>{code}</Code><Message>{message}</Message>"
    in_query_protocol = request is not None and (
        request.is_form or any(name == "Action" for name, _ in request.parameters)
    )
    if in_query_protocol:
        text = f"<ErrorResponse><Error>{inner}</Error></ErrorResponse>"
    else:
        text = f"<?xml version='1.0'?><Error>{inner}</Error>"
    return _amazon_response(error.status, text.encode(errors="replace"), "application/xml")

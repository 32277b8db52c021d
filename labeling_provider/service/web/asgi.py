"""The ASGI application: one endpoint for labeling operations, the job pages and the supporting services."""

from __future__ import annotations

import base64
import hmac
import logging
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cached_property
from http import HTTPStatus
from typing import Final, TypeVar
from urllib.parse import unquote

from anyio import CapacityLimiter, to_thread
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from labeling_provider.groundtruth.model import service_model
from labeling_provider.service.cloud.offered import HeldElsewhere, Service, Services
from labeling_provider.service.database.opening import DatabaseError
from labeling_provider.service.errors import ApiError
from labeling_provider.service.log_format import REQUEST_ID
from labeling_provider.service.measures import REQUESTS, ROUTE
from labeling_provider.service.tracing import traced
from labeling_provider.service.web.bodies import Body, ClientGone, check_sums, decode_chunks, max_encoded, read_body
from labeling_provider.service.web.forwarding import forward
from labeling_provider.service.web.monitoring import Monitoring
from labeling_provider.service.web.operations import Operations
from labeling_provider.service.web.origins import check_page, is_local_name
from labeling_provider.service.web.requests import METRICS_PATH, PAGES_PATH, PORTAL_PATH, RequestHead
from labeling_provider.service.web.responses import JSON, amazon_response, refusal, streamed
from labeling_provider.service.web.routing import (
    call_of,
    check_plain,
    is_upload,
    max_body,
    named_service,
    service_and_operation,
)
from labeling_provider.service.web.signatures import (
    STREAMING,
    UNSIGNED_PAYLOAD,
    ChunkSignatures,
    Credentials,
    Signature,
)

log = logging.getLogger(__name__)

WELL_KNOWN: Final = Credentials("local", "local")
"""The keys on loopback. Other keys are accepted there as well, but can't be checked."""

MAX_PORTAL_BODY_BYTES: Final = 16 << 20
"""A drawn mask and its draft come in one request."""

# State in another region would be lost at the next start.
_OF_ONE_REGION: Final = frozenset(
    {Service.SAGEMAKER, Service.SNS, Service.SQS, Service.EVENTS, Service.COGNITO, Service.LOGS}
)
_T = TypeVar("_T")
_LINK_CACHE_SECONDS: Final = 900
_AT_ONCE: Final = 24
_REQUEST_ID_HEADER: Final = b"x-amzn-requestid"
# Each caller that waits for messages holds a thread.
_WAITING_AT_ONCE: Final = 400


class Application:
    """The ASGI application.

    :param operations: the labeling operations.
    :param pages: serves the requester's pages; its paths start after ``/_labeling``.
    :param portal: serves the worker portal; its paths start after ``/portal``.
    :param services: the supporting services, such as S3 and SQS.
    :param monitoring: tells an operator's machines how the service is.
    :param s3_endpoint: the URL of an external S3; None for the embedded one.
    :param region: the only region that labeling operations are served for.
    :param credentials: if set, every request must be signed with them.
    :param static: the files that workers' pages load.
    :param link_credentials: what links in workers' pages are signed with: they read objects and do nothing else.
    :param may_enter: whether people may come to the portal from an IP address.
    """

    def __init__(
        self,
        operations: Operations,
        pages: ASGIApp,
        portal: ASGIApp,
        services: Services,
        monitoring: Monitoring,
        *,
        s3_endpoint: str | None,
        region: str,
        credentials: Credentials | None,
        static: ASGIApp | None = None,
        link_credentials: Credentials | None = None,
        may_enter: Callable[[str], bool] | None = None,
    ) -> None:
        self._may_enter = may_enter
        self._static, self._link_credentials = static, link_credentials
        self._operations, self._pages, self._portal, self._services = operations, pages, portal, services
        self._monitoring = monitoring
        self._s3_endpoint, self._region = s3_endpoint, region
        self._demanding, self._credentials = credentials is not None, credentials or WELL_KNOWN

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer any request, and measure how long that takes."""
        began = time.perf_counter()
        status = "none"
        request_id = str(uuid.uuid4())
        REQUEST_ID.set(request_id)
        ROUTE.set("none")

        async def tell(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = f"{message['status'] // 100}xx"
                message["headers"] = [
                    *(header for header in message["headers"] if header[0] != _REQUEST_ID_HEADER),
                    (_REQUEST_ID_HEADER, request_id.encode()),
                ]
            await send(message)

        with traced("request", scope["headers"], http__request__method=scope["method"][:10]) as span:
            try:
                await self._respond(scope, receive, tell)
            finally:
                REQUESTS.labels(ROUTE.get(), status).observe(time.perf_counter() - began)
                if span:
                    span.update_name(ROUTE.get())
                    span.set_attribute("labeling.request_id", request_id)
                    span.set_attribute("labeling.status", status)

    async def _respond(self, scope: Scope, receive: Receive, send: Send) -> None:
        request: RequestHead | None = None
        response: ASGIApp
        try:
            request = RequestHead.of(scope)
            if request.is_portal and self._may_enter and not self._may_enter((scope.get("client") or ("",))[0]):
                raise ApiError("NotFound", "There is nothing here.", HTTPStatus.NOT_FOUND)
            response = await self._answer(request, receive)
        except ClientGone:
            return
        except ApiError as error:
            response = refusal(request, error)
        except DatabaseError as error:
            log.error("%s %s: %s", scope["method"], scope["raw_path"][:200], error)
            message = "The service's database can't store this now. Try again."
            response = refusal(request, ApiError("ServiceUnavailable", message, HTTPStatus.SERVICE_UNAVAILABLE))
        except Exception:
            log.exception("%s %s failed", scope["method"], scope["raw_path"][:200])
            response = refusal(request, ApiError("InternalFailure", "See the log of the local service.", 500))
        is_expecting = any(name == b"expect" for name, _ in scope["headers"])
        if is_expecting and isinstance(response, Response) and response.status_code >= HTTPStatus.BAD_REQUEST:
            # A client that was not told to continue sends no body: its next request must not be read as one.
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
        if request.is_monitoring:
            ROUTE.set("monitoring")
            return await self._monitoring.answer(request.path)
        if request.is_static and self._static:
            ROUTE.set("static")
            return self._static_file(request, self._static)
        if request.is_page:
            body = await self._body(request, None, signature, receive)
            return _inner(self._pages, "pages", _clean(request.path, PAGES_PATH), body)
        if request.is_portal:
            body = await read_body(request, receive, MAX_PORTAL_BODY_BYTES)
            return _inner(self._portal, "portal", _clean(request.path, PORTAL_PATH), body)
        named = named_service(request, signature)
        if named == Service.S3 and self._s3_endpoint is not None:
            raise ApiError("InvalidRequest", f"S3 is at {self._s3_endpoint}: use that endpoint for S3 clients.")
        body = await self._body(request, named, signature, receive)
        service, operation = service_and_operation(named, request, body)
        ROUTE.set(_route(service, operation))
        if service != Service.S3:
            # If the keys are public, anybody could sign a link.
            check_plain(request, signature if self._demanding else None)
        if signature and service in _OF_ONE_REGION and signature.region != self._region:
            raise ApiError(
                "InvalidSignatureException",
                f"Credential should be scoped to a valid region: this service runs {self._region}, "
                f"not {signature.region!r}.",
                HTTPStatus.FORBIDDEN,
            )
        if service == Service.SAGEMAKER:
            told = await self._run(lambda: self._operations.answer(operation, body.bytes(), request.host))
            if told is not None:
                return amazon_response(HTTPStatus.OK, told, JSON)
            body.file.seek(0)
        call = call_of(service, operation, request, signature, body)
        limiter = self._waiting if operation == "ReceiveMessage" else None
        try:
            answer = await self._run(lambda: self._services.serve(service, call), limiter)
        except HeldElsewhere as held:
            address = held.address
            answer = await self._run(lambda: forward(address, request, body), limiter)
        response = streamed(request, answer)
        if signature and self._is_link(signature):
            # A worker's template is of no site, and knows the link from its own page only.
            response.headers["access-control-allow-origin"] = "*"
            response.headers["cache-control"] = f"private, max-age={_LINK_CACHE_SECONDS}"
        return response

    @staticmethod
    def _static_file(request: RequestHead, static: ASGIApp) -> ASGIApp:
        async def answer(scope: Scope, receive: Receive, send: Send) -> None:
            await static({**scope, "path": unquote(request.path)}, receive, send)

        return answer

    def _admit(self, request: RequestHead) -> Signature | None:
        """Check who is asking.

        :return: the request's signature; None if it has none.
        :raises ApiError: if the request is refused.
        """
        if not self._demanding and not is_local_name(request.host_name):
            message = f"This service does not answer for the host {request.host!r}."
            raise ApiError("AccessDenied", message, HTTPStatus.FORBIDDEN)
        if request.method == "OPTIONS" and request.reads_an_object and not request.is_page:
            # This is a browser's preflight request: it can't be signed.
            return None
        if request.is_static:
            return None
        if request.is_monitoring:
            check_page(request, presigned=False, secret=self._demanding)
            authorization = request.headers.get("authorization", "")
            if self._demanding and request.path == METRICS_PATH and not self._monitoring.has_token(authorization):
                _check_basic(authorization, self._credentials)
            return None
        if request.is_portal:
            # People sign in there by themselves.
            check_page(request, presigned=False, secret=self._demanding)
            return None
        signature = Signature.of(request)
        if self._demanding and request.is_page and not _is_signed_read(request, signature):
            _check_basic(request.headers.get("authorization", ""), self._credentials)
        elif signature is None and self._demanding:
            message = "This service accepts only requests signed with its credentials."
            raise ApiError("MissingAuthenticationToken", message, HTTPStatus.FORBIDDEN)
        right = signature is not None and self._is_right(request, signature)
        of_s3 = signature is not None and signature.is_presigned and signature.service == Service.S3
        presigned = right and of_s3
        is_secret = self._demanding or (signature is not None and self._is_link(signature))
        check_page(request, presigned=presigned, secret=is_secret)
        return signature

    def _is_link(self, signature: Signature) -> bool:
        """Whether this is a link in a worker's page, as its access key says."""
        own = self._link_credentials
        return own is not None and signature.access_key_id == own.access_key_id

    def _is_right(self, request: RequestHead, signature: Signature) -> bool:
        """Check a signature as far as the request's head allows.

        :return: False if the service does not know its keys.
        :raises ApiError: if it is wrong.
        """
        if self._link_credentials and self._is_link(signature):
            if not (signature.is_presigned and signature.service == Service.S3 and request.method == "GET"):
                raise ApiError("AccessDenied", "This key is for links that read objects.", HTTPStatus.FORBIDDEN)
            signature.check_cover(request, datetime.now(UTC))
            signature.check(request, self._link_credentials, None)
            return True
        ours = self._credentials.access_key_id
        if not hmac.compare_digest(signature.access_key_id.encode(), ours.encode()):
            if not self._demanding and not signature.is_presigned:
                return False
            message = "The access key is not this service's" + ("." if self._demanding else f" ({ours!r}).")
            raise ApiError("InvalidClientTokenId", message, HTTPStatus.FORBIDDEN)
        signature.check_cover(request, datetime.now(UTC))
        if signature.payload is not None:
            signature.check(request, self._credentials, None)
        return True

    async def _body(
        self, request: RequestHead, named: Service | None, signature: Signature | None, receive: Receive
    ) -> Body:
        """Read the body and check it against its signature.

        :param named: the service; None if only the body names it.
        :raises ApiError: if the body does not match, or is too large.
        """
        claimed = request.headers.get("x-amz-content-sha256", "")
        chunked = claimed.startswith("STREAMING-")
        if chunked and (named != Service.S3 or claimed not in STREAMING):
            raise ApiError("InvalidRequest", f"This service does not accept bodies signed as {claimed[:60]!r}.")
        limit = max_body(named, request)
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
            raise ApiError("XAmzContentSHA256Mismatch", "The body does not match its signature.")
        if named == Service.S3 and is_upload(request):
            await self._run(lambda: check_sums(request, body))
        return body


def _clean(path: str, below: str) -> str:
    """A page's path, decoded, below another one and without empty parts."""
    return "/" + "/".join(part for part in unquote(path).removeprefix(below).split("/") if part)


def _route(service: Service, operation: str) -> str:
    """What a request is for, for the metrics: callers can't make up further routes."""
    if service == Service.SAGEMAKER and operation in service_model().operation_names:
        return f"{service} {operation}"
    # To wait for messages takes as long as the caller likes.
    return f"{service} {operation}" if operation == "ReceiveMessage" else str(service)


def _inner(application: ASGIApp, name: str, path: str, body: Body) -> ASGIApp:
    """An application's answer to one request, whose body has been read.

    :param name: of the application, for the metrics.
    """
    unread: list[Message] = [{"type": "http.request", "body": body.bytes(), "more_body": False}]

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        async def read() -> Message:
            return unread.pop() if unread else await receive()

        inner = {**scope, "path": path, "root_path": ""}
        await application(inner, read, send)
        # The router has noted there which of its functions answered.
        ROUTE.set(f"{name} {getattr(inner.get('endpoint'), '__name__', 'none')}")

    return answer


def _is_signed_read(request: RequestHead, signature: Signature | None) -> bool:
    """Whether a program reads a page, signed as its requests to SageMaker are; a browser signs in instead."""
    return (
        signature is not None
        and not signature.is_presigned
        and signature.service == Service.SAGEMAKER
        and request.method in {"GET", "HEAD"}
    )


def _check_basic(authorization: str, credentials: Credentials) -> None:
    """Accept the access key as user name and the secret key as password.

    :raises ApiError: if they are wrong.
    """
    wanted = base64.b64encode(f"{credentials.access_key_id}:{credentials.secret_access_key}".encode())
    if not hmac.compare_digest(authorization.encode(), b"Basic " + wanted):
        raise ApiError("Unauthorized", "Sign in with the service's access key and secret key.", HTTPStatus.UNAUTHORIZED)

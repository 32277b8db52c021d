"""The ASGI application: one endpoint for labeling operations, the job pages and the supporting services."""

from __future__ import annotations

import logging
import re
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from typing import Final
from urllib.parse import unquote

from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from labeling_provider.groundtruth.model import service_model
from labeling_provider.service.cloud.object_store import ObjectsAway
from labeling_provider.service.cloud.offered import Service, Services
from labeling_provider.service.database.opening import DatabaseError
from labeling_provider.service.database.states import Role
from labeling_provider.service.failures import ApiError
from labeling_provider.service.log_format import REQUEST_ID, REQUESTS
from labeling_provider.service.measures import ROUTE, request_times
from labeling_provider.service.tracing import traced
from labeling_provider.service.web.asked import Asked
from labeling_provider.service.web.bodies import Body, ClientGone, check_sums, decode_chunks, max_encoded, read_body
from labeling_provider.service.web.entrance import Admitted, Entrance
from labeling_provider.service.web.monitoring import Monitoring
from labeling_provider.service.web.operations import Operations
from labeling_provider.service.web.request_threads import RequestThreads
from labeling_provider.service.web.requests import PAGES_PATH, PORTAL_PATH, RequestHead, path_for_log
from labeling_provider.service.web.responses import JSON, amazon_response, refusal, streamed
from labeling_provider.service.web.rights import Rights, check_page_right
from labeling_provider.service.web.routing import (
    MAX_PORTAL_BODY_BYTES,
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
)
from labeling_provider.service.work.audit_trail import OK, AuditTrail
from labeling_provider.service.work.people import Person
from labeling_provider.service.work.requesters import Requester

log = logging.getLogger(__name__)

# State in another region would be lost at the next start.
_OF_ONE_REGION: Final = frozenset(
    {Service.SAGEMAKER, Service.SNS, Service.SQS, Service.EVENTS, Service.COGNITO, Service.LOGS}
)
_REFUSALS: Final = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})
_CREDENTIAL: Final = re.compile(r"Credential=([A-Za-z0-9_-]{1,64})/")
_LINK_CACHE_SECONDS: Final = 900
_REQUEST_ID_HEADER: Final = b"x-amzn-requestid"
_MONITORING: Final = "monitoring"


@dataclass
class _Seen:
    """What is known of a request so far, for the audit trail and the log.

    :param status: the response's; None until it begins.
    :param requester: whose key or session it was made with.
    """

    status: int | None = None
    requester: str | None = None
    who: Requester | None = None
    asked: Asked | None = None
    is_refused: bool = False

    @property
    def status_class(self) -> str:
        """The class of the status, such as ``2xx``; ``none`` if no response has begun."""
        return f"{self.status // 100}xx" if self.status else "none"


class Application:
    """The ASGI application.

    :param entrance: says who may ask.
    :param threads: where requests wait for the database and the services.
    :param operations: the labeling operations.
    :param pages: serves the requester's pages; its paths start after ``/_labeling``.
    :param portal: serves the worker portal; its paths start after ``/portal``.
    :param services: the supporting services, such as S3 and SQS.
    :param monitoring: answers health checks and serves metrics.
    :param s3_endpoint: the URL of an external S3 as clients reach it; None for the embedded one.
    :param region: the only region that labeling operations are served for.
    :param static: the files that workers' pages load.
    :param rights: what requesters may do.
    :param audit: records changes and refusals, if credentials are demanded.
    :param waiting: called to let nobody wait any more.
    """

    def __init__(
        self,
        entrance: Entrance,
        threads: RequestThreads,
        operations: Operations,
        pages: ASGIApp,
        portal: ASGIApp,
        services: Services,
        monitoring: Monitoring,
        *,
        s3_endpoint: str | None,
        region: str,
        static: ASGIApp | None = None,
        rights: Rights | None = None,
        audit: AuditTrail | None = None,
        waiting: Sequence[Callable[[], None]] = (),
    ) -> None:
        self._entrance, self._threads = entrance, threads
        self._operations, self._pages, self._portal, self._services = operations, pages, portal, services
        self._monitoring, self._static, self._rights, self._audit = monitoring, static, rights, audit
        self._s3_endpoint, self._region, self._waiting = s3_endpoint, region, waiting

    def end_waits(self) -> None:
        """Answer the requests that wait for something to happen: the process is about to end.

        Their clients ask again. Any thread may call this.
        """
        for end in self._waiting:
            end()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer any request, and measure how long that takes."""
        began = time.perf_counter()
        seen = _Seen()
        request_id = str(uuid.uuid4())
        REQUEST_ID.set(request_id)
        ROUTE.set("none")

        async def tell(message: Message) -> None:
            if message["type"] == "http.response.start":
                seen.status = message["status"]
                message["headers"] = [
                    *(header for header in message["headers"] if header[0] != _REQUEST_ID_HEADER),
                    (_REQUEST_ID_HEADER, request_id.encode()),
                ]
            await send(message)

        with traced("request", scope["headers"], http__request__method=scope["method"][:10]) as span:
            try:
                await self._respond(scope, receive, tell, seen)
            finally:
                _write_down(scope, seen, time.perf_counter() - began)
                if span:
                    span.update_name(ROUTE.get())
                    span.set_attribute("labeling.request_id", request_id)
                    span.set_attribute("labeling.status", seen.status_class)

    async def _respond(self, scope: Scope, receive: Receive, send: Send, seen: _Seen) -> None:
        request: RequestHead | None = None
        response: ASGIApp
        address = (scope.get("client") or ("",))[0]
        outcome = OK
        try:
            request = RequestHead.of(scope)
            if request.is_portal and not await self._entrance.may_enter(address):
                seen.is_refused = True
                raise ApiError("NotFound", "There is nothing here.", HTTPStatus.NOT_FOUND)
            response = await self._answer(request, receive, seen, address)
        except ClientGone:
            return
        except ApiError as error:
            response, outcome = refusal(request, error), error.code
            if error.status in _REFUSALS:
                seen.is_refused = True
        except (DatabaseError, ObjectsAway) as error:
            log.error("%s %s: %s", scope["method"], path_for_log(scope["raw_path"]), error)
            is_database = isinstance(error, DatabaseError)
            part = "database can't store this now" if is_database else "object store does not answer"
            message = f"The service's {part}. Try again."
            response = refusal(request, ApiError("ServiceUnavailable", message, HTTPStatus.SERVICE_UNAVAILABLE))
        except Exception:
            log.exception("%s %s failed", scope["method"], path_for_log(scope["raw_path"]))
            response = refusal(request, ApiError("InternalFailure", "See the log of the service.", 500))
        if self._entrance.is_demanding and self._audit and (seen.is_refused or (seen.asked and seen.asked.changes)):
            if outcome == OK and isinstance(response, Response) and response.status_code >= HTTPStatus.BAD_REQUEST:
                outcome = str(response.status_code)
            page = "portal" if request and request.is_portal else "request"
            what = seen.asked.operation if seen.asked else page
            target = seen.asked.target if seen.asked else ""
            who, role = (seen.who.name, seen.who.role) if seen.who else (_claimed(request), Role.NOBODY)
            await self._threads.run(partial(self._audit.record, who, role, address, what, target, outcome))
        is_expecting = any(name == b"expect" for name, _ in scope["headers"])
        if is_expecting and isinstance(response, Response) and response.status_code >= HTTPStatus.BAD_REQUEST:
            # A client that was not told to continue sends no body: its next request must not be read as one.
            response.headers["connection"] = "close"
        await response(scope, receive, send)

    async def _answer(self, request: RequestHead, receive: Receive, seen: _Seen, address: str) -> ASGIApp:
        direction = await self._entrance.direction(request, address)
        if direction is not None:
            ROUTE.set("address")
            return direction
        try:
            admitted = await self._entrance.admit(request, address)
        except ApiError as error:
            invitation = await self._entrance.invitation(request, error)
            if invitation is None:
                raise
            return invitation
        signature, who = admitted.signature, admitted.who
        is_known = self._entrance.is_demanding and (
            request.is_page or (signature and not self._entrance.is_link(signature))
        )
        seen.who, seen.requester = who, who.name if is_known else None
        if request.is_monitoring:
            ROUTE.set(_MONITORING)
            return await self._monitoring.answer(request.path)
        if request.is_static and self._static:
            ROUTE.set("static")
            return self._static_file(request, self._static)
        if request.is_page:
            path = _clean(request.path, PAGES_PATH)
            check_page_right(who, path, request.method, has_session=admitted.person is not None)
            body = await self._body(request, None, admitted, receive)
            return _inner(self._pages, "pages", path, body, who, admitted.person)
        if request.is_portal:
            body = await read_body(request, receive, MAX_PORTAL_BODY_BYTES)
            return _inner(self._portal, "portal", _clean(request.path, PORTAL_PATH), body, who)
        return await self._answer_service(request, receive, seen, admitted)

    async def _answer_service(self, request: RequestHead, receive: Receive, seen: _Seen, admitted: Admitted) -> ASGIApp:
        """Answer as one of Amazon's services."""
        signature, who = admitted.signature, admitted.who
        named = named_service(request, signature)
        if named == Service.S3 and self._s3_endpoint is not None:
            raise ApiError("InvalidRequest", f"S3 is at {self._s3_endpoint}: use that endpoint for S3 clients.")
        body = await self._body(request, named, admitted, receive)
        service, operation = service_and_operation(named, request, body)
        ROUTE.set(_route(service, operation))
        if service != Service.S3:
            # If the keys are public, anybody could sign a link.
            check_plain(request, signature if self._entrance.is_demanding else None)
        if signature and service in _OF_ONE_REGION and signature.region != self._region:
            raise ApiError(
                "InvalidSignatureException",
                f"Credential should be scoped to a valid region: this service runs {self._region}, "
                f"not {signature.region!r}.",
                HTTPStatus.FORBIDDEN,
            )
        call = call_of(service, operation, request, signature, body)
        if self._entrance.is_demanding:
            asked = seen.asked = Asked.of(service, request, call)
            if self._rights:
                await self._threads.run(partial(self._rights.check, who, asked))
        if service == Service.SAGEMAKER:
            document = await self._threads.run(
                lambda: self._operations.answer(operation, call.body.read(), request.origin, who)
            )
            if document is not None:
                return amazon_response(HTTPStatus.OK, document, JSON)
            call.body.seek(0)
        run = self._threads.wait if operation == "ReceiveMessage" else self._threads.run
        answer = await run(lambda: self._services.serve(service, call))
        response = streamed(request, answer)
        if self._rights and seen.asked:
            is_done = answer.status < HTTPStatus.BAD_REQUEST
            await self._threads.run(partial(self._rights.done, seen.asked, is_done=is_done))
        if signature and self._entrance.is_link(signature):
            # A worker's template has no origin, and knows the link only from its own page.
            response.headers["access-control-allow-origin"] = "*"
            response.headers["cache-control"] = f"private, max-age={_LINK_CACHE_SECONDS}"
        return response

    @staticmethod
    def _static_file(request: RequestHead, static: ASGIApp) -> ASGIApp:
        async def answer(scope: Scope, receive: Receive, send: Send) -> None:
            await static({**scope, "path": unquote(request.path)}, receive, send)

        return answer

    async def _body(self, request: RequestHead, named: Service | None, admitted: Admitted, receive: Receive) -> Body:
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
        signature, credentials = admitted.signature, admitted.credentials
        if chunked:
            signed = not claimed.startswith("STREAMING-UNSIGNED")
            signatures = ChunkSignatures(signature, credentials) if signature and credentials and signed else None
            received = body
            body = await self._threads.run(lambda: decode_chunks(received, request.headers, limit, signatures))
        elif signature and signature.payload is None:
            if credentials:
                signature.check(request, credentials, body.sha256)
                await self._entrance.was_used(credentials)
        elif signature and signature.payload not in {UNSIGNED_PAYLOAD, body.sha256}:
            raise ApiError("XAmzContentSHA256Mismatch", "The body does not match its signature.")
        if named == Service.S3 and is_upload(request):
            await self._threads.run(lambda: check_sums(request, body))
        return body


def _write_down(scope: Scope, seen: _Seen, seconds: float) -> None:
    """Count a request in the metrics, and give it its line in the log if it has them."""
    request_times(ROUTE.get(), seen.status_class).observe(seconds)
    if ROUTE.get() == _MONITORING or not REQUESTS.isEnabledFor(logging.INFO):
        return
    known = {
        "method": scope["method"][:20],
        "path": path_for_log(scope["raw_path"]),
        "status": seen.status,
        "milliseconds": round(1000 * seconds, 1),
        "requester": seen.requester,
    }
    # Logger.info takes twice as long: it looks for the line of code that logs.
    record = logging.LogRecord(REQUESTS.name, logging.INFO, __file__, 0, "request", None, None)
    record.request = {name: value for name, value in known.items() if value is not None}
    REQUESTS.handle(record)


def _clean(path: str, below: str) -> str:
    """A page's path, decoded, below another one and without empty parts."""
    return "/" + "/".join(part for part in unquote(path).removeprefix(below).split("/") if part)


def _route(service: Service, operation: str) -> str:
    """The route of a request for the metrics; callers can't make up further ones."""
    if service == Service.SAGEMAKER and operation in service_model().operation_names:
        return f"{service} {operation}"
    # Waiting for messages takes as long as the caller likes.
    return f"{service} {operation}" if operation == "ReceiveMessage" else str(service)


def _inner(
    application: ASGIApp, name: str, path: str, body: Body, who: Requester, person: Person | None = None
) -> ASGIApp:
    """An application's answer to one request whose body has been read; the scope says who asks.

    :param name: the name of the application, for the metrics.
    """
    unread: list[Message] = [{"type": "http.request", "body": body.bytes(), "more_body": False}]

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        async def read() -> Message:
            return unread.pop() if unread else await receive()

        inner = {**scope, "path": path, "root_path": "", "requester": who, "person": person}
        await application(inner, read, send)
        # The router has noted there which of its functions answered.
        ROUTE.set(f"{name} {getattr(inner.get('endpoint'), '__name__', 'none')}")

    return answer


def _claimed(request: RequestHead | None) -> str:
    """Whose key a refused request claims to be signed with."""
    if request is None:
        return ""
    claim = _CREDENTIAL.search(request.headers.get("authorization", "")) or _CREDENTIAL.search(unquote(request.query))
    return claim[1] if claim else ""

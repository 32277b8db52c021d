"""The ASGI application: one endpoint for labeling operations, the job pages and the supporting services."""

from __future__ import annotations

import base64
import hmac
import logging
import re
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property, partial
from http import HTTPStatus
from typing import Final, TypeVar
from urllib.parse import unquote

from anyio import CapacityLimiter, to_thread
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from labeling_provider.groundtruth.model import service_model
from labeling_provider.service.cloud.object_store import ObjectsAway
from labeling_provider.service.cloud.offered import Service, Services
from labeling_provider.service.cloud.sealing import Unreadable
from labeling_provider.service.database.opening import DatabaseError
from labeling_provider.service.database.states import Role
from labeling_provider.service.failures import ApiError
from labeling_provider.service.log_format import REQUEST_ID, REQUESTS
from labeling_provider.service.measures import ROUTE, request_times
from labeling_provider.service.tracing import traced
from labeling_provider.service.web.bodies import Body, ClientGone, check_sums, decode_chunks, max_encoded, read_body
from labeling_provider.service.web.monitoring import Monitoring
from labeling_provider.service.web.operations import Operations
from labeling_provider.service.web.origins import check_page, is_local_name
from labeling_provider.service.web.private_workforces import Workforces
from labeling_provider.service.web.requests import METRICS_PATH, PAGES_PATH, PORTAL_PATH, RequestHead, path_for_log
from labeling_provider.service.web.responses import JSON, amazon_response, refusal, streamed
from labeling_provider.service.web.rights import Asked, Rights, check_page_right
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
    Credentials,
    Signature,
)
from labeling_provider.service.web.visitors import Visitors
from labeling_provider.service.work.audit_trail import OK, AuditTrail
from labeling_provider.service.work.people import Person
from labeling_provider.service.work.requesters import ADMINISTRATOR, ApiKeys, Requester

log = logging.getLogger(__name__)

WELL_KNOWN: Final = Credentials("local", "local")
"""The keys on loopback. Other keys are accepted there as well, but can't be checked."""

# State in another region would be lost at the next start.
_OF_ONE_REGION: Final = frozenset(
    {Service.SAGEMAKER, Service.SNS, Service.SQS, Service.EVENTS, Service.COGNITO, Service.LOGS}
)
_REFUSALS: Final = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})
_CREDENTIAL: Final = re.compile(r"Credential=([A-Za-z0-9_-]{1,64})/")
_T = TypeVar("_T")
_LINK_CACHE_SECONDS: Final = 900
_MAX_THREADS: Final = 24
_REQUEST_ID_HEADER: Final = b"x-amzn-requestid"
_MONITORING: Final = "monitoring"
# Each caller that waits for messages holds a thread.
_MAX_WAITING_THREADS: Final = 400


@dataclass(frozen=True)
class _Admitted:
    """A caller who was let in.

    :param signature: the request's signature; None if it has none.
    :param credentials: the credentials of the signature; None if the service does not know them.
    :param person: the person signed in in a browser; None if the request was made with a key.
    """

    signature: Signature | None = None
    credentials: Credentials | None = None
    who: Requester = ADMINISTRATOR
    person: Person | None = None


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
        """Such as ``2xx``; ``none`` if no response has begun."""
        return f"{self.status // 100}xx" if self.status else "none"


class Application:
    """The ASGI application.

    :param operations: the labeling operations.
    :param pages: serves the requester's pages; its paths start after ``/_labeling``.
    :param portal: serves the worker portal; its paths start after ``/portal``.
    :param services: the supporting services, such as S3 and SQS.
    :param monitoring: answers health checks and serves metrics.
    :param s3_endpoint: the URL of an external S3 as clients reach it; None for the embedded one.
    :param region: the only region that labeling operations are served for.
    :param credentials: the administrator's; if set, every request must be signed with them or a requester's key.
    :param static: the files that workers' pages load.
    :param link_credentials: keys that sign links in workers' pages, which can only read objects.
    :param workforces: say from which IP addresses people may come to the portal.
    :param keys: the keys of requesters.
    :param visitors: people with a session at the requester's pages.
    :param rights: what requesters may do.
    :param audit: records changes and refusals, if credentials are demanded.
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
        workforces: Workforces | None = None,
        keys: ApiKeys | None = None,
        visitors: Visitors | None = None,
        rights: Rights | None = None,
        audit: AuditTrail | None = None,
    ) -> None:
        self._keys, self._rights, self._audit = keys, rights, audit
        self._workforces, self._visitors = workforces, visitors
        self._static, self._link_credentials = static, link_credentials
        self._operations, self._pages, self._portal, self._services = operations, pages, portal, services
        self._monitoring = monitoring
        self._s3_endpoint, self._region = s3_endpoint, region
        self._demanding, self._credentials = credentials is not None, credentials or WELL_KNOWN

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
            if request.is_portal and self._workforces and not await self._may_enter(self._workforces, address):
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
        if self._demanding and self._audit and (seen.is_refused or (seen.asked and seen.asked.changes)):
            if outcome == OK and isinstance(response, Response) and response.status_code >= HTTPStatus.BAD_REQUEST:
                outcome = str(response.status_code)
            page = "portal" if request and request.is_portal else "request"
            what = seen.asked.operation if seen.asked else page
            target = seen.asked.target if seen.asked else ""
            who, role = (seen.who.name, seen.who.role) if seen.who else (_claimed(request), Role.NOBODY)
            await self._run(partial(self._audit.record, who, role, address, what, target, outcome))
        is_expecting = any(name == b"expect" for name, _ in scope["headers"])
        if is_expecting and isinstance(response, Response) and response.status_code >= HTTPStatus.BAD_REQUEST:
            # A client that was not told to continue sends no body: its next request must not be read as one.
            response.headers["connection"] = "close"
        await response(scope, receive, send)

    @cached_property
    def _working(self) -> CapacityLimiter:
        return CapacityLimiter(_MAX_THREADS)

    @cached_property
    def _waiting(self) -> CapacityLimiter:
        return CapacityLimiter(_MAX_WAITING_THREADS)

    async def _run(self, function: Callable[[], _T], limiter: CapacityLimiter | None = None) -> _T:
        return await to_thread.run_sync(function, abandon_on_cancel=True, limiter=limiter or self._working)

    async def _may_enter(self, workforces: Workforces, address: str) -> bool:
        known = workforces.known_to_enter(address)
        # Nearly always it is known, and a thread would cost each request of a page.
        return await self._run(partial(workforces.may_enter, address)) if known is None else known

    async def _answer(self, request: RequestHead, receive: Receive, seen: _Seen, address: str) -> ASGIApp:
        try:
            admitted = await self._admit(request, address)
        except ApiError as error:
            if not (self._visitors and request.is_page and error.status == HTTPStatus.UNAUTHORIZED):
                raise
            invitation = await self._run(partial(self._visitors.invitation, request))
            if invitation is None:
                raise
            return invitation
        signature, who = admitted.signature, admitted.who
        is_known = self._demanding and (request.is_page or (signature and not self._is_link(signature)))
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
        named = named_service(request, signature)
        if named == Service.S3 and self._s3_endpoint is not None:
            raise ApiError("InvalidRequest", f"S3 is at {self._s3_endpoint}: use that endpoint for S3 clients.")
        body = await self._body(request, named, admitted, receive)
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
        if self._demanding:
            asked = seen.asked = Asked.of(service, operation, request, body)
            if self._rights:
                await self._run(partial(self._rights.check, who, asked))
        if service == Service.SAGEMAKER:
            document = await self._run(lambda: self._operations.answer(operation, body.bytes(), request.host, who))
            if document is not None:
                return amazon_response(HTTPStatus.OK, document, JSON)
            body.file.seek(0)
        call = call_of(service, operation, request, signature, body)
        limiter = self._waiting if operation == "ReceiveMessage" else None
        answer = await self._run(lambda: self._services.serve(service, call), limiter)
        response = streamed(request, answer)
        if self._rights and seen.asked:
            is_done = answer.status < HTTPStatus.BAD_REQUEST
            await self._run(partial(self._rights.done, seen.asked, is_done=is_done))
        if signature and self._is_link(signature):
            # A worker's template has no origin, and knows the link only from its own page.
            response.headers["access-control-allow-origin"] = "*"
            response.headers["cache-control"] = f"private, max-age={_LINK_CACHE_SECONDS}"
        return response

    @staticmethod
    def _static_file(request: RequestHead, static: ASGIApp) -> ASGIApp:
        async def answer(scope: Scope, receive: Receive, send: Send) -> None:
            await static({**scope, "path": unquote(request.path)}, receive, send)

        return answer

    async def _admit(self, request: RequestHead, address: str) -> _Admitted:
        """Check who is asking.

        :param address: the IP address.
        :raises ApiError: if the request is refused.
        """
        if not self._demanding and not is_local_name(request.host_name):
            message = f"This service does not answer for the host {request.host!r}."
            raise ApiError("AccessDenied", message, HTTPStatus.FORBIDDEN)
        if request.method == "OPTIONS" and request.reads_an_object and not request.is_page:
            # This is a browser's preflight request: it can't be signed.
            return _Admitted()
        if request.is_static:
            return _Admitted()
        if request.is_monitoring:
            check_page(request, presigned=False, secret=self._demanding)
            authorization = request.headers.get("authorization", "")
            if self._demanding and request.path == METRICS_PATH and not self._monitoring.has_token(authorization):
                who = await self._basic(authorization)
                if not who.is_administrator:
                    raise ApiError("AccessDenied", "Metrics are for the administrator.", HTTPStatus.FORBIDDEN)
            return _Admitted()
        if request.is_portal:
            # People sign in there by themselves.
            check_page(request, presigned=False, secret=self._demanding)
            return _Admitted()
        signature = Signature.of(request)
        if self._demanding and request.is_page and not _is_signed_read(request, signature):
            person = await self._run(partial(self._visitors.of, request, address)) if self._visitors else None
            if person is not None and self._visitors:
                check_page(request, presigned=False, secret=True)
                return _Admitted(who=self._visitors.requester(person), person=person)
            who = await self._basic(request.headers.get("authorization", ""))
            check_page(request, presigned=False, secret=True)
            return _Admitted(who=who)
        if signature is None and self._demanding:
            message = "This service accepts only requests signed with its credentials."
            raise ApiError("MissingAuthenticationToken", message, HTTPStatus.FORBIDDEN)
        admitted = _Admitted() if signature is None else await self._signer(request, signature)
        right = admitted.credentials is not None
        of_s3 = signature is not None and signature.is_presigned and signature.service == Service.S3
        presigned = right and of_s3
        is_secret = self._demanding or (signature is not None and self._is_link(signature))
        check_page(request, presigned=presigned, secret=is_secret)
        return admitted

    def _is_link(self, signature: Signature) -> bool:
        """Whether this is a link in a worker's page, as its access key says."""
        own = self._link_credentials
        return own is not None and signature.access_key_id == own.access_key_id

    async def _known(self, access_key_id: str) -> tuple[Requester, Credentials] | None:
        """The owner of an access key, and the key; None if it is not known."""
        if hmac.compare_digest(access_key_id.encode(), self._credentials.access_key_id.encode()):
            return ADMINISTRATOR, self._credentials
        if not self._demanding or self._keys is None:
            return None
        try:
            owner = await self._run(partial(self._keys.find, access_key_id))
        except Unreadable as error:
            log.error("%s", error)
            return None
        return owner and (owner[0], Credentials(access_key_id, owner[1]))

    async def _signer(self, request: RequestHead, signature: Signature) -> _Admitted:
        """Check a signature as far as the request's head allows.

        :return: the caller, without credentials if the service does not know the keys.
        :raises ApiError: if it is wrong.
        """
        if self._link_credentials and self._is_link(signature):
            if not (signature.is_presigned and signature.service == Service.S3 and request.method == "GET"):
                raise ApiError("AccessDenied", "This key is for links that read objects.", HTTPStatus.FORBIDDEN)
            signature.check_cover(request, datetime.fromtimestamp(time.time(), UTC))
            signature.check(request, self._link_credentials, None)
            return _Admitted(signature, self._link_credentials)
        known = await self._known(signature.access_key_id)
        if known is None:
            if not self._demanding and not signature.is_presigned:
                return _Admitted(signature)
            ours = self._credentials.access_key_id
            message = "The access key is not this service's" + ("." if self._demanding else f" ({ours!r}).")
            raise ApiError("InvalidClientTokenId", message, HTTPStatus.FORBIDDEN)
        who, credentials = known
        signature.check_cover(request, datetime.fromtimestamp(time.time(), UTC))
        if signature.payload is not None:
            signature.check(request, credentials, None)
            await self._was_used(credentials)
        return _Admitted(signature, credentials, who)

    async def _was_used(self, credentials: Credentials) -> None:
        if self._keys is not None and credentials is not self._credentials:
            await self._run(partial(self._keys.was_used, credentials.access_key_id))

    async def _basic(self, authorization: str) -> Requester:
        """Accept an access key as user name and its secret key as password.

        :raises ApiError: if they are wrong.
        """
        kind, _, given = authorization.partition(" ")
        try:
            name, _, password = base64.b64decode(given, validate=True).decode().partition(":")
        except ValueError:
            name = password = ""
        known = await self._known(name) if kind == "Basic" and name else None
        if known is None or not hmac.compare_digest(password.encode(), known[1].secret_access_key.encode()):
            message = "Sign in with an access key and its secret key."
            raise ApiError("Unauthorized", message, HTTPStatus.UNAUTHORIZED)
        await self._was_used(known[1])
        return known[0]

    async def _body(self, request: RequestHead, named: Service | None, admitted: _Admitted, receive: Receive) -> Body:
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
            body = await self._run(lambda: decode_chunks(received, request.headers, limit, signatures))
        elif signature and signature.payload is None:
            if credentials:
                signature.check(request, credentials, body.sha256)
                await self._was_used(credentials)
        elif signature and signature.payload not in {UNSIGNED_PAYLOAD, body.sha256}:
            raise ApiError("XAmzContentSHA256Mismatch", "The body does not match its signature.")
        if named == Service.S3 and is_upload(request):
            await self._run(lambda: check_sums(request, body))
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


def _is_signed_read(request: RequestHead, signature: Signature | None) -> bool:
    """Whether a program reads a page with a signature like those for SageMaker; a browser signs in instead."""
    return (
        signature is not None
        and not signature.is_presigned
        and signature.service == Service.SAGEMAKER
        and request.method in {"GET", "HEAD"}
    )


def _claimed(request: RequestHead | None) -> str:
    """Whose key a refused request claims to be signed with."""
    if request is None:
        return ""
    claim = _CREDENTIAL.search(request.headers.get("authorization", "")) or _CREDENTIAL.search(unquote(request.query))
    return claim[1] if claim else ""

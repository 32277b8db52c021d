"""One HTTP endpoint: labeling operations are ours, job pages for a browser too, everything else is moto's."""

from __future__ import annotations

import base64
import hmac
import ipaddress
import json
import logging
import os
import uuid
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from io import BytesIO
from typing import Any, Final
from urllib.parse import urlsplit
from xml.sax.saxutils import escape

from labeling_provider.local.api import LabelingApi, unsupported
from labeling_provider.local.errors import ApiError
from labeling_provider.local.messaging import Messaging
from labeling_provider.local.opening import DatabaseError
from labeling_provider.local.pages import PAGES_PATH, Pages
from labeling_provider.local.signatures import Credentials, SignedRequest, check_signature, credential_scope
from labeling_provider.local.storage import EmbeddedStorage

log = logging.getLogger(__name__)

Environ = dict[str, Any]
StartResponse = Callable[..., Any]
WsgiApp = Callable[[Environ, StartResponse], Iterable[bytes]]

_TARGET: Final = "SageMaker."
_JSON: Final = "application/x-amz-json-1.1"
_LARGEST_API_BODY: Final = 1_048_576
_LARGEST_MESSAGING_BODY: Final = 4 << 20
_LARGEST_SIGNED_BODY: Final = 1 << 30


@dataclass(frozen=True)
class _Request:
    """What the service needs of a WSGI request."""

    method: str
    path: str
    query: str
    headers: dict[str, str]

    @classmethod
    def of(cls, environ: Environ) -> _Request:
        target = environ.get("REQUEST_URI") or environ.get("PATH_INFO", "/")
        if target.startswith(("http://", "https://")):
            parts = urlsplit(target)
            target = parts.path + (f"?{parts.query}" if parts.query else "")
        path, _, query = target.partition("?")
        headers = {
            key[5:].replace("_", "-").lower(): value for key, value in environ.items() if key.startswith("HTTP_")
        }
        for key in ("CONTENT_TYPE", "CONTENT_LENGTH"):
            if environ.get(key):
                headers[key.replace("_", "-").lower()] = environ[key]
        return cls(environ["REQUEST_METHOD"], path, query, headers)


class LocalService:
    """The WSGI application.

    :param api: the labeling operations.
    :param pages: the pages for a browser.
    :param moto: moto's application.
    :param storage: the embedded S3; None if S3 is elsewhere.
    :param messaging: the embedded SNS and SQS.
    :param s3_endpoint: where S3 is, if it is elsewhere.
    :param region: the one region that labeling operations are served for.
    :param credentials: if set, every request must be signed with them.
    """

    def __init__(
        self,
        api: LabelingApi,
        pages: Pages,
        moto: WsgiApp,
        storage: EmbeddedStorage | None,
        messaging: Messaging,
        *,
        s3_endpoint: str | None,
        region: str,
        credentials: Credentials | None,
    ) -> None:
        self._api, self._pages, self._moto, self._storage = api, pages, moto, storage
        self._messaging = messaging
        self._s3_endpoint, self._region, self._credentials = s3_endpoint, region, credentials

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        request = _Request.of(environ)
        environ["RAW_URI"] = request.path + (f"?{request.query}" if request.query else "")
        is_page = request.path == PAGES_PATH or request.path.startswith(f"{PAGES_PATH}/")
        try:
            self._admit(request, environ, is_page)
        except ApiError as error:
            return _answer_error(request, start_response, error)
        if is_page:
            return self._pages(request.method, request.path, start_response)
        if request.path.startswith("/moto-api"):
            # It can wipe and rewire everything, without asking who calls.
            return _answer_error(request, start_response, ApiError("AccessDenied", "Not served here.", 403))
        operation = request.headers.get("x-amz-target", "")
        if operation.startswith(_TARGET):
            return self._labeling(operation.removeprefix(_TARGET), request, environ, start_response)
        try:
            return self._other(request, environ, start_response)
        except ApiError as error:
            return _answer_error(request, start_response, error)
        except DatabaseError as error:
            log.error("%s %s: %s", request.method, request.path, error)
            unavailable = ApiError("ServiceUnavailable", "The service's database does not take it. Try again.", 503)
            return _answer_error(request, start_response, unavailable)

    def _admit(self, request: _Request, environ: Environ, is_page: bool) -> None:
        """Keep out what must not come in: foreign web pages always, unsigned requests where keys are set.

        :raises ApiError: if the request is refused.
        """
        origin = request.headers.get("origin")
        host = request.headers.get("host", "")
        if origin and urlsplit(origin).netloc != host and request.method not in {"GET", "HEAD", "OPTIONS"}:
            raise ApiError("AccessDenied", "Pages of other sites may not change anything here.", 403)
        if self._credentials is None:
            if not is_local_name(host):
                raise ApiError("AccessDenied", f"This service does not answer for the host {host!r}.", 403)
            return
        if is_page:
            _check_basic(request.headers.get("authorization", ""), self._credentials)
            return
        body = _read_body(environ, _LARGEST_SIGNED_BODY)
        signed = SignedRequest(request.method, host, request.path, request.query, request.headers, body)
        check_signature(signed, self._credentials, datetime.now(UTC))

    def _labeling(
        self, operation: str, request: _Request, environ: Environ, start_response: StartResponse
    ) -> Iterable[bytes]:
        try:
            scope = credential_scope(request.headers.get("authorization", ""), request.query)
            if scope and scope[0] != self._region:
                raise ApiError(
                    "InvalidSignatureException",
                    f"Credential should be scoped to a valid region: this service runs {self._region}, "
                    f"not {scope[0]!r}.",
                    HTTPStatus.FORBIDDEN,
                )
            if operation not in self._api.operations:
                raise unsupported(operation, list(self._api.operations))
            body = json.loads(_read_body(environ, _LARGEST_API_BODY) or b"{}")
            if not isinstance(body, dict):
                raise ValueError("the body is not a JSON object")
            answer = self._api.call(operation, body)
        except ApiError as error:
            return _answer_error(request, start_response, error)
        except (ValueError, RecursionError) as error:
            return _answer_error(request, start_response, ApiError("SerializationException", str(error)))
        except Exception:
            log.exception("%s failed", operation)
            internal = ApiError("InternalFailure", "See the log of the local service.", 500)
            return _answer_error(request, start_response, internal)
        return _answer(start_response, HTTPStatus.OK, json.dumps(answer).encode(), _JSON)

    def _other(self, request: _Request, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        is_s3 = _is_s3(request)
        if is_s3 and self._storage is None:
            message = f"S3 is at {self._s3_endpoint}: give that endpoint to S3 clients."
            return _answer_error(request, start_response, ApiError("InvalidRequest", message))
        if not is_s3:
            _read_body(environ, _LARGEST_MESSAGING_BODY)
        answers: list[Any] = []
        with ExitStack() as recorded:
            recorded.enter_context(self._messaging.recording())
            if self._storage is not None and request.method not in {"GET", "HEAD"}:
                recorded.enter_context(self._storage.recording())
            parts = list(self._moto(environ, lambda *answer: answers.append(answer)))
        start_response(*answers[-1])
        return parts


def load_moto() -> WsgiApp:
    """moto's application, without its "everything from everywhere" CORS headers."""
    os.environ.setdefault("MOTO_DISABLE_GLOBAL_CORS", "true")
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

    application: WsgiApp = DomainDispatcherApplication(create_backend_app)
    return application


def is_loopback(host: str) -> bool:
    """Whether an address to bind to is reachable from this machine only."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def is_local_name(host_header: str) -> bool:
    """Whether a Host header names this machine: a page that rebinds a foreign name to loopback does not."""
    name = urlsplit(f"//{host_header}").hostname or ""
    return name == "localhost" or name.endswith(".localhost") or is_loopback(name)


def _service(request: _Request) -> str | None:
    """The service that a request is signed for."""
    scope = credential_scope(request.headers.get("authorization", ""), request.query)
    return scope[1] if scope else None


def _is_s3(request: _Request) -> bool:
    service = _service(request)
    if service:
        return service == "s3"
    form = request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded")
    return "x-amz-target" not in request.headers and not form


def _read_body(environ: Environ, limit: int) -> bytes:
    """The body, left in place for whoever reads it next.

    :raises ApiError: if it is larger than the limit in bytes.
    """
    length = int(environ.get("CONTENT_LENGTH") or 0)
    if length > limit:
        raise ApiError("RequestEntityTooLarge", f"The body has {length} bytes, at most {limit} are taken.", 413)
    body: bytes = environ["wsgi.input"].read(length)
    environ["wsgi.input"] = BytesIO(body)
    return body


def _check_basic(authorization: str, credentials: Credentials) -> None:
    """Let a browser in with the access key as user name and the secret key as password."""
    wanted = base64.b64encode(f"{credentials.access_key_id}:{credentials.secret_access_key}".encode())
    if not hmac.compare_digest(authorization.encode(), b"Basic " + wanted):
        raise ApiError("Unauthorized", "Sign in with the service's access key and secret key.", HTTPStatus.UNAUTHORIZED)


def _answer(start_response: StartResponse, status: int, body: bytes, content_type: str) -> Iterable[bytes]:
    headers = [
        ("Content-Type", content_type),
        ("Content-Length", str(len(body))),
        ("x-amzn-RequestId", str(uuid.uuid4())),
    ]
    if status == HTTPStatus.UNAUTHORIZED:
        headers.append(("WWW-Authenticate", 'Basic realm="labeling"'))
    start_response(f"{int(status)} {HTTPStatus(status).phrase}", headers)
    return [body]


def _answer_error(request: _Request, start_response: StartResponse, error: ApiError) -> Iterable[bytes]:
    """An error in the protocol that the caller speaks: JSON for labeling operations, XML for S3 and the rest."""
    if "x-amz-target" in request.headers:
        body = json.dumps({"__type": error.code, "message": error.message, "Message": error.message})
        return _answer(start_response, error.status, body.encode(), _JSON)
    code, message = escape(error.code), escape(error.message)
    if _is_s3(request):
        text = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>{message}</Message></Error>"
    else:
        text = f"<ErrorResponse><Error><Code>{code}</Code><Message>{message}</Message></Error></ErrorResponse>"
    return _answer(start_response, error.status, text.encode(), "application/xml")

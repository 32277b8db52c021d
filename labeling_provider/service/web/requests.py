"""The head of a request, parsed once: all later decisions use this, however the request was written."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import parse_qs, parse_qsl, quote, unquote, urlsplit

from labeling_provider.service.cloud.offered import SERVICE_OF_TARGET, SERVICE_OF_VERSION, Service
from labeling_provider.service.failures import ApiError

MAX_HEADERS: Final = 100
MAX_PARAMETERS: Final = 200
PAGES_PATH: Final = "/_labeling"
PORTAL_PATH: Final = "/portal"
STATIC_PATH: Final = "/portal/static"
HEALTH_PATH: Final = "/healthz"
READINESS_PATH: Final = "/readyz"
METRICS_PATH: Final = "/metrics"
MAX_LOGGED_PATH: Final = 300
FORM: Final = "application/x-www-form-urlencoded"
COPY_SOURCE: Final = "x-amz-copy-source"

_SECRET_BELOW: Final = (f"{PORTAL_PATH}/invitations/", f"{STATIC_PATH}/template/")
"""Whoever knows what comes after these may open it."""
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"})
_HEADER_NAME: Final = re.compile(r"[a-z0-9!#$%&'*+.^`|~-]+")
_HOST: Final = re.compile(r"(\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9._-]{1,253})(?::[0-9]{1,5})?")
_BUCKET: Final = re.compile(r"[A-Za-z0-9._-]{3,255}")
_USER_METADATA: Final = "x-amz-meta-"
# Two values for one of these would be ambiguous.
_ONCE: Final = ("x-amz-", "sec-fetch-", "content-", "authorization", "host", "origin", "referer", "transfer-encoding")


@dataclass(frozen=True)
class CopySource:
    """The object that an S3 request copies."""

    bucket: str
    key: str
    version_id: str

    @property
    def header(self) -> str:
        """The header that names it, in the only spelling that can't be read in two ways."""
        return quote(f"{self.bucket}/{self.key}") + (f"?versionId={quote(self.version_id)}" if self.version_id else "")


@dataclass(frozen=True)
class RequestHead:
    """Method, address and headers of a request.

    :param path: percent-encoded, as sent; starts with ``/``.
    :param query: percent-encoded, as sent.
    :param headers: values by lower-case name.
    :param host: the Host header.
    :param parameters: names and values in the query, decoded, in order.
    :param scheme: http or https, as the caller sees it.
    """

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    host: str
    parameters: tuple[tuple[str, str], ...] = field(repr=False)
    scheme: str = "http"

    @classmethod
    def of(cls, scope: Mapping[str, Any]) -> RequestHead:
        """Read an ASGI scope.

        :raises ApiError: if the request is malformed or ambiguous.
        """
        method = scope["method"]
        if scope["http_version"] not in {"1.0", "1.1"}:
            raise _bad("The HTTP version must be 1.0 or 1.1.")
        headers = _headers(scope["headers"])
        host = headers.get("host", "")
        if not _HOST.fullmatch(host) or not _name_of(host):
            raise _bad("The Host header must be a name, with or without a port.")
        path, query = scope["raw_path"].decode("ascii"), scope["query_string"].decode("ascii")
        if path.startswith(("http://", "https://")):
            scheme, _, rest = path.partition("://")
            named, slash, path = rest.partition("/")
            if named != host:
                raise _bad(f"The address and the Host header name different hosts: {scheme}://{named[:100]}.")
            path = slash + path or "/"
        if not path.startswith("/"):
            raise _bad("The address must be a path.")
        if "transfer-encoding" in headers and "content-length" in headers:
            raise _bad("Content-Length and Transfer-Encoding must not be used together.")
        try:
            pairs = parse_qsl(query, keep_blank_values=True, max_num_fields=MAX_PARAMETERS)
        except ValueError:
            raise _bad(f"The query has more than {MAX_PARAMETERS} parameters.") from None
        head = cls(method, path, query, headers, host, tuple(pairs), scope.get("scheme", "http"))
        # A page answers by itself, with the methods that it has.
        if method not in _METHODS and not (head.is_page or head.is_portal):
            raise ApiError("MethodNotAllowed", f"{method[:20]} is not supported.", HTTPStatus.METHOD_NOT_ALLOWED)
        return head

    def parameter(self, name: str) -> str | None:
        """The value of a query parameter; None if it is missing.

        :raises ApiError: if it occurs more than once.
        """
        values = [value for given, value in self.parameters if given == name]
        if len(values) > 1:
            raise _bad(f"{name} occurs {len(values)} times in the query.")
        return values[0] if values else None

    @property
    def origin(self) -> str:
        """The service as the caller reaches it: ``http://host:port``."""
        return f"{self.scheme}://{self.host}"

    @property
    def host_name(self) -> str:
        """The name in the Host header, in lower case and without the port."""
        return _name_of(self.host)

    @property
    def is_page(self) -> bool:
        """Whether the request is for one of the browser pages."""
        path = unquote(self.path)
        return path == PAGES_PATH or path.startswith(f"{PAGES_PATH}/")

    @cached_property
    def is_portal(self) -> bool:
        """Whether the request is for the worker portal. A signed request means a bucket of that name."""
        path = unquote(self.path)
        is_signed = "authorization" in self.headers or any(name.startswith("X-Amz-") for name, _ in self.parameters)
        return (path == PORTAL_PATH or path.startswith(f"{PORTAL_PATH}/")) and not is_signed and not self.target

    @property
    def is_bare_address(self) -> bool:
        """Whether somebody has opened the service's address in a browser. Clients of S3 ask for XML, or anything."""
        is_plain = self.path == "/" and not self.parameters and "authorization" not in self.headers
        is_browser = self.method in {"GET", "HEAD"} and "text/html" in self.headers.get("accept", "")
        return is_plain and is_browser and self.s3_path == "/"

    @property
    def is_static(self) -> bool:
        """Whether the request is for a file that workers' pages load; these are for everybody."""
        return self.is_portal and self.path.startswith(f"{STATIC_PATH}/")

    @property
    def is_monitoring(self) -> bool:
        """Whether the request is a health check or for metrics. A signed request means a bucket of that name."""
        return (
            self.path in {HEALTH_PATH, READINESS_PATH, METRICS_PATH}
            and self.method in {"GET", "HEAD"}
            and not self.parameters
            and not self.headers.get("authorization", "").startswith("AWS")
        )

    @cached_property
    def target(self) -> tuple[Service, str] | None:
        """The service and operation in ``X-Amz-Target``; None without that header.

        :raises ApiError: if the service is not offered.
        """
        given = self.headers.get("x-amz-target")
        if given is None:
            return None
        name, _, operation = given.partition(".")
        if name not in SERVICE_OF_TARGET or not operation:
            code = "UnknownOperationException"
            raise ApiError(code, f"This endpoint has no operation {given[:100]!r}.", HTTPStatus.NOT_FOUND)
        return SERVICE_OF_TARGET[name], operation

    @property
    def content_type(self) -> str:
        """The body's media type, in lower case and without parameters."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    @property
    def is_form(self) -> bool:
        """Whether the body is the form of a request in the query protocol."""
        return self.method == "POST" and self.content_type == FORM

    @cached_property
    def bucket_and_key(self) -> tuple[str, str]:
        """The bucket and key of an S3 request, decoded. The bucket may be in the Host header, ``bucket.localhost``.

        :raises ApiError: if there is a key but no bucket, or the key is not supported.
        """
        bucket, _, key = self.s3_path.removeprefix("/").partition("/")
        if key and not bucket:
            raise _bad("The address does not name a bucket.")
        if "\n" in unquote(key):
            raise _bad("Keys with line breaks are not supported.")
        return unquote(bucket), unquote(key)

    @property
    def copy_source(self) -> CopySource | None:
        """What an S3 request copies; None if it copies nothing.

        :raises ApiError: if the header does not name a bucket and a key.
        """
        given = self.headers.get(COPY_SOURCE)
        if given is None:
            return None
        path, _, version = given.partition("?versionId=")
        bucket, _, key = unquote(path).removeprefix("/").partition("/")
        if not _BUCKET.fullmatch(bucket) or not key:
            raise ApiError("InvalidArgument", f"{COPY_SOURCE} must be BUCKET/KEY, not {given[:100]!r}.")
        return CopySource(bucket, key, unquote(version))

    @property
    def s3_path(self) -> str:
        """The path with the bucket in it, percent-encoded."""
        if not self.host_name.endswith(".localhost"):
            return self.path
        bucket = self.host_name.removesuffix(".localhost").removesuffix(".s3")
        return self.path if bucket == "s3" else f"/{bucket}{self.path}"

    @property
    def reads_an_object(self) -> bool:
        """Whether an S3 request of this form reads an object, or asks whether a page may.

        It does not say whether the request is for S3.
        """
        reads = self.method in {"GET", "HEAD", "OPTIONS"} and bool(self.bucket_and_key[1])
        return reads and self.target is None and not self.is_page and not self.is_portal


def path_for_log(raw_path: bytes) -> str:
    """A request's path, percent-encoded as it was sent, for the log: cut at :data:`MAX_LOGGED_PATH` characters.

    The query and secrets are left out: who may read the log may not use other people's invitations.
    """
    path = raw_path[:MAX_LOGGED_PATH].decode("latin-1")
    if not path.startswith("/"):
        # An address with a host, which may have a password before it.
        path = "/" + path.partition("://")[2].partition("/")[2]
    path = path.partition("?")[0]
    plain = "/".join(["", *(part for part in unquote(path).split("/") if part), ""])
    return next((f"{beginning}…" for beginning in _SECRET_BELOW if plain.startswith(beginning)), path)


def form_fields(body: bytes, max_fields: int = 20) -> dict[str, list[str]]:
    """The fields of a form that a browser has sent; none if it is not a form, or has too many."""
    try:
        return parse_qs(body.decode(), keep_blank_values=True, max_num_fields=max_fields)
    except ValueError:
        return {}


def service_of_form(fields: Iterable[tuple[str, str]]) -> tuple[Service | None, str]:
    """The service and operation of a request in the query protocol.

    :param fields: name and value of each field.
    :return: the service, None if its version is unknown; and the operation, empty if it is missing.
    :raises ApiError: if Action or Version occurs twice.
    """
    named: dict[str, str] = {}
    for name, value in fields:
        if name in {"Action", "Version"}:
            if name in named:
                raise _bad(f"{name} occurs twice.")
            named[name] = value
    return SERVICE_OF_VERSION.get(named.get("Version", "")), named.get("Action", "")


def _name_of(host: str) -> str:
    """The name in a Host header; empty if it is not a valid address."""
    try:
        return (urlsplit(f"//{host}").hostname or "").rstrip(".")
    except ValueError:
        return ""


def _headers(raw: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    headers: dict[str, str] = {}
    for number, (name_bytes, value_bytes) in enumerate(raw, 1):
        if number > MAX_HEADERS:
            code = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
            raise ApiError("RequestHeaderSectionTooLarge", f"More than {MAX_HEADERS} headers.", code)
        name, value = name_bytes.decode("latin-1").lower(), value_bytes.decode("latin-1")
        # Gateways treat "_" and "-" alike, so one header could pass as another.
        if not _HEADER_NAME.fullmatch(name) and not name.startswith(_USER_METADATA):
            raise _bad(f"The header name {name[:100]!r} is not supported.")
        if name not in headers:
            headers[name] = value
        elif name.startswith(_ONCE):
            raise _bad(f"The header {name[:100]} occurs twice.")
        else:
            headers[name] += f",{value}"
    return headers


def _bad(message: str) -> ApiError:
    return ApiError("InvalidRequest", message)

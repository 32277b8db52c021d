"""Routing: which service and operation a request is for, how large its body may be, and the call to that service."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from http import HTTPStatus
from io import BytesIO
from typing import Final
from urllib.parse import parse_qsl, urlencode

from labeling_provider.service.cloud.offered import Call, Service
from labeling_provider.service.failures import ApiError
from labeling_provider.service.web.bodies import Body
from labeling_provider.service.web.requests import COPY_SOURCE, FORM, RequestHead, service_of_form
from labeling_provider.service.web.signatures import Signature

MAX_PAGE_BODY_BYTES: Final = 1 << 20
MAX_PORTAL_BODY_BYTES: Final = 16 << 20
"""The largest draft or answer of a person: a mask of 4000 × 3000 pixels may have several megabytes."""
MAX_OBJECT_BYTES: Final = 1_000_000_000
"""The largest object: SQLite can't store a larger value."""

_MAX_REQUEST_BYTES: Final = {Service.SAGEMAKER: 1 << 20}
_MAX_OTHER_BYTES: Final = 4 << 20
_MAX_FORM_FIELDS: Final = 5_000
_MAX_SHOWN: Final = 500
_OF_SIGNATURES: Final = "X-Amz-"
_JSON: Final[Sequence[str]] = ("application/x-amz-json-1.0", "application/x-amz-json-1.1")
_SETTINGS_OF_OBJECTS: Final = frozenset({"acl", "tagging", "retention", "legal-hold"})
_POSTED_TO_OBJECTS: Final = frozenset({"uploads", "uploadId", "restore", "select"})


def named_service(request: RequestHead, signature: Signature | None) -> Service | None:
    """The service that a request's head names; None if only the body does.

    :raises ApiError: if it names two services, or one that is not offered.
    """
    target = request.target
    if request.method == "OPTIONS":
        if target or not request.reads_an_object:
            raise ApiError("MethodNotAllowed", "OPTIONS is served for S3 objects only.", HTTPStatus.METHOD_NOT_ALLOWED)
        return Service.S3
    if target and request.method != "POST":
        raise ApiError("MethodNotAllowed", "Operations must be called with POST.", HTTPStatus.METHOD_NOT_ALLOWED)
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


def service_and_operation(named: Service | None, request: RequestHead, body: Body) -> tuple[Service, str]:
    """The service and operation that a request is for. The operation is empty for S3, which has it in the address.

    :param named: the service from the head; None if only the body names it.
    :raises ApiError: if they are unknown or ambiguous.
    """
    in_query = any(name in {"Action", "Version"} for name, _ in request.parameters)
    if sum((bool(request.target), request.is_form, in_query)) > 1:
        raise ApiError("InvalidRequest", "Name the operation in one place only: the header, the query or the form.")
    if named != Service.S3:
        _check_places(request, body, in_query=in_query)
    if request.target:
        return request.target
    if named == Service.S3:
        bucket, key = request.bucket_and_key
        of_nothing = not bucket and request.method not in {"GET", "HEAD", "OPTIONS"}
        names = {name for name, _ in request.parameters}
        if of_nothing or (key and request.method == "POST" and not names & _POSTED_TO_OBJECTS):
            raise ApiError("MethodNotAllowed", "This is not an S3 operation.", HTTPStatus.METHOD_NOT_ALLOWED)
        return named, ""
    service, operation = service_of_form(_fields(body) if request.is_form else request.parameters)
    if service is None or not operation:
        raise ApiError("InvalidAction", "The request's Action and Version are not known here.")
    if named and named != service:
        raise _wrong_scope(service)
    return service, operation


def check_plain(request: RequestHead, signature: Signature | None) -> None:
    """Refuse ambiguous requests: multipart forms, compressed bodies, and unsigned links that change something.

    :param signature: the request's, if its keys are secret; else None.
    :raises ApiError: if the request is refused.
    """
    if request.method != "POST" and (signature is None or request.method != "GET"):
        raise ApiError("MethodNotAllowed", "Operations must be called with POST.", HTTPStatus.METHOD_NOT_ALLOWED)
    packed = request.headers.get("content-encoding", "identity") != "identity"
    if packed or request.content_type.startswith("multipart/"):
        raise ApiError("InvalidRequest", "The body must not be compressed or multipart.")


def is_upload(request: RequestHead) -> bool:
    """Whether the body of an S3 request is an object or a part of one."""
    names = {name for name, _ in request.parameters}
    return request.method == "PUT" and bool(request.bucket_and_key[1]) and not names & _SETTINGS_OF_OBJECTS


def max_body(service: Service | None, request: RequestHead) -> int:
    """The maximum size of the body in bytes."""
    if request.method == "OPTIONS":
        return 0
    if request.is_page:
        return MAX_PAGE_BODY_BYTES
    if request.is_portal:
        return MAX_PORTAL_BODY_BYTES
    if service == Service.S3:
        posts = request.method == "POST" and request.content_type == "multipart/form-data" and not request.parameters
        return MAX_OBJECT_BYTES if posts or is_upload(request) else _MAX_OTHER_BYTES
    return _MAX_REQUEST_BYTES.get(service, _MAX_OTHER_BYTES) if service else _MAX_OTHER_BYTES


def call_of(service: Service, operation: str, request: RequestHead, signature: Signature | None, body: Body) -> Call:
    """The request in the normalized form that supporting services get.

    Rights are decided by the same form, so that a service can't find in the request what they have not seen: outside
    S3, it is a POST whose body alone has the parameters, and in S3 the source of a copy is spelled in one way.

    :raises ApiError: if the parameters can't be read.
    """
    scope = signature.scope if signature else None
    headers = dict(request.headers)
    if service == Service.S3:
        if source := request.copy_source:
            headers[COPY_SOURCE] = source.header
        return Call(
            *(operation, request.method, request.s3_path, request.query, headers, request.host, scope),
            *(body.file, body.length),
        )
    content = _document(body) if request.target else urlencode(_parameters(request, body)).encode()
    kinds = _JSON if request.target else (FORM,)
    headers["content-type"] = request.content_type if request.content_type in kinds else kinds[0]
    return Call(operation, "POST", request.path, "", headers, request.host, scope, BytesIO(content), len(content))


def _wrong_scope(service: Service) -> ApiError:
    message = f"Credential should be scoped to correct service: {str(service)!r}."
    return ApiError("InvalidSignatureException", message, HTTPStatus.FORBIDDEN)


def _check_places(request: RequestHead, body: Body, *, in_query: bool) -> None:
    """Refuse parameters outside the place that names the operation: they might be taken for others.

    :raises ApiError: if there are any.
    """
    if in_query and body.length:
        raise ApiError("InvalidRequest", "The parameters are in the query, so there must be no body.")
    strays = () if in_query else _unsigned(request.parameters)
    if strays and (request.target or request.is_form):
        raise ApiError(
            "InvalidRequest", f"The parameters must be in the body, not in the query: {strays[0][0][:100]!r}."
        )


def _unsigned(parameters: Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """The parameters that are not a signature's."""
    return tuple((name, value) for name, value in parameters if not name.startswith(_OF_SIGNATURES))


def _parameters(request: RequestHead, body: Body) -> Sequence[tuple[str, str]]:
    """The parameters of a request in the query protocol."""
    return _fields(body) if request.is_form else _unsigned(request.parameters)


def _document(body: Body) -> bytes:
    """The parameters of a request in a JSON protocol, each once, in ASCII.

    :raises ApiError: if the body is not a JSON object.
    """
    content = body.bytes()
    body.file.seek(0)
    try:
        document = json.loads(content or b"{}")
        if not isinstance(document, dict):
            raise ValueError("the body is not a JSON object")
        return json.dumps(document).encode()
    except (ValueError, RecursionError) as error:
        raise ApiError("SerializationException", str(error)[:_MAX_SHOWN]) from None


def _fields(body: Body) -> list[tuple[str, str]]:
    """The fields of a form.

    :raises ApiError: if it can't be parsed.
    """
    content = body.bytes()
    body.file.seek(0)
    try:
        return parse_qsl(content.decode(), keep_blank_values=True, max_num_fields=_MAX_FORM_FIELDS)
    except ValueError:
        raise ApiError("MalformedQueryString", "The body is not a readable form.") from None

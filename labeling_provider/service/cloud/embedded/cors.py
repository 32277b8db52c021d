"""A bucket's CORS rules, applied as S3 does: which pages of other sites may use its objects.

moto applies all rules instead of the first that matches, and ignores the method and the headers.
Source: S3 user guide, "Using cross-origin resource sharing (CORS)"; Fetch standard, "CORS protocol and HTTP caches".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from io import BytesIO
from typing import Any, Final

from labeling_provider.service.cloud.offered import Call, ServiceResponse
from labeling_provider.service.failures import ApiError

_ASKED_METHOD: Final = "access-control-request-method"
_ASKED_HEADERS: Final = "access-control-request-headers"
_OURS: Final = "access-control-"

Headers = list[tuple[str, str]]


def preflight(rules: Sequence[Any], headers: Mapping[str, str]) -> ServiceResponse:
    """Answer a browser's preflight request.

    :param rules: moto's CORS rules of the bucket; empty if the bucket does not exist.
    :param headers: the request's, by lower-case name.
    :raises ApiError: if the page may not do what it wants.
    """
    origin, method = headers.get("origin"), headers.get(_ASKED_METHOD)
    if not origin or not method:
        raise ApiError("BadRequest", "A CORS preflight request needs Origin and Access-Control-Request-Method.")
    asked = [name.strip().lower() for name in headers.get(_ASKED_HEADERS, "").split(",") if name.strip()]
    rule = _first(rules, origin, method, asked)
    if rule is None:
        message = "No CORS rule of the bucket allows this origin to use this method with these headers."
        raise ApiError("AccessForbidden", message, HTTPStatus.FORBIDDEN)
    allowed = _allowing(rule, origin)
    if asked:
        allowed.append(("Access-Control-Allow-Headers", ", ".join(asked)))
    vary = ("Vary", "Origin, Access-Control-Request-Headers, Access-Control-Request-Method")
    return ServiceResponse(int(HTTPStatus.OK), [*allowed, vary], BytesIO(), 0)


def with_cors(response: ServiceResponse, rules: Sequence[Any], call: Call) -> ServiceResponse:
    """Replace the CORS headers of a response by those that S3 would send.

    :param rules: moto's CORS rules of the bucket.
    """
    headers = [(name, value) for name, value in response.headers if not name.lower().startswith(_OURS)]
    if rules:
        # A cache must not give the response to another origin.
        headers.append(("Vary", "Origin"))
    origin = call.headers.get("origin")
    rule = _first(rules, origin, call.method, ()) if origin else None
    if origin and rule:
        headers += _allowing(rule, origin)
    return ServiceResponse(response.status, headers, response.body, response.length)


def _first(rules: Sequence[Any], origin: str, method: str, headers: Sequence[str]) -> Any:
    """The first rule that allows an origin to use a method with some headers; None if there is none.

    :param headers: lower-case names.
    """
    for rule in rules:
        names = [name.lower() for name in rule.allowed_headers or ()]
        if (
            any(_fits(pattern, origin) for pattern in rule.allowed_origins or ())
            and method in (rule.allowed_methods or ())
            and all(any(_fits(pattern, header) for pattern in names) for header in headers)
        ):
            return rule
    return None


def _fits(pattern: str, text: str) -> bool:
    """Whether a string matches a pattern, in which the first ``*`` matches any characters."""
    before, star, after = pattern.partition("*")
    if not star:
        return text == pattern
    return len(text) >= len(before) + len(after) and text.startswith(before) and text.endswith(after)


def _allowing(rule: Any, origin: str) -> Headers:
    allowed = [
        ("Access-Control-Allow-Origin", "*" if "*" in rule.allowed_origins else origin),
        ("Access-Control-Allow-Methods", ", ".join(rule.allowed_methods)),
    ]
    if rule.exposed_headers:
        allowed.append(("Access-Control-Expose-Headers", ", ".join(rule.exposed_headers)))
    if rule.max_age_seconds is not None:
        allowed.append(("Access-Control-Max-Age", str(rule.max_age_seconds)))
    return allowed

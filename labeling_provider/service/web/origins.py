"""Which pages in a browser may ask for what.

A browser sends requests for every page it shows, hostile ones included; it says whose page it was in
 ``Origin`` and ``Sec-Fetch-Site``. Source: Fetch standard; W3C, "Fetch Metadata Request Headers".
"""

from __future__ import annotations

import ipaddress
from http import HTTPStatus
from typing import Final
from urllib.parse import urlsplit

from labeling_provider.service.errors import ApiError
from labeling_provider.service.web.requests import RequestHead

_EMBEDDED: Final = frozenset({"image", "video", "audio"})


def is_loopback(host: str) -> bool:
    """Whether an address to bind to is reachable from this machine only."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def is_local_name(name: str) -> bool:
    """Whether a host name is this machine's: one that a page has rebound to loopback is not."""
    return name.endswith(".localhost") or is_loopback(name)


def check_page(request: RequestHead, *, presigned: bool, secret: bool) -> None:
    """Refuse what a page of another site may not ask for.

    Such a page may lead to one of our pages; may show a picture by a presigned URL; may read an object by a presigned
    URL, if it is a page of this machine or nobody can sign but who was told the keys; and may write one in the latter
    case.

    :param presigned: whether the URL carries a signature for S3, which is right.
    :param secret: whether the keys that sign are known to nobody but who was told.
    :raises ApiError: if it is refused.
    """
    origin, site = request.headers.get("origin"), request.headers.get("sec-fetch-site", "none")
    if site in {"none", "same-origin"} and (origin is None or _name_and_port(origin) == request.host.lower()):
        return
    navigates = request.headers.get("sec-fetch-mode") == "navigate"
    if (
        (request.is_page or request.is_portal)
        and request.method == "GET"
        and navigates
        and request.headers.get("sec-fetch-dest") == "document"
    ):
        return
    if request.reads_an_object:
        if request.method == "OPTIONS":
            # It tells the bucket's rule and nothing else; the request that it asks for is looked at by itself.
            return
        by_script = origin is not None or request.headers.get("sec-fetch-mode", "cors") not in {"no-cors", "navigate"}
        shown = navigates or request.headers.get("sec-fetch-dest") in _EMBEDDED
        if presigned and (secret or (not by_script and shown) or _is_of_this_machine(origin)):
            return
    if presigned and secret and request.method == "PUT" and request.bucket_and_key[1]:
        return
    raise ApiError(
        "AccessDenied", "Pages of other sites may only read objects by presigned URLs.", HTTPStatus.FORBIDDEN
    )


def _is_of_this_machine(origin: str | None) -> bool:
    return origin is not None and is_local_name(_parts(origin)[0])


def _name_and_port(origin: str) -> str:
    return _parts(origin)[1].lower()


def _parts(origin: str) -> tuple[str, str]:
    """Name and name with port of an origin; empty if it is not one, such as ``null``."""
    try:
        parts = urlsplit(origin[:300])
        return parts.hostname or "", parts.netloc
    except ValueError:
        return "", ""

"""Which pages in a browser may send which requests.

A browser sends requests for any page it shows, including hostile ones. ``Origin`` and ``Sec-Fetch-Site`` say whose page
it is. Source: Fetch standard; W3C, "Fetch Metadata Request Headers".
"""

from __future__ import annotations

import ipaddress
from functools import lru_cache
from http import HTTPStatus
from typing import Final
from urllib.parse import urlsplit

from labeling_provider.service.failures import ApiError
from labeling_provider.service.web.requests import RequestHead

_EMBEDDED: Final = frozenset({"image", "video", "audio"})


@lru_cache(maxsize=64)
def is_loopback(host: str) -> bool:
    """Whether an address to listen on is reachable from this machine only."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def is_unspecified(host: str) -> bool:
    """Whether an address to listen on stands for all addresses of this machine."""
    try:
        return ipaddress.ip_address(host).is_unspecified
    except ValueError:
        return False


def is_local_name(name: str) -> bool:
    """Whether a host name means this machine. A foreign name that DNS points at loopback does not."""
    return name.endswith(".localhost") or is_loopback(name)


def check_page(request: RequestHead, *, presigned: bool, secret: bool) -> None:
    """Refuse requests that a page of another site may not send.

    Such a page may link to our pages and show pictures by presigned URLs. It may read objects by presigned URLs if it
    comes from this machine or if the keys are secret, and write objects if the keys are secret.

    :param presigned: whether the URL carries a valid signature for S3.
    :param secret: whether the signing keys are secret.
    :raises ApiError: if the request is refused.
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
            # The response holds only the bucket's CORS rule; the request that follows is checked separately.
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
    """An origin's host name, and its name with port; both empty if it is not a valid origin, such as ``null``."""
    try:
        parts = urlsplit(origin[:300])
        return parts.hostname or "", parts.netloc
    except ValueError:
        return "", ""

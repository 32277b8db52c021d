"""The cookies of a session: one for the worker portal, another for the requester's pages.

Neither is sent to the other's pages. They belong to one session, which ends as a whole.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Final, Literal

from starlette.requests import Request
from starlette.responses import Response

from labeling_provider.service.web.requests import PAGES_PATH, PORTAL_PATH
from labeling_provider.service.work.sign_ins import SESSION_SECONDS

PORTAL_COOKIE: Final = "labeling_session"
REQUESTER_COOKIE: Final = "labeling_requester"
_PLACES: Final[dict[str, tuple[str, Literal["lax", "strict"]]]] = {
    PORTAL_COOKIE: (PORTAL_PATH, "strict"),
    # Airflow's pages link to the requester's pages, where links never change anything.
    REQUESTER_COOKIE: (PAGES_PATH, "lax"),
}


def with_session(
    response: Response,
    portal: str | None,
    requester: str | None = None,
    *,
    secure: bool,
    seconds: float = SESSION_SECONDS,
) -> Response:
    """Sign somebody in, in place of anybody who was before.

    :param portal: the session's token for the portal; None if the person may not use that.
    :param requester: the token for the requester's pages; None if the person may not use them.
    """
    for cookie, token in ((REQUESTER_COOKIE, requester), (PORTAL_COOKIE, portal)):
        path, same = _PLACES[cookie]
        # A cookie whose age is 0 is forgotten.
        age = int(seconds) if token else 0
        response.set_cookie(cookie, token or "", age, path=path, httponly=True, samesite=same, secure=secure)
    return response


def without_session(response: Response) -> Response:
    """Forget who was signed in."""
    return with_session(response, None, secure=False)


def page_token(request: Request, cookie: str) -> str:
    """What pages of this session send along with each change. It does not reveal the cookie."""
    return hashlib.sha256(f"{cookie} page {request.cookies.get(cookie, '')}".encode()).hexdigest()[:32]


def is_page_token(request: Request, cookie: str, given: str) -> bool:
    """Whether a request that changes something is from one of this session's pages."""
    return hmac.compare_digest(given.encode(), page_token(request, cookie).encode())

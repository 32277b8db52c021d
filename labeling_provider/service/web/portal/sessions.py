"""Who asks: the session cookie, and the token that only the portal's own pages know."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, TypeVar

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from labeling_provider.service.work.people import SESSION_SECONDS, People, Person

COOKIE: Final = "labeling_session"
TOKEN_HEADER: Final = "x-labeling-portal"  # noqa: S105 - the name of a header
PATH: Final = "/portal"
_AT_ONCE: Final = 16
_T = TypeVar("_T")


class NotSignedIn(Exception):
    """Nobody is signed in, or the request is not from one of the portal's pages."""


class Threads:
    """Where the portal waits for the database, a few requests at once."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="labeling-portal")

    async def run(self, function: Callable[..., _T], *arguments: Any) -> _T:
        """Call a function in a thread."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, function, *arguments)


def person_of(people: People, request: Request) -> Person:
    """Who is signed in.

    :raises NotSignedIn: if nobody is.
    """
    token = request.cookies.get(COOKIE, "")
    person = people.of_session(token) if token else None
    if person is None:
        raise NotSignedIn
    return person


def check_token(request: Request) -> None:
    """See that a request that changes something is from one of the portal's pages.

    :raises NotSignedIn: if it is not.
    """
    given = request.headers.get(TOKEN_HEADER, "")
    if not hmac.compare_digest(given.encode(), page_token(request).encode()):
        raise NotSignedIn


def page_token(request: Request) -> str:
    """What pages of this session send along with each change. It tells nothing of the cookie."""
    return hashlib.sha256(b"portal page " + request.cookies.get(COOKIE, "").encode()).hexdigest()[:32]


def with_session(response: Response, token: str, *, secure: bool, seconds: float = SESSION_SECONDS) -> Response:
    """Keep somebody signed in."""
    response.set_cookie(COOKIE, token, max_age=int(seconds), path=PATH, httponly=True, samesite="strict", secure=secure)
    return response


def without_session(response: Response) -> Response:
    """Forget who was signed in."""
    response.delete_cookie(COOKIE, path=PATH, httponly=True, samesite="strict")
    return response


def base_of(request: Request) -> str:
    """Where the service is, as the browser sees it: ``http://host:port``."""
    return f"{request.scope['scheme']}://{request.headers['host']}"


def redirect(path: str, headers: Mapping[str, str] | None = None) -> Response:
    """Go to another page of the portal."""
    return RedirectResponse(f"{PATH}{path}", 303, dict(headers or {}))


Endpoint = Callable[[Request], Awaitable[Response]]

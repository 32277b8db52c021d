"""How the portal knows who asks: the session cookie, and the token that only the portal's own pages know."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Awaitable, Callable, Mapping
from functools import partial, update_wrapper
from queue import SimpleQueue
from typing import Any, Final, NamedTuple, TypeVar

from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import Receive, Scope, Send

from labeling_provider.service.cloud.impatient import WouldWait, never_wait
from labeling_provider.service.cloud.object_store import ObjectsAway
from labeling_provider.service.database.opening import DatabaseError
from labeling_provider.service.web.cookies import PORTAL_COOKIE, is_page_token
from labeling_provider.service.web.requests import PORTAL_PATH, path_for_log
from labeling_provider.service.web.responses import DATABASE_AWAY
from labeling_provider.service.work.people import Person
from labeling_provider.service.work.sign_ins import SignIns

log = logging.getLogger(__name__)

TOKEN_HEADER: Final = "x-labeling-portal"  # noqa: S105 - the name of a header
_MAX_THREADS: Final = 16
_T = TypeVar("_T")


class NotSignedIn(Exception):
    """Nobody is signed in, or the request is not from one of the portal's pages."""


Endpoint = Callable[[Request], Awaitable[Response]]


class Answer:
    """An endpoint as a separate application, which says in plain words what went wrong.

    Starlette's own way passes each message of each request through five more functions.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        update_wrapper(self, endpoint)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            response = await self._endpoint(Request(scope, receive))
        except DatabaseError:
            response = PlainTextResponse(f"503 {DATABASE_AWAY}", 503)
        except ObjectsAway:
            response = PlainTextResponse("503 The service's object store does not answer. Try again.", 503)
        except Exception:
            log.exception("%s %s failed", scope["method"], path_for_log(scope["raw_path"]))
            response = PlainTextResponse("500 The service has failed. Its log says why.", 500)
        await response(scope, receive, send)


class _Call(NamedTuple):
    """A function to call, and the future that waits for its result."""

    function: Callable[[], Any]
    loop: asyncio.AbstractEventLoop
    waiting: asyncio.Future[Any]


class Threads:
    """Threads in which the portal waits for the database, for a few requests at once.

    With an executor each call has two futures and three locks, as much work as many a request itself.

    :param others: threads for calls that turn out to need the object store, so that these are free whatever it does;
        None if these may wait for it.
    """

    def __init__(self, others: Threads | None = None) -> None:
        self._others = others
        self._calls: SimpleQueue[_Call] = SimpleQueue()
        self._are_there = False

    async def run(self, function: Callable[..., _T], *arguments: Any) -> _T:
        """Call a function in a thread; from its beginning in another one, if it would wait for the object store.

        So it has to read objects before it changes anything, or be a move that changes nothing when made again.
        """
        try:
            return await self._run(function, *arguments)
        except WouldWait:
            if self._others is None:
                raise
            return await self._others.run(function, *arguments)

    async def _run(self, function: Callable[..., _T], *arguments: Any) -> _T:
        if not self._are_there:
            self._are_there = True
            for _ in range(_MAX_THREADS):
                work = (self._calls, self._others is None)
                threading.Thread(target=_work, args=work, name="labeling-portal", daemon=True).start()
        loop = asyncio.get_running_loop()
        waiting: asyncio.Future[_T] = loop.create_future()
        self._calls.put(_Call(partial(function, *arguments), loop, waiting))
        return await waiting


def _work(calls: SimpleQueue[_Call], may_wait: bool) -> None:
    """Make one call after the other, for ever.

    :param may_wait: whether the calls may wait for the object store.
    """
    if not may_wait:
        never_wait()
    while True:
        call = calls.get()
        result: Any = None
        error: BaseException | None = None
        try:
            result = call.function()
        except BaseException as raised:  # noqa: BLE001 - whoever waits gets it
            error = raised
        try:
            call.loop.call_soon_threadsafe(_tell, call.waiting, result, error)
        except RuntimeError:
            log.debug("the service has ended before it could answer a request")
        # The result may be large, and the next call may be long in coming.
        del call, result, error


def _tell(waiting: asyncio.Future[Any], result: Any, error: BaseException | None) -> None:
    if waiting.done():
        return
    if error is None:
        waiting.set_result(result)
    else:
        waiting.set_exception(error)


def person_of(sign_ins: SignIns, request: Request) -> Person:
    """The person who is signed in.

    :raises NotSignedIn: if nobody is.
    """
    token = request.cookies.get(PORTAL_COOKIE, "")
    person = sign_ins.of_session(token) if token else None
    if person is None:
        raise NotSignedIn
    return person


def check_token(request: Request) -> None:
    """Check that a request that changes something is from one of the portal's pages.

    :raises NotSignedIn: if it is not.
    """
    if not is_page_token(request, PORTAL_COOKIE, request.headers.get(TOKEN_HEADER, "")):
        raise NotSignedIn


def base_of(request: Request) -> str:
    """Where the service is, as the browser sees it: ``http://host:port``."""
    return f"{request.scope['scheme']}://{request.headers['host']}"


def redirect(path: str, headers: Mapping[str, str] | None = None) -> Response:
    """Go to another page of the portal."""
    return RedirectResponse(f"{PORTAL_PATH}{path}", 303, dict(headers or {}))

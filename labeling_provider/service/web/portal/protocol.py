"""The requests of the task page: JSON, one request for each move of a task."""

from __future__ import annotations

import asyncio
import base64
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import wraps
from typing import Any, Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from labeling_provider.service.cloud.object_store import ObjectsAway
from labeling_provider.service.database.opening import DatabaseError
from labeling_provider.service.engine.mask_helper import MaskHelper, NoMask
from labeling_provider.service.failures import JobFailure
from labeling_provider.service.web.cookies import PORTAL_COOKIE, page_token
from labeling_provider.service.web.portal.sessions import (
    Answer,
    NotSignedIn,
    Threads,
    base_of,
    check_token,
    person_of,
)
from labeling_provider.service.web.requests import PORTAL_PATH
from labeling_provider.service.web.task_pages import ShownTask, TaskPages
from labeling_provider.service.work.desk import Desk, Handed, JobAtDesk, MoveRefused, NoSuchTask
from labeling_provider.service.work.people import Person
from labeling_provider.service.work.sign_ins import SignIns
from labeling_provider.service.work.tasks import Refusal

MAX_WAIT_SECONDS: Final = 25.0
_LOOK_SECONDS: Final = 0.4
"""How often a job that people wait for is checked, in seconds."""
_MAX_KEYS: Final = 200
_MAX_KEY_CHARACTERS: Final = 100
PAGE_KEYS: Final = {
    "submit": "Ctrl+Enter",
    "undo": "Ctrl+z",
    "redo": "Ctrl+Shift+z",
    "shortcuts": "?",
    "report": "Alt+r",
    "release": "Alt+g",
    "decline": "Alt+d",
    "stop": "Alt+s",
}
"""The default keys of the task page's commands."""
_REASONS: Final[dict[str, str]] = {
    Refusal.TIME_OVER: "late",
    Refusal.EXPIRED: "expired",
    Refusal.JOB_OVER: "stopped",
    Refusal.NOT_IN_HAND: "late",
    Refusal.DONE_BEFORE: "done",
}
"""The status and reason for a refused move."""


class BadRequest(Exception):
    """The page has sent an invalid request."""


class Protocol:
    """The moves of tasks over HTTP.

    Each gets the person, the request, and the JSON object in its body.
    """

    def __init__(
        self,
        desk: Desk,
        sign_ins: SignIns,
        threads: Threads,
        task_pages: TaskPages,
        mask_helper: MaskHelper,
    ) -> None:
        self._desk, self._sign_ins, self._threads, self._task_pages = desk, sign_ins, threads, task_pages
        self._mask_helper, self._mask_threads = mask_helper, Threads()
        self._openings = Openings(desk, threads)

    @property
    def of_each_answer(self) -> list[Route]:
        """The routes requested for every answer."""
        return [Route("/api/tasks/{task:int}/submit", self._guarded(self.submit), methods=["POST"])]

    @property
    def routes(self) -> list[Route]:
        """The other routes."""
        return [
            Route("/api/jobs/{job:int}/next", self._guarded(self.next), methods=["POST"]),
            Route("/api/tasks/{task:int}/save", self._guarded(self.save), methods=["POST"]),
            Route("/api/tasks/{task:int}/held", self._guarded(self.held), methods=["POST"]),
            Route("/api/tasks/{task:int}/decline", self._guarded(self.decline), methods=["POST"]),
            Route("/api/tasks/{task:int}/release", self._guarded(self.release), methods=["POST"]),
            Route("/api/tasks/{task:int}/remark", self._guarded(self.remark), methods=["POST"]),
            Route("/api/tasks/{task:int}/link", self._guarded(self.link), methods=["POST"]),
            Route("/api/tasks/{task:int}/mask", self._guarded(self.mask), methods=["POST"]),
            Route("/api/settings", self._guarded(self.settings), methods=["POST"]),
        ]

    async def next(self, person: Person, request: Request, body: dict[str, Any]) -> Any:
        """The task in hand, or the next one; the answer waits for one if there is none.

        Body: ``{"wait": seconds}``.

        :raises BadRequest: if the body is of another shape.
        """
        job_id = request.path_params["job"]
        deadline = time.monotonic() + min(_number(body, "wait"), MAX_WAIT_SECONDS)
        while True:
            handed = await self._threads.run(self._desk.next, person, job_id)
            left = deadline - time.monotonic()
            if handed.task is not None or left <= 0 or self._openings.are_over:
                return await self._threads.run(self._handed, person, job_id, handed)
            if await self._threads.run(self._is_over, person, job_id):
                return await self._threads.run(self._handed, person, job_id, handed)
            await self._openings.wait(job_id, left)

    def end_waits(self) -> None:
        """Answer those who wait for a task, and let nobody wait any more: the process is about to end.

        The page then asks again, and meets another process. Any thread may call this.
        """
        self._openings.are_over = True

    def save(self, person: Person, request: Request, body: dict[str, Any]) -> Any:
        """Keep a draft. Body: ``{"draft": any, "active": seconds}``.

        :raises BadRequest: if the body is of another shape.
        :raises MoveRefused: if the desk refuses it.
        """
        self._desk.save(person, request.path_params["task"], body.get("draft"), _number(body, "active"))
        return {}

    def held(self, person: Person, request: Request, body: dict[str, Any]) -> Any:
        """Check that the person still has the task; refused with the reason if not."""
        self._desk.in_hand(person, request.path_params["task"])
        return {}

    def submit(self, person: Person, request: Request, body: dict[str, Any]) -> Any:
        """Take an answer. Body: ``{"answer": object, "active": seconds}``. Returns what comes next.

        :raises BadRequest: if the body is of another shape.
        :raises MoveRefused: if the desk refuses it.
        """
        handed = self._desk.submit(person, request.path_params["task"], body.get("answer"), _number(body, "active"))
        return self._handed(person, int(_number(body, "job")), handed)

    def decline(self, person: Person, request: Request, body: dict[str, Any]) -> Any:
        """Take a task back for good. Body: ``{"reason": string}``. Returns what comes next.

        :raises BadRequest: if the body is of another shape.
        :raises MoveRefused: if the desk refuses it.
        """
        handed = self._desk.decline(person, request.path_params["task"], _text(body, "reason"))
        return self._handed(person, int(_number(body, "job")), handed)

    def release(self, person: Person, request: Request, body: dict[str, Any]) -> Any:
        """Give a task back."""
        self._desk.release(person, request.path_params["task"])
        return {}

    def remark(self, person: Person, request: Request, body: dict[str, Any]) -> Any:
        """Tell the requester something. Body: ``{"text": string}``.

        :raises BadRequest: if the body is of another shape.
        :raises MoveRefused: if the desk refuses it.
        """
        self._desk.remark(person, request.path_params["task"], _text(body, "text"))
        return {}

    def link(self, person: Person, request: Request, body: dict[str, Any]) -> Any:
        """A fresh link for one that no longer works. Body: ``{"url": string}``.

        :raises BadRequest: if the body is of another shape.
        """
        job, line, prepared = self._desk.shown(person, request.path_params["task"])
        task = ShownTask(job.kind, line, prepared)
        return {"fresh": self._task_pages.fresh_link(task, base_of(request), _text(body, "url"))}

    async def mask(self, person: Person, request: Request, body: dict[str, Any]) -> Any:
        """A mask on the picture of the task in hand.

        Body: ``{"extreme_points": [{"x", "y"}]}`` of four, or one or both of ``{"points": [{"x", "y", "inside"}],
        "box": {"left", "top", "width", "height"}}``, in stored pixels. Answer: ``{"left", "top", "width", "height",
        "pngImageData"}``, the box around the mask, and in base64 a PNG of its size, 255 where the object is, else 0.
        """
        job, line = await self._threads.run(self._desk.in_hand, person, request.path_params["task"])
        # A mask takes seconds, so it must not take a thread from other moves.
        mask = await self._mask_threads.run(
            lambda: self._mask_helper.mask(job.kind, line, person.worker_id, body),
        )
        sides = {side: getattr(mask, side) for side in ("left", "top", "width", "height")}
        return {**sides, "pngImageData": base64.b64encode(mask.png).decode()}

    def settings(self, person: Person, request: Request, body: dict[str, Any]) -> Any:
        """Save language and keys. Body: ``{"language": code, "keys": {command: key}}``; others stay unchanged.

        :raises BadRequest: if the body is of another shape, or too large.
        """
        settings = dict(person.settings)
        if "language" in body:
            settings["language"] = _text(body, "language")[:20]
        keys = body.get("keys")
        if keys is not None:
            if not isinstance(keys, dict) or len(keys) > _MAX_KEYS:
                raise BadRequest("keys must be an object of keys by command.")
            pairs = [(str(command), key) for command, key in keys.items()]
            if any(not isinstance(key, str) or max(len(key), len(name)) > _MAX_KEY_CHARACTERS for name, key in pairs):
                raise BadRequest("keys must be an object of keys by command.")
            settings["keys"] = dict(pairs)
        self._sign_ins.change_settings(person, settings)
        return {}

    # Details

    def _is_over(self, person: Person, job_id: int) -> bool:
        return self._desk.is_over(self._desk.job(person, job_id))

    def _handed(self, person: Person, job_id: int, handed: Handed) -> dict[str, Any]:
        """The next task for a page, or why there is none."""
        task = handed.task
        if task is None:
            why = self._desk.waits_for(person, self._desk.job(person, job_id))
            return {"task": None, "ahead": None, "waiting": why}
        return {
            "task": {
                "id": task.id,
                "frame": f"{PORTAL_PATH}/frame/{task.id}",
                "seconds_left": round(task.seconds_left, 1),
                "active": task.active,
                "draft": task.draft,
            },
            "ahead": handed.ahead and {"id": handed.ahead, "frame": f"{PORTAL_PATH}/frame/{handed.ahead}"},
        }

    def _guarded(self, move: Callable[[Person, Request, dict[str, Any]], Any]) -> Answer:
        """An endpoint for signed-in people with a JSON object as body; refusals get their status and reason."""
        waits = asyncio.iscoroutinefunction(move)

        @wraps(move)
        async def endpoint(request: Request) -> Response:
            try:
                check_token(request)
                body = _read(await request.body())
                if waits:
                    person = await self._threads.run(person_of, self._sign_ins, request)
                    return _json(await move(person, request, body))
                return _json(await self._threads.run(self._as_person, move, request, body))
            except NotSignedIn:
                return _json({"refused": "signed_out"}, 401)
            except NoSuchTask as error:
                return _json({"refused": "gone", "message": str(error)}, 404)
            except MoveRefused as error:
                return _json({"refused": _REASONS.get(error.reason, "invalid"), "message": str(error)}, 409)
            except NoMask as error:
                return _json({"refused": "mask", "message": str(error)}, 409)
            except BadRequest as error:
                return _json({"refused": "invalid", "message": str(error)}, 400)
            except JobFailure as error:
                return _json({"refused": "job", "message": str(error)}, 409)
            except (DatabaseError, ObjectsAway):
                return _json({"refused": "unavailable"}, 503)

        return Answer(endpoint)

    def _as_person(self, move: Callable[[Person, Request, dict[str, Any]], Any], request: Request, body: Any) -> Any:
        return move(person_of(self._sign_ins, request), request, body)


class Openings:
    """Wakes those who wait for a task of a job when there may be one, or when the job is over.

    However many wait, the job is checked once, and no more of them are woken than it has tasks for, starting with
    those who have waited longest.

    :ivar are_over: whether nobody may wait any more. Those who do are woken when their job is checked next.
    """

    def __init__(self, desk: Desk, threads: Threads) -> None:
        self._desk, self._threads = desk, threads
        self._waiting: dict[int, deque[asyncio.Future[None]]] = {}
        self._looking: set[asyncio.Task[None]] = set()
        self.are_over = False

    async def wait(self, job_id: int, seconds: float) -> None:
        """Wait until asking for a task of a job is worthwhile, or the time is over."""
        future = asyncio.get_running_loop().create_future()
        if job_id in self._waiting:
            self._waiting[job_id].append(future)
        else:
            self._waiting[job_id] = deque([future])
            task = asyncio.create_task(self._look(job_id, self._waiting[job_id]))
            self._looking.add(task)
            task.add_done_callback(self._looking.discard)
        try:
            await asyncio.wait([future], timeout=seconds)
        finally:
            future.cancel()

    async def _look(self, job_id: int, waiting: deque[asyncio.Future[None]]) -> None:
        """Check again and again, as long as somebody waits."""
        try:
            while waiting and not self.are_over:
                await asyncio.sleep(_LOOK_SECONDS)
                _tell(waiting, await self._threads.run(self._desk.wanted, job_id, len(waiting)))
                while waiting and waiting[0].done():
                    waiting.popleft()
        finally:
            del self._waiting[job_id]
            _tell(waiting, len(waiting))


def _tell(waiting: deque[asyncio.Future[None]], count: int) -> None:
    """Wake the first ones who still wait."""
    while waiting and count > 0:
        future = waiting.popleft()
        if not future.done():
            future.set_result(None)
            count -= 1


def numbers(work: Callable[[float], Any], now: float) -> dict[str, Any]:
    """What a person has done today, in the last seven days, and in all.

    :param work: tasks and active seconds since a time in epoch seconds.
    :param now: the time, in epoch seconds. Days begin at midnight UTC.
    """
    today = datetime.fromtimestamp(now, UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    since = {"today": today, "week": today - timedelta(days=6)}
    return {name: work(at.timestamp()) for name, at in since.items()} | {"ever": work(0.0)}


def start_of(
    request: Request, person: Person, job: JobAtDesk, words: Mapping[str, str], language: str, masks: Sequence[str]
) -> dict[str, Any]:
    """What the script of the task page begins with.

    :param masks: the inputs from which the service makes masks of objects.
    """
    return {
        "job": job.id,
        "path": PORTAL_PATH,
        "token": page_token(request, PORTAL_COOKIE),
        "language": language,
        "page_keys": PAGE_KEYS,
        "keys": person.settings.get("keys", {}),
        "words": dict(words),
        "person": person.worker_id,
        "masks": masks,
    }


def _read(body: bytes) -> dict[str, Any]:
    try:
        content = msgspec.json.decode(body) if body else {}
    except (msgspec.DecodeError, RecursionError):
        raise BadRequest("The body must be JSON.") from None
    if not isinstance(content, dict):
        raise BadRequest("The body must be a JSON object.")
    return content


def _number(body: dict[str, Any], key: str) -> float:
    value = body.get(key, 0)
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < 1e9:
        raise BadRequest(f"{key} must be a number.")
    return float(value)


def _text(body: dict[str, Any], key: str) -> str:
    value = body.get(key, "")
    if not isinstance(value, str) or "\0" in value:
        # PostgreSQL can't store NUL in a string.
        raise BadRequest(f"{key} must be a string without NUL characters.")
    return value


def _json(content: Any, status: int = 200) -> Response:
    headers = {"cache-control": "no-store", "x-content-type-options": "nosniff"}
    return Response(msgspec.json.encode(content), status, headers, "application/json")

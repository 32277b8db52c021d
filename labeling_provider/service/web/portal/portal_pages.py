"""The portal's pages: sign-in, invitation, my jobs, the task page, my numbers, help."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import wraps
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import quote

from jinja2.utils import htmlsafe_json_dumps
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route

from labeling_provider.rendering.environment import render
from labeling_provider.service.clock import Clock
from labeling_provider.service.cloud.object_store import ObjectsAway
from labeling_provider.service.database import job_rows, people_rows
from labeling_provider.service.database.database import Database, Row
from labeling_provider.service.database.job_rows import JobRow
from labeling_provider.service.database.states import Role
from labeling_provider.service.failures import JobFailure
from labeling_provider.service.web.cookies import (
    PORTAL_COOKIE,
    is_page_token,
    page_token,
    with_session,
    without_session,
)
from labeling_provider.service.web.frame import message_page
from labeling_provider.service.web.portal.protocol import PAGE_KEYS, numbers, start_of
from labeling_provider.service.web.portal.sessions import (
    Answer,
    NotSignedIn,
    Threads,
    base_of,
    person_of,
    redirect,
)
from labeling_provider.service.web.portal.words import choose_language, languages, words_of
from labeling_provider.service.web.requests import PORTAL_PATH, form_fields
from labeling_provider.service.web.task_pages import ShownTask, TaskPages
from labeling_provider.service.work.audit_trail import OK, AuditTrail
from labeling_provider.service.work.desk import Desk, NoSuchTask
from labeling_provider.service.work.passwords import TooManyTries, WrongPassword
from labeling_provider.service.work.people import PeopleError, Person
from labeling_provider.service.work.sign_ins import SignIns
from labeling_provider.service.work.single_sign_on import SignedIn, SingleSignOn

log = logging.getLogger(__name__)

_MAX_FORM_FIELDS: Final = 10
_WORDS: Final[dict[type[PeopleError], str]] = {WrongPassword: "wrong_password", TooManyTries: "too_many_tries"}
"""Keys of the texts that tell people why they are not signed in."""
_ONWARD: Final = re.compile(r"/(?:jobs/[0-9]{1,9}|labeling-jobs/[a-zA-Z0-9-]{1,63}|numbers|help)?")


class Pages:
    """The pages in a person's browser."""

    def __init__(
        self,
        database: Database,
        desk: Desk,
        sign_ins: SignIns,
        threads: Threads,
        task_pages: TaskPages,
        single_sign_on: SingleSignOn,
        audit: AuditTrail,
        masks: Sequence[str],
        clock: Clock,
    ) -> None:
        self._database, self._desk, self._sign_ins, self._threads = database, desk, sign_ins, threads
        self._task_pages, self._single_sign_on, self._audit = task_pages, single_sign_on, audit
        self._masks, self._clock = masks, clock

    @property
    def of_each_answer(self) -> list[Route]:
        """The routes requested for every answer, below ``/portal``."""
        return [Route("/frame/{task:int}", self._signed_in(self.frame), methods=["GET"])]

    @property
    def routes(self) -> list[Route]:
        """The other routes."""
        return [
            Route("/", self._signed_in(self.jobs), methods=["GET"]),
            Route("/sign-in", self._in_thread(self.sign_in), methods=["GET", "POST"]),
            Route("/sign-out", self._in_thread(self.sign_out), methods=["POST"]),
            Route("/invitations/{token}", self._in_thread(self.invitation), methods=["GET", "POST"]),
            Route("/jobs/{job:int}", self._signed_in(self.task_page), methods=["GET"]),
            Route("/labeling-jobs/{name}", self._signed_in(self.named_job), methods=["GET"]),
            Route("/numbers", self._signed_in(self.my_numbers), methods=["GET"]),
            Route("/help", self._signed_in(self.help), methods=["GET"]),
        ]

    # Pages

    def sign_in(self, request: Request, form: Mapping[str, str]) -> Response:
        """The sign-in page."""
        language = choose_language(request, None)
        trouble = ""
        if request.method == "POST":
            try:
                token = self._sign_ins.sign_in(form.get("name", ""), form.get("password"), address=_address(request))
            except PeopleError as error:
                key = _WORDS.get(type(error))
                trouble = words_of(language)[key] if key else str(error)
                # People type passwords there by mistake, so names that nobody has are not kept.
                name = form.get("name", "")
                self.write_down(request, "sign-in", name if self._sign_ins.is_known(name) else "", outcome="refused")
            else:
                self.write_down(request, "sign-in", session=token)
                return with_session(redirect(onward_of(form)), token, secure=request.url.scheme == "https")
        return self.show(
            request,
            "sign_in.html",
            language,
            status=403 if trouble else 200,
            title="sign_in",
            trouble=trouble,
            known=self._sign_ins.names(),
            passwords=self._sign_ins.need_passwords,
            single_sign_on=self._single_sign_on.is_there(),
            name=form.get("name", ""),
            onward=onward_of(form or request.query_params),
        )

    def sign_out(self, request: Request, form: Mapping[str, str]) -> Response:
        """Sign out, and end the session with the identity provider as well."""
        token, provider = request.cookies.get(PORTAL_COOKIE, ""), None
        if is_page_token(request, PORTAL_COOKIE, form.get("token", "")):
            person = self._sign_ins.of_session(token) if token else None
            if person is not None and person.issuer is not None:
                provider = self._single_sign_on.provider()
            self.write_down(request, "sign-out", session=token)
            self._sign_ins.sign_out(token)
        if provider is None:
            return without_session(redirect("/sign-in"))
        onward = provider.sign_out_url(f"{base_of(request)}{PORTAL_PATH}/sign-in")
        return without_session(self.onward(request, "signing_out", onward))

    def write_down(
        self,
        request: Request,
        what: str,
        claimed: str = "",
        *,
        session: str | None = None,
        signed_in: SignedIn | None = None,
        outcome: str = OK,
    ) -> None:
        """Record in the audit trail who has signed in or out.

        :param claimed: the name that somebody without a session claims.
        :param session: the session's token.
        :param signed_in: the person who has signed in with the identity provider.
        """
        person = signed_in or (self._sign_ins.of_session(session) if session else None)
        who, role = (person.worker_id, person.role) if person else (claimed, Role.NOBODY)
        self._audit.record(who, role, _address(request), what, person.name if person else "", outcome)

    def onward(self, request: Request, title: str, address: str) -> Response:
        """A page that continues by itself: a redirect may not leave the site after a form, nor carry a strict cookie.

        :param title: key of its text.
        :param address: the page to continue to, of the portal or of the identity provider.
        """
        return self.show(request, "onward.html", choose_language(request, None), title=title, address=address)

    def invitation(self, request: Request, form: Mapping[str, str]) -> Response:
        """The page on which an invited person chooses a password."""
        token = request.path_params["token"]
        trouble = ""
        if request.method == "POST":
            try:
                session = self._sign_ins.accept_invitation(token, form.get("password", ""))
            except PeopleError as error:
                trouble = str(error)
            else:
                self.write_down(request, "sign-in by invitation", session=session)
                return with_session(redirect("/"), session, secure=request.url.scheme == "https")
        name = self._sign_ins.invited(token)
        language = choose_language(request, None)
        status = 404 if name is None else 403 if trouble else 200
        return self.show(
            request, "invitation.html", language, status=status, title="invitation", name=name, trouble=trouble
        )

    def jobs(self, person: Person, request: Request) -> Response:
        """The labeling jobs that a person may work on."""
        jobs = self._desk.jobs(person)
        why_none = None if jobs else self._desk.no_jobs(person)
        return self._own_page(person, request, "jobs.html", title="my_jobs", jobs=jobs, why_none=why_none)

    def task_page(self, person: Person, request: Request) -> Response:
        """The page on which a person labels."""
        job = self._desk.job(person, request.path_params["job"])
        language = choose_language(request, person)
        start = start_of(request, person, job, words_of(language), language, self._masks)
        return self._own_page(
            person,
            request,
            "task.html",
            title="",
            heading=job.request.title,
            job=job,
            start=htmlsafe_json_dumps(start, sort_keys=False),
        )

    def named_job(self, person: Person, request: Request) -> Response:
        """The task page of a labeling job, by the job's name: links from elsewhere lead here.

        :raises NoSuchTask: if there is no such job.
        """
        with self._database.read() as connection:
            job = job_rows.find_job(connection, request.path_params["name"])
        if job is None:
            raise NoSuchTask("There is no such labeling job.")
        return redirect(f"/jobs/{job.id}")

    def my_numbers(self, person: Person, request: Request) -> Response:
        """What a person has done."""

        def work(since: float) -> Row:
            with self._database.read() as connection:
                return people_rows.work_done(connection, person.worker_id, since)

        done = numbers(work, self._clock.now())
        return self._own_page(person, request, "numbers.html", title="my_numbers", numbers=done)

    def help(self, person: Person, request: Request) -> Response:
        """How to work with the keyboard, and what happens with tasks."""
        return self._own_page(person, request, "help.html", title="help")

    def frame(self, person: Person, request: Request) -> Response:
        """The page of a task, for the frame of the task page."""
        job, line, prepared = self._desk.shown(person, request.path_params["task"])
        language = choose_language(request, person)
        try:
            task = ShownTask(job.kind, line, prepared)
            return self._task_pages.page(task, base_of(request), language)
        except ObjectsAway as error:
            log.warning("task %d can't be shown: %s", request.path_params["task"], error)
            return message_page(words_of(language)["objects_away"], HTTPStatus.SERVICE_UNAVAILABLE, language)
        except JobFailure as error:
            message = f"The page of this task can't be shown. Tell the requester of {job.name}: {error}"
            return message_page(message, HTTPStatus.UNPROCESSABLE_ENTITY)

    # Details

    def _own_page(self, person: Person, request: Request, template: str, **values: Any) -> Response:
        language = choose_language(request, person)
        return self.show(request, template, language, person=person, token=page_token(request, PORTAL_COOKIE), **values)

    def show(
        self, request: Request, template: str, language: str, *, status: int = 200, title: str, **values: Any
    ) -> Response:
        """A page.

        :param template: a file in ``templates``.
        :param title: key of its title's text; empty if the page has its own heading.
        """
        words = words_of(language)
        names = {
            "path": PORTAL_PATH,
            "word": words.__getitem__,
            "language": language,
            "languages": languages(),
            "asset": self._task_pages.asset,
            "title": words[title] if title else values["heading"],
            "person": None,
            "page_keys": PAGE_KEYS,
            "price": _price,
            "day": _day,
            "duration": _duration,
        }
        portal = base_of(request) + PORTAL_PATH
        policy = (
            f"default-src 'none'; script-src {portal}/static/; style-src {portal}/static/ 'unsafe-inline'; "
            f"img-src 'self' data:; connect-src {portal}/; frame-src {portal}/frame/; form-action 'self'; "
            "base-uri 'none'; frame-ancestors 'none'"
        )
        headers = {
            "content-security-policy": policy,
            "x-content-type-options": "nosniff",
            "x-frame-options": "DENY",
            # Without a referrer, a form would not say where it comes from.
            "referrer-policy": "same-origin",
            "cache-control": "no-store",
        }
        content = render(f"service/web/portal/templates/{template}", **{**names, **values})
        return HTMLResponse(content, status, headers)

    def _in_thread(self, view: Callable[[Request, Mapping[str, str]], Response]) -> Answer:
        """An endpoint for somebody who need not be signed in."""

        @wraps(view)
        async def endpoint(request: Request) -> Response:
            fields = form_fields(await request.body(), _MAX_FORM_FIELDS) if request.method == "POST" else {}
            form = {name: values[0] for name, values in fields.items()}
            return await self._threads.run(view, request, form)

        return Answer(endpoint)

    def _signed_in(self, view: Callable[[Person, Request], Response]) -> Answer:
        """An endpoint for somebody who is signed in."""

        def answer(request: Request) -> Response:
            try:
                return view(person_of(self._sign_ins, request), request)
            except NotSignedIn:
                return redirect(f"/sign-in?onward={quote(request.scope['path'], safe='')}")
            except NoSuchTask as error:
                return PlainTextResponse(f"404 {error}", 404)

        @wraps(view)
        async def endpoint(request: Request) -> Response:
            return await self._threads.run(answer, request)

        return Answer(endpoint)


def _address(request: Request) -> str:
    """The IP address that a request comes from, as named proxies say; empty if it is not known."""
    return request.client.host if request.client else ""


def _price(job: JobRow) -> str:
    """What a task pays, in USD; empty if the job does not say."""
    price = job.request.price_usd
    return "" if price is None else f"USD {price:.3f}"


def _day(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d")


def _duration(seconds: float) -> str:
    """Hours, minutes and seconds."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}"


def onward_of(given: Mapping[str, str]) -> str:
    """The page of the portal that a person wanted: its path."""
    path = given.get("onward", "")
    return path if _ONWARD.fullmatch(path) else "/"

"""The service's browser pages: the jobs, each job's progress, output and log, and quality reports.

The operators' extra links lead here when the connection's endpoint is this service.

All pages are below ``/_labeling``. A request reaches them only after :class:`~.asgi.Application` has let it in
(the host's name, the site that asks, the credentials if there are any) and has read its body, within its limits. To add
pages, write their endpoints in a new module: functions that take a Starlette ``Request`` and answer with
:func:`page`. Then add their routes to :func:`make_pages`; the guards apply to them as well.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from functools import wraps
from typing import Any, Final
from urllib.parse import quote

from anyio import CapacityLimiter, to_thread
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from labeling_provider.groundtruth.facts import bucket_arn
from labeling_provider.groundtruth.job import queue_name
from labeling_provider.groundtruth.layout import output_manifest_uri
from labeling_provider.rendering.environment import render
from labeling_provider.service.clock import Clock
from labeling_provider.service.cloud.object_store import MissingObject, ObjectsAway, ObjectStore
from labeling_provider.service.database import job_rows, people_rows, task_rows
from labeling_provider.service.database.database import Database
from labeling_provider.service.database.job_rows import JobRow
from labeling_provider.service.database.opening import DatabaseError
from labeling_provider.service.web.labeling_jobs import scope_of
from labeling_provider.service.web.requests import PAGES_PATH
from labeling_provider.service.web.responses import DATABASE_AWAY
from labeling_provider.service.web.tags import is_own_job
from labeling_provider.service.work.audit_trail import AuditTrail
from labeling_provider.service.work.people import Person
from labeling_provider.service.work.requesters import Requester

log = logging.getLogger(__name__)

MAX_JOBS: Final = 200
MAX_LINES: Final = 200
MAX_TRAININGS: Final = 100
MAX_REMARKS: Final = 100
MAX_LINE_CHARACTERS: Final = 2_000
MAX_OUTPUT_BYTES: Final = 1 << 20
MAX_REPORT_BYTES: Final = 64 << 20
POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
_REPORT_POLICY: Final = f"{POLICY}; img-src data:; sandbox"
_FORM_POLICY: Final = POLICY.replace("form-action 'none'", "form-action 'self'")
_MAX_READING: Final = 8
OBJECTS_AWAY: Final = "The service's object store (S3) does not answer. Try again."
_MESSAGES: Final = {
    403: ("Not from here", "Open the page again and try once more: this was not sent from a page of your session."),
    404: ("Not found", "There is no such page."),
    405: ("Not allowed", "These pages are read-only."),
}


def make_pages(database: Database, object_store: ObjectStore, clock: Clock, more: Sequence[Route]) -> Starlette:
    """The application that answers for all pages; its paths begin after ``/_labeling``.

    :param more: routes of pages in other modules.
    """
    views = _JobPages(database, object_store, clock)
    routes = [
        *more,
        Route("/", views.jobs),
        Route("/jobs/{name}", views.overview),
        Route("/jobs/{name}/log", views.log),
        Route("/jobs/{name}/output", reads_objects(views.output)),
        Route("/reports/{bucket}/{key:path}", reads_objects(views.report)),
    ]
    unavailable = {DatabaseError: _unavailable, ObjectsAway: _unavailable}
    return Starlette(routes=routes, exception_handlers={HTTPException: _refused, **unavailable})


def reads_objects(view: Callable[..., Response]) -> Callable[..., Awaitable[Response]]:
    """An endpoint that may have to wait for the object store, with few threads of its own: others go on meanwhile.

    :param view: is called with the request, and further arguments if the endpoint gets some.
    """
    limiters: list[CapacityLimiter] = []

    @wraps(view)
    async def endpoint(*arguments: Any) -> Response:
        if not limiters:
            # It belongs to the event loop.
            limiters.append(CapacityLimiter(_MAX_READING))
        return await to_thread.run_sync(view, *arguments, limiter=limiters[0])

    return endpoint


def page(
    request: Request | None,
    template: str,
    *,
    status: int = 200,
    policy: str = POLICY,
    refresh: bool = False,
    has_form: bool = False,
    **values: Any,
) -> Response:
    """An answer with one of ``service/web/templates``.

    :param request: whose session the page shows; None if nobody is signed in.
    :param template: a file in ``service/web/templates``.
    :param policy: its content security policy.
    :param refresh: whether the browser reloads it every two seconds.
    :param has_form: whether it sends something to the service.
    """
    names = {"address": _address, "time": _time, "pages_path": PAGES_PATH, "refresh": refresh}
    person = person_of_page(request) if request else None
    content = render(f"service/web/templates/{template}", person=person, **names, **values)
    response = _answer(content, status, _FORM_POLICY if has_form else policy)
    if has_form:
        # Without a referrer, a form would not say where it comes from.
        response.headers["referrer-policy"] = "same-origin"
    return response


def _answer(content: str | bytes, status: int, policy: str) -> Response:
    headers = {
        "content-security-policy": policy,
        "x-content-type-options": "nosniff",
        "x-frame-options": "DENY",
        "referrer-policy": "no-referrer",
        "cache-control": "no-store",
    }
    return HTMLResponse(content, status, headers)


def _message(request: Request, status: int, title: str, text: str) -> Response:
    return page(request, "page.html", status=status, title=title, text=text)


def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - this handler is registered for nothing else
    response = _message(request, error.status_code, *_MESSAGES[error.status_code])
    # If the method was wrong, they say which ones are right.
    response.headers.update(error.headers or {})
    return response


def _unavailable(request: Request, error: Exception) -> Response:
    log.error("%s: %s", request.url.path[:200], error)
    text = OBJECTS_AWAY if isinstance(error, ObjectsAway) else DATABASE_AWAY
    return _message(request, 503, "Unavailable", text)


class _JobPages:
    """The endpoints of the routes."""

    def __init__(self, database: Database, object_store: ObjectStore, clock: Clock) -> None:
        self._database, self._object_store, self._clock = database, object_store, clock

    def jobs(self, request: Request) -> Response:
        """The latest jobs."""
        scope = scope_of(self._database, requester_of(request))
        with self._database.read() as connection:
            latest = job_rows.latest_jobs(connection, MAX_JOBS, scope)
        return page(request, "jobs.html", title="Labeling jobs", jobs=latest)

    def overview(self, request: Request) -> Response:
        """A job's settings, its progress, and what automated labeling has done."""
        job = job_of(self._database, request)
        with self._database.read() as connection:
            trainings = job_rows.latest_trainings(connection, job.id, MAX_TRAININGS)
            waiting = job_rows.messages_waiting(connection, queue_name(job.name)) if job.request.is_streaming else 0
            workers = task_rows.workers_at_work(connection, job.id, self._clock.now())
            at_work = sorted(people_rows.names(connection, workers).values(), key=str.casefold)
            remarks = people_rows.latest_remarks(connection, job.id, MAX_REMARKS)
        facts = {
            "Reason": job.failure_reason,
            "Labeled by people": f"{job.labeled:,}",
            "Labeled by machine": f"{job.machine_labeled:,}" if trainings else "",
            "Already labeled": f"{job.given:,}",
            "Failed": f"{job.failed:,}",
            "Unlabeled": f"{job.unlabeled:,}",
            "Workteam": job.workteam_arn,
            "People at work": ", ".join(at_work),
            "Workers per object": job.request.workers_per_object,
            "Title": job.request.title,
            "Input manifest": job.request.manifest_uri,
            "Input topic": job.request.input_topic_arn,
            "Waiting in the queue": f"{waiting:,}" if job.request.is_streaming else "",
            "Output topic": job.request.output_topic_arn,
            "Output manifest": output_manifest_uri(job.request.output_uri),
            "Created": _time(job.created),
            "Last modified": _time(job.modified),
        }
        counts = {"given": job.given, "people": job.labeled, "machine": job.machine_labeled, "failed": job.failed}
        return page(
            request,
            "overview.html",
            title=job.name,
            refresh=job.runs,
            job=job,
            facts=facts,
            done=sum(counts.values()),
            shares=[(css_class, 100 * count / max(job.lines, 1)) for css_class, count in counts.items()],
            trainings=trainings,
            remarks=remarks,
        )

    def log(self, request: Request) -> Response:
        """The last lines of a job's log."""
        job = job_of(self._database, request)
        with self._database.read() as connection:
            lines = job_rows.latest_log_lines(connection, job.id, MAX_LINES)
        return page(request, "log.html", title=job.name, refresh=job.runs, job=job, lines=lines)

    def output(self, request: Request) -> Response:
        """The first lines of a job's output manifest."""
        job = job_of(self._database, request)
        uri = output_manifest_uri(job.request.output_uri)
        values: dict[str, Any] = {"title": job.name, "refresh": job.runs, "job": job, "uri": uri}
        try:
            beginning = self._object_store.beginning(uri, MAX_OUTPUT_BYTES)
        except (MissingObject, ValueError):
            return page(request, "output.html", **values, lines=None)
        lines = beginning.decode(errors="replace").splitlines()
        shown = [line[:MAX_LINE_CHARACTERS] for line in lines[:MAX_LINES]]
        return page(request, "output.html", **values, lines=shown, is_cut=len(lines) > MAX_LINES)

    def report(self, request: Request) -> Response:
        """A report in S3. Anybody may have written it, so the browser shows it in a sandbox."""
        bucket, key = request.path_params["bucket"], request.path_params["key"]
        who = requester_of(request)
        with self._database.read() as connection:
            is_own = bucket in who.buckets or who.owns(connection, bucket_arn(bucket))
        if not key.endswith(".html") or not is_own:
            raise HTTPException(404)
        try:
            report = self._object_store.beginning(f"s3://{bucket}/{key}", MAX_REPORT_BYTES + 1)
        except (MissingObject, ValueError):
            raise HTTPException(404) from None
        if len(report) > MAX_REPORT_BYTES:
            raise HTTPException(404)
        return _answer(report, 200, _REPORT_POLICY)


def job_of(database: Database, request: Request) -> JobRow:
    """The labeling job that a page's address names.

    :raises HTTPException: if there is none, or it is not the requester's.
    """
    with database.read() as connection:
        job = job_rows.find_job(connection, request.path_params["name"])
        if job is None or not is_own_job(connection, requester_of(request), job.arn, job.workteam_arn):
            raise HTTPException(404)
    return job


def write_down(audit: AuditTrail, request: Request, what: str, target: str, outcome: str) -> None:
    """Record in the audit trail what somebody has done on a page."""
    who, address = requester_of(request), request.client.host if request.client else ""
    audit.record(who.name, who.role, address, what, target, outcome)


def requester_of(request: Request) -> Requester:
    """The requester who asks for a page."""
    who: Requester = request.scope["requester"]
    return who


def person_of_page(request: Request) -> Person | None:
    """The person who is signed in; None if the request was made with a key."""
    person: Person | None = request.scope.get("person")
    return person


def _address(job: JobRow) -> str:
    return f"{PAGES_PATH}/jobs/{quote(job.name)}"


def _time(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")

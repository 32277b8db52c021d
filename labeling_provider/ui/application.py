"""The plugin's pages: routes, permissions, and actions.

Every route asks Airflow who the user is and whether they may read or edit the Dag. Slow parts of a page load
separately, so a slow or unavailable service never blocks a page.
"""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Any, Final, Literal
from urllib.parse import urlencode

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity, DagDetails
from airflow.api_fastapi.core_api.security import GetUserDep, requires_access_dag
from airflow.configuration import conf
from fastapi import Body, Depends, FastAPI, HTTPException, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse, Response
from pydantic import BeforeValidator, Field

from labeling_provider.errors import LabelingError, counted
from labeling_provider.groundtruth.description import JobRequest
from labeling_provider.groundtruth.job import JobStatus
from labeling_provider.groundtruth.layout import WORKER_RESPONSES, output_manifest_uri
from labeling_provider.groundtruth.objects import LineState
from labeling_provider.groundtruth.uris import join_s3_uri
from labeling_provider.manifest import Files
from labeling_provider.rendering.drawing import small_picture
from labeling_provider.rendering.environment import replace_surrogates
from labeling_provider.ui.cards import Cards
from labeling_provider.ui.catalog import JobPlace, find_job, find_jobs
from labeling_provider.ui.live import Confirmed, LiveJobs, is_plain_s3
from labeling_provider.ui.output_manifest import (
    MAX_PAGES,
    PAGE,
    Wanted,
    read_labels,
    without_labels,
)
from labeling_provider.ui.showing import STATIC, chart, query_of, render_page, static_file
from labeling_provider.ui.signed import is_signed
from labeling_provider.ui.task_jobs import TaskJob, TaskKey

PAGE_ROWS: Final = 50
MAX_BODY_BYTES: Final = 64 << 10
MAX_SELECTED: Final = 1_000
_NEWEST: Final = 99
_ANSWERS: Final = 300
_FIRST_LOOK_SECONDS: Final = 2.0
_INTEGER: Final = 2**31 - 1
_EXAMPLE: Final = "label_by_hand"
"""Leads a newcomer to the examples, where Airflow has them."""
_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self'; connect-src 'self'; "
    "form-action 'none'; base-uri 'none'; frame-ancestors 'self'"
)
_HEADERS: Final = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}

log = logging.getLogger(__name__)


def _unmapped(text: Any) -> Any:
    """The map index; for tasks that are not mapped, Airflow leaves the placeholder in the URL."""
    return -1 if text == "{MAP_INDEX}" else text


Id = Annotated[str, Query(max_length=250)]
MapIndex = Annotated[int, BeforeValidator(_unmapped), Query(ge=-1, le=_INTEGER)]


def _task(dag_id: Id, run_id: Id, task_id: Id, map_index: MapIndex = -1) -> TaskKey:
    return TaskKey(dag_id, run_id, task_id, map_index)


def _after(
    after_run: Annotated[int | None, Query(ge=0, le=_INTEGER)] = None,
    after_task: Id = "",
    after_index: Annotated[int, Query(ge=-2, le=_INTEGER)] = -2,
) -> JobPlace | None:
    return None if after_run is None else JobPlace(after_run, after_task, after_index)


TaskDep = Annotated[TaskKey, Depends(_task)]
AfterDep = Annotated[JobPlace | None, Depends(_after)]
Status = JobStatus | Literal[""]
_READS: Final = [Depends(requires_access_dag("GET", DagAccessEntity.TASK_INSTANCE))]
_EDITS: Final = [Depends(requires_access_dag("PUT"))]


def make_application() -> FastAPI:
    """The application that Airflow's API server mounts."""
    application = FastAPI(title="Labeling", docs_url=None, redoc_url=None, openapi_url=None)
    views = _Views()

    @application.middleware("http")
    async def with_headers(request: Request, call_next: Callable[[Request], Any]) -> Response:
        response: Response = _refused(request) or await call_next(request)
        for name, value in _HEADERS.items():
            response.headers.setdefault(name, value)
        return response

    @application.exception_handler(LabelingError)
    async def failed(request: Request, error: LabelingError) -> Response:
        if request.method == "POST":
            return JSONResponse({"detail": replace_surrogates(str(error))}, 502)
        return HTMLResponse(render_page("trouble.html", trouble=str(error)))

    @application.exception_handler(RequestValidationError)
    async def unreadable(request: Request, error: RequestValidationError) -> Response:
        # FastAPI's own response repeats the input, which may not be valid JSON.
        problems = [f"{'.'.join(map(str, problem['loc']))}: {problem['msg']}" for problem in error.errors()]
        return JSONResponse({"detail": replace_surrogates("; ".join(problems)[:1_000])}, 422)

    application.get("/", response_class=HTMLResponse)(views.jobs)
    application.get("/job", response_class=HTMLResponse, dependencies=_READS)(views.job)
    application.get("/job/progress", response_class=HTMLResponse, dependencies=_READS)(views.progress)
    application.get("/job/labels", response_class=HTMLResponse, dependencies=_READS)(views.labels)
    application.get("/job/workers", response_class=HTMLResponse, dependencies=_READS)(views.workers)
    application.get("/job/stream", response_class=HTMLResponse, dependencies=_READS)(views.stream)
    application.get("/job/people", response_class=HTMLResponse, dependencies=_READS)(views.people)
    application.get("/picture", dependencies=_READS)(views.picture)
    application.post("/job/stop", dependencies=_EDITS)(views.stop)
    application.post("/job/relabel", dependencies=_EDITS)(views.relabel)
    application.get("/static/{name}")(views.static)
    return application


class _Views:
    """The routes' handlers."""

    def __init__(self) -> None:
        self._services = LiveJobs()
        self._secret = hashlib.sha256(b"labeling:" + conf.get("api", "secret_key").encode()).digest()

    def jobs(
        self,
        user: GetUserDep,
        after: AfterDep,
        dag_id: Id = "",
        run_id: Id = "",
        status: Status = "",
        workteam: Id = "",
        text: Annotated[str, Query(max_length=200)] = "",
        part: bool = False,
    ) -> str:
        """A page of jobs that the user may see, newest first."""
        allowed = get_auth_manager().get_authorized_dag_ids(user=user)
        chosen = allowed & {dag_id} if dag_id else allowed

        def matches(job: TaskJob) -> bool:
            self._services.show(job)
            return (
                (not status or job.status == status)
                and (not workteam or job.workteam == workteam)
                and (not text or any(text.lower() in str(part).lower() for part in (job.name, *job.task[:3])))
            )

        filters = status or workteam or text
        page = find_jobs(
            chosen, PAGE_ROWS, run_id=run_id, after=after, matches=matches if filters else None, word=text or workteam
        )
        for job in page.jobs:
            self._services.show(job)
        self._services.refresh(page.jobs)
        newest = [] if part else find_jobs(allowed, _NEWEST).jobs
        return render_page(
            "jobs_part.html" if part else "jobs.html",
            jobs=page.jobs,
            total=page.total,
            further=_further(page.after) if page.after else "",
            is_first=after is None,
            has_examples=_EXAMPLE in allowed,
            statuses=list(JobStatus),
            dags=sorted({job.task.dag_id for job in newest}),
            workteams=sorted({job.workteam for job in newest} - {""}),
            query={
                "dag_id": dag_id,
                "run_id": run_id,
                "status": status,
                "workteam": workteam,
                "text": text,
            },
        )

    def job(self, task: TaskDep, user: GetUserDep) -> str:
        """The page of one job; its parts load separately."""
        job = find_job(task)
        if job is not None:
            self._services.show(job)
        return render_page("job.html", job=job, task=task, query=query_of(task), may_edit=_may_edit(user, task.dag_id))

    def progress(self, task: TaskDep) -> str:
        """Status and counters."""
        job = self._known(task)
        self._services.refresh([job], _FIRST_LOOK_SECONDS, ended=True)
        if self._services.show(job) or job.facts is None:
            raise LabelingError(job.trouble)
        return render_page("progress_part.html", job=job)

    def labels(
        self,
        task: TaskDep,
        user: GetUserDep,
        state: Literal["labeled", "failed"] = "labeled",
        by: Literal["", "people", "machine"] = "",
        class_name: Annotated[str, Query(max_length=300)] = "",
        below: Annotated[float, Query(ge=0, le=1.01, allow_inf_nan=False)] = 1.01,
        page: Annotated[int, Query(ge=1, le=MAX_PAGES)] = 1,
    ) -> str:
        """A burn-up chart, failure reasons, and objects with their labels, those with the lowest confidence first."""
        job, mine = self._confirmed(task)
        wanted = Wanted(LineState(state), by, class_name, below, page)
        manifest = read_labels(Files(mine.hook), output_manifest_uri(mine.output_uri), mine.label_attribute, wanted)
        cards = Cards(self._secret, task, mine, manifest.shown)
        return render_page(
            "labels_part.html",
            job=job,
            manifest=manifest,
            wanted=wanted,
            pages=min(max(-(-manifest.matching // PAGE), 1), MAX_PAGES),
            cards=[(shown, cards.card(shown)) for shown in manifest.shown],
            manifest_uri=output_manifest_uri(mine.output_uri),
            chart=chart(manifest, job),
            query=query_of(task),
            may_edit=_may_edit(user, task.dag_id),
        )

    def workers(self, task: TaskDep) -> str:
        """The workers' statistics, from a sample of their answers."""
        from labeling_provider.client.listing import list_uris
        from labeling_provider.quality import AnsweredJob, Measure, chosen_files

        _, mine = self._confirmed(task)
        files, count = chosen_files(
            list_uris(mine.hook.ground_truth.objects, join_s3_uri(mine.output_uri, WORKER_RESPONSES, ""), [".json"]),
            _ANSWERS,
        )
        measure = Measure(Files(mine.hook), mine.label_attribute)
        measure.answers([AnsweredJob(output_manifest_uri(mine.output_uri), files, count)])
        return render_page("workers_part.html", quality=measure.quality)

    def stream(self, task: TaskDep) -> str:
        """The number of objects waiting for a streaming job, and the rates at which they arrive and are labeled."""
        from labeling_provider.streaming.pusher import Backlog

        job, mine = self._confirmed(task)
        backlog = Backlog(mine.hook.ground_truth, mine.name).depth()
        age = max(time.time() - job.created, 1)
        arrivals = (job.count("total") + backlog) / age * 3600
        figures = {
            "waiting in the queue": f"{backlog:,}",
            "arriving": f"{arrivals:,.0f}/h",
            "labeled": f"{job.rate:,.0f}/h",
        }
        return render_page("stream_part.html", figures=figures)

    def people(self, task: TaskDep) -> str:
        """Who works on the job in the portal of a self-hosted service, and what they report; Amazon does not say."""
        from labeling_provider.client.job_people import read_people
        from labeling_provider.jobs.addresses import job_url

        job, mine = self._confirmed(task)
        ground_truth = mine.hook.ground_truth
        if ground_truth.is_amazon:
            return ""
        page = job_url(ground_truth, JobRequest.named(mine.name))
        return render_page("people_part.html", job=job, page=page, people=read_people(ground_truth, page))

    def picture(
        self,
        task: TaskDep,
        uri: Annotated[str, Query(max_length=2_000)],
        expires: Annotated[int, Query(ge=0, le=2**53)],
        signature: Annotated[str, Query(max_length=100)],
        width: Annotated[int, Query(ge=0, le=2**31)] = 0,
        height: Annotated[int, Query(ge=0, le=2**31)] = 0,
    ) -> Response:
        """One of the job's pictures, scaled down; the URL must be signed.

        ``width`` and ``height`` are the picture's size according to its label; they decide which way up it is shown.
        """
        if not is_plain_s3(uri) or not is_signed(self._secret, task, uri, expires, signature):
            raise HTTPException(403, "This URL is not valid or has expired")
        _, mine = self._confirmed(task)
        picture = small_picture(Files(mine.hook), uri, (width, height))
        if picture is None:
            raise HTTPException(404, "This picture can't be shown")
        return Response(
            picture.body, media_type=f"image/{picture.kind}", headers={"Cache-Control": "private, max-age=900"}
        )

    def stop(self, request: Request, task: TaskDep, user: GetUserDep) -> Response:
        """Stop the job."""
        _refuse_foreign(request)
        _, mine = self._confirmed(task)
        was_running = mine.hook.stop_job(mine.name)
        _note(user, "labeling_stop", task, mine.name)
        return JSONResponse(
            {"message": f"{mine.name} is being stopped." if was_running else f"{mine.name} has already ended."}
        )

    def relabel(
        self,
        request: Request,
        task: TaskDep,
        user: GetUserDep,
        lines: Annotated[
            list[Annotated[int, Field(ge=1, le=_INTEGER)]], Body(embed=True, min_length=1, max_length=MAX_SELECTED)
        ],
    ) -> Response:
        """Write a manifest of some objects, without their labels, for another job."""
        _refuse_foreign(request)
        _, mine = self._confirmed(task)
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%f")
        uri = join_s3_uri(mine.output_uri, "relabel", f"{stamp}.manifest")
        manifest = output_manifest_uri(mine.output_uri)
        count = without_labels(Files(mine.hook), manifest, mine.label_attribute, set(lines), uri)
        _note(user, "labeling_relabel", task, f"{mine.name}: {counted(count, 'object')} to {uri}")
        return JSONResponse(
            {"message": f"A manifest for another job was written, with {counted(count, 'object')}.", "uri": uri}
        )

    def static(self, name: str, user: GetUserDep) -> Response:
        """The script and the style sheet."""
        if name not in STATIC:
            raise HTTPException(404, "This file does not exist")
        return Response(static_file(name), media_type=STATIC[name], headers={"Cache-Control": "private, max-age=3600"})

    @staticmethod
    def _known(task: TaskKey) -> TaskJob:
        job = find_job(task)
        if job is None:
            raise HTTPException(404, "This task has not created a labeling job")
        return job

    def _confirmed(self, task: TaskKey) -> tuple[TaskJob, Confirmed]:
        job = self._known(task)
        return job, self._services.confirmed(job)


def _refused(request: Request) -> Response | None:
    """The response to a request that is refused before its body is read; None if the request is allowed."""
    if b"%00" in request.scope["query_string"]:
        return JSONResponse({"detail": "Arguments must not contain NUL characters"}, 400)
    # No page reads the body of any other method.
    length = request.headers.get("content-length", "" if request.method == "POST" else "0")
    if not (length.isascii() and length.isdigit() and len(length) < 10 and int(length) <= MAX_BODY_BYTES):
        return JSONResponse({"detail": f"A body needs a Content-Length of at most {MAX_BODY_BYTES:,} bytes"}, 413)
    return None


def _further(place: JobPlace) -> str:
    return urlencode({"after_run": place.run, "after_task": place.task_id, "after_index": place.map_index})


def _may_edit(user: Any, dag_id: str) -> bool:
    return bool(get_auth_manager().is_authorized_dag(method="PUT", details=DagDetails(id=dag_id), user=user))


def _refuse_foreign(request: Request) -> None:
    """Refuse changes from anywhere but the plugin's pages: forms and other sites can't send this header.

    :raises HTTPException: if the header is missing.
    """
    if request.headers.get("x-labeling") != "1":
        raise HTTPException(403, "Changes can only be made from the page")


def _note(user: Any, event: str, task: TaskKey, what: str) -> None:
    """Record a user's action in Airflow's audit log."""
    from airflow.models.log import Log
    from airflow.utils.session import create_session

    name = user.get_name()
    with create_session() as session:
        session.add(Log(event=event, owner=name, owner_display_name=name, extra=what, **task._asdict()))
    log.info("%s by %s: %s", event, name, what)

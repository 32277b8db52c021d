"""The plugin's pages: who may see what, what the pages show, and the few things people can do there.

Every route asks Airflow who the user is and whether they may read, or edit, the DAG. Slow parts of a page load on their
own, so a service that is slow or down never takes a page down with it.
"""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Final, Literal, get_args
from urllib.parse import quote, urlencode, urlsplit

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity, DagDetails
from airflow.api_fastapi.core_api.security import GetUserDep, requires_access_dag
from airflow.configuration import conf
from botocore.exceptions import BotoCoreError, ClientError
from fastapi import Body, Depends, FastAPI, HTTPException, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse, Response
from markupsafe import Markup
from pydantic import BeforeValidator, Field

from labeling_provider.errors import LabelingError
from labeling_provider.groundtruth.job import queue_name
from labeling_provider.groundtruth.layout import WORKER_RESPONSES, output_manifest_uri
from labeling_provider.groundtruth.uris import join_s3_uri
from labeling_provider.jobs.progress import duration
from labeling_provider.manifest import Files, MaskLabel
from labeling_provider.rendering.drawing import class_names, drawn_picture, marked_text, size_of, small_picture
from labeling_provider.rendering.pages import printable, render, style_sheet
from labeling_provider.ui.catalog import Place, TaskJob, TaskKey, find_job, find_jobs
from labeling_provider.ui.labels import (
    MAX_PAGES,
    PAGE,
    Labels,
    ShownObject,
    Wanted,
    named_by,
    read_labels,
    without_labels,
)
from labeling_provider.ui.live import Confirmed, Services, is_plain_s3
from labeling_provider.ui.signed import is_signed, sign

PAGE_ROWS: Final = 50
MAX_BODY_BYTES: Final = 64 << 10
MAX_SELECTED: Final = 1_000
_NEWEST: Final = 99
_ANSWERS: Final = 300
_FIRST_LOOK_SECONDS: Final = 2.0
_INTEGER: Final = 2**31 - 1
_STATIC: Final = {"labeling.js": "text/javascript", "labeling.css": "text/css"}
_SHARES: Final = (
    ("human_labeled", "people", "by people"),
    ("machine_labeled", "machine", "by machine"),
    ("failed", "failed", "failed"),
    ("unlabeled", "", "unlabeled"),
)
"""Counters, their CSS class in the progress bar, and what they count."""
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
    """Airflow leaves its placeholder in place for tasks that are not mapped."""
    return -1 if text == "{MAP_INDEX}" else text


Id = Annotated[str, Query(max_length=250)]
MapIndex = Annotated[int, BeforeValidator(_unmapped), Query(ge=-1, le=_INTEGER)]


def _task(dag_id: Id, run_id: Id, task_id: Id, map_index: MapIndex = -1) -> TaskKey:
    return TaskKey(dag_id, run_id, task_id, map_index)


def _after(
    after_run: Annotated[int | None, Query(ge=0, le=_INTEGER)] = None,
    after_task: Id = "",
    after_index: Annotated[int, Query(ge=-2, le=_INTEGER)] = -2,
) -> Place | None:
    return None if after_run is None else Place(after_run, after_task, after_index)


TaskDep = Annotated[TaskKey, Depends(_task)]
AfterDep = Annotated[Place | None, Depends(_after)]
Status = Literal["", "Initializing", "InProgress", "Stopping", "Completed", "Failed", "Stopped"]
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
            return JSONResponse({"detail": printable(str(error))}, 502)
        return HTMLResponse(_render("trouble.html", trouble=str(error)))

    @application.exception_handler(RequestValidationError)
    async def unreadable(request: Request, error: RequestValidationError) -> Response:
        # FastAPI's own answer repeats what was sent, which need not be valid JSON.
        problems = [f"{'.'.join(map(str, problem['loc']))}: {problem['msg']}" for problem in error.errors()]
        return JSONResponse({"detail": printable("; ".join(problems)[:1_000])}, 422)

    application.get("/", response_class=HTMLResponse)(views.jobs)
    application.get("/job", response_class=HTMLResponse, dependencies=_READS)(views.job)
    application.get("/job/progress", response_class=HTMLResponse, dependencies=_READS)(views.progress)
    application.get("/job/labels", response_class=HTMLResponse, dependencies=_READS)(views.labels)
    application.get("/job/workers", response_class=HTMLResponse, dependencies=_READS)(views.workers)
    application.get("/job/stream", response_class=HTMLResponse, dependencies=_READS)(views.stream)
    application.get("/picture", dependencies=_READS)(views.picture)
    application.post("/job/stop", dependencies=_EDITS)(views.stop)
    application.post("/job/relabel", dependencies=_EDITS)(views.relabel)
    application.get("/static/{name}")(views.static)
    return application


class _Views:
    """What the routes answer."""

    def __init__(self) -> None:
        self._services = Services()
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
        """The jobs that the user may see, newest first, a page of them."""
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
        return _render(
            "jobs_part.html" if part else "jobs.html",
            jobs=page.jobs,
            total=page.total,
            further=_further(page.after) if page.after else "",
            is_first=after is None,
            statuses=[name for name in get_args(Status) if name],
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
        """The page of one job; its parts come on their own."""
        job = find_job(task)
        if job is not None:
            self._services.show(job)
        return _render("job.html", job=job, task=task, query=_query(task), may_edit=_may_edit(user, task.dag_id))

    def progress(self, task: TaskDep) -> str:
        """Status and counters."""
        job = self._known(task)
        self._services.refresh([job], _FIRST_LOOK_SECONDS, ended=True)
        if self._services.show(job) or job.facts is None:
            raise LabelingError(job.trouble)
        return _render("progress_part.html", job=job)

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
        wanted = Wanted(state, by, class_name, below, page)
        manifest = read_labels(Files(mine.hook), _manifest(mine.output_uri), mine.label_attribute, wanted)
        inputs = _inputs(mine, manifest.shown)
        return _render(
            "labels_part.html",
            job=job,
            manifest=manifest,
            wanted=wanted,
            pages=min(max(-(-manifest.matching // PAGE), 1), MAX_PAGES),
            cards=[(shown, self._card(task, mine, inputs, shown)) for shown in manifest.shown],
            manifest_uri=_manifest(mine.output_uri),
            chart=_chart(manifest, job),
            query=_query(task),
            may_edit=_may_edit(user, task.dag_id),
        )

    def workers(self, task: TaskDep) -> str:
        """What the workers did, out of a sample of their answers."""
        from labeling_provider.client.listing import list_uris
        from labeling_provider.quality import Job as AnsweredJob
        from labeling_provider.quality import Measure, chosen_files

        _, mine = self._confirmed(task)
        files, count = chosen_files(
            list_uris(mine.hook.ground_truth.objects, join_s3_uri(mine.output_uri, WORKER_RESPONSES, ""), [".json"]),
            _ANSWERS,
        )
        measure = Measure(Files(mine.hook), mine.label_attribute)
        measure.answers([AnsweredJob(_manifest(mine.output_uri), files, count)])
        return _render("workers_part.html", quality=measure.quality)

    def stream(self, task: TaskDep) -> str:
        """How many objects wait for a streaming job, and how fast they arrive and are labeled."""
        job, mine = self._confirmed(task)
        try:
            sqs = mine.hook.client("sqs")
            url = sqs.get_queue_url(QueueName=queue_name(mine.name))["QueueUrl"]
            names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
            attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
        except (BotoCoreError, ClientError) as error:
            raise LabelingError(f"The queue of {mine.name} can't be read: {error}") from error
        backlog = sum(int(count) for count in attributes.values())
        age = max(time.time() - job.created, 1)
        arrivals = (job.count("total") + backlog) / age * 3600
        figures = {
            "waiting in the queue": f"{backlog:,}",
            "arriving": f"{arrivals:,.0f}/h",
            "labeled": f"{job.rate:,.0f}/h",
        }
        return _render("stream_part.html", figures=figures)

    def picture(
        self,
        task: TaskDep,
        uri: Annotated[str, Query(max_length=2_000)],
        expires: Annotated[int, Query(ge=0, le=2**53)],
        signature: Annotated[str, Query(max_length=100)],
        width: Annotated[int, Query(ge=0, le=2**31)] = 0,
        height: Annotated[int, Query(ge=0, le=2**31)] = 0,
    ) -> Response:
        """One of the job's pictures, made small; its address must come from one of our pages.

        ``width`` and ``height`` are what the label says: they decide which way up it is.
        """
        if not is_plain_s3(uri) or not is_signed(self._secret, task, uri, expires, signature):
            raise HTTPException(403, "This address is not one of ours, or has expired")
        _, mine = self._confirmed(task)
        picture = small_picture(Files(mine.hook), uri, (width, height))
        if picture is None:
            raise HTTPException(404, "There is no picture to show")
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
        manifest = _manifest(mine.output_uri)
        count = without_labels(Files(mine.hook), manifest, mine.label_attribute, set(lines), uri)
        _note(user, "labeling_relabel", task, f"{mine.name}: {count} objects to {uri}")
        return JSONResponse({"message": f"{count:,} objects are in a manifest for another job.", "uri": uri})

    def static(self, name: str, user: GetUserDep) -> Response:
        """The script and the style sheet."""
        if name not in _STATIC:
            raise HTTPException(404, "There is no such file")
        return Response(_static(name), media_type=_STATIC[name], headers={"Cache-Control": "private, max-age=3600"})

    @staticmethod
    def _known(task: TaskKey) -> TaskJob:
        job = find_job(task)
        if job is None:
            raise HTTPException(404, "This task has not created a labeling job")
        return job

    def _confirmed(self, task: TaskKey) -> tuple[TaskJob, Confirmed]:
        job = self._known(task)
        return job, self._services.confirmed(job)

    def _card(self, task: TaskKey, mine: Confirmed, inputs: set[str], shown: ShownObject) -> Markup:
        """An object with its label, as HTML whose parts are escaped where they are made."""
        uri, text, label = shown.line.get("source-ref"), shown.line.get("source"), shown.label
        if isinstance(text, str):
            return _drawn(shown, lambda: marked_text(text, label))
        is_text = label is not None and "/text-" in str((label.metadata or {}).get("type"))
        if is_text or not isinstance(uri, str) or not uri.startswith("s3://"):
            return Markup("")
        if uri not in inputs:
            shown.problem = f"{shown.problem} Its picture is not part of the job's input.".strip()
            return Markup("")
        mask = None
        if type(label) is MaskLabel:
            if isinstance(label.uri, str) and mine.has_written(label.uri):
                mask = self._address(task, label.uri)
            else:
                shown.problem = f"{shown.problem} Its mask is not part of the job's output.".strip()
        return _drawn(shown, lambda: drawn_picture(self._address(task, uri, size_of(label)), label, mask))

    def _address(self, task: TaskKey, uri: str, size: tuple[int, int] | None = None) -> str:
        expires, signature = sign(self._secret, task, uri)
        query = {"uri": uri, "expires": expires, "signature": signature}
        if size is not None:
            query |= {"width": size[0], "height": size[1]}
        return f"picture?{_query(task)}&{urlencode(query)}"


def _refused(request: Request) -> Response | None:
    """The answer to a request that is refused before its body is read; None if it may pass."""
    if b"%00" in request.scope["query_string"]:
        return JSONResponse({"detail": "Arguments must not contain NUL characters"}, 400)
    length = request.headers.get("content-length", "0" if request.method in {"GET", "HEAD"} else "")
    if not (length.isascii() and length.isdigit() and len(length) < 10 and int(length) <= MAX_BODY_BYTES):
        return JSONResponse({"detail": f"A body needs a Content-Length of at most {MAX_BODY_BYTES:,} bytes"}, 413)
    return None


def _inputs(mine: Confirmed, objects: Iterable[ShownObject]) -> set[str]:
    """Those of some objects' URIs that are the job's input.

    They are beside its manifest, or it names them. Of a streaming job nobody else tells which they are.
    """
    refs = {uri for shown in objects if isinstance(uri := shown.line.get("source-ref"), str) and is_plain_s3(uri)}
    if mine.manifest_uri is None:
        return refs
    near = {uri for uri in refs if mine.has_beside_input(uri) or mine.has_written(uri)}
    try:
        return near | named_by(Files(mine.hook), mine.manifest_uri, refs - near)
    except LabelingError as error:
        log.warning("The input manifest of %s can't be read: %s", mine.name, error)
        return near


def _drawn(shown: ShownObject, draw: Callable[[], Markup]) -> Markup:
    """An object as HTML; if its label can't be drawn, it says so, and the others are shown."""
    try:
        return draw()
    except Exception as error:  # noqa: BLE001 - a label may hold anything
        shown.problem = f"{shown.problem} It can't be drawn: {error}"[:300].strip()
        return Markup("")


def _further(place: Place) -> str:
    return urlencode({"after_run": place.run, "after_task": place.task_id, "after_index": place.map_index})


def _may_edit(user: Any, dag_id: str) -> bool:
    return bool(get_auth_manager().is_authorized_dag(method="PUT", details=DagDetails(id=dag_id), user=user))


def _refuse_foreign(request: Request) -> None:
    """Only our own pages may change anything: forms and other sites can't send this header."""
    if request.headers.get("x-labeling") != "1":
        raise HTTPException(403, "Changes can only be made from the page")


def _note(user: Any, event: str, task: TaskKey, what: str) -> None:
    """Write who did what into Airflow's audit log."""
    from airflow.models.log import Log
    from airflow.utils.session import create_session

    name = user.get_name()
    with create_session() as session:
        session.add(Log(event=event, owner=name, owner_display_name=name, extra=what, **task._asdict()))
    log.info("%s by %s: %s", event, name, what)


def _manifest(output_uri: str) -> str:
    return output_manifest_uri(output_uri)


def _query(task: TaskKey) -> str:
    return urlencode(task._asdict())


def _chart(labels: Labels, job: TaskJob) -> dict[str, Any] | None:
    """Lines through the number of labels over time, in all and by machine, in a box of 600 by 160."""
    if len(labels.points) < 2:
        return None
    span, last, machine = labels.points[-1]
    hours, most = max(span, 1 / 3600), max(job.count("total"), last, 1)

    def line(counts: Iterable[tuple[float, int]]) -> str:
        return "0,160 " + " ".join(f"{600 * x / hours:.1f},{160 - 160 * y / most:.1f}" for x, y in counts)

    return {
        "points": line((x, total) for x, total, _ in labels.points),
        "machine_points": line((x, by_machine) for x, _, by_machine in labels.points) if machine else "",
        "span": duration(hours * 3600),
        "most": most,
        "last": last,
        "machine": machine,
    }


def _airflow(path: str) -> str:
    return urlsplit(conf.get("api", "base_url", fallback="")).path.rstrip("/") + path


def _dag_page(task: TaskKey) -> str:
    return _airflow(f"/dags/{_quoted(task.dag_id)}")


def _run_page(task: TaskKey) -> str:
    return f"{_dag_page(task)}/runs/{_quoted(task.run_id)}"


def _task_page(task: TaskKey) -> str:
    mapped = f"/mapped/{task.map_index}" if task.map_index >= 0 else ""
    return f"{_run_page(task)}/tasks/{_quoted(task.task_id)}{mapped}"


def _quoted(part: str) -> str:
    return quote(part, safe="")


def _counters_of(job: TaskJob) -> dict[str, int]:
    """Counters by what they count."""
    return {words: job.count(counter) for counter, _, words in _SHARES}


def _counts_of(job: TaskJob) -> str:
    """The same in one sentence."""
    return ", ".join(f"{count:,} {words}" for words, count in _counters_of(job).items())


def _bar_of(job: TaskJob) -> list[tuple[str, float]]:
    """Parts of the progress bar: CSS class and percent."""
    total = max(job.count("total"), 1)
    return [(css_class, 100 * job.count(counter) / total) for counter, css_class, _ in _SHARES if css_class]


@cache
def _static(name: str) -> bytes:
    if name == "labeling.css":
        return style_sheet().encode()
    return (Path(__file__).parent / "static" / name).read_bytes()


@cache
def _versions() -> dict[str, str]:
    """Part of the files' addresses, so that no browser takes an old one."""
    return {name: hashlib.sha256(_static(name)).hexdigest()[:12] for name in _STATIC}


def _render(template: str, **values: Any) -> str:
    return render(
        f"ui/templates/{template}",
        age=lambda since: duration(max(time.time() - since, 0)) if since else "",
        duration=duration,
        counters_of=_counters_of,
        counts_of=_counts_of,
        bar_of=_bar_of,
        class_names=class_names,
        short_workteam=lambda job: job.workteam.rpartition("/")[2],
        task_page=_task_page,
        run_page=_run_page,
        dag_page=_dag_page,
        job_page=lambda task: f"job?{_query(task)}",
        versions=_versions(),
        **values,
    )

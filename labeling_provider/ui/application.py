"""The pages: who may see what, what they show, and the few things that can be done there.

Every route asks Airflow who the user is and whether they may read, or edit, the DAG. What takes long is a part of a
page that comes on its own, so that a service that is gone or slow shows as such and takes no page down.
"""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Final
from urllib.parse import quote, urlencode, urlsplit

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity, DagDetails
from airflow.api_fastapi.core_api.security import GetUserDep, requires_access_dag
from airflow.configuration import conf
from botocore.exceptions import BotoCoreError, ClientError
from fastapi import Body, Depends, FastAPI, HTTPException, Query, Request
from fastapi.responses import HTMLResponse, JSONResponse, Response
from jinja2 import Environment, PackageLoader
from markupsafe import Markup

from labeling_provider.drawing import drawn_picture, marked_text, said, size_of, small_picture
from labeling_provider.errors import LabelingError
from labeling_provider.jobs import duration, queue_name
from labeling_provider.manifest import Files, MaskLabel
from labeling_provider.request.facts import join_s3_uri
from labeling_provider.ui.catalog import Catalog, Job, TaskKey
from labeling_provider.ui.labels import PAGE, Labels, Shown, Wanted, read_labels, without_labels
from labeling_provider.ui.live import Confirmations, Confirmed, Sweeps
from labeling_provider.ui.signed import is_signed, sign

PAGE_ROWS: Final = 50
_MOST_SELECTED: Final = 1_000
_ANSWERS: Final = 300
_STATIC: Final = {"labeling.js": "text/javascript", "labeling.css": "text/css"}
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


def _task(dag_id: str, run_id: str, task_id: str, map_index: Annotated[str, Query(max_length=20)] = "-1") -> TaskKey:
    # Airflow leaves its placeholder in place for tasks that are not mapped.
    return TaskKey(dag_id, run_id, task_id, int(map_index) if map_index.lstrip("-").isdigit() else -1)


TaskDep = Annotated[TaskKey, Depends(_task)]
_READS: Final = [Depends(requires_access_dag("GET", DagAccessEntity.TASK_INSTANCE))]
_EDITS: Final = [Depends(requires_access_dag("PUT"))]


def make_application() -> FastAPI:
    """The application that Airflow's API server mounts."""
    application = FastAPI(title="Labeling", docs_url=None, redoc_url=None, openapi_url=None)
    views = _Views()

    @application.middleware("http")
    async def with_headers(request: Request, call_next: Callable[[Request], Any]) -> Response:
        response: Response = await call_next(request)
        for name, value in _HEADERS.items():
            response.headers.setdefault(name, value)
        return response

    @application.exception_handler(LabelingError)
    async def told(request: Request, error: LabelingError) -> Response:
        if request.method == "POST":
            return JSONResponse({"detail": str(error)}, 502)
        return HTMLResponse(_render("trouble.html", trouble=str(error)))

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
        self._catalog, self._sweeps, self._confirmations = Catalog(), Sweeps(), Confirmations()
        self._secret = hashlib.sha256(b"labeling:" + conf.get("api", "secret_key").encode()).digest()

    def jobs(
        self,
        user: GetUserDep,
        dag_id: str = "",
        run_id: str = "",
        status: str = "",
        workteam: str = "",
        text: Annotated[str, Query(max_length=200)] = "",
        page: Annotated[int, Query(ge=1, le=100_000)] = 1,
        part: bool = False,
    ) -> str:
        """All jobs that the user may see, newest first, a page of them."""
        allowed = get_auth_manager().get_authorized_dag_ids(user=user)
        everything = self._catalog.jobs(allowed)
        chosen = [
            job
            for job in everything
            if (not dag_id or job.task.dag_id == dag_id)
            and (not run_id or job.task.run_id == run_id)
            and (not status or job.status == status)
            and (not workteam or _team(job) == workteam)
            and (not text or text.lower() in f"{job.name} {' '.join(map(str, job.task))}".lower())
        ]
        self._sweeps.refresh(chosen)
        first = (page - 1) * PAGE_ROWS
        return _render(
            "jobs_part.html" if part else "jobs.html",
            jobs=chosen[first : first + PAGE_ROWS],
            count=len(chosen),
            page=page,
            pages=max(-(-len(chosen) // PAGE_ROWS), 1),
            # What is asked for stays asked for, though nothing is like it yet.
            statuses=sorted({job.status for job in everything} | {status} - {""}),
            dags=sorted({job.task.dag_id for job in everything} | {dag_id} - {""}),
            teams=sorted({_team(job) for job in everything} | {workteam} - {""}),
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
        job = self._catalog.job(task)
        return _render("job.html", job=job, task=task, query=_query(task), may_edit=_may_edit(user, task.dag_id))

    def progress(self, task: TaskDep) -> str:
        """Status and counters."""
        job = self._known(task)
        self._sweeps.refresh([job])
        return _render("progress_part.html", job=job)

    def labels(
        self,
        task: TaskDep,
        user: GetUserDep,
        state: Annotated[str, Query(pattern="^(labeled|failed)$")] = "labeled",
        by: Annotated[str, Query(pattern="^(people|machine|)$")] = "",
        class_name: Annotated[str, Query(max_length=300)] = "",
        below: float = 1.01,
        page: Annotated[int, Query(ge=1, le=5_000)] = 1,
    ) -> str:
        """A burn-up chart, reasons of failure, and objects with their labels, the least sure ones first."""
        job, mine = self._confirmed(task)
        wanted = Wanted(state, by, class_name, below, page)
        found = read_labels(Files(mine.hook), _manifest(mine.output_uri), mine.label_attribute, wanted)
        return _render(
            "labels_part.html",
            job=job,
            found=found,
            wanted=wanted,
            pages=max(-(-found.matching // PAGE), 1),
            cards=[(one, self._card(task, one)) for one in found.shown],
            chart=_chart(found, job),
            query=_query(task),
            may_edit=_may_edit(user, task.dag_id),
        )

    def workers(self, task: TaskDep) -> str:
        """What the workers did, out of a sample of their answers."""
        from labeling_provider.listing import list_uris
        from labeling_provider.quality import Job as AnsweredJob
        from labeling_provider.quality import Measure, chosen_files
        from labeling_provider.quality.answers import FOLDER

        _, mine = self._confirmed(task)
        files, count = chosen_files(list_uris(mine.hook, join_s3_uri(mine.output_uri, FOLDER), [".json"]), _ANSWERS)
        measure = Measure(Files(mine.hook), mine.label_attribute)
        measure.answers([AnsweredJob(_manifest(mine.output_uri), files, count)])
        return _render("workers_part.html", quality=measure.quality)

    def stream(self, task: TaskDep) -> str:
        """What waits in front of a streaming job, and how fast objects come and go."""
        job, mine = self._confirmed(task)
        try:
            sqs = mine.hook.client("sqs")
            url = sqs.get_queue_url(QueueName=queue_name(mine.name))["QueueUrl"]
            names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
            found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
        except (BotoCoreError, ClientError) as error:
            raise LabelingError(f"The queue of {mine.name} can't be looked at: {error}") from error
        backlog = sum(int(count) for count in found.values())
        age = max(time.time() - job.created, 1)
        return _render(
            "stream_part.html", job=job, backlog=backlog, arrivals=(job.count("total") + backlog) / age * 3600
        )

    def picture(
        self,
        task: TaskDep,
        uri: Annotated[str, Query(max_length=2_000)],
        expires: int,
        signature: Annotated[str, Query(max_length=100)],
        width: int = 0,
        height: int = 0,
    ) -> Response:
        """A picture of the job's own, small; its address must be one that a page of ours has given out.

        ``width`` and ``height`` are what the label says: they decide which way up it is.
        """
        if not is_signed(self._secret, task, uri, expires, signature):
            raise HTTPException(403, "This address is not one of ours, or no longer good")
        _, mine = self._confirmed(task)
        found = small_picture(Files(mine.hook), uri, (width, height))
        if found is None:
            raise HTTPException(404, "There is no picture that can be shown")
        return Response(found.body, media_type=f"image/{found.kind}", headers={"Cache-Control": "private, max-age=900"})

    def stop(self, request: Request, task: TaskDep, user: GetUserDep) -> Response:
        """Stop the job."""
        _refuse_foreign(request)
        _, mine = self._confirmed(task)
        was_running = mine.hook.stop_job(mine.name)
        _note(user, "labeling_stop", task, mine.name)
        return JSONResponse({"message": f"{mine.name} is being stopped." if was_running else f"{mine.name} has ended."})

    def relabel(
        self, request: Request, task: TaskDep, user: GetUserDep, lines: Annotated[list[int], Body(embed=True)]
    ) -> Response:
        """Write a manifest of some objects, without their labels, for a further job."""
        _refuse_foreign(request)
        if not 0 < len(lines) <= _MOST_SELECTED:
            raise HTTPException(400, f"Choose between 1 and {_MOST_SELECTED:,} objects")
        _, mine = self._confirmed(task)
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%f")
        uri = join_s3_uri(mine.output_uri, "relabel", f"{stamp}.manifest")
        manifest = _manifest(mine.output_uri)
        count = without_labels(Files(mine.hook), manifest, mine.label_attribute, set(lines), uri)
        _note(user, "labeling_relabel", task, f"{mine.name}: {count} objects to {uri}")
        return JSONResponse({"message": f"{count:,} objects are in a manifest for a further job.", "uri": uri})

    def static(self, name: str, user: GetUserDep) -> Response:
        """The script and the style sheet."""
        if name not in _STATIC:
            raise HTTPException(404, "There is no such file")
        return Response(_static(name), media_type=_STATIC[name], headers={"Cache-Control": "private, max-age=3600"})

    def _known(self, task: TaskKey) -> Job:
        job = self._catalog.job(task)
        if job is None:
            raise HTTPException(404, "This task has made no labeling job")
        return job

    def _confirmed(self, task: TaskKey) -> tuple[Job, Confirmed]:
        job = self._known(task)
        return job, self._confirmations.of(job)

    def _card(self, task: TaskKey, one: Shown) -> Markup:
        """An object with its label, as HTML whose parts are escaped where they are made."""
        uri, text = one.line.get("source-ref"), one.line.get("source")
        if isinstance(text, str):
            return Markup(f"<p>{marked_text(text, one.label)}</p>")  # noqa: S704
        is_text = one.label is not None and "/text-" in str((one.label.metadata or {}).get("type"))
        if is_text or not isinstance(uri, str) or not uri.startswith("s3://"):
            return Markup("")
        mask = self._address(task, one.label.uri) if type(one.label) is MaskLabel else None
        return Markup(drawn_picture(self._address(task, uri, size_of(one.label)), one.label, mask))  # noqa: S704

    def _address(self, task: TaskKey, uri: str, size: tuple[int, int] | None = None) -> str:
        expires, signature = sign(self._secret, task, uri)
        told = {"uri": uri, "expires": expires, "signature": signature}
        if size is not None:
            told |= {"width": size[0], "height": size[1]}
        return f"picture?{_query(task)}&{urlencode(told)}"


def _may_edit(user: Any, dag_id: str) -> bool:
    return bool(get_auth_manager().is_authorized_dag(method="PUT", details=DagDetails(id=dag_id), user=user))


def _refuse_foreign(request: Request) -> None:
    """Only our own pages may change anything: no form and no other site can send this header."""
    if request.headers.get("x-labeling") != "1":
        raise HTTPException(403, "Use the page")


def _note(user: Any, event: str, task: TaskKey, what: str) -> None:
    """Write into Airflow's audit log who has done what."""
    from airflow.models.log import Log
    from airflow.utils.session import create_session

    name = user.get_name()
    with create_session() as session:
        session.add(Log(event=event, owner=name, owner_display_name=name, extra=what, **task._asdict()))
    log.info("%s by %s: %s", event, name, what)


def _manifest(output_uri: str) -> str:
    return join_s3_uri(output_uri, "manifests/output/output.manifest")


def _team(job: Job) -> str:
    return str(job.facts.get("workteam_arn", "")).rpartition("workteam/")[2]


def _query(task: TaskKey) -> str:
    return urlencode(task._asdict())


def _chart(found: Labels, job: Job) -> dict[str, Any] | None:
    """Lines through the number of labels over time, in all and by machine, in a box of 600 by 160."""
    if len(found.points) < 2:
        return None
    span, last, machine = found.points[-1]
    hours, most = max(span, 1 / 3600), max(job.count("total"), last, 1)

    def line(counts: Iterable[tuple[float, int]]) -> str:
        return "0,160 " + " ".join(f"{600 * x / hours:.1f},{160 - 160 * y / most:.1f}" for x, y in counts)

    return {
        "points": line((x, total) for x, total, _ in found.points),
        "machine_points": line((x, by_machine) for x, _, by_machine in found.points) if machine else "",
        "span": duration(hours * 3600),
        "most": most,
        "last": last,
        "machine": machine,
    }


def _airflow(path: str) -> str:
    return urlsplit(conf.get("api", "base_url", fallback="")).path.rstrip("/") + path


def _task_page(task: TaskKey) -> str:
    mapped = f"/mapped/{task.map_index}" if task.map_index >= 0 else ""
    return _airflow(f"/dags/{quote(task.dag_id)}/runs/{quote(task.run_id)}/tasks/{quote(task.task_id)}{mapped}")


def _run_page(task: TaskKey) -> str:
    return _airflow(f"/dags/{quote(task.dag_id)}/runs/{quote(task.run_id)}")


def _dag_page(task: TaskKey) -> str:
    return _airflow(f"/dags/{quote(task.dag_id)}")


def _shares(job: Job) -> Iterable[tuple[str, str, int, float]]:
    """Parts of the progress bar: name, words, count and percent."""
    total = max(job.count("total"), 1)
    for name, words in (
        ("human_labeled", "by people"),
        ("machine_labeled", "by machine"),
        ("failed", "failed"),
        ("unlabeled", "unlabeled"),
    ):
        yield name, words, job.count(name), 100 * job.count(name) / total


@cache
def _static(name: str) -> bytes:
    return (Path(__file__).parent / "static" / name).read_bytes()


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("labeling_provider.ui"), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    environment.globals.update(
        age=lambda since: duration(max(time.time() - since, 0)) if since else "",
        duration=duration,
        shares=_shares,
        team=_team,
        short_team=lambda job: _team(job).rpartition("/")[2],
        said=lambda label: Markup(said(label)),  # noqa: S704 - said() escapes
        task_page=_task_page,
        run_page=_run_page,
        dag_page=_dag_page,
        job_page=lambda task: f"job?{_query(task)}",
        manifest=lambda job: _manifest(str(job.facts.get("output_uri", ""))),
        versions={name: hashlib.sha256(_static(name)).hexdigest()[:12] for name in _STATIC},
        urlencode=urlencode,
    )
    return environment


def _render(template: str, **values: Any) -> str:
    return _environment().get_template(template).render(**values)

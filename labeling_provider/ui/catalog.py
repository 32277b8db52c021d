"""The labeling jobs that this Airflow's tasks have created, from the XComs that the tasks push.

Only what a page needs is read. Airflow has an index of XCom keys, and one that begins with the DAG run; none says which
jobs are the newest. So where jobs are few their runs are sorted; where they are many, runs are gone through from the
newest on until the page is full, or so many were looked at that the reader should decide whether to go on.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Final, NamedTuple, TypeVar

import msgspec

from labeling_provider.groundtruth.facts import PRICE_PER_OBJECT_USD
from labeling_provider.groundtruth.job import ENDED, JobState
from labeling_provider.xcoms import JOB_KEY, PROGRESS_KEY

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement
    from sqlalchemy.orm import Session

MAX_SORTED_JOBS: Final = 20_000
"""Up to this many jobs are sorted as a whole."""
MAX_LOOKED_AT: Final = 2_000
"""How many jobs a page with filters searches at most."""
MAX_RUNS: Final = 10_000
"""How many DAG runs a page searches at most."""
MAX_CHARACTERS: Final = 5_000
"""The longest XCom that is read."""
_RUNS_AT_ONCE: Final = (100, 1_000)
_ROWS_AT_ONCE: Final = (100, 2_000)

T = TypeVar("T")
_Count = Annotated[int, msgspec.Meta(ge=0, le=10**12)]
_Status = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z]{0,32}\Z")]
_Text = Annotated[str, msgspec.Meta(max_length=2_048)]


class TaskKey(NamedTuple):
    """A task instance."""

    dag_id: str
    run_id: str
    task_id: str
    map_index: int = -1


class TaskConnection(NamedTuple):
    """How the task reaches the service."""

    aws_conn_id: str | None
    region_name: str | None
    verify: bool | str | None


class CreationFacts(msgspec.Struct, frozen=True):
    """What a task said of its job when it created the job; see ``CreateLabelingJobOperator``.

    :param created: epoch seconds.
    :param aws_conn_id: None if the task takes boto3's own way to find credentials.
    """

    job_name: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9-]{0,62}\Z")]
    aws_conn_id: _Text | None
    region_name: _Text | None = None
    verify: bool | _Text | None = None
    status: _Status = ""
    created: Annotated[float, msgspec.Meta(ge=0, le=10**11)] = 0.0
    workteam_arn: _Text = ""
    workers_per_object: _Count = 1
    estimated_cost_usd: Annotated[float, msgspec.Meta(ge=0, le=10**12)] = 0.0
    streaming: bool = False


class Counters(msgspec.Struct, frozen=True):
    """The counters of a job, as the task or its trigger last reported them."""

    job_name: str
    status: _Status = ""
    total: _Count = 0
    human_labeled: _Count = 0
    machine_labeled: _Count = 0
    failed: _Count = 0
    unlabeled: _Count = 0


@dataclass
class TaskJob:
    """A labeling job of a task.

    :param task: the task instance.
    :param facts: what the task said; None if that can't be read.
    :param counters: the last counters that the task or its trigger has seen.
    :param live: the service's last answer; None if it was not asked.
    :param trouble: what can't be read or asked, and why.
    """

    task: TaskKey
    facts: CreationFacts | None
    counters: Counters = Counters("")  # noqa: RUF009 - it is frozen
    live: JobState | None = None
    trouble: str = ""

    @property
    def name(self) -> str:
        """Name of the job; empty if it can't be read."""
        return self.facts.job_name if self.facts else ""

    @property
    def connection(self) -> TaskConnection:
        """How to reach its service."""
        assert self.facts is not None  # noqa: S101 - nobody asks about what can't be read
        return TaskConnection(self.facts.aws_conn_id or None, self.facts.region_name, self.facts.verify)

    @property
    def created(self) -> float:
        """When it was created, epoch seconds."""
        return self.facts.created if self.facts else 0.0

    @property
    def status(self) -> str:
        """Its last known status."""
        if self.live:
            return self.live.status
        return self.counters.status or (self.facts.status if self.facts else "")

    @property
    def has_ended(self) -> bool:
        """Whether it has ended."""
        return self.status in ENDED

    @property
    def workteam(self) -> str:
        """Its workteam, such as ``private-crowd/birds``."""
        return self.facts.workteam_arn.rpartition("workteam/")[2] if self.facts else ""

    def count(self, name: str) -> int:
        """A counter: total, human_labeled, machine_labeled, failed or unlabeled."""
        return int(getattr(self.live or self.counters, name))

    @property
    def rate(self) -> float:
        """Labels in an hour, since the job was created; 0 unless it runs."""
        age = time.time() - self.created
        done = self.count("human_labeled") + self.count("machine_labeled")
        return 0 if self.has_ended or age <= 0 or not self.created else done / age * 3600

    @property
    def seconds_left(self) -> float | None:
        """At this rate; None if there is nothing to estimate from."""
        streams = self.facts is not None and self.facts.streaming
        return self.count("unlabeled") / self.rate * 3600 if self.rate and not streams else None

    @property
    def cost(self) -> float:
        """What Amazon would charge for the labels so far, USD: a model's labels cost no workers."""
        total, by_people = self.count("total"), self.count("human_labeled")
        service = min(self.estimated_cost, float(PRICE_PER_OBJECT_USD) * total)
        labeled = service * (by_people + self.count("machine_labeled"))
        return (labeled + (self.estimated_cost - service) * by_people) / total if total else 0

    @property
    def estimated_cost(self) -> float:
        """Estimated cost of the whole job on Amazon, USD."""
        return self.facts.estimated_cost_usd if self.facts else 0.0


class Place(NamedTuple):
    """Where a job stands among all of them: the newest DAG run first, and in it by task and map index."""

    run: int
    task_id: str
    map_index: int


class Page(NamedTuple):
    """Some jobs, newest first.

    :param after: where to go on; None if there are no more.
    :param total: how many there are of these DAGs in all; None if that was not counted.
    """

    jobs: list[TaskJob]
    after: Place | None
    total: int | None


def find_job(task: TaskKey) -> TaskJob | None:
    """The job of a task instance; None if it has made none."""
    from airflow.models.xcom import XComModel
    from airflow.utils.session import create_session
    from sqlalchemy import select

    query = select(XComModel.key, _start_of(XComModel.value).label("value")).where(
        XComModel.dag_id == task.dag_id,
        XComModel.run_id == task.run_id,
        XComModel.task_id == task.task_id,
        XComModel.map_index == task.map_index,
        XComModel.key.in_([JOB_KEY, PROGRESS_KEY]),
    )
    with create_session() as session:
        values = {row.key: row.value for row in session.execute(query)}
    return read_job(task, values[JOB_KEY], values.get(PROGRESS_KEY)) if JOB_KEY in values else None


def find_jobs(
    dag_ids: Collection[str],
    size: int,
    *,
    run_id: str = "",
    after: Place | None = None,
    matches: Callable[[TaskJob], bool] | None = None,
    word: str = "",
) -> Page:
    """A page of jobs.

    :param dag_ids: of these DAGs.
    :param size: so many.
    :param run_id: of this run; of all if it is empty.
    :param after: what a page before has told.
    :param matches: which to take; all if it is None.
    :param word: what the ids of the task, or what it has told, hold in all that match; the database looks for it.
    """
    from airflow.utils.session import create_session

    placed: list[tuple[Place, TaskJob]] = []
    looked = runs = 0

    def page(end: Place | None) -> Page:
        return Page([job for _, job in placed], end, total)

    with create_session() as session:
        few = _are_few(session)
        total = _counted(session, dag_ids) if few and not run_id and matches is None else None
        everything: Iterable[_Stretch | None] = (None,)
        for stretch in everything if few and not run_id else _stretches(session, dag_ids, run_id, after):
            for place, job in _jobs_in(session, dag_ids, run_id, stretch, after, word):
                looked += 1
                if matches is None or matches(job):
                    if len(placed) == size:
                        return page(placed[-1][0])
                    placed.append((place, job))
                if looked == MAX_LOOKED_AT:
                    return page(place)
            runs += stretch.runs if stretch else 0
            if stretch and runs >= MAX_RUNS:
                return page(Place(stretch.first - 1, "", -2))
    return page(None)


class _Stretch(NamedTuple):
    """DAG runs from one id to another, and how many of them are the wanted DAGs'."""

    first: int
    last: int
    runs: int


def _are_few(session: Session) -> bool:
    """Whether all jobs can be sorted; the index of keys alone tells."""
    from airflow.models.xcom import XComModel
    from sqlalchemy import func, literal, select

    first_jobs = select(literal(1)).where(XComModel.key == JOB_KEY).limit(MAX_SORTED_JOBS + 1)
    return int(session.scalar(select(func.count()).select_from(first_jobs.subquery())) or 0) <= MAX_SORTED_JOBS


def _counted(session: Session, dag_ids: Collection[str]) -> int:
    from airflow.models.xcom import XComModel
    from sqlalchemy import func, select

    query = select(func.count()).where(XComModel.key == JOB_KEY, XComModel.dag_id.in_(dag_ids))
    return int(session.scalar(query) or 0)


def _stretches(session: Session, dag_ids: Collection[str], run_id: str, after: Place | None) -> Iterator[_Stretch]:
    """All runs of some DAGs, the newest first, more and more at once."""
    from airflow.models.dagrun import DagRun
    from sqlalchemy import select

    last, (count, most) = after.run if after else 2**31 - 1, _RUNS_AT_ONCE
    while not run_id:
        query = select(DagRun.id).where(DagRun.dag_id.in_(dag_ids), DagRun.id <= last).order_by(DagRun.id.desc())
        first = session.scalar(query.offset(count - 1).limit(1))
        if first is None:
            break
        yield _Stretch(first, last, count)
        last, count = first - 1, min(4 * count, most)
    yield _Stretch(0, last, 0)


def _jobs_in(
    session: Session, dag_ids: Collection[str], run_id: str, stretch: _Stretch | None, after: Place | None, word: str
) -> Iterator[tuple[Place, TaskJob]]:
    """The jobs of a stretch, or of all runs, in the order of a page."""
    from airflow.models.dagrun import DagRun
    from airflow.models.xcom import XComModel
    from sqlalchemy import Text, and_, cast, or_, select
    from sqlalchemy.orm import aliased

    progress = aliased(XComModel)
    same_task = and_(
        progress.dag_run_id == XComModel.dag_run_id,
        progress.task_id == XComModel.task_id,
        progress.map_index == XComModel.map_index,
        progress.key == PROGRESS_KEY,
    )
    query = (
        select(
            XComModel.dag_run_id,
            XComModel.dag_id,
            XComModel.run_id,
            XComModel.task_id,
            XComModel.map_index,
            _start_of(XComModel.value).label("facts"),
            _start_of(progress.value).label("counters"),
        )
        .outerjoin(progress, same_task)
        .where(XComModel.dag_id.in_(dag_ids))
        .order_by(XComModel.dag_run_id.desc(), XComModel.task_id, XComModel.map_index)
    )
    if stretch is None:
        query = query.where(XComModel.key == JOB_KEY)
    else:
        runs = select(DagRun.id).where(DagRun.dag_id.in_(dag_ids), DagRun.id.between(stretch.first, stretch.last))
        if run_id:
            runs = runs.where(DagRun.run_id == run_id)
        # The range is for PostgreSQL, which reckons with it. The key is an expression, so that SQLite goes by the runs
        # and not through all that have this key.
        column = XComModel.dag_run_id
        query = query.where(column.in_(runs), column.between(stretch.first, stretch.last))
        query = query.where(XComModel.key.concat("") == JOB_KEY)
    # Other letters stand escaped in JSON, and databases differ in what they take for their small ones.
    if word and word.isascii() and word.isprintable() and not {'"', "\\"} & set(word):
        texts = (XComModel.dag_id, XComModel.run_id, XComModel.task_id, cast(XComModel.value, Text))
        query = query.where(or_(*(text.icontains(word, autoescape=True) for text in texts)))
    count, most = _ROWS_AT_ONCE
    while True:
        rows = session.execute((query if after is None else query.where(_is_after(after))).limit(count)).all()
        for row in rows:
            after = Place(row.dag_run_id, row.task_id, row.map_index)
            task = TaskKey(row.dag_id, row.run_id, row.task_id, row.map_index)
            yield after, read_job(task, row.facts, row.counters)
        if len(rows) < count:
            return
        count = most


def _is_after(place: Place) -> ColumnElement[bool]:
    from airflow.models.xcom import XComModel
    from sqlalchemy import and_, or_

    further = or_(
        XComModel.task_id > place.task_id,
        and_(XComModel.task_id == place.task_id, XComModel.map_index > place.map_index),
    )
    return or_(XComModel.dag_run_id < place.run, and_(XComModel.dag_run_id == place.run, further))


def _start_of(value: Any) -> ColumnElement[str]:
    """An XCom's JSON as it stands in the database, so much that it is seen if it is too long.

    SQLAlchemy and Airflow would make values, or objects of any class, out of all rows, and fail for one that is odd.
    """
    from sqlalchemy import Text, cast, func

    return func.substr(cast(value, Text), 1, MAX_CHARACTERS + 1)


def read_job(task: TaskKey, facts: str | None, counters: str | None) -> TaskJob:
    """A job out of what its task has pushed; it says what can't be read.

    :param facts: JSON of the XCom :data:`labeling_provider.xcoms.JOB_KEY`.
    :param counters: that of :data:`labeling_provider.xcoms.PROGRESS_KEY`; None if there is none.
    """
    try:
        job = TaskJob(task, _read(facts, CreationFacts))
    except ValueError as error:
        return TaskJob(task, None, trouble=f"The XCom {JOB_KEY} of this task can't be read: {error}")
    if counters is None:
        return job
    try:
        latest = _read(counters, Counters)
    except ValueError as error:
        job.trouble = f"The XCom {PROGRESS_KEY} of this task can't be read: {error}"
        return job
    if latest.job_name == job.name:
        job.counters = latest
    return job


def _read(text: str | None, kind: type[T]) -> T:
    """Read plain JSON.

    :raises ValueError: if it is not that, or not of this kind.
    """
    if text is None:
        raise ValueError("it is empty")
    if len(text) > MAX_CHARACTERS:
        raise ValueError(f"it has more than {MAX_CHARACTERS:,} characters")
    try:
        # What people add in Airflow's UI is stored as a text that holds JSON.
        plain = msgspec.json.decode(text, type=str) if text.startswith('"') else text
        return msgspec.json.decode(plain, type=kind)
    except (msgspec.MsgspecError, RecursionError, UnicodeError) as error:
        raise ValueError(str(error)) from None

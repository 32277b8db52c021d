"""Finds the labeling jobs that this Airflow's tasks have created, in the XComs that the tasks push.

Only what a page needs is read. Airflow has an index of XCom keys and one that starts with the Dag run, but none that
orders jobs by age. So a small number of jobs is sorted as a whole. With many jobs, Dag runs are searched from the
newest on, until the page is full, or so many jobs were searched that users should decide whether to continue.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from labeling_provider.ui.task_jobs import MAX_CHARACTERS, TaskJob, TaskKey, read_job
from labeling_provider.xcoms import JOB_KEY, PROGRESS_KEY

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement
    from sqlalchemy.orm import Session

MAX_SORTED_JOBS: Final = 20_000
"""Most jobs that are sorted as a whole."""
MAX_SEARCHED_JOBS: Final = 2_000
"""Most jobs that a page with filters searches."""
MAX_RUNS: Final = 10_000
"""Most Dag runs that a page searches."""
_RUNS_AT_ONCE: Final = (100, 1_000)
_ROWS_AT_ONCE: Final = (100, 2_000)


class JobPlace(NamedTuple):
    """A job's position in the order of pages: by Dag run, newest first, then by task and map index."""

    run: int
    task_id: str
    map_index: int


class Page(NamedTuple):
    """A page of jobs, newest first.

    :param after: the position after which to continue; None if there are no more jobs.
    :param total: number of all jobs of these Dags; None if they were not counted.
    """

    jobs: list[TaskJob]
    after: JobPlace | None
    total: int | None


def find_job(task: TaskKey) -> TaskJob | None:
    """The job of a task instance; None if it has created none."""
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
    after: JobPlace | None = None,
    matches: Callable[[TaskJob], bool] | None = None,
    word: str = "",
) -> Page:
    """A page of jobs.

    :param dag_ids: the Dags to search.
    :param size: number of jobs on the page.
    :param run_id: search only this Dag run; all if empty.
    :param after: position of the last job on the previous page.
    :param matches: returns whether to include a job; None to include all.
    :param word: text that the ids or XComs of all matching tasks contain; the database searches for it.
    """
    from airflow.utils.session import create_session

    placed: list[tuple[JobPlace, TaskJob]] = []
    looked = runs = 0

    def page(end: JobPlace | None) -> Page:
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
                if looked == MAX_SEARCHED_JOBS:
                    return page(place)
            runs += stretch.runs if stretch else 0
            if stretch and runs >= MAX_RUNS:
                return page(JobPlace(stretch.first - 1, "", -2))
    return page(None)


class _Stretch(NamedTuple):
    """A range of Dag run ids, and the number of runs of the searched Dags in it."""

    first: int
    last: int
    runs: int


def _are_few(session: Session) -> bool:
    """Whether there are few enough jobs to sort all; the query uses only the index of keys."""
    from airflow.models.xcom import XComModel
    from sqlalchemy import func, literal, select

    first_jobs = select(literal(1)).where(XComModel.key == JOB_KEY).limit(MAX_SORTED_JOBS + 1)
    return int(session.scalar(select(func.count()).select_from(first_jobs.subquery())) or 0) <= MAX_SORTED_JOBS


def _counted(session: Session, dag_ids: Collection[str]) -> int:
    from airflow.models.xcom import XComModel
    from sqlalchemy import func, select

    query = select(func.count()).where(XComModel.key == JOB_KEY, XComModel.dag_id.in_(dag_ids))
    return int(session.scalar(query) or 0)


def _stretches(session: Session, dag_ids: Collection[str], run_id: str, after: JobPlace | None) -> Iterator[_Stretch]:
    """All runs of some Dags, newest first, in growing ranges."""
    from airflow.models.dagrun import DagRun
    from sqlalchemy import select

    last, (count, max_count) = after.run if after else 2**31 - 1, _RUNS_AT_ONCE
    while not run_id:
        query = select(DagRun.id).where(DagRun.dag_id.in_(dag_ids), DagRun.id <= last).order_by(DagRun.id.desc())
        first = session.scalar(query.offset(count - 1).limit(1))
        if first is None:
            break
        yield _Stretch(first, last, count)
        last, count = first - 1, min(4 * count, max_count)
    yield _Stretch(0, last, 0)


def _jobs_in(
    session: Session, dag_ids: Collection[str], run_id: str, stretch: _Stretch | None, after: JobPlace | None, word: str
) -> Iterator[tuple[JobPlace, TaskJob]]:
    """The jobs of a range of runs, or of all runs, in the order of pages."""
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
        # The range helps PostgreSQL's planner. The key is an expression so that SQLite uses the index of runs instead
        # of that of keys.
        column = XComModel.dag_run_id
        query = query.where(column.in_(runs), column.between(stretch.first, stretch.last))
        query = query.where(XComModel.key.concat("") == JOB_KEY)
    # Other letters are escaped in JSON, and databases lower their case differently.
    if word and word.isascii() and word.isprintable() and not {'"', "\\"} & set(word):
        texts = (XComModel.dag_id, XComModel.run_id, XComModel.task_id, cast(XComModel.value, Text))
        query = query.where(or_(*(text.icontains(word, autoescape=True) for text in texts)))
    count, max_count = _ROWS_AT_ONCE
    while True:
        rows = session.execute((query if after is None else query.where(_is_after(after))).limit(count)).all()
        for row in rows:
            after = JobPlace(row.dag_run_id, row.task_id, row.map_index)
            task = TaskKey(row.dag_id, row.run_id, row.task_id, row.map_index)
            yield after, read_job(task, row.facts, row.counters)
        if len(rows) < count:
            return
        count = max_count


def _is_after(place: JobPlace) -> ColumnElement[bool]:
    from airflow.models.xcom import XComModel
    from sqlalchemy import and_, or_

    further = or_(
        XComModel.task_id > place.task_id,
        and_(XComModel.task_id == place.task_id, XComModel.map_index > place.map_index),
    )
    return or_(XComModel.dag_run_id < place.run, and_(XComModel.dag_run_id == place.run, further))


def _start_of(value: Any) -> ColumnElement[str]:
    """The start of an XCom's JSON text in the database, one character longer than what may be read.

    As a string, because SQLAlchemy and Airflow would turn every row into a value or an object of any class, and fail on
    a malformed one.
    """
    from sqlalchemy import Text, cast, func

    return func.substr(cast(value, Text), 1, MAX_CHARACTERS + 1)

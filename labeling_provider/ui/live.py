"""What the services say of the jobs that still run: one sweep for all who look, however many pages are open."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, NamedTuple

from labeling_provider.errors import LabelingError
from labeling_provider.ui.catalog import Connection, Job, TaskKey

_EVERY_SECONDS: Final = 5.0
_ANSWER_SECONDS: Final = 10
_MOST_KNOWN: Final = 1_000

log = logging.getLogger(__name__)


def hook_of(connection: Connection) -> Any:
    """A hook that does not keep people waiting."""
    from botocore.config import Config

    from labeling_provider.hooks.labeling import LabelingHook

    return LabelingHook(
        aws_conn_id=connection.aws_conn_id,
        region_name=connection.region_name,
        verify=connection.verify,
        config=Config(connect_timeout=3, read_timeout=_ANSWER_SECONDS, retries={"total_max_attempts": 2}),
        outage=0,
    )


class Confirmed(NamedTuple):
    """A job that the service says is this task's, and where its labels are.

    :param hook: talks to the service.
    :param output_uri: ``<S3OutputPath>/<job name>``.
    """

    hook: Any
    name: str
    output_uri: str
    label_attribute: str


class Confirmations:
    """Asks the service whose a job is, before anything of it is shown or changed.

    XComs can be written by people as well: the tags that the task has given its job can not.
    """

    def __init__(self) -> None:
        self._known: dict[tuple[TaskKey, str, Connection], Confirmed] = {}

    def of(self, job: Job) -> Confirmed:
        """The job, confirmed.

        :raises LabelingError: if it is not there, is not this task's, or the service does not say.
        """
        key = (job.task, job.name, job.connection)
        if key not in self._known:
            if len(self._known) > _MOST_KNOWN:
                self._known.clear()
            self._known[key] = self._asked(job)
        return self._known[key]

    @staticmethod
    def _asked(job: Job) -> Confirmed:
        from labeling_provider.ownership import OWNER_TAG, Owner, tags_of
        from labeling_provider.request.facts import join_s3_uri

        hook = hook_of(job.connection)
        description = hook.find_job(job.name)
        if description is None:
            raise LabelingError(f"The labeling job {job.name} is gone.")
        if tags_of(description).get(OWNER_TAG) != Owner.of(job.task).mark:
            raise LabelingError(f"The labeling job {job.name} was not made by this task.")
        output = join_s3_uri(description["OutputConfig"]["S3OutputPath"], job.name)
        return Confirmed(hook, job.name, output, description["LabelAttributeName"])


class Sweeps:
    """Asks about running jobs, at most every five seconds for each connection, in the background."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(2, thread_name_prefix="labeling-ui")
        self._lock = threading.Lock()
        self._begun: dict[Connection, float] = {}
        self._under_way: set[Connection] = set()

    def refresh(self, jobs: Iterable[Job]) -> None:
        """Have the jobs that run looked at; what comes of it is there for the next who asks."""
        running: dict[Connection, list[Job]] = {}
        for job in jobs:
            if not job.has_ended and job.name:
                running.setdefault(job.connection, []).append(job)
        now = time.monotonic()
        with self._lock:
            for connection, some in running.items():
                due = now - self._begun.get(connection, -_EVERY_SECONDS) >= _EVERY_SECONDS
                if due and connection not in self._under_way:
                    self._begun[connection] = now
                    self._under_way.add(connection)
                    self._pool.submit(self._sweep, connection, some)

    def _sweep(self, connection: Connection, jobs: list[Job]) -> None:
        from labeling_provider.lookout import Lookout, Watched

        by_name = {job.name: job for job in jobs}
        watched = {name: Watched(job.created or None, job.status or "InProgress") for name, job in by_name.items()}
        try:
            for seen in Lookout(hook_of(connection).sagemaker).look(watched):
                for name, state in seen.items():
                    if isinstance(state, LabelingError):
                        by_name[name].trouble = str(state)
                    else:
                        by_name[name].live, by_name[name].trouble = state, ""
        except Exception as error:  # noqa: BLE001 - whatever it is, the page says it and stays
            log.warning("Labeling jobs can't be looked at by %s: %s", connection.aws_conn_id, error)
            for job in jobs:
                job.trouble = f"No answer: {error}"
        finally:
            with self._lock:
                self._under_way.discard(connection)

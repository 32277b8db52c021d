"""What the services say about the jobs on a page: whose they are, and their status.

XComs can be written by people as well, and name any job and any connection. So a service's answers about a job are only
shown once its tags, which a task gives its job and nobody else can, have told that it is this task's.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any, Final, Generic, NamedTuple, TypeVar

from labeling_provider.errors import LabelingError
from labeling_provider.groundtruth.description import JobRequest
from labeling_provider.groundtruth.job import JobState
from labeling_provider.ui.task_jobs import TaskConnection, TaskJob, TaskKey

MAX_REMEMBERED: Final = 2_000
_EVERY_SECONDS: Final = 5.0
_OWNER_SECONDS: Final = 600.0
_HOOK_SECONDS: Final = 60.0
_ANSWER_SECONDS: Final = 10

V = TypeVar("V")

log = logging.getLogger(__name__)


class JobError(LabelingError):
    """A problem with one job alone; the service itself answers.

    :param is_ours: whether the task created it; None if nobody can say.
    """

    def __init__(self, message: str, is_ours: bool | None) -> None:
        super().__init__(message)
        self.is_ours = is_ours


class Confirmed(NamedTuple):
    """A job that the service says is this task's, and where its data is.

    :param hook: talks to the service.
    :param output_uri: ``<S3OutputPath>/<job name>``.
    :param manifest_uri: its input manifest; None if it takes objects from a topic.
    """

    hook: Any
    name: str
    output_uri: str
    label_attribute: str
    manifest_uri: str | None

    def has_written(self, uri: str) -> bool:
        """Whether an object is in the job's output."""
        return is_plain_s3(uri) and uri.startswith(f"{self.output_uri}/")

    def has_beside_input(self, uri: str) -> bool:
        """Whether an object is in the folder of the job's input manifest; a whole bucket is no folder."""
        folder = (self.manifest_uri or "").rpartition("/")[0]
        return is_plain_s3(folder) and is_plain_s3(uri) and uri.startswith(f"{folder}/")


def is_plain_s3(uri: str) -> bool:
    """Whether a text is the URI of an S3 object, without path segments that lead elsewhere."""
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    strays = {".", ".."} & set(key.split("/")) or any("\ud800" <= letter <= "\udfff" for letter in uri)
    return uri.startswith("s3://") and bool(bucket and key) and not strays


class _Remembered(Generic[V]):
    """The latest values, each kept for some time."""

    def __init__(self, seconds: float = float("inf")) -> None:
        self._seconds = seconds
        self._values: OrderedDict[Hashable, tuple[float, V]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Hashable) -> V | None:
        with self._lock:
            since, value = self._values.get(key, (float("-inf"), None))
            return value if time.monotonic() - since < self._seconds else None

    def put(self, key: Hashable, value: V) -> V:
        with self._lock:
            self._values[key] = (time.monotonic(), value)
            self._values.move_to_end(key)
            if len(self._values) > MAX_REMEMBERED:
                self._values.popitem(last=False)
        return value


class _Seen(NamedTuple):
    """What the service said about a job.

    :param is_ours: False if the task did not create it; None if the service has not said.
    """

    is_ours: bool | None
    state: JobState | None = None
    trouble: str = ""


def hook_of(connection: TaskConnection) -> Any:
    """A hook that does not keep people waiting for long.

    :raises LabelingError: if Airflow has no such connection: the server's own credentials are no substitute.
    """
    from airflow.providers.common.compat.sdk import AirflowNotFoundException
    from botocore.config import Config

    from labeling_provider.hooks.labeling import LabelingHook

    name, verify = connection.aws_conn_id, connection.verify
    if isinstance(verify, str) and not (Path(verify).is_file() or Path(verify).is_dir()):
        raise LabelingError(f"The API server has no CA bundle {verify!r}, which the task names (verify).")
    if name is not None:
        try:
            LabelingHook.get_connection(name)
        except AirflowNotFoundException:
            raise LabelingError(
                f"The API server has no connection {name!r}, which the task used to create its job. Define it there."
            ) from None
    return LabelingHook(
        aws_conn_id=name,
        region_name=connection.region_name,
        verify=verify,
        config=Config(connect_timeout=3, read_timeout=_ANSWER_SECONDS, retries={"total_max_attempts": 2}),
        outage=0,
    )


class LiveJobs:
    """Asks the services about jobs, once for everybody who looks: at most every five seconds per connection."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(4, thread_name_prefix="labeling-ui")
        self._lock = threading.Lock()
        self._hooks: _Remembered[Any] = _Remembered(_HOOK_SECONDS)
        self._owned: _Remembered[dict[str, Any]] = _Remembered(_OWNER_SECONDS)
        self._seen: _Remembered[_Seen] = _Remembered()
        self._begun: _Remembered[bool] = _Remembered(_EVERY_SECONDS)
        self._under_way: dict[TaskConnection, Future[None]] = {}

    def confirmed(self, job: TaskJob) -> Confirmed:
        """The job, if it is its task's. Waits for the service.

        :raises LabelingError: if it no longer exists, is not this task's, or the service does not say.
        """
        if job.facts is None:
            raise LabelingError(job.trouble)
        return _sure(lambda: self._ask_whose(job)[0], job.connection)

    def show(self, job: TaskJob) -> bool:
        """Add what is known of a job to it. True if it is known not to be its task's."""
        seen = self._seen.get(_key(job)) if job.facts else None
        if seen is not None:
            job.live = seen.state or job.live
            job.trouble = seen.trouble or job.trouble
        return seen is not None and seen.is_ours is False

    def refresh(self, jobs: Iterable[TaskJob], seconds: float = 0.0, *, ended: bool = False) -> None:
        """Have jobs looked up in the background; the next caller sees the result.

        :param seconds: how long to wait for it.
        :param ended: whether to look up ended jobs as well whose owner has not been asked for yet.
        """
        wanted: dict[TaskConnection, list[TaskJob]] = {}
        for job in jobs:
            if job.facts is None:
                continue
            seen = self._seen.get(_key(job))
            unsure = ended and (seen is None or seen.is_ours is None)
            if unsure or not (seen.state.has_ended if seen and seen.state else job.has_ended):
                wanted.setdefault(job.connection, []).append(job)
        with self._lock:
            for connection, due_jobs in wanted.items():
                due = self._begun.get(connection) is None or any(self._seen.get(_key(job)) is None for job in due_jobs)
                if due and connection not in self._under_way:
                    self._begun.put(connection, True)
                    self._under_way[connection] = self._pool.submit(self._sweep, connection, due_jobs)
            asked = [self._under_way[connection] for connection in wanted if connection in self._under_way]
        if seconds:
            wait(asked, seconds)

    def _hook(self, connection: TaskConnection) -> Any:
        return self._hooks.get(connection) or self._hooks.put(connection, hook_of(connection))

    def _ask_whose(self, job: TaskJob) -> tuple[Confirmed, JobState | None]:
        """The job and, if it was looked up just now, its state."""
        from labeling_provider.jobs.ownership import OWNER_TAG, Owner, OwnJob

        hook = self._hook(job.connection)
        description = self._owned.get(_key(job))
        state = None
        if description is None:
            description = hook.find_job(job.name)
            if description is None:
                raise JobError(f"The labeling job {job.name} no longer exists.", None)
            if OwnJob(description).tags.get(OWNER_TAG) != Owner.of(job.task).mark:
                raise JobError(f"The labeling job {job.name} was not created by this task.", False)
            try:
                state = JobState.of(description)
            except LabelingError as error:
                raise JobError(str(error), True) from None
            # Everything else in a description can be large.
            known = ("OutputConfig", "InputConfig", "LabelAttributeName")
            self._owned.put(_key(job), {key: description[key] for key in known})
        request = JobRequest({**description, "LabelingJobName": job.name})
        output, manifest = request.output_uri, request.manifest_uri
        for uri in filter(None, (output, manifest)):
            if not is_plain_s3(uri):
                raise JobError(f"The labeling job {job.name} has its data at {uri!r}, which is not in S3.", True)
        return Confirmed(hook, job.name, output, request.label_attribute, manifest), state

    def _sweep(self, connection: TaskConnection, jobs: list[TaskJob]) -> None:
        from labeling_provider.jobs.polling import Lookout, Watched

        try:
            by_name: dict[str, TaskJob] = {}
            for job in jobs:
                try:
                    _, state = self._ask_whose(job)
                except JobError as error:
                    self._seen.put(_key(job), _Seen(error.is_ours, None, str(error)))
                    continue
                if state is not None:
                    self._seen.put(_key(job), _Seen(True, state))
                else:
                    by_name[job.name] = job
            watched = {name: Watched(job.created or None, job.status or "InProgress") for name, job in by_name.items()}
            for states in Lookout(self._hook(connection).sagemaker).look(watched):
                for name, answer in states.items():
                    seen = _Seen(True, None, str(answer)) if isinstance(answer, LabelingError) else _Seen(True, answer)
                    self._seen.put(_key(by_name[name]), seen)
        except Exception as error:  # noqa: BLE001 - whatever it is, the page says it and stays
            log.warning("Labeling jobs can't be read through the connection %s: %s", connection.aws_conn_id, error)
            for job in jobs:
                before = self._seen.get(_key(job)) or _Seen(None)
                if before.is_ours is not False:
                    self._seen.put(_key(job), before._replace(trouble=f"The service did not answer: {error}"))
        finally:
            with self._lock:
                del self._under_way[connection]


def _key(job: TaskJob) -> tuple[TaskKey, str, TaskConnection]:
    return job.task, job.name, job.connection


def _sure(ask: Callable[[], V], connection: TaskConnection) -> V:
    """Ask; whatever goes wrong becomes an error of ours.

    :raises LabelingError: if there is no answer.
    """
    try:
        return ask()
    except LabelingError:
        raise
    except Exception as error:
        raise LabelingError(
            f"The service can't be reached through the connection {connection.aws_conn_id!r}: {error}"
        ) from error

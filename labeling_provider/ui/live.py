"""Asks the services about the jobs on a page: their owner and their status.

People can write XComs too, with any job and any connection. So a service's answers about a job are shown only after the
job's tags have proved that it belongs to the task.
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
from labeling_provider.groundtruth.job import JobState, JobStatus
from labeling_provider.groundtruth.uris import as_s3_uri
from labeling_provider.ui.task_jobs import TaskConnection, TaskJob, TaskKey

MAX_REMEMBERED: Final = 2_000
_EVERY_SECONDS: Final = 5.0
_OWNER_SECONDS: Final = 600.0
_HOOK_SECONDS: Final = 60.0
_ANSWER_SECONDS: Final = 10

V = TypeVar("V")

log = logging.getLogger(__name__)


class JobError(LabelingError):
    """A problem with one job; the service itself has answered.

    :param is_ours: whether the task created the job; None if that is unknown.
    """

    def __init__(self, message: str, is_ours: bool | None) -> None:
        super().__init__(message)
        self.is_ours = is_ours


class Confirmed(NamedTuple):
    """A job that is confirmed to belong to its task, and where its data is.

    :param hook: the hook for the service.
    :param output_uri: S3 URI of its output folder.
    :param manifest_uri: S3 URI of its input manifest; None if it takes objects from a topic.
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
        """Whether an object is in the folder of the job's input manifest; a whole bucket does not count as a folder."""
        folder = (self.manifest_uri or "").rpartition("/")[0]
        return is_plain_s3(folder) and is_plain_s3(uri) and uri.startswith(f"{folder}/")


def is_plain_s3(uri: str) -> bool:
    """Whether a string is the URI of an S3 object, without ``.`` and ``..`` segments and lone surrogates."""
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    strays = {".", ".."} & set(key.split("/")) or any("\ud800" <= letter <= "\udfff" for letter in uri)
    return uri.startswith("s3://") and bool(bucket and key) and not strays


class _Remembered(Generic[V]):
    """A cache of the latest values, each kept for some seconds."""

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


class _LastAnswer(NamedTuple):
    """The service's last answer about a job.

    :param is_ours: whether the task created the job; None if that is not known yet.
    """

    is_ours: bool | None
    state: JobState | None = None
    trouble: str = ""


def hook_of(connection: TaskConnection) -> Any:
    """A hook with short timeouts, because people are waiting.

    :raises LabelingError: if Airflow has no such connection; the server's own credentials must not be used instead.
    """
    from airflow.providers.common.compat.sdk import AirflowNotFoundException
    from botocore.config import Config

    from labeling_provider.hooks.labeling import LabelingHook

    name, verify = connection.aws_conn_id, connection.verify
    if isinstance(verify, str) and not (Path(verify).is_file() or Path(verify).is_dir()):
        raise LabelingError(f"The API server does not have the CA bundle {verify!r} that the task uses (verify).")
    if name is not None:
        try:
            LabelingHook.get_connection(name)
        except AirflowNotFoundException:
            raise LabelingError(
                f"The API server does not have the connection {name!r} that the task used to create its job. Define it "
                "there."
            ) from None
    return LabelingHook(
        aws_conn_id=name,
        region_name=connection.region_name,
        verify=verify,
        config=Config(connect_timeout=3, read_timeout=_ANSWER_SECONDS, retries={"total_max_attempts": 2}),
        outage=0,
    )


class LiveJobs:
    """Asks the services about jobs on behalf of all users, at most every five seconds per connection."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(4, thread_name_prefix="labeling-ui")
        self._lock = threading.Lock()
        self._hooks: _Remembered[Any] = _Remembered(_HOOK_SECONDS)
        self._owned: _Remembered[dict[str, Any]] = _Remembered(_OWNER_SECONDS)
        self._seen: _Remembered[_LastAnswer] = _Remembered()
        self._recent: _Remembered[bool] = _Remembered(_EVERY_SECONDS)
        self._under_way: dict[TaskConnection, Future[None]] = {}

    def confirmed(self, job: TaskJob) -> Confirmed:
        """Confirm that a job belongs to its task; waits for the service.

        :raises LabelingError: if the job no longer exists, does not belong to the task, or the service does not answer.
        """
        if job.facts is None:
            raise LabelingError(job.trouble)
        return _sure(lambda: self._ask_whose(job)[0], job.connection)

    def show(self, job: TaskJob) -> bool:
        """Add the service's last answer to a job.

        :return: whether the job is known not to belong to its task.
        """
        seen = self._seen.get(_key(job)) if job.facts else None
        if seen is not None:
            job.live = seen.state or job.live
            job.trouble = seen.trouble or job.trouble
        return seen is not None and seen.is_ours is False

    def refresh(self, jobs: Iterable[TaskJob], seconds: float = 0.0, *, ended: bool = False) -> None:
        """Ask about jobs in the background; later calls of :meth:`show` see the result.

        :param seconds: how long to wait for the result.
        :param ended: whether to ask about ended jobs too, if their owner is not known yet.
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
                due = self._recent.get(connection) is None or any(self._seen.get(_key(job)) is None for job in due_jobs)
                if due and connection not in self._under_way:
                    self._recent.put(connection, True)
                    self._under_way[connection] = self._pool.submit(self._sweep, connection, due_jobs)
            under_way = [self._under_way[connection] for connection in wanted if connection in self._under_way]
        if seconds:
            wait(under_way, seconds)

    def _hook(self, connection: TaskConnection) -> Any:
        return self._hooks.get(connection) or self._hooks.put(connection, hook_of(connection))

    def _ask_whose(self, job: TaskJob) -> tuple[Confirmed, JobState | None]:
        """The confirmed job and, if it was described just now, its state."""
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
            # The rest of a description can be large.
            known = ("OutputConfig", "InputConfig", "LabelAttributeName")
            self._owned.put(_key(job), {key: description[key] for key in known})
        request = JobRequest.named(job.name, description)
        output = as_s3_uri(request.output_uri)
        manifest = as_s3_uri(request.manifest_uri) if request.manifest_uri else None
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
                    self._seen.put(_key(job), _LastAnswer(error.is_ours, None, str(error)))
                    continue
                if state is not None:
                    self._seen.put(_key(job), _LastAnswer(True, state))
                else:
                    by_name[job.name] = job
            watched = {
                name: Watched(job.created or None, job.status or JobStatus.IN_PROGRESS) for name, job in by_name.items()
            }
            for states in Lookout(self._hook(connection).sagemaker).poll(watched):
                for name, answer in states.items():
                    seen = (
                        _LastAnswer(True, None, str(answer))
                        if isinstance(answer, LabelingError)
                        else _LastAnswer(True, answer)
                    )
                    self._seen.put(_key(by_name[name]), seen)
        except Exception as error:  # noqa: BLE001 - the page shows any error
            log.warning("Labeling jobs can't be read through the connection %s: %s", connection.aws_conn_id, error)
            for job in jobs:
                before = self._seen.get(_key(job)) or _LastAnswer(None)
                if before.is_ours is not False:
                    self._seen.put(_key(job), before._replace(trouble=f"The service did not answer: {error}"))
        finally:
            with self._lock:
                del self._under_way[connection]


def _key(job: TaskJob) -> tuple[TaskKey, str, TaskConnection]:
    return job.task, job.name, job.connection


def _sure(ask: Callable[[], V], connection: TaskConnection) -> V:
    """Call a function that asks a service, and turn any error into a LabelingError.

    :raises LabelingError: if the call fails.
    """
    try:
        return ask()
    except LabelingError:
        raise
    except Exception as error:
        raise LabelingError(
            f"The service can't be reached through the connection {connection.aws_conn_id!r}: {error}"
        ) from error

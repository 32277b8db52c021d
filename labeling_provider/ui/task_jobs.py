"""A task's labeling job, as described by its XComs and by the service."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Annotated, Final, NamedTuple, TypeVar

import msgspec

from labeling_provider.groundtruth.facts import PRICE_PER_OBJECT_USD
from labeling_provider.groundtruth.job import ENDED, JobState
from labeling_provider.groundtruth.structures import make_ready
from labeling_provider.xcoms import JOB_KEY, PROGRESS_KEY

MAX_CHARACTERS: Final = 5_000
"""The longest XCom that is read."""

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
    """The connection that the task uses."""

    aws_conn_id: str | None
    region_name: str | None
    verify: bool | str | None


class CreationFacts(msgspec.Struct, frozen=True):
    """The facts that a task pushed when it created its job.

    :param created: creation time in epoch seconds.
    :param aws_conn_id: None if the task uses boto3's default credentials.
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
    """The counters of a job, as last reported by the task or its trigger."""

    job_name: str
    status: _Status = ""
    total: _Count = 0
    human_labeled: _Count = 0
    machine_labeled: _Count = 0
    failed: _Count = 0
    unlabeled: _Count = 0


@dataclass
class TaskJob:
    """A task's labeling job.

    :param task: the task instance.
    :param facts: the facts that the task pushed; None if they can't be read.
    :param counters: the last counters from the task or its trigger.
    :param live: the service's last answer; None if there is none.
    :param trouble: why something can't be read; otherwise empty.
    """

    task: TaskKey
    facts: CreationFacts | None
    counters: Counters = Counters("")  # noqa: RUF009 - frozen
    live: JobState | None = None
    trouble: str = ""

    @property
    def name(self) -> str:
        """The job's name; empty if it can't be read."""
        return self.facts.job_name if self.facts else ""

    @property
    def connection(self) -> TaskConnection:
        """The connection to its service."""
        assert self.facts is not None  # noqa: S101 - callers skip jobs without facts
        return TaskConnection(self.facts.aws_conn_id or None, self.facts.region_name, self.facts.verify)

    @property
    def created(self) -> float:
        """Creation time in epoch seconds; 0 if not known."""
        return self.facts.created if self.facts else 0.0

    @property
    def status(self) -> str:
        """The last known status."""
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
        """Labels per hour since the job was created; 0 unless it is running."""
        age = time.time() - self.created
        done = self.count("human_labeled") + self.count("machine_labeled")
        return 0 if self.has_ended or age <= 0 or not self.created else done / age * 3600

    @property
    def seconds_left(self) -> float | None:
        """Seconds until all objects are labeled at this rate; None if that can't be estimated."""
        streams = self.facts is not None and self.facts.streaming
        return self.count("unlabeled") / self.rate * 3600 if self.rate and not streams else None

    @property
    def cost(self) -> float:
        """Amazon's price for the labels so far, in USD; labels by a model have no workers' share."""
        total, by_people = self.count("total"), self.count("human_labeled")
        service = min(self.estimated_cost, float(PRICE_PER_OBJECT_USD) * total)
        labeled = service * (by_people + self.count("machine_labeled"))
        return (labeled + (self.estimated_cost - service) * by_people) / total if total else 0

    @property
    def estimated_cost(self) -> float:
        """Estimated cost of the whole job on Amazon, in USD."""
        return self.facts.estimated_cost_usd if self.facts else 0.0


def read_job(task: TaskKey, facts: str | None, counters: str | None) -> TaskJob:
    """A job from the XComs of its task; its ``trouble`` says what can't be read.

    :param facts: JSON of the XCom :data:`labeling_provider.xcoms.JOB_KEY`.
    :param counters: JSON of the XCom :data:`labeling_provider.xcoms.PROGRESS_KEY`; None if there is none.
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
    """Parse JSON as a type.

    :raises ValueError: if it is not JSON, or not of this type.
    """
    if text is None:
        raise ValueError("it is empty")
    if len(text) > MAX_CHARACTERS:
        raise ValueError(f"it has more than {MAX_CHARACTERS:,} characters")
    try:
        # XComs that people add in the Airflow UI are stored as a JSON string that contains JSON.
        plain = msgspec.json.decode(text, type=str) if text.startswith('"') else text
        return msgspec.json.decode(plain, type=kind)
    except (msgspec.MsgspecError, RecursionError, UnicodeError) as error:
        raise ValueError(str(error)) from None


make_ready(__name__)

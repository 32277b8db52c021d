"""Pushes new objects from a source to a streaming job, no faster than the job labels them."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from functools import partial
from typing import Any, Final, NamedTuple

from labeling_provider.client.ground_truth import GroundTruth
from labeling_provider.client.list_pages import pages
from labeling_provider.client.queue import is_missing_queue
from labeling_provider.client.retries import answer_to
from labeling_provider.errors import LabelingError, counted
from labeling_provider.groundtruth.description import listed_jobs
from labeling_provider.groundtruth.job import JobStatus, queue_name
from labeling_provider.streaming.messages import Message, message_of
from labeling_provider.streaming.publisher import Publisher, Refused
from labeling_provider.streaming.sources import Source, SourceObject

PORTION: Final = 5000
"""Most objects that are pushed in one step."""
_CHECK_SECONDS: Final = 5.0
_SETTLING_SECONDS: Final = 2.0

log = logging.getLogger(__name__)


class Step(NamedTuple):
    """The result of a step.

    :param published: number of objects published.
    :param refused: objects that can't be published.
    :param blocked: why nothing can be pushed at the moment; otherwise empty.
    :param ended: why nothing more will be pushed; otherwise empty.
    """

    published: int = 0
    refused: tuple[Refused, ...] = ()
    blocked: str = ""
    ended: str = ""


class Backlog:
    """The objects waiting in the queue of a streaming job.

    :param job_name: the job's name.
    """

    def __init__(self, ground_truth: GroundTruth, job_name: str) -> None:
        self._name, self._outage = queue_name(job_name), ground_truth.outage
        self._sqs = ground_truth.client("sqs")
        self._url: str | None = None

    def depth(self) -> int:
        """The approximate number of waiting objects.

        :raises LabelingError: if the queue does not exist or can't be read.
        """
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        answer = answer_to(lambda: self._attributes(names), f"Reading the queue {self._name}", outage=self._outage)
        return sum(int(answer["Attributes"][name]) for name in names)

    def depth_if_any(self) -> int | None:
        """The same as :meth:`depth`; None if the queue does not exist."""
        try:
            return self.depth()
        except LabelingError as error:
            if is_missing_queue(error):
                return None
            raise

    def _attributes(self, names: list[str]) -> dict[str, Any]:
        self._url = self._url or self._sqs.get_queue_url(QueueName=self._name)["QueueUrl"]
        answer: dict[str, Any] = self._sqs.get_queue_attributes(QueueUrl=self._url, AttributeNames=names)
        return answer

    def delete_queue(self) -> None:
        """Delete the queue."""
        self._sqs.delete_queue(QueueUrl=self._url or self._sqs.get_queue_url(QueueName=self._name)["QueueUrl"])


class Pusher:
    """Takes objects from a source and publishes them. The caller closes it.

    :param topic_arn: ARN of the input topic.
    :param source: the source of objects.
    :param job_name: the streaming job; None for any jobs that listen to the topic.
    :param max_backlog: most objects that may wait in a job's queue.
    :param in_flight: number of batches that are sent at once.
    """

    def __init__(
        self,
        ground_truth: GroundTruth,
        *,
        topic_arn: str,
        source: Source,
        job_name: str | None,
        max_backlog: int,
        in_flight: int,
    ) -> None:
        self.source = source
        self._ground_truth, self._topic_arn, self._job_name = ground_truth, topic_arn, job_name
        self._max_backlog = max_backlog
        self._publisher = Publisher(ground_truth, topic_arn, in_flight)
        self._backlogs: dict[str, Backlog] = {}
        self._checked: tuple[float, Step | None] = (0.0, None)
        self._recently: list[tuple[float, int]] = []

    def close(self) -> None:
        """Stop the threads."""
        self._publisher.close()

    def step(self, max_objects: int = PORTION) -> Step:
        """Push one portion. All of its objects are published or refused when this returns.

        :param max_objects: most objects to push.
        :raises LabelingError: if the source can't be read, or the topic can't be published to.
        """
        if (hindrance := self._hindrance()) is not None:
            return hindrance
        room = self._room()
        if room <= 0:
            return Step(blocked=f"the job's queue has {counted(self._max_backlog, 'object')} already")
        portion = self.source.take(min(max_objects, room))
        refused = [Refused(item.object_id, item.problem) for item in portion if item.problem]
        refused += self._publisher.publish(_messages(portion))
        for refusal in refused[:10]:
            log.warning("%s can't be pushed: %s", refusal.about, refusal.reason)
        self.source.settle()
        published = len(portion) - len(refused)
        self._recently.append((time.monotonic(), published))
        return Step(published, tuple(refused))

    def _hindrance(self) -> Step | None:
        """Why nothing can be pushed; None if something can. Checked every few seconds."""
        at, step = self._checked
        if time.monotonic() - at > _CHECK_SECONDS:
            step = self._check_jobs()
            self._checked = (time.monotonic(), step)
        return step

    def _check_jobs(self) -> Step | None:
        if self._job_name is None:
            names = listeners(self._ground_truth, self._topic_arn)
            self._backlogs = {name: self._backlogs.get(name) or Backlog(self._ground_truth, name) for name in names}
            return None if names else Step(blocked=f"no running labeling job listens to {self._topic_arn}")
        state = self._ground_truth.get_job(self._job_name).state
        if state.status == JobStatus.INITIALIZING:
            self._checked = (0.0, None)
            return Step(blocked=f"{state.name} is Initializing")
        if state.status != JobStatus.IN_PROGRESS:
            return Step(
                ended=f"Labeling job {state.name} is {state.status}" + (f": {state.reason}" * bool(state.reason))
            )
        self._backlogs.setdefault(state.name, Backlog(self._ground_truth, state.name))
        return None

    def _room(self) -> int:
        """How many more objects may be pushed. SQS may not have counted those published a moment ago."""
        since = time.monotonic() - _SETTLING_SECONDS
        self._recently = [(at, count) for at, count in self._recently if at > since]
        waiting = max((backlog.depth() for backlog in self._backlogs.values()), default=0)
        return self._max_backlog - waiting - sum(count for _, count in self._recently)


def listeners(ground_truth: GroundTruth, topic_arn: str) -> list[str]:
    """Names of the running jobs that listen to a topic, newest first.

    :raises LabelingError: if the service refuses or does not answer.
    """
    action = f"Listing labeling jobs that listen to {topic_arn}"
    wanted = {
        "StatusEquals": JobStatus.IN_PROGRESS.value,
        "SortBy": "CreationTime",
        "SortOrder": "Descending",
        "MaxResults": 100,
    }

    def ask(**request: Any) -> dict[str, Any]:
        listing = partial(ground_truth.sagemaker.list_labeling_jobs, **request)
        answer: dict[str, Any] = answer_to(listing, action, outage=ground_truth.outage)
        return answer

    running = (job for page in pages(ask, **wanted) for job in listed_jobs(page))
    return [job.name for job in running if job.input_topic_arn == topic_arn]


def _messages(portion: list[SourceObject]) -> Iterator[Message]:
    for item in portion:
        if not item.problem:
            yield message_of(item.line, item.object_id)

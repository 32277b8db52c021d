"""The messages of streaming labeling jobs: objects come in through a queue, labels go out to a topic.

A message leaves the queue in the transaction that stores its objects, so nothing is lost or labeled twice, whenever the
service is killed.
Source: developer guide, "Ground Truth streaming labeling jobs".
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from typing import Any, Final

from labeling_provider.errors import counted
from labeling_provider.groundtruth import layout
from labeling_provider.groundtruth.description import JobRequest
from labeling_provider.groundtruth.documents import as_json, with_result
from labeling_provider.groundtruth.job import JobStatus, queue_name
from labeling_provider.service.clock import Clock
from labeling_provider.service.cloud.messaging import Messaging, QueuedMessage
from labeling_provider.service.database import arrival_rows, lease_rows
from labeling_provider.service.database.database import Connection, Database, Row
from labeling_provider.service.database.running import arrived, find, note
from labeling_provider.service.database.states import ObjectState
from labeling_provider.service.engine.arrivals import Arrival, arrivals_of, line_arrival
from labeling_provider.service.failures import JobFailure
from labeling_provider.service.work.job_run import Run
from labeling_provider.service.work.outcomes import note_failures

IDLE_SECONDS: Final = 10 * 24 * 3600
EXPIRY_SECONDS: Final = 14 * 24 * 3600
_LOOKED_AT: Final = 1000
_PUBLISHED_AT_ONCE: Final = 200


class Stream:
    """The message side of all streaming jobs."""

    def __init__(self, database: Database, messaging: Messaging, clock: Clock) -> None:
        self._database, self._messaging, self._clock = database, messaging, clock
        messaging.changed = self._changed

    @staticmethod
    def _changed(connection: Connection, queue: str | None) -> None:
        """Wake the job of this queue; wake all jobs when a topic or a queue is gone."""
        if queue is None:
            lease_rows.wake(connection, lease_rows.streams())
        elif queue.startswith(queue_name("")):
            lease_rows.wake(connection, lease_rows.has_queue(queue))

    def open(self, row: Row, request: JobRequest, lines: Sequence[str]) -> None:
        """Create the job's queue, subscribe it to the input topic, and put the lines of the initial manifest into it.

        This can be repeated after a crash.

        :raises JobFailure: if a topic does not exist.
        """
        output = request.output_topic_arn
        if output and not self._messaging.has_topic(output):
            raise JobFailure(f"ClientError: the output topic {output} does not exist")
        topic = self._input_topic(request)
        name = queue_name(row.name)
        self._messaging.open_queue(name, topic)
        self._messaging.put(name, ((f"{_line_prefix(row.id)}{number}", line) for number, line in enumerate(lines, 1)))

    def close(self, job_name: str) -> None:
        """Unsubscribe the job's queue. The queue itself stays."""
        self._messaging.leave(queue_name(job_name))

    def _input_topic(self, request: JobRequest) -> str:
        topic = request.input_topic_arn
        if topic is None or not self._messaging.has_topic(topic):
            raise JobFailure(f"ClientError: the input topic {topic} does not exist")
        return topic

    def take(self, run: Run, room: int, now: float) -> int:
        """Turn the oldest messages into objects, and drop messages that have waited too long.

        :param room: most messages to take.
        :param now: epoch seconds.
        :return: how many messages have left the queue.
        :raises JobFailure: if the topic or the queue does not exist any more.
        """
        self._input_topic(run.request)
        name = queue_name(run.job.name)
        if not self._messaging.has_queue(name):
            raise JobFailure(f"ClientError: the queue {name} no longer exists")
        old = now - self._clock.real(EXPIRY_SECONDS)
        waiting = self._messaging.waiting(name, _LOOKED_AT)
        expired = [message for message in waiting if message.sent < old]
        fresh = [message for message in waiting if message.sent >= old][: max(room, 0)]
        ids = [message.message_id for message in (*expired, *fresh)]
        if not ids:
            return 0
        with self._database.write() as connection:
            if lease_rows.hold(connection, run.lease) != JobStatus.IN_PROGRESS:
                return 0
            self._record(connection, run, fresh, now)
            if expired:
                note(
                    connection,
                    run.id,
                    f"{counted(len(expired), 'object')} left the queue without a label after 14 days",
                )
            self._messaging.drop(connection, ids)
        return len(ids)

    def _record(self, connection: Connection, run: Run, fresh: Sequence[QueuedMessage], now: float) -> None:
        """Store the objects of messages, each deduplication id once."""
        by_digest: dict[str, Arrival] = {}
        for message in fresh:
            for arrival in self._arrivals(run, message):
                by_digest.setdefault(arrival.digest, arrival)
        for digest in arrival_rows.seen(connection, run.id, by_digest):
            del by_digest[digest]
        job = find(connection, run.id)
        first = 0 if job is None else job.lines
        new = list(by_digest.values())
        rows = [
            (arrival.digest, self._object_row(run, number, arrival, now)) for number, arrival in enumerate(new, first)
        ]
        arrival_rows.add(connection, run.id, rows)
        run.changed = run.changed or bool(new)
        given = sum(row["state"] == ObjectState.GIVEN for _, row in rows)
        reasons = [arrival.reason for arrival in new if arrival.reason is not None]
        arrived(connection, run.id, objects=len(new), given=given, failed=len(reasons))
        note_failures(connection, run.id, reasons)

    @staticmethod
    def _arrivals(run: Run, message: QueuedMessage) -> list[Arrival]:
        number = message.message_id.removeprefix(_line_prefix(run.id))
        if number != message.message_id:
            return [line_arrival(int(number), message.body)]
        return arrivals_of(message, run.job.attribute, run.job.task_type.data_key)

    @staticmethod
    def _object_row(run: Run, number: int, arrival: Arrival, now: float) -> dict[str, Any]:
        row = {"object_id": number, "line": arrival.line, "state": ObjectState.WAITING, "result": None}
        job = run.job
        if arrival.reason is not None:
            result = layout.failure(arrival.reason, job.attribute, job.task_type.metadata_type, job.name, now)
            return {**row, "state": ObjectState.FAILED, "result": as_json(result)}
        return {**row, "state": ObjectState.GIVEN} if job.attribute in json.loads(arrival.line) else row

    def publish(self, run: Run) -> bool:
        """Publish newly labeled objects to the output topic.

        :return: whether there were any.
        :raises LeaseLost: if another process has taken the job.
        """
        topic = run.request.output_topic_arn
        if not topic:
            return False
        with self._database.read() as connection:
            rows = arrival_rows.unpublished(connection, run.id, _PUBLISHED_AT_ONCE)
        published = [
            self._messaging.publish(topic, with_result(row.line, row.result), _label_id(run.job.arn, row.object_id))
            for row in rows
        ]
        if rows:
            with self._database.write() as connection:
                lease_rows.hold(connection, run.lease)
                if not all(published) and not run.output_is_gone:
                    run.output_is_gone = True
                    gone = f"The output topic {topic} no longer exists: labels are only in the output manifest"
                    note(connection, run.id, gone)
                arrival_rows.mark_published(connection, run.id, [row.object_id for row in rows])
        return bool(rows)

    def seconds_left(self, run: Run, modified: float, now: float) -> float:
        """Seconds until the oldest message expires; if there is none, until the job has been idle for too long.

        :param modified: when the job last changed, in epoch seconds.
        :param now: epoch seconds.
        """
        oldest = self._messaging.waiting(queue_name(run.job.name), 1)
        if oldest:
            return oldest[0].sent + self._clock.real(EXPIRY_SECONDS) - now
        return modified + self._clock.real(IDLE_SECONDS) - now


def _label_id(arn: str, object_id: int) -> str:
    """The id of the message with an object's label: the same if it is sent again after a kill."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{arn}/{object_id}"))


def _line_prefix(job_id: int) -> str:
    """The prefix of the ids of messages made from lines of the initial manifest."""
    return f"{job_id}-line-"

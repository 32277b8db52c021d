"""The messages of streaming labeling jobs: what comes in through the queue, and what goes out to the output topic.

A message leaves the queue in the transaction that makes an object of it, so that nothing is lost and nothing is
labeled twice, whatever is killed in between.
Source: developer guide, "Ground Truth streaming labeling jobs".
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from labeling_provider.groundtruth import layout
from labeling_provider.groundtruth.documents import as_json, with_result
from labeling_provider.groundtruth.job import queue_name
from labeling_provider.service.cloud.messaging import Messaging, Waiting
from labeling_provider.service.database.database import Database
from labeling_provider.service.database.schema import arrivals, jobs, objects
from labeling_provider.service.engine.arrivals import Arrival, arrivals_of, line_arrival
from labeling_provider.service.errors import JobFailure
from labeling_provider.service.work.records import Run, note, note_failures, update_job

IDLE_SECONDS: Final = 10 * 24 * 3600
EXPIRY_SECONDS: Final = 14 * 24 * 3600
_LOOKED_AT: Final = 1000
_PUBLISHED_AT_ONCE: Final = 200


class Stream:
    """The message side of all streaming jobs.

    :param speed: how many times faster than real time objects expire and jobs are idle.
    """

    def __init__(self, database: Database, messaging: Messaging, speed: float) -> None:
        self._database, self._messaging, self._speed = database, messaging, speed

    def open(self, row: sa.Row[Any], request: dict[str, Any], lines: Sequence[str]) -> None:
        """Make the job's queue, subscribe it to the input topic, and put the lines of the start manifest into it.

        May be done again after a crash.

        :raises JobFailure: if a topic does not exist.
        """
        output = request["OutputConfig"].get("SnsTopicArn")
        if output and not self._messaging.has_topic(output):
            raise JobFailure(f"ClientError: the output topic {output} does not exist")
        self._check_input(request)
        name = queue_name(row.name)
        self._messaging.open_queue(name, request["InputConfig"]["DataSource"]["SnsDataSource"]["SnsTopicArn"])
        self._messaging.put(name, ((f"{_line_prefix(row.id)}{number}", line) for number, line in enumerate(lines, 1)))

    def close(self, job_name: str) -> None:
        """Take the queue's subscription away; the queue stays."""
        self._messaging.leave(queue_name(job_name))

    def _check_input(self, request: dict[str, Any]) -> None:
        topic = request["InputConfig"]["DataSource"]["SnsDataSource"]["SnsTopicArn"]
        if not self._messaging.has_topic(topic):
            raise JobFailure(f"ClientError: the input topic {topic} does not exist")

    def take(self, run: Run, room: int, now: float) -> int:
        """Make objects of the oldest messages, as many as there is room for; drop those that have waited too long.

        :return: how many messages have left the queue.
        :raises JobFailure: if the input can't be reached any more.
        """
        self._check_input(run.job.request)
        name = queue_name(run.job.name)
        if not self._messaging.has_queue(name):
            raise JobFailure(f"ClientError: the queue {name} does not exist any more")
        old = now - EXPIRY_SECONDS / self._speed
        waiting = self._messaging.waiting(name, _LOOKED_AT)
        expired = [one for one in waiting if one.sent < old]
        fresh = [one for one in waiting if one.sent >= old][: max(room, 0)]
        ids = [one.message_id for one in (*expired, *fresh)]
        if not ids:
            return 0
        with self._database.write() as connection:
            status, lines = connection.execute(sa.select(jobs.c.status, jobs.c.lines).where(jobs.c.id == run.id)).one()
            if status != "InProgress":
                return 0
            self._record(connection, run, lines, fresh, now)
            if expired:
                note(connection, run.id, f"{len(expired)} objects have waited for 14 days and have left the queue")
            self._messaging.drop(connection, ids)
        self._messaging.forget(name, ids)
        return len(ids)

    def _record(self, connection: Connection, run: Run, lines: int, fresh: Sequence[Waiting], now: float) -> None:
        """Write objects down, each deduplication id once."""
        found: dict[str, Arrival] = {}
        for message in fresh:
            for one in self._arrivals(run, message):
                found.setdefault(one.digest, one)
        seen = sa.select(arrivals.c.digest).where(arrivals.c.job_id == run.id, arrivals.c.digest.in_(found))
        for digest in connection.execute(seen).scalars().all():
            del found[digest]
        new = list(enumerate(found.values(), lines))
        if new:
            connection.execute(sa.insert(objects), [self._object_row(run, number, one, now) for number, one in new])
            rows = [
                {"job_id": run.id, "object_id": number, "digest": one.digest, "published": False} for number, one in new
            ]
            connection.execute(sa.insert(arrivals), rows)
            run.changed = True
        given = sum(run.job.attribute in json.loads(one.line) for _, one in new if one.reason is None)
        failed = sum(one.reason is not None for _, one in new)
        update_job(
            connection, run.id, lines=lines + len(new), given=jobs.c.given + given, failed=jobs.c.failed + failed
        )
        note_failures(connection, run.id, [one.reason for _, one in new if one.reason])

    @staticmethod
    def _arrivals(run: Run, message: Waiting) -> list[Arrival]:
        number = message.message_id.removeprefix(_line_prefix(run.id))
        if number != message.message_id:
            return [line_arrival(int(number), message.body)]
        return arrivals_of(message, run.job.attribute, run.job.task_type.data_key)

    @staticmethod
    def _object_row(run: Run, number: int, one: Arrival, now: float) -> dict[str, Any]:
        row = {"job_id": run.id, "object_id": number, "line": one.line, "state": "waiting", "result": None}
        job = run.job
        if one.reason is not None:
            given_up = layout.failure(one.reason, job.attribute, job.task_type.metadata_type, job.name, now)
            return {**row, "state": "failed", "result": as_json(given_up)}
        return {**row, "state": "given"} if job.attribute in json.loads(one.line) else row

    def publish(self, run: Run) -> bool:
        """Send objects that have got their label to the output topic; whether there were any."""
        topic = run.job.request["OutputConfig"].get("SnsTopicArn")
        if not topic:
            return False
        query = (
            sa.select(objects.c.object_id, objects.c.line, objects.c.result)
            .join(arrivals, (arrivals.c.job_id == objects.c.job_id) & (arrivals.c.object_id == objects.c.object_id))
            .where(arrivals.c.job_id == run.id, arrivals.c.published.is_(False), objects.c.state == "labeled")
            .order_by(arrivals.c.object_id)
            .limit(_PUBLISHED_AT_ONCE)
        )
        with self._database.read() as connection:
            rows = connection.execute(query).all()
        told = [self._messaging.publish(topic, with_result(row.line, row.result)) for row in rows]
        if rows:
            with self._database.write() as connection:
                if not all(told) and not run.output_is_gone:
                    run.output_is_gone = True
                    gone = f"The output topic {topic} does not exist any more: labels are in the output manifest only"
                    note(connection, run.id, gone)
                connection.execute(
                    sa.update(arrivals)
                    .where(arrivals.c.job_id == run.id, arrivals.c.object_id == sa.bindparam("object"))
                    .values(published=True),
                    [{"object": row.object_id} for row in rows],
                )
        return bool(rows)

    def seconds_left(self, run: Run, modified: float, now: float) -> float:
        """Seconds until the job has been idle for too long, or the oldest message has waited for too long."""
        oldest = self._messaging.waiting(queue_name(run.job.name), 1)
        if oldest:
            return oldest[0].sent + EXPIRY_SECONDS / self._speed - now
        return modified + IDLE_SECONDS / self._speed - now


def _line_prefix(job_id: int) -> str:
    """What the ids of messages that were lines of the start manifest begin with."""
    return f"{job_id}-line-"

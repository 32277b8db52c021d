"""Deletes labeling jobs that have ended, with everything that belongs to them: when somebody asks, or by their age."""

from __future__ import annotations

from typing import Final

from labeling_provider.groundtruth.job import queue_name
from labeling_provider.service.clock import Clock
from labeling_provider.service.cloud.messaging import Messaging
from labeling_provider.service.cloud.object_store import ObjectStore
from labeling_provider.service.database import deleted_rows, job_rows
from labeling_provider.service.database.database import Database
from labeling_provider.service.database.job_rows import JobRow
from labeling_provider.service.database.running import find
from labeling_provider.service.database.states import Role
from labeling_provider.service.engine.files_of_people import only_at_files
from labeling_provider.service.repeating import Repeating
from labeling_provider.service.work.audit_trail import AuditTrail

_ROWS_AT_ONCE: Final = 2_000
_JOBS_AT_ONCE: Final = 20
_LOOK_SECONDS: Final = 600.0
_SHORTEST_LOOK_SECONDS: Final = 0.2
_LOOKS: Final = 4
"""How often to look, at least, in the time that jobs are kept."""
_DAY: Final = 86_400.0


class DeletionError(Exception):
    """A job can't be deleted; the text says why."""


class Deletion:
    """Deletes jobs. An interrupted deletion can be repeated: the job itself goes last."""

    def __init__(self, database: Database, object_store: ObjectStore, messaging: Messaging) -> None:
        self._database, self._object_store, self._messaging = database, object_store, messaging

    def delete(self, name: str, *, with_output: bool = False) -> int:
        """Delete a job: its objects, tasks, answers, remarks, log and queue.

        :param with_output: whether to delete its folder in S3 as well, with the labels.
        :return: how many objects of S3 were deleted.
        :raises DeletionError: if there is no such job, it has not ended, or its files are just being changed.
        """
        with self._database.read() as connection:
            job = job_rows.find_job(connection, name)
        if job is None:
            raise DeletionError(f"There is no labeling job named {name}.")
        if job.runs:
            raise DeletionError(f"{job.name} is {job.status}: stop it first.")
        with only_at_files(self._database, job.id) as is_free:
            if not is_free:
                raise DeletionError(
                    f"{job.name} is being deleted, or a person is being erased from its files. "
                    "Run the command again when that is done."
                )
            with self._database.read() as connection:
                # Its name, and so its folder, may belong to a new job already.
                if find(connection, job.id) is None:
                    raise DeletionError(f"There is no labeling job named {name}.")
            return self._delete(job, with_output=with_output)

    def _delete(self, job: JobRow, *, with_output: bool) -> int:
        request = job.request
        deleted = self._object_store.delete_below(f"{request.output_uri}/") if with_output else 0
        if request.input_topic_arn:
            self._messaging.delete_queue(queue_name(job.name))
        is_more = True
        while is_more:
            # Others write in between.
            with self._database.write() as connection:
                is_more = deleted_rows.delete_rows(connection, job.id, _ROWS_AT_ONCE)
        with self._database.write() as connection:
            deleted_rows.delete_job(connection, job.id, job.arn, _queue_of(job))
        return deleted


def _queue_of(job: JobRow) -> str:
    """The ARN of the queue that belongs to a job, whether or not there is one."""
    place = job.arn.replace(":sagemaker:", ":sqs:").partition("labeling-job/")[0]
    return place + queue_name(job.name)


class Retention(Repeating):
    """Deletes jobs that ended long enough ago, every few minutes, or more often if jobs are kept for less.

    Labels in S3 stay.

    :param days: how many days ago.
    """

    def __init__(self, database: Database, deletion: Deletion, audit: AuditTrail, clock: Clock, days: float) -> None:
        self._database, self._deletion, self._audit = database, deletion, audit
        self._clock, self._days = clock, days
        pause = min(max(days * _DAY / _LOOKS, _SHORTEST_LOOK_SECONDS), _LOOK_SECONDS)
        trouble = "jobs that ended long ago could not be deleted"
        super().__init__("labeling-retention", self.sweep, lambda: pause, trouble)

    def sweep(self) -> None:
        """Delete what is old enough."""
        while not self.is_stopping:
            with self._database.read() as connection:
                names = deleted_rows.ended_before(connection, self._clock.now() - self._days * _DAY, _JOBS_AT_ONCE)
            for name in names:
                try:
                    self._deletion.delete(name)
                except DeletionError:
                    # Another process has deleted it, or somebody is just being erased from its files.
                    continue
                self._audit.record("retention", Role.SERVICE, "", "jobs delete", name)
            if len(names) < _JOBS_AT_ONCE:
                return

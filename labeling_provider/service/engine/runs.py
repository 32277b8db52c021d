"""The labeling jobs that this process runs, cached in memory."""

from __future__ import annotations

import json
from itertools import islice
from typing import Final

from labeling_provider.groundtruth.description import JobRequest
from labeling_provider.request.templates import label_names
from labeling_provider.service.cloud.object_store import ObjectStore
from labeling_provider.service.database import object_rows
from labeling_provider.service.database.database import Database, Row
from labeling_provider.service.database.lease_rows import Lease
from labeling_provider.service.engine.answers import by_object, submitted
from labeling_provider.service.engine.functions import Functions
from labeling_provider.service.engine.inputs import Inputs
from labeling_provider.service.kinds import KINDS
from labeling_provider.service.kinds.kind import JobFacts, Kind
from labeling_provider.service.work.job_run import Run
from labeling_provider.service.work.workforce import WorkforceFile

_AT_ONCE: Final = 1_000
"""Objects whose answers are in memory at a time while a kind learns from them."""


class Kinds:
    """Creates the kind of task of a labeling job.

    :param functions: the callers' functions.
    """

    def __init__(self, object_store: ObjectStore, functions: Functions, inputs: Inputs) -> None:
        self._object_store, self._functions, self._inputs = object_store, functions, inputs

    def of(self, name: str, arn: str, request: JobRequest) -> Kind:
        """The kind of a job, which has learned nothing yet.

        :param name: the name of the job.
        :param request: the CreateLabelingJob request.
        :raises JobFailure: if its label categories can't be read.
        """
        task_type = request.task_type
        categories = self._inputs.categories(request)
        consolidation = request.consolidation_arn or ""
        return KINDS[task_type.name](
            JobFacts(
                name=name,
                arn=arn,
                attribute=request.label_attribute,
                task_type=task_type,
                labels=label_names(categories) if categories else [],
                categories=categories,
                workers_per_object=request.workers_per_object,
                output=request.output_uri,
                request=request,
                object_store=self._object_store,
                consolidation_function=consolidation if consolidation in self._functions else "",
            )
        )


class Runs:
    """A cache of jobs. An entry is valid only under the lease that it was made for."""

    def __init__(self, database: Database, workforce: WorkforceFile, kinds: Kinds) -> None:
        self._database, self._workforce, self._kinds = database, workforce, kinds
        self._runs: dict[int, Run] = {}

    def of(self, lease: Lease, job: Row) -> Run:
        """The job's entry, read from the database if there is none for this lease."""
        run = self._runs.get(job.id)
        if run is None or run.lease != lease:
            run = self._runs[job.id] = self._resume(lease, job)
        return run

    def forget(self, job_id: int) -> None:
        """Drop a job that another process has, that has ended, or whose step was interrupted."""
        self._runs.pop(job_id, None)

    def _resume(self, lease: Lease, job: Row) -> Run:
        """Read a job from the database, and let its kind learn from earlier answers."""
        kind = self._kinds.of(job.name, job.arn, JobRequest(json.loads(job.request)))
        with self._database.read() as connection:
            labeled = object_rows.labeled(connection, job.id, kind.remembers)
            while rows := list(islice(labeled, _AT_ONCE)):
                kind.learn(by_object(rows, submitted(connection, job.id, rows)))
        return Run(lease, kind, self._workforce.teams.get(job.workteam_arn, ()))

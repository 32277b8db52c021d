"""The labeling jobs whose steps this process does, as it remembers them."""

from __future__ import annotations

import json

from labeling_provider.groundtruth.description import JobRequest
from labeling_provider.request import task_type_of_request
from labeling_provider.request.templates import label_names
from labeling_provider.service.cloud.object_store import ObjectStore
from labeling_provider.service.database import object_rows
from labeling_provider.service.database.database import Database, Row
from labeling_provider.service.database.lease_rows import Lease
from labeling_provider.service.engine.consolidation import read_answers
from labeling_provider.service.engine.functions import Functions
from labeling_provider.service.engine.inputs import Inputs
from labeling_provider.service.kinds import KINDS
from labeling_provider.service.kinds.kind import JobFacts
from labeling_provider.service.work.job_run import Run
from labeling_provider.service.work.workforce import Workforce


class Runs:
    """What this process knows of jobs besides what is in the database; worth something under the same lease only."""

    def __init__(
        self,
        database: Database,
        object_store: ObjectStore,
        workforce: Workforce,
        functions: Functions,
        inputs: Inputs,
    ) -> None:
        self._database, self._object_store, self._workforce = database, object_store, workforce
        self._functions, self._inputs = functions, inputs
        self._runs: dict[int, Run] = {}

    def of(self, lease: Lease, job: Row) -> Run:
        """A job in this process."""
        run = self._runs.get(job.id)
        if run is None or run.lease != lease:
            run = self._runs[job.id] = self._resume(lease, job)
        return run

    def forget(self, job_id: int) -> None:
        """Begin anew with a job that another process has, that has ended, or whose step was not done to its end."""
        self._runs.pop(job_id, None)

    def _resume(self, lease: Lease, job: Row) -> Run:
        """Bring a job into this process: what it is, and what its kind can learn from earlier answers."""
        request = json.loads(job.request)
        task_type = task_type_of_request(request)
        categories = self._inputs.categories(request)
        members = JobRequest(request)
        human = request["HumanTaskConfig"]
        consolidation = human.get("AnnotationConsolidationConfig", {}).get("AnnotationConsolidationLambdaArn", "")
        kind = KINDS[task_type.name](
            JobFacts(
                name=job.name,
                arn=job.arn,
                attribute=members.label_attribute,
                task_type=task_type,
                labels=label_names(categories) if categories else [],
                categories=categories,
                workers_per_object=members.workers_per_object,
                output=members.output_uri,
                request=request,
                object_store=self._object_store,
                consolidation_function=consolidation if consolidation in self._functions else "",
            )
        )
        with self._database.read() as connection:
            kind.learn(read_answers(connection, job.id, object_rows.labeled(connection, job.id)))
        return Run(lease, kind, self._workforce.teams.get(job.workteam_arn, ()))

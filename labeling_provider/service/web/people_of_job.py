"""Who works on a job and what they report, as JSON, for the job's page in the Airflow plugin.

It says less than the job's own page: it identifies people by worker ids, without their names.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from labeling_provider.service.clock import Clock
from labeling_provider.service.database import people_rows
from labeling_provider.service.database.database import Database
from labeling_provider.service.web.pages import job_of

MAX_LATEST: Final = 10
_HEADERS: Final = {"cache-control": "no-store", "x-content-type-options": "nosniff"}


class PeopleOfJobs:
    """The people of each job.

    :param simulated: ARNs of the workteams with simulated workers.
    """

    def __init__(self, database: Database, simulated: Collection[str], clock: Clock) -> None:
        self._database, self._simulated, self._clock = database, simulated, clock

    @property
    def routes(self) -> list[Route]:
        """The route, below ``/_labeling``."""
        return [Route("/jobs/{name}/people", self.people, methods=["GET"])]

    def people(self, request: Request) -> Response:
        """Counts, and the latest remarks.

        ``waits`` says whether the job goes on only when people work.
        """
        job = job_of(self._database, request)
        with self._database.read() as connection:
            at_work = people_rows.at_work(connection, job.id, self._clock.now())
            declined = people_rows.count_declined(connection, job.id)
            remarks = people_rows.count_remarks(connection, job.id)
            latest = people_rows.latest_remarks(connection, job.id, MAX_LATEST)
        content = {
            "at_work": at_work.people,
            "in_hand": at_work.tasks,
            "declined": declined,
            "remarks": remarks,
            "waits": job.runs and job.workteam_arn not in self._simulated,
            "latest": [
                {
                    "object": remark.object_id,
                    "worker_id": remark.worker_id,
                    "at": remark.at,
                    "kind": remark.kind,
                    "text": remark.text,
                }
                for remark in latest
            ],
        }
        return Response(json.dumps(content), 200, _HEADERS, "application/json")

"""Previews of the page that workers get for an object of a job, for the requester: they submit nothing."""

from __future__ import annotations

import logging
from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from labeling_provider.groundtruth.documents import strict_json
from labeling_provider.service.cloud.object_store import ObjectsAway
from labeling_provider.service.database import object_rows, task_inputs
from labeling_provider.service.database.database import Database
from labeling_provider.service.engine.runs import Kinds
from labeling_provider.service.failures import JobFailure
from labeling_provider.service.web.frame import SANDBOX, message_page
from labeling_provider.service.web.pages import OBJECTS_AWAY, POLICY, job_of, page, reads_objects
from labeling_provider.service.web.task_pages import ShownTask, TaskPages

log = logging.getLogger(__name__)

_MAX_DIGITS: Final = 9


class Previews:
    """The page of a job with the frame in it, and the content of the frame.

    :param kinds: creates the kind of task of a job.
    """

    def __init__(self, database: Database, kinds: Kinds, task_pages: TaskPages) -> None:
        self._database, self._kinds, self._task_pages = database, kinds, task_pages

    @property
    def routes(self) -> list[Route]:
        """The routes."""
        return [
            Route("/jobs/{name}/preview", self.preview),
            Route("/jobs/{name}/preview/frame", reads_objects(self.frame)),
        ]

    def preview(self, request: Request) -> Response:
        """An object's page, with links to the next one's."""
        job, number = job_of(self._database, request), _number(request)
        return page(
            request,
            "preview.html",
            policy=f"{POLICY}; frame-src 'self'",
            title=job.name,
            job=job,
            number=number,
            sandbox=SANDBOX,
        )

    def frame(self, request: Request) -> Response:
        """The content of the frame."""
        job, number = job_of(self._database, request), _number(request)
        with self._database.read() as connection:
            line = object_rows.lines(connection, job.id, {number}).get(number)
            prepared = task_inputs.of_object(connection, job.id, number)
        if line is None:
            return message_page(f"The job has no object {number} yet.", 404)
        try:
            try:
                task = ShownTask(self._kinds.of(job.name, job.arn, job.request), strict_json(line), prepared)
            except (JobFailure, ValueError) as error:
                return message_page(f"There is no page for object {number}: {error}", 422)
            return self._task_pages.page(task, f"{request.url.scheme}://{request.url.netloc}")
        except ObjectsAway as error:
            log.warning("object %d of %s can't be shown: %s", number, job.name, error)
            return message_page(OBJECTS_AWAY, 503)


def _number(request: Request) -> int:
    """The number of the requested object, from 0."""
    given = request.query_params.get("object", "0")
    if not given.isdecimal() or len(given) > _MAX_DIGITS:
        raise HTTPException(404)
    return int(given)

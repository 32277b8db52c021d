"""The portal as one application."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from labeling_provider.service.database.database import Database
from labeling_provider.service.database.opening import DatabaseError
from labeling_provider.service.engine.desk import Desk
from labeling_provider.service.engine.mask_helper import MaskHelper
from labeling_provider.service.web.portal.pages import Pages
from labeling_provider.service.web.portal.protocol import Protocol
from labeling_provider.service.web.portal.provider_pages import ProviderPages
from labeling_provider.service.web.portal.sessions import Threads
from labeling_provider.service.web.task_pages import TaskPages
from labeling_provider.service.work.audit import AuditTrail
from labeling_provider.service.work.people import People
from labeling_provider.service.work.single_sign_on import SingleSignOn


def make_portal(
    database: Database,
    desk: Desk,
    people: People,
    single_sign_on: SingleSignOn,
    audit: AuditTrail,
    task_pages: TaskPages,
    mask_helper: MaskHelper,
) -> Starlette:
    """The application that answers for the portal; its paths begin after ``/portal``.

    :param task_pages: makes the pages in the frame.
    :param mask_helper: makes masks for people who draw.
    """
    threads = Threads()
    pages = Pages(database, desk, people, threads, task_pages, single_sign_on, audit, mask_helper.prompts)
    with_provider = ProviderPages(pages, single_sign_on, threads)
    protocol = Protocol(desk, people, threads, task_pages, mask_helper)
    return Starlette(
        # They are tried in this order.
        routes=[*protocol.routes, *with_provider.routes, *pages.routes],
        exception_handlers={HTTPException: _refused, DatabaseError: _unavailable},
    )


def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - it is registered for nothing else
    return PlainTextResponse(f"{error.status_code} {error.detail}", error.status_code)


def _unavailable(request: Request, error: Exception) -> Response:
    return PlainTextResponse("503 The service's database does not respond. Try again.", 503)

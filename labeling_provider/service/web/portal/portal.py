"""The portal as one application."""

from __future__ import annotations

from starlette.responses import PlainTextResponse
from starlette.routing import Router

from labeling_provider.service.clock import Clock
from labeling_provider.service.database.database import Database
from labeling_provider.service.engine.mask_helper import MaskHelper
from labeling_provider.service.web.portal.portal_pages import Pages
from labeling_provider.service.web.portal.protocol import Protocol
from labeling_provider.service.web.portal.provider_pages import ProviderPages
from labeling_provider.service.web.portal.sessions import Threads
from labeling_provider.service.web.task_pages import TaskPages
from labeling_provider.service.work.audit_trail import AuditTrail
from labeling_provider.service.work.desk import Desk
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
    clock: Clock,
) -> Router:
    """The application that answers for the portal; its paths begin after ``/portal``.

    :param task_pages: makes the pages in the frame.
    :param mask_helper: makes masks for people who draw.
    """
    threads = Threads(Threads())
    pages = Pages(database, desk, people, threads, task_pages, single_sign_on, audit, mask_helper.prompts, clock)
    with_provider = ProviderPages(pages, single_sign_on, threads)
    protocol = Protocol(desk, people, threads, task_pages, mask_helper)
    return Router(
        # They are tried in this order: those used for every answer come first.
        routes=[
            *protocol.of_each_answer,
            *pages.of_each_answer,
            *protocol.routes,
            *with_provider.routes,
            *pages.routes,
        ],
        redirect_slashes=False,
        default=PlainTextResponse("404 There is no such page.", 404),
    )

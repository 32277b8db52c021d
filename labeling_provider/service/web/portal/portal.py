"""The portal as one application."""

from __future__ import annotations

from starlette.responses import PlainTextResponse
from starlette.routing import Router

from labeling_provider.service.web.portal.portal_pages import Pages
from labeling_provider.service.web.portal.protocol import Protocol
from labeling_provider.service.web.portal.provider_pages import ProviderPages


def make_portal(pages: Pages, with_provider: ProviderPages, protocol: Protocol) -> Router:
    """The application that answers for the portal; its paths begin after ``/portal``."""
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

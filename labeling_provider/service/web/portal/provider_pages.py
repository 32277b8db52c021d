"""The way to the identity provider and back.

A browser carries a secret in a separate cookie, so only the browser that has started a sign-in can finish it.
"""

from __future__ import annotations

import base64
import binascii
import logging
import re
from collections.abc import Mapping
from functools import partial
from typing import Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from labeling_provider.service.cloud.openid import Attempt, OpenId, SignInRefused
from labeling_provider.service.web.cookies import with_session
from labeling_provider.service.web.portal.portal_pages import Pages, onward_of
from labeling_provider.service.web.portal.sessions import Answer, Threads, base_of, redirect
from labeling_provider.service.web.portal.words import choose_language
from labeling_provider.service.web.requests import PAGES_PATH, PORTAL_PATH
from labeling_provider.service.web.visitors import requester_page
from labeling_provider.service.work.single_sign_on import SIGN_ON_SECONDS, SingleSignOn

log = logging.getLogger(__name__)

ATTEMPT_COOKIE: Final = "labeling_sign_in"
RETURN_PATH: Final = "/oauth2/idpresponse"
"""Where the provider sends browsers back to, as on Amazon."""
_ATTEMPT_SECONDS: Final = 900
_ATTEMPT: Final = re.compile(r"([A-Za-z0-9_-]{43})\.([A-Za-z0-9_-]{0,1400}={0,2})")


class ProviderPages:
    """Sign-in with the provider of the workforce.

    :param pages: show messages.
    """

    def __init__(self, pages: Pages, single_sign_on: SingleSignOn, openid: OpenId, threads: Threads) -> None:
        self._pages, self._single_sign_on, self._openid, self._threads = pages, single_sign_on, openid, threads

    @property
    def routes(self) -> list[Route]:
        """The routes, below ``/portal``."""
        return [
            Route("/sign-in/provider", Answer(self.begin), methods=["GET"]),
            Route(RETURN_PATH, Answer(self.finish), methods=["GET"]),
        ]

    async def begin(self, request: Request) -> Response:
        """Go to the provider."""
        try:
            provider = await self._threads.run(self._single_sign_on.provider)
        except SignInRefused as error:
            return self._refused(request, error)
        if provider is None:
            return redirect("/sign-in")
        attempt, onward = Attempt(), _onward(request.query_params)
        response = RedirectResponse(attempt.url(provider, _return_to(request)), 303, {"cache-control": "no-store"})
        response.set_cookie(
            ATTEMPT_COOKIE,
            f"{attempt.secret}.{base64.urlsafe_b64encode(onward.encode()).decode()}",
            max_age=_ATTEMPT_SECONDS,
            path=f"{PORTAL_PATH}{RETURN_PATH}",
            httponly=True,
            # The provider's page leads back here, which a strict cookie would not survive.
            samesite="lax",
            secure=request.url.scheme == "https",
        )
        return response

    async def finish(self, request: Request) -> Response:
        """Come back from the provider."""
        try:
            attempt, onward = _attempt(request)
            provider = await self._threads.run(self._single_sign_on.provider)
            if provider is None:
                return redirect("/sign-in")
            code = attempt.code(provider, request.query_params)
            worker = await self._openid.worker(provider, attempt, code, _return_to(request))
            to_requester = bool(requester_page({"onward": onward}))
            signed_in = await self._threads.run(self._single_sign_on.enter, provider, worker, to_requester)
        except SignInRefused as error:
            await self._threads.run(partial(self._pages.write_down, request, "sign-in", outcome="refused"))
            return self._refused(request, error)
        await self._threads.run(partial(self._pages.write_down, request, "sign-in", signed_in=signed_in))
        if not to_requester:
            onward = f"{PORTAL_PATH}{onward}" if signed_in.portal else f"{PAGES_PATH}/"
        response = self._pages.onward(request, "signing_in", onward)
        response.delete_cookie(ATTEMPT_COOKIE, path=f"{PORTAL_PATH}{RETURN_PATH}", httponly=True, samesite="lax")
        secure = request.url.scheme == "https"
        return with_session(response, signed_in.portal, signed_in.requester, secure=secure, seconds=SIGN_ON_SECONDS)

    def _refused(self, request: Request, error: SignInRefused) -> Response:
        log.warning("sign-in with the identity provider refused: %s", error)
        language = choose_language(request, None)
        response = self._pages.show(
            request, "not_signed_in.html", language, status=403, title="not_signed_in", trouble=str(error)
        )
        response.delete_cookie(ATTEMPT_COOKIE, path=f"{PORTAL_PATH}{RETURN_PATH}", httponly=True, samesite="lax")
        return response


def _attempt(request: Request) -> tuple[Attempt, str]:
    """The sign-in that the browser has started, and the page that it wanted to see.

    :raises SignInRefused: if it has started none.
    """
    match = _ATTEMPT.fullmatch(request.cookies.get(ATTEMPT_COOKIE, ""))
    if match is None:
        raise SignInRefused("This sign-in was started in another browser, or too long ago. Start again.")
    try:
        onward = base64.urlsafe_b64decode(match[2]).decode()
    except (binascii.Error, ValueError):
        onward = "/"
    return Attempt(match[1]), _onward({"onward": onward})


def _onward(given: Mapping[str, str]) -> str:
    """The page that a person wanted: a requester's page, or the path of a page of the portal."""
    return requester_page(given) or onward_of(given)


def _return_to(request: Request) -> str:
    """The address that is registered with the provider."""
    return f"{base_of(request)}{PORTAL_PATH}{RETURN_PATH}"

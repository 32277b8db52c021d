"""People of the identity provider at the requester's pages: a session instead of an access key.

Their cookie differs from the worker portal's, and neither is sent to the other's pages. A session only reads, except
that it can change its own person's keys and end itself.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Final
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request, cookie_parser
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from labeling_provider.service.cloud.openid import SignInRefused
from labeling_provider.service.failures import ApiError
from labeling_provider.service.web.cookies import REQUESTER_COOKIE, is_page_token, without_session
from labeling_provider.service.web.pages import page, person_of_page, write_down
from labeling_provider.service.web.requests import PAGES_PATH, PORTAL_PATH, RequestHead, form_fields
from labeling_provider.service.web.rights import SIGN_IN, SIGN_OUT
from labeling_provider.service.work.audit_trail import OK, AuditTrail
from labeling_provider.service.work.people import Person
from labeling_provider.service.work.requesters import GroupRoles, Requester
from labeling_provider.service.work.sign_ins import SignIns, portal_token
from labeling_provider.service.work.single_sign_on import SingleSignOn

log = logging.getLogger(__name__)

_MAX_ONWARD: Final = 1_000
_ONWARD: Final = re.compile(r"/_labeling(?=[/?]|$)[A-Za-z0-9_.~%/-]*(?:\?object=[0-9]{1,9})?")
_DOTS: Final = re.compile(r"/\.|%2[EeFf]|%5[Cc]")
"""Text that, once decoded, could lead to another site's or person's page."""


class Visitors:
    """People with a session at the requester's pages.

    :param may_enter: whether people may come from an IP address.
    """

    def __init__(
        self,
        sign_ins: SignIns,
        single_sign_on: SingleSignOn,
        audit: AuditTrail,
        may_enter: Callable[[str], bool],
        roles: GroupRoles,
    ) -> None:
        self._sign_ins, self._single_sign_on, self._audit = sign_ins, single_sign_on, audit
        self._may_enter, self._roles = may_enter, roles

    @property
    def routes(self) -> list[Route]:
        """The routes for signing in and out, below ``/_labeling``."""
        return [Route(SIGN_IN, self.sign_in, methods=["GET"]), Route(SIGN_OUT, self.sign_out, methods=["POST"])]

    def of(self, request: RequestHead, address: str) -> Person | None:
        """The person who is signed in in the browser; None if nobody is.

        :raises ApiError: if people may not come from this address.
        """
        token = cookie_parser(request.headers.get("cookie", "")).get(REQUESTER_COOKIE)
        person = self._sign_ins.of_requester_session(token) if token else None
        if person is not None and not self._may_enter(address):
            raise ApiError("NotFound", "There is nothing here.", HTTPStatus.NOT_FOUND)
        return person

    def requester(self, person: Person) -> Requester:
        """The requester whose jobs a person sees."""
        return Requester(person.worker_id, person.role, buckets=self._roles.buckets)

    def invitation(self, request: RequestHead) -> Response | None:
        """The page that leads to the sign-in, for a browser without a session or key; None for other callers."""
        is_browser = request.method == "GET" and "text/html" in request.headers.get("accept", "")
        given = "authorization" in request.headers or request.path == PAGES_PATH + SIGN_IN
        if not is_browser or given or not self._single_sign_on.is_for_requesters():
            return None
        onward = quote(requester_page({"onward": f"{request.path}{request.query and '?'}{request.query}"}), safe="")
        response = page(
            None,
            "sign_in.html",
            status=HTTPStatus.UNAUTHORIZED,
            title="Sign in",
            provider=f"{PORTAL_PATH}/sign-in/provider?onward={onward or quote(f'{PAGES_PATH}/', safe='')}",
            key=f"{PAGES_PATH}{SIGN_IN}?onward={onward}",
        )
        # A challenge that browsers know would open a dialog over the page.
        response.headers["www-authenticate"] = 'Cookie realm="labeling"'
        return response

    def sign_in(self, request: Request) -> Response:
        """The page that asks for an access key; a browser that has sent one goes on."""
        return RedirectResponse(requester_page(request.query_params) or f"{PAGES_PATH}/", HTTPStatus.SEE_OTHER)

    async def sign_out(self, request: Request) -> Response:
        """Leave these pages and the portal, and end the session with the identity provider as well."""
        check_move(request, form_fields(await request.body()))
        return await run_in_threadpool(self._signed_out, request)

    def _signed_out(self, request: Request) -> Response:
        person, token = person_of_page(request), request.cookies[REQUESTER_COOKIE]
        write_down(self._audit, request, "sign-out", person.name if person else "", OK)
        self._sign_ins.sign_out(portal_token(token))
        try:
            provider = self._single_sign_on.provider()
        except SignInRefused as error:
            # The person is signed out here, even if the provider fails.
            log.warning("%s", error)
            provider = None
        back = f"{request.url.scheme}://{request.url.netloc}{PORTAL_PATH}/sign-in"
        address = provider.sign_out_url(back) if provider else f"{PORTAL_PATH}/sign-in"
        return without_session(page(None, "onward.html", title="Signing out", onward=address))


def requester_page(given: Mapping[str, str]) -> str:
    """The requester's page that somebody wanted; empty if it was not one."""
    path = given.get("onward", "")
    return path if len(path) <= _MAX_ONWARD and _ONWARD.fullmatch(path) and not _DOTS.search(path) else ""


def check_move(request: Request, form: Mapping[str, list[str]]) -> None:
    """Check that a request that changes something is from one of this session's pages.

    :raises HTTPException: if it is not.
    """
    if person_of_page(request) is None or not is_page_token(request, REQUESTER_COOKIE, form.get("token", [""])[0]):
        raise HTTPException(HTTPStatus.FORBIDDEN)

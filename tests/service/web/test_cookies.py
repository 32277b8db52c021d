"""The cookies of a session, and what only its own pages know."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from labeling_provider.service.web.cookies import (
    PORTAL_COOKIE,
    REQUESTER_COOKIE,
    is_page_token,
    page_token,
    with_session,
    without_session,
)


def cookies(response: Response) -> dict[str, set[str]]:
    """What is set, by name."""
    given = [header.lower().split("; ") for header in response.headers.getlist("set-cookie")]
    return {parts[0].partition("=")[0]: set(parts) for parts in given}


def request(**values: str) -> Request:
    cookie = "; ".join(f"{name}={value}" for name, value in values.items())
    return Request({"type": "http", "headers": [(b"cookie", cookie.encode())]})


def test_each_cookie_is_for_its_pages_and_replaces_the_other_persons() -> None:
    both = cookies(with_session(Response(), "p", "r", secure=True, seconds=9.9))
    common = {"httponly", "secure", "max-age=9"}
    assert both[PORTAL_COOKIE] == {f"{PORTAL_COOKIE}=p", "path=/portal", "samesite=strict", *common}
    assert both[REQUESTER_COOKIE] == {f"{REQUESTER_COOKIE}=r", "path=/_labeling", "samesite=lax", *common}
    worker = cookies(with_session(Response(), "p", secure=False))
    assert "secure" not in worker[PORTAL_COOKIE]
    assert "max-age=0" in worker[REQUESTER_COOKIE], "who was there before"
    nobody = cookies(without_session(Response()))
    assert all("max-age=0" in parts for parts in nobody.values())
    assert nobody.keys() == {PORTAL_COOKIE, REQUESTER_COOKIE}


def test_a_page_knows_its_own_session_without_the_cookie() -> None:
    mine = request(labeling_session="mine", labeling_requester="mine")
    token = page_token(mine, PORTAL_COOKIE)
    assert "mine" not in token
    assert is_page_token(mine, PORTAL_COOKIE, token)
    assert not is_page_token(mine, REQUESTER_COOKIE, token)
    assert not is_page_token(request(labeling_session="other"), PORTAL_COOKIE, token)
    assert not is_page_token(mine, PORTAL_COOKIE, "")
    assert not is_page_token(mine, PORTAL_COOKIE, "é")

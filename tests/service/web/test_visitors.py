"""People with a session at the requester's pages: who they are, and where they may go on."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest
from starlette.exceptions import HTTPException
from starlette.requests import Request

from labeling_provider.service.failures import ApiError
from labeling_provider.service.web.cookies import REQUESTER_COOKIE, page_token
from labeling_provider.service.web.requests import RequestHead
from labeling_provider.service.web.visitors import Visitors, check_move, requester_page
from labeling_provider.service.work.people import Person
from labeling_provider.service.work.requesters import GroupRoles
from tests.service.web.test_requests import scope

ANN = Person(1, "Ann", "private.us-east-1.1", frozenset(), {})
BROWSER = {"accept": "text/html,*/*"}


def visitors(may_enter: bool = True, has_provider: bool = True) -> Visitors:
    """Visitors, of whom Ann has a session; people may come from anywhere or from nowhere."""
    sign_ins = SimpleNamespace(of_requester_session={"ann": ANN}.get)
    single_sign_on = SimpleNamespace(is_for_requesters=lambda: has_provider)
    return Visitors(cast(Any, sign_ins), cast(Any, single_sign_on), cast(Any, None), lambda _: may_enter, GroupRoles())


def head(path: str = "/_labeling/", query: str = "", **headers: str) -> RequestHead:
    return RequestHead.of(scope(path, query, **headers))


def test_a_person_is_known_by_the_cookie_and_only_where_people_may_come_from() -> None:
    own, odd = (head(cookie=f"a=b; labeling_requester={token}") for token in ("ann", "odd"))
    assert visitors().of(own, "192.0.2.7") == ANN
    assert visitors().of(odd, "192.0.2.7") is None
    assert visitors().of(head(cookie="labeling_session=ann"), "192.0.2.7") is None
    assert visitors(may_enter=False).of(odd, "192.0.2.7") is None
    with pytest.raises(ApiError, match="nothing here") as caught:
        visitors(may_enter=False).of(own, "192.0.2.7")
    assert caught.value.status == 404


def test_a_browser_is_led_to_the_sign_in_and_other_callers_are_not() -> None:
    invitation = visitors().invitation(head("/_labeling/jobs/cats", "object=7", **BROWSER))
    assert invitation is not None
    assert invitation.status_code == 401
    assert "Basic" not in invitation.headers["www-authenticate"]
    assert b"onward=%2F_labeling%2Fjobs%2Fcats%3Fobject%3D7" in invitation.body
    assert visitors().invitation(head()) is None
    assert visitors().invitation(head(**BROWSER, authorization="Basic x")) is None
    assert visitors().invitation(head("/_labeling/sign-in", **BROWSER)) is None
    assert visitors(has_provider=False).invitation(head(**BROWSER)) is None


@pytest.mark.parametrize(
    "path", ["/_labeling", "/_labeling/", "/_labeling/jobs/a_b-c.d~%C3%A4", "/_labeling/j?object=1"]
)
def test_a_page_that_somebody_wanted_is_gone_on_to(path: str) -> None:
    assert requester_page({"onward": path}) == path


@pytest.mark.parametrize(
    "path",
    [
        *("", "//evil.example", "https://evil.example", "/portal/", "/_labelingx", "/_labeling@evil", "/_labeling/a\n"),
        *("/_labeling/../x", "/_labeling/%2e%2E/x", "/_labeling/a%5Cb", "/_labeling/?a=b", "/_labeling/?object=x"),
        "/_labeling/" + "a" * 1_000,
    ],
)
def test_what_is_no_such_page_is_not(path: str) -> None:
    assert requester_page({"onward": path}) == ""


def test_only_pages_of_the_session_change_something() -> None:
    def asked(person: Person | None, **form: str) -> None:
        headers = [(b"cookie", b"labeling_requester=ann")]
        request = Request({"type": "http", "headers": headers, "person": person})
        given = {name: [value.format(token=page_token(request, REQUESTER_COOKIE))] for name, value in form.items()}
        check_move(request, given)

    asked(ANN, token="{token}")
    for person, form in ((None, {"token": "{token}"}), (ANN, {"token": "x{token}"}), (ANN, {})):
        with pytest.raises(HTTPException):
            asked(person, **form)

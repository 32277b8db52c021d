"""Who is let into the portal, and who is not."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable

import pytest

from dev.portal import Browser
from dev.stack import Service
from tests.conftest import Lab, texts
from tests.service.web.portal.conftest import PeopleJob

pytestmark = pytest.mark.e2e

Jobs = Callable[..., PeopleJob]
Run = Callable[..., subprocess.CompletedProcess[str]]


def test_who_is_not_signed_in_sees_the_sign_in_and_goes_on_from_there(lab: Lab, people_job: Jobs) -> None:
    job = people_job(texts(1), workers_per_object=1)
    browser = Browser(lab.service.endpoint_url)
    for path in ("/", f"/jobs/{job.number}", "/numbers", "/help", f"/labeling-jobs/{job.name}"):
        status, headers, _ = browser.ask("GET", f"/portal{path}")
        assert status == 303
        sign_in = headers["location"].removeprefix("/portal")
        page = browser.page(sign_in)
        assert re.search(rf'name="onward" value="{path}"', page)
    status, headers, _ = browser.send("/sign-in", name="Wim", onward=f"/labeling-jobs/{job.name}")
    assert (status, headers["location"]) == (303, f"/portal/labeling-jobs/{job.name}")
    assert browser.ask("GET", headers["location"])[1]["location"] == f"/portal/jobs/{job.number}"
    assert browser.ask("GET", "/portal/labeling-jobs/none")[0] == 404


@pytest.mark.parametrize("onward", ["//evil.example", "/../x", "https://evil.example/", "/jobs/1/../../x", "\\evil"])
def test_the_sign_in_leads_nowhere_else(lab: Lab, onward: str) -> None:
    _, headers, _ = Browser(lab.service.endpoint_url).send("/sign-in", name="Wim", onward=onward)
    assert headers["location"] == "/portal/"


@pytest.mark.parametrize("name", ["", "   ", "a" * 65, "a\u202eb", "x\0y"])
def test_a_name_that_is_none_is_refused(lab: Lab, name: str) -> None:
    status, _, page = Browser(lab.service.endpoint_url).send("/sign-in", name=name)
    assert status == 403
    assert "A name must have 1 to 64 characters" in page


def test_names_are_shown_as_text_and_compared_without_case(lab: Lab) -> None:
    name = '<img src=x onerror="x">'
    page = Browser(lab.service.endpoint_url).sign_in(name).page("/")
    assert "&lt;img src=x onerror=&#34;x&#34;&gt;" in page
    assert name not in page
    Browser(lab.service.endpoint_url).sign_in("Émile")
    Browser(lab.service.endpoint_url).sign_in("  émile ")
    assert Browser(lab.service.endpoint_url).page("/sign-in").casefold().count('<option value="émile">') == 1


def test_the_cookie_is_nobody_else_s(lab: Lab) -> None:
    browser = Browser(lab.service.endpoint_url)
    _, headers, _ = browser.send("/sign-in", name="Xia")
    cookie = headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert "path=/portal" in cookie
    browser.page("/")
    assert browser.send("/sign-out", token=browser.token)[0] == 303
    browser.cookie = headers["set-cookie"].partition(";")[0]
    assert browser.ask("GET", "/portal/")[0] == 303


def test_pages_of_other_sites_can_do_nothing_here(lab: Lab) -> None:
    browser = Browser(lab.service.endpoint_url)
    for headers in ({"origin": "http://evil.example"}, {"origin": "null"}, {"sec_fetch_site": "cross-site"}):
        status, _, _ = browser.ask("POST", "/portal/sign-in", b"name=Eve", **headers)
        assert status == 403
    assert browser.ask("GET", "/portal/", host="evil.example")[0] == 403
    _, headers, _ = browser.ask("GET", "/portal/sign-in")
    assert "frame-ancestors 'none'" in headers["content-security-policy"]


def test_elsewhere_people_are_invited_and_choose_a_password(guarded: Service, run: Run) -> None:
    assert run("workers", "add", "Yara", "--team", "private-people").returncode == 0
    name, link = run("workers", "invite", "Yara").stdout.split()
    assert name == "Yara"
    assert link.startswith(f"{guarded.endpoint_url}/portal/invitations/")
    path = link.removeprefix(f"{guarded.endpoint_url}/portal")
    browser = Browser(guarded.endpoint_url)
    assert "Yara" in browser.page(path)
    status, _, page = browser.send(path, password="short")
    assert status == 403
    assert "at least 10" in page.lower() or "10 to 200" in page
    assert browser.send(path, password="correct horse battery")[0] == 303
    assert "Yara" in browser.page("/")
    # The link worked once.
    assert browser.ask("GET", f"/portal{path}")[0] == 404
    assert Browser(guarded.endpoint_url).send("/sign-in", name="Yara", password="wrong horse battery")[0] == 403
    assert Browser(guarded.endpoint_url).send("/sign-in", name="Yara")[0] == 403
    assert Browser(guarded.endpoint_url).send("/sign-in", name="Nobody", password="correct horse battery")[0] == 403
    Browser(guarded.endpoint_url).sign_in("yara", "correct horse battery")
    over = Browser(guarded.endpoint_url).ask("GET", f"/portal{path}")[2]
    assert 'already? <a href="/portal/sign-in">Sign in</a>' in over
    listed = run("workers", "list", "--team", "private-people").stdout
    assert re.fullmatch(r"Yara  private\.us-east-1\.[0-9a-f]{16}  private-people\n", listed)
    assert run("workers", "remove", "Yara").returncode == 0
    assert browser.ask("GET", "/portal/")[0] == 303


def test_passwords_can_t_be_tried_for_ever(guarded: Service, run: Run) -> None:
    assert run("workers", "add", "Zoe").returncode == 0
    path = run("workers", "invite", "Zoe").stdout.split()[1].removeprefix(f"{guarded.endpoint_url}/portal")
    browser = Browser(guarded.endpoint_url)
    assert browser.send(path, password="correct horse battery")[0] == 303
    answers = [browser.send("/sign-in", name="Zoe", password=f"wrong {number}")[2] for number in range(11)]
    assert "too many wrong passwords" in answers[-1]
    assert "too many wrong passwords" in browser.send("/sign-in", name="Zoe", password="correct horse battery")[2]
    form = {"content_type": "application/x-www-form-urlencoded", "accept_language": "de"}
    body = b"name=Zoe&password=correct+horse+battery"
    # Nobody has named a proxy that could say where she comes from.
    status, _, page = browser.ask("POST", "/portal/sign-in", body, **form, x_forwarded_for="192.0.2.8")
    assert (status, "zu viele falsche Passw" in page) == (403, True)
    assert "stimmt nicht" in browser.ask("POST", "/portal/sign-in", b"name=Nobody&password=x", **form)[2]

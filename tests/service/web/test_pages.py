"""The pages as any client gets them; tests/e2e/test_pages.py shows them in a browser."""

from __future__ import annotations

import pytest

from labeling_provider.service.web.routing import MAX_PAGE_BODY_BYTES
from tests.conftest import Lab, texts
from tests.service.web.wire import ask

HEADERS = {
    "content-type": "text/html; charset=utf-8",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
}


@pytest.fixture(scope="module")
def job(lab: Lab) -> str:
    name = lab.create(texts(3))
    lab.wait(name)
    return name


@pytest.mark.parametrize("path", ["", "/", "/jobs/{job}", "/jobs/{job}/", "//jobs//{job}/log", "/jobs/{job}/output"])
def test_a_page_has_its_guards(lab: Lab, job: str, path: str) -> None:
    status, body, headers = ask(lab.service, "GET", "/_labeling" + path.format(job=job))
    assert status == 200
    assert job in body.decode()
    assert {name: headers[name] for name in HEADERS} == HEADERS
    assert headers["content-security-policy"].startswith("default-src 'none'; style-src 'unsafe-inline'; ")


def test_a_page_tells_of_the_job(lab: Lab, job: str) -> None:
    overview = ask(lab.service, "GET", f"/_labeling/jobs/{job.upper()}")[1].decode()
    assert "<tr><th>Labeled by people</th><td><bdi>3</bdi></td></tr>" in overview
    assert '<span class="people" style="width:100.00%"></span>' in overview
    assert 'http-equiv="refresh"' not in overview, "it has ended"
    assert "text 2" in ask(lab.service, "GET", f"/_labeling/jobs/{job}/output")[1].decode()
    log = ask(lab.service, "GET", f"/_labeling/jobs/{job}/log")[1].decode()
    assert log.index("Created") < log.index("Completed")


@pytest.mark.parametrize(
    "path", ["/nothing", "/jobs", "/jobs/nobody", "/jobs/nobody/log", "/jobs/{job}/else", "/reports"]
)
def test_what_is_no_page_is_not_found(lab: Lab, job: str, path: str) -> None:
    status, body, headers = ask(lab.service, "GET", "/_labeling" + path.format(job=job))
    assert (status, "There is no such page" in body.decode()) == (404, True)
    assert {name: headers[name] for name in HEADERS} == HEADERS


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_pages_are_read_only_and_take_no_large_bodies(lab: Lab, job: str, method: str) -> None:
    path = f"/_labeling/jobs/{job}"
    status, body, _ = ask(lab.service, method, path, body=b"x" * 100)
    assert (status, "These pages are read-only" in body.decode()) == (405, True)
    assert ask(lab.service, method, path, body=b"x" * (MAX_PAGE_BODY_BYTES + 1))[0] == 413

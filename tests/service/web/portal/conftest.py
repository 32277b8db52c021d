"""People who ask the portal as their browsers do."""

from __future__ import annotations

import http.client
import json
import re
import uuid
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest

from labeling_provider.request import PrivateWorkteam
from tests.conftest import Lab


class Browser:
    """Somebody's browser: it keeps the session's cookie, and the token of the pages that it has loaded.

    :param endpoint_url: of the service.
    """

    def __init__(self, endpoint_url: str) -> None:
        parts = urlsplit(endpoint_url)
        self.host = parts.netloc
        self.connection = http.client.HTTPConnection(self.host, timeout=60)
        self.cookie = self.token = ""

    def ask(self, method: str, path: str, body: bytes | None = None, **headers: str) -> tuple[int, dict[str, str], str]:
        """Status, headers and text of an answer."""
        sent = {"origin": f"http://{self.host}", "sec-fetch-site": "same-origin", **headers}
        if method == "GET":
            del sent["origin"]
        if self.cookie:
            sent["cookie"] = self.cookie
        self.connection.request(method, path, body, {name.replace("_", "-"): value for name, value in sent.items()})
        answer = self.connection.getresponse()
        text = answer.read().decode()
        told = {name.lower(): value for name, value in answer.getheaders()}
        if "set-cookie" in told:
            self.cookie = told["set-cookie"].partition(";")[0]
        return answer.status, told, text

    def page(self, path: str) -> str:
        """A page that is there."""
        status, _, text = self.ask("GET", f"/portal{path}")
        assert status == 200, (status, text)
        found = re.search(r'name="token" value="([0-9a-f]+)"', text)
        if found:
            self.token = found[1]
        return text

    def send(self, path: str, **fields: str) -> tuple[int, dict[str, str], str]:
        """Send a form."""
        body = urlencode(fields).encode()
        return self.ask("POST", f"/portal{path}", body, content_type="application/x-www-form-urlencoded")

    def sign_in(self, name: str, password: str | None = None) -> Browser:
        """Sign in; the token of the first page is known then."""
        status, headers, text = self.send("/sign-in", name=name, **({"password": password} if password else {}))
        assert (status, headers.get("location")) == (303, "/portal/"), text
        self.page("/")
        return self

    def move(self, path: str, body: Any = None, status: int = 200) -> Any:
        """Ask the protocol; its answer."""
        sent = json.dumps(body or {}).encode()
        got, _, text = self.ask(
            "POST", f"/portal/api{path}", sent, content_type="application/json", x_labeling_portal=self.token
        )
        assert got == status, (got, text)
        return json.loads(text)

    def next(self, job: int, wait: float = 0) -> Any:
        """What there is to do in a job."""
        return self.move(f"/jobs/{job}/next", {"wait": wait})

    def submit(self, job: int, task: int, label: str, status: int = 200, **more: Any) -> Any:
        """Submit a choice."""
        body = {"answer": {"crowd-classifier": {"label": label}}, "active": 1.0, "job": job, **more}
        return self.move(f"/tasks/{task}/submit", body, status)


@pytest.fixture
def browser(lab: Lab) -> Callable[[str], Browser]:
    """Makes a browser in which somebody of a name has signed in."""
    return lambda name: Browser(lab.service.endpoint_url).sign_in(name)


class PeopleJob:
    """A text classification job for people.

    :param number: how the portal calls it.
    """

    def __init__(self, lab: Lab, lines: list[dict[str, Any]], **arguments: Any) -> None:
        self.lab = lab
        self.title = f"Which animal {uuid.uuid4().hex}?"
        team = arguments.pop("team", lab.team("private-people"))
        self.name = lab.create(lines, workforce=PrivateWorkteam(team), title=self.title, **arguments)
        lab.wait(self.name, {"InProgress"})
        page = Browser(lab.service.endpoint_url).sign_in("whoever").page("/")
        found = re.search(rf'href="/portal/jobs/(\d+)"><bdi>{re.escape(self.title)}', page)
        assert found, page
        self.number = int(found[1])

    def labels(self) -> list[Any]:
        """The labels, when the job has ended."""
        description = self.lab.wait(self.name)
        assert description["LabelingJobStatus"] == "Completed", description
        return [line["label-metadata"]["class-name"] for line in self.lab.output(description)]

    def answers(self) -> list[dict[str, Any]]:
        """All answers, as the output has them."""
        keys = [key for key in self.lab.keys(f"out/{self.name}/annotations/worker-response/") if key.endswith(".json")]
        return [answer for key in keys for answer in json.loads(self.lab.get(f"s3://lab/{key}"))["answers"]]


@pytest.fixture
def people_job(lab: Lab) -> Callable[..., PeopleJob]:
    """Makes a job for people."""
    return lambda lines, **arguments: PeopleJob(lab, lines, **arguments)

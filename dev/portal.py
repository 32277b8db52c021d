"""A person's browser, as far as the portal sees it."""

from __future__ import annotations

import http.client
import json
import re
from typing import Any, Self
from urllib.parse import urlencode, urlsplit

OVER = frozenset({"over", "stopped", "failed"})
"""What the portal says of a job in which nothing comes any more."""


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
        self.connection.request(method, path, body, self.headers(method, **headers))
        answer = self.connection.getresponse()
        text = answer.read().decode()
        headers_of_answer = {name.lower(): value for name, value in answer.getheaders()}
        if "set-cookie" in headers_of_answer:
            self.cookie = headers_of_answer["set-cookie"].partition(";")[0]
        return answer.status, headers_of_answer, text

    def headers(self, method: str, **more: str) -> dict[str, str]:
        """What a browser sends with a request."""
        sent = {"origin": f"http://{self.host}", "sec-fetch-site": "same-origin", **more}
        if method == "GET":
            del sent["origin"]
        if self.cookie:
            sent["cookie"] = self.cookie
        return {name.replace("_", "-"): value for name, value in sent.items()}

    def page(self, path: str) -> str:
        """A page that is there."""
        status, _, text = self.ask("GET", f"/portal{path}")
        assert status == 200, (status, text)
        token = re.search(r'name="token" value="([0-9a-f]+)"', text)
        if token:
            self.token = token[1]
        return text

    def send(self, path: str, **fields: str) -> tuple[int, dict[str, str], str]:
        """Send a form."""
        body = urlencode(fields).encode()
        return self.ask("POST", f"/portal{path}", body, content_type="application/x-www-form-urlencoded")

    def sign_in(self, name: str, password: str | None = None) -> Self:
        """Sign in; the token of the first page is known then."""
        status, headers, text = self.send("/sign-in", name=name, **({"password": password} if password else {}))
        assert (status, headers.get("location")) == (303, "/portal/"), text
        self.page("/")
        return self

    def move(self, path: str, body: Any = None, status: int = 200) -> Any:
        """Ask the protocol; its answer."""
        got, answer = self.try_move(path, body)
        assert got == status, (got, answer)
        return answer

    def try_move(self, path: str, body: Any = None) -> tuple[int, Any]:
        """Ask the protocol; the status and what it says."""
        sent = json.dumps(body or {}).encode()
        status, _, text = self.ask("POST", f"/portal/api{path}", sent, **self.protocol)
        return status, json.loads(text) if status < 500 else text

    @property
    def protocol(self) -> dict[str, str]:
        """Headers of the protocol's requests."""
        return {"content_type": "application/json", "x_labeling_portal": self.token}

    def next(self, job: int, wait: float = 0) -> Any:
        """What there is to do in a job."""
        return self.move(f"/jobs/{job}/next", {"wait": wait})

    def submit(self, job: int, task: int, label: str, status: int = 200, **more: Any) -> Any:
        """Submit a choice."""
        body = {"answer": {"crowd-classifier": {"label": label}}, "active": 1.0, "job": job, **more}
        return self.move(f"/tasks/{task}/submit", body, status)

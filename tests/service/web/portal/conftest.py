"""People who ask the portal as their browsers do."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import partial
from typing import Any

import pytest

from dev.browser import another_page, browser_page
from dev.portal import Browser
from labeling_provider.request import PrivateWorkteam
from tests.conftest import Lab, Lines
from tests.own_names import own_id

Pages = Callable[..., AbstractContextManager[Any]]


@pytest.fixture
def browser(lab: Lab) -> Callable[[str], Browser]:
    """Makes a browser in which somebody of a name has signed in."""
    return lambda name: Browser(lab.service.endpoint_url).sign_in(name)


# Of one file: while Playwright's browser is open, no test can use asyncio.
@pytest.fixture(scope="module")
def _chromium() -> Iterator[Any]:
    with browser_page() as page:
        yield page.context.browser


@pytest.fixture
def somebodys_page(_chromium: Any) -> Pages:
    """Opens a page for somebody who has never been here; the arguments are those of :func:`another_page`.

    People share a browser, which takes a second to start, and no cookie, no storage and nothing else that it keeps.
    """
    return partial(another_page, _chromium)


class PeopleJob:
    """A text classification job for people.

    :param number: how the portal calls it.
    """

    def __init__(self, lab: Lab, lines: Lines, **arguments: Any) -> None:
        self.lab = lab
        self.title = f"Which animal {own_id().hex}?"
        team = arguments.pop("team", lab.team("private-people"))
        self.name = lab.create(lines, workforce=PrivateWorkteam(team), title=self.title, **arguments)
        lab.wait(self.name, {"InProgress"})
        page = Browser(lab.service.endpoint_url).sign_in("whoever").page("/")
        link = re.search(rf'href="/portal/jobs/(\d+)"><bdi>{re.escape(self.title)}', page)
        assert link, page
        self.number = int(link[1])

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

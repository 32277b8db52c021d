"""S3 is away, or hangs, while people label: whoever can work goes on, and every answer counts once."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, closing
from http import HTTPStatus
from pathlib import Path
from typing import NamedTuple

import pytest

from dev.portal import Browser
from dev.stack import Service, wait_until
from tests.conftest import Lab, texts
from tests.flaky import Door
from tests.own_names import own_id
from tests.service.web.portal.conftest import PeopleJob
from tests.service.web.wire import ask

KEYS = {"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local"}
OBJECTS = 6
THREADS = 16
"""How many of the portal's may wait for S3."""
MANY = 20


class Team(NamedTuple):
    """A service whose S3 is behind a door, and clients that reach both."""

    lab: Lab
    s3: Door


@pytest.fixture
def team(lab: Lab, tmp_path: Path) -> Iterator[Team]:
    with ExitStack() as stack:
        way = stack.enter_context(closing(Door(lab.service.endpoint_url)))
        service = Service(tmp_path, "--s3-endpoint", way.url, env=KEYS)
        stack.callback(service.stop)
        team = Team(Lab(service, lab.s3), way)
        wait_until(lambda: is_ready(team.lab), 5, "S3 has answered the service", 0.05)
        yield team


def is_ready(lab: Lab) -> bool:
    """Whether balancers send people to the service."""
    return ask(lab.service, "GET", "/readyz")[0] == HTTPStatus.OK


def test_people_label_while_s3_hangs_is_away_and_comes_back(team: Team) -> None:
    lab, s3 = team
    known, other = (PeopleJob(lab, texts(OBJECTS), workers_per_object=1) for _ in range(2))
    ada = Browser(lab.service.endpoint_url).sign_in("Ada")
    task = ada.next(known.number)["task"]
    assert ada.ask("GET", task["frame"])[0] == HTTPStatus.OK
    answered: Counter[int] = Counter()

    def go_on() -> None:
        """Answer the task in hand, and see the page of the next."""
        nonlocal task
        handed = ada.submit(known.number, task["id"], "cat")
        answered[task["id"]] += 1
        task = handed["task"]
        assert ada.ask("GET", task["frame"])[0] == HTTPStatus.OK

    # It hangs, and many people want pages for which it is needed.
    bo = Browser(lab.service.endpoint_url).sign_in("Bo")
    waiting = bo.next(other.number)["task"]
    statuses: list[int] = []
    windows = [Browser(lab.service.endpoint_url).sign_in("Bo") for _ in range(MANY)]

    def look(window: Browser) -> None:
        statuses.append(window.ask("GET", waiting["frame"])[0])

    s3.hang()
    looking = [threading.Thread(target=look, args=(window,), daemon=True) for window in windows]
    for thread in looking:
        thread.start()
    wait_until(lambda: s3.waiting >= THREADS, 5, "people wait for S3", 0.01)
    for _ in range(2):
        go_on()
    assert is_ready(lab)
    # Whoever does not need S3 has not waited for those who do.
    assert statuses == []
    s3.open()
    for thread in looking:
        thread.join(30)
    assert len(statuses) == MANY
    assert set(statuses) <= {HTTPStatus.OK, HTTPStatus.SERVICE_UNAVAILABLE}, Counter(statuses)

    # It is away.
    third = PeopleJob(lab, texts(1), workers_per_object=1)
    cyd = Browser(lab.service.endpoint_url).sign_in("Cyd")
    # A job in progress may still have to read its manifest.
    new = wait_until(lambda: cyd.next(third.number)["task"], 30, "the job has a task", 0.05)
    s3.shut()
    go_on()
    status, headers, page = cyd.ask("GET", new["frame"])
    assert (status, "sandbox" in headers["content-security-policy"]) == (HTTPStatus.SERVICE_UNAVAILABLE, True), page
    assert "The store of the pictures and templates does not answer" in page
    answer = {"answer": {"crowd-classifier": {"label": "cat"}}, "job": third.number}
    assert cyd.try_move(f"/tasks/{new['id']}/submit", answer)[0] == HTTPStatus.SERVICE_UNAVAILABLE
    cyd.move(f"/tasks/{new['id']}/save", {"draft": "kept"})
    for path in (f"/jobs/{known.name}/output", f"/jobs/{known.name}/preview/frame", "/reports/lab/none.html"):
        status, _, page = cyd.ask("GET", f"/_labeling{path}")
        assert (status, "does not answer" in page) == (HTTPStatus.SERVICE_UNAVAILABLE, True), (path, page)
    deletion = json.dumps({"job": "none", "with_output": True}).encode()
    assert ask(lab.service, "POST", "/_labeling/deletions", body=deletion)[0] == HTTPStatus.BAD_REQUEST
    assert is_ready(lab)
    # A job that is made meanwhile waits as well.
    request = lab.describe(known.name)
    later = f"job-{own_id().hex[:12]}"
    members = ("LabelAttributeName", "InputConfig", "OutputConfig", "RoleArn", "LabelCategoryConfigS3Uri")
    members += ("HumanTaskConfig",)
    lab.sagemaker.create_labeling_job(LabelingJobName=later, **{name: request[name] for name in members})

    # It is back: nothing is lost, and nothing counts twice.
    s3.open()
    wait_until(lambda: cyd.ask("GET", new["frame"])[0] == HTTPStatus.OK, 10, "the page tries again", 0.1)
    cyd.submit(third.number, new["id"], "cat")
    for _ in range(OBJECTS - 1 - len(answered)):
        go_on()
    ada.submit(known.number, task["id"], "cat")
    answered[task["id"]] += 1
    assert known.labels() == ["cat"] * OBJECTS
    assert len(known.answers()) == OBJECTS == len(answered)
    assert third.labels() == ["cat"]
    assert lab.wait(later, {"InProgress"}).get("FailureReason") is None

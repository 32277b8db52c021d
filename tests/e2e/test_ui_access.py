"""Who may see and do what on the plugin's pages, and what they show of a service that is in trouble."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import pytest

from dev.stack import GuardedApi
from tests.e2e.conftest import Stack

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def guarded(stack: Stack) -> Iterator[GuardedApi]:
    api = GuardedApi(stack.airflow, {"viewer": "viewer", "editor": "user"})
    yield api
    api.stop()


def ask(
    api: GuardedApi, method: str, path: str, token: str | None, body: Any = None, **headers: str
) -> tuple[int, str]:
    request = Request(
        f"{api.url}/labeling{path}",
        method=method,
        data=None if body is None else json.dumps(body).encode(),
        headers={
            "Content-Type": "application/json",
            **({"Authorization": f"Bearer {token}"} if token else {}),
            **headers,
        },
    )
    try:
        with urlopen(request, timeout=60) as answer:
            assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
            return answer.status, answer.read().decode(errors="replace")
    except HTTPError as error:
        return error.code, error.read().decode(errors="replace")


def test_every_route_asks_who_it_is_and_what_they_may(stack: Stack, guarded: GuardedApi, digits: str) -> None:
    from labeling_provider.ui.application import make_application

    task = urlencode({"dag_id": "label_digits", "run_id": digits, "task_id": "label", "map_index": "-1"})
    viewer, editor = guarded.token("viewer"), guarded.token("editor")
    labels = ask(guarded, "GET", f"/job/labels?{task}", viewer)[1]
    picture = labels.split('href="picture?', 1)[1].split('"', 1)[0].replace("&amp;", "&")
    reads = {
        "/": "/",
        "/job": f"/job?{task}",
        "/job/progress": f"/job/progress?{task}",
        "/job/labels": f"/job/labels?{task}",
        "/job/workers": f"/job/workers?{task}",
        "/job/stream": f"/job/stream?{task}",
        "/job/people": f"/job/people?{task}",
        "/picture": f"/picture?{picture}",
        "/static/{name}": "/static/labeling.js",
    }
    changes = {"/job/stop": f"/job/stop?{task}", "/job/relabel": f"/job/relabel?{task}"}
    declared = {route.path for route in make_application().routes}
    assert declared == reads.keys() | changes.keys()
    mine = {"X-Labeling": "1"}
    for path in reads.values():
        assert ask(guarded, "GET", path, None)[0] == 401, path
        assert ask(guarded, "GET", path, "forged")[0] == 403, path
        assert ask(guarded, "GET", path, viewer)[0] == 200, path
    for path in changes.values():
        assert ask(guarded, "POST", path, None, {"lines": [1]}, **mine)[0] == 401, path
        assert ask(guarded, "POST", path, viewer, {"lines": [1]}, **mine)[0] == 403, path
        assert ask(guarded, "POST", path, editor, {"lines": [1]})[0] == 403, path
        assert ask(guarded, "POST", path, editor, {"lines": [1]}, **mine)[0] == 200, path
    assert "Relabel" not in labels
    assert "Relabel" in ask(guarded, "GET", f"/job/labels?{task}", editor)[1]


def test_only_signed_pictures_of_the_job_are_given_out(stack: Stack, guarded: GuardedApi, digits: str) -> None:
    task = {"dag_id": "label_digits", "run_id": digits, "task_id": "label", "map_index": "-1"}
    viewer = guarded.token("viewer")
    labels = ask(guarded, "GET", f"/job/labels?{urlencode(task)}", viewer)[1]
    good = labels.split('href="picture?', 1)[1].split('"', 1)[0].replace("&amp;", "&")
    assert ask(guarded, "GET", f"/picture?{good}", viewer)[0] == 200
    expires, signature = good.split("expires=")[1].split("&signature=")
    for uri in ("s3://labeling-demo/digits/truth.jsonl", "http://169.254.169.254/latest", "file:///etc/passwd"):
        bad = urlencode({**task, "uri": uri, "expires": expires, "signature": signature})
        assert ask(guarded, "GET", f"/picture?{bad}", viewer)[0] == 403
    later = good.replace(f"expires={expires}", f"expires={int(expires) + 1}")
    assert ask(guarded, "GET", f"/picture?{later}", viewer)[0] == 403


def test_trouble_is_shown_and_takes_no_page_down(stack: Stack, guarded: GuardedApi, digits: str) -> None:
    viewer = guarded.token("viewer")
    nobody = urlencode({"dag_id": "label_digits", "run_id": digits, "task_id": "train"})
    status, body = ask(guarded, "GET", f"/job?{nobody}", viewer)
    assert status == 200
    assert "has not created a labeling job" in body
    assert ask(guarded, "GET", f"/job/labels?{nobody}", viewer)[0] == 404
    run = stack.finished("quick")
    name = stack.airflow.xcom("quick", run, "label")["job_name"]
    stack.lab.s3.delete_object(Bucket="lab", Key=f"people/{name}/manifests/output/output.manifest")
    quick = urlencode({"dag_id": "quick", "run_id": run, "task_id": "label"})
    status, body = ask(guarded, "GET", f"/job/labels?{quick}", viewer)
    assert (status, 'class="trouble"' in body) == (200, True)
    assert ask(guarded, "GET", f"/job?{quick}", viewer)[0] == 200


@pytest.mark.once
def test_a_service_that_does_not_answer_holds_up_no_page(stack: Stack, guarded: GuardedApi, digits: str) -> None:
    viewer = guarded.token("viewer")
    waiting = stack.airflow.trigger("wait_on_worker", 120)
    task = urlencode({"dag_id": "wait_on_worker", "run_id": waiting, "task_id": "label"})
    stack.wait_for_xcom("wait_on_worker", waiting, "label", "labeling_job")
    service = stack.lab.service.group.process.pid
    os.killpg(service, signal.SIGSTOP)
    try:
        for path in ("/", f"/job?{task}", f"/job/progress?{task}"):
            began = time.monotonic()
            assert ask(guarded, "GET", path, viewer)[0] == 200
            assert time.monotonic() - began < 5
        status, body = ask(guarded, "GET", f"/job/labels?{task}", viewer)
        assert (status, 'class="trouble"' in body) == (200, True)
    finally:
        os.killpg(service, signal.SIGCONT)
    stack.airflow.patch(
        f"/api/v2/dags/wait_on_worker/dagRuns/{waiting.replace('+', '%2B')}/taskInstances/label",
        {"new_state": "failed"},
    )

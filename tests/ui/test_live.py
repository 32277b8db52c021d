"""What pages show of jobs at a service: only of the task's own job, by its own connection, of its own data."""

from __future__ import annotations

import os
from collections.abc import Callable
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from dev.stack import wait_until
from labeling_provider.ui.application import make_application
from labeling_provider.ui.live import Confirmed, is_plain_s3
from tests.conftest import Lab, texts
from tests.ui.at_service import facts_of, job_of
from tests.ui.conftest import Jobs, Pages

pytestmark = pytest.mark.usefixtures("connection")
MINE = {"X-Labeling": "1"}

PATHS = sorted(route.path for route in make_application().routes if route.path.startswith("/job/"))  # type: ignore[attr-defined]


def asked(admin: Pages, path: str, task: dict[str, Any]) -> str:
    """What a route answers about a task, read or changed."""
    changes = path in {"/job/stop", "/job/relabel"}
    address = f"{path}?{urlencode(task)}"
    answer = admin.client.post(address, headers=MINE, json={"lines": [1]}) if changes else admin.client.get(address)
    assert answer.status_code == (502 if changes else 200), answer.text
    return unescape(answer.text)


@pytest.mark.parametrize("status", ["InProgress", "Completed"])
@pytest.mark.parametrize("path", PATHS)
def test_no_route_tells_of_a_job_that_the_task_has_not_made(
    lab: Lab, jobs: Jobs, signed_in: Callable[[str], Pages], path: str, status: str
) -> None:
    other = job_of(lab, {"dag_id": "secret", "task_id": "label", "run_id": "r", "map_index": -1}, texts(4))
    task = jobs.add(facts_of(other, status=status))
    body = asked(signed_in("admin"), path, task)
    assert "was not created by this task" in body
    assert "by people" not in body
    assert lab.describe(other)["LabelingJobStatus"] == "Completed"


def test_the_list_tells_nothing_of_such_a_job(lab: Lab, jobs: Jobs, pages: Pages) -> None:
    other = job_of(lab, {"dag_id": "secret", "task_id": "label", "run_id": "r", "map_index": -1}, texts(4))
    jobs.add(facts_of(other))
    task = jobs.add(None)
    mine = job_of(lab, task, texts(5))
    jobs.add(facts_of(mine), task="label", run=task["run_id"])
    jobs.add(facts_of("no-such-job"))
    wait_until(lambda: "5 of 5" in pages.shows("/"), 30, "the job of the task is looked at")
    wait_until(lambda: "was not created by this task" in pages.shows("/"), 30, "the other is refused")
    assert "no-such-job no longer exists" in pages.shows("/")
    assert "4 of 4" not in pages.shows("/")


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    ("connection", "words"),
    [
        ({"aws_conn_id": "nowhere"}, "not have the connection 'nowhere'"),
        ({"verify": "/no/such/bundle"}, "not have the CA bundle '/no/such/bundle'"),
    ],
)
def test_a_connection_that_is_missing_is_told_and_no_other_is_taken(
    lab: Lab, jobs: Jobs, signed_in: Callable[[str], Pages], path: str, connection: dict[str, Any], words: str
) -> None:
    task = jobs.add(None)
    name = job_of(lab, task, texts(4))
    jobs.add(facts_of(name, **connection), run=task["run_id"])
    body = asked(signed_in("admin"), path, task)
    assert words in body
    assert "4 of 4" not in body


def test_a_bundle_that_never_ends_is_not_read(lab: Lab, jobs: Jobs, pages: Pages, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "bundle.pem")
    task = jobs.add(facts_of("x", verify=str(tmp_path / "bundle.pem")))
    assert "not have the CA bundle" in pages.shows("/job/labels", **task)


@pytest.mark.parametrize(
    "uri",
    [
        "/etc/passwd",
        "",
        "s3://",
        "s3://bucket",
        "s3://bucket/",
        "s3://b/a/../c",
        "s3://b/./c",
        "S3://b/c",
        "http://b/c",
        "s3://b/\ud800",
    ],
)
def test_what_is_no_object_in_s3_is_not_plain(uri: str) -> None:
    assert not is_plain_s3(uri)


def test_a_whole_bucket_is_no_folder_of_an_input() -> None:
    mine = Confirmed(None, "job", "s3://b/out/job", "label", "s3://b/in.manifest")
    assert not mine.has_beside_input("s3://b/other.png")
    assert mine._replace(manifest_uri="s3://b/in/in.manifest").has_beside_input("s3://b/in/deep/other.png")
    assert mine.has_written("s3://b/out/job/x")
    assert not mine.has_written("s3://b/out/job2/x")

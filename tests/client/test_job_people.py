"""What the service says about a job's people, and whatever else may answer in its place."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from labeling_provider.client import job_people
from labeling_provider.client.ground_truth import GroundTruth
from labeling_provider.client.job_people import MAX_BYTES, MAX_LATEST, JobPeople, Remark, read_people
from labeling_provider.errors import LabelingError
from tests.client.clients import ground_truth, silent
from tests.conftest import Lab, texts
from tests.flaky import proxy, running

REMARK = {"object": 3, "worker_id": "private.us-east-1.0", "at": 1.5, "kind": "comment", "text": "<b>\u202e"}
PEOPLE: dict[str, Any] = {
    "at_work": 2,
    "in_hand": 3,
    "declined": 1,
    "remarks": 1,
    "waits": True,
    "latest": [REMARK],
}


class Other:
    """Something that is not the service.

    :ivar status: of its answers.
    :ivar headers: of its answers.
    :ivar pieces: of their bodies.
    :ivar pause: seconds before each piece.
    """

    def __init__(self) -> None:
        self.reset()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response_only(outer.status)
                for name, value in outer.headers.items():
                    self.send_header(name, value)
                self.end_headers()
                for piece in outer.pieces:
                    time.sleep(outer.pause)
                    self.wfile.write(piece)

            def log_message(self, *arguments: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.client = silent(endpoint_url=self.url)

    def reset(self) -> None:
        self.status, self.pause = 200, 0.0
        self.headers: dict[str, str] = {}
        self.pieces = [b""]

    def people(self) -> JobPeople | None:
        return read_people(self.client, f"{self.url}/_labeling/jobs/x")


@pytest.fixture(scope="module")
def stranger() -> Iterator[Other]:
    made = Other()
    with running(made.server):
        yield made


@pytest.fixture
def other(stranger: Other) -> Other:
    stranger.reset()
    return stranger


def page_of(client: GroundTruth, job: str) -> str:
    return f"{client.endpoint_url}/_labeling/jobs/{job}"


def test_the_service_tells_who_signs_as_for_its_operations(lab: Lab, client: GroundTruth) -> None:
    job = lab.create(texts(1))
    lab.wait(job)
    assert read_people(client, page_of(client, job)) == JobPeople(0, 0, 0, 0, False, [])
    assert read_people(client, page_of(client, "nobody")) is None, "as if it had no such page"


def test_a_wrong_secret_is_refused(lab: Lab) -> None:
    client = GroundTruth(lambda name, **settings: lab.service.client(name, aws_secret_access_key="wrong"))
    with pytest.raises(LabelingError, match="it answered with status 403"):
        read_people(client, page_of(client, "x"))


def test_a_gateway_may_stand_in_between(lab: Lab) -> None:
    job = lab.create(texts(1))
    with proxy(lab) as gateway:
        client = ground_truth(lab, gateway.url)
        assert read_people(client, page_of(client, job)) is not None


def test_a_good_answer_is_read_with_whatever_a_later_version_adds(other: Other) -> None:
    other.pieces = [json.dumps({**PEOPLE, "latest": [{**REMARK, "more": []}], "more": {}}).encode()]
    assert other.people() == JobPeople(
        2, 3, 1, 1, True, [Remark(3, "private.us-east-1.0", 1.5, "comment", "<b>\u202e")]
    )
    other.pieces = [json.dumps({**PEOPLE, "latest": [REMARK] * 100}).encode()]
    people = other.people()
    assert people is not None
    assert len(people.latest) == MAX_LATEST


@pytest.mark.parametrize("status", [401, 404])
def test_an_older_service_does_not_tell(other: Other, status: int) -> None:
    other.status, other.pieces = status, [b"<html>There is no such page.</html>"]
    assert other.people() is None


@pytest.mark.parametrize("status", [204, 301, 302, 403, 500, 503])
def test_another_status_is_told_and_no_redirect_is_followed(other: Other, status: int) -> None:
    other.status, other.headers = status, {"Location": "http://127.0.0.1:9/"}
    with pytest.raises(LabelingError, match=f"it answered with status {status}"):
        other.people()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>Welcome to the hotel's network</html>",
        b"[]",
        b"null",
        b"{}",
        b"\xff",
        b"[" * 100_000,
        json.dumps(PEOPLE).encode()[:-1],
        *(
            json.dumps({**PEOPLE, **wrong}).encode()
            for wrong in (
                {"at_work": -1},
                {"at_work": "2"},
                {"at_work": 10**30},
                {"in_hand": 1.5},
                {"waits": 1},
                {"latest": {}},
                {"latest": [1]},
                {"latest": [{**REMARK, "text": None}]},
                {"latest": [{**REMARK, "worker_id": 5}]},
                {"latest": [{**REMARK, "at": "now"}]},
                {"latest": [{**REMARK, "at": 1e300}]},
                {"latest": [{**REMARK, "object": -1}]},
                {"latest": [{key: REMARK[key] for key in REMARK if key != "text"}]},
            )
        ),
        json.dumps({**PEOPLE, "latest": [{**REMARK, "text": "\ud800"}]}).encode(),
    ],
)
def test_an_answer_that_is_none_is_refused(other: Other, body: bytes) -> None:
    other.pieces = [body]
    with pytest.raises(LabelingError, match="its answer can't be read"):
        other.people()


def test_a_huge_answer_is_not_read_to_its_end(other: Other) -> None:
    other.headers = {"Content-Length": str(1 << 40)}
    other.pieces = [b" " * (MAX_BYTES + 1)]
    with pytest.raises(LabelingError, match="more than 262,144 bytes"):
        other.people()


def test_a_packed_answer_is_not_unpacked(other: Other) -> None:
    import gzip

    other.headers, other.pieces = {"Content-Encoding": "gzip"}, [gzip.compress(json.dumps(PEOPLE).encode())]
    with pytest.raises(LabelingError, match="can't be read"):
        other.people()


def test_an_answer_that_trickles_in_is_not_waited_for(other: Other, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job_people, "MAX_SECONDS", 0.0)
    other.headers, other.pieces, other.pause = {"Content-Length": "1000"}, [b" "] * 1_000, 0.05
    with pytest.raises(LabelingError, match="no complete answer within 0 s"):
        other.people()


def test_nobody_answers() -> None:
    with pytest.raises(LabelingError, match="Could not connect"):
        read_people(silent(endpoint_url="http://127.0.0.1:9"), "http://127.0.0.1:9/_labeling/jobs/x")

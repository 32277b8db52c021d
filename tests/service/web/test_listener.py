"""Many clients, slow ones and odd ones, and an end that none of them can put off."""

from __future__ import annotations

import json
import resource
import signal
import socket
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from dev.portal import Browser
from dev.stack import ROOT, Service, wait_until
from labeling_provider.service.web.listener import MAX_HEAD_BYTES
from tests.conftest import Lab, texts
from tests.service.web.portal.conftest import PeopleJob

CROWD = 1_000


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Service]:
    service = Service(tmp_path)
    yield service
    service.stop()


@pytest.fixture
def started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    """One that is no fork, so that it is known how it ends."""
    monkeypatch.setattr(Service, "importer", staticmethod(lambda: None))
    service = Service(tmp_path)
    yield service
    service.stop()


def connect(service: Any, first: bytes = b"") -> socket.socket:
    parts = urlsplit(service.endpoint_url)
    made = socket.create_connection((parts.hostname, parts.port), timeout=60)
    made.sendall(first)
    return made


def answer(connection: socket.socket) -> bytes:
    """All that comes until the server closes."""
    answered = b""
    try:
        while piece := connection.recv(65_536):
            answered += piece
    except ConnectionResetError:
        pass
    return answered


def test_a_thousand_idle_and_slow_clients_hold_nobody_up(own: Service) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(max(soft, CROWD + 500), hard), hard))
    slow = [
        b"",
        b"GET / HTTP/1.1\r\nHost: loc",
        b"PUT /lab/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99\r\n\r\nx",
    ]
    crowd = [connect(own, slow[number % 3]) for number in range(CROWD)]
    try:
        # The whole crowd is in before their time is over, and everybody else is served meanwhile.
        assert own.client("sagemaker").list_labeling_jobs()["LabelingJobSummaryList"] == []
        own.client("s3").create_bucket(Bucket="served")
        assert own.client("sqs").create_queue(QueueName="served")["QueueUrl"]
    finally:
        for connection in crowd:
            connection.close()


def test_a_head_of_any_size_is_refused_soon(lab: Lab) -> None:
    huge = b"GET / HTTP/1.1\r\nHost: localhost\r\nAuthorization: AWS4-HMAC-SHA256 " + b"Credential=" * MAX_HEAD_BYTES
    with connect(lab.service) as connection:
        try:
            connection.sendall(huge)
        except (BrokenPipeError, ConnectionResetError):
            return
        assert answer(connection).startswith(b"HTTP/1.1 4")


@pytest.mark.parametrize(
    "odd",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/9.9\r\nHost: localhost\r\n\r\n",
        b"GET /\x00 HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n",
        b"PUT /lab/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
        b"PUT /lab/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: x\r\n\r\n",
        b"PUT /lab/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"PUT /lab/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"PUT /lab/x HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: gzip\r\n\r\n",
        b"PUT /lab/x HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n\r\n",
        b"PUT /lab/x HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: localhost\r\nX-Amz-Target: SageMaker.ListLabelingJobs\r\n"
        b"Content-Length: 9999999999999999\r\n\r\n",
        b"PUT /lab/x HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n"
        + b"X-More: and more\r\n" * 3_000
        + b"\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"\r\n" * 100 + b"nonsense\r\n\r\n",
    ],
)
def test_odd_heads_and_bodies_are_the_callers_fault(lab: Lab, odd: bytes) -> None:
    with connect(lab.service, odd) as connection:
        connection.shutdown(socket.SHUT_WR)
        answered = answer(connection)
    assert not answered or answered.split(b"\r\n")[0].split(b" ")[1].startswith(b"4"), answered
    assert lab.sagemaker.list_workteams()["Workteams"]


def test_a_body_that_nobody_wants_is_not_read(lab: Lab) -> None:
    """The answer comes before the body, so a client that waits for leave sends none."""
    head = b"PUT /lab/x HTTP/1.1\r\nHost: evil.example\r\nContent-Length: 200000000\r\nExpect: 100-continue\r\n\r\n"
    with connect(lab.service, head) as connection:
        assert connection.recv(65_536).startswith(b"HTTP/1.1 403")


SMALL_SERVER = textwrap.dedent("""
    import json, sys
    from labeling_provider.service.web import listener
    listener.MAX_HEAD_SECONDS = listener.MAX_STALLED_SECONDS = 0.3
    listener._KEEP_ALIVE_SECONDS = 0.3
    async def application(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for _ in range(2_000):
            await send({"type": "http.response.body", "body": b"x" * 65_536, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})
    listening = listener.listen("127.0.0.1", 0)
    print(json.dumps({"port": listening.getsockname()[1]}), flush=True)
    listener.serve(application, listening, lambda: print("ending", flush=True))
    print("ended", flush=True)
""")


@pytest.fixture
def impatient() -> Iterator[tuple[int, subprocess.Popen[str]]]:
    """The port of a server that waits for a third of a second where the real one waits for longer, and its process."""
    process = subprocess.Popen([sys.executable, "-c", SMALL_SERVER], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout
    yield json.loads(process.stdout.readline())["port"], process
    process.kill()
    process.wait()


@pytest.mark.parametrize(
    "first",
    [
        b"",
        b"GET / HTTP/1.1\r\nHo",
        b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n",
    ],
)
def test_a_client_that_does_not_get_on_is_let_go(impatient: tuple[int, Any], first: bytes) -> None:
    with socket.create_connection(("127.0.0.1", impatient[0]), timeout=60) as connection:
        connection.sendall(first)
        assert bool(answer(connection)) == (b"\r\n\r\n" in first)


def test_a_client_that_takes_no_answer_is_let_go(impatient: tuple[int, Any]) -> None:
    with socket.create_connection(("127.0.0.1", impatient[0]), timeout=60) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")

        def gone() -> bool:
            """Whether the server has given up, which shows in that nothing can be sent any more."""
            try:
                connection.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            except OSError:
                return True
            return False

        wait_until(gone, 30, "the server lets go of a client that takes nothing", 0.1)


def test_the_process_ends_soon_and_answers_those_who_wait(started: Service) -> None:
    job = PeopleJob(Lab(started), texts(1), workers_per_object=1)
    ada, bo = (Browser(started.endpoint_url).sign_in(name) for name in ("Ada", "Bo"))
    assert ada.next(job.number)["task"]
    wanted = json.dumps({"wait": 25}).encode()
    bo.connection.request("POST", f"/portal/api/jobs/{job.number}/next", wanted, bo.headers("POST", **bo.protocol))
    started.client("sqs").create_queue(QueueName="quiet")
    waits = (
        b"POST / HTTP/1.1\r\nHost: localhost\r\nX-Amz-Target: AmazonSQS.ReceiveMessage\r\nContent-Length: %d\r\n\r\n%s"
    )
    body = json.dumps({"QueueUrl": f"{started.endpoint_url}/123456789012/quiet", "WaitTimeSeconds": 20}).encode()
    receiver = connect(started, waits % (len(body), body))
    others = [
        connect(started, b"PUT /lab/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99\r\n\r\nx"),
        connect(started, b"GET / HTTP/1.1\r\nHost: loc"),
        connect(started),
    ]
    # After this answer, the requests before it have been read.
    started.client("sqs").list_queues()
    began = time.monotonic()
    started.group.process.send_signal(signal.SIGTERM)
    assert started.group.process.wait(timeout=15) == 0
    assert time.monotonic() - began < 15
    # They hear that there is nothing, and ask another process.
    with bo.connection.getresponse() as handed:
        assert json.load(handed) == {"task": None, "ahead": None, "waiting": "others"}
    assert answer(receiver).startswith(b"HTTP/1.1 200")
    # Of all, only the upload that had stopped was cut off.
    assert "Cancel 1 running task(s)" in started.group.log.read_text()
    for connection in (receiver, *others):
        connection.close()

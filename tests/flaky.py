"""A proxy that makes a service misbehave: throttling, server errors, silence, half answers, another clock.

A :class:`Door` knows no HTTP: whoever comes through it meets the server, nobody, or somebody who says nothing.
"""

from __future__ import annotations

import http.client
import json
import os
import random
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from unittest.mock import patch
from urllib.parse import urlsplit

from tests.conftest import Lab

STATUS_OPERATIONS = {"DescribeLabelingJob", "ListLabelingJobs"}
FAULTS = ("ThrottlingException", "InternalFailure", "skew", "drop", "lost-answer", "truncated", "slow")
SLOW = 1.0


class Proxy:
    """Passes requests on to the service.

    :ivar trouble: each entry spoils one DescribeLabelingJob or ListLabelingJobs.
    :ivar object_trouble: each entry spoils one request to S3.
    :ivar share: how many of all requests are spoilt at random, 0 to 1.
    :ivar keys: access key ids that are known; None for all.
    :ivar unsupported: actions of the older protocol, such as IAM's, that are answered with NotImplemented.
    :ivar absent: the end of paths that are answered with 404, as by an older service; None for no path.
    :ivar refused: operations that are answered with AccessDeniedException.
    :ivar shift: seconds by which the service's clock seems to be ahead.
    :ivar operations: how many requests of each SageMaker operation have been answered, refused or dropped. The service
        does nothing more about them, whatever a test changes.
    """

    def __init__(self, target: str, seed: int = 0) -> None:
        self.trouble: list[str] = []
        self.object_trouble: list[str] = []
        self.share = 0.0
        self.keys: set[str] | None = None
        self.unsupported: set[str] = set()
        self.absent: str | None = None
        self.refused: set[str] = set()
        self.shift = 0.0
        self.operations: Counter[str] = Counter()
        self.spoilt: Counter[str] = Counter()
        self.changed_status: str | None = None
        self._random = random.Random(seed)
        outer, host = self, urlsplit(target).netloc

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                self.counted = operation = self.headers.get("X-Amz-Target", "").rpartition(".")[2]
                key = self.headers.get("Authorization", "").partition("Credential=")[2].partition("/")[0]
                if outer.absent and self.path.endswith(outer.absent):
                    return self.reply(404, b"<html>There is no such page.</html>", {})
                if outer.keys is not None and key not in outer.keys:
                    outer.spoilt["key"] += 1
                    return self.refuse_key()
                action = body.partition(b"Action=")[2].partition(b"&")[0].decode(errors="replace")
                if action in outer.unsupported:
                    self.counted = action
                    content = b"<ErrorResponse><Error><Code>NotImplemented</Code></Error></ErrorResponse>"
                    return self.reply(501, content, {})
                if operation in outer.refused:
                    return self.refuse(400, "AccessDeniedException")
                fault = outer.fault(operation)
                if fault == "drop":
                    return self.hang_up()
                if fault == "slow":
                    time.sleep(SLOW)
                if fault in {"ThrottlingException", "InternalFailure"}:
                    return self.refuse(400 if fault == "ThrottlingException" else 500, fault)
                if fault == "skew":
                    message = "Signature expired: 20260101T000000Z is now earlier than 20260101T010000Z"
                    return self.refuse(403, "InvalidSignatureException", message)
                connection = http.client.HTTPConnection(host)
                connection.request(self.command, self.path, body, dict(self.headers))
                answer = connection.getresponse()
                content = answer.read()
                if fault == "lost-answer":
                    return self.hang_up()
                if operation in STATUS_OPERATIONS and answer.status == 200:
                    content = outer.altered(content)
                headers = {key.lower(): value for key, value in answer.getheaders() if key.lower() in KEPT}
                if self.command == "HEAD":
                    headers["Content-Length"] = answer.headers.get("Content-Length", "0")
                if outer.shift:
                    headers["date"] = formatdate(time.time() + outer.shift, usegmt=True)
                return self.reply(answer.status, content, headers, half=fault == "truncated")

            do_GET = do_PUT = do_HEAD = do_DELETE = do_POST

            def count(self) -> None:
                """Count the request, before its client can go on."""
                if self.counted:
                    outer.operations[self.counted] += 1
                    self.counted = ""

            def hang_up(self) -> None:
                self.count()
                self.close_connection = True
                self.connection.close()

            def refuse(self, status: int, code: str, message: str = "slow down") -> None:
                if self.headers.get("X-Amz-Target"):
                    content = json.dumps({"__type": code, "message": message}).encode()
                else:
                    status = 503
                    content = b"<Error><Code>SlowDown</Code><Message>slow down</Message></Error>"
                self.reply(status, content, {})

            def refuse_key(self) -> None:
                message = "The security token included in the request is invalid."
                if self.headers.get("X-Amz-Target"):
                    return self.refuse(400, "UnrecognizedClientException", message)
                content = f"<Error><Code>InvalidAccessKeyId</Code><Message>{message}</Message></Error>".encode()
                return self.reply(403, content, {})

            def reply(self, status: int, content: bytes, headers: dict[str, str], half: bool = False) -> None:
                self.count()
                self.send_response_only(status)
                for key, value in headers.items():
                    self.send_header(key, value)
                if "Content-Length" not in headers or self.command != "HEAD":
                    self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(content[: len(content) // 2] if half else content)
                if half:
                    self.wfile.flush()
                    self.hang_up()

            def log_message(self, *arguments: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    @property
    def looks(self) -> int:
        """Requests for the state of jobs, once they have been dealt with."""
        return sum(self.operations[name] for name in STATUS_OPERATIONS)

    def fault(self, operation: str) -> str | None:
        """What is to go wrong with a request."""
        fault = None
        trouble = self.trouble if operation in STATUS_OPERATIONS else [] if operation else self.object_trouble
        if trouble:
            fault = trouble.pop(0)
        elif self.share and self._random.random() < self.share:
            fault = self._random.choice(FAULTS)
        if fault:
            self.spoilt[fault] += 1
        return fault

    def altered(self, content: bytes) -> bytes:
        """An answer by the clock and with the status that the test wants."""
        answer: dict[str, Any] = json.loads(content)
        for job in answer.get("LabelingJobSummaryList", [answer]):
            for key in ("CreationTime", "LastModifiedTime"):
                job[key] += self.shift
            if self.changed_status:
                job["LabelingJobStatus"] = self.changed_status
        return json.dumps(answer).encode()


KEPT = {"content-type", "etag", "last-modified", "content-range", "accept-ranges", "date", "x-amz-version-id"}


@contextmanager
def proxy(lab: Lab, seed: int = 0) -> Iterator[Proxy]:
    """A proxy in front of a service."""
    made = Proxy(lab.service.endpoint_url, seed)
    with running(made.server):
        yield made


@contextmanager
def running(server: Any) -> Iterator[None]:
    """An HTTP server that runs until the block ends, however it ends."""
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def connection(url: str, key: str | None = "local", read_timeout: float = SLOW / 2) -> str:
    """An Airflow connection to a URL, without botocore's own retries.

    :param key: the access key id; None to leave the credentials to botocore's own search.
    :param read_timeout: seconds; by default, a slow answer is not waited for. Neither is any on a busy machine.
    """
    config = {"retries": {"max_attempts": 0}, "read_timeout": read_timeout}
    extra = {"endpoint_url": url, "region_name": "us-east-1", "config_kwargs": config}
    credentials = {} if key is None else {"login": key, "password": "local"}
    return json.dumps({"conn_type": "aws", **credentials, "extra": extra})


@contextmanager
def credentials_endpoint() -> Iterator[list[int]]:
    """What gives a container its credentials, by ``AWS_CONTAINER_CREDENTIALS_FULL_URI``.

    The list is for the statuses of its next answers; they are 200 once it is empty.
    """
    statuses: list[int] = []
    content = {"AccessKeyId": "local", "SecretAccessKey": "local", "Token": "t", "Expiration": "2100-01-01T00:00:00Z"}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response_only(statuses.pop(0) if statuses else 200)
            self.end_headers()
            self.wfile.write(json.dumps(content).encode())

        def log_message(self, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    where = {"AWS_CONTAINER_CREDENTIALS_FULL_URI": f"http://127.0.0.1:{server.server_port}/"}
    with running(server), patch.dict(os.environ, where):
        yield statuses


class Door:
    """A way to a server on this machine that can be shut, or lead nowhere, for every connection.

    :param target: the server's URL.
    :ivar url: where the door is.
    :ivar waiting: how many came since it last changed, and hear nothing.
    """

    def __init__(self, target: str) -> None:
        parts = urlsplit(target)
        self._target = (parts.hostname or "", parts.port or 80)
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        self._state, self.waiting = "open", 0
        self._connections: list[socket.socket] = []
        self._changing = threading.Lock()
        threading.Thread(target=self._accept, daemon=True).start()

    def open(self) -> None:
        """Let everybody through, from now on."""
        self._turn("open")

    def shut(self) -> None:
        """Break off all connections, and every new one."""
        self._turn("shut")

    def hang(self) -> None:
        """Take every connection, and never answer."""
        self._turn("silent")

    def close(self) -> None:
        """Take the door away."""
        self._turn("shut")
        # Closing alone would leave the thread waiting for connections.
        with suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()

    def _turn(self, state: str) -> None:
        with self._changing:
            self._state, self.waiting = state, 0
            ended, self._connections = self._connections, []
        for connection in ended:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                with self._changing:
                    state = self._state
                    self.waiting += state == "silent"
                    self._connections.append(client)
                if state == "shut":
                    client.close()
                elif state == "open":
                    server = socket.create_connection(self._target)
                    with self._changing:
                        self._connections.append(server)
                    for ends in ((client, server), (server, client)):
                        threading.Thread(target=self._carry, args=ends, daemon=True).start()

    @staticmethod
    def _carry(source: socket.socket, drain: socket.socket) -> None:
        with suppress(OSError):
            while part := source.recv(1 << 16):
                drain.sendall(part)
        for end in (source, drain):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

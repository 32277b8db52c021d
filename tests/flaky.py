"""A proxy that makes a service misbehave: throttling, server errors, silence."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

from tests.conftest import Lab


class Proxy:
    """Passes requests on to the service; each entry of ``trouble`` spoils one DescribeLabelingJob."""

    def __init__(self, target: str) -> None:
        self.trouble: list[str] = []
        self.describes = 0
        self.changed_status: str | None = None
        outer, host = self, urlsplit(target).netloc

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                describe = self.headers.get("X-Amz-Target", "").endswith("DescribeLabelingJob")
                if describe:
                    outer.describes += 1
                if describe and outer.trouble:
                    return self.spoil(outer.trouble.pop(0))
                connection = http.client.HTTPConnection(host)
                connection.request(self.command, self.path, body, dict(self.headers))
                answer = connection.getresponse()
                content = answer.read()
                if describe and outer.changed_status:
                    content = json.dumps({**json.loads(content), "LabelingJobStatus": outer.changed_status}).encode()
                self.reply(answer.status, content, answer.headers.get("Content-Type", ""))
                return None

            do_GET = do_PUT = do_HEAD = do_POST

            def spoil(self, kind: str) -> None:
                if kind == "drop":
                    self.close_connection = True
                    self.connection.close()
                    return
                status = 400 if kind == "ThrottlingException" else 500
                self.reply(status, json.dumps({"__type": kind, "message": "slow down"}).encode(), "application/json")

            def reply(self, status: int, content: bytes, content_type: str) -> None:
                self.send_response(status)
                self.send_header("Content-Type", content_type)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(content)

            def log_message(self, *arguments: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"


@contextmanager
def proxy(lab: Lab) -> Iterator[Proxy]:
    """A proxy in front of a service."""
    made = Proxy(lab.service.endpoint_url)
    thread = threading.Thread(target=made.server.serve_forever)
    thread.start()
    yield made
    made.server.shutdown()
    made.server.server_close()
    thread.join()


def connection(url: str) -> str:
    """An Airflow connection to a URL, without botocore's own retries."""
    extra = {"endpoint_url": url, "region_name": "us-east-1", "config_kwargs": {"retries": {"max_attempts": 0}}}
    return json.dumps({"conn_type": "aws", "login": "local", "password": "local", "extra": extra})

"""What is said of an object store that is away, and when."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from dev.stack import wait_until
from labeling_provider.service.cloud import objects_watch
from labeling_provider.service.cloud.objects_watch import ObjectsWatch
from labeling_provider.service.cloud.s3_endpoint import EndpointObjectStore
from tests.service.in_process import Memory


@contextmanager
def s3(status: int, code: str) -> Iterator[str]:
    """The URL of a server that answers everything with an error."""
    body = f"<Error><Code>{code}</Code><Message>m</Message></Error>" if code else "<html>A page<br></html>"

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize(
    ("status", "code", "trouble"),
    [
        (404, "NoSuchBucket", ""),
        (403, "AccessDenied", ""),
        (403, "InvalidAccessKeyId", "refuses the service's credentials (InvalidAccessKeyId)"),
        (403, "SignatureDoesNotMatch", "refuses the service's credentials (SignatureDoesNotMatch)"),
        (403, "InvalidClientTokenId", "answers with InvalidClientTokenId"),
        (404, "", "answers with 404"),
        (503, "SlowDown", "answers with SlowDown"),
    ],
)
def test_a_wrong_address_and_wrong_keys_are_told(
    status: int, code: str, trouble: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "local")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "a-secret")
    with s3(status, code) as url:
        watch = ObjectsWatch(EndpointObjectStore(url, "us-east-1").impatient)
        watch.look()
        where = url.removeprefix("http://")
        assert watch.trouble == (trouble and f"S3 at {where} {trouble}")
        assert watch.has_answered == (not trouble)
        messages = [record.getMessage() for record in caplog.records if record.name == objects_watch.__name__]
        assert len(messages) == bool(trouble)
        for message in messages:
            assert "Check --s3-endpoint, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY." in message
            assert "this process is not ready" in message
            assert "a-secret" not in message


def test_missing_keys_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        monkeypatch.setenv(name, "/nowhere")
    # Its session remembers the keys of other tests.
    monkeypatch.setattr("boto3.DEFAULT_SESSION", None)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    watch = ObjectsWatch(EndpointObjectStore("http://127.0.0.1:9", "us-east-1").impatient)
    watch.look()
    assert watch.trouble == "there are no credentials for S3 at 127.0.0.1:9"


def test_each_change_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    store = Memory()
    watch = ObjectsWatch(store)
    assert watch.trouble
    for down in (None, OSError("refused"), OSError("refused"), None, None):
        store.down = down
        watch.look()
        assert bool(watch.trouble) == bool(down)
    assert watch.has_answered
    assert [(record.levelno, record.getMessage()) for record in caplog.records] == [
        (
            logging.ERROR,
            "the object store does not respond (OSError). "
            "Labeling jobs wait for it; people can go on where it is not needed.",
        ),
        (logging.WARNING, "the object store answers again"),
    ]


def test_a_check_that_does_not_end_counts_as_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    asked, answer = threading.Event(), threading.Event()

    class Hanging(Memory):
        def check(self) -> None:
            asked.set()
            answer.wait(60)

    watch = ObjectsWatch(Hanging())
    watch.start()
    asked.wait(60)
    monkeypatch.setattr(objects_watch, "_MAX_LOOK_SECONDS", -1.0)
    assert watch.trouble == "the object store does not respond"
    answer.set()
    watch.wait(60)
    watch.stop()
    wait_until(lambda: not watch.trouble, 5, "the check has ended", 0.01)

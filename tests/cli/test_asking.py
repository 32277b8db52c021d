"""How commands ask a running service."""

from __future__ import annotations

import socket
import ssl
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from dev.identity_provider import make_certificate
from labeling_provider.cli.asking import AskError, ask, say, time_of


@pytest.mark.parametrize(
    ("endpoint", "words"),
    [
        ("localhost:8080", "'localhost:8080' is not an address such as"),
        ("file:///etc/passwd", "is not an address such as"),
        (
            "http://127.0.0.1:9",
            "does not answer: .*Connection refused; start the service with `labeling local`, or correct",
        ),
    ],
)
def test_an_endpoint_that_is_none_is_named(endpoint: str, words: str) -> None:
    with pytest.raises(AskError, match=words):
        ask(endpoint, "/audit")


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (
            b"HTTP/1.0 404 Not Found\r\n\r\n<html>",
            "answered 404 Not Found; this is not a self-hosted Ground Truth: correct",
        ),
        (
            b"HTTP/1.0 200 OK\r\n\r\n<html>",
            "something other than JSON; this is not a self-hosted Ground Truth: correct",
        ),
        (b"SSH-2.0-server\r\n", "something other than JSON; this is not a self-hosted Ground Truth: correct"),
    ],
)
def test_what_is_no_service_of_ours_is_told_with_what_to_do(answer: bytes, words: str) -> None:
    def serve(listening: socket.socket) -> None:
        connection, _ = listening.accept()
        with connection:
            connection.recv(65_536)
            connection.sendall(answer)

    with socket.create_server(("127.0.0.1", 0)) as listening, ThreadPoolExecutor() as pool:
        served = pool.submit(serve, listening)
        with pytest.raises(AskError, match=words) as raised:
            ask(f"http://127.0.0.1:{listening.getsockname()[1]}", "/audit")
        served.result(30)
    assert "\n" not in str(raised.value)


def test_a_certificate_counts_if_boto3_would_trust_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bundle, key = tmp_path / "own.pem", tmp_path / "key.pem"
    make_certificate(bundle, key)
    own = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    own.load_cert_chain(bundle, key)

    def serve(listening: socket.socket) -> None:
        connection, _ = listening.accept()
        with suppress(ssl.SSLError), own.wrap_socket(connection, server_side=True) as secured:
            secured.recv(65_536)
            secured.sendall(b"HTTP/1.0 200 OK\r\n\r\n[1]")

    def asked() -> Any:
        with socket.create_server(("127.0.0.1", 0)) as listening, ThreadPoolExecutor() as pool:
            served = pool.submit(serve, listening)
            try:
                return ask(f"https://127.0.0.1:{listening.getsockname()[1]}", "/audit")
            finally:
                served.result(30)

    with pytest.raises(AskError, match=r"certificate of https://.* is not trusted \(.*in AWS_CA_BUNDLE"):
        asked()
    monkeypatch.setenv("AWS_CA_BUNDLE", str(bundle))
    assert asked() == [1]
    monkeypatch.setenv("AWS_CA_BUNDLE", str(key))
    with pytest.raises(AskError, match=r"AWS_CA_BUNDLE names .*key\.pem, which is no file of certificates"):
        ask("https://127.0.0.1:9", "/audit")
    with pytest.raises(AskError, match="does not answer: .*Connection refused"):
        ask("HTTP://127.0.0.1:9", "/audit")


def test_texts_from_outside_are_safe_for_terminals(capsys: pytest.CaptureFixture[str]) -> None:
    say(f"{time_of(0)} a\x1b[31mb")
    assert capsys.readouterr().out == "1970-01-01 00:00:00 a\\u001b[31mb\n"

"""How commands ask a running service."""

from __future__ import annotations

import socket
from concurrent.futures import ThreadPoolExecutor

import pytest

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


def test_texts_from_outside_are_safe_for_terminals(capsys: pytest.CaptureFixture[str]) -> None:
    say(f"{time_of(0)} a\x1b[31mb")
    assert capsys.readouterr().out == "1970-01-01 00:00:00 a\\u001b[31mb\n"

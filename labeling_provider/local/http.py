"""The HTTP server under the service."""

from __future__ import annotations

from collections.abc import Iterable
from io import BytesIO
from typing import Any

from cheroot.wsgi import Server

# Receivers of messages hold a thread each while they wait.
_THREADS = 32


def listen(application: Any, host: str, port: int) -> Server:
    """A server that listens, but does not answer before its ``serve()``.

    :param port: 0 for a free one; the one taken is in the server's ``bind_addr``.
    :raises OSError: if the address can't be had.
    """
    server = Server((host, port), _with_known_length(application), numthreads=_THREADS, server_name="labeling-local")
    server.prepare()
    return server


def _with_known_length(application: Any) -> Any:
    """WSGI applications count on a content length; a chunked body is read first to find it."""

    def call(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        if environ.pop("HTTP_TRANSFER_ENCODING", "").lower() == "chunked":
            body = environ["wsgi.input"].read()
            environ["wsgi.input"], environ["CONTENT_LENGTH"] = BytesIO(body), str(len(body))
        answer: Iterable[bytes] = application(environ, start_response)
        return answer

    return call

"""The HTTP server, for many clients, some of them slow and some hostile.

A connection costs a few kilobytes and no thread. It is closed if it makes no progress: the head of a request is limited
in bytes and time, a body must arrive and a response must be read at a minimum pace.
Source: uvicorn's and llhttp's documentation.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import resource
import socket
import ssl
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any, Final

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from labeling_provider.service.failures import StartError

MAX_HEAD_BYTES: Final = 32_768
MAX_HEAD_SECONDS: Final = 20
MAX_CONNECTIONS: Final = 8_000
MAX_STALLED_SECONDS: Final = 60
_BACKLOG: Final = 2_048
_KEEP_ALIVE_SECONDS: Final = 30
_CLOSING_SECONDS: Final = 2
# A socket, and the temporary file of a large body.
_FILES_EACH: Final = 2
# Files of the process itself: databases, logs, its own requests.
_OTHER_FILES: Final = 200


class BoundedProtocol(HttpToolsProtocol):
    """A connection that is closed if its client makes no progress, or sends too large a head."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._clock: asyncio.TimerHandle | None = None
        self._stalled: asyncio.TimerHandle | None = None
        self._is_head_due, self._is_body_due = True, False
        self._head_bytes = self._unparsed_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_clock()
        self.resume_writing()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._unparsed_bytes += len(data)
        super().data_received(data)
        if not self._is_head_due:
            self._unparsed_bytes = 0
        elif self._unparsed_bytes > MAX_HEAD_BYTES and not self.transport.is_closing():
            self.send_400_response("The head of the request is too large.")
        if self._is_head_due:
            self._expect_head()
        elif self.cycle is None or not self.cycle.response_complete:
            self._stop_clock()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._head_bytes, self._is_head_due, self._is_body_due = 0, True, True

    def on_url(self, url: bytes) -> None:
        self._count(url)
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        # Trailer fields after a chunked body are counted as well.
        self._count(name, value)
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._is_head_due = False
        super().on_headers_complete()
        # As it was sent: the parser drops the host of an absolute address.
        path, _, query = self.url.partition(b"?")
        self.scope["raw_path"], self.scope["query_string"] = path, query

    def on_message_complete(self) -> None:
        self._is_body_due = False
        super().on_message_complete()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self._is_body_due:
            # The response was sent before the body was read. The rest is discarded, but not forever.
            self._expect_head()

    def pause_writing(self) -> None:
        super().pause_writing()
        if self._stalled is None:
            self._stalled = self.loop.call_later(MAX_STALLED_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._stalled is not None:
            self._stalled.cancel()
            self._stalled = None

    def _count(self, *pieces: bytes) -> None:
        """Count the bytes of a head so far.

        :raises ValueError: if there are too many; the parser then refuses the request.
        """
        self._head_bytes += sum(map(len, pieces))
        if self._head_bytes > MAX_HEAD_BYTES:
            raise ValueError("The head of the request is too large.")

    def _expect_head(self) -> None:
        """Start the clock for the next head, unless it is running."""
        if self._clock is None:
            self._clock = self.loop.call_later(MAX_HEAD_SECONDS, self._end)

    def _stop_clock(self) -> None:
        if self._clock is not None:
            self._clock.cancel()
            self._clock = None

    def _end(self) -> None:
        self._clock = None
        self.transport.abort()


def listen(host: str, port: int) -> socket.socket:
    """Open a listening socket. Connections wait until the server runs.

    :param port: 0 for a free one.
    :raises StartError: if the address can't be used.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listening = socket.create_server((host, port), family=family, backlog=_BACKLOG)
    except (OSError, OverflowError) as error:
        if getattr(error, "errno", None) == errno.EADDRINUSE:
            why = "something else listens there; stop it, or choose another port with --port, 0 for a free one"
        else:
            why = str(error)
        raise StartError(f"cannot listen on {host}:{port}: {why}") from None
    # Connections inherit this. Otherwise, the end of a response waits until the client acknowledges its start.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listening


@dataclass(frozen=True)
class Tls:
    """A certificate with its chain, and its key: PEM files.

    :raises StartError: if they can't be used.
    """

    certificate: Path
    key: Path

    def __post_init__(self) -> None:
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(self.certificate, self.key, password=lambda: b"")
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or getattr(error, "reason", None) or type(error).__name__
            raise StartError(f"--tls-certificate {self.certificate} and --tls-key {self.key}: {why}") from None


class _Server(uvicorn.Server):
    """A server that sets an event as soon as the process is told to stop."""

    def __init__(self, config: uvicorn.Config, ending: threading.Event) -> None:
        super().__init__(config)
        self._ending = ending

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        # A signal may interrupt anything: starting a thread here could wait for a lock that is already held.
        self._ending.set()
        super().handle_exit(sig, frame)


def serve(
    application: Any,
    listening: socket.socket,
    ending: Callable[[], None],
    *,
    tls: Tls | None = None,
    proxies: Sequence[str] = (),
) -> None:
    """Answer requests until the process gets SIGTERM or SIGINT.

    :param ending: called in its own thread on that signal, before open connections are closed.
    :param tls: None for plain HTTP.
    :param proxies: addresses and networks of proxies that say, in ``X-Forwarded-For`` and ``X-Forwarded-Proto``, where
        a request comes from. From anybody else these headers are ignored.
    """
    asked_to_end = threading.Event()

    def end() -> None:
        asked_to_end.wait()
        ending()

    threading.Thread(target=end, name="labeling-ending", daemon=True).start()
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)
    config = uvicorn.Config(
        application,
        # Where uvloop is installed, as Airflow installs it, a request takes a quarter less of the CPU.
        loop="auto",
        http=BoundedProtocol,
        ws="none",
        lifespan="off",
        interface="asgi3",
        log_config=None,
        access_log=False,
        server_header=False,
        # Otherwise uvicorn trusts everybody on this machine.
        proxy_headers=bool(proxies),
        forwarded_allow_ips=list(proxies),
        ssl_certfile=tls.certificate if tls else None,
        ssl_keyfile=tls.key if tls else None,
        backlog=_BACKLOG,
        limit_concurrency=_allow_connections(),
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=_CLOSING_SECONDS,
    )
    _Server(config, asked_to_end).run(sockets=[listening])


def _allow_connections() -> int:
    """Raise the process's limit of open files as far as allowed.

    :return: how many connections that allows.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MAX_CONNECTIONS * _FILES_EACH + _OTHER_FILES
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    if soft == resource.RLIM_INFINITY:
        return MAX_CONNECTIONS
    return max(min(MAX_CONNECTIONS, (soft - _OTHER_FILES) // _FILES_EACH), 16)

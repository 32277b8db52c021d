"""``make bench-connections``: whether slow clients hold up the others.

The self-hosted service is asked the same things with nobody else there, and while a crowd of clients is connected that
sends nothing, half a head or half a body; then by a hundred clients at once. The last line is JSON; ``with_crowd`` is
how many times longer the median answer takes beside the crowd.
"""

from __future__ import annotations

import argparse
import json
import resource
import socket
import statistics
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from dev.stack import Service

CROWD = 1_000
REQUESTS = 300
AT_ONCE = 100
_SLOW = (
    b"",
    b"GET / HTTP/1.1\r\nHost: loc",
    b"PUT /bench/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99\r\n\r\nx",
)


def median_ms(service: Service, requests: int) -> float:
    """Milliseconds that a request takes, over and over on one connection."""
    client, taken = service.client("sagemaker"), []
    for _ in range(requests):
        began = time.perf_counter()
        client.list_labeling_jobs()
        taken.append((time.perf_counter() - began) * 1_000)
    return statistics.median(taken)


@contextmanager
def crowd(service: Service, clients: int) -> Iterator[None]:
    """Clients that are connected and don't get on."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(max(soft, clients + 500), hard), hard))
    parts = urlsplit(service.endpoint_url)
    with ExitStack() as stack:
        for number in range(clients):
            connection = stack.enter_context(socket.create_connection((parts.hostname, parts.port), timeout=60))
            connection.sendall(_SLOW[number % len(_SLOW)])
        yield


def at_once_seconds(service: Service, clients: int) -> float:
    """Seconds until as many clients, who all come at once, have their answer."""
    parts = urlsplit(service.endpoint_url)
    head = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"

    def ask(_: int) -> bytes:
        with socket.create_connection((parts.hostname, parts.port), timeout=120) as connection:
            connection.sendall(head)
            return connection.recv(100)

    with ThreadPoolExecutor(clients) as pool:
        began = time.perf_counter()
        answers = list(pool.map(ask, range(clients)))
        seconds = time.perf_counter() - began
    assert all(answer.startswith(b"HTTP/1.1 200") for answer in answers), answers[0]
    return seconds


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--smallest", action="store_true", help="a run of a few seconds, to see that it works")
    smallest = options.parse_args().smallest
    clients, requests, at_once = (50, 10, 10) if smallest else (CROWD, REQUESTS, AT_ONCE)
    with tempfile.TemporaryDirectory(prefix="labeling-bench-") as name:
        service = Service(Path(name))
        try:
            alone = median_ms(service, requests)
            with crowd(service, clients):
                beside = median_ms(service, requests)
            seconds = at_once_seconds(service, at_once)
        finally:
            service.stop()
    print(f"an answer takes {alone:.1f} ms, beside {clients:,} slow clients {beside:.1f} ms")
    print(f"{at_once} clients at once have their answers after {seconds:.2f} s")
    result = {"slow_clients": clients, "answer_ms": round(alone, 2), "with_crowd": round(beside / alone, 2)}
    print(json.dumps({**result, "clients_at_once": at_once, "all_answered_s": round(seconds, 2)}))


if __name__ == "__main__":
    main()

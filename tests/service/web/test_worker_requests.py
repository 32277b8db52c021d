"""``labeling workers`` and the endpoint behind it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable

import pytest

from tests.conftest import Lab
from tests.service.web.wire import ask

pytestmark = pytest.mark.e2e

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["add", "A", "--team", "none"], "There is no workteam none."),
        (["new-team", "two words"], "at 'workteamName' failed to satisfy"),
        (["new-team", "private-people"], "A workteam named private-people already exists."),
        (["add", " "], "A name must have 1 to 64 characters"),
        (["remove", "Nobody"], "There is nobody named Nobody."),
        (["invite", "Nobody"], "There is nobody named Nobody."),
        (["list", "--team", "none"], "There is no workteam none."),
    ],
)
def test_labeling_workers_says_what_is_wrong(run: Run, arguments: list[str], words: str) -> None:
    done = run("workers", *arguments)
    assert done.returncode == 1
    assert words in done.stderr


def test_who_does_not_know_the_keys_changes_nothing(run: Run) -> None:
    done = run("workers", "list", LABELING_LOCAL_SECRET_ACCESS_KEY="guessed")
    assert (done.returncode, "401" in done.stderr) == (1, True)


@pytest.mark.parametrize(
    ("move", "body", "status", "words"),
    [
        ("add", b'{"name": "Odd", "team": 7}', 400, "must be strings"),
        ("add", b'{"name": "' + b"x" * 201 + b'"}', 400, "must be strings"),
        ("add", b'{"team": "private-people"}', 400, "The body must be"),
        ("add", b"[]", 400, "The body must be"),
        ("add", b"{", 400, "The body must be"),
        ("dance", b'{"name": "Odd"}', 404, "no such action"),
    ],
)
def test_an_odd_request_is_refused(lab: Lab, move: str, body: bytes, status: int, words: str) -> None:
    answered, answer, _ = ask(lab.service, "POST", f"/_labeling/workers/{move}", body=body)
    assert (answered, words in json.loads(answer)["message"]) == (status, True)
    assert b"Odd" not in ask(lab.service, "GET", "/_labeling/workers")[1]

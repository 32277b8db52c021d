"""How commands ask a running service."""

from __future__ import annotations

import pytest

from labeling_provider.cli.asking import AskError, ask, say, time_of


@pytest.mark.parametrize(
    ("endpoint", "told"),
    [
        ("localhost:8080", "'localhost:8080' is no address such as"),
        ("file:///etc/passwd", "is no address such as"),
        ("http://127.0.0.1:9", "http://127.0.0.1:9 does not answer"),
    ],
)
def test_an_endpoint_that_is_none_is_named(endpoint: str, told: str) -> None:
    with pytest.raises(AskError, match=told):
        ask(endpoint, "/audit")


def test_texts_from_outside_are_safe_for_terminals(capsys: pytest.CaptureFixture[str]) -> None:
    say(f"{time_of(0)} a\x1b[31mb")
    assert capsys.readouterr().out == "1970-01-01 00:00:00 a\\u001b[31mb\n"

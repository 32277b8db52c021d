"""``labeling workers`` as far as it needs no service; the portal's tests run it on one."""

from __future__ import annotations

import pytest

from labeling_provider.cli.workers import main


def test_without_an_endpoint_it_says_how_to_name_one(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["list"])
    assert caught.value.code == 2
    assert "--endpoint-url is missing" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("endpoint", "words"),
    [
        ("localhost:8080", "'localhost:8080' is not an address such as"),
        ("file:///etc/passwd", "is not an address such as"),
        ("http://127.0.0.1:9", "http://127.0.0.1:9 does not answer"),
    ],
)
def test_an_endpoint_that_is_none_is_named(capsys: pytest.CaptureFixture[str], endpoint: str, words: str) -> None:
    assert main(["--endpoint-url", endpoint, "add", "Ada", "--team", "birds"]) == 1
    assert words in capsys.readouterr().err

"""``labeling audit`` as far as it needs no service; the tests of rights run it on one."""

from __future__ import annotations

import pytest

from labeling_provider.cli.audit import main


def test_without_an_endpoint_it_says_how_to_name_one(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with pytest.raises(SystemExit) as caught:
        main([])
    assert caught.value.code == 2
    assert "--endpoint-url is missing" in capsys.readouterr().err


def test_a_service_that_is_not_there_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--endpoint-url", "http://127.0.0.1:9", *[]]) == 1
    assert "labeling audit: http://127.0.0.1:9 does not answer" in capsys.readouterr().err

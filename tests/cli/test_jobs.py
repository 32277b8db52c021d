"""``labeling jobs`` on a running service."""

from __future__ import annotations

from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from dev.stack import Service
from labeling_provider.cli.jobs import main
from labeling_provider.cli.workers import main as workers
from tests.conftest import Lab, texts


@pytest.mark.once
def test_a_job_and_a_person_are_deleted_by_who_has_the_keys_and_it_is_written_down(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    keys = {"LABELING_LOCAL_ACCESS_KEY_ID": "owner", "LABELING_LOCAL_SECRET_ACCESS_KEY": "the owner's secret"}
    service = Service(tmp_path, env=keys)
    signed = {"aws_access_key_id": "owner", "aws_secret_access_key": "the owner's secret"}

    class Signed(Lab):
        def connect(self) -> None:
            self.sagemaker, self.s3 = (service.client(name, **signed) for name in ("sagemaker", "s3"))

    try:
        lab = Signed(service)
        where = ["--endpoint-url", service.endpoint_url]
        description, _ = lab.run(texts(3), name="cats")
        assert main([*where, "delete", "cats"]) == 1
        told = capsys.readouterr().err
        assert "401 Unauthorized; LABELING_LOCAL_ACCESS_KEY_ID and LABELING_LOCAL_SECRET_ACCESS_KEY must be" in told
        for name, value in keys.items():
            monkeypatch.setenv(name, value)
        assert main([*where, "delete", "dogs"]) == 1
        assert "There is no labeling job named dogs" in capsys.readouterr().err
        assert main([*where, "delete", "cats", "--with-output"]) == 0
        assert capsys.readouterr().out.startswith("cats is deleted, and ")
        with pytest.raises(ClientError, match="no labeling job named cats"):
            lab.describe("cats")
        assert lab.keys("out/cats/") == []
        assert description["LabelingJobStatus"] == "Completed"
        for move in ("add", "erase"):
            assert workers([*where, move, "Ann"]) == 0
        assert "this is now private." in capsys.readouterr().out
        assert workers([*where, "erase", "Ann"]) == 1
        audited = [(row["what"], row["target"], row["outcome"]) for row in audit(service)]
        assert ("jobs delete", "cats with its output", "ok") in audited
        assert ("jobs delete", "dogs", "refused") in audited
        assert ("workers add", "(erased)", "ok") in audited
        assert not any("Ann" in target for what, target, _ in audited if what.startswith("workers"))
    finally:
        service.stop()


def audit(service: Service) -> list[dict[str, str]]:
    from labeling_provider.cli.asking import ask

    found: list[dict[str, str]] = ask(service.endpoint_url, "/audit?limit=100")
    return found

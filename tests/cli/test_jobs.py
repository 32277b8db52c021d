"""``labeling jobs`` on a running service."""

from __future__ import annotations

import json
import re
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from dev.portal import Browser
from dev.stack import Service
from labeling_provider.cli.asking import ask
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
        message = capsys.readouterr().err
        assert "401 Unauthorized; LABELING_LOCAL_ACCESS_KEY_ID and LABELING_LOCAL_SECRET_ACCESS_KEY must be" in message
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
        erased = capsys.readouterr()
        assert "this person is now private." in erased.out
        assert "not reached: files of jobs that were deleted before" in erased.err
        assert workers([*where, "erase", "Ann"]) == 1
        audited = [(row["what"], row["target"], row["outcome"]) for row in audit(service)]
        assert ("jobs delete", "cats with its output", "ok") in audited
        assert ("jobs delete", "dogs", "refused") in audited
        assert ("workers add", "(erased)", "ok") in audited
        assert not any("Ann" in target for what, target, _ in audited if what.startswith("workers"))
    finally:
        service.stop()


def audit(service: Service) -> list[dict[str, str]]:
    entries: list[dict[str, str]] = ask(service.endpoint_url, "/audit?limit=100")
    return entries


@pytest.mark.once
def test_nothing_of_people_who_are_erased_stays_in_the_database_and_in_s3(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("LABELING_LOCAL_ACCESS_KEY_ID", raising=False)
    service = Service(tmp_path)
    try:
        lab = Lab(service)
        where = ["--endpoint-url", service.endpoint_url]
        names = ("Erika Mustermann", "Max Mustermann")
        job = lab.create(texts(2), workforce=lab.people, workers_per_object=2)
        lab.wait(job, {"InProgress"})
        for name in names:
            assert workers([*where, "add", name, "--team", "private-people"]) == 0
            browser = Browser(service.endpoint_url).sign_in(name)
            number = int(re.findall(r"/portal/jobs/(\d+)", browser.page("/"))[-1])
            first = browser.next(number, 20)
            second = browser.submit(number, first["task"]["id"], "cat")
            browser.submit(number, second["task"]["id"], "cat")
        lab.wait(job)
        ids = [worker["worker_id"] for worker in ask(service.endpoint_url, "/workers") if worker["name"] in names]
        answers = answers_of(lab, job)
        subs = {answer["workerMetadata"]["identityData"]["sub"] for answer in answers}
        assert (len(answers), len(subs)) == (4, 2)
        known = [*names, *ids, *subs]
        assert all(tables_with(service, text) for text in known)
        # One is still there, and one has left before.
        assert workers([*where, "remove", names[1]]) == 0
        assert set(tables_with(service, ids[1])) == {"tasks", "audit_trail", "s3_objects"}
        capsys.readouterr()
        for name in names:
            assert workers([*where, "erase", name]) == 0
            assert capsys.readouterr().out.startswith("3 files in S3 changed\nin the service's records, this person is")
        assert [tables_with(service, text) for text in known] == [[]] * 6
        # The answers stay.
        assert [answer["answerContent"] for answer in answers_of(lab, job)] == [
            answer["answerContent"] for answer in answers
        ]
    finally:
        service.stop()


def answers_of(lab: Lab, job: str) -> list[dict[str, Any]]:
    """The answers in a job's files, in their order."""
    keys = lab.keys(f"out/{job}/annotations/worker-response/")
    documents = [json.loads(lab.get(f"s3://{lab.bucket}/{key}")) for key in keys]
    return [answer for document in documents for answer in document["answers"]]


def tables_with(service: Service, text: str) -> list[str]:
    """The tables of a service's database in which a text stands."""
    files = [path for path in service.folder.rglob("labeling.sqlite") if path.is_file()]
    (file,) = files
    with closing(sqlite3.connect(file)) as connection:
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return [
            table for table in tables if any(text in str(row) for row in connection.execute(f'SELECT * FROM "{table}"'))
        ]

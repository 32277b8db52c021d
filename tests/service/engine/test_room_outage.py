"""PostgreSQL or S3 is gone for ten minutes, shortened by what makes seconds of minutes: jobs wait, and none fails."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from dev.postgresql import postgresql
from dev.seaweedfs import KEYS, SeaweedFS, seaweedfs
from dev.stack import wait_until
from labeling_provider.service.cloud.s3_endpoint import EndpointObjectStore
from labeling_provider.service.database.database import Database
from labeling_provider.service.engine import scheduler as scheduling
from labeling_provider.service.engine.erasure import Eraser
from labeling_provider.service.work.people import People
from tests.functions import HOLD
from tests.service.in_process import FUNCTION, REGION, TEAM, InProcess

MINUTE_SECONDS = 0.5
OUTAGE_MINUTES = 10
LINES = [json.dumps({"source": f"text {number}", "truth": "cat"}).encode() + b"\n" for number in range(8)]
CUSTOM = {"task_type": "custom", "labels": None, "instructions": None, "ui_template_uri": "s3://lab/template.liquid"}
GRADED = [json.dumps({"source-ref": f"s3://lab/{name}", "truth": {"grade": name}}) + "\n" for name in "ABC"]


class GoesAfterAnswers(EndpointObjectStore):
    """An S3 that goes once the answers of a job are written, before its function reads them.

    :param server: the S3.
    :param job: the job's name.
    :ivar is_gone: whether that has happened.
    """

    def __init__(self, server: SeaweedFS, job: str) -> None:
        super().__init__(server.endpoint_url, REGION)
        self._server, self._job, self.is_gone = server, job, False

    def write(self, files: dict[str, tuple[bytes, str]]) -> None:
        super().write(files)
        if not self.is_gone and any(f"/{self._job}/" in uri and "/consolidation-request/" in uri for uri in files):
            self._server.kill()
            self.is_gone = True


def shorten(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let all times after which the scheduler loses patience pass as fast."""
    for name in ("_MAX_PAUSE", "_FORGOTTEN_AFTER"):
        monkeypatch.setattr(scheduling, name, getattr(scheduling, name) / 60 * MINUTE_SECONDS)
    # The outage lasts longer than anything else that may pass is waited for.
    monkeypatch.setattr(scheduling, "_PASSING_SECONDS", OUTAGE_MINUTES * MINUTE_SECONDS / 2)


@pytest.mark.once
def test_no_job_fails_because_postgresql_or_s3_is_gone_for_ten_minutes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    # The functions' clients would sit out so short an outage themselves.
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    hold = tmp_path / "hold"
    monkeypatch.setenv(HOLD, str(hold))
    shorten(monkeypatch)
    with postgresql() as server, seaweedfs(tmp_path / "s3") as s3:
        s3.client().create_bucket(Bucket="lab")
        for name in ("A", "B", "C", "template.liquid"):
            s3.client().put_object(Bucket="lab", Key=name, Body=b"<crowd-form></crowd-form>")
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", s3.endpoint_url)
        database = Database(server.create("team"), shared=True)
        objects = GoesAfterAnswers(s3, "consolidates")
        team = {"workers": 2, "accuracy": 1, "seconds_per_task": 1}
        functions = {name: f"tests.functions:{name}" for name in ("consolidate", "pre_reads_s3")}
        service = InProcess(tmp_path, functions, team=team, shared=(database, objects))
        custom = {"consolidates": ("consolidation", "consolidate"), "prepares": ("pre_annotation", "pre_reads_s3")}
        try:
            for outage, gone in enumerate((s3, server)):
                names = [f"{name}-{outage}" for name in ("busy", "stopped", "new")]
                requests = [service.prepare(b"".join(LINES), name=name) for name in names]
                for request in requests[:2]:
                    service.operations.call("CreateLabelingJob", request)
                service.wait(names[1], lambda description: description["LabelingJobStatus"] == "InProgress")
                service.wait(names[0], lambda description: description["LabelCounters"]["TotalLabeled"] > 0)
                service.operations.call("StopLabelingJob", {"LabelingJobName": names[1]})
                service.operations.call("CreateLabelingJob", requests[2])
                if gone is s3:
                    hold.touch()
                    for name, (when, function) in custom.items():
                        given = {f"{when}_function": FUNCTION + function}
                        service.create("".join(GRADED).encode(), name=name, **CUSTOM, **given)
                    wait_until(hold.with_suffix(".reached").exists, 60, "a function is about to read", 0.02)
                    wait_until(lambda: objects.is_gone, 60, "S3 goes", 0.02)
                    hold.unlink()
                    names += custom
                else:
                    gone.kill()
                time.sleep(OUTAGE_MINUTES * MINUTE_SECONDS)
                gone.start()
                for name in names:
                    description = service.wait(name)
                    assert description["LabelingJobStatus"] == ("Stopped" if name == names[1] else "Completed"), (
                        description
                    )
                    assert description["LabelCounters"]["FailedNonRetryableError"] == 0
                    if name in custom:
                        assert f"the function {FUNCTION}{custom[name][1]} met " in caplog.text
                        output = objects.read(description["LabelingJobOutput"]["OutputDatasetS3Uri"])
                        labels = [json.loads(line) for line in output.splitlines()]
                        assert [line["source-ref"][-1] for line in labels] == list("ABC")
                        assert all("label" in line for line in labels)
                        assert description["LabelCounters"]["HumanLabeled"] == len(GRADED)
            # Who has answered is in files that a real S3 keeps, until somebody asks.
            worker = service.workforce.teams[TEAM][0]
            assert {worker.worker_id, worker.sub} <= set(named(s3, worker.worker_id, worker.sub))
            people = People(database, REGION, passwords=False)
            assert Eraser(database, objects, people).erase(worker.worker_id).files > len(LINES)
            assert named(s3, worker.worker_id, worker.sub) == []
        finally:
            service.close()


def named(s3: SeaweedFS, *texts: str) -> list[str]:
    """Which texts stand in an object of the bucket, each once for each object."""
    client = s3.client()
    pages = client.get_paginator("list_objects_v2").paginate(Bucket="lab")
    keys = [entry["Key"] for page in pages for entry in page["Contents"]]
    bodies = [client.get_object(Bucket="lab", Key=key)["Body"].read().decode(errors="replace") for key in keys]
    return [text for body in bodies for text in texts if text in body]

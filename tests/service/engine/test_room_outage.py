"""PostgreSQL or S3 is gone for ten minutes, shortened by what makes seconds of minutes: jobs wait, and none fails."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from dev.postgresql import postgresql
from dev.seaweedfs import KEYS, SeaweedFS, seaweedfs
from labeling_provider.service.clock import Clock
from labeling_provider.service.cloud.s3_endpoint import EndpointObjectStore
from labeling_provider.service.database.database import Database
from labeling_provider.service.engine import scheduler as scheduling
from labeling_provider.service.engine.erasure import Eraser
from labeling_provider.service.work.people import People
from tests.service.in_process import REGION, TEAM, InProcess

MINUTE_SECONDS = 0.5
OUTAGE_MINUTES = 10
LINES = [json.dumps({"source": f"text {number}", "truth": "cat"}).encode() + b"\n" for number in range(8)]


def shorten(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let all times after which the scheduler loses patience pass as fast."""
    for name in ("_MAX_PAUSE", "_FORGOTTEN_AFTER"):
        monkeypatch.setattr(scheduling, name, getattr(scheduling, name) / 60 * MINUTE_SECONDS)
    # The outage lasts longer than anything else that may pass is waited for.
    monkeypatch.setattr(scheduling, "_PASSING_SECONDS", OUTAGE_MINUTES * MINUTE_SECONDS / 2)


@pytest.mark.once
def test_no_job_fails_because_postgresql_or_s3_is_gone_for_ten_minutes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    shorten(monkeypatch)
    with postgresql() as server, seaweedfs(tmp_path / "s3") as s3:
        s3.client().create_bucket(Bucket="lab")
        database = Database(server.create("team"), shared=True)
        objects = EndpointObjectStore(s3.endpoint_url, REGION)
        team = {"workers": 2, "accuracy": 1, "seconds_per_task": 1}
        service = InProcess(tmp_path, team=team, shared=(database, objects))
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
                gone.kill()
                time.sleep(OUTAGE_MINUTES * MINUTE_SECONDS)
                gone.start()
                for name in names:
                    description = service.wait(name)
                    assert description["LabelingJobStatus"] == ("Stopped" if name == names[1] else "Completed"), (
                        description
                    )
                    assert description["LabelCounters"]["FailedNonRetryableError"] == 0
            # Who has answered is in files that a real S3 keeps, until somebody asks.
            worker = service.workforce.teams[TEAM][0]
            assert {worker.worker_id, worker.sub} <= set(named(s3, worker.worker_id, worker.sub))
            people = People(database, Clock(), REGION, passwords=False)
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

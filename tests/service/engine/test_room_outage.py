"""PostgreSQL or S3 is gone for ten minutes, shortened by what makes seconds of minutes: jobs wait, and none fails."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from dev.postgresql import postgresql
from dev.seaweedfs import KEYS, seaweedfs
from labeling_provider.service.cloud.s3_endpoint import EndpointObjectStore
from labeling_provider.service.database.database import Database
from labeling_provider.service.engine import scheduler as scheduling
from tests.service.in_process import REGION, InProcess

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
        finally:
            service.close()

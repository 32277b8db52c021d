"""A job's output files are handed over together: with a real S3 each by itself would cost a round trip.

And the output manifest of a large job is written seldom while the job goes on.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from labeling_provider.groundtruth.description import JobRequest
from labeling_provider.groundtruth.job import JobStatus
from labeling_provider.service.database import lease_rows
from labeling_provider.service.database.database import Database
from labeling_provider.service.database.lease_rows import LeaseLost
from labeling_provider.service.database.running import end, find
from labeling_provider.service.engine.deletion import Deletion
from labeling_provider.service.engine.output import LINES_PER_SECOND, REFRESH_SECONDS, Output
from labeling_provider.service.work.job_run import Run
from tests.service.database.rows import job
from tests.service.in_process import InProcess, Memory


def test_output_files_are_handed_over_in_batches(tmp_path: Path) -> None:
    service = InProcess(tmp_path)
    batches: list[dict[str, tuple[bytes, str]]] = []
    write = service.storage.write

    def noted(files: dict[str, tuple[bytes, str]]) -> None:
        batches.append(files)
        write(files)

    service.storage.write = noted  # type: ignore[method-assign]
    try:
        lines = [{"source": f"text {number}", "truth": "cat"} for number in range(200)]
        description, output = service.run("".join(json.dumps(line) + "\n" for line in lines).encode())
    finally:
        service.close()
    assert description["LabelingJobStatus"] == "Completed"
    assert len(output) == 200
    assert sum(map(len, batches)) >= 200
    assert len(batches) <= 40
    # What names the others is there only when they are.
    assert [uri for uri in batches[-1] if uri.endswith("/manifests/output/output.manifest")]


@pytest.mark.parametrize(
    ("objects", "idle", "pause"),
    [(10, False, REFRESH_SECONDS), (10, True, 10 / LINES_PER_SECOND), (100_000, False, 100_000 / LINES_PER_SECOND)],
)
def test_the_more_objects_a_job_has_the_less_often_are_its_labels_so_far_written(
    tmp_path: Path, objects: int, idle: bool, pause: float
) -> None:
    service = InProcess(tmp_path)
    service.engine.stop()
    try:
        # Of the objects only two are there: it is by how many the job has that the time goes.
        place = {"OutputConfig": {"S3OutputPath": "s3://lab/out/"}, "LabelingJobName": "Cats"}
        request: dict[str, Any] = {**place, "HumanTaskConfig": {}}
        with service.store.write() as connection:
            job_id = job(connection, states="wl", request=request)
            taken = lease_rows.take(connection, job_id, "me", 1.0, time.time() + 999)
            row = find(connection, job_id)
        assert taken
        assert row
        known: Any = SimpleNamespace(**{**row._mapping, "lines": objects})
        facts: Any = SimpleNamespace(job=SimpleNamespace(request=JobRequest(request), output="s3://lab/out/Cats"))
        run = Run(taken[0], facts, [])
        output, written = Output(service.store, service.storage), service.storage.objects
        written.clear()
        assert output.refresh(run, known, 1_000.0, idle=idle) is None
        run.changed = True
        first = output.refresh(run, known, 1_000.0, idle=idle)
        assert first is None or (first == pytest.approx(pause - REFRESH_SECONDS) and not written)
        assert output.refresh(run, known, 1_000.0 + (first or 0), idle=idle) is None
        assert any(uri.endswith("output.manifest") for uri in written)
        run.changed = True
        assert output.refresh(run, known, 1_001.0 + (first or 0), idle=idle) == pytest.approx(max(pause - 1, 0) or None)
    finally:
        service.close()


class Late(Memory):
    """Objects whose job ends and is deleted with its output before the first of them is there.

    :param database: where the job is.
    """

    def __init__(self, database: Database) -> None:
        super().__init__()
        self._database, self.job_id = database, 0

    def write(self, files: dict[str, tuple[bytes, str]]) -> None:
        if self.job_id:
            with self._database.write() as connection:
                end(connection, self.job_id, JobStatus.STOPPED, None)
            self.job_id = 0
            messaging: Any = None
            Deletion(self._database, self, messaging).delete("Zebras", with_output=True)
        super().write(files)


def test_a_delayed_process_writes_no_empty_manifest_after_its_job_was_deleted(common: Database) -> None:
    request = {"OutputConfig": {"S3OutputPath": "s3://lab/out/"}, "LabelingJobName": "Zebras", "HumanTaskConfig": {}}
    with common.write() as connection:
        job_id = job(connection, "Zebras", states="wl", request=request)
        taken = lease_rows.take(connection, job_id, "me", 1.0, time.time() + 999)
    assert taken
    files = Late(common)
    files.job_id = job_id
    with pytest.raises(LeaseLost):
        Output(common, files).write_manifest(taken[0], JobRequest(request))
    (manifest,) = files.objects.values()
    assert len(manifest.splitlines()) == 2

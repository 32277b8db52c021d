"""Labeling jobs that are deleted: by hand, or because they are old."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from dev.stack import wait_until
from labeling_provider.groundtruth.job import queue_name
from labeling_provider.service.clock import Clock
from labeling_provider.service.database.schema import jobs, owners
from labeling_provider.service.engine.deletion import Deletion, DeletionError, Retention
from labeling_provider.service.work.audit_trail import AuditTrail
from labeling_provider.service.work.requesters import Requester
from tests.service.in_process import ACCOUNT, REGION, InProcess

LINES = b'{"source": "it purrs", "truth": "cat"}\n'


def deletion_of(engine: InProcess) -> Deletion:
    return Deletion(engine.store, engine.storage, engine.messaging)


def test_a_job_goes_with_its_queue_and_its_labels_only_if_they_are_meant(engine: InProcess) -> None:
    deletion = deletion_of(engine)
    with engine.messaging.recording():
        topic = engine.messaging._sns.create_topic("new").arn
    stream = engine.create(b"", manifest_uri=None, input_topic_arn=topic, name="Stream")
    engine.wait(stream, lambda description: description["LabelingJobStatus"] == "InProgress")
    with pytest.raises(DeletionError, match="Stream is InProgress: stop it first"):
        deletion.delete("stream")
    engine.operations.call("StopLabelingJob", {"LabelingJobName": stream})
    engine.wait(stream)
    assert engine.messaging.has_queue(queue_name(stream))
    deletion.delete("stream")
    assert not engine.messaging.has_queue(queue_name(stream))
    with pytest.raises(DeletionError, match="no labeling job named stream"):
        deletion.delete("stream")

    engine.run(LINES, name="Cats")
    engine.run(LINES, name="Cats-too")
    written = {uri for uri in engine.storage.objects if "/out/Cats/" in uri}
    assert written
    assert deletion.delete("Cats") == 0
    assert written <= engine.storage.objects.keys()
    # Its name is free, and it is not taken for the other one.
    description, _ = engine.run(LINES, name="Cats")
    assert description["LabelCounters"]["TotalLabeled"] == 1
    assert deletion.delete("Cats", with_output=True) >= len(written)
    assert not {uri for uri in engine.storage.objects if "/out/Cats/" in uri}
    assert {uri for uri in engine.storage.objects if "/out/Cats-too/" in uri}
    assert f"arn:aws:sns:{REGION}:{ACCOUNT}:new" == topic


def test_a_name_is_free_for_everybody_once_its_job_is_deleted(engine: InProcess) -> None:
    ann, ben = (Requester(name, buckets=frozenset({"lab"})) for name in ("Ann", "Ben"))

    def run(who: Requester) -> None:
        engine.operations.call("CreateLabelingJob", engine.prepare(LINES, name="Cats"), who)
        engine.wait("Cats")

    run(ann)
    deletion_of(engine).delete("Cats")
    with engine.store.read() as connection:
        assert connection.execute(sa.select(owners)).all() == []
    run(ben)
    # A queue of that name that is not the job's stays, and stays its owner's.
    with engine.messaging.recording():
        engine.messaging._sqs.create_queue(queue_name("Cats"))
    deletion_of(engine).delete("Cats")
    assert engine.messaging.has_queue(queue_name("Cats"))
    with engine.store.read() as connection:
        kept = connection.execute(sa.select(owners)).all()
    assert kept == [(f"arn:aws:sqs:{REGION}:{ACCOUNT}:{queue_name('Cats')}", "Ben")]


def test_jobs_are_kept_for_as_long_as_the_operator_says(engine: InProcess) -> None:
    audit = AuditTrail(engine.store, Clock())
    for number in range(3):
        engine.run(LINES, name=f"job-{number}")
    with engine.store.write() as connection:
        old = sa.update(jobs).where(jobs.c.name != "job-1").values(modified=jobs.c.modified - 3 * 86_400)
        connection.execute(old)
    Retention(engine.store, deletion_of(engine), audit, Clock(), 2.0).sweep()
    with engine.store.read() as connection:
        assert connection.execute(sa.select(jobs.c.name)).scalars().all() == ["job-1"]
    entries = [(row["role"], row["what"], row["target"]) for row in audit.latest(9, None, 0.0)]
    assert sorted(entries) == [("service", "jobs delete", "job-0"), ("service", "jobs delete", "job-2")]
    retention = Retention(engine.store, deletion_of(engine), audit, Clock(), 0.0)
    retention.stop()
    retention.sweep()
    with engine.store.read() as connection:
        assert connection.execute(sa.select(sa.func.count(jobs.c.id))).scalar_one() == 1


def test_jobs_that_are_kept_for_seconds_are_deleted_after_seconds(engine: InProcess) -> None:
    retention = Retention(engine.store, deletion_of(engine), AuditTrail(engine.store, Clock()), Clock(), 0.5 / 86_400)
    retention.start()

    def is_gone() -> bool:
        with engine.store.read() as connection:
            return not connection.execute(sa.select(sa.func.count(jobs.c.id))).scalar_one()

    try:
        # At the first look, it had not ended.
        engine.run(LINES)
        wait_until(is_gone, 10, "the job is deleted", 0.05)
    finally:
        retention.stop()

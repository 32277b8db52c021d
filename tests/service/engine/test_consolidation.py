"""Answers become labels, and files that name only those who may be named."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import sqlalchemy as sa

from labeling_provider.service.clock import Clock
from labeling_provider.service.database import job_rows, lease_rows, object_rows
from labeling_provider.service.database.lease_rows import LeaseLost
from labeling_provider.service.database.schema import objects, tasks
from labeling_provider.service.database.states import ObjectState, TaskState
from labeling_provider.service.engine.consolidation import Results
from labeling_provider.service.engine.erasure import Eraser
from labeling_provider.service.engine.functions import Functions
from labeling_provider.service.engine.inputs import Inputs
from labeling_provider.service.engine.runs import Kinds, Runs
from labeling_provider.service.work.people import People
from tests.service.engine.test_erasure import Stored
from tests.service.in_process import REGION, TEAM, InProcess


def test_a_running_job_does_not_name_who_is_erased_meanwhile(tmp_path: Path) -> None:
    service = InProcess(tmp_path)
    service.engine.stop()
    files = Stored()
    people = People(service.store, REGION, passwords=False)
    ann = people.add("Ann").worker_id
    request = service.prepare(b'{"source": "it purrs"}\n', name="Cats")
    files.objects.update(service.storage.objects)
    functions = Functions({}, files)
    kinds = Kinds(files, functions, Inputs(files))
    with service.store.write() as connection:
        job_id = job_rows.insert_job(
            connection, name="Cats", arn="arn-Cats", reference_code="r", workteam_arn=TEAM, request=request
        )
        row = {"object_id": 0, "state": ObjectState.ANSWERED, "line": '{"source": "it purrs"}', "result": None}
        object_rows.insert(connection, job_id, [row])
        connection.execute(sa.update(objects).values(iteration=1, answered=1_000.5, stamp=1_000))
        answer = json.dumps({"crowd-classifier": {"label": "cat"}})
        same = {"job_id": job_id, "object_id": 0, "expires": 1.0, "accepted": 1.0, "due": 2.0, "answer": answer}
        connection.execute(sa.insert(tasks).values(**same, state=TaskState.SUBMITTED, worker_id=ann))
        taken = lease_rows.take(connection, job_id, "me", 1.0, 10.0**12)
    assert taken
    results = Results(service.store, files, functions, Clock())
    erased: list[str] = []

    def meanwhile(what: str, uris: list[str]) -> None:
        if what == "write" and not erased and any("worker-response" in uri for uri in uris):
            erased.append("")
            erased[0] = Eraser(service.store, files, people).erase("Ann").worker_id

    files.hook = meanwhile
    try:
        with pytest.raises(LeaseLost):
            results.consolidate(Runs(service.store, service.workforce, kinds).of(*taken))
        written = {uri: body for uri, body in files.objects.items() if "/annotations/" in uri}
        assert len(written) == 3
        assert not any(ann.encode() in body or b"identityData" in body for body in written.values())
        assert sum(erased[0].encode() in body for body in written.values()) == 2
    finally:
        service.store.close()

"""Who is erased is taken out of a file, and nobody else is."""

from __future__ import annotations

import json
from contextlib import AbstractContextManager
from types import SimpleNamespace
from typing import Any

import pytest

from labeling_provider.groundtruth import layout
from labeling_provider.service.database import deleted_rows, task_rows
from labeling_provider.service.database.database import Database
from labeling_provider.service.engine import files_of_people
from labeling_provider.service.engine.files_of_people import (
    NotChanged,
    only_at_files,
    take_out_erased,
    without_person,
)
from tests.own_names import own_id
from tests.service.database.rows import job
from tests.service.in_process import Memory

ANN, BEN, NEW = "private.us-east-1.aaaa", "private.us-east-1.bbbb", "private.us-east-1.cccc"
RESPONSE = layout.worker_response_uri("s3://lab/out/Cats", 1, 0, 1_000)
LABELS = layout.output_manifest_uri("s3://lab/out/Cats")


def answer(worker: str) -> dict[str, Any]:
    return {"workerId": worker, "workerMetadata": {"identityData": {"sub": f"sub of {worker}"}}}


def test_a_pseudonym_comes_in_the_place_of_a_person_and_others_keep_their_identity() -> None:
    store = Memory({RESPONSE: json.dumps({"answers": [answer(ANN), answer(BEN)]}).encode()})
    body = without_person(store, RESPONSE, ANN, NEW)
    assert body is not None
    assert json.loads(body) == {"answers": [{"workerId": NEW}, answer(BEN)]}


def test_a_file_that_does_not_name_the_person_stays_as_it_is() -> None:
    store = Memory({RESPONSE: json.dumps({"answers": [answer(BEN)]}).encode(), LABELS: f'{{"by": "{ANN}"}}'.encode()})
    assert without_person(store, RESPONSE, ANN, NEW) is None
    assert without_person(store, "s3://lab/none.json", ANN, NEW) is None
    assert without_person(store, LABELS, ANN, NEW) == f'{{"by": "{NEW}"}}'.encode(), "a label of an own function"


@pytest.mark.parametrize("body", [f'["{ANN}"', f'{{"answers": ["{ANN}"]}}', f'{{"answers": 3, "by": "{ANN}"}}'])
def test_a_file_that_is_not_of_the_service_is_not_changed(body: str) -> None:
    with pytest.raises(NotChanged, match="not a file of answers"):
        without_person(Memory({RESPONSE: body.encode()}), RESPONSE, ANN, NEW)


def test_a_file_that_is_longer_than_any_of_the_service_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files_of_people, "_MAX_BYTES", 40)
    store = Memory({LABELS: ANN.encode() + b" " * 40})
    with pytest.raises(NotChanged, match="more than 40 bytes"):
        without_person(store, LABELS, ANN, NEW)


@pytest.mark.parametrize("is_deleted", [False, True])
def test_the_files_of_a_job_that_is_deleted_meanwhile_are_left_to_the_next_of_its_name(
    common: Database, monkeypatch: pytest.MonkeyPatch, is_deleted: bool
) -> None:
    name = own_id().hex
    with common.write() as connection:
        job_id = job(connection, name, "o")
        task_rows.offer(connection, job_id, [0], 1, 100.0)
        (task,) = task_rows.with_workers(connection, job_id)
        # The person was erased since the answer was read.
        task_rows.accept(connection, [{"task": task.id, "worker": NEW, "at": 1.0, "due": 9.0}])

    def begin(database: Database, job_id: int) -> AbstractContextManager[bool]:
        if is_deleted:
            with database.write() as connection:
                deleted_rows.delete_rows(connection, job_id, 10)
                deleted_rows.delete_job(connection, job_id, f"arn-{name}", f"arn:aws:sqs:us-east-1:1:{name}")
        return only_at_files(database, job_id)

    monkeypatch.setattr(files_of_people, "only_at_files", begin)
    store = Memory({RESPONSE: json.dumps({"answers": [answer(ANN)]}).encode()})
    read: Any = [(SimpleNamespace(id=task.id, worker_id=ANN), None)]
    rows: Any = [SimpleNamespace(object_id=0, iteration=1, answered=1_000, stamp=1)]
    take_out_erased(common, store, job_id, "s3://lab/out/Cats", rows, read)
    expected = answer(ANN) if is_deleted else {"workerId": NEW}
    assert json.loads(store.objects[RESPONSE]) == {"answers": [expected]}

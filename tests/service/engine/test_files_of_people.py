"""Who is erased is taken out of a file, and nobody else is."""

from __future__ import annotations

import json
from typing import Any

import pytest

from labeling_provider.groundtruth import layout
from labeling_provider.service.engine import files_of_people
from labeling_provider.service.engine.files_of_people import NotChanged, without_person
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

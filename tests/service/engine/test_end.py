"""The end of a job: labels become what all of its answers say, in every file that has them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from botocore.exceptions import EndpointConnectionError

from labeling_provider.service.database.schema import objects
from labeling_provider.service.engine import consolidation
from labeling_provider.service.kinds.kind import Answered, WorkerAnswer
from tests.service.in_process import InProcess
from tests.service.kinds.some_jobs import LABELS, make_kind

CROWD = {"workers": 8, "accuracy": [0.98, 0.98, 0.98, 0.98, 0.3, 0.3, 0.3, 0.3]}
LINES = "".join(json.dumps({"source": f"text {number}", "truth": LABELS[number % 4]}) + "\n" for number in range(90))
MULTIPLE = "".join(json.dumps({"source": f"{number}", "truth": LABELS[: number % 3]}) + "\n" for number in range(40))


AWAY = EndpointConnectionError(endpoint_url="http://s3.example")


@pytest.fixture
def service(tmp_path: Path) -> Iterator[InProcess]:
    made = InProcess(tmp_path, team=CROWD)
    yield made
    made.close()


def begin(service: InProcess, manifest: str, **arguments: Any) -> str:
    """A job that is labeled bit by bit, by some workers who know and some who guess; its name."""
    few = {"workers_per_object": 3, "max_concurrent_objects": 10, "labels": LABELS}
    return service.create(manifest.encode(), **few, **arguments)


def entries(service: InProcess, name: str, folder: str) -> list[dict[str, Any]]:
    """What the consolidation files of a job hold, in their order."""
    files = sorted(uri for uri in service.storage.objects if f"/{name}/" in uri and folder in uri)
    return [entry for uri in files for entry in json.loads(service.storage.objects[uri])]


def together(service: InProcess, name: str, task_type: str) -> dict[int, dict[str, Any]]:
    """The labels that a job's answers make if they all come at once."""
    batch = [
        Answered(
            int(entry["datasetObjectId"]),
            {"source": "text"},
            [
                WorkerAnswer(said["workerId"], json.loads(said["annotationData"]["content"]))
                for said in entry["annotations"]
            ],
        )
        for entry in entries(service, name, "/consolidation-request/")
    ]
    consolidated = make_kind(task_type).consolidate(batch, "2026-01-02T03:04:05.000006")
    assert consolidated is not None
    return {object_id: {"label": label.value, **label.metadata} for object_id, label in consolidated.labels.items()}


def check_agreement(service: InProcess, name: str, task_type: str) -> None:
    """See that a label is what all answers say, wherever it stands."""
    expected = together(service, name, task_type)
    uri = f"s3://lab/out/{name}/manifests/output/output.manifest"
    output = [json.loads(line) for line in service.storage.objects[uri].splitlines()]
    for number, line in enumerate(output):
        labeled = {"label": line["label"], **line["label-metadata"]}
        assert {key: labeled[key] for key in expected[number]} == expected[number]
    labeled = {number: {key: line[key] for key in ("label", "label-metadata")} for number, line in enumerate(output)}
    responses = entries(service, name, "/consolidation-response/")
    assert {int(entry["datasetObjectId"]): entry["consolidatedAnnotation"]["content"] for entry in responses} == labeled
    assert len(responses) == len(output)
    sets = [body for uri, body in service.storage.objects.items() if f"/{name}/annotations/intermediate/" in uri]
    finished = [json.loads(line) for body in sets for line in body.splitlines()]
    assert {int(entry["datasetObjectId"]): entry["consolidatedAnnotation"]["content"] for entry in finished} == labeled
    with service.store.read() as connection:
        rows = connection.execute(sa.select(objects.c.object_id, objects.c.result)).all()
    assert {row.object_id: json.loads(row.result) for row in rows} == labeled


@pytest.mark.parametrize(
    ("task_type", "manifest"), [("text-classification", LINES), ("text-classification-multilabel", MULTIPLE)]
)
def test_labels_are_what_all_answers_say_although_they_came_bit_by_bit(
    service: InProcess, task_type: str, manifest: str
) -> None:
    seen: dict[str, bytes] = {}
    write = service.storage.write

    def noted(files: dict[str, tuple[bytes, str]]) -> None:
        for uri, (body, _) in files.items():
            if "/consolidation-response/" in uri:
                seen.setdefault(uri, body)
        write(files)

    service.storage.write = noted  # type: ignore[method-assign]
    name = begin(service, manifest, task_type=task_type)
    assert service.wait(name)["LabelingJobStatus"] == "Completed"
    assert len(seen) > 3
    assert any(body != service.storage.objects[uri] for uri, body in seen.items()), "the first labels were others"
    check_agreement(service, name, task_type)


def test_what_was_killed_while_labels_changed_is_done_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(consolidation, "_REVISED_AT_ONCE", 2)
    first = InProcess(tmp_path, team=CROWD)
    write, written, changed = first.storage.write, set[str](), []

    def until_killed(files: dict[str, tuple[bytes, str]]) -> None:
        again = {uri for uri in files if "/consolidation-response/" in uri} & written
        written.update(files)
        changed.extend(again)
        write(files)
        if len(changed) > 3:
            first.storage.down = AWAY
            raise AWAY

    first.storage.write = until_killed  # type: ignore[method-assign]
    name = begin(first, LINES)
    first.wait(name, lambda _: first.storage.down is not None)
    first.engine.stop()
    first.store.close()
    second = InProcess(tmp_path, team=CROWD, objects=first.storage.objects)
    try:
        assert second.wait(name)["LabelingJobStatus"] == "Completed"
        check_agreement(second, name, "text-classification")
    finally:
        second.close()


def test_a_job_that_is_stopped_has_the_labels_of_all_its_answers(service: InProcess) -> None:
    name = begin(service, LINES)
    service.wait(name, lambda description: description["LabelCounters"]["HumanLabeled"] > 20)
    service.operations.call("StopLabelingJob", {"LabelingJobName": name})
    assert service.wait(name)["LabelingJobStatus"] in {"Stopped", "Completed"}
    expected = together(service, name, "text-classification")
    uri = f"s3://lab/out/{name}/manifests/output/output.manifest"
    output = [json.loads(line) for line in service.storage.objects[uri].splitlines()]
    labeled = {number: line for number, line in enumerate(output) if "label" in line}
    assert labeled.keys() == expected.keys()
    for number, line in labeled.items():
        assert {"label": line["label"], "class-name": line["label-metadata"]["class-name"]}.items() <= (
            expected[number].items()
        )


def test_labels_that_a_model_learns_from_stay_as_they_are(service: InProcess) -> None:
    written: list[str] = []
    write = service.storage.write

    def noted(files: dict[str, tuple[bytes, str]]) -> None:
        written.extend(uri for uri in files if "/consolidation-response/" in uri)
        write(files)

    service.storage.write = noted  # type: ignore[method-assign]
    name = begin(service, LINES, automated_labeling=True)
    service.wait(name, lambda description: description["LabelCounters"]["HumanLabeled"] > 20)
    service.operations.call("StopLabelingJob", {"LabelingJobName": name})
    assert service.wait(name)["LabelCounters"]["HumanLabeled"] > 20
    assert len(written) == len(set(written)) > 2

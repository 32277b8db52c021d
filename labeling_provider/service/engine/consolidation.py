"""From answers to labels: consolidation, and the files that come of it."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from itertools import groupby
from typing import Any

from labeling_provider.groundtruth import layout
from labeling_provider.groundtruth.documents import as_json, trouble_with
from labeling_provider.groundtruth.uris import join_s3_uri
from labeling_provider.service.clock import Clock
from labeling_provider.service.cloud.object_store import ObjectStore
from labeling_provider.service.database import lease_rows, object_rows, task_rows
from labeling_provider.service.database.database import Connection, Database, Row
from labeling_provider.service.engine.functions import Functions
from labeling_provider.service.errors import ObjectFailure
from labeling_provider.service.kinds.kind import Answer, Answered, Consolidated
from labeling_provider.service.work.job_run import Run
from labeling_provider.service.work.outcomes import fail_objects, label_objects

_Contents = tuple[dict[int, dict[str, Any]], dict[int, str]]
"""The new keys of objects that have got a label, and why others have failed, by object id."""

_Answers = list[tuple[Row, Any]]
"""Tasks with their answers."""


class Results:
    """Turns the answers about objects into labels.

    :param functions: the callers' own.
    """

    def __init__(self, database: Database, object_store: ObjectStore, functions: Functions, clock: Clock) -> None:
        self._database, self._object_store, self._functions, self._clock = database, object_store, functions, clock

    def consolidate(self, run: Run) -> None:
        """Turn the answers of the objects that have all of theirs into labels."""
        with self._database.read() as connection:
            lease_rows.hold(connection, run.lease)
            rows = object_rows.answered(connection, run.id)
            if not rows:
                return
            answers = _read(connection, run.id, rows)
        batch = _answered(rows, answers)
        self._object_store.write(self._worker_responses(run, rows, answers))
        found = run.kind.consolidate(batch, layout.creation_date(rows[-1].answered))
        if found is None:
            contents, failed = self._function_contents(run, rows, batch)
        else:
            contents, failed = self._builtin_contents(run, rows, batch, found)
        for row in rows:
            if row.object_id not in contents:
                failed.setdefault(row.object_id, "No answer of its workers could be used.")
        with self._database.write() as connection:
            lease_rows.hold(connection, run.lease)
            label_objects(connection, run, contents)
            fail_objects(connection, run, failed, self._clock.now())

    def _worker_responses(self, run: Run, rows: Sequence[Row], answers: _Answers) -> dict[str, tuple[bytes, str]]:
        documents: dict[int, list[dict[str, Any]]] = defaultdict(list)
        workers = {worker.worker_id: worker for worker in run.team}
        for task, content in answers:
            spent = self._clock.passed(task.due - task.accepted)
            answer = {
                "answerContent": content,
                "submissionTime": layout.worker_time(task.due),
                "acceptanceTime": layout.worker_time(task.accepted),
                "timeSpentInSeconds": round(spent, 3),
                "workerId": task.worker_id,
            }
            if not task.worker_id.startswith("public.") and task.worker_id in workers:
                answer["workerMetadata"] = {
                    "identityData": {
                        "identityProviderType": "Cognito",
                        "issuer": "https://cognito-idp.local/labeling",
                        "sub": workers[task.worker_id].sub,
                    }
                }
            documents[task.object_id].append(answer)
        return {
            layout.worker_response_uri(run.job.output, row.iteration, row.object_id, int(row.answered)): (
                as_json({"answers": documents[row.object_id]}).encode(),
                "application/json",
            )
            for row in rows
        }

    def _builtin_contents(
        self, run: Run, rows: Sequence[Row], batch: Sequence[Answered], found: Consolidated
    ) -> _Contents:
        """Labels by our own consolidation, and the files that Amazon writes on the way."""
        job = run.job
        when = {row.object_id: row.answered for row in rows}
        contents = {
            object_id: {
                job.attribute: label.value,
                f"{job.attribute}-metadata": layout.label_metadata(
                    label.metadata, job.task_type.metadata_type, job.name, when[object_id]
                ),
            }
            for object_id, label in found.labels.items()
        }
        files = {uri: content for label in found.labels.values() for uri, content in label.files.items()}
        for members in self._groups(rows, batch):
            row, group = members
            request = layout.consolidation_request(group)
            response = layout.consolidation_response(
                (one.object_id, contents[one.object_id]) for one in group if one.object_id in contents
            )
            for which, document in (("request", request), ("response", response)):
                uri = layout.consolidation_uri(job.output, which, row.iteration, row.stamp)
                files[uri] = (as_json(document).encode(), "application/json")
        self._object_store.write(files)
        return contents, found.failed

    @staticmethod
    def _groups(rows: Sequence[Row], batch: Sequence[Answered]) -> list[tuple[Row, list[Answered]]]:
        """The objects of each consolidation file, with the first one's row."""
        pairs = zip(rows, batch, strict=True)
        groups = (list(group) for _, group in groupby(pairs, key=lambda pair: pair[0].stamp))
        return [(group[0][0], [answered for _, answered in group]) for group in groups]

    def _function_contents(self, run: Run, rows: Sequence[Row], batch: Sequence[Answered]) -> _Contents:
        """Labels by the caller's consolidation function; without one, where the answers are."""
        job = run.job
        contents: dict[int, dict[str, Any]] = {}
        if not job.consolidation_function:
            for row in rows:
                uri = layout.worker_response_uri(job.output, row.iteration, row.object_id, int(row.answered))
                metadata = layout.label_metadata(
                    {"worker-response-ref": uri}, job.task_type.metadata_type, job.name, row.answered
                )
                contents[row.object_id] = {job.attribute: {}, f"{job.attribute}-metadata": metadata}
            return contents, {}
        failed: dict[int, str] = {}
        for row, group in self._groups(rows, batch):
            payload = layout.consolidation_uri(job.output, "request", row.iteration, row.stamp)
            document = as_json(layout.consolidation_request(group)).encode()
            self._object_store.write({payload: (document, "application/json")})
            answer = self._call_consolidation(run, payload)
            uri = layout.consolidation_uri(job.output, "response", row.iteration, row.stamp)
            self._object_store.write({uri: (as_json(answer).encode(), "application/json")})
            given = _by_object(answer)
            for one in group:
                try:
                    contents[one.object_id] = _content(given, one.object_id)
                except ObjectFailure as failure:
                    failed[one.object_id] = f"The function {job.consolidation_function} {failure}"
        return contents, failed

    def _call_consolidation(self, run: Run, payload: str) -> Any:
        job = run.job
        event = {
            "version": "2018-10-16",
            "labelingJobArn": job.arn,
            "labelCategories": job.labels,
            "labelAttributeName": job.attribute,
            "roleArn": job.request["RoleArn"],
            "payload": {"s3Uri": payload},
            "outputConfig": join_s3_uri(job.output, "annotations"),
            "maxHumanWorkersPerDataObject": job.workers_per_object,
        }
        return self._functions.call(job.consolidation_function, event)


def read_answers(connection: Connection, job_id: int, rows: Sequence[Row]) -> list[Answered]:
    """The objects of some rows with the answers they got, in the order of the rows."""
    return _answered(rows, _read(connection, job_id, rows))


def _read(connection: Connection, job_id: int, rows: Sequence[Row]) -> _Answers:
    submitted = task_rows.submitted(connection, job_id, {row.object_id for row in rows})
    return [(task, json.loads(task.answer)) for task in submitted]


def _answered(rows: Sequence[Row], answers: _Answers) -> list[Answered]:
    by_object: dict[int, list[Answer]] = defaultdict(list)
    for task, content in answers:
        by_object[task.object_id].append(Answer(task.worker_id, content if isinstance(content, dict) else {}))
    return [Answered(row.object_id, json.loads(row.line), by_object[row.object_id]) for row in rows]


def _by_object(answer: Any) -> dict[str, Any] | None:
    """The entries of a consolidation function's answer by what they say their object is; None if it is no list."""
    if not isinstance(answer, list):
        return None
    entries = [one for one in answer if isinstance(one, dict)]
    return {str(one["datasetObjectId"]): one for one in entries if isinstance(one.get("datasetObjectId"), str | int)}


def _content(given: dict[str, Any] | None, object_id: int) -> dict[str, Any]:
    """The new keys of an object's output line, as a consolidation function has answered.

    :raises ObjectFailure: if it has not.
    """
    if given is None:
        raise ObjectFailure("has returned no list of consolidated annotations.")
    entry = given.get(str(object_id))
    if entry is None:
        raise ObjectFailure("has left the object out.")
    consolidated = entry.get("consolidatedAnnotation")
    content = consolidated.get("content") if isinstance(consolidated, dict) else None
    if not isinstance(content, dict):
        raise ObjectFailure('has returned no {"consolidatedAnnotation": {"content": {…}}} for the object.')
    trouble = trouble_with(as_json(content), content)
    if trouble:
        raise ObjectFailure(f"has returned an annotation that can't be used. {trouble}")
    return content

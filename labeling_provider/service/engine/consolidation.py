"""Consolidation: turns answers into labels, and writes the files that go with them."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any, Final

from labeling_provider.groundtruth import layout
from labeling_provider.groundtruth.documents import as_json
from labeling_provider.groundtruth.facts import WorkforceKind
from labeling_provider.groundtruth.objects import METADATA
from labeling_provider.groundtruth.uris import join_s3_uri
from labeling_provider.service.clock import Clock
from labeling_provider.service.cloud.object_store import ObjectStore
from labeling_provider.service.database import lease_rows, object_rows
from labeling_provider.service.database.database import Database, Row
from labeling_provider.service.database.lease_rows import LeaseLost
from labeling_provider.service.engine.answers import (
    Answers,
    as_written,
    by_object,
    function_content,
    function_entries,
    submitted,
)
from labeling_provider.service.engine.files_of_people import take_out_erased
from labeling_provider.service.engine.functions import Functions
from labeling_provider.service.failures import JobFailure, ObjectFailure
from labeling_provider.service.kinds.kind import Answered, Consolidated, ObjectLabel
from labeling_provider.service.work.job_run import Run
from labeling_provider.service.work.outcomes import fail_objects, label_objects
from labeling_provider.service.work.people import identities, identity_provider

_Contents = tuple[dict[int, dict[str, Any]], dict[int, str]]
"""New keys for labeled objects, and reasons for failed ones, both by object id."""

_REVISED_AT_ONCE: Final = 50
"""Consolidation files whose labels are replaced in one transaction."""


class Results:
    """Turns the answers of workers into labels.

    :param functions: the callers' own consolidation functions.
    """

    def __init__(self, database: Database, object_store: ObjectStore, functions: Functions, clock: Clock) -> None:
        self._database, self._object_store, self._functions, self._clock = database, object_store, functions, clock

    def consolidate(self, run: Run) -> None:
        """Label the objects that have all their answers.

        :raises LeaseLost: if another process has taken the job.
        :raises JobFailure: if the caller's function fails.
        """
        with self._database.read() as connection:
            lease_rows.hold(connection, run.lease)
            rows = object_rows.answered(connection, run.id)
            if not rows:
                return
            answers = submitted(connection, run.id, rows)
        try:
            self._label(run, rows, answers)
        except (LeaseLost, JobFailure):
            # The files just written may name a person who was erased meanwhile, and the eraser could not see them.
            take_out_erased(self._database, self._object_store, run.id, run.job.output, rows, answers)
            raise

    def _label(self, run: Run, rows: Sequence[Row], answers: Answers) -> None:
        """Write the files of answered objects, then label the objects.

        :raises LeaseLost: if another process has taken the job.
        :raises JobFailure: if the caller's function fails.
        """
        batch = by_object(rows, answers)
        consolidated = run.kind.consolidate(batch, layout.creation_date(rows[-1].answered))
        answers, files = as_written(run, rows, answers)
        self._object_store.write(files | self._worker_responses(run, rows, answers))
        if consolidated is None:
            contents, failed = self._function_contents(run, rows, batch)
        else:
            contents, failed = self._builtin_contents(run, rows, by_object(rows, answers), consolidated)
        for row in rows:
            if row.object_id not in contents:
                failed.setdefault(row.object_id, "None of the workers' answers could be used.")
        with self._database.write() as connection:
            lease_rows.hold(connection, run.lease)
            label_objects(connection, run, contents)
            fail_objects(connection, run, failed, self._clock.now())

    def revise(self, run: Run) -> set[int]:
        """Label objects again from all answers of the job, where that changes anything.

        Consolidation files are written first, so an interrupted revision can be repeated.

        :return: the iterations whose labels may have changed.
        :raises LeaseLost: if another process has taken the job.
        """
        labels = run.kind.reconsider()
        if not labels:
            return set()
        iterations, stamp = set[int](), -1
        while True:
            with self._database.read() as connection:
                lease_rows.hold(connection, run.lease)
                rows = object_rows.consolidated(connection, run.id, stamp, _REVISED_AT_ONCE)
            if not rows:
                return iterations
            self._revise(run, [list(group) for _, group in groupby(rows, key=lambda row: row.stamp)], labels)
            iterations |= {row.iteration for row in rows if row.object_id in labels}
            stamp = rows[-1].stamp

    def _revise(self, run: Run, groups: Sequence[Sequence[Row]], labels: Mapping[int, ObjectLabel]) -> None:
        """Replace labels in the objects of some consolidation files."""
        attribute, files, results = run.job.attribute, dict[str, tuple[bytes, str]](), dict[int, str]()
        for group in groups:
            contents = {row.object_id: json.loads(row.result) for row in group}
            for object_id, content in contents.items():
                if object_id not in labels:
                    continue
                label = labels[object_id]
                content[attribute] = label.value
                content[f"{attribute}{METADATA}"].update(label.metadata)
            changed = {row.object_id: new for row in group if (new := as_json(contents[row.object_id])) != row.result}
            if changed:
                results |= changed
                files |= _consolidation_file(run, "response", group[0], layout.consolidation_response(contents.items()))
        self._object_store.write(files)
        with self._database.write() as connection:
            lease_rows.hold(connection, run.lease)
            object_rows.revise(connection, run.id, results)

    def _worker_responses(self, run: Run, rows: Sequence[Row], answers: Answers) -> dict[str, tuple[bytes, str]]:
        documents: dict[int, list[dict[str, Any]]] = defaultdict(list)
        subs = {worker.worker_id: worker.sub for worker in run.team}
        is_public = run.request.workforce_kind == WorkforceKind.PUBLIC
        with self._database.read() as connection:
            subs |= identities(connection, {task.worker_id for task, _ in answers} - subs.keys())
            provider = identity_provider(connection, run.request.workteam_arn or "")
        for task, content in answers:
            spent = self._clock.passed(task.due - task.accepted) if task.spent is None else task.spent
            answer = {
                "answerContent": content,
                "submissionTime": layout.worker_time(task.due, whole=is_public),
                **({} if is_public else {"acceptanceTime": layout.worker_time(task.accepted)}),
                "timeSpentInSeconds": round(spent, 3),
                "workerId": task.worker_id,
            }
            if not is_public and task.worker_id in subs:
                answer["workerMetadata"] = {"identityData": {**provider, "sub": subs[task.worker_id]}}
            documents[task.object_id].append(answer)
        return {
            layout.worker_response_uri(run.job.output, row.iteration, row.object_id, int(row.answered)): (
                as_json({"answers": documents[row.object_id]}).encode(),
                "application/json",
            )
            for row in rows
        }

    def _builtin_contents(
        self, run: Run, rows: Sequence[Row], batch: Sequence[Answered], consolidated: Consolidated
    ) -> _Contents:
        """Labels by built-in consolidation. Also writes the intermediate files that Amazon writes."""
        job = run.job
        when = {row.object_id: row.answered for row in rows}
        contents = {
            object_id: {
                job.attribute: label.value,
                f"{job.attribute}{METADATA}": layout.label_metadata(
                    label.metadata, job.task_type.metadata_type, job.name, when[object_id]
                ),
            }
            for object_id, label in consolidated.labels.items()
        }
        files = {uri: content for label in consolidated.labels.values() for uri, content in label.files.items()}
        for row, group in self._groups(rows, batch):
            request = layout.consolidation_request(group)
            response = layout.consolidation_response(
                (answered.object_id, contents[answered.object_id])
                for answered in group
                if answered.object_id in contents
            )
            files |= _consolidation_file(run, "request", row, request)
            files |= _consolidation_file(run, "response", row, response)
        self._object_store.write(files)
        return contents, consolidated.failed

    @staticmethod
    def _groups(rows: Sequence[Row], batch: Sequence[Answered]) -> list[tuple[Row, list[Answered]]]:
        """The objects of each consolidation file, with the row of the first."""
        pairs = zip(rows, batch, strict=True)
        groups = (list(group) for _, group in groupby(pairs, key=lambda pair: pair[0].stamp))
        return [(group[0][0], [answered for _, answered in group]) for group in groups]

    def _function_contents(self, run: Run, rows: Sequence[Row], batch: Sequence[Answered]) -> _Contents:
        """Labels by the caller's consolidation function; without one, only a reference to the answers."""
        job = run.job
        contents: dict[int, dict[str, Any]] = {}
        if not job.consolidation_function:
            for row in rows:
                uri = layout.worker_response_uri(job.output, row.iteration, row.object_id, int(row.answered))
                metadata = layout.label_metadata(
                    {"worker-response-ref": uri}, job.task_type.metadata_type, job.name, row.answered
                )
                contents[row.object_id] = {job.attribute: {}, f"{job.attribute}{METADATA}": metadata}
            return contents, {}
        failed: dict[int, str] = {}
        for row, group in self._groups(rows, batch):
            payload = layout.consolidation_uri(job.output, "request", row.iteration, row.stamp)
            document = as_json(layout.consolidation_request(group)).encode()
            self._object_store.write({payload: (document, "application/json")})
            result = self._call_consolidation(run, payload)
            uri = layout.consolidation_uri(job.output, "response", row.iteration, row.stamp)
            self._object_store.write({uri: (as_json(result).encode(), "application/json")})
            entries = function_entries(result)
            for answered in group:
                try:
                    contents[answered.object_id] = function_content(entries, answered.object_id)
                except ObjectFailure as failure:
                    failed[answered.object_id] = f"The function {job.consolidation_function} {failure}"
        return contents, failed

    def _call_consolidation(self, run: Run, payload: str) -> Any:
        job = run.job
        event = {
            "version": "2018-10-16",
            "labelingJobArn": job.arn,
            "labelCategories": job.labels,
            "labelAttributeName": job.attribute,
            "roleArn": job.request.role_arn,
            "payload": {"s3Uri": payload},
            "outputConfig": join_s3_uri(job.output, "annotations"),
            "maxHumanWorkersPerDataObject": job.workers_per_object,
        }
        return self._functions.call(job.consolidation_function, event)


def _consolidation_file(run: Run, which: str, row: Row, document: Any) -> dict[str, tuple[bytes, str]]:
    """A file of a consolidation step.

    :param which: ``request`` or ``response``.
    :param row: any of its objects.
    """
    uri = layout.consolidation_uri(run.job.output, which, row.iteration, row.stamp)
    return {uri: (as_json(document).encode(), "application/json")}

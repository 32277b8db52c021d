"""Automated labeling in a job: decides which objects people label next and which the model labels.

People first get random objects, to train on and to validate with. Then the loop trains a model, labels the objects that
the model is sure of, sends people those that it is least sure of, and repeats. All state is in the database, so a
training can be killed and repeated with the same result.

Source: developer guide, "Automate data labeling", and the order of iterations in the output of real jobs.
"""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Iterable, Sequence
from random import Random
from typing import Any, Final, NamedTuple

from labeling_provider.errors import counted
from labeling_provider.groundtruth import layout
from labeling_provider.groundtruth.description import JobRequest
from labeling_provider.groundtruth.documents import as_json
from labeling_provider.groundtruth.facts import Quota
from labeling_provider.groundtruth.objects import METADATA
from labeling_provider.service.clock import Clock
from labeling_provider.service.cloud.object_store import ObjectStore
from labeling_provider.service.database import learning_rows, lease_rows, object_rows
from labeling_provider.service.database.database import Connection, Database
from labeling_provider.service.database.job_rows import TrainingRow, is_in_progress
from labeling_provider.service.database.object_rows import WaitingObject
from labeling_provider.service.database.running import note, update_job
from labeling_provider.service.database.states import LearningRole, ObjectState
from labeling_provider.service.failures import JobFailure
from labeling_provider.service.kinds.kind import Learnable
from labeling_provider.service.learning.learner import Learner, LearningSample, Material, TrainingOutcome
from labeling_provider.service.learning.models import ModelFailure
from labeling_provider.service.learning.registry import ModelRegistry
from labeling_provider.service.learning.threshold import Judged
from labeling_provider.service.work.job_run import Run
from labeling_provider.service.work.workforce import WorkforceFile

log = logging.getLogger(__name__)

PROBE_OBJECTS: Final = 10
"""How many random objects the workers of every job get first."""
_MAX_FAILED: Final = 0.1
_MAX_PATIENCE: Final = 3
_FRUITLESS: Final = 3
_WORTH_WHILE: Final = 0.01
_FILES_AT_ONCE: Final = 50
AUTO_LABELS: Final = "auto-labels/auto_annotator_output.txt"
"""Where the labels of an iteration are. Clients take the folder above the file's folder for the iteration."""


class Room(NamedTuple):
    """How many more labels the stopping conditions allow; None if there is no such condition.

    :param people: labels by people.
    :param all: all labels.
    """

    people: int | None
    all: int | None

    def for_people(self, count: int) -> int:
        """How many of ``count`` objects may go to people."""
        return max(min([count, *(limit for limit in self if limit is not None)]), 0)


class ActiveLearning:
    """Runs automated labeling for all jobs that use it.

    :param minimum: jobs with fewer objects fail, as on Amazon.
    """

    def __init__(
        self,
        database: Database,
        object_store: ObjectStore,
        workforce: WorkforceFile,
        registry: ModelRegistry,
        minimum: int,
        clock: Clock,
    ) -> None:
        self._database, self._object_store, self._registry = database, object_store, registry
        self._seed, self._minimum, self._clock = workforce.seed, minimum, clock

    # Before a job runs

    def check_size(self, request: JobRequest, count: int) -> None:
        """Check that a job is large enough for automated labeling.

        :param count: how many of its objects have no label.
        :raises JobFailure: if it is not.
        """
        if request.is_automated and count < self._minimum:
            raise JobFailure(
                f"ClientError: automated data labeling needs at least {self._minimum:,} objects without a label, "
                f"but the job has {count:,}"
            )

    def open(self, connection: Connection, job_id: int, request: JobRequest, rows: Iterable[dict[str, Any]]) -> None:
        """Register a new job's unlabeled objects, within the caller's transaction."""
        is_automated = request.is_automated
        waiting = [row["object_id"] for row in rows if is_automated and row["state"] == ObjectState.WAITING]
        learning_rows.take_in(connection, job_id, waiting)

    # Choosing objects

    def next_set(self, run: Run, row: Any, room: Room) -> tuple[list[WaitingObject], LearningRole | None]:
        """The objects that people get next, and what their labels are for.

        :param row: the job's row.
        :return: no objects if the job is finished or may not continue.
        :raises JobFailure: if too many objects of the first sample failed, or the model fails.
        """
        plan = self._plan(run, row)
        if plan is None:
            room = self._learn_if_due(run, row, room)
            chosen, role = self._least_certain(run, run.set_size), LearningRole.TRAIN
        else:
            count, role = plan
            chosen = self._at_random(run, row, count)
        return chosen[: room.for_people(len(chosen))], role

    @staticmethod
    def assign(connection: Connection, run: Run, object_ids: Sequence[int], role: str) -> None:
        """Store the role of objects that go to people, within the caller's transaction.

        :param role: a :class:`LearningRole`.
        """
        learning_rows.send(connection, run.id, object_ids, LearningRole(role))

    def _plan(self, run: Run, row: Any) -> tuple[int, LearningRole] | None:
        """How many random objects come next, and what for; None if it is time to train."""
        with self._database.read() as connection:
            counts = learning_rows.count_sent(connection, run.id)
        train, validate = LearningRole.TRAIN, LearningRole.VALIDATE
        sent = {which: sum(count for (role, _), count in counts.items() if role == which) for which in LearningRole}
        total = row.lines - row.given
        sample = min(run.set_size, total)
        failed = sum(count for (_, state), count in counts.items() if state == ObjectState.FAILED)
        if not sent[validate] and failed > _MAX_FAILED * sample:
            raise JobFailure(
                f"ClientError: people could not label {failed:,} of the first {sample:,} objects, more than "
                f"{_MAX_FAILED:.0%}: automated data labeling can't learn from them. The output has the reasons."
            )
        probe = min(PROBE_OBJECTS, sample)
        # An initial model does not need a first sample.
        wanted = {train: probe if self._registry.initial_arn(run) else sample, validate: _validation_size(total)}
        if sent[train] < probe:
            return probe - sent[train], train
        for role in (train, validate):
            if sent[role] < wanted[role]:
                return min(wanted[role] - sent[role], run.set_size), role
        return None

    def _at_random(self, run: Run, row: Any, count: int) -> list[WaitingObject]:
        with self._database.read() as connection:
            waiting = object_rows.waiting(connection, run.id)
        chance = Random(f"{self._seed}|{row.name}|{row.iteration}")  # noqa: S311 - a simulation
        return chance.sample(waiting, min(count, len(waiting)))

    def _least_certain(self, run: Run, count: int) -> list[WaitingObject]:
        with self._database.read() as connection:
            return learning_rows.least_certain(connection, run.id, count)

    # Learning

    def _learn_if_due(self, run: Run, row: Any, room: Room) -> Room:
        """Train a model and label with it, once after each set that people finish, as long as that helps.

        :return: the room that is left; 0 if the job has been told to stop meanwhile.
        """
        with self._database.read() as connection:
            trainings = learning_rows.trainings_of(connection, run.id)
        iteration = row.iteration + 1
        over = room.all is not None and room.all <= 0
        if (
            over
            or (trainings and trainings[-1].iteration == iteration)
            or _leads_nowhere(trainings)
            or not self._least_certain(run, 1)
        ):
            return room
        try:
            learner = self._learner(run)
            material = self._material(run, learner)
            outcome = learner.train(material, patient=len(trainings) < _MAX_PATIENCE)
            model_arn = self._write_round(run, iteration, material.examples, outcome)
            contents = self._label(run, learner, iteration, outcome, material.unlabeled, room)
        except ModelFailure as failure:
            log.exception("job %s: the model for automated labeling failed", run.job.name)
            raise JobFailure(f"ClientError: the model for automated labeling: {failure}"[:1000]) from failure
        except InterruptedError:
            if self._is_in_progress(run.id):
                raise
            return Room(0, 0)
        room = Room(room.people, None if room.all is None else room.all - len(contents))
        self._record(run, iteration, len(material.examples), outcome, contents, model_arn, room)
        return room

    def _learner(self, run: Run) -> Learner:
        """The job's learner in this process, created if there is none yet."""
        if not isinstance(run.learner, Learner):
            if not isinstance(run.kind, Learnable):
                raise JobFailure(f"ClientError: automated labeling does not support {run.job.task_type.name}")
            job_id = run.id
            make = self._registry.maker(run, lambda: self._is_in_progress(job_id))
            run.learner = Learner(make, run.kind, run.kind.data)
        return run.learner

    def _is_in_progress(self, job_id: int) -> bool:
        with self._database.read() as connection:
            return is_in_progress(connection, job_id)

    def _material(self, run: Run, learner: Learner) -> Material:
        """The data for the job's next training."""
        material = Material()
        with self._database.read() as connection:
            rows = learning_rows.material(connection, run.id)
        for row in rows:
            line = json.loads(row.line)
            if row.state == ObjectState.WAITING:
                material.unlabeled.append(LearningSample(row.object_id, line))
                continue
            result = json.loads(row.result or "{}")
            answer = learner.kind.answer_in(result[run.job.attribute])
            if answer is None:
                continue
            if row.role == LearningRole.TRAIN or row.left is not None:
                # Objects that no longer represent unlabeled ones can be learned from as well.
                material.examples.append(LearningSample(row.object_id, {**line, **result}, answer))
            if row.role == LearningRole.TRAIN:
                continue
            group = learner.kind.group(answer)
            material.group_sizes[group] += 1
            if row.left is None:
                material.validation.append(LearningSample(row.object_id, line, answer))
            elif row.agreement is not None and row.score is not None:
                material.taken.append(Judged(row.score, row.agreement, group))
        return material

    def _label(
        self,
        run: Run,
        learner: Learner,
        iteration: int,
        outcome: TrainingOutcome,
        unlabeled: Sequence[LearningSample],
        room: Room,
    ) -> dict[int, dict[str, Any]]:
        """Label the objects that the model is sure of, surest first, and write the files of their labels.

        :return: the new keys of their output lines, by object id.
        :raises ModelFailure: if the model fails, or its answers can't be written as JSON.
        """
        if outcome.threshold is None or outcome.model is None:
            return {}
        scores = outcome.scores
        sure = [sample for sample in unlabeled if scores.get(sample.object_id, -math.inf) >= outcome.threshold]
        sure.sort(key=lambda sample: (-scores[sample.object_id], sample.object_id))
        confidence, job, at = outcome.confidence(), run.job, self._clock.now()
        contents: dict[int, dict[str, Any]] = {}
        files: dict[str, tuple[bytes, str]] = {}
        for sample, prediction in learner.predictions(outcome.model, sure[: room.all]):
            file = f"{sample.object_id}_auto-{iteration}"
            try:
                label = learner.label(sample, prediction, confidence(prediction.score), file)
            except ValueError:
                continue
            metadata = layout.label_metadata(label.metadata, job.task_type.metadata_type, job.name, at, by_people=False)
            content = {job.attribute: label.value, f"{job.attribute}{METADATA}": metadata}
            try:
                as_json(content)
            except ValueError as error:
                raise ModelFailure(
                    f"{type(outcome.model).__name__}.predict returned an answer that can't be written as JSON: {error}"
                ) from None
            contents[sample.object_id] = content
            files.update(label.files)
            if len(files) >= _FILES_AT_ONCE:
                self._object_store.write(files)
                files = {}
        lines = [f"{object_id} {as_json(content)}" for object_id, content in sorted(contents.items())]
        uri = layout.learning_uri(job.output, "activelearning", iteration, AUTO_LABELS)
        self._object_store.write({**files, uri: _as_file(lines, "text/plain")})
        return contents

    def _write_round(
        self, run: Run, iteration: int, examples: Sequence[LearningSample], outcome: TrainingOutcome
    ) -> str | None:
        """Write the input and output files of a training, and its model.

        :return: the model's ARN; None if there is no model.
        """
        job, output = run.job, run.job.output
        judged = [
            _object_line(object_id, score=result.score, agreement=result.agreement)
            for object_id, result in outcome.judged.items()
        ]
        unlabeled = [_object_line(object_id) for object_id in outcome.scores]
        files = {
            ("training", "input/train.manifest"): [
                _object_line(sample.object_id, **sample.line) for sample in examples
            ],
            ("activelearning", "validation/input/validation.manifest"): [
                _object_line(object_id) for object_id in outcome.judged
            ],
            ("activelearning", "validation/output/validation.manifest.out"): judged,
            ("activelearning", "auto-labels/input/unlabeled.manifest"): unlabeled,
            ("inference", "input/unlabeled.manifest"): unlabeled,
            ("inference", "output/unlabeled.manifest.out"): [
                _object_line(object_id, score=score) for object_id, score in outcome.scores.items()
            ],
        }
        written = {
            layout.learning_uri(output, folder, iteration, path): _as_file(lines, "application/x-sagemaker-manifest")
            for (folder, path), lines in files.items()
        }
        self._object_store.write(written)
        return None if outcome.model is None else self._registry.save(job, iteration, outcome.model)

    def _record(
        self,
        run: Run,
        iteration: int,
        examples: int,
        outcome: TrainingOutcome,
        contents: dict[int, dict[str, Any]],
        model_arn: str | None,
        room: Room,
    ) -> None:
        """Store a training and its labels in one transaction."""
        scores = {object_id: score for object_id, score in outcome.scores.items() if object_id not in contents}
        people = sorted(scores.values())[: room.for_people(run.set_size)]
        training = TrainingRow(iteration, examples, outcome.agreement, outcome.threshold, len(contents), model_arn)
        with self._database.write() as connection:
            lease_rows.hold(connection, run.lease)
            if model_arn:
                self._registry.register(connection, run.job, iteration, model_arn)
            results = {object_id: as_json(content) for object_id, content in contents.items()}
            learning_rows.record_training(connection, run.id, training, results, scores, _leaving(outcome, people))
            update_job(connection, run.id)
            note(connection, run.id, _summary(iteration, examples, outcome, len(contents)))
        run.changed = True


def _validation_size(total: int) -> int:
    """How many objects to measure on: a fifth of the dataset, or a tenth of a large one."""
    return math.ceil(total * (0.2 if total < Quota.AUTOMATED_ADVISED_OBJECTS else 0.1))


def _leads_nowhere(trainings: Sequence[TrainingRow]) -> bool:
    """Whether the last trainings labeled nothing, and the model has not improved either."""
    recent = trainings[-_FRUITLESS - 1 :]
    if len(recent) <= _FRUITLESS or any(training.labeled for training in recent):
        return False
    first, *later = (training.agreement or 0.0 for training in recent)
    return max(later) < first + _WORTH_WHILE


def _leaving(outcome: TrainingOutcome, people: Sequence[float]) -> list[learning_rows.Leaving]:
    """The validation objects that no longer represent unlabeled ones, because objects with such scores now have a label
    by machine or go to people.

    :param people: the scores of the objects that people get next, in ascending order.
    """
    leaving: list[learning_rows.Leaving] = []
    for object_id, result in outcome.judged.items():
        if outcome.threshold is not None and result.score >= outcome.threshold:
            leaving.append(learning_rows.Leaving(object_id, result.score, result.agreement))
        elif people and result.score < people[-1]:
            leaving.append(learning_rows.Leaving(object_id, result.score, None))
    return leaving


def _object_line(object_id: int, /, **members: Any) -> str:
    """A JSON line about an object, as in Amazon's files."""
    return as_json({"datasetObjectId": str(object_id), **members})


def _summary(iteration: int, examples: int, outcome: TrainingOutcome, labeled: int) -> str:
    agreement = (
        "nothing to measure on"
        if outcome.agreement is None
        else f"{outcome.agreement:.1%} agreement with people on the remaining objects"
    )
    return (
        f"Iteration {iteration}: trained on {counted(examples, 'object')}, {agreement}; {labeled:,} labeled by machine"
    )


def _as_file(lines: Sequence[str], content_type: str) -> tuple[bytes, str]:
    return "".join(line + "\n" for line in lines).encode(), content_type

"""Automated labeling in a job: who gets which objects next, people or the model.

First objects at random go to people, to learn from and to measure on. Then, again and again, a model is trained, labels
what it is sure enough of, and people get what it is least sure of. As everywhere in the service all that counts is in
the database: a training can be killed and done again, it comes to the same.

Source: developer guide, "Automate data labeling", and the order of iterations in the output of real jobs.
"""

from __future__ import annotations

import json
import logging
import math
import time
from collections.abc import Iterable, Sequence
from random import Random
from typing import Any, Final, NamedTuple

from labeling_provider.groundtruth import layout
from labeling_provider.groundtruth.documents import as_json
from labeling_provider.groundtruth.facts import Quota
from labeling_provider.service.cloud.object_store import ObjectStore
from labeling_provider.service.database import learning_rows, lease_rows, object_rows
from labeling_provider.service.database.database import Connection, Database
from labeling_provider.service.database.job_rows import TrainingRow, is_in_progress
from labeling_provider.service.database.object_rows import WaitingObject
from labeling_provider.service.database.running import note, update_job
from labeling_provider.service.database.states import LearningRole, ObjectState
from labeling_provider.service.errors import JobFailure
from labeling_provider.service.kinds.kind import Learnable
from labeling_provider.service.learning.learner import DataObject, Learner, Material, Outcome
from labeling_provider.service.learning.models import ModelFailure
from labeling_provider.service.learning.registry import CONFIG, ModelRegistry
from labeling_provider.service.learning.threshold import Judged
from labeling_provider.service.work.job_run import Run
from labeling_provider.service.work.workforce import Workforce

log = logging.getLogger(__name__)

PROBE_OBJECTS: Final = 10
"""How many objects, at random, the workers of every job get first."""
_MAX_FAILED: Final = 0.1
_MAX_PATIENCE: Final = 3
_FRUITLESS: Final = 3
_WORTH_WHILE: Final = 0.01
_FILES_AT_ONCE: Final = 50


class Room(NamedTuple):
    """How many labels the stopping conditions still allow; None without such a condition.

    :param people: by people.
    :param all: in all.
    """

    people: int | None
    all: int | None

    def for_people(self, count: int) -> int:
        """How many of so many objects may go to people."""
        return max(min([count, *(one for one in self if one is not None)]), 0)


class ActiveLearning:
    """Decides for all jobs with automated labeling.

    :param minimum: a job with fewer objects fails, as on Amazon.
    """

    def __init__(
        self, database: Database, object_store: ObjectStore, workforce: Workforce, registry: ModelRegistry, minimum: int
    ) -> None:
        self._database, self._object_store, self._registry = database, object_store, registry
        self._seed, self._minimum = workforce.seed, minimum

    # Before a job runs

    def check_size(self, request: dict[str, Any], count: int) -> None:
        """Fail a job that is too small for automated labeling."""
        if CONFIG in request and count < self._minimum:
            raise JobFailure(
                f"ClientError: automated data labeling needs at least {self._minimum:,} objects without a label, "
                f"{count:,} were given"
            )

    def open(
        self, connection: Connection, job_id: int, request: dict[str, Any], rows: Iterable[dict[str, Any]]
    ) -> None:
        """Take a job's objects in."""
        asked = CONFIG in request
        waiting = [row["object_id"] for row in rows if asked and row["state"] == ObjectState.WAITING]
        learning_rows.take_in(connection, job_id, waiting)

    # Who gets what

    def next_set(self, run: Run, row: Any, room: Room) -> tuple[list[WaitingObject], LearningRole | None]:
        """The objects that people get next, and what for; none if the job is done or may not go on.

        :param row: the job's.
        :raises JobFailure: if too many objects of the first sample have failed.
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
        """Remember what objects go to people for: one of :class:`LearningRole`."""
        learning_rows.send(connection, run.id, object_ids, LearningRole(role))

    def _plan(self, run: Run, row: Any) -> tuple[int, LearningRole] | None:
        """How many objects at random come next, and what for; None if it is time to learn."""
        with self._database.read() as connection:
            counts = learning_rows.count_sent(connection, run.id)
        train, validate = LearningRole.TRAIN, LearningRole.VALIDATE
        sent = {which: sum(count for (role, _), count in counts.items() if role == which) for which in LearningRole}
        total = row.lines - row.given
        sample = min(run.set_size, total)
        failed = sum(count for (_, state), count in counts.items() if state == ObjectState.FAILED)
        if not sent[validate] and failed > _MAX_FAILED * sample:
            raise JobFailure(
                f"ClientError: {failed:,} of the first {sample:,} objects could not be labeled by people, more than "
                f"{_MAX_FAILED:.0%}: automated data labeling can't learn from them. The output tells the reasons."
            )
        probe = min(PROBE_OBJECTS, sample)
        # A model that is there already has no need of a sample to begin with.
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
        """Train and label by machine, once after each set that people have finished, as long as it leads anywhere.

        :return: the room that is left; none if the job is to stop meanwhile.
        """
        with self._database.read() as connection:
            done = learning_rows.trainings_of(connection, run.id)
        iteration = row.iteration + 1
        over = room.all is not None and room.all <= 0
        if (
            over
            or (done and done[-1].iteration == iteration)
            or _leads_nowhere(done)
            or not self._least_certain(run, 1)
        ):
            return room
        try:
            learner = self._learner(run)
            material = self._material(run, learner)
            outcome = learner.train(material, patient=len(done) < _MAX_PATIENCE)
            model_arn = self._write_round(run, iteration, material.examples, outcome)
            contents = self._label(run, learner, iteration, outcome, material.unlabeled, room)
        except ModelFailure as failure:
            log.exception("job %s: its model failed", run.job.name)
            raise JobFailure(f"ClientError: the model of automated labeling: {failure}"[:1000]) from failure
        except InterruptedError:
            if self._is_in_progress(run.id):
                raise
            return Room(0, 0)
        room = Room(room.people, None if room.all is None else room.all - len(contents))
        self._record(run, iteration, len(material.examples), outcome, contents, model_arn, room)
        return room

    def _learner(self, run: Run) -> Learner:
        """The learner of a job in this process."""
        if not isinstance(run.learner, Learner):
            if not isinstance(run.kind, Learnable):
                raise JobFailure(f"ClientError: there is no automated labeling of {run.job.task_type.name}")
            job_id = run.id
            make = self._registry.maker(run, lambda: self._is_in_progress(job_id))
            run.learner = Learner(make, run.kind, run.kind.data)
        return run.learner

    def _is_in_progress(self, job_id: int) -> bool:
        with self._database.read() as connection:
            return is_in_progress(connection, job_id)

    def _material(self, run: Run, learner: Learner) -> Material:
        """What the job has come to so far."""
        found = Material()
        with self._database.read() as connection:
            rows = learning_rows.material(connection, run.id)
        for row in rows:
            line = json.loads(row.line)
            if row.state == ObjectState.WAITING:
                found.unlabeled.append(DataObject(row.object_id, line))
                continue
            result = json.loads(row.result or "{}")
            answer = learner.kind.answer_in(result[run.job.attribute])
            if answer is None:
                continue
            if row.role == LearningRole.TRAIN or row.left is not None:
                # What no longer stands for unlabeled objects may be learned from, too.
                found.examples.append(DataObject(row.object_id, {**line, **result}, answer))
            if row.role == LearningRole.TRAIN:
                continue
            group = learner.kind.group(answer)
            found.group_sizes[group] += 1
            if row.left is None:
                found.validation.append(DataObject(row.object_id, line, answer))
            elif row.agreement is not None and row.score is not None:
                found.taken.append(Judged(row.score, row.agreement, group))
        return found

    def _label(
        self,
        run: Run,
        learner: Learner,
        iteration: int,
        outcome: Outcome,
        unlabeled: Sequence[DataObject],
        room: Room,
    ) -> dict[int, dict[str, Any]]:
        """The lines' new keys for the objects that the model labels, the surest first; their files are written."""
        if outcome.threshold is None or outcome.model is None:
            return {}
        sure = [one for one in unlabeled if outcome.scores.get(one.object_id, -math.inf) >= outcome.threshold]
        sure.sort(key=lambda one: (-outcome.scores[one.object_id], one.object_id))
        confidence, job, at = outcome.confidence(), run.job, time.time()
        contents: dict[int, dict[str, Any]] = {}
        files: dict[str, tuple[bytes, str]] = {}
        for one, said in learner.predictions(outcome.model, sure[: room.all]):
            try:
                label = learner.label(one, said, confidence(said.score), f"{one.object_id}_auto-{iteration}")
            except ValueError:
                continue
            metadata = layout.label_metadata(label.metadata, job.task_type.metadata_type, job.name, at, by_people=False)
            content = {job.attribute: label.value, f"{job.attribute}-metadata": metadata}
            try:
                as_json(content)
            except ValueError as error:
                raise ModelFailure(
                    f"{type(outcome.model).__name__}.predict gave what JSON can't hold: {error}"
                ) from None
            contents[one.object_id] = content
            files.update(label.files)
            if len(files) >= _FILES_AT_ONCE:
                self._object_store.write(files)
                files = {}
        lines = [f"{one} {as_json(content)}" for one, content in sorted(contents.items())]
        uri = layout.learning_uri(
            job.output, "activelearning", iteration, "auto-labels/output/auto_annotator_output.txt"
        )
        self._object_store.write({**files, uri: _as_file(lines, "text/plain")})
        return contents

    def _write_round(self, run: Run, iteration: int, examples: Sequence[DataObject], outcome: Outcome) -> str | None:
        """Write what went into a training and what came out; the model's ARN."""
        job, output = run.job, run.job.output
        asked = [as_json({"datasetObjectId": str(one.object_id), **one.line}) for one in examples]
        judged = [
            as_json({"datasetObjectId": str(one), "score": said.score, "agreement": said.agreement})
            for one, said in outcome.judged.items()
        ]
        scored = [as_json({"datasetObjectId": str(one), "score": score}) for one, score in outcome.scores.items()]
        files = {
            ("training", "input/train.manifest"): asked,
            ("activelearning", "validation/input/validation.manifest"): [
                as_json({"datasetObjectId": str(one)}) for one in outcome.judged
            ],
            ("activelearning", "validation/output/validation.manifest.out"): judged,
            ("activelearning", "auto-labels/input/unlabeled.manifest"): [
                as_json({"datasetObjectId": str(one)}) for one in outcome.scores
            ],
            ("inference", "input/unlabeled.manifest"): [
                as_json({"datasetObjectId": str(one)}) for one in outcome.scores
            ],
            ("inference", "output/unlabeled.manifest.out"): scored,
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
        outcome: Outcome,
        contents: dict[int, dict[str, Any]],
        model_arn: str | None,
        room: Room,
    ) -> None:
        """Make a training and its labels count, all at once."""
        scores = {one: score for one, score in outcome.scores.items() if one not in contents}
        people = sorted(scores.values())[: room.for_people(run.set_size)]
        training = TrainingRow(iteration, examples, outcome.agreement, outcome.threshold, len(contents), model_arn)
        with self._database.write() as connection:
            lease_rows.hold(connection, run.lease)
            if model_arn:
                self._registry.register(connection, run.job, iteration, model_arn)
            results = {number: as_json(content) for number, content in contents.items()}
            learning_rows.record_training(connection, run.id, training, results, scores, _leaving(outcome, people))
            update_job(connection, run.id)
            note(connection, run.id, _told(iteration, examples, outcome, len(contents)))
        run.changed = True


def _validation_size(total: int) -> int:
    """Objects to measure on: a fifth of the dataset, a tenth of a large one."""
    return math.ceil(total * (0.2 if total < Quota.AUTOMATED_ADVISED_OBJECTS else 0.1))


def _leads_nowhere(done: Sequence[TrainingRow]) -> bool:
    """Whether the last trainings have brought no label, and people's labels have not made the model better either."""
    recent = done[-_FRUITLESS - 1 :]
    if len(recent) <= _FRUITLESS or any(one.labeled for one in recent):
        return False
    first, *later = (one.agreement or 0.0 for one in recent)
    return max(later) < first + _WORTH_WHILE


def _leaving(outcome: Outcome, people: Sequence[float]) -> list[learning_rows.Leaving]:
    """Validation objects that stand for no unlabeled one any more: such have a label by machine, or go to people.

    :param people: scores of the objects that people get next, in order.
    """
    found: list[learning_rows.Leaving] = []
    for object_id, said in outcome.judged.items():
        if outcome.threshold is not None and said.score >= outcome.threshold:
            found.append(learning_rows.Leaving(object_id, said.score, said.agreement))
        elif people and said.score < people[-1]:
            found.append(learning_rows.Leaving(object_id, said.score, None))
    return found


def _told(iteration: int, examples: int, outcome: Outcome, labeled: int) -> str:
    agreement = (
        "nothing to measure on"
        if outcome.agreement is None
        else f"{outcome.agreement:.1%} agreement with people on the remaining objects"
    )
    return f"Iteration {iteration}: trained on {examples:,} objects, {agreement}; {labeled:,} labeled by machine"


def _as_file(lines: Sequence[str], content_type: str) -> tuple[bytes, str]:
    return "".join(line + "\n" for line in lines).encode(), content_type

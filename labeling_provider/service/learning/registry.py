"""The models of automated labeling: stores them, and chooses the one that a job starts from."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from typing import Any

from labeling_provider.groundtruth import layout
from labeling_provider.groundtruth.documents import plain
from labeling_provider.groundtruth.facts import Arn, image_uri
from labeling_provider.groundtruth.objects import job_of, metadata_of
from labeling_provider.service.clock import Clock
from labeling_provider.service.cloud.object_store import MissingObject, ObjectStore
from labeling_provider.service.database import model_rows
from labeling_provider.service.database.database import Connection, Database
from labeling_provider.service.failures import JobFailure
from labeling_provider.service.kinds.kind import JobFacts
from labeling_provider.service.learning.hosted import HostedModel, ModelProcess
from labeling_provider.service.learning.models import BUILT_IN, Model, import_model, pack, unpack
from labeling_provider.service.work.job_run import Run
from labeling_provider.service.work.workforce import WorkforceFile, WorkforceFileError


class ModelRegistry:
    """All models of the service.

    :raises WorkforceFileError: if the workforce file names a model that can't be used.
    """

    def __init__(self, database: Database, object_store: ObjectStore, workforce: WorkforceFile, clock: Clock) -> None:
        self._database, self._object_store, self._clock = database, object_store, clock
        self._seed = workforce.seed
        self._paths = _paths(workforce)

    def initial_arn(self, run: Run) -> str | None:
        """The ARN of the model to start from: the one in the request, or else that of the job that labeled the input.

        Source: developer guide, "Chain labeling jobs": a chained job with the same label attribute continues with the
        earlier job's model.
        """
        arn = run.request.initial_model_arn
        if arn is None and run.former_model is None:
            run.former_model = self._former_arn(run) or ""
        return arn or run.former_model or None

    def _former_arn(self, run: Run) -> str | None:
        with self._database.read() as connection:
            line = model_rows.any_given_line(connection, run.id)
            metadata = metadata_of(_parsed(line), run.job.attribute) if line else {}
            return model_rows.last_arn_of(connection, plain(job_of(metadata), 300), run.job.task_type.algorithm)

    def maker(self, run: Run, is_wanted: Callable[[], bool]) -> Callable[[], Model]:
        """A function that creates models for a job, each in the state before it learns anything in the job.

        A user's own models run in a separate process, which ends when the function and its models are
        garbage-collected. The function raises JobFailure if the initial model can't be used, and ModelFailure if a
        model can't be created.

        :param is_wanted: called regularly while a user's own model works; if it returns False, the work is abandoned.
        """
        algorithm, labels, arn = run.job.task_type.algorithm or "", run.job.labels, self.initial_arn(run)
        path, seed = self._paths[algorithm], self._seed % 2**32
        process = None if path == BUILT_IN[algorithm] else ModelProcess(path, is_wanted)

        def make() -> Model:
            model = HostedModel(process, labels, seed) if process else import_model(path)(labels, seed)
            if arn is not None:
                try:
                    unpack(self._archive(arn), model)
                except ValueError as error:
                    raise JobFailure(f"ClientError: the initial model {arn} can't be used: {error}") from None
            return model

        return make

    def _archive(self, arn: str) -> bytes:
        with self._database.read() as connection:
            model = model_rows.find_by_name(connection, arn.rpartition("/")[2])
        if model is None:
            raise ValueError("it no longer exists")
        uri = model.description["PrimaryContainer"]["ModelDataUrl"]
        try:
            return self._object_store.read(uri)
        except MissingObject:
            raise ValueError(f"{uri} does not exist or is not readable") from None

    def save(self, job: JobFacts, iteration: int, model: Model) -> str:
        """Store a model. It does not exist for others until it is registered.

        :return: its ARN.
        """
        algorithm = job.task_type.algorithm or ""
        self._object_store.write({_data_uri(job, iteration): (pack(model, algorithm), "application/gzip")})
        return job.arn.replace(f"labeling-job/{job.name}", f"model/{_name(job, iteration)}")

    def register(self, connection: Connection, job: JobFacts, iteration: int, arn: str) -> None:
        """Register a stored model, within the caller's transaction."""
        # In milliseconds, as in Amazon's responses.
        at = round(self._clock.now(), 3)
        algorithm, place = job.task_type.algorithm or "", Arn.parse(arn)
        vpc = job.request.vpc_config
        description = {
            "ModelName": _name(job, iteration),
            "ModelArn": arn,
            "CreationTime": at,
            "ExecutionRoleArn": job.request.role_arn,
            "PrimaryContainer": {
                "Image": image_uri(f"{algorithm}:local", place.region, place.account),
                "Mode": "SingleModel",
                "ModelDataUrl": _data_uri(job, iteration),
                "Environment": {"LABELING_MODEL": self._paths[algorithm]},
            },
            "EnableNetworkIsolation": False,
            **({"VpcConfig": vpc} if vpc else {}),
        }
        model_rows.put(connection, model_rows.ModelRow(_name(job, iteration), arn, algorithm, at, description))


def _name(job: JobFacts, iteration: int) -> str:
    digest = hashlib.sha256(job.name.lower().encode()).hexdigest()[:8]
    return f"{job.name[:40].rstrip('-')}-{digest}-{iteration}"


def _paths(workforce: WorkforceFile) -> dict[str, str]:
    """The import path of each algorithm's model: the built-in one, or that of the workforce file.

    :raises WorkforceFileError: if the file names an unknown algorithm, or a model that can't be imported.
    """
    for algorithm, path in workforce.models.items():
        if algorithm not in BUILT_IN:
            raise WorkforceFileError(f"{workforce.file}: models.{algorithm} is unknown; use {', '.join(BUILT_IN)}")
        try:
            import_model(str(path))
        except ValueError as error:
            raise WorkforceFileError(f"{workforce.file}: models.{algorithm}: {error}") from None
    return {**BUILT_IN, **workforce.models}


def _data_uri(job: JobFacts, iteration: int) -> str:
    """Where a training of SageMaker with this iteration's folder as its output would put the model."""
    return layout.learning_uri(
        job.output, "training", iteration, "output", _name(job, iteration), "output/model.tar.gz"
    )


def _parsed(line: str) -> dict[str, Any]:
    """Parse a line that came with its label, which has not been checked yet; empty if it is nested too deeply."""
    try:
        content: dict[str, Any] = json.loads(line)
    except RecursionError:
        return {}
    return content

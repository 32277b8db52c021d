"""The operations on the models of automated labeling. Source: API reference of each operation.

Other models are moto's.
"""

from __future__ import annotations

from typing import Any

from labeling_provider.groundtruth.description import JobRequest
from labeling_provider.service.database import model_rows
from labeling_provider.service.database.database import Database
from labeling_provider.service.database.model_rows import ModelRow
from labeling_provider.service.failures import validation_error


class TrainedModels:
    """DescribeModel, and what a job's request says about the model to start from."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def has(self, name: str) -> bool:
        """Whether automated labeling has made a model with this name, in any case."""
        with self._database.read() as connection:
            return model_rows.find_by_name(connection, name) is not None

    def describe(self, request: dict[str, Any]) -> dict[str, Any]:
        """DescribeModel.

        :raises ApiError: if there is no such model.
        """
        name = request["ModelName"]
        with self._database.read() as connection:
            model = model_rows.find_by_name(connection, name)
        if model is None:
            raise validation_error(f'Could not find model "{name}".')
        return model.description

    def initial_uri(self, request: JobRequest) -> str | None:
        """Where the initial model is that a job's request names; None if there is none."""
        model = self._initial(request)
        return None if model is None else str(model.description["PrimaryContainer"]["ModelDataUrl"])

    def check_initial(self, request: JobRequest) -> None:
        """Check the initial model that a job's request names, if any.

        :raises ApiError: if it does not exist or is for another algorithm.
        """
        arn = request.initial_model_arn
        if arn is None:
            return
        model = self._initial(request)
        if model is None:
            raise validation_error(f"Could not find model {arn}.")
        algorithm = str(request.algorithm_arn).rpartition("/")[2]
        if model.algorithm != algorithm:
            raise validation_error(f"The model {arn} is for {model.algorithm}, not for {algorithm}.")

    def _initial(self, request: JobRequest) -> ModelRow | None:
        if request.initial_model_arn is None:
            return None
        with self._database.read() as connection:
            return model_rows.find_by_arn(connection, request.initial_model_arn)

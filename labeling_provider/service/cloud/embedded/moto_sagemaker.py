"""SageMaker besides labeling, in this process: moto's, in memory only.

The models that automated labeling has made are there, too, so that endpoints and transform jobs can name them.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from labeling_provider.service.database import model_rows
from labeling_provider.service.database.database import Database


class EmbeddedModels:
    """The models of one account in one region.

    :param database: has the models of automated labeling.
    """

    def __init__(self, database: Database, account: str, region: str) -> None:
        from moto.sagemaker import models

        self._database = database
        self._backend: Any = models.sagemaker_backends[account][region]
        self._shown: set[str] = set()

    def show(self) -> None:
        """Add to moto the models that automated labeling has made since the last time."""
        with self._database.read() as connection:
            rows = [row for row in model_rows.every_model(connection) if row.name not in self._shown]
        for row in rows:
            model = self._backend.create_model(
                model_name=row.name,
                execution_role_arn=row.description["ExecutionRoleArn"],
                primary_container=row.description["PrimaryContainer"],
                vpc_config=row.description.get("VpcConfig"),
                containers=None,
                tags=None,
            )
            model.creation_time = datetime.fromtimestamp(row.created, UTC).replace(tzinfo=None)
            self._shown.add(row.name)

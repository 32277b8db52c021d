"""An auth manager with rights for each DAG: only an admin may read ``secret``."""

from __future__ import annotations

from typing import Any

from airflow.api_fastapi.auth.managers.models.resource_details import DagDetails
from airflow.api_fastapi.auth.managers.simple.simple_auth_manager import SimpleAuthManager


class RightsByDag(SimpleAuthManager):
    def is_authorized_dag(self, *, user: Any, details: DagDetails | None = None, **options: Any) -> bool:
        if details is not None and details.id == "secret" and user.role != "admin":
            return False
        return bool(super().is_authorized_dag(user=user, details=details, **options))

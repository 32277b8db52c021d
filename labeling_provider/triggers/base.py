"""The base of all triggers: connection arguments and serialization."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from airflow.triggers.base import BaseTrigger


@dataclass(kw_only=True, eq=False, repr=False)
class LabelingTrigger(BaseTrigger):
    """Base of all triggers: a dataclass whose fields are the trigger's arguments, all of them JSON values.

    :param aws_conn_id: the Airflow connection.
    :param region_name: the region; None for the connection's.
    :param verify: whether to verify TLS certificates, or the path of a CA bundle.
    :param botocore_config: botocore configuration.
    """

    aws_conn_id: str | None = "aws_default"
    region_name: str | None = None
    verify: bool | str | None = None
    botocore_config: dict[str, Any] | None = None

    def __post_init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]

    @classmethod
    def arguments(cls) -> list[str]:
        """Names of the arguments."""
        return [field.name for field in fields(cls)]

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """The class path and the arguments, for the triggerer."""
        path = f"{type(self).__module__}.{type(self).__qualname__}"
        return path, {name: getattr(self, name) for name in self.arguments()}

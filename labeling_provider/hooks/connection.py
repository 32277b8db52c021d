"""The arguments that lead to a connection, once for operators, sensors, triggers and the notifier."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from labeling_provider.hooks.labeling import LabelingHook


@dataclass(kw_only=True, eq=False, repr=False)
class ConnectionArguments:
    """The connection arguments, all of them JSON values.

    :param aws_conn_id: the Airflow connection; None for boto3's default credentials.
    :param region_name: the region; None for the connection's.
    :param verify: whether to verify TLS certificates, or the path of a CA bundle; None for what the connection says.
    :param botocore_config: botocore configuration.
    """

    aws_conn_id: str | None = "aws_default"
    region_name: str | None = None
    verify: bool | str | None = None
    botocore_config: dict[str, Any] | None = None

    @property
    def connection_arguments(self) -> dict[str, Any]:
        """The arguments by their names."""
        return {name: getattr(self, name) for name in CONNECTION_ARGUMENTS}

    @property
    def connection_key(self) -> str:
        """A string that is the same for the same arguments, whatever else their holder has."""
        return json.dumps(self.connection_arguments, sort_keys=True)

    def make_hook(self, **more: Any) -> LabelingHook:
        """A hook of this connection.

        :param more: further arguments of :class:`labeling_provider.hooks.labeling.LabelingHook`.
        """
        from labeling_provider.hooks.labeling import LabelingHook

        given = self.connection_arguments
        config = given.pop("botocore_config")
        return LabelingHook(**given, config=config, **more)


CONNECTION_ARGUMENTS: Final = tuple(field.name for field in fields(ConnectionArguments))
"""Their names."""
TEMPLATED_ARGUMENTS: Final = ("aws_conn_id", "region_name")
"""Those that may be templates."""

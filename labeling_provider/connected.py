"""What every task on a labeling job shares: its connection, its links, its colour."""

from __future__ import annotations

from collections.abc import Collection
from functools import cached_property
from typing import TYPE_CHECKING, Any

from labeling_provider.links import JOB_LINKS

if TYPE_CHECKING:
    from airflow.sdk import BaseOperatorLink

    from labeling_provider.hooks.labeling import LabelingHook


class LabelingTask:
    """Mixed into operators and sensors that take the amazon provider's connection arguments."""

    operator_extra_links: Collection[BaseOperatorLink] = JOB_LINKS
    ui_color: str = "#ffe8c4"

    aws_conn_id: str | None
    region_name: str | None
    verify: bool | str | None
    botocore_config: dict[str, Any] | None

    @cached_property
    def hook(self) -> LabelingHook:
        """The hook of this task's connection."""
        from labeling_provider.hooks.labeling import LabelingHook

        return LabelingHook(
            aws_conn_id=self.aws_conn_id,
            region_name=self.region_name,
            verify=self.verify,
            config=self.botocore_config,
        )

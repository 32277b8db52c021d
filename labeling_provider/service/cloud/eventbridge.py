"""Events: what is told of a labeling job that has ended.

Source: developer guide, "Monitor labeling job status"; EventBridge reference, "Amazon SageMaker events".
"""

from __future__ import annotations

from typing import Protocol


class Announce(Protocol):
    """Puts a labeling job's state change on the default event bus. Nothing that goes wrong with it is raised."""

    def __call__(self, arn: str, status: str, /) -> None:
        """Tell it.

        :param arn: the labeling job's.
        :param status: its last one.
        """

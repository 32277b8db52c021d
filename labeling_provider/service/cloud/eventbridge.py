"""The interface for events about labeling jobs that have ended.

Source: developer guide, "Monitor labeling job status"; EventBridge reference, "Amazon SageMaker events".
"""

from __future__ import annotations

from typing import Protocol


class Announce(Protocol):
    """Puts a labeling job's state change on the default event bus. Errors are logged, not raised."""

    def __call__(self, arn: str, status: str, /) -> None:
        """Send the event.

        :param arn: the labeling job's ARN.
        :param status: its final status.
        """

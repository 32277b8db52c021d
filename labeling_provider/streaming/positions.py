"""Keeps how far a source is done with in a small S3 object."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from botocore.exceptions import ClientError

from labeling_provider.errors import LabelingError
from labeling_provider.groundtruth.description import JobRequest
from labeling_provider.groundtruth.uris import join_s3_uri
from labeling_provider.streaming.pusher import listeners
from labeling_provider.streaming.sources import Position

if TYPE_CHECKING:
    from labeling_provider.hooks.labeling import LabelingHook

_LARGEST: Final = 16_384


def position_uri(hook: LabelingHook, job_name: str | None, topic_arn: str, key: str) -> str | None:
    """Where the position of a source is kept: beside the output of the job that it feeds.

    :param job_name: the job; None for one that listens to the topic.
    :return: None if there is no such job now.
    """
    name = job_name or next(iter(listeners(hook, topic_arn)), None)
    description = hook.find_job(name) if name else None
    if description is None:
        return None
    return join_s3_uri(str(JobRequest(description).output_path), "push-positions", f"{key}.json")


class S3Position:
    """The object.

    :param uri: its S3 URI.
    """

    def __init__(self, hook: LabelingHook, uri: str) -> None:
        self._hook, self._uri = hook, uri

    def load(self) -> Position | None:
        """What was saved last; None if there is nothing.

        :raises LabelingError: if it can't be read, or is not what was saved.
        """
        try:
            text = self._hook.read_object(self._uri, _LARGEST)
        except LabelingError as error:
            cause = error.__cause__
            if isinstance(cause, ClientError) and cause.response["Error"]["Code"] == "NoSuchKey":
                return None
            raise
        try:
            position = json.loads(text)
        except ValueError:
            position = None
        if not isinstance(position, dict):
            raise LabelingError(f"{self._uri} is no position of a push; delete it to begin anew.")
        return position

    def save(self, position: Position) -> None:
        """Save a position, unless another pusher of the same source has come further."""
        there = self.load()
        if there is None or _order(there) <= _order(position):
            self._hook.write_text(self._uri, json.dumps(position))


def _order(position: Position) -> tuple[float, str, str, int]:
    return (
        position.get("threshold", 0.0),
        position.get("after", ""),
        position.get("inside", ""),
        position.get("line", 0),
    )

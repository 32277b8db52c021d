"""Stores the position in a source of objects in a small S3 object."""

from __future__ import annotations

import json
from typing import Final

from labeling_provider.client.ground_truth import GroundTruth
from labeling_provider.client.retries import error_code
from labeling_provider.errors import LabelingError
from labeling_provider.groundtruth.documents import strict_json
from labeling_provider.groundtruth.uris import join_s3_uri
from labeling_provider.streaming.pusher import listeners
from labeling_provider.streaming.sources import Position

_MAX_BYTES: Final = 16_384


def position_uri(ground_truth: GroundTruth, job_name: str | None, topic_arn: str, key: str) -> str | None:
    """S3 URI for the position of a source: next to the output of the job that it feeds.

    :param job_name: the job; None for a running job that listens to the topic.
    :param key: a name that is unique for the source.
    :return: None if there is no such job at the moment.
    """
    name = job_name or next(iter(listeners(ground_truth, topic_arn)), None)
    job = ground_truth.find_job(name) if name else None
    if job is None:
        return None
    return join_s3_uri(str(job.output_path), "push-positions", f"{key}.json")


class S3Position:
    """A position stored in S3.

    :param uri: the object's S3 URI.
    """

    def __init__(self, ground_truth: GroundTruth, uri: str) -> None:
        self._ground_truth, self._uri = ground_truth, uri

    def load(self) -> Position | None:
        """The saved position; None if there is none.

        :raises LabelingError: if it can't be read, or is not a position.
        """
        try:
            text = self._ground_truth.objects.read(self._uri, _MAX_BYTES)
        except LabelingError as error:
            if error_code(error) == "NoSuchKey":
                return None
            raise
        try:
            position = strict_json(text)
        except ValueError:
            position = None
        if not isinstance(position, dict):
            raise LabelingError(f"{self._uri} is not a saved position of a push; delete it to start over.")
        return position

    def save(self, position: Position) -> None:
        """Save a position, unless another pusher of the same source has got further.

        :raises LabelingError: if it can't be saved.
        """
        saved = self.load()
        if saved is None or _order(saved) <= _order(position):
            self._ground_truth.objects.write_text(self._uri, json.dumps(position))


def _order(position: Position) -> tuple[float, str, str, int]:
    return (
        position.get("threshold", 0.0),
        position.get("after", ""),
        position.get("inside", ""),
        position.get("line", 0),
    )

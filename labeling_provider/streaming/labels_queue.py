"""Receives labels from the SQS queue of an output topic, and stores them in S3 in batches."""

from __future__ import annotations

import hashlib
import json
import logging
import time
from collections import Counter
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from labeling_provider.client.ground_truth import GroundTruth
from labeling_provider.client.queue import ReadQueue, is_missing_queue
from labeling_provider.client.retries import answer_to
from labeling_provider.errors import LabelingError
from labeling_provider.groundtruth.dates import nanoseconds
from labeling_provider.groundtruth.events import message_content
from labeling_provider.groundtruth.facts import Quota
from labeling_provider.groundtruth.objects import CREATION_DATE, METADATA, job_of, metadata_of
from labeling_provider.groundtruth.uris import join_s3_uri
from labeling_provider.manifest import LabelError, read_label

_MAX_WAIT: Final = 5.0
_UNTIL_STORED: Final = 900
_MAX_CLASSES: Final = 100

log = logging.getLogger(__name__)


class Batch(NamedTuple):
    """A stored batch of labels.

    :param event: its URI and counts, as a JSON value.
    :param receipts: SQS's receipt handles, for deleting the messages.
    """

    event: dict[str, Any]
    receipts: list[str]


class _Held(NamedTuple):
    receipt: str
    message_id: str
    line: str


class LabelsQueue:
    """A queue of labels.

    :param queue: the queue's URL or name; it need not exist yet.
    :param labels_uri: S3 URI of the folder for the batches.
    :param batch_size: number of labels in a full batch.
    :param max_wait: seconds after which a smaller batch is stored.
    """

    def __init__(
        self, ground_truth: GroundTruth, queue: str, labels_uri: str, batch_size: int, max_wait: float
    ) -> None:
        self._sqs, self._objects, self._outage = ground_truth.client("sqs"), ground_truth.objects, ground_truth.outage
        self._queue, self._labels_uri = queue, labels_uri
        self._reader = ReadQueue(self._sqs, queue, ground_truth.outage) if "://" in queue else None
        self._batch_size, self._max_wait = batch_size, max_wait
        self._held: list[_Held] = []
        self._since = 0.0
        self._warned = False

    def collect(self) -> Batch | None:
        """Wait a few seconds for labels.

        :return: a batch, once there are enough labels or the first has waited long enough; otherwise None.
        :raises LabelingError: if the queue can't be read, or the batch can't be stored.
        """
        reader = self._reader = self._reader or self._find()
        if reader is None:
            time.sleep(_MAX_WAIT)
            return None
        seconds = self._since + self._max_wait - time.monotonic() if self._held else _MAX_WAIT
        wanted = self._batch_size - len(self._held)
        if wanted > 0:
            self._receive(reader, wanted, min(max(seconds, 0.0), _MAX_WAIT))
        if not self._held:
            return None
        if len(self._held) < self._batch_size and time.monotonic() - self._since < self._max_wait:
            return None
        batch = Batch(self._stored(self._held), [held.receipt for held in self._held])
        self._held = []
        return batch

    def _find(self) -> ReadQueue | None:
        """The queue with this name; None if it does not exist yet."""
        action = f"Getting the URL of the queue {self._queue}"
        try:
            answer = answer_to(lambda: self._sqs.get_queue_url(QueueName=self._queue), action, outage=self._outage)
        except LabelingError as error:
            if is_missing_queue(error):
                return None
            raise
        return ReadQueue(self._sqs, answer["QueueUrl"], self._outage)

    def _receive(self, reader: ReadQueue, max_messages: int, seconds: float) -> None:
        messages = reader.receive(
            max_messages, wait=seconds, keep=min(self._max_wait + _UNTIL_STORED, Quota.HIDDEN_MESSAGE_SECONDS)
        )
        held = {other.message_id for other in self._held}
        for message in messages:
            line = label_line(message["Body"])
            if line is not None and message["MessageId"] not in held:
                if not self._held:
                    self._since = time.monotonic()
                self._held.append(_Held(message["ReceiptHandle"], message["MessageId"], line))
            elif line is None and not self._warned:
                self._warned = True
                log.warning("%s contains messages that are not labels; ignoring them", self._queue)

    def _stored(self, batch: list[_Held]) -> dict[str, Any]:
        text = "".join(f"{held.line}\n" for held in batch)
        stamp = datetime.now(UTC).strftime("%Y-%m-%dT%H-%M-%SZ")
        name = f"{stamp}-{hashlib.sha256(text.encode()).hexdigest()[:16]}.manifest"
        uri = join_s3_uri(self._labels_uri, name)
        self._objects.write_text(uri, text)
        return {"labels_uri": uri, "count": len(batch), **_counts([json.loads(held.line) for held in batch])}

    def delete(self, receipts: list[str]) -> None:
        """Delete the messages of a batch, once its event has been stored elsewhere."""
        if self._reader is not None:
            self._reader.delete(receipts)


def label_line(body: str) -> str | None:
    """The output line in a message from an output topic, as JSON on one line; None if the message has none.

    :param body: an SNS envelope, or the line itself if the subscription delivers raw messages.
    """
    try:
        content = message_content(body)
        if not isinstance(content, dict) or not _attribute(content):
            return None
        text = json.dumps(content, ensure_ascii=False)
        text.encode()
    except (ValueError, RecursionError):
        return None
    return text


def _attribute(line: dict[str, Any]) -> str:
    """The label attribute with the newest label; empty if there is none."""
    names = [key.removesuffix(METADATA) for key in line if key.endswith(METADATA)]
    dates = {name: str(metadata_of(line, name).get(CREATION_DATE)) for name in names if name in line}
    return max(((nanoseconds(date) or 0, name) for name, date in dates.items()), default=(0, ""))[1]


def _classes(line: dict[str, Any], attribute: str) -> tuple[str, ...]:
    """Names of the classes of a line's label; empty if the label does not have the structure of its type."""
    try:
        label = read_label(line, attribute)
    except LabelError:
        return ()
    return label.classes if label is not None else ()


def _counts(lines: list[dict[str, Any]]) -> dict[str, Any]:
    """Label attribute, job and number of labels by class."""
    attribute = _attribute(lines[-1])
    classes = Counter(name[:256] for line in lines for name in _classes(line, attribute))
    job = job_of(metadata_of(lines[-1], attribute))
    return {"label_attribute_name": attribute, "job_name": job, "classes": dict(classes.most_common(_MAX_CLASSES))}

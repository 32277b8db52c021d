"""Messages for the input topic of a streaming job: a manifest line each, with a deduplication id.

Source: developer guide, "Ground Truth streaming labeling jobs", section "Duplicate message handling"; SNS API
reference, PublishBatch.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator
from typing import Any, Final, NamedTuple

from labeling_provider.groundtruth.objects import ID_KEY, OWN_ID_KEY

MAX_MESSAGE_BYTES: Final = 262_144
"""Largest SNS message, and largest total of one PublishBatch, in bytes."""
MAX_BATCH: Final = 10
"""Most messages in one PublishBatch."""
_MAX_ID: Final = 1024
# Neither SNS nor SQS accepts these characters unescaped.
_ESCAPED: Final = re.compile("[\ufffe\uffff\ud800-\udfff]")


class Message(NamedTuple):
    """A message about one data object.

    :param text: the message.
    :param size: its size in bytes.
    :param about: the object's id, for people.
    """

    text: str
    size: int
    about: str


def message_of(line: dict[str, Any], object_id: str) -> Message:
    """The message for a data object.

    :param line: its manifest line. A deduplication id in the line is kept.
    :param object_id: a stable, unique id of the object.
    """
    reference = line.get("source-ref")
    if ID_KEY in line:
        identified = line
    elif object_id == reference and len(object_id) <= _MAX_ID:
        identified = {**line, ID_KEY: "source-ref"}
    else:
        identified = {**line, ID_KEY: OWN_ID_KEY, OWN_ID_KEY: _short(object_id)}
    text = json.dumps(identified, ensure_ascii=False)
    if _ESCAPED.search(text):
        text = json.dumps(identified)
    return Message(text, len(text) if text.isascii() else len(text.encode()), object_id)


def _short(object_id: str) -> str:
    """An id within the length limit: the id itself, or a hash."""
    if len(object_id) <= _MAX_ID:
        return object_id
    return f"s3://sha-256/{hashlib.sha256(object_id.encode(errors='surrogatepass')).hexdigest()}"


def batches(messages: Iterable[Message]) -> Iterator[list[Message]]:
    """Group messages for PublishBatch.

    :param messages: messages of at most :data:`MAX_MESSAGE_BYTES` each.
    """
    batch: list[Message] = []
    size = 0
    for message in messages:
        if batch and (len(batch) == MAX_BATCH or size + message.size > MAX_MESSAGE_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(message)
        size += message.size
    if batch:
        yield batch

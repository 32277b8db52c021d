"""Messages for the input topic of a streaming job: a manifest line each, with an id under which it is labeled once.

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
"""Most bytes of an SNS message, and of all messages of one PublishBatch together."""
MAX_BATCH: Final = 10
_MAX_ID: Final = 1024
# Neither SNS nor SQS takes these as they are.
_ESCAPED: Final = re.compile("[\ufffe\uffff\ud800-\udfff]")


class Message(NamedTuple):
    """What is published about one data object.

    :param text: the message.
    :param size: its bytes.
    :param about: what it is about, for people.
    """

    text: str
    size: int
    about: str


def message_of(line: dict[str, Any], object_id: str) -> Message:
    """The message for a data object.

    :param line: its manifest line. If it names its own deduplication id, that stays.
    :param object_id: the same whenever the same object is found, different for any other.
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
    """An id that is not longer than an id may be."""
    if len(object_id) <= _MAX_ID:
        return object_id
    return f"s3://sha-256/{hashlib.sha256(object_id.encode(errors='surrogatepass')).hexdigest()}"


def batches(messages: Iterable[Message]) -> Iterator[list[Message]]:
    """Messages in groups that one PublishBatch takes.

    :param messages: none larger than :data:`MAX_MESSAGE_BYTES`.
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

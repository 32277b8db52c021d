"""How data objects enter a job: from the lines of its manifest, or from the messages in a streaming job's queue.

Source: developer guide, "Ground Truth streaming labeling jobs", section "Duplicate message handling".
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any, Final, NamedTuple
from urllib.parse import unquote_plus

from labeling_provider.groundtruth import layout
from labeling_provider.groundtruth.documents import TOO_DEEP, as_json, plain, trouble_with
from labeling_provider.groundtruth.objects import ID_KEY
from labeling_provider.groundtruth.uris import split_s3_uri
from labeling_provider.manifest.reader import parse_line
from labeling_provider.service.cloud.messaging import QueuedMessage
from labeling_provider.service.database.states import ObjectState

_KEY_PATTERN: Final = re.compile(r"[$a-zA-Z0-9](-*[a-zA-Z0-9])*")
_MAX_KEY: Final = 140
_MAX_ID: Final = 1024
_SHOWN: Final = 80
_MAX_REASON: Final = 1000


class Arrival(NamedTuple):
    """A data object that arrived in a message.

    :param line: its manifest line, as JSON.
    :param digest: SHA-256 of its deduplication id, in hexadecimal; objects with the same id are labeled once.
    :param reason: why it can't be labeled; None if it can.
    """

    line: str
    digest: str
    reason: str | None = None


def arrivals_of(message: QueuedMessage, attribute: str, data_key: str) -> list[Arrival]:
    """The data objects in a message; empty for messages without any, such as S3's test event.

    :param attribute: the job's label attribute name; the key for an id that the service assigns is derived from it.
    :param data_key: ``source`` or ``source-ref`` if every object must have that key; empty if it may have either.
    """
    text, message_id = _unwrapped(message)
    generated = f"${attribute}-object-id"
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        content = None
    trouble = trouble_with(text, content)
    if trouble:
        content = None
    if isinstance(content, dict) and content.get("Event") == "s3:TestEvent":
        return []
    if isinstance(content, dict) and isinstance(content.get("Records"), list):
        records = [record for record in content["Records"] if isinstance(record, dict)]
        return [_stored_object(record, generated, data_key) for record in records if _is_creation(record)]
    own_id = {ID_KEY: generated, generated: message_id}
    try:
        if trouble:
            raise ValueError(trouble)
        line = parse_line(text.encode(), data_key)
        identified = line if ID_KEY in line else {**line, **own_id}
        dedup_id = _given_id(identified)
        written = as_json(identified)
    except ValueError as error:
        reason = f"The message {text[:_SHOWN]!r} is not a data object: {str(error).rstrip('.')}."
        return [Arrival(as_json(own_id), _digest(message_id), plain(reason, _MAX_REASON))]
    return [Arrival(written, _digest(dedup_id))]


def first_state(
    line: str, attribute: str, metadata_type: str, job_name: str, at: float
) -> tuple[dict[str, Any], str | None]:
    """The initial database row for a manifest line.

    :param attribute: the job's label attribute name; a line that already has it is not labeled again.
    :param at: the time, in epoch seconds.
    :return: the columns of the row, and why the object failed; None if it did not.
    """
    try:
        content = json.loads(line)
        trouble = trouble_with(line, content)
    except RecursionError:
        content, trouble = {}, TOO_DEEP
    if attribute in content:
        return {"line": line, "state": ObjectState.GIVEN, "result": None}, None
    if trouble is None:
        return {"line": line, "state": ObjectState.WAITING, "result": None}, None
    result = layout.failure(trouble, attribute, metadata_type, job_name, at)
    return {"line": line, "state": ObjectState.FAILED, "result": as_json(result)}, trouble


def line_arrival(number: int, line: str) -> Arrival:
    """The data object of a line in a streaming job's initial manifest.

    :param number: the line's number; it identifies the object if the line has no deduplication id.
    """
    try:
        content = json.loads(line)
    except RecursionError:
        content = {}
    key = content.get(ID_KEY)
    dedup_id = content.get(key) if isinstance(key, str) else None
    digest = _digest(dedup_id if isinstance(dedup_id, str) else f"line {number} of the manifest")
    return Arrival(line, digest, trouble_with(line, content) if content else TOO_DEEP)


def _unwrapped(message: QueuedMessage) -> tuple[str, str]:
    """The published text and its message id. A message without SNS's envelope is used as it is."""
    try:
        envelope = json.loads(message.body)
        if envelope["Type"] == "Notification":
            return str(envelope["Message"]), str(envelope["MessageId"]).encode(errors="replace").decode()
    except (ValueError, KeyError, TypeError, RecursionError):
        pass
    return message.body, message.message_id


def _given_id(line: dict[str, Any]) -> str:
    """The deduplication id in a line.

    :raises ValueError: if it is invalid.
    """
    key = line[ID_KEY]
    if not isinstance(key, str) or len(key) > _MAX_KEY or not _KEY_PATTERN.fullmatch(key):
        raise ValueError(f"{ID_KEY} is {str(key)[:_SHOWN]!r}, not a key of letters, digits and hyphens")
    dedup_id = line.get(key)
    if not isinstance(dedup_id, str) or not 1 <= len(dedup_id) <= _MAX_ID:
        raise ValueError(f"the deduplication id under {key!r} is not a string of 1 to {_MAX_ID} characters")
    return dedup_id


def _is_creation(record: dict[str, Any]) -> bool:
    return str(record.get("eventName", "")).startswith("ObjectCreated")


def _stored_object(record: dict[str, Any], generated: str, data_key: str) -> Arrival:
    """The data object of an S3 event notification."""
    try:
        bucket, stored = record["s3"]["bucket"]["name"], record["s3"]["object"]
        uri = f"s3://{bucket}/{unquote_plus(stored['key'], errors='strict')}"
        sequencer = str(stored.get("sequencer", ""))
        split_s3_uri(uri)
        (uri + sequencer).encode()
    except (KeyError, TypeError, ValueError, AttributeError):
        text = json.dumps(record)
        reason = f"The notification {text[:_SHOWN]!r} does not name an object."
        return Arrival(as_json({ID_KEY: generated, generated: _digest(text)}), _digest(text), reason)
    dedup_id = uri + sequencer
    line = {"source-ref": uri, ID_KEY: generated, generated: dedup_id, "$sequencer": sequencer}
    if data_key == "source":
        return Arrival(as_json(line), _digest(dedup_id), "Bucket notifications do not work for text.")
    return Arrival(as_json(line), _digest(dedup_id))


def _digest(dedup_id: str) -> str:
    return hashlib.sha256(dedup_id.encode(errors="surrogatepass")).hexdigest()

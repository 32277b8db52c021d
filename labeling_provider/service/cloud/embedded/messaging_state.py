"""Turns moto's topics, subscriptions, queues and messages into rows of the database, and rows into them."""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Callable
from typing import Any, Final

from labeling_provider.service.database.queue_rows import NewMessage
from labeling_provider.service.database.recorded_messages import Recorded, ResourceKind

_NONCE_CHARACTERS: Final = 24
_TOPIC_FIELDS: Final = (
    "display_name",
    "delivery_policy",
    "kms_master_key_id",
    "effective_delivery_policy",
    "policy",
    "fifo_topic",
    "content_based_deduplication",
    "_tags",
)
# A queue's attributes, and moto's fields for them.
_QUEUE_FIELDS: Final = {
    "ContentBasedDeduplication": "content_based_deduplication",
    "CreatedTimestamp": "created_timestamp",
    "DeduplicationScope": "deduplication_scope",
    "DelaySeconds": "delay_seconds",
    "FifoQueue": "fifo_queue",
    "FifoThroughputLimit": "fifo_throughput_limit",
    "KmsDataKeyReusePeriodSeconds": "kms_data_key_reuse_period_seconds",
    "KmsMasterKeyId": "kms_master_key_id",
    "LastModifiedTimestamp": "last_modified_timestamp",
    "MaximumMessageSize": "maximum_message_size",
    "MessageRetentionPeriod": "message_retention_period",
    "Policy": "policy",
    "ReceiveMessageWaitTimeSeconds": "receive_message_wait_time_seconds",
    "RedrivePolicy": "redrive_policy",
    "SqsManagedSseEnabled": "sqs_managed_sse_enabled",
    "VisibilityTimeout": "visibility_timeout",
}


def apply(kind: ResourceKind, alive: Any, row: Recorded, sns: Any) -> None:
    """Set the state of a topic, subscription or queue from its row.

    :param sns: moto's SNS, which parses a subscription's filter.
    """
    if kind is ResourceKind.TOPIC:
        for field, value in json.loads(row["fields"]).items():
            setattr(alive, field, value)
    elif kind is ResourceKind.SUBSCRIPTION:
        given = json.loads(row["attributes"])
        alive.attributes, alive._filter_policy, alive._filter_policy_matcher = dict(given), None, None
        if given.get("FilterPolicy"):
            sns.set_subscription_attributes(alive.arn, "FilterPolicy", given["FilterPolicy"])
    else:
        settings = json.loads(row["settings"])
        for name, field in _QUEUE_FIELDS.items():
            value = settings.get(name)
            # Version 0.1.0 stored some as strings, and left out those that were not set.
            if name in {"ContentBasedDeduplication", "FifoQueue"}:
                value = str(value).lower() == "true"
            if name == "RedrivePolicy" and isinstance(value, str):
                value = json.loads(value)
            if name in settings or name in {"Policy", "RedrivePolicy"}:
                setattr(alive, field, value)
        alive.tags = json.loads(row["tags"])


def received_message(row: Any) -> Any:
    """The moto message for a row that was just received, with a receipt handle."""
    from moto.sqs.models import Message

    message = Message(row.message_id, row.body)
    message.sent_timestamp = row.sent
    for name, value in json.loads(row.details).items():
        setattr(message, name, _from_json(value))
    message.approximate_receive_count = row.received
    message.approximate_first_receive_timestamp = row.first_received
    message.receipt_handle = receipt_of(row.message_id)
    return message


def receipt_of(message_id: str) -> str:
    """A new receipt handle, which says what message it is for."""
    return base64.urlsafe_b64encode(f"{secrets.token_hex(12)} {message_id}".encode()).decode()


def message_of(receipt: str) -> str | None:
    """The id of the message that a receipt handle is for; None if it is not a receipt handle."""
    try:
        nonce, space, message_id = base64.b64decode(receipt, altchars="-_", validate=True).decode().partition(" ")
    except ValueError:
        return None
    return message_id if space and len(nonce) == _NONCE_CHARACTERS and message_id else None


def _topic_row(topic: Any) -> Recorded:
    fields = json.dumps({name: getattr(topic, name) for name in _TOPIC_FIELDS})
    return {"arn": topic.arn, "name": topic.name, "fields": fields}


def _subscription_row(subscription: Any) -> Recorded:
    return {
        "arn": subscription.arn,
        "topic": subscription.topic_arn,
        "endpoint": subscription.endpoint,
        "protocol": subscription.protocol,
        "attributes": json.dumps(subscription.attributes),
    }


def _queue_row(queue: Any) -> Recorded:
    return {
        "arn": queue.queue_arn,
        "name": queue.name,
        "settings": json.dumps({name: getattr(queue, field) for name, field in _QUEUE_FIELDS.items()}),
        "tags": json.dumps(queue.tags),
    }


_ROWS: Final[dict[ResourceKind, Callable[[Any], Recorded]]] = {
    ResourceKind.QUEUE: _queue_row,
    ResourceKind.TOPIC: _topic_row,
    ResourceKind.SUBSCRIPTION: _subscription_row,
}


def row_of(kind: ResourceKind, alive: Any) -> Recorded:
    """The row of a topic, subscription or queue."""
    return _ROWS[kind](alive)


def describe_message(queue_arn: str, message: Any) -> NewMessage:
    """The row of a moto message that was just sent."""
    details = {
        "message_attributes": _as_json(message.message_attributes),
        "system_attributes": _as_json(message.system_attributes),
        "deduplication_id": message.deduplication_id,
        "group_id": message.group_id,
        "sequence_number": message.sequence_number,
    }
    return NewMessage(
        queue_arn,
        message.id,
        message.sent_timestamp,
        message.body,
        json.dumps(details),
        int(message.delayed_until),
        message.group_id,
        message.deduplication_id,
    )


def _as_json(value: Any) -> Any:
    """Message attributes as JSON; bytes become an object with the key ``base64``."""
    if isinstance(value, bytes):
        return {"base64": base64.b64encode(value).decode()}
    return {key: _as_json(part) for key, part in value.items()} if isinstance(value, dict) else value


def _from_json(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    if value.keys() == {"base64"}:
        return base64.b64decode(value["base64"])
    return {key: _from_json(part) for key, part in value.items()}

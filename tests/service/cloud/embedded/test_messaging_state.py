"""Topics, queues and messages come back from their rows as they were."""

from __future__ import annotations

import json
from types import SimpleNamespace

from moto.sqs.models import Message

from labeling_provider.service.cloud.embedded.messaging_state import (
    describe_message,
    message_of,
    receipt_of,
    received_message,
)
from tests.service.inside import Inside


def test_a_policy_that_a_topic_was_given_is_there_after_a_restart(inside: Inside) -> None:
    sns = inside.client("sns")
    arn = sns.create_topic(Name="birds")["TopicArn"]
    sns.add_permission(TopicArn=arn, Label="l", AWSAccountId=["1"], ActionName=["Publish"])
    policy = json.loads(sns.get_topic_attributes(TopicArn=arn)["Attributes"]["Policy"])
    inside.start()
    assert json.loads(sns.get_topic_attributes(TopicArn=arn)["Attributes"]["Policy"]) == policy


def test_a_message_is_received_with_the_attributes_that_it_was_sent_with() -> None:
    attributes = {"raw": {"data_type": "Binary", "binary_value": b"\x00\xff"}, "kind": {"string_value": "tit"}}
    sent = Message("m-1", "body", {"AWSTraceHeader": {"string_value": "t"}})
    sent.message_attributes, sent.group_id, sent.sequence_number = attributes, "g", "7"
    sent.mark_sent(0)
    stored = describe_message("arn-queue", sent)
    row = SimpleNamespace(**stored._asdict(), received=2, first_received=5)
    received = received_message(row)
    assert (received.id, received.body, received.group_id, received.sequence_number) == ("m-1", "body", "g", "7")
    assert received.message_attributes == attributes
    assert received.system_attributes == {"AWSTraceHeader": {"string_value": "t"}}
    assert (received.sent_timestamp, received.approximate_receive_count) == (sent.sent_timestamp, 2)


def test_a_receipt_names_its_message_and_nothing_else_is_one() -> None:
    first, second = receipt_of("m 1/ä"), receipt_of("m 1/ä")
    assert first != second
    assert message_of(first) == message_of(second) == "m 1/ä"
    assert [message_of(odd) for odd in ("", "m-1", first[:-4], first[4:], "!" + first)] == [None] * 5

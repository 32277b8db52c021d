"""Creates the resources of a streaming job: topics and their policies, bucket notifications, and a queue for labels.

Existing resources are never replaced. Those that are already right are not touched at all, because S3 sends a test
event whenever a bucket's notifications change, and a running job would mistake that event for an object.
Source: developer guide, "Create Amazon SNS input and output topics" and "Set up Amazon S3 bucket event notifications".
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from typing import Any, Final

from botocore.exceptions import ClientError

from labeling_provider.client.ground_truth import GroundTruth
from labeling_provider.client.retries import error_code
from labeling_provider.errors import LabelingError
from labeling_provider.groundtruth.facts import Arn, bucket_arn, principal_of
from labeling_provider.groundtruth.uris import split_s3_uri
from labeling_provider.request.names import fingerprint

_CREATED: Final = "s3:ObjectCreated:*"
_MISSING_TOPIC: Final = frozenset({"NotFound", "NotFoundException"})

log = logging.getLogger(__name__)


class StreamResources:
    """The topics, buckets and queues of one connection.

    :param ground_truth: makes the clients.
    """

    def __init__(self, ground_truth: GroundTruth) -> None:
        self._sns, self._sqs, self._s3 = ground_truth.client("sns"), ground_truth.client("sqs"), ground_truth.s3

    def topic(self, arn: str) -> None:
        """Make sure that a topic exists.

        :raises LabelingError: if it does not exist and belongs to another account.
        """
        try:
            self._sns.get_topic_attributes(TopicArn=arn)
        except ClientError as error:
            if error_code(error) not in _MISSING_TOPIC:
                raise
        else:
            return
        created = self._sns.create_topic(Name=Arn.parse(arn).resource)["TopicArn"]
        if created != arn:
            self._sns.delete_topic(TopicArn=created)
            raise LabelingError(
                f"The topic {arn} does not exist and belongs to another account or region: this connection would "
                f"create {created}."
            )
        log.info("Created the topic %s", arn)

    def bucket_notifies(self, topic_arn: str, prefix_uri: str, suffix: str = "") -> None:
        """Make sure that a bucket notifies a topic of every object created under a prefix.

        :param prefix_uri: ``s3://bucket/prefix``.
        :param suffix: notify only of keys with this suffix.
        :raises LabelingError: if S3 refuses, for example because the prefix overlaps another notification's.
        """
        bucket, prefix = split_s3_uri(prefix_uri)
        self._let_bucket_publish(topic_arn, bucket)
        present = self._s3.get_bucket_notification_configuration(Bucket=bucket)
        present.pop("ResponseMetadata", None)
        rules = [{"Name": name, "Value": value} for name, value in (("prefix", prefix), ("suffix", suffix)) if value]
        wanted = {
            "Id": f"labeling-{fingerprint([topic_arn, prefix, suffix])}",
            "TopicArn": topic_arn,
            "Events": [_CREATED],
            **({"Filter": {"Key": {"FilterRules": rules}}} if rules else {}),
        }
        others = present.get("TopicConfigurations", [])
        if any(_same_notification(other, wanted) for other in others):
            return
        try:
            self._s3.put_bucket_notification_configuration(
                Bucket=bucket,
                NotificationConfiguration={**present, "TopicConfigurations": [*others, wanted]},
            )
        except ClientError as error:
            raise LabelingError(f"{prefix_uri} can't notify {topic_arn} of new objects: {error}") from error
        log.info("%s notifies %s of new objects", prefix_uri, topic_arn)

    def _let_bucket_publish(self, topic_arn: str, bucket: str) -> None:
        statement = {
            "Sid": f"labeling{fingerprint([bucket])}",
            "Effect": "Allow",
            "Principal": {"Service": principal_of("s3")},
            "Action": "SNS:Publish",
            "Resource": topic_arn,
            "Condition": {
                "ArnLike": {"aws:SourceArn": bucket_arn(bucket, partition=Arn.parse(topic_arn).partition)},
                "StringEquals": {"aws:SourceAccount": Arn.parse(topic_arn).account},
            },
        }
        present = self._sns.get_topic_attributes(TopicArn=topic_arn)["Attributes"].get("Policy")
        if (policy := _with_statement(present, statement)) is not None:
            self._sns.set_topic_attributes(TopicArn=topic_arn, AttributeName="Policy", AttributeValue=policy)

    def labels_queue(self, name: str, topic_arn: str) -> str:
        """Make sure that a queue exists and is subscribed to the output topic.

        :param name: the queue's name.
        :return: the queue's URL.
        """
        url = str(self._sqs.create_queue(QueueName=name)["QueueUrl"])
        wanted = ["QueueArn", "Policy"]
        attributes = self._sqs.get_queue_attributes(QueueUrl=url, AttributeNames=wanted)["Attributes"]
        arn = attributes["QueueArn"]
        statement = {
            "Sid": f"labeling{fingerprint([topic_arn])}",
            "Effect": "Allow",
            "Principal": {"Service": principal_of("sns")},
            "Action": "sqs:SendMessage",
            "Resource": arn,
            "Condition": {"ArnEquals": {"aws:SourceArn": topic_arn}},
        }
        if (policy := _with_statement(attributes.get("Policy"), statement)) is not None:
            self._sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
        self._sns.subscribe(TopicArn=topic_arn, Protocol="sqs", Endpoint=arn)
        return url


def _with_statement(policy: str | None, statement: Mapping[str, Any]) -> str | None:
    """A policy with a statement added; None if it already has the statement."""
    document: dict[str, Any] = json.loads(policy) if policy else {"Version": "2012-10-17", "Statement": []}
    statements = document["Statement"] if isinstance(document["Statement"], list) else [document["Statement"]]
    if statement in statements:
        return None
    others = [other for other in statements if other.get("Sid") != statement["Sid"]]
    return json.dumps({**document, "Statement": [*others, statement]})


def _same_notification(notification: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    """Whether a notification does the same as the wanted one, whatever its id."""
    return (
        notification["TopicArn"] == wanted["TopicArn"]
        and _CREATED in notification["Events"]
        and _filter_rules(notification) == _filter_rules(wanted)
    )


def _filter_rules(notification: Mapping[str, Any]) -> dict[str, str]:
    rules = notification.get("Filter", {}).get("Key", {}).get("FilterRules", [])
    return {rule["Name"].lower(): rule["Value"] for rule in rules if rule["Value"]}

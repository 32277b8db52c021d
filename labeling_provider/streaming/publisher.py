"""Publishes messages to a topic in batches of ten, several at once, and retries until each is accepted or refused."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Final, NamedTuple

from labeling_provider.client.ground_truth import GroundTruth
from labeling_provider.client.retries import Patience
from labeling_provider.streaming.messages import MAX_MESSAGE_BYTES, Message, batches

_PAUSE: Final = 0.5
_MAX_WAITING: Final = 4
_UNRESERVED: Final = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_ESCAPES: Final = {byte: f"%{byte:02X}" for byte in range(256) if byte not in _UNRESERVED}

log = logging.getLogger(__name__)


class Refused(NamedTuple):
    """A data object that can't be published, and the reason."""

    about: str
    reason: str


class Publisher:
    """Publishes to a topic. The caller closes it.

    :param topic_arn: the topic's ARN.
    :param in_flight: number of batches that are sent at once.
    """

    def __init__(self, ground_truth: GroundTruth, topic_arn: str, in_flight: int) -> None:
        # Batches are built here, so validation by botocore would only cost time.
        self._sns = ground_truth.client(
            "sns",
            lambda sns: sns.meta.events.register("before-call.sns.PublishBatch", _encode_once),
            parameter_validation=False,
            max_pool_connections=in_flight,
        )
        self._topic_arn, self._outage, self._in_flight = topic_arn, ground_truth.outage, in_flight
        self._executor = ThreadPoolExecutor(in_flight, thread_name_prefix="labeling-publisher")

    def publish(self, messages: Iterable[Message]) -> list[Refused]:
        """Publish messages; returns when SNS has accepted or refused each of them.

        :return: the refused objects.
        :raises LabelingError: if the topic can't be published to, or SNS has not answered for too long.
        """
        refused: list[Refused] = []
        pending: list[Future[list[Refused]]] = []
        try:
            for batch in batches(_small_enough(messages, refused)):
                if len(pending) >= self._in_flight * _MAX_WAITING:
                    refused += pending.pop(0).result()
                pending.append(self._executor.submit(self._send, batch))
            for future in pending:
                refused += future.result()
        finally:
            for future in pending:
                future.cancel()
        return refused

    def close(self) -> None:
        """Stop the threads."""
        self._executor.shutdown(wait=False, cancel_futures=True)

    def _send(self, batch: list[Message]) -> list[Refused]:
        refused: list[Refused] = []
        patience = Patience(self._outage)
        unsent = dict(enumerate(batch))
        while True:
            try:
                answer = self._sns.publish_batch(
                    TopicArn=self._topic_arn,
                    PublishBatchRequestEntries=[
                        {"Id": str(key), "Message": message.text} for key, message in unsent.items()
                    ],
                )
                for entry in answer.get("Successful", []):
                    unsent.pop(int(entry["Id"]), None)
                for entry in answer.get("Failed", []):
                    if entry.get("SenderFault"):
                        message = unsent.pop(int(entry["Id"]))
                        refused.append(Refused(message.about, f"{entry['Code']}: {entry.get('Message', '')}"))
                if not unsent:
                    return refused
                raise OSError(f"{len(unsent)} of {len(batch)} messages were not accepted")
            except Exception as error:  # noqa: BLE001 - Patience raises errors that a retry can't help
                pause = patience.pause(error, f"Publishing to {self._topic_arn}", time.monotonic(), _PAUSE)
                log.warning("Publishing to %s failed, retrying in %.1f s: %s", self._topic_arn, pause, error)
            time.sleep(pause)


def _encode_once(params: dict[str, Any], **_: Any) -> None:
    """Encode a request's form here, because botocore does it twice (to sign and to send) and byte by byte."""
    params["body"] = encoded_form(params["body"])


def encoded_form(fields: Mapping[str, str]) -> bytes:
    """Encode a form as ``application/x-www-form-urlencoded``.

    :param fields: values by name; the names must not need escaping.
    """
    escaped = (f"{name}={value.encode().decode('latin-1').translate(_ESCAPES)}" for name, value in fields.items())
    return "&".join(escaped).encode()


def _small_enough(messages: Iterable[Message], refused: list[Refused]) -> Iterable[Message]:
    for message in messages:
        if message.size > MAX_MESSAGE_BYTES:
            reason = (
                f"its message has {message.size:,} bytes, but SNS accepts at most {MAX_MESSAGE_BYTES:,}; shorten it or "
                "store it in S3"
            )
            refused.append(Refused(message.about, reason))
        else:
            yield message

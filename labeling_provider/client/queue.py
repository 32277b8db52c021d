"""Reads an SQS queue: one with notifications of new objects, or one with labels."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final

from labeling_provider.client.retries import answer_to, error_code

MAX_MESSAGES: Final = 10
"""Most messages that SQS returns or deletes in one call. Source: API reference, ReceiveMessage."""
MAX_WAIT: Final = 20
"""Most seconds that SQS waits for the first message. Source: API reference, ReceiveMessage."""


class ReadQueue:
    """A queue to read from.

    :param sqs: a boto3 SQS client.
    :param url: the queue's URL.
    :param outage: seconds without any answer after which to give up.
    """

    def __init__(self, sqs: Any, url: str, outage: float) -> None:
        self._sqs, self._outage = sqs, outage
        self.url = url

    def receive(self, max_messages: int, *, wait: float, keep: float) -> list[dict[str, Any]]:
        """Receive messages.

        :param max_messages: most messages to receive.
        :param wait: seconds to wait for the first message.
        :param keep: seconds during which no other reader gets the messages.
        :return: the messages as SQS returns them.
        :raises LabelingError: if the queue can't be read.
        """
        arguments = {"MaxNumberOfMessages": min(max_messages, MAX_MESSAGES), "WaitTimeSeconds": math.ceil(wait)}
        answer = self._call(
            lambda: self._sqs.receive_message(QueueUrl=self.url, VisibilityTimeout=int(keep), **arguments)
        )
        messages: list[dict[str, Any]] = answer.get("Messages", [])
        return messages

    def keep(self, receipt: str, seconds: float) -> None:
        """Hide a message from other readers for some more seconds.

        :raises LabelingError: if SQS refuses or does not answer.
        """
        self._call(
            lambda: self._sqs.change_message_visibility(
                QueueUrl=self.url, ReceiptHandle=receipt, VisibilityTimeout=int(seconds)
            )
        )

    def delete(self, receipts: Sequence[str]) -> None:
        """Delete messages. A message that SQS fails to delete is delivered again.

        :raises LabelingError: if SQS refuses or does not answer.
        """
        for start in range(0, len(receipts), MAX_MESSAGES):
            entries = [
                {"Id": str(number), "ReceiptHandle": receipt}
                for number, receipt in enumerate(receipts[start : start + MAX_MESSAGES])
            ]
            self._call(partial(self._sqs.delete_message_batch, QueueUrl=self.url, Entries=entries))

    def _call(self, call: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        return answer_to(call, f"Reading {self.url}", outage=self._outage)


def is_missing_queue(error: Exception) -> bool:
    """Whether an error, or the cause of a LabelingError, says that the queue does not exist."""
    return error_code(error).rpartition(".")[2] in {"NonExistentQueue", "QueueDoesNotExist"}

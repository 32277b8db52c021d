"""An SQS queue that is read: by whoever pushes what it is told of, and by whoever waits for its labels."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final

from labeling_provider.client.retries import answer_to, error_code

MAX_MESSAGES: Final = 10
"""Messages that SQS hands out, or deletes, at once."""


class ReadQueue:
    """The queue.

    :param sqs: a boto3 SQS client.
    :param url: the queue's URL.
    :param outage: seconds without any answer after which to give up.
    """

    def __init__(self, sqs: Any, url: str, outage: float) -> None:
        self._sqs, self._outage = sqs, outage
        self.url = url

    def receive(self, max_messages: int, *, wait: float, keep: float) -> list[dict[str, Any]]:
        """Messages, as SQS gives them.

        :param max_messages: how many at most.
        :param wait: seconds to wait for the first.
        :param keep: seconds for which nobody else gets them.
        :raises LabelingError: if the queue can't be read.
        """
        arguments = {"MaxNumberOfMessages": min(max_messages, MAX_MESSAGES), "WaitTimeSeconds": math.ceil(wait)}
        answer = self._call(
            lambda: self._sqs.receive_message(QueueUrl=self.url, VisibilityTimeout=int(keep), **arguments)
        )
        messages: list[dict[str, Any]] = answer.get("Messages", [])
        return messages

    def keep(self, receipt: str, seconds: float) -> None:
        """Let nobody else get a message for some more time."""
        self._call(
            lambda: self._sqs.change_message_visibility(
                QueueUrl=self.url, ReceiptHandle=receipt, VisibilityTimeout=int(seconds)
            )
        )

    def delete(self, receipts: Sequence[str]) -> None:
        """Delete messages. One that SQS does not delete comes again."""
        for start in range(0, len(receipts), MAX_MESSAGES):
            entries = [
                {"Id": str(number), "ReceiptHandle": receipt}
                for number, receipt in enumerate(receipts[start : start + MAX_MESSAGES])
            ]
            self._call(partial(self._sqs.delete_message_batch, QueueUrl=self.url, Entries=entries))

    def _call(self, call: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        return answer_to(call, f"Reading {self.url}", outage=self._outage)


def is_missing_queue(error: Exception) -> bool:
    """Whether the answer is that there is no such queue, also behind an error of ours."""
    return error_code(error).rpartition(".")[2] in {"NonExistentQueue", "QueueDoesNotExist"}

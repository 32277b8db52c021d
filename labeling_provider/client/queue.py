"""An SQS queue that is read: by whoever pushes what it is told of, and by whoever waits for its labels."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import ClientError

from labeling_provider.client.retries import persist
from labeling_provider.errors import LabelingError

if TYPE_CHECKING:
    from labeling_provider.hooks.labeling import LabelingHook

MOST_MESSAGES: Final = 10
"""Messages that SQS hands out, or deletes, at once."""


class ReadQueue:
    """The queue.

    :param url: its URL.
    """

    def __init__(self, hook: LabelingHook, url: str) -> None:
        self._sqs, self._outage = hook.client("sqs"), hook.outage
        self.url = url

    def receive(self, most: int, *, wait: float, keep: float) -> list[dict[str, Any]]:
        """Messages, as SQS gives them.

        :param most: how many at most.
        :param wait: seconds to wait for the first.
        :param keep: seconds for which nobody else gets them.
        :raises LabelingError: if the queue can't be read.
        """
        arguments = {"MaxNumberOfMessages": min(most, MOST_MESSAGES), "WaitTimeSeconds": math.ceil(wait)}
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
        for start in range(0, len(receipts), MOST_MESSAGES):
            entries = [
                {"Id": str(number), "ReceiptHandle": receipt}
                for number, receipt in enumerate(receipts[start : start + MOST_MESSAGES])
            ]
            self._call(partial(self._sqs.delete_message_batch, QueueUrl=self.url, Entries=entries))

    def _call(self, call: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        try:
            return persist(call, f"Reading {self.url}", outage=self._outage)
        except ClientError as error:
            raise LabelingError(f"{self.url} can't be read: {error}") from error

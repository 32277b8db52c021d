"""Reads labeling job state changes from an SQS queue that is the target of an EventBridge rule.

An event says only that a job has ended. Events may arrive twice and in any order, so the receiver describes the job.
Source: developer guide, "Monitor labeling job status"; EventBridge reference, "Amazon SageMaker events".
"""

from __future__ import annotations

import logging
import time
from typing import Any, Final, NamedTuple

from labeling_provider.client.queue import MAX_MESSAGES, MAX_WAIT
from labeling_provider.groundtruth.events import ended_jobs

_KEEP_FOR_OTHERS: Final = 900.0

log = logging.getLogger(__name__)


class Notice(NamedTuple):
    """A message about jobs that have ended.

    :param jobs: names of the jobs in lower case, as in ARNs.
    :param sent: when it was sent, in epoch seconds.
    :param receipt: SQS's receipt handle, for deleting it.
    """

    jobs: frozenset[str]
    sent: float
    receipt: str


class JobEvents:
    """A queue of labeling job state changes.

    :param sqs: a boto3 SQS client.
    :param url: the queue's URL.
    """

    def __init__(self, sqs: Any, url: str) -> None:
        self._sqs, self._url = sqs, url
        self._warned = False

    def receive(self, seconds: float) -> list[Notice]:
        """Wait for messages. Messages that are not labeling job state changes stay in the queue.

        :param seconds: the longest time to wait for the first message, at most ``MAX_WAIT``.
        :raises botocore.exceptions.BotoCoreError: or ClientError, if the service refuses or does not answer.
        """
        answer = self._sqs.receive_message(
            QueueUrl=self._url,
            MaxNumberOfMessages=MAX_MESSAGES,
            WaitTimeSeconds=int(min(max(seconds, 0), MAX_WAIT)),
            AttributeNames=["SentTimestamp"],
        )
        notices = []
        for message in answer.get("Messages", []):
            if jobs := ended_jobs(message["Body"]):
                sent = int(message.get("Attributes", {}).get("SentTimestamp", 0)) / 1000
                notices.append(Notice(jobs, sent, message["ReceiptHandle"]))
            elif not self._warned:
                self._warned = True
                log.warning("%s contains messages that are not labeling job state changes; ignoring them", self._url)
        return notices

    def settle(self, notice: Notice, mine: bool) -> None:
        """Delete a message that has been handled.

        A message about jobs that this process does not wait for may be for another process, so it stays for 15 minutes.

        :param mine: whether this process waits for one of its jobs.
        """
        if mine or time.time() - notice.sent > _KEEP_FOR_OTHERS:
            self._sqs.delete_message(QueueUrl=self._url, ReceiptHandle=notice.receipt)

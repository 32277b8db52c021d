"""Reads labeling-job state changes from an SQS queue that an EventBridge rule feeds. Plain Python over a boto3 client.

An event says only that a job has ended, may come twice and in any order: whoever gets one looks at the job itself.
Source: developer guide, "Monitor labeling job status"; EventBridge reference, "Amazon SageMaker events".
"""

from __future__ import annotations

import logging
import time
from typing import Any, Final, NamedTuple

from labeling_provider.client.queue import MAX_MESSAGES
from labeling_provider.groundtruth.events import ended_jobs

_MAX_WAIT: Final = 20
_KEEP_FOR_OTHERS: Final = 900.0

log = logging.getLogger(__name__)


class Notice(NamedTuple):
    """A message about jobs that have ended.

    :param jobs: their names in lower case, as ARNs have them.
    :param sent: epoch seconds.
    :param receipt: what SQS wants for its deletion.
    """

    jobs: frozenset[str]
    sent: float
    receipt: str


class JobEvents:
    """The queue.

    :param sqs: a boto3 SQS client.
    :param url: the queue's URL.
    """

    def __init__(self, sqs: Any, url: str) -> None:
        self._sqs, self._url = sqs, url
        self._warned = False

    def receive(self, seconds: float) -> list[Notice]:
        """Wait for messages; those that are not labeling-job state changes are left in the queue.

        :param seconds: how long to wait for the first, at most 20.
        :raises botocore.exceptions.BotoCoreError: or ClientError, if the service does not answer.
        """
        answer = self._sqs.receive_message(
            QueueUrl=self._url,
            MaxNumberOfMessages=MAX_MESSAGES,
            WaitTimeSeconds=int(min(max(seconds, 0), _MAX_WAIT)),
            AttributeNames=["SentTimestamp"],
        )
        notices = []
        for message in answer.get("Messages", []):
            if jobs := ended_jobs(message["Body"]):
                sent = int(message.get("Attributes", {}).get("SentTimestamp", 0)) / 1000
                notices.append(Notice(jobs, sent, message["ReceiptHandle"]))
            elif not self._warned:
                self._warned = True
                log.warning("%s holds messages that are not labeling-job state changes; they are left alone", self._url)
        return notices

    def settle(self, notice: Notice, mine: bool) -> None:
        """Delete a message that is done with.

        One about jobs that nobody here waits for may be meant for another process, so it stays for 15 minutes.

        :param mine: whether somebody here has waited for it.
        """
        if mine or time.time() - notice.sent > _KEEP_FOR_OTHERS:
            self._sqs.delete_message(QueueUrl=self._url, ReceiptHandle=notice.receipt)

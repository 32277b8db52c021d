"""The EventBridge event that announces the end of a labeling job, and the envelopes of SQS messages.

Sources: developer guide, "Monitor labeling job status"; EventBridge reference, "Amazon SageMaker events"; SNS developer
guide, "Fanout to Amazon SQS queues".
"""

from __future__ import annotations

import json
from typing import Any, Final

SOURCE: Final = "aws.sagemaker"
DETAIL_TYPE: Final = "SageMaker Ground Truth Labeling Job State Change"
_MAX_BODY: Final = 256 * 1024


def message_content(body: str) -> Any:
    """The JSON value in the body of an SQS message, taken out of an SNS envelope if there is one.

    :raises ValueError: if it is not JSON, is nested too deeply, or the envelope has no message.
    """
    try:
        content = json.loads(body)
        if isinstance(content, dict) and content.get("Type") == "Notification":
            content = json.loads(content["Message"])
    except (KeyError, TypeError, RecursionError) as error:
        raise ValueError(f"{type(error).__name__}: {error}") from None
    return content


def ended_jobs(body: str) -> frozenset[str]:
    """Names of the jobs a message is about, in lower case; empty if it is not a labeling-job state change.

    :param body: an EventBridge event as JSON, bare or inside an SNS notification.
    """
    try:
        event = message_content(body) if len(body) <= _MAX_BODY else None
    except ValueError:
        return frozenset()
    if not isinstance(event, dict) or event.get("detail-type") != DETAIL_TYPE:
        return frozenset()
    resources = event.get("resources")
    arns = [arn for arn in resources if isinstance(arn, str)] if isinstance(resources, list) else []
    return frozenset(arn.rpartition(":labeling-job/")[2].lower() for arn in arns if ":labeling-job/" in arn)

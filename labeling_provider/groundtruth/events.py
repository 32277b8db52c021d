"""The EventBridge event that tells that a labeling job has ended.

Source: developer guide, "Monitor labeling job status"; EventBridge reference, "Amazon SageMaker events".
"""

from __future__ import annotations

import json
from typing import Final

SOURCE: Final = "aws.sagemaker"
DETAIL_TYPE: Final = "SageMaker Ground Truth Labeling Job State Change"
_MAX_BODY: Final = 256 * 1024


def ended_jobs(body: str) -> frozenset[str]:
    """Jobs that a message is about, in lower case; empty if it is no labeling-job state change.

    :param body: an EventBridge event, as it is or inside an SNS notification.
    """
    try:
        event = json.loads(body) if len(body) <= _MAX_BODY else None
        if isinstance(event, dict) and event.get("Type") == "Notification":
            event = json.loads(event["Message"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return frozenset()
    if not isinstance(event, dict) or event.get("detail-type") != DETAIL_TYPE:
        return frozenset()
    resources = event.get("resources")
    arns = [one for one in resources if isinstance(one, str)] if isinstance(resources, list) else []
    return frozenset(one.rpartition(":labeling-job/")[2].lower() for one in arns if ":labeling-job/" in one)

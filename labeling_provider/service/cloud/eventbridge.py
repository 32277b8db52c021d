"""Tells EventBridge that a labeling job has ended, as Amazon does: rules and targets are moto's.

Source: developer guide, "Monitor labeling job status"; EventBridge reference, "Amazon SageMaker events".
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable

from labeling_provider.groundtruth.events import DETAIL_TYPE, SOURCE

log = logging.getLogger(__name__)

Announce = Callable[[str, str], None]


def event_bridge(account: str, region: str) -> Announce:
    """Puts a state change on the default event bus; takes the job's ARN and its last status."""
    from moto.events.models import events_backends

    backend = events_backends[account][region]

    def announce(arn: str, status: str) -> None:
        detail = json.dumps({"LabelingJobStatus": status})
        event = {"Source": SOURCE, "DetailType": DETAIL_TYPE, "Detail": detail, "Resources": [arn]}
        try:
            backend.put_events([event])
        except Exception:
            # A rule whose queue is gone is its owner's trouble; the job has ended all the same.
            log.exception("the end of %s could not be told to every target of EventBridge", arn)

    return announce

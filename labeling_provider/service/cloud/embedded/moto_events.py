"""The event bus in this process, based on moto's EventBridge."""

from __future__ import annotations

import json
import logging

from labeling_provider.groundtruth.events import DETAIL_TYPE, SOURCE

log = logging.getLogger(__name__)


class EmbeddedEvents:
    """The default event bus of one account in one region."""

    def __init__(self, account: str, region: str) -> None:
        from moto.events.models import events_backends

        self._backend = events_backends[account][region]

    def announce(self, arn: str, status: str, /) -> None:
        """Put a labeling job's state change on the bus."""
        detail = json.dumps({"LabelingJobStatus": status})
        event = {"Source": SOURCE, "DetailType": DETAIL_TYPE, "Detail": detail, "Resources": [arn]}
        try:
            self._backend.put_events([event])
        except Exception:
            # A rule with a broken target is its owner's problem; the job has ended anyway.
            log.exception("the event that %s ended could not be sent to every target", arn)

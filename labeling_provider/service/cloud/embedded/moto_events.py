"""EventBridge in this process: rules and targets are moto's."""

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
            # A rule whose queue is gone is its owner's trouble; the job has ended all the same.
            log.exception("the end of %s could not be told to every target of EventBridge", arn)

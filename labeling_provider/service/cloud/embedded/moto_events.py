"""EventBridge in this process, based on moto. The rules of the default bus are stored in the database.

Everything else is in memory only: other buses, archives, connections.
"""

from __future__ import annotations

import json
import logging
from contextlib import AbstractContextManager
from typing import Any, Final

from labeling_provider.groundtruth.events import DETAIL_TYPE, SOURCE
from labeling_provider.service.cloud.embedded.in_step import InStep, RecordedStates
from labeling_provider.service.database.database import Database
from labeling_provider.service.database.recorded_states import RULES

log = logging.getLogger(__name__)

_FIELDS: Final = ("description", "scheduled_expression", "role_arn", "state", "managed_by", "targets")


class EmbeddedEvents:
    """The default event bus of one account in one region.

    :param database: where its rules are kept.
    """

    def __init__(self, database: Database, account: str, region: str, in_step: InStep) -> None:
        from moto.events import models

        self._in_step, self._models = in_step, models
        self._account, self._region = account, region
        self._backend: Any = models.events_backends[account][region]
        self._record = RecordedStates(database, in_step, RULES, self._described, self._recall, self._drop)

    def announce(self, arn: str, status: str, /) -> None:
        """Put a labeling job's state change on the bus."""
        self._in_step.refresh()
        detail = json.dumps({"LabelingJobStatus": status})
        event = {"Source": SOURCE, "DetailType": DETAIL_TYPE, "Detail": detail, "Resources": [arn]}
        try:
            self._backend.put_events([event])
        except Exception:
            # A rule with a broken target is its owner's problem; the job has ended anyway.
            log.exception("the event that %s ended could not be sent to every target", arn)

    def recording(self) -> AbstractContextManager[None]:
        """Keep what the block changes in the rules, or undo it if the database fails.

        :raises DatabaseError: if the database can't store it.
        """
        return self._record.recording()

    @property
    def _rules(self) -> Any:
        return self._backend.event_buses["default"].rules

    def _drop(self, name: str) -> None:
        del self._rules[name]

    def _recall(self, name: str, state: str) -> None:
        fields = json.loads(state)
        rule = self._models.Rule(
            *(name, self._account, self._region, None, fields["event_pattern"], None, None, "default", None)
        )
        for field in _FIELDS:
            setattr(rule, field, fields[field])
        self._rules[name] = rule
        self._backend.tagger.tags[rule.arn] = fields["tags"]

    def _described(self) -> dict[str, str]:
        return {name: self._state(rule) for name, rule in self._rules.items()}

    def _state(self, rule: Any) -> str:
        fields = {field: getattr(rule, field) for field in _FIELDS}
        tags = self._backend.tagger.tags.get(rule.arn, {})
        return json.dumps({**fields, "event_pattern": rule.event_pattern.dump(), "tags": tags})

"""EventBridge in this process, based on moto. The rules of the default bus are stored in the database.

Everything else is in memory only: other buses, archives, connections.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from labeling_provider.groundtruth.events import DETAIL_TYPE, SOURCE
from labeling_provider.service.cloud.embedded.restoring import restoring
from labeling_provider.service.cloud.embedded.tenure import Tenure
from labeling_provider.service.database import recorded_rules
from labeling_provider.service.database.database import Database

log = logging.getLogger(__name__)

_FIELDS: Final = ("description", "scheduled_expression", "role_arn", "state", "managed_by", "targets")


class EmbeddedEvents:
    """The default event bus of one account in one region.

    :param database: where its rules are kept.
    """

    def __init__(self, database: Database, account: str, region: str, tenure: Tenure) -> None:
        from moto.events import models

        self._database, self._tenure, self._models = database, tenure, models
        self._account, self._region = account, region
        self._backend: Any = models.events_backends[account][region]
        self._kept: dict[str, str] = {}
        self._changing = threading.Lock()
        tenure.restore_also(self._restore)

    def announce(self, arn: str, status: str, /) -> None:
        """Put a labeling job's state change on the bus."""
        detail = json.dumps({"LabelingJobStatus": status})
        event = {"Source": SOURCE, "DetailType": DETAIL_TYPE, "Detail": detail, "Resources": [arn]}
        try:
            self._backend.put_events([event])
        except Exception:
            # A rule with a broken target is its owner's problem; the job has ended anyway.
            log.exception("the event that %s ended could not be sent to every target", arn)

    @contextmanager
    def recording(self) -> Iterator[None]:
        """Keep what the block changes in the rules, or undo it if the database fails.

        :raises DatabaseError: if the database doesn't take it.
        """
        with self._changing:
            try:
                yield
            finally:
                self._keep()

    def _keep(self) -> None:
        now = {name: self._described(rule) for name, rule in self._rules.items()}
        if now == self._kept:
            return
        try:
            with self._tenure.writing() as connection:
                for name in self._kept.keys() - now.keys():
                    recorded_rules.delete(connection, name)
                for name, state in now.items() - self._kept.items():
                    recorded_rules.keep(connection, name, state)
        except BaseException:
            self._recall()
            raise
        self._kept = now

    def _restore(self) -> None:
        with self._changing, self._database.read() as connection:
            self._kept = recorded_rules.kept(connection)
            self._recall()

    @property
    def _rules(self) -> Any:
        return self._backend.event_buses["default"].rules

    def _recall(self) -> None:
        """Let moto have the rules that are kept."""
        self._rules.clear()
        for name, state in self._kept.items():
            with restoring(f"the event rule {name}"):
                fields = json.loads(state)
                rule = self._models.Rule(
                    *(name, self._account, self._region, None, fields["event_pattern"], None, None, "default", None)
                )
                for field in _FIELDS:
                    setattr(rule, field, fields[field])
                self._rules[name] = rule
                self._backend.tagger.tags[rule.arn] = fields["tags"]

    def _described(self, rule: Any) -> str:
        fields = {field: getattr(rule, field) for field in _FIELDS}
        tags = self._backend.tagger.tags.get(rule.arn, {})
        return json.dumps({**fields, "event_pattern": rule.event_pattern.dump(), "tags": tags})

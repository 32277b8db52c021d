"""The caller's own template and functions: what the form says and what becomes of it is the caller's."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from random import Random
from typing import Any, Final

from labeling_provider.service.kinds.kind import Answered, Content, JobFacts, Kind, runs

_MAX_SEEN: Final = 100


@runs("custom")
class Custom(Kind):
    """Any form. The truth is the form's content, by element name."""

    def __init__(self, job: JobFacts) -> None:
        super().__init__(job)
        self._seen: list[Content] = []

    def read_answer(self, content: Content, line: dict[str, Any]) -> Content:
        return content

    def simulate(self, line: dict[str, Any], truth: Any, right: bool, rng: Random) -> Content | None:
        if not isinstance(truth, dict):
            return None
        if truth not in self._seen and len(self._seen) < _MAX_SEEN:
            self._seen.append(truth)
        others = [one for one in self._seen if one != truth]
        # The form's meaning is the caller's; a plausible mistake is what fits another object.
        return copy.deepcopy(truth if right or not others else rng.choice(others))

    def consolidate(self, batch: Sequence[Answered], stamp: str) -> None:
        """Answers are the caller's to consolidate."""
        return

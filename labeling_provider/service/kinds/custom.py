"""The caller's own template: what the form says and what becomes of it is the caller's.

Without functions, or with those that pass everything through, the template gets the manifest line as it is, and the
output says where the answers are. With a ready consolidation function, answers are checked before they are accepted.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from random import Random
from typing import Any, Final

from labeling_provider.groundtruth.ready_functions import ready_function
from labeling_provider.service.kinds.kind import Answered, Content, JobFacts, Kind, runs

_MAX_SEEN: Final = 100


@runs("custom", "pass-through")
class Custom(Kind):
    """A form of any kind. The truth is its content by element name."""

    def __init__(self, job: JobFacts) -> None:
        super().__init__(job)
        self._seen: list[Content] = []

    def own_input(self, line: dict[str, Any]) -> dict[str, Any]:
        return line

    def read_answer(self, content: Content, line: dict[str, Any]) -> Content:
        name = ready_function(self.job.consolidation_function)
        if name is not None:
            from labeling_provider.service.kinds.drawings.handlers import read_drawing

            read_drawing(name, content, self.positions)
        return content

    def simulate(self, line: dict[str, Any], truth: Any, right: bool, rng: Random) -> Content | None:
        if not isinstance(truth, dict):
            return None
        if truth not in self._seen and len(self._seen) < _MAX_SEEN:
            self._seen.append(truth)
        others = [content for content in self._seen if content != truth]
        # Only the caller knows what the form means; a plausible mistake is the answer for another object.
        return copy.deepcopy(truth if right or not others else rng.choice(others))

    def consolidate(self, batch: Sequence[Answered], stamp: str) -> None:
        """Leave consolidation to the caller."""
        return

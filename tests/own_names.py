"""Names that nobody else has, and that are the same in each run.

What simulated workers do depends on the names of their jobs: with names by chance, so would what a test sees.
"""

from __future__ import annotations

import os
import uuid
from collections import Counter

_made: Counter[str] = Counter()


def own_id() -> uuid.UUID:
    """An id for what the test that runs is making."""
    test = os.environ.get("PYTEST_CURRENT_TEST", "")
    _made[test] += 1
    return uuid.uuid5(uuid.NAMESPACE_OID, f"{test} {_made[test]}")

"""What tests of quality share."""

from __future__ import annotations

import pytest

from tests.memory import MemoryStore


@pytest.fixture
def bucket() -> MemoryStore:
    return MemoryStore()

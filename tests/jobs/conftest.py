"""What tests of jobs share."""

from __future__ import annotations

import pytest

from labeling_provider.jobs.ownership import Owner
from tests.client.conftest import client as client
from tests.own_names import own_id


@pytest.fixture
def owner() -> Owner:
    return Owner("notebook", "label", own_id().hex, -1)


@pytest.fixture
def name() -> str:
    """A name that no other test has."""
    return f"Moved-{own_id().hex[:10]}"

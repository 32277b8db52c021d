"""What tests of jobs share."""

from __future__ import annotations

import pytest

from labeling_provider.client.ground_truth import GroundTruth
from labeling_provider.jobs.ownership import Owner
from tests.client.clients import ground_truth
from tests.conftest import Lab
from tests.own_names import own_id


@pytest.fixture
def client(lab: Lab) -> GroundTruth:
    return ground_truth(lab)


@pytest.fixture
def owner() -> Owner:
    return Owner("notebook", "label", own_id().hex, -1)


@pytest.fixture
def name() -> str:
    """A name that no other test has."""
    return f"m{own_id().hex[:10]}"

"""What tests of jobs share."""

from __future__ import annotations

import uuid

import pytest

from labeling_provider.client.ground_truth import GroundTruth
from labeling_provider.jobs.ownership import Owner
from tests.client.clients import ground_truth
from tests.conftest import Lab


@pytest.fixture
def client(lab: Lab) -> GroundTruth:
    return ground_truth(lab)


@pytest.fixture
def owner() -> Owner:
    return Owner("notebook", "label", uuid.uuid4().hex, -1)


@pytest.fixture
def name() -> str:
    """A name that no other test has."""
    return f"m{uuid.uuid4().hex[:10]}"

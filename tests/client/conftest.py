"""What tests of clients share."""

from __future__ import annotations

import pytest

from labeling_provider.client.ground_truth import GroundTruth
from tests.client.clients import ground_truth
from tests.conftest import Lab


@pytest.fixture
def client(lab: Lab) -> GroundTruth:
    return ground_truth(lab)

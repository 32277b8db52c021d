"""What tests of streaming share."""

from __future__ import annotations

import pytest

from labeling_provider.client.ground_truth import GroundTruth
from tests.client.clients import ground_truth
from tests.conftest import Lab
from tests.streaming.yards import Yard


@pytest.fixture
def client(lab: Lab) -> GroundTruth:
    return ground_truth(lab)


@pytest.fixture
def yard(lab: Lab) -> Yard:
    return Yard(lab)

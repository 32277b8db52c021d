"""What tests of streaming share."""

from __future__ import annotations

import pytest

from tests.client.conftest import client as client
from tests.conftest import Lab
from tests.streaming.yards import Yard


@pytest.fixture
def yard(lab: Lab) -> Yard:
    return Yard(lab)

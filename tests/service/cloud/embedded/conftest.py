"""A service in the test's own process."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.service.inside import Inside


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Inside]:
    service = Inside(tmp_path_factory.mktemp("inside"))
    yield service
    service.stop()


@pytest.fixture
def inside(shared: Inside, tmp_path: Path) -> Inside:
    """A service that is new."""
    shared.url = f"sqlite:///{tmp_path / 'labeling.sqlite'}"
    shared.start()
    return shared

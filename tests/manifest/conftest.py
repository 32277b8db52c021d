"""What tests of manifests share."""

from __future__ import annotations

from pathlib import Path

import pytest

from labeling_provider.manifest import Manifests
from tests.manifest.exports import Exporting


@pytest.fixture
def export(tmp_path: Path) -> Exporting:
    return Exporting(tmp_path)


@pytest.fixture
def manifests() -> Manifests:
    return Manifests()

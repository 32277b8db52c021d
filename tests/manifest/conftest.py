"""What tests of manifests share."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.manifest.exports import Exporting


@pytest.fixture
def export(tmp_path: Path) -> Exporting:
    return Exporting(tmp_path)

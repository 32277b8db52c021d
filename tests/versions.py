"""What only some of the supported versions of Airflow do."""

from __future__ import annotations

import pytest

from labeling_provider import compat

ACKNOWLEDGED = pytest.mark.skipif(
    not compat.TRIGGERS_HAVE_ON_KILL,
    reason="until 3.2 Airflow tells a trigger nothing of a kill or an acknowledgement; the newest pair tests it",
)

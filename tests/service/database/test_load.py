"""What an operator is told of the work that waits."""

from __future__ import annotations

import time

import pytest

from labeling_provider.service.database import lease_rows, load
from labeling_provider.service.database.database import Connection
from tests.service.database.rows import job


def test_a_job_is_overdue_since_it_was_woken_or_since_its_time_came(connection: Connection) -> None:
    job_id, begun = job(connection), time.time()
    lease_rows.wake(connection, lease_rows.is_job(job_id))
    assert load.overdue(connection, begun + 50) == pytest.approx(50, abs=5)
    taken = lease_rows.take(connection, job_id, "a", begun, begun + 7)
    assert taken is not None
    assert load.overdue(connection, begun + 5) == 0.0, "somebody works on it"
    lease_rows.wake(connection, lease_rows.is_job(job_id))
    lease_rows.release(connection, taken[0], begun + 300)
    assert load.overdue(connection, begun + 50) == pytest.approx(50, abs=5), "it was woken during its step"
    taken = lease_rows.take(connection, job_id, "a", begun + 50, begun + 57)
    assert taken is not None
    lease_rows.release(connection, taken[0], begun + 60)
    assert load.overdue(connection, begun + 59) == 0.0
    assert load.overdue(connection, begun + 70) == pytest.approx(10)

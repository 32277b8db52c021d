"""Event rules and roles as they are kept."""

from __future__ import annotations

import pytest

from labeling_provider.service.database.database import Connection
from labeling_provider.service.database.recorded_states import ROLES, RULES, States


@pytest.mark.parametrize("states", [RULES, ROLES])
def test_each_is_kept_once_as_it_is_now(connection: Connection, states: States) -> None:
    for name, state in (("ends", "1"), ("begins", "2"), ("ends", "3")):
        states.keep(connection, name, state)
    assert states.kept(connection) == {"begins": "2", "ends": "3"}
    states.delete(connection, "begins")
    assert states.kept(connection) == {"ends": "3"}

"""Event rules as they are kept."""

from __future__ import annotations

from labeling_provider.service.database import recorded_rules as record
from labeling_provider.service.database.database import Connection


def test_a_rule_is_kept_once_as_it_is_now(connection: Connection) -> None:
    for name, state in (("ends", "1"), ("begins", "2"), ("ends", "3")):
        record.keep(connection, name, state)
    assert record.kept(connection) == {"begins": "2", "ends": "3"}
    record.delete(connection, "begins")
    assert record.kept(connection) == {"ends": "3"}

"""A number tells of each change, and only of changes that are there."""

from __future__ import annotations

import pytest

from labeling_provider.service.database import revisions
from labeling_provider.service.database.database import Database


def test_a_number_differs_after_each_change_of_its_own(opened: Database) -> None:
    def numbers() -> tuple[int, int]:
        with opened.read() as connection:
            return revisions.number_of(connection, revisions.PEOPLE), revisions.number_of(connection, revisions.CLOUD)

    people, cloud = numbers()
    with opened.write() as connection:
        revisions.people_changed(connection)
        revisions.people_changed(connection)
        assert connection.info[revisions.CHANGED] == {revisions.PEOPLE}
    changed = numbers()
    assert changed[0] > people
    assert changed[1] == cloud
    with pytest.raises(KeyError), opened.write() as connection:
        revisions.changed(connection, revisions.CLOUD)
        raise KeyError
    assert numbers() == changed

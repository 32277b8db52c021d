"""Objects of streaming jobs: each deduplication id once, each label sent once."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa

from labeling_provider.service.database import arrival_rows, object_rows
from labeling_provider.service.database.database import Connection
from labeling_provider.service.database.states import ObjectState
from tests.service.database.rows import job


def arrived(number: int, state: ObjectState = ObjectState.OUT) -> tuple[str, dict[str, Any]]:
    return f"digest {number}", {"object_id": number, "line": f'"{number}"', "state": state, "result": None}


def test_ids_are_seen_again_in_their_own_job_only(connection: Connection) -> None:
    cats, dogs = job(connection), job(connection, "Dogs")
    arrival_rows.add(connection, cats, [arrived(0), arrived(1)])
    arrival_rows.add(connection, cats, [])
    assert arrival_rows.seen(connection, cats, ["digest 1", "digest 2"]) == ["digest 1"]
    assert arrival_rows.seen(connection, dogs, ["digest 1"]) == []
    with pytest.raises(sa.exc.IntegrityError):
        arrival_rows.add(connection, cats, [("digest 1", arrived(2)[1])])


def test_labels_are_to_be_sent_until_they_were_sent(connection: Connection) -> None:
    cats = job(connection)
    arrival_rows.add(connection, cats, [arrived(number) for number in (3, 1, 2)] + [arrived(4, ObjectState.GIVEN)])
    object_rows.decide(connection, cats, ObjectState.LABELED, {number: f'"label {number}"' for number in (3, 1, 2)})
    first = arrival_rows.unpublished(connection, cats, 2)
    assert [tuple(row) for row in first] == [(1, '"1"', '"label 1"'), (2, '"2"', '"label 2"')]
    arrival_rows.mark_published(connection, cats, [1, 2])
    assert [row.object_id for row in arrival_rows.unpublished(connection, cats, 9)] == [3]

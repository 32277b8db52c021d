"""Workforces are found by name in any case, and keep their secrets to themselves."""

from __future__ import annotations

from typing import Any

import pytest

from labeling_provider.service.database import revisions, workforce_rows
from labeling_provider.service.database.database import Connection
from labeling_provider.service.database.paging import PageRequest
from labeling_provider.service.database.workforce_rows import WorkforceOrder

POOL = {"CognitoConfig": {"UserPool": "us-east-1_a", "ClientId": "c"}}
PROVIDER = {"OidcConfig": {"Issuer": "https://id.example.com"}}


def add(connection: Connection, name: str, identity: dict[str, Any], secret: str | None = None) -> None:
    workforce_rows.insert(
        connection, name=name, arn=f"arn-{name}", identity=identity, client_secret=secret, settings={}
    )


def test_a_workforce_is_found_changed_and_deleted(connection: Connection) -> None:
    add(connection, "Birders", PROVIDER, "secret")
    before = revisions.number_of(connection, revisions.PEOPLE)
    workforce = workforce_rows.find(connection, "bIRDERS")
    assert workforce is not None
    assert (workforce.name, workforce.identity, workforce.settings) == ("Birders", PROVIDER, {})
    assert "secret" not in repr(workforce)
    assert workforce_rows.secret_of(connection, "birders") == ("secret", False)
    given = {"SourceIpConfig": {"Cidrs": ["192.0.2.0/24"]}}
    workforce_rows.update(connection, "birders", identity=POOL, client_secret=None, settings=given)
    assert workforce_rows.secret_of(connection, "Birders") == ("secret", False), "it stays unless there is another"
    workforce_rows.update(connection, "birders", identity=POOL, client_secret="sealed", is_sealed=True, settings=given)
    assert workforce_rows.secret_of(connection, "Birders") == ("sealed", True)
    changed = workforce_rows.find(connection, "Birders")
    assert changed is not None
    assert (changed.identity, changed.settings) == (POOL, given)
    assert revisions.number_of(connection, revisions.PEOPLE) > before
    workforce_rows.delete(connection, "BIRDERS")
    assert workforce_rows.find(connection, "Birders") is None
    assert workforce_rows.secret_of(connection, "Birders") == (None, False)


def test_workforces_are_listed_by_a_part_of_their_name(connection: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workforce_rows, "now", lambda: 1.0)
    add(connection, "B_irds", POOL)
    assert workforce_rows.of_openid(connection) is None
    monkeypatch.setattr(workforce_rows, "now", lambda: 2.0)
    add(connection, "abirds", PROVIDER)
    openid = workforce_rows.of_openid(connection)
    assert openid is not None
    assert openid.name == "abirds"

    def names(part: str | None, order: WorkforceOrder) -> list[str]:
        rows, token = workforce_rows.page(connection, part, order, PageRequest(9, False, None))
        assert token is None
        return [row.name for row in rows]

    assert names(None, "Name") == ["abirds", "B_irds"]
    assert (
        names(None, "CreateDate")
        == [row.name for row in workforce_rows.all_workforces(connection)]
        == ["B_irds", "abirds"]
    )
    assert names("_IRDS", "Name") == ["B_irds"]

"""A process gets on with the fewest connections that it may be given, and takes no more."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest
import sqlalchemy as sa

from labeling_provider.service.database import opening
from labeling_provider.service.database.database import Database
from labeling_provider.service.database.opening import DatabaseError
from labeling_provider.service.database.pool_size import MIN_DATABASE_CONNECTIONS
from labeling_provider.service.failures import is_outage


def test_a_process_has_no_more_connections_than_it_may_and_who_gets_none_is_told(
    postgresql_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = Database(postgresql_url, shared=True, connections=MIN_DATABASE_CONNECTIONS)
    database.listen(lambda _: None)
    own = "datname = current_database() AND backend_type = 'client backend'"

    def ask(_: int) -> int:
        with database.read() as connection:
            connection.execute(sa.text("SELECT pg_sleep(0.01)"))
            return int(connection.execute(sa.text(f"SELECT count(*) FROM pg_stat_activity WHERE {own}")).scalar_one())

    with ThreadPoolExecutor(24) as pool:
        assert 3 < max(pool.map(ask, range(72))) <= MIN_DATABASE_CONNECTIONS
    database.close()
    monkeypatch.setattr(opening, "_WAIT_SECONDS", 0.05)
    database = Database(postgresql_url, shared=True, connections=MIN_DATABASE_CONNECTIONS)
    with ExitStack() as held:
        for _ in range(3):
            held.enter_context(database.read())
        with pytest.raises(DatabaseError, match="in use for 0 s; --database-connections allows more") as error:
            held.enter_context(database.write())
    assert is_outage(error.value), "a job waits, and does not fail"
    database.close()

"""Airflow's database and the pages on it, in this process: what tests/e2e shows in a browser, for many odd values."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any
from urllib.parse import urlencode

import pytest
from fastapi.testclient import TestClient

from labeling_provider.xcoms import JOB_KEY, PROGRESS_KEY
from tests.conftest import Lab

DAGS = ("birds", "texts", "secret")

NOWHERE = json.dumps({"conn_type": "aws", "extra": {"endpoint_url": "http://127.0.0.1:9", "region_name": "us-east-1"}})
"""A connection to where nobody listens."""

COLUMNS = "dag_run_id, task_id, map_index, key, dag_id, run_id, value, timestamp"

SINCE = "2026-01-01 00:00:00.000000"


class Pages:
    """The pages, as somebody sees them.

    :param client: asks as that user.
    """

    def __init__(self, client: TestClient) -> None:
        self.client = client

    def get(self, path: str, **query: Any) -> tuple[int, str]:
        """Status and body of an answer."""
        answer = self.client.get(f"{path}?{urlencode(query)}" if query else path)
        # Where a long name may break is nothing that one reads.
        return answer.status_code, answer.text.replace("<wbr>", "")

    def shows(self, path: str, **query: Any) -> str:
        """The body of an answer that is good."""
        status, body = self.get(path, **query)
        assert status == 200, body
        return body


class Jobs:
    """The XComs of tasks, as the database holds them."""

    def __init__(self) -> None:
        self.run = 0

    def clear(self) -> None:
        """Forget all runs."""
        from airflow.models.dagrun import DagRun
        from airflow.models.xcom import XComModel
        from airflow.utils.session import create_session
        from sqlalchemy import delete

        with create_session() as session:
            session.execute(delete(XComModel))
            session.execute(delete(DagRun))

    def add(
        self,
        facts: Any,
        counters: Any = None,
        *,
        dag: str = "birds",
        task: str = "label",
        run: str = "",
        index: int = -1,
        key: str = JOB_KEY,
    ) -> dict[str, Any]:
        """A task that has told of a job; where its pages are.

        :param facts: what it has told, or the very text that stands in the database.
        :param key: of the XCom that holds it.
        :param run: a run that was made before; a new one if it is empty.
        """
        from airflow import settings
        from airflow.models.dagrun import DagRun
        from airflow.utils.session import create_session
        from airflow.utils.types import DagRunType

        with create_session() as session:
            if not run:
                self.run += 1
                run = f"manual__{self.run}"
                session.add(DagRun(dag_id=dag, run_id=run, run_type=DagRunType.MANUAL))
                session.flush()
            number = session.query(DagRun.id).filter(DagRun.dag_id == dag, DagRun.run_id == run).scalar()
        values = {key: facts, PROGRESS_KEY: counters}
        rows = [
            (number, task, index, key, dag, run, value if isinstance(value, str) else json.dumps(value))
            for key, value in values.items()
            if value is not None
        ]
        # A connection of its own does not ask for the task instances that such rows belong to.
        with closing(sqlite3.connect(settings.engine.url.database)) as database, database:
            database.executemany(f"INSERT INTO xcom ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, '{SINCE}')", rows)
        return {"dag_id": dag, "run_id": run, "task_id": task, "map_index": index}


@pytest.fixture(scope="session")
def signed_in() -> Iterator[Callable[[str], Pages]]:
    """The pages as somebody of a role sees them, on the tables of Airflow with some DAGs."""
    from airflow import settings
    from airflow.models import import_all_models

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIRFLOW__CORE__AUTH_MANAGER", "tests.ui.rights.RightsByDag")
        patch.setenv("AIRFLOW_CONN_AWS_DEFAULT", NOWHERE)
        import_all_models()
        from airflow.api_fastapi.app import create_auth_manager
        from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
        from airflow.models.base import Base
        from airflow.models.dag import DagModel
        from airflow.models.dagbundle import DagBundleModel
        from airflow.utils.session import create_session

        from labeling_provider.ui.application import make_application

        Base.metadata.create_all(settings.engine)
        with create_session() as session:
            session.add(DagBundleModel(name="bundle"))
            session.flush()
            session.add_all(DagModel(dag_id=name, bundle_name="bundle") for name in DAGS)
        manager, application = create_auth_manager(), make_application()

        def sign_in(role: str) -> Pages:
            token = manager.generate_jwt(SimpleAuthManagerUser(username=role, role=role))
            headers = {"Authorization": f"Bearer {token}"}
            return Pages(TestClient(application, headers=headers, raise_server_exceptions=False))

        yield sign_in


@pytest.fixture(scope="session")
def pages(signed_in: Callable[[str], Pages]) -> Pages:
    """What a viewer sees."""
    return signed_in("viewer")


@pytest.fixture
def jobs(pages: Pages) -> Iterator[Jobs]:
    """Airflow's database, without any XCom before and after."""
    made = Jobs()
    made.clear()
    yield made
    made.clear()


@pytest.fixture
def connection(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """The service, by a connection that Airflow has and by the credentials of this process."""
    monkeypatch.setenv("AIRFLOW_CONN_LAB", lab.service.connection())
    monkeypatch.setenv("AWS_ENDPOINT_URL", lab.service.endpoint_url)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "local")

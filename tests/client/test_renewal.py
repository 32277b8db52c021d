"""Clients get over what ails their credentials, whoever holds them."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from botocore.exceptions import ClientError, NoCredentialsError

from labeling_provider.client import renewal
from labeling_provider.client.renewal import Renewal, RenewedClient
from labeling_provider.hooks.labeling import LabelingHook
from labeling_provider.request import PrivateWorkteam
from tests.airflow_context import context
from tests.conftest import Lab
from tests.flaky import connection, proxy
from tests.operators.tasks import operator, run_id


class Client:
    """A client that fails, or not."""

    def __init__(self, error: Exception | None) -> None:
        self.error = error
        self.meta = self

    def ask(self, question: str, *, again: bool = False) -> Any:
        if self.error is not None:
            raise self.error
        return question, again


def test_a_client_whose_credentials_fail_is_made_anew_and_not_too_often(monkeypatch: pytest.MonkeyPatch) -> None:
    errors: list[Exception | None] = [NoCredentialsError(), NoCredentialsError(), None]
    made: list[Client] = []
    forgotten: list[int] = []

    def make() -> Client:
        made.append(Client(errors[len(made)]))
        return made[-1]

    client = RenewedClient(Renewal(lambda: forgotten.append(len(made))), make)
    for _ in range(5):
        with pytest.raises(NoCredentialsError):
            client.ask("who?")
    assert (len(made), forgotten) == (2, [1])
    monkeypatch.setattr(renewal, "_PAUSE", 0.0)
    assert client.ask("who?", again=True) == ("who?", True)
    assert (len(made), forgotten) == (3, [1, 2])
    assert client.meta is made[-1]


def test_other_trouble_makes_no_client_anew() -> None:
    error = ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "Ask")
    made: list[int] = []
    client = RenewedClient(Renewal(lambda: made.append(0)), lambda: Client(error))
    for _ in range(3):
        with pytest.raises(ClientError):
            client.ask("who?")
    assert made == []


def test_one_failure_of_many_threads_makes_one_client_anew() -> None:
    together, made = threading.Barrier(16), []

    class Crowded(Client):
        def ask(self, question: str, *, again: bool = False) -> Any:
            if self.error is not None:
                together.wait()
            return super().ask(question, again=again)

    def make() -> Client:
        made.append(Crowded(None if made else NoCredentialsError()))
        return made[-1]

    client = RenewedClient(Renewal(lambda: None), make)

    def ask() -> None:
        with pytest.raises(NoCredentialsError):
            client.ask("who?")

    threads = [threading.Thread(target=ask) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert client.ask("who?") == ("who?", False)
    assert len(made) == 2


def test_a_connection_that_can_not_be_read_for_a_moment_is_not_taken_for_one_that_is_not_defined(
    connected: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    hook = LabelingHook()
    hook.sagemaker.list_labeling_jobs(MaxResults=1)
    hook._forget()
    defined = connected.service.connection()
    monkeypatch.delenv("AIRFLOW_CONN_AWS_DEFAULT")
    with pytest.raises(OSError, match="aws_default temporarily can't be read"):
        hook.conn_config  # noqa: B018
    monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", defined)
    assert hook.conn_region_name == "us-east-1"


def test_a_task_that_waits_in_its_worker_takes_up_replaced_keys(
    connected: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(renewal, "_PAUSE", 0.1)
    steady = PrivateWorkteam(connected.team("steady"))
    with proxy(connected) as between:
        monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", connection(between.url))

        def replace() -> None:
            between.keys = {"new"}
            while between.spoilt["key"] < 2 and not done.wait(0.02):
                pass
            monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", connection(between.url, key="new"))

        done = threading.Event()
        task = operator(connected, workforce=steady, workers_per_object=1, poll_interval=0.1, preflight="off")
        replacing = threading.Timer(1.5, replace)
        replacing.start()
        try:
            result = task.execute(context(**run_id()))
        finally:
            done.set()
            replacing.join()
        assert between.spoilt["key"] >= 2
    assert result is not None
    assert result["counters"]["total_labeled"] == 6

"""What differs between the versions of Airflow, the same to everybody else."""

from __future__ import annotations

import ast
import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowTaskTimeout

from dev.stack import ROOT
from labeling_provider import compat
from tests.airflow_context import (
    FakeTaskInstance,
    TaskStateStore,
    context,
    record_metrics,
    tell_task_state,
    tell_task_states,
)
from tests.versions import ACKNOWLEDGED

TAGS = {"dag_id": "birds"}


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compat, "_STATE_PAUSES", (0.0, 0.0))


def test_no_other_module_asks_what_airflow_has() -> None:
    for path in sorted((ROOT / "labeling_provider").rglob("*.py")):
        names = [ast.unparse(node) for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Attribute)]
        assert path.name == "compat.py" or "airflow.__version__" not in names, path


def test_metrics_are_told_with_their_tags_and_nothing_is_not_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    recorder = record_metrics(monkeypatch)
    compat.count("labeled", 3, TAGS)
    compat.count("failed", 0, TAGS)
    compat.gauge("backlog", 0, TAGS)
    compat.timing("duration", timedelta(seconds=2), TAGS)
    assert recorder.measured == [("labeled", 3, TAGS), ("backlog", 0, TAGS), ("duration", timedelta(seconds=2), TAGS)]


def test_a_try_is_marked_where_a_trigger_has_to_look_for_it() -> None:
    task_instance = FakeTaskInstance(try_number=3)
    compat.mark_try(task_instance)
    assert task_instance.pushed == {"labeling_try": 3}


@pytest.mark.parametrize(
    ("state", "by_user"),
    [
        *((state, True) for state in ("failed", "success", "skipped", "restarting", "removed")),
        *((state, False) for state in ("running", "up_for_retry", "queued", "scheduled", "deferred", None)),
    ],
)
def test_a_task_was_ended_by_a_user_if_airflow_has_it_so(
    monkeypatch: pytest.MonkeyPatch, state: str | None, by_user: bool
) -> None:
    task_instance = FakeTaskInstance()
    tell_task_state(monkeypatch, task_instance, state)
    assert compat.was_ended_by_user(task_instance) is by_user


def test_a_task_that_airflow_does_not_know_any_more_was_ended_by_a_user(monkeypatch: pytest.MonkeyPatch) -> None:
    tell_task_states(monkeypatch, "other", {})
    assert compat.was_ended_by_user(FakeTaskInstance()) is True


def test_the_state_of_a_mapped_task_is_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    task_instance = FakeTaskInstance(map_index=2)
    tell_task_states(monkeypatch, task_instance.run_id, {"label_1": "running", "label_2": "failed"})
    assert compat.was_ended_by_user(task_instance) is True


def test_who_gets_no_answer_asks_again_and_says_so_in_the_end(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    tell_task_state(monkeypatch, FakeTaskInstance(), ConnectionError("the API server is away"))
    with pytest.raises(ConnectionError, match="away"):
        compat.was_ended_by_user(FakeTaskInstance())
    assert caplog.text.count("Can't read the state of label, asking again") == 2


def test_the_instances_of_a_task_are_told_by_their_map_index(monkeypatch: pytest.MonkeyPatch) -> None:
    task_instance = FakeTaskInstance(task_id="stop")
    tell_task_states(monkeypatch, task_instance.run_id, {"a.label_1_10": "failed", "a.label_1_2": "success"})
    assert compat.map_indexes(task_instance, "a.label_1") == [2, 10]
    tell_task_states(monkeypatch, task_instance.run_id, {"label": "failed"})
    assert compat.map_indexes(task_instance, "label") == [-1]
    tell_task_states(monkeypatch, task_instance.run_id, {})
    assert compat.map_indexes(task_instance, "label") == []


@pytest.mark.parametrize(("error", "timeout"), [(AirflowTaskTimeout(), True), (TimeoutError(), False), (None, False)])
def test_a_time_limit_of_airflow_is_told_from_others(error: BaseException | None, timeout: bool) -> None:
    assert compat.is_timeout(error) is timeout


def test_an_earlier_xcom_of_this_task_is_read_whether_it_is_mapped_or_not() -> None:
    around = context(earlier={"labeling_model": "arn"})
    assert compat.latest_of_this_task(around, "labeling_model") == "arn"
    around["ti"].xcom_push("labeling_model", "newer")
    assert compat.latest_of_this_task(around, "labeling_model") == "newer"
    assert compat.latest_of_this_task(context(), "labeling_model") is None


def test_what_a_task_remembers_outlives_its_try_where_airflow_can() -> None:
    store = TaskStateStore()
    compat.remember(context(store), "name", "birds")
    assert compat.remembered(context(store), "name") == "birds"
    assert compat.remembered(context(store), "other") is None
    without = context()
    compat.remember(without, "name", "birds")
    assert compat.remembered(without, "name") is None


class AssetStore:
    """An asset's store, with Airflow's own asynchronous methods or without."""

    def __init__(self, asynchronous: bool, missing: bool = False) -> None:
        self.kept: dict[str, Any] = {}
        self._missing = missing
        if asynchronous:
            self.aget, self.aset = self._aget, self._aset

    def get(self, key: str) -> Any:
        if self._missing:
            raise ValueError("no asset")
        return self.kept.get(key)

    def set(self, key: str, value: Any) -> None:
        self.kept[key] = value

    async def _aget(self, key: str) -> Any:
        return self.get(key)

    async def _aset(self, key: str, value: Any) -> None:
        self.set(key, value)


@pytest.mark.parametrize("asynchronous", [True, False])
def test_a_position_is_kept_with_an_asset(asynchronous: bool) -> None:
    trigger = SimpleNamespace(asset_state_store=AssetStore(asynchronous))

    async def scenario() -> list[Any]:
        before = await compat.asset_state(trigger, "position")
        await compat.keep_asset_state(trigger, "position", {"line": 7})
        return [before, await compat.asset_state(trigger, "position")]

    assert asyncio.run(scenario()) == [None, {"line": 7}]


@pytest.mark.parametrize(
    "trigger", [SimpleNamespace(), SimpleNamespace(asset_state_store=AssetStore(True, missing=True))]
)
def test_without_an_asset_there_is_nowhere_to_keep_it(trigger: Any) -> None:
    with pytest.raises(LookupError):
        asyncio.run(compat.asset_state(trigger, "position"))


TASK = SimpleNamespace(dag_id="dag", task_id="label", run_id="run", map_index=-1, try_number=2)


def test_a_trigger_does_without_an_xcom_that_can_not_be_read(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def read(ti_key: Any, key: str) -> Any:
        if key == "broken":
            raise ConnectionError("away")
        return f"{ti_key.task_id}:{key}"

    monkeypatch.setattr(compat, "read_xcom", read)
    assert asyncio.run(compat.pull_xcom(TASK, "progress")) == "label:progress"
    assert asyncio.run(compat.pull_xcom(TASK, "broken")) is None
    assert "The XCom broken of label can't be read: away" in caplog.text


def test_the_last_value_of_an_xcom_arrives_and_one_that_fails_takes_no_other_along(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    pushed: list[tuple[str, int]] = []

    def push(*, key: str, value: dict[str, int], **task: Any) -> None:
        assert task == {"dag_id": "dag", "task_id": "label", "run_id": "run", "map_index": -1}
        if key == "broken":
            raise ConnectionError("away")
        pushed.append((key, value["number"]))

    monkeypatch.setattr(compat.XCom, "set", push)

    async def scenario() -> None:
        for number in range(50):
            compat.push_xcom_soon(TASK, "progress", {"number": number})
            compat.push_xcom_soon(TASK, "broken", {"number": number})
        async with asyncio.timeout(10):
            while compat._running:
                await asyncio.sleep(0.01)

    asyncio.run(scenario())
    assert pushed == [("progress", 49)]
    assert "The XCom broken of label can't be pushed: away" in caplog.text


@pytest.mark.parametrize(
    ("state", "try_of_xcom", "waits_on"),
    [
        ("failed", 2, False),
        (None, 2, False),
        ("deferred", 2, True),
        ("deferred", None, True),
        ("deferred", 3, False),
    ],
    ids=["ended-by-a-user", "cleared", "handed-over", "no-mark", "a-later-try-is-deferred"],
)
def test_a_task_waits_on_if_its_trigger_has_only_been_handed_over(
    monkeypatch: pytest.MonkeyPatch, state: str | None, try_of_xcom: int | None, waits_on: bool
) -> None:
    monkeypatch.setattr(compat, "read_xcom", lambda ti_key, key: try_of_xcom)
    tell_task_state(monkeypatch, TASK, state)
    assert asyncio.run(compat.is_still_deferred(TASK)) is waits_on


def test_before_3_3_a_cancelled_trigger_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compat, "TRIGGERS_HAVE_ON_KILL", False)
    kills: list[str] = []

    async def on_kill() -> None:
        kills.append("killed")

    async def scenario() -> None:
        compat.when_cancelled(SimpleNamespace(task_instance=TASK, on_kill=on_kill))
        async with asyncio.timeout(10):
            while compat._running:
                await asyncio.sleep(0.01)

    asyncio.run(scenario())
    assert kills == ["killed"]


def test_from_3_3_on_airflow_calls_on_kill_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compat, "TRIGGERS_HAVE_ON_KILL", True)
    compat.when_cancelled(SimpleNamespace(task_instance=TASK, on_kill=lambda: pytest.fail("that is Airflow's to do")))
    assert not compat._running


@ACKNOWLEDGED
@pytest.mark.parametrize(("failed", "acknowledged"), [(0, ["receipt"]), (1, [])])
def test_an_event_is_acknowledged_once_all_have_stored_it(failed: int, acknowledged: list[str]) -> None:
    from airflow.triggers.shared_stream import AdvanceItem, AdvanceOutcome

    done: list[Any] = []

    async def stream() -> AsyncIterator[tuple[Any, Any]]:
        yield "event", "receipt"

    async def acknowledge(payload: Any) -> None:
        done.append(payload)

    async def scenario() -> None:
        producer = compat.acknowledging_producer(stream, acknowledge)
        _, payload = await anext(producer.open_stream())
        await producer.advance([AdvanceItem(payload, AdvanceOutcome(acked=1, failed=failed))])

    asyncio.run(scenario())
    assert done == acknowledged

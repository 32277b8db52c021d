"""Between the provider and the service everything that can go wrong does; the end is the same."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from labeling_provider.errors import LabelingTimeoutError
from labeling_provider.request import PrivateWorkteam
from tests.airflow_context import context
from tests.conftest import Lab, texts
from tests.flaky import FAULTS, connection, proxy
from tests.jobs.runs import names
from tests.operators.tasks import operator, run_id, run_to_the_end

pytestmark = pytest.mark.once


@pytest.mark.parametrize(("seed", "deferrable"), [(1, True), (2, False)])
def test_one_job_and_all_labels_whatever_goes_wrong_on_the_way(
    connected: Lab, monkeypatch: pytest.MonkeyPatch, seed: int, deferrable: bool
) -> None:
    around = context(**run_id())
    task = operator(
        connected,
        texts(12),
        workforce=PrivateWorkteam(connected.team("moody")),
        workers_per_object=1,
        on_missing_labels="chain",
        max_rounds=20,
        deferrable=deferrable,
        poll_interval=0.02,
    )
    with proxy(connected, seed) as between:
        monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", connection(between.url))
        between.share = 0.25
        result = run_to_the_end(task, around)
        assert result is not None
        between.share = 0
        assert sum(between.spoilt.values()) > 5
    lines = [json.loads(line) for line in connected.get(result["output_manifest_uri"]).splitlines()]
    assert [line["source"] for line in lines] == [line["source"] for line in texts(12)]
    assert [line["label-metadata"]["class-name"] for line in lines] == [line["truth"] for line in texts(12)]
    assert names(connected, result["rounds"][0]["job_name"]) == [turn["job_name"] for turn in result["rounds"]]


@pytest.mark.parametrize("kind", FAULTS)
def test_each_kind_of_trouble_alone_is_sat_out(connected: Lab, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    with proxy(connected) as between:
        monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", connection(between.url))
        between.trouble = [kind] * 3
        result = operator(connected).execute(context(**run_id()))
        assert not between.trouble
    assert result is not None
    assert result["counters"]["total_labeled"] == 6


@pytest.mark.parametrize(("shift", "deferrable"), [(3600, True), (-3600, False)], ids=["ahead", "behind"])
def test_time_is_up_at_the_right_moment_by_whatever_clock_the_service_goes(
    connected: Lab, monkeypatch: pytest.MonkeyPatch, shift: float, deferrable: bool
) -> None:
    around = context(**run_id())
    with proxy(connected) as between:
        monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", connection(between.url))
        between.shift = shift
        task = operator(connected, workforce=connected.people, job_timeout=timedelta(seconds=6), deferrable=deferrable)
        with pytest.raises(LabelingTimeoutError, match="0 of 6 objects labeled"):
            run_to_the_end(task, around)
        assert between.looks > 10

"""A job as the XComs of its task describe it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from labeling_provider.ui.task_jobs import Counters, CreationFacts, TaskJob, TaskKey
from tests.ui.conftest import Jobs, Pages
from tests.ui.xcoms import COUNTERS, FACTS


@pytest.mark.parametrize(
    ("estimate", "people", "machine", "cost"),
    [
        # 1,000 objects at 0.08, and three workers at 0.012.
        (116.0, 0, 0, 0.0),
        (116.0, 500, 0, 58.0),
        (116.0, 1000, 0, 116.0),
        (116.0, 250, 750, 80.0 + 9.0),
        (80.0, 250, 750, 80.0),
        # A limit on people's labels.
        (8.0, 1000, 0, 8.0),
    ],
)
def test_what_a_model_labels_costs_no_worker(estimate: float, people: int, machine: int, cost: float) -> None:
    facts = CreationFacts("job", None, estimated_cost_usd=estimate)
    job = TaskJob(
        TaskKey("dag", "run", "task"), facts, Counters("job", total=1000, human_labeled=people, machine_labeled=machine)
    )
    assert job.cost == pytest.approx(cost)
    assert TaskJob(TaskKey("dag", "run", "task"), facts).cost == 0


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=8,
)


def changed(whole: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    """An XCom of ours with values of any kind under its keys."""
    return st.dictionaries(st.sampled_from(sorted(whole)), values, max_size=4).map(lambda some: {**whole, **some})


ODD_XCOMS: list[tuple[Any, Any]] = [
    ({"__classname__": "os.Popen", "__version__": 1, "__data__": {"job_name": "x"}}, None),
    (FACTS, {"__classname__": "os.Popen", "__version__": 1, "__data__": {}}),
    ({**FACTS, "created": float("nan")}, None),
    ({**FACTS, "estimated_cost_usd": 10**400}, None),
    (FACTS, {**COUNTERS, "total": float("inf")}),
    (FACTS, {**COUNTERS, "failed": 10**400}),
    (FACTS, {**COUNTERS, "total": -1}),
    ({**FACTS, "job_name": "\ud800"}, None),
    ({**FACTS, "job_name": "<script>"}, None),
    ("{", ""),
    ("[" * 100_000, None),
    ('{"job_name": ' + "1" * 5_000 + "}", None),
    ("null", "null"),
]


def check_all_are_shown(jobs: Jobs, pages: Pages, odd: list[tuple[Any, Any]]) -> None:
    jobs.clear()
    jobs.add(FACTS, COUNTERS, task="first")
    run = jobs.add(FACTS, COUNTERS, task="last")["run_id"]
    tasks = [jobs.add(facts, progress, task=f"odd_{number}", run=run) for number, (facts, progress) in enumerate(odd)]
    for query in ({}, {"part": "true"}, {"text": "manual"}):
        body = pages.shows("/", **query)
        for task in ("first", "last", *(task["task_id"] for task in tasks)):
            assert f"<bdi>{task}</bdi>" in body
        assert body.count("2 of 3, 1 failed") >= 2
    for task in tasks:
        pages.shows("/job", **task)


@pytest.mark.parametrize("odd", ODD_XCOMS)
def test_an_xcom_that_is_odd_is_shown_as_bad(jobs: Jobs, pages: Pages, odd: tuple[Any, Any]) -> None:
    check_all_are_shown(jobs, pages, [odd])
    assert "can&#39;t be read" in pages.shows("/")


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(values | changed(FACTS), st.none() | values | changed(COUNTERS)), min_size=5, max_size=10))
def test_whatever_xcoms_hold_all_jobs_are_shown(jobs: Jobs, pages: Pages, odd: list[tuple[Any, Any]]) -> None:
    check_all_are_shown(
        jobs, pages, [(json.dumps(facts), progress and json.dumps(progress)) for facts, progress in odd]
    )


@pytest.mark.parametrize(
    ("facts", "counters", "words"),
    [
        ({"job_name": "x"}, None, "labeling_job of this task can&#39;t be read: Object missing required field"),
        ("{", None, "labeling_job of this task can&#39;t be read: Input data was truncated"),
        (" " * 30_000, None, "more than 5,000 characters"),
        (FACTS, {"total": "many"}, "labeling_progress of this task can&#39;t be read: Expected `int`, got `str`"),
    ],
)
def test_what_is_wrong_with_an_xcom_is_told(jobs: Jobs, pages: Pages, facts: Any, counters: Any, words: str) -> None:
    odd = jobs.add(facts, counters)
    assert words in pages.shows("/")
    assert (words in pages.shows("/job", **odd)) == (counters is None)
    if counters is None:
        for path in ("/job/progress", "/job/labels", "/job/workers", "/job/stream"):
            assert words in pages.shows(path, **odd)


def test_what_a_person_has_added_in_airflow_is_read_too(jobs: Jobs, pages: Pages) -> None:
    jobs.add(json.dumps(json.dumps(FACTS)), json.dumps(json.dumps(COUNTERS)))
    assert "2 of 3, 1 failed" in pages.shows("/")

"""The pages on Airflow's own tables: odd XComs, odd addresses, and rights; tests/e2e shows them in a browser."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from fastapi.dependencies.utils import get_flat_dependant
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from labeling_provider.ui.application import MAX_BODY_BYTES, make_application
from tests.ui.conftest import Jobs, Pages

FACTS: dict[str, Any] = {
    "job_name": "good",
    "status": "Completed",
    "created": 1.0,
    "workteam_arn": "arn:aws:sagemaker:us-east-1:123456789012:workteam/private-crowd/birders",
    "workers_per_object": 3,
    "estimated_cost_usd": 12.5,
    "streaming": False,
    "aws_conn_id": "aws_default",
    "region_name": "us-east-1",
    "verify": None,
}
COUNTERS: dict[str, Any] = {"job_name": "good", "status": "Completed", "total": 3, "human_labeled": 2, "failed": 1}
MINE = {"X-Labeling": "1"}

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
    tasks = [jobs.add(facts, told, task=f"odd_{number}", run=run) for number, (facts, told) in enumerate(odd)]
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
    check_all_are_shown(jobs, pages, [(json.dumps(facts), told and json.dumps(told)) for facts, told in odd])


@pytest.mark.parametrize(
    ("facts", "counters", "words"),
    [
        ({"job_name": "x"}, None, "labeling_job of this task can&#39;t be read: Object missing required field"),
        ("{", None, "labeling_job of this task can&#39;t be read: Input data was truncated"),
        (" " * 30_000, None, "more than 20,000 characters"),
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


ODD = ("--1", "²", "nan", "9" * 30, "9" * 5_000, "\x00", "~", "x" * 10_000)
GOOD = {
    "dag_id": "birds",
    "run_id": "manual__1",
    "task_id": "label",
    "uri": "s3://b/k",
    "expires": "1",
    "signature": "",
}


def test_no_argument_of_any_route_breaks_it(jobs: Jobs, signed_in: Callable[[str], Pages]) -> None:
    jobs.add("null")
    admin = signed_in("admin")
    tried = 0
    for route in make_application().routes:
        flat = get_flat_dependant(route.dependant)  # type: ignore[attr-defined]
        names = {field.alias for field in flat.query_params}
        for name in names:
            for odd in (*map(quote, ODD), "%ED%A0%80"):
                query = urlencode({key: value for key, value in GOOD.items() if key in names - {name}})
                path = route.path.replace("{name}", "labeling.js")  # type: ignore[attr-defined]
                for method in route.methods:  # type: ignore[attr-defined]
                    answer = admin.client.request(
                        method, f"{path}?{query}&{name}={odd}", headers=MINE, json={"lines": [1]}
                    )
                    # 502 is what a change answers whose job can't be read.
                    assert answer.status_code < 500 or answer.status_code == 502, (path, name, odd)
                    tried += 1
    assert tried > 300


@pytest.mark.parametrize("index", ["--1", "²", "-2", "1.5", "9" * 30, "x"])
def test_a_map_index_that_is_none_is_refused(jobs: Jobs, pages: Pages, index: str) -> None:
    task = jobs.add(FACTS, COUNTERS)
    status, body = pages.get("/job", **{**task, "map_index": index})
    assert (status, "map_index" in body) == (422, True)
    assert "good" in pages.shows("/job", **{**task, "map_index": "{MAP_INDEX}"})


@pytest.mark.parametrize(
    "body",
    [
        '{"lines": [NaN]}',
        '{"lines": [1e999]}',
        '{"lines": ["\\ud800"]}',
        '{"lines": [' + "9" * 5_000 + "]}",
        '{"lines": []}',
        '{"lines": [0]}',
        '{"lines": ' + str([1] * 1_001) + "}",
        '{"\\ud800": 1}',
        "[" * 10_000,
        "\ufeff",
    ],
)
def test_a_body_that_is_odd_is_refused(jobs: Jobs, signed_in: Callable[[str], Pages], body: str) -> None:
    path = f"/job/relabel?{urlencode(jobs.add(FACTS, COUNTERS))}"
    headers = {**MINE, "Content-Type": "application/json"}
    answer = signed_in("admin").client.post(path, content=body.encode(), headers=headers)
    assert answer.status_code in {400, 422}


def test_a_body_is_refused_by_its_size_before_it_is_read(signed_in: Callable[[str], Pages]) -> None:
    client = signed_in("admin").client
    assert client.post("/job/relabel", content=b" " * (MAX_BODY_BYTES + 1)).status_code == 413
    assert client.post("/job/relabel", content=iter([b"{}"])).status_code == 413


def test_only_jobs_of_readable_dags_are_shown(jobs: Jobs, signed_in: Callable[[str], Pages]) -> None:
    hidden = jobs.add({**FACTS, "job_name": "hidden", "workteam_arn": "x:workteam/hidden"}, dag="secret")
    jobs.add(FACTS, COUNTERS)
    viewer, admin = signed_in("viewer"), signed_in("admin")
    for query in ({}, {"dag_id": "secret"}, {"text": "hidden"}, {"run_id": hidden["run_id"]}, {"part": "true"}):
        body = viewer.shows("/", **query)
        assert "hidden</bdi>" not in body
        assert 'value="secret"></option>' not in body
        assert 'value="hidden"></option>' not in body
    assert "1 job" in viewer.shows("/")
    assert "hidden</bdi>" in admin.shows("/", dag_id="secret")
    assert "2 jobs" in admin.shows("/")
    for route in make_application().routes:
        if "GET" in route.methods and route.path.startswith(("/job", "/picture")):  # type: ignore[attr-defined]
            assert viewer.get(route.path, **hidden)[0] == 403  # type: ignore[attr-defined]


def test_jobs_are_filtered(jobs: Jobs, pages: Pages) -> None:
    jobs.add({**FACTS, "job_name": "done"}, {**COUNTERS, "job_name": "done"})
    jobs.add(
        {**FACTS, "job_name": "fails", "status": "InProgress"}, {**COUNTERS, "job_name": "fails", "status": "Failed"}
    )
    mapped = jobs.add({**FACTS, "job_name": "mapped", "workteam_arn": "x:workteam/other"}, dag="texts", index=4)

    def found(**query: Any) -> set[str]:
        body = pages.shows("/", part="true", **query)
        return {name for name in ("done", "fails", "mapped") if f"<bdi>{name}</bdi>" in body}

    assert found() == {"done", "fails", "mapped"}
    assert found(status="Failed") == {"fails"}
    assert found(status="Completed") == {"done", "mapped"}
    assert found(workteam="other") == {"mapped"}
    assert found(dag_id="birds") == {"done", "fails"}
    assert found(run_id=mapped["run_id"]) == {"mapped"}
    assert found(text="FAIL") == {"fails"}
    assert found(text="texts") == {"mapped"}
    assert found(text="nothing") == set()
    assert pages.get("/", status="Nothing")[0] == 422


def test_prices_are_said_to_be_amazons(jobs: Jobs, pages: Pages) -> None:
    jobs.add(FACTS, COUNTERS)
    body = pages.shows("/")
    assert "Cost on Amazon" in body
    assert "of $12.50" in body
    jobs.clear()
    jobs.add({**FACTS, "estimated_cost_usd": 0}, COUNTERS)
    assert "$" not in pages.shows("/", part="true")

"""The pages on Airflow's own tables: odd addresses, odd bodies, and rights; tests/e2e shows them in a browser."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from fastapi.dependencies.utils import get_flat_dependant

from labeling_provider.groundtruth import facts
from labeling_provider.ui.application import MAX_BODY_BYTES, make_application
from tests.conftest import Lab, texts
from tests.flaky import connection as connection_to
from tests.flaky import proxy
from tests.service.web.portal.conftest import Browser
from tests.ui.at_service import facts_of, job_of
from tests.ui.conftest import Jobs, Pages
from tests.ui.xcoms import COUNTERS, FACTS

MINE = {"X-Labeling": "1"}

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


def test_a_page_refuses_methods_that_it_does_not_have(signed_in: Callable[[str], Pages]) -> None:
    client = signed_in("admin").client
    for route in make_application().routes:
        path, methods = route.path, route.methods  # type: ignore[attr-defined]
        for method in {"GET", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"} - methods:
            answer = client.request(method, path)
            assert (answer.status_code, answer.headers["allow"]) == (405, ", ".join(methods)), f"{method} {path}"


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


def test_a_newcomer_is_led_to_the_examples_that_airflow_has_and_else_told_how_to_get_them(pages: Pages) -> None:
    from airflow.models import DagModel
    from airflow.utils.session import create_session

    assert "labeling examples" in pages.shows("/")
    with create_session() as session:
        session.add(DagModel(dag_id="label_by_hand", bundle_name="bundle"))
    assert 'href="/dags/label_by_hand"' in pages.shows("/")
    assert "labeling examples" not in pages.shows("/")


def test_jobs_are_filtered(jobs: Jobs, pages: Pages) -> None:
    jobs.add({**FACTS, "job_name": "done"}, {**COUNTERS, "job_name": "done"})
    jobs.add(
        {**FACTS, "job_name": "fails", "status": "InProgress"}, {**COUNTERS, "job_name": "fails", "status": "Failed"}
    )
    mapped = jobs.add({**FACTS, "job_name": "mapped", "workteam_arn": "x:workteam/other"}, dag="texts", index=4)

    def listed(**query: Any) -> set[str]:
        body = pages.shows("/", part="true", **query)
        return {name for name in ("done", "fails", "mapped") if f"<bdi>{name}</bdi>" in body}

    assert listed() == {"done", "fails", "mapped"}
    assert listed(status="Failed") == {"fails"}
    assert listed(status="Completed") == {"done", "mapped"}
    assert listed(workteam="other") == {"mapped"}
    assert listed(dag_id="birds") == {"done", "fails"}
    assert listed(run_id=mapped["run_id"]) == {"mapped"}
    assert listed(text="FAIL") == {"fails"}
    assert listed(text="texts") == {"mapped"}
    assert listed(text="Manual__") == {"done", "fails", "mapped"}
    assert listed(text="a_l") == set()
    assert listed(text="\u00dc") == listed(text='"') == set()
    assert listed(text="e", workteam="private-crowd/birders") == {"done", "fails"}
    assert listed(text="nothing") == set()
    assert pages.get("/", status="Nothing")[0] == 422


def test_prices_are_said_to_be_amazons(jobs: Jobs, pages: Pages) -> None:
    jobs.add(FACTS, COUNTERS)
    body = pages.shows("/")
    assert "Cost on Amazon" in body
    assert "of $12.50" in body
    jobs.clear()
    jobs.add({**FACTS, "estimated_cost_usd": 0}, COUNTERS)
    assert "$" not in pages.shows("/", part="true")


EVIL = "<script>parent.owned=1</script><img src=x onerror=alert(1)>\u202egnihton\u2066" + "x" * 10_000


@pytest.mark.usefixtures("connection")
def test_a_job_tells_who_is_at_work_and_what_they_report(lab: Lab, jobs: Jobs, pages: Pages) -> None:
    task = jobs.add(None)
    name = job_of(lab, task, texts(1), {"InProgress"}, workforce=lab.people, workers_per_object=1, title=EVIL[:60])
    jobs.add(facts_of(name), run=task["run_id"])
    assert "Nobody is at work." in pages.shows("/job/people", **task)
    ada = Browser(lab.service.endpoint_url).sign_in("Ada Lovelace")
    job_id = re.search(r"/portal/jobs/(\d+)", ada.ask("GET", f"/portal/labeling-jobs/{name}")[1]["location"])
    assert job_id
    at = ada.next(int(job_id[1]))["task"]["id"]
    ada.move(f"/tasks/{at}/remark", {"text": EVIL})
    ada.move(f"/tasks/{at}/remark", {"text": "A second one"})
    page = pages.shows("/job/people", **task)
    assert "1 person is at work</b>, with 1 task in hand" in page
    assert page.index("A second one") < page.index("&lt;script&gt;parent.owned=1&lt;/script&gt;&lt;img src=x")
    assert len(page) < 3_000
    assert not re.search(r"<(script|img)", page)
    # What turns letters round ends with its own text, and nothing of ours follows it.
    assert re.search("<bdi>[^<]*\u202egnihton\u2066x{200,300} …</bdi></div>", page)
    assert "private.us-east-1." in page
    assert "Lovelace" not in page
    assert f'href="{lab.service.endpoint_url}/_labeling/jobs/{name}"' in page
    ada.move(f"/tasks/{at}/decline", {"reason": "Too blurred", "job": int(job_id[1])})
    page = pages.shows("/job/people", **task)
    assert "1 task was declined." in page
    assert "Declined: <bdi>Too blurred</bdi>" in page


def test_a_service_that_does_not_tell_of_people_or_does_not_answer_changes_nothing_else(
    lab: Lab, jobs: Jobs, pages: Pages, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = jobs.add(None)
    name = job_of(lab, task, texts(3))
    jobs.add(facts_of(name, aws_conn_id="older"), run=task["run_id"])
    with proxy(lab) as older:
        monkeypatch.setenv("AIRFLOW_CONN_OLDER", connection_to(older.url))
        assert pages.shows("/job/people", **task).strip() == "", "simulated workers are not people"
        older.absent = "/people"
        assert "This service can't say who is at work" in pages.shows("/job/people", **task)
        assert "3 of 3" in pages.shows("/job/progress", **task)
        assert "text 0" in pages.shows("/job/labels", **task)
        older.absent, older.object_trouble = None, ["drop"]
        assert "Asking the service who is at work: Connection was closed" in pages.shows("/job/people", **task)
        assert "3 of 3" in pages.shows("/job/progress", **task)


def test_amazon_is_not_asked_who_is_at_work(
    lab: Lab, jobs: Jobs, pages: Pages, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = jobs.add(None)
    name = job_of(lab, task, texts(1))
    jobs.add(facts_of(name, aws_conn_id="amazon"), run=task["run_id"])
    with proxy(lab) as other:
        monkeypatch.setenv("AIRFLOW_CONN_AMAZON", connection_to(other.url))
        monkeypatch.setattr(facts, "_AMAZONS_DOMAINS", ("127.0.0.1",))
        other.absent = "/people"
        assert pages.shows("/job/people", **task) == ""


@pytest.mark.usefixtures("connection")
def test_numbers_and_letters_that_nothing_can_hold_are_told_and_all_else_is_shown(
    lab: Lab, jobs: Jobs, pages: Pages
) -> None:
    task = jobs.add(None)
    name = job_of(lab, task, texts(3))
    jobs.add(facts_of(name), run=task["run_id"])
    about = '"label-metadata": {"class-name": "cat", "confidence": 0.5}'
    odd = [
        '{"source": "odd", "label": 1e999, "label-metadata": {"confidence": 0.5}}',
        '{"source": "odd", "label": [1e999], "label-metadata": {"confidence": 0.5}}',
        '{"source": "odd", "label": 0, "label-metadata": {"class-name": "cat", "confidence": 1e999}}',
        f'{{"source": "odd", "label": {"9" * 5_000}, {about}}}',
        f'{{"source": "odd", "label": 0, "x": {"9" * 5_000}, {about}}}',
        '{"source": "odd", "label": 0, "label-metadata": {"class-name": "\\ud800", "confidence": 0.4}}',
        f'{{"source": "half \\ud800 letter", "label": 0, {about}}}',
        '{"source": "odd", "label-metadata": {"failure-reason": "\\udfff why"}}',
        f'{{"source-ref": "s3://lab/\\ud800", "label": 0, {about}}}',
        '{"source": "odd", "label": ' + "[" * 40_000 + "]" * 40_000 + "}",
    ]
    good = f'{{"source": "a good text", "label": 0, {about}}}'
    lab.put(f"out/{name}/manifests/output/output.manifest", "\n".join([good, *odd, good]))
    page = pages.shows("/job/labels", **task)
    assert page.count("a good text") == 2
    assert "10 lines can't be read" in page
    assert "10 lines can't be read" in pages.shows("/job/labels", **task, state="failed")
    assert "a good text" in pages.shows("/job/labels", **task, class_name="cat", below=0.9)

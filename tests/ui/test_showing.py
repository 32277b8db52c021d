"""What the templates show: links into Airflow, counters, the progress bar, the chart."""

from __future__ import annotations

import re
from datetime import datetime
from html import unescape
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeling_provider.client.job_people import JobPeople, Remark
from labeling_provider.ui.output_manifest import Labels
from labeling_provider.ui.showing import STATIC, chart, query_of, render_page, static_file
from labeling_provider.ui.task_jobs import Counters, CreationFacts, TaskJob, TaskKey

TASK = TaskKey("birds", "manual__1", "label")


def job(**counters: Any) -> TaskJob:
    facts = CreationFacts("job", None, status="InProgress", created=1.0)
    return TaskJob(TASK, facts, Counters("job", status="InProgress", **counters))


def shown(task_job: TaskJob) -> str:
    return render_page("progress_part.html", job=task_job)


NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)


@given(st.builds(TaskKey, NAMES, NAMES, NAMES, st.integers(-1, 9)))
def test_a_task_is_found_by_its_address_whatever_its_name(task: TaskKey) -> None:
    read = {key: value for key, (value,) in parse_qs(query_of(task), strict_parsing=True).items()}
    assert TaskKey(read["dag_id"], read["run_id"], read["task_id"], int(read["map_index"])) == task


@pytest.mark.parametrize("index", [-1, 4])
def test_a_job_s_page_leads_to_its_task(index: int) -> None:
    task = TaskKey("b/rds", "manual 1+?", "la&bel", index)
    page = render_page("job.html", job=job(), task=task, query=query_of(task), may_edit=False)
    links = [urlsplit(part.split('"')[0]) for part in page.split('href="')[1:]]
    paths = [unquote(link.path) for link in links if link.path.startswith("/dags/")]
    mapped = f"/mapped/{index}" * (index >= 0)
    assert "/dags/b/rds/runs/manual 1+?/tasks/la&bel" + mapped in paths
    assert all("b%2Frds" in link.path for link in links if link.path.startswith("/dags/")), (
        "a name is one step of a path"
    )


def test_counters_are_told_in_words() -> None:
    page = shown(job(total=8, human_labeled=1, machine_labeled=4, failed=2, unlabeled=1))
    assert "1 by people, 4 by machine, 2 failed, 1 unlabeled" in page
    assert "5 of 8, 2 failed" in page
    for share in ("12.5", "50", "25"):
        assert f"width: {share}" in page or f"width:{share}" in page


def test_dates_are_marked_for_the_script_that_knows_the_time_zone() -> None:
    page = shown(job())
    assert "Created 1970-01-01 00:00:01 UTC" in re.sub("<[^>]+>", "", page)
    stamps = re.findall('<time class="(moment|)" datetime="([^"]+)">', page)
    assert [(css_class, datetime.fromisoformat(stamp).timestamp()) for css_class, stamp in stamps] == [
        ("moment", 1),
        ("", 1),
    ]
    unknown = TaskJob(TASK, CreationFacts("job", None))
    assert "<time" not in shown(unknown)


def test_nothing_to_count_breaks_no_bar() -> None:
    assert "by people" in shown(job())


def people(**others: Any) -> str:
    counts = {"at_work": 0, "in_hand": 0, "declined": 0, "remarks": 0, "waits": False, "latest": []}
    facts = JobPeople(**{**counts, **others})
    return render_page("people_part.html", job=job(), page="http://here/_labeling/jobs/job", people=facts)


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"waits": True}, "Nobody is at work."),
        ({"at_work": 1, "in_hand": 1, "waits": True}, "1 person is at work</b>, with 1 task in hand."),
        ({"at_work": 1_200, "in_hand": 1_201}, "1,200 people are at work</b>, with 1,201 tasks in hand."),
        ({"declined": 1}, "1 task was declined."),
        ({"declined": 2_000}, "2,000 tasks were declined."),
        ({"remarks": 11}, "See all 11 remarks on the service"),
        ({"waits": True}, "See the job on the service"),
    ],
)
def test_people_are_told_in_words(facts: dict[str, Any], words: str) -> None:
    assert words in people(**facts)


def test_a_job_without_people_shows_nothing_of_them() -> None:
    assert people().strip() == ""


@given(st.text(max_size=400), st.text(max_size=60), st.floats(0, 1e11))
def test_a_remark_stays_in_its_place_whatever_it_says(text: str, worker_id: str, at: float) -> None:
    page = people(remarks=1, latest=[Remark(0, worker_id, at, "comment", text)])
    assert page.count("<bdi>") == page.count("</bdi>") == 2
    assert page.count("<tr>") == 2
    assert len(page) < 6_000


POINTS = st.lists(st.tuples(st.floats(0, 1e4), st.integers(0, 10**6), st.integers(0, 10**6)), max_size=5)


@given(POINTS, st.integers(0, 10**6))
def test_a_chart_stays_in_its_box(points: list[tuple[float, int, int]], total: int) -> None:
    rising = sorted((hours, max(labels, machine), min(labels, machine)) for hours, labels, machine in points)
    counts = sorted(labels for _, labels, _ in rising)
    rising = [(hours, count, min(count, machine)) for (hours, _, machine), count in zip(rising, counts, strict=True)]
    drawn = chart(Labels(points=rising), job(total=total))
    if len(rising) < 2:
        assert drawn is None
        return
    assert drawn is not None
    assert (drawn["last"], drawn["objects"] >= total) == (rising[-1][1], True)
    for lines in (drawn["points"], drawn["machine_points"]):
        for point in lines.split():
            across, down = map(float, point.split(","))
            assert 0 <= across <= 600
            assert 0 <= down <= 160


def test_files_are_served_under_an_address_that_changes_with_them() -> None:
    page = render_page("trouble.html", trouble="x")
    full = render_page("jobs.html", **EMPTY)
    assert "x" in page
    for name in STATIC:
        assert static_file(name)
        assert f"static/{name}?" in full


EMPTY: dict[str, Any] = {
    "jobs": [],
    "total": 0,
    "further": "",
    "is_first": True,
    "has_examples": False,
    "statuses": [],
    "dags": [],
    "workteams": [],
    "query": dict.fromkeys(("dag_id", "run_id", "status", "workteam", "text"), ""),
}


def test_a_newcomer_is_told_what_to_do_with_links_and_code_that_runs() -> None:
    page = render_page("jobs.html", **EMPTY)
    assert "No Dag has created a labeling job yet" in page
    for path in ("/connections", "/dags?tags=labeling"):
        assert f'<a data-top href="{path}">' in page
    command, code = re.findall(r"<pre>(.*?)</pre>", page, re.DOTALL)
    assert unescape(command) == 'labeling examples "$(airflow config get-value core dags_folder)"'
    assert max(len(line) for line in unescape(code).splitlines()) <= 96, "a line is cut off at 1,280 pixels"
    names: dict[str, Any] = {}
    exec(compile(unescape(code), "welcome.html", "exec"), names)
    assert names["notes"].kwargs["deferrable"], "it would occupy a worker while people label"
    assert names["notes"].function() == ["Lovely room.", "Cold soup."]


def test_examples_that_airflow_has_are_not_to_be_copied() -> None:
    page = render_page("jobs.html", **{**EMPTY, "has_examples": True})
    assert '<a data-top href="/dags/label_by_hand">' in page
    assert "labeling examples" not in page


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"query": {"text": "owl"}}, "No labeling jobs match these filters."),
        ({"query": {"dag_id": "birds", "status": "Failed"}}, "No labeling jobs match these filters."),
        ({"query": {"dag_id": "b<rds"}}, "The Dag <bdi>b&lt;rds</bdi> has not created a labeling job."),
        ({"query": {"dag_id": "birds", "run_id": "1"}}, "This Dag run has not created a labeling job."),
        ({"is_first": False}, "There are no more labeling jobs."),
        ({"further": "after_run=1", "query": {"text": "owl"}}, "There are older jobs."),
    ],
)
def test_an_empty_list_says_why_it_is_empty(asked: dict[str, Any], words: str) -> None:
    page = render_page("jobs.html", **{**EMPTY, **asked, "query": {**EMPTY["query"], **asked.get("query", {})}})
    assert words in page
    assert "No Dag has created" not in page


def test_the_page_of_a_task_without_a_job_looks_again() -> None:
    values = {"task": TASK, "query": query_of(TASK), "may_edit": False}
    assert '<meta http-equiv="refresh"' in render_page("job.html", job=None, **values)
    assert '<meta http-equiv="refresh"' not in render_page("job.html", job=job(), **values)


def test_a_list_without_jobs_says_so_whatever_was_asked() -> None:
    evil = "<script>alert(1)</script>"
    page = render_page("jobs.html", **{**EMPTY, "query": {**EMPTY["query"], "text": evil}})
    assert evil not in page
    assert "&lt;script&gt;" in page

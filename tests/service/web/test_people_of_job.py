"""Who works on a job and what they report, as the plugin's page asks for it."""

from __future__ import annotations

import json
from typing import Any

from labeling_provider.request import PrivateWorkteam
from labeling_provider.service.web.people_of_job import MAX_LATEST
from tests.conftest import Lab, texts
from tests.service.web.portal.conftest import Browser, PeopleJob
from tests.service.web.wire import ask


def people_of(lab: Lab, job: str) -> dict[str, Any]:
    status, body, headers = ask(lab.service, "GET", f"/_labeling/jobs/{job}/people")
    assert (status, headers["content-type"], headers["cache-control"]) == (200, "application/json", "no-store")
    return dict(json.loads(body))


def test_it_tells_who_is_at_work_and_what_they_report_without_their_names(lab: Lab) -> None:
    job = PeopleJob(lab, texts(3), workers_per_object=2)
    nobody = {"at_work": 0, "in_hand": 0, "declined": 0, "remarks": 0, "waits": True, "latest": []}
    assert people_of(lab, job.name) == nobody
    ada, bo = (Browser(lab.service.endpoint_url).sign_in(name) for name in ("Ada Lovelace", "Bo"))
    task = ada.next(job.number)["task"]["id"]
    bo.next(job.number)
    evil = "<script>alert(1)</script> \u202e" + "x" * 10_000
    ada.move(f"/tasks/{task}/remark", {"text": evil})
    ada.move(f"/tasks/{task}/decline", {"reason": "Too blurred", "job": job.number})
    people = people_of(lab, job.name)
    latest = people.pop("latest")
    assert people == {"at_work": 2, "in_hand": 2, "declined": 1, "remarks": 2, "waits": True}
    assert [(remark["kind"], remark["text"][:11]) for remark in latest] == [
        ("decline", "Too blurred"),
        ("comment", "<script>ale"),
    ]
    assert {remark["object"] for remark in latest} <= {0, 1, 2}
    assert all(remark["worker_id"].startswith("private.us-east-1.") for remark in latest)
    assert "Lovelace" not in json.dumps(latest)


def test_only_the_latest_remarks_are_told_newest_first(lab: Lab) -> None:
    job = PeopleJob(lab, texts(1), workers_per_object=1)
    person = Browser(lab.service.endpoint_url).sign_in("Cem")
    task = person.next(job.number)["task"]["id"]
    for number in range(MAX_LATEST + 3):
        person.move(f"/tasks/{task}/remark", {"text": str(number)})
    people = people_of(lab, job.name)
    assert people["remarks"] == MAX_LATEST + 3
    assert [remark["text"] for remark in people["latest"]] == [str(number) for number in range(MAX_LATEST + 2, 2, -1)]


def test_simulated_workers_are_not_people(lab: Lab) -> None:
    slow, moody = (
        lab.create(texts(20), workforce=PrivateWorkteam(lab.team(team)), workers_per_object=1)
        for team in ("slow", "moody")
    )
    lab.wait(slow, {"InProgress"})
    lab.wait(moody)
    for name in (slow, moody):
        people = people_of(lab, name)
        assert not any(people.values()), people
    lab.sagemaker.stop_labeling_job(LabelingJobName=slow)


def test_a_job_that_is_not_there_is_not_found(lab: Lab) -> None:
    assert ask(lab.service, "GET", "/_labeling/jobs/nobody/people")[0] == 404
    assert ask(lab.service, "POST", "/_labeling/jobs/nobody/people")[0] == 405

"""Tasks by HTTP, as the task page moves them."""

from __future__ import annotations

import base64
import html
import io
import json
import re
import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from PIL import Image

from dev.portal import OVER, Browser
from labeling_provider.service.web.portal.protocol import numbers
from labeling_provider.service.web.routing import MAX_PORTAL_BODY_BYTES
from tests.conftest import Lab, texts
from tests.service.test_room_jobs import picture
from tests.service.web.portal.conftest import PeopleJob

pytestmark = pytest.mark.e2e

Browsers = Callable[[str], Browser]
Jobs = Callable[..., PeopleJob]


def test_two_people_label_a_job_to_its_end(browser: Browsers, people_job: Jobs) -> None:
    job = people_job(texts(4), workers_per_object=2)
    for name in ("Ada", "Bo"):
        person, done = browser(name), 0
        handed = person.next(job.number)
        while handed["task"]:
            done += 1
            handed = person.submit(job.number, handed["task"]["id"], "dog", active=1.5)
        assert done == 4
    assert job.labels() == ["dog"] * 4
    answers = job.answers()
    assert len(answers) == 8
    assert len({answer["workerId"] for answer in answers}) == 2
    for answer in answers:
        assert answer["workerId"].startswith("private.us-east-1.")
        assert answer["workerMetadata"]["identityData"]["sub"]
        # Active time is at most what has passed.
        assert 0 <= answer["timeSpentInSeconds"] < 1.5


def test_nobody_gets_two_tasks_of_an_object_and_no_task_goes_to_two(browser: Browsers, people_job: Jobs) -> None:
    job = people_job(texts(30), workers_per_object=3)
    seen: list[tuple[str, int]] = []

    def work(name: str) -> None:
        person = browser(name)
        handed = person.next(job.number, 5)
        while handed.get("waiting") not in OVER:
            if handed["task"]:
                seen.append((name, handed["task"]["id"]))
                handed = person.submit(job.number, handed["task"]["id"], "cat")
            else:
                handed = person.next(job.number, 5)

    threads = [threading.Thread(target=work, args=(f"worker {number}",)) for number in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert job.labels() == ["cat"] * 30
    assert len(seen) == 90
    assert max(Counter(task for _, task in seen).values()) == 1
    answers = job.answers()
    assert len(answers) == 90
    assert len({answer["workerId"] for answer in answers}) == 5


def test_the_next_task_is_known_ahead_and_nobody_else_s(browser: Browsers, people_job: Jobs) -> None:
    job = people_job(texts(9), workers_per_object=1)
    people = [browser(name) for name in ("Ann", "Ben", "Cem")]
    handed = [person.next(job.number) for person in people]
    tasks = [answer[which]["id"] for answer in handed for which in ("task", "ahead")]
    assert len(set(tasks)) == 6
    for person, answer in zip(people, handed, strict=True):
        after = person.submit(job.number, answer["task"]["id"], "cat")
        assert after["task"]["id"] == answer["ahead"]["id"]


def test_a_task_in_hand_stays_and_its_draft_comes_back(browser: Browsers, people_job: Jobs) -> None:
    job = people_job(texts(3), workers_per_object=1)
    person = browser("Dora")
    task = person.next(job.number)["task"]
    assert task["draft"] is None
    draft = {"choice": "bird", "note": "häufig \u2028", "mask": "ж" * 2_000_000}
    person.move(f"/tasks/{task['id']}/save", {"draft": draft, "active": 0.5})
    again = browser("dora").next(job.number)["task"]
    assert (again["id"], again["draft"]) == (task["id"], draft)
    refused = person.move(f"/tasks/{task['id']}/save", {"draft": "x" * 5_000_000, "active": 0.5}, 409)
    assert "The draft has more than 5,000,000 characters." in refused["message"]
    assert again["active"] <= 0.5
    assert again["seconds_left"] <= task["seconds_left"]


def test_an_answer_counts_once_and_is_not_changed(browser: Browsers, people_job: Jobs) -> None:
    job = people_job(texts(2), workers_per_object=1)
    person = browser("Eve")
    task = person.next(job.number)["task"]["id"]
    first = person.submit(job.number, task, "cat")
    # The reply to the first try was lost on the way.
    assert person.submit(job.number, task, "cat")["task"]["id"] == first["task"]["id"]
    # Another answer from another window, which nobody may take for accepted.
    assert person.submit(job.number, task, "dog", 409)["refused"] == "done"
    assert person.move(f"/tasks/{task}/save", {"draft": 1}, 409)["refused"] == "done"
    person.submit(job.number, first["task"]["id"], "cat")
    assert job.labels() == ["cat", "cat"]


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (None, "JSON object"),
        ([1], "JSON object"),
        ({}, "crowd-classifier"),
        ({"crowd-classifier": {"label": "horse"}}, "horse"),
        ({"crowd-classifier": {"label": 5}}, "label"),
    ],
)
def test_an_answer_that_is_none_is_refused_and_the_task_stays(
    browser: Browsers, people_job: Jobs, answer: Any, words: str
) -> None:
    job = people_job(texts(1), workers_per_object=1)
    person = browser("Fay")
    task = person.next(job.number)["task"]["id"]
    refused = person.move(f"/tasks/{task}/submit", {"answer": answer, "job": job.number}, 409)
    assert refused["refused"] == "invalid"
    assert words in refused["message"]
    assert person.next(job.number)["task"]["id"] == task


def test_declining_brings_another_task_and_never_this_object_again(
    lab: Lab, browser: Browsers, people_job: Jobs
) -> None:
    job = people_job(texts(2), workers_per_object=2)
    person, other = browser("Gil"), browser("Hal")
    task = person.next(job.number)["task"]["id"]
    handed = person.move(f"/tasks/{task}/decline", {"reason": "Too blurred <b>", "job": job.number})
    assert handed["task"]["id"] != task
    assert not person.submit(job.number, handed["task"]["id"], "cat")["task"]
    page = other.ask("GET", f"/_labeling/jobs/{job.name}")[2]
    assert "Declined: <bdi>Too blurred &lt;b&gt;</bdi>" in page
    assert "<bdi>Gil</bdi>" in page
    # Somebody else takes the place of who has declined.
    for name in ("Hal", "Ida"):
        worker = browser(name)
        answer = worker.next(job.number, 5)
        while answer["task"]:
            answer = worker.submit(job.number, answer["task"]["id"], "cat")
    assert job.labels() == ["cat", "cat"]


def test_a_task_that_is_given_back_is_free_for_all(browser: Browsers, people_job: Jobs) -> None:
    job = people_job(texts(1), workers_per_object=1)
    person = browser("Jon")
    task = person.next(job.number)["task"]["id"]
    person.move(f"/tasks/{task}/save", {"draft": {"a": 1}, "active": 1})
    other = browser("Kim")
    assert other.next(job.number) == {"task": None, "ahead": None, "waiting": "others"}
    person.move(f"/tasks/{task}/release")
    taken = other.next(job.number)["task"]
    assert (taken["id"], taken["draft"]) == (task, None)
    other.move(f"/tasks/{task}/release")
    assert person.next(job.number)["task"]["id"] == task


def test_what_comes_too_late_is_refused(browser: Browsers, people_job: Jobs) -> None:
    job = people_job(texts(1), workers_per_object=1)
    person, other = browser("Lea"), browser("Mia")
    task = person.next(job.number)["task"]["id"]
    assert other.submit(job.number, task, "cat", 409)["refused"] == "late"
    person.move(f"/tasks/{task}/release")
    assert other.next(job.number)["task"]["id"] == task
    assert person.submit(job.number, task, "cat", 409)["refused"] == "late"
    assert person.move(f"/tasks/{task}/save", {"draft": 1}, 409)["refused"] == "late"


def test_who_waits_gets_a_task_as_soon_as_there_is_one(browser: Browsers, people_job: Jobs) -> None:
    job = people_job(texts(1), workers_per_object=1)
    person, other = browser("Ned"), browser("Oda")
    task = person.next(job.number)["task"]["id"]
    got: list[Any] = []
    waiting = threading.Thread(target=lambda: got.append((other.next(job.number, 20), time.monotonic())))
    waiting.start()
    time.sleep(0.2)
    person.move(f"/tasks/{task}/release")
    released = time.monotonic()
    waiting.join(30)
    ((answer, at),) = got
    assert answer["task"]["id"] == task
    # It was told, and did not find out at the end of its time.
    assert at - released < 10


def test_who_waits_hears_at_once_that_the_job_is_over(browser: Browsers, people_job: Jobs) -> None:
    job = people_job(texts(1), workers_per_object=1)
    person = browser("Orla")
    assert not person.submit(job.number, person.next(job.number)["task"]["id"], "cat")["task"]
    # Shorter than the wait: an answer at its end would be none.
    person.connection.sock.settimeout(20)
    assert person.next(job.number, 25) == {"task": None, "ahead": None, "waiting": "over"}


def test_who_has_no_task_hears_why(lab: Lab, browser: Browsers, people_job: Jobs) -> None:
    job = people_job(texts(1), workers_per_object=2)
    rosa, sam, tim = browser("Rosa"), browser("Sam"), browser("Tim")

    def listed(person: Browser, number: int) -> str:
        """What the list of jobs says of a job."""
        (item,) = re.findall(rf'jobs/{number}"><bdi>.*?</li>', person.page("/"), re.DOTALL)
        return str(re.findall("<dt>Left for you</dt><dd>(.*?)</dd>", item)[0])

    assert listed(tim, job.number) == "1"
    first, second = rosa.next(job.number)["task"]["id"], sam.next(job.number)["task"]["id"]
    assert listed(sam, job.number) == "0", "it is in Sam's hands"
    assert tim.next(job.number)["waiting"] == "others"
    assert listed(tim, job.number) == "Nothing right now: others are at work on what is left"
    rosa.submit(job.number, first, "cat")
    # The other task is in Sam's hands, but Rosa has had this object.
    assert rosa.next(job.number)["waiting"] == "answers"
    assert listed(rosa, job.number) == "Nothing right now: the job waits for answers from others"
    assert tim.next(job.number)["waiting"] == "others"
    sam.move(f"/tasks/{second}/release")
    assert rosa.next(job.number)["waiting"] == "answers"
    lab.sagemaker.stop_labeling_job(LabelingJobName=job.name)
    assert rosa.next(job.number, 25)["waiting"] == "stopped"

    topic = lab.service.client("sns").create_topic(Name=f"groundtruth-{job.number}")["TopicArn"]
    stream = people_job(None, workers_per_object=1, input_topic_arn=topic)
    assert rosa.next(stream.number)["waiting"] == "arrivals"
    assert listed(rosa, stream.number) == "Nothing right now: all that has arrived is done"
    lab.sagemaker.stop_labeling_job(LabelingJobName=stream.name)


def test_who_is_at_a_task_of_a_job_that_is_stopped_hears_that(lab: Lab, browser: Browsers, people_job: Jobs) -> None:
    job = people_job(texts(2), workers_per_object=1)
    person, other = browser("Una"), browser("Vera")
    task, taken = person.next(job.number)["task"]["id"], other.next(job.number)["task"]["id"]
    assert person.move(f"/tasks/{task}/held") == {}
    assert person.move(f"/tasks/{taken}/held", status=409)["refused"] == "late"
    lab.sagemaker.stop_labeling_job(LabelingJobName=job.name)
    lab.wait(job.name, {"Stopped"})
    for move, body in (("held", {}), ("save", {"draft": 1}), ("decline", {}), ("release", {}), ("mask", {})):
        refusal = person.move(f"/tasks/{task}/{move}", body, 409)
        assert refusal == {"refused": "stopped", "message": "the task's job was stopped, or has ended"}, move
    assert person.submit(job.number, task, "cat", 409)["refused"] == "stopped"


def test_remarks_reach_the_requester(browser: Browsers, people_job: Jobs) -> None:
    job = people_job(texts(1), workers_per_object=1)
    person = browser("Pia")
    task = person.next(job.number)["task"]["id"]
    person.move(f"/tasks/{task}/remark", {"text": " The picture <img src=x> is upside down. "})
    assert person.move(f"/tasks/{task}/remark", {"text": "  "}, 409)["message"]
    # PostgreSQL has no text with NUL in it.
    for path, name in (("remark", "text"), ("decline", "reason")):
        refused = person.move(f"/tasks/{task}/{path}", {name: "a\0b", "job": job.number}, 400)
        assert "without NUL" in refused["message"]
    page = person.ask("GET", f"/_labeling/jobs/{job.name}")[2]
    assert "The picture &lt;img src=x&gt; is upside down." in page
    assert "People at work" in page


def test_only_pages_of_the_portal_may_ask(browser: Browsers, people_job: Jobs) -> None:
    job = people_job(texts(1), workers_per_object=1)
    person = browser("Quin")
    token, person.token = person.token, "0" * 32
    assert person.move(f"/jobs/{job.number}/next", {}, 401) == {"refused": "signed_out"}
    person.token = token
    other = browser("Rita")
    other.token = token
    other.move(f"/jobs/{job.number}/next", {}, 401)
    for headers in ({"origin": "http://evil.example"}, {"origin": "null"}, {"sec_fetch_site": "cross-site"}):
        status, _, _ = person.ask(
            "POST", f"/portal/api/jobs/{job.number}/next", b"{}", x_labeling_portal=token, **headers
        )
        assert status == 403, headers


def test_jobs_of_other_workteams_are_nobody_s_business(lab: Lab, browser: Browsers, people_job: Jobs) -> None:
    member = {"CognitoMemberDefinition": {"UserPool": "us-east-1_local", "UserGroup": "closed", "ClientId": "local"}}
    team = lab.sagemaker.create_workteam(WorkteamName="closed", MemberDefinitions=[member], Description="Closed")
    job = people_job(texts(1), workers_per_object=1, team=team["WorkteamArn"])
    insider, outsider = browser("Sam"), browser("Tom")
    task = insider.next(job.number)["task"]["id"]
    insider.move(f"/tasks/{task}/release")
    body = json.dumps({"name": "Sam", "team": "closed"}).encode()
    assert insider.ask("POST", "/_labeling/workers/add", body)[0] == 200
    assert job.title not in outsider.page("/")
    outsider.move(f"/jobs/{job.number}/next", {}, 404)
    assert outsider.ask("GET", f"/portal/jobs/{job.number}")[0] == 404
    assert outsider.ask("GET", f"/portal/frame/{task}")[0] == 404
    assert insider.next(job.number)["task"]["id"] == task


@pytest.mark.parametrize("body", [b"", b"[1]", b"{", b"\xff", b'{"wait": "x"}', b'{"wait": 1e999}', b"[" * 100_000])
def test_a_body_that_makes_no_sense_is_refused(browser: Browsers, people_job: Jobs, body: bytes) -> None:
    person = browser("Uma")
    status, _, _ = person.ask("POST", "/portal/api/jobs/999999/next", body, x_labeling_portal=person.token)
    assert status == (404 if body == b"" else 400)


def test_an_answer_that_is_too_large_is_refused_in_words_the_page_can_show(browser: Browsers, people_job: Jobs) -> None:
    job = people_job(texts(1), workers_per_object=1)
    person = browser("Ulla")
    task = person.next(job.number)["task"]["id"]
    body = b" " * (MAX_PORTAL_BODY_BYTES + 1)
    status, _, refusal = person.ask("POST", f"/portal/api/tasks/{task}/submit", body, x_labeling_portal=person.token)
    assert (status, json.loads(refusal)["refused"]) == (413, "too_large")
    assert person.next(job.number)["task"]["id"] == task
    status, headers, refusal = person.ask("POST", "/portal/sign-in", body)
    assert (status, refusal) == (413, f"413 The body is larger than {MAX_PORTAL_BODY_BYTES:,} bytes.")
    assert headers["content-type"].startswith("text/plain")


def test_settings_are_kept(browser: Browsers) -> None:
    person = browser("Vic")
    person.move("/settings", {"language": "de", "keys": {"submit": "Alt+x"}})
    assert "Meine Aufträge" in browser("Vic").page("/")
    assert "<kbd>Alt+x</kbd>" in person.page("/help")
    person.move("/settings", {"keys": {"submit": 5}}, 400)
    person.move("/settings", {"keys": []}, 400)


def test_people_adjust_what_an_earlier_job_has_drawn(lab: Lab, browser: Browsers, people_job: Jobs) -> None:
    box = {"class_id": 1, "left": 3, "top": 4, "width": 20, "height": 10}
    boxes = {"image_size": [{"width": 60, "height": 40, "depth": 3}], "annotations": [box]}
    about = {"type": "groundtruth/object-detection", "class-map": {"1": "dog"}}
    line = {"source-ref": picture(lab, "img/people.png"), "boxes": boxes, "boxes-metadata": about}
    audit = {"task_type": "adjustment-bounding-box", "audited_attribute": "boxes", "workers_per_object": 2}
    job = people_job([line, {"source-ref": line["source-ref"]}], label_attribute_name="better", **audit)
    for name, moved in (("Ida", 0), ("Jan", 4)):
        person = browser(name)
        task = person.next(job.number)["task"]
        _, _, page = person.ask("GET", task["frame"])
        (given,) = json.loads(html.unescape(page.partition("initial-value='")[2].partition("'")[0]))
        assert given == {"label": "dog", "left": 3, "top": 4, "width": 20, "height": 10}
        drawn = {"boundingBoxes": [{**given, "left": 3 + moved}], "initialValueModified": moved > 0}
        body = {"answer": {"boundingBox": drawn}, "active": 1.0, "job": job.number}
        assert person.move(f"/tasks/{task['id']}/submit", body)["task"] is None
    adjusted, failed = lab.output(lab.wait(job.name))
    assert adjusted["better"]["annotations"] == [{**box, "left": 5}]
    assert adjusted["better-metadata"]["adjustment-status"] == "adjusted"
    assert adjusted["boxes"] == boxes
    assert "that could be audited" in failed["better-metadata"]["failure-reason"]


def test_a_mask_is_made_for_the_task_in_hand_and_for_nobody_else(lab: Lab, browser: Browsers, people_job: Jobs) -> None:
    picture, body = Image.new("RGB", (200, 100), "navy"), io.BytesIO()
    picture.paste("orange", (40, 20, 120, 80))
    picture.save(body, "PNG")
    lines = [{"source-ref": lab.put("mask-me.png", body.getvalue())}]
    job = people_job(lines, task_type="custom", consolidation="instances", labels=["thing"], workers_per_object=1)
    ada, bo = browser("Ada"), browser("Bo")
    task = ada.next(job.number)["task"]["id"]
    extremes = [{"x": 40, "y": 50}, {"x": 80, "y": 20}, {"x": 120, "y": 50}, {"x": 80, "y": 80}]
    region = ada.move(f"/tasks/{task}/mask", {"extreme_points": extremes})
    assert [region[side] for side in ("left", "top", "width", "height")] == pytest.approx([40, 20, 80, 60], abs=2)
    with Image.open(io.BytesIO(base64.b64decode(region["pngImageData"]))) as mask:
        assert mask.size == (region["width"], region["height"])
        assert {color for _, color in mask.getcolors() or ()} <= {0, 255}
        assert mask.getpixel((40, 30)) == 255
    box = ada.move(f"/tasks/{task}/mask", {"box": {"left": 40, "top": 20, "width": 80, "height": 60}})
    assert box["width"] == pytest.approx(80, abs=2)
    assert ada.move(f"/tasks/{task}/mask", {"points": [{"x": 1, "y": 1}]}, 409)["refused"] == "mask"
    assert bo.move(f"/tasks/{task}/mask", {"extreme_points": extremes}, 409)["refused"] == "late"
    ada.token = "wrong"
    assert ada.try_move(f"/tasks/{task}/mask", {"extreme_points": extremes})[0] in {401, 403}
    ada.page("/")
    answer = {
        "drawing": {"instances": [], "labeledImage": {"pngImageData": base64.b64encode(body.getvalue()).decode()}}
    }
    ada.move(f"/tasks/{task}/submit", {"answer": {"drawing": {}}, "job": job.number}, 409)
    ada.move(f"/tasks/{task}/submit", {"answer": answer, "job": job.number})
    refusal = ada.move(f"/tasks/{task}/mask", {"extreme_points": extremes}, 409)
    assert refusal == {"refused": "done", "message": "the task already has an answer"}


def test_a_day_begins_at_midnight_by_the_service_s_clock() -> None:
    midnight, hour, day = 1_799_971_200.0, 3_600.0, 86_400.0
    assert numbers(lambda since: since, midnight + hour) == {"today": midnight, "week": midnight - 6 * day, "ever": 0.0}
    assert numbers(lambda since: since, midnight - hour)["today"] == midnight - day

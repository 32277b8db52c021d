"""The plugin's pages inside a real Airflow, in a real browser, for people with and without rights."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

import pytest

from dev.browser import another_page
from dev.stack import wait_until
from tests.e2e.conftest import DIGITS, Stack
from tests.e2e.dags.hostile import EVIL

pytestmark = [pytest.mark.e2e, pytest.mark.browser]


def shot(page: Any, name: str) -> None:
    """Keep a picture of the page, if somebody wants to look."""
    if folder := os.environ.get("SCREENSHOTS"):
        page.screenshot(path=f"{folder}/{name}.png")


@contextmanager
def watched(chromium: Any, width: int = 1280, **options: Any) -> Iterator[Any]:
    """A browser page on which nothing may be complained about."""
    with another_page(chromium, width, 900, **options) as page:
        complaints: list[str] = []
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        yield page
        assert [
            complaint for complaint in complaints if "labeling" in complaint.lower() or "policy" in complaint.lower()
        ] == []


def tab(stack: Stack, page: Any, dag: str, run: str, task: str = "label") -> Any:
    """The tab of a task instance."""
    page.goto(f"{stack.airflow.url}/dags/{dag}/runs/{quote(run)}/tasks/{task}/plugin/labeling-task-instance")
    return page.frame_locator("iframe[title=Labeling]")


def fits(frame: Any) -> bool:
    body = frame.locator("body")
    return bool(body.evaluate("body => body.ownerDocument.documentElement.scrollWidth <= body.clientWidth + 1"))


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (400, "dark")])
def test_jobs_are_listed_and_lead_to_their_pictures(
    stack: Stack, chromium: Any, digits: str, width: int, scheme: str
) -> None:
    with watched(chromium, width, color_scheme=scheme) as page:
        page.goto(stack.airflow.url)
        page.evaluate("localStorage.setItem('timezone', JSON.stringify('Asia/Tokyo'))")
        page.goto(f"{stack.airflow.url}/plugin/labeling")
        frame = page.frame_locator("iframe[title=Labeling]")
        row = frame.get_by_role("row").filter(has_text=digits)
        row.locator("time[title$=' Asia/Tokyo']").wait_for()
        shade = "place => place.ownerDocument.defaultView.getComputedStyle(place).backgroundColor"
        wait_until(
            lambda: frame.locator("body").evaluate(shade) == page.locator("html").evaluate(shade), 30, "Airflow's theme"
        )
        icon = page.locator("img[src$='/labeling/static/icon.svg']").first
        wait_until(lambda: icon.evaluate("image => image.naturalWidth > 0"), 30, "the plugin's icon is shown")
        assert "Completed" in row.inner_text()
        assert f"{DIGITS:,} of {DIGITS:,}" in row.inner_text()
        assert fits(frame)
        assert frame.locator("html.dark").count() == (scheme == "dark")
        shot(page, f"jobs-{width}")
        row.get_by_role("link").first.click()
        picture = frame.locator("#labels figure svg image").first
        picture.wait_for()
        with page.expect_response(lambda answer: "/labeling/picture" in answer.url) as answer:
            frame.locator("#labels select[name=class_name]").select_option("3")
        assert answer.value.headers["content-type"] == "image/png"
        wait_until(
            lambda: frame.locator("#labels figure").first.inner_text().find(" 3") > 0, 30, "only threes are shown"
        )
        frame.locator("#workers table").wait_for()
        assert frame.locator("svg.chart polyline").count() == 2, "all labels, and those by machine"
        assert re.search(
            rf"{DIGITS:,} labels, [\d,]+ by machine, of {DIGITS:,} objects", frame.locator("p.scale").inner_text()
        )
        shot(page, f"job-{width}")
        assert fits(frame)


def test_jobs_are_found_by_filters_and_pages_with_the_keyboard(stack: Stack, chromium: Any, digits: str) -> None:
    with watched(chromium) as page:
        page.goto(f"{stack.airflow.url}/plugin/labeling")
        frame = page.frame_locator("iframe[title=Labeling]")
        frame.get_by_role("searchbox").fill("no such job")
        frame.get_by_text("No labeling jobs match these filters").wait_for()
        frame.get_by_role("searchbox").fill("digits")
        frame.get_by_role("row").filter(has_text=digits).wait_for()
        frame.get_by_role("row").filter(has_text=digits).get_by_role("link").first.focus()
        with page.expect_response(lambda answer: "part=true" in answer.url) as answer:
            pass
        answer.value.finished()
        wait_until(lambda: frame.locator("a:focus").count() == 1, 10, "the link has the focus again", 0.1)
        page.keyboard.press("Enter")
        frame.get_by_role("heading", level=1).filter(has_text="label-digits").wait_for()
        frame.get_by_role("button", name="Copy the URI of the output manifest").click()
        frame.get_by_role("status").filter(has_text="/manifests/output/output.manifest").wait_for()
        frame.get_by_role("link", name="Task label_digits / label").click()
        page.wait_for_url(f"**/dags/label_digits/runs/{quote(digits, safe='')}/tasks/label")


def test_a_dag_without_jobs_shows_none_and_goes_on_showing_none(stack: Stack, chromium: Any, digits: str) -> None:
    with watched(chromium) as page:
        page.goto(f"{stack.airflow.url}/dags/streaming_labels_camera/plugin/labeling-dag")
        frame = page.frame_locator("iframe[title=Labeling]")
        none = frame.get_by_text("The Dag streaming_labels_camera has not created a labeling job.")
        none.wait_for()
        with page.expect_response(lambda answer: "part=true" in answer.url):
            pass
        assert none.is_visible()
        frame.locator("input[name=dag_id]").fill("label_digits")
        frame.locator("input[name=dag_id]").press("Enter")
        frame.get_by_role("row").filter(has_text=digits).wait_for()


def test_a_running_job_is_followed_and_stopped_after_a_question(stack: Stack, chromium: Any) -> None:
    # Airflow may give a deferred task that resumes at once a second try, and with it another job to look at.
    run = stack.airflow.trigger("wait_on_worker", 120)
    wait_until(lambda: stack.airflow.xcom("wait_on_worker", run, "label", "labeling_job"), 90, "the job is there")
    name = stack.airflow.xcom("wait_on_worker", run, "label", "labeling_job")["job_name"]
    with watched(chromium) as page:
        frame = tab(stack, page, "wait_on_worker", run)
        frame.locator(".status.inprogress").first.wait_for()
        frame.locator("#people").get_by_text("Nobody is at work.").wait_for()
        shot(page, "running")
        with page.context.expect_page() as opened:
            frame.get_by_role("link", name="See the job on the service").click()
        opened.value.get_by_role("heading", level=1, name=name).wait_for()
        opened.value.close()
        stop = frame.get_by_role("button", name="Stop the job")
        stop.click()
        frame.get_by_role("dialog").get_by_role("button", name="Cancel").click()
        assert stack.lab.describe(name)["LabelingJobStatus"] == "InProgress"
        stop.click()
        frame.get_by_role("dialog").get_by_role("button", name="Yes").click()
        frame.get_by_role("status").filter(has_text=f"{name} is being stopped").wait_for()
        # The page goes on looking by itself.
        frame.locator("#progress .status.stopped").first.wait_for()
    logged = stack.airflow.get("/api/v2/eventLogs?event=labeling_stop&order_by=-when")["event_logs"][0]
    assert (logged["dag_id"], logged["run_id"], logged["extra"]) == ("wait_on_worker", run, name)


def test_chosen_objects_go_to_a_manifest(stack: Stack, chromium: Any, digits: str) -> None:
    with watched(chromium) as page:
        frame = tab(stack, page, "label_digits", digits)
        boxes = frame.locator("input[data-line]")
        boxes.first.wait_for()
        frame.get_by_role("button", name="Relabel selected objects").click()
        frame.get_by_role("status").filter(has_text="Select objects first").wait_for()
        chosen = [int(boxes.nth(number).get_attribute("data-line")) for number in (0, 2)]
        for number in (0, 2):
            boxes.nth(number).check()
        frame.get_by_role("button", name="Relabel selected objects").click()
        frame.get_by_role("dialog").get_by_role("button", name="Yes").click()
        status = frame.get_by_role("status").filter(has_text="with 2 objects")
        status.wait_for()
        uri = status.inner_text().split()[-1]
    lines = [json.loads(line) for line in stack.lab.get(uri).splitlines()]
    assert [line.keys() for line in lines] == [{"source-ref"}] * 2
    numbers = sorted(int(line["source-ref"].removesuffix(".png")[-4:]) + 1 for line in lines)
    assert numbers == sorted(chosen)


def test_boxes_are_drawn_and_names_are_marked(stack: Stack, chromium: Any) -> None:
    run = stack.finished("gallery")
    with watched(chromium) as page:
        frame = tab(stack, page, "gallery", run, "boxes")
        frame.locator("#labels figure svg rect").first.wait_for()
        assert frame.locator("#labels figure").count() == 12
        titles = frame.locator("#labels figure svg rect title").all_text_contents()
        assert set(titles) == {"flower", "building"}
        frame = tab(stack, page, "gallery", run, "names")
        frame.locator("#labels figure mark").first.wait_for()
        assert {"Aurora", "Tromsø"} <= set(frame.locator("#labels figure mark").all_inner_texts())
        page.goto(f"{stack.airflow.url}/dags/gallery/runs/{quote(run)}/plugin/labeling-dag-run")
        frame = page.frame_locator("iframe[title=Labeling]")
        frame.get_by_role("row").filter(has_text="boxes").wait_for()
        assert frame.locator("tbody tr").count() == 2


def test_a_streaming_job_shows_what_waits(stack: Stack, chromium: Any) -> None:
    run = stack.finished("gallery_stream")
    name = stack.airflow.xcom("gallery_stream", run, "label")["job_name"]
    with watched(chromium) as page:
        frame = tab(stack, page, "gallery_stream", run)
        frame.locator("#stream .facts").get_by_text("waiting in the queue").wait_for()
    stack.lab.sagemaker.stop_labeling_job(LabelingJobName=name)


def test_hostile_labels_texts_and_xcoms_are_shown_and_not_run(stack: Stack, chromium: Any) -> None:
    run = stack.finished("hostile")
    name = stack.airflow.xcom("hostile", run, "label")["job_name"]
    manifest = f"lab/hostile/{name}/manifests/output/output.manifest"
    failed = {"source-ref": f"s3://lab/{EVIL}", "label-metadata": {"failure-reason": EVIL}}
    body = stack.lab.get(f"s3://{manifest}") + json.dumps(failed).encode() + b"\n"
    stack.lab.put(manifest.removeprefix("lab/"), body)
    with watched(chromium) as page:
        frame = tab(stack, page, "hostile", run)
        frame.locator("#labels figure").first.wait_for()
        assert "<script>parent.owned=1</script>" in frame.locator("#labels").inner_text()
        assert frame.get_by_role("cell", name="<script>").first.is_visible()
        frame.locator("#labels select[name=state]").select_option("failed")
        frame.locator("#labels figure .trouble").wait_for()
        assert frame.locator("body script, img, [onload], [onerror]").count() == 0
        shot(page, "hostile")
        lying = tab(stack, page, "hostile", run, "lie")
        lying.locator("main .trouble").filter(has_text="can't be read").wait_for()
        assert "49" not in lying.locator("body").inner_text()
        borrowing = tab(stack, page, "hostile", run, "borrow")
        borrowing.locator("#labels .trouble").filter(has_text="was not created by this task").wait_for()
        assert borrowing.locator("#labels figure").count() == 0
        page.goto(f"{stack.airflow.url}/plugin/labeling")
        page.frame_locator("iframe[title=Labeling]").get_by_role("row").filter(has_text="lie").first.wait_for()
        assert page.evaluate("window.owned") is None

"""People who label sequences of video frames at the portal's pages, in a browser, and the labels that come of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from dev.stack import wait_until
from labeling_provider.manifest.sequences import sequence_document
from labeling_provider.service.web.frame import MAX_PLACES
from tests.conftest import Lab
from tests.service.test_room_jobs import picture
from tests.service.web.portal.at_page import shown, signed_in, submitted
from tests.service.web.portal.conftest import Pages, PeopleJob

pytestmark = [pytest.mark.e2e, pytest.mark.browser]

TRACKING = "video-object-tracking"
NAMES = [f"{number:03}.png" for number in range(MAX_PLACES + 20)]
"""More than the page's content policy names one by one."""


def sequence(lab: Lab) -> str:
    """Frames and their sequence file: its URI."""
    for name in NAMES:
        picture(lab, f"yard/{name}", 400, 300)
    document = sequence_document(1, "s3://lab/yard/", NAMES)
    return lab.put("yard/seq.json", json.dumps(document).encode())


def label_of(lab: Lab, job: PeopleJob, attribute: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The metadata of a job's only label, and its frames."""
    (line,) = lab.output(lab.wait(job.name))
    assert attribute in line, line
    return line[f"{attribute}-metadata"], json.loads(lab.get(line[attribute]))["tracking-annotations"]


def test_a_person_tracks_stops_resumes_and_another_job_verifies(
    lab: Lab, people_job: Callable[..., PeopleJob], somebodys_page: Pages
) -> None:
    same = {"labels": ["van"], "workers_per_object": 1, "instructions": "Every van.", "time_limit": 8 * 3600}
    line = {"source-ref": sequence(lab)}
    job = people_job([line], task_type=TRACKING, label_attribute_name="track-ref", **same)
    with somebodys_page() as page:
        signed_in(page, lab, "Tracker", job)
        frame = shown(page)
        stage = frame.locator("crowd-video-frames .stage")
        frame.locator("img.subject[style*=transform]").wait_for()
        around = stage.bounding_box()
        x, y = around["x"] + around["width"] / 2, around["y"] + around["height"] / 2
        page.mouse.move(x, y)
        page.mouse.down()
        page.mouse.move(x + 60, y + 50, steps=3)
        page.mouse.up()
        frame.locator(".objects li").get_by_text("van:1").wait_for()
        page.keyboard.press("p")
        frame.get_by_text("2 / 120").wait_for()
        page.locator("#state").get_by_text("Saved").wait_for()
        # Whoever comes back goes on where they stopped.
        page.locator("#stop").click()
        page.goto(f"{lab.service.endpoint_url}/portal/jobs/{job.number}")
        frame = shown(page)
        frame.get_by_text("2 / 120").wait_for()
        frame.locator("crowd-video-frames .stage").focus()
        page.keyboard.press("Shift+C")
        number = frame.locator(".number")
        number.fill("119")
        number.press("Enter")
        frame.get_by_text("120 / 120").wait_for()
        there = "(element) => element.complete && element.naturalWidth === 400 && element.src.includes('/119.png?')"
        wait_until(lambda: frame.locator("img.subject").evaluate(there), 30, "its picture is shown")
        submitted(page)
    metadata, frames = label_of(lab, job, "track-ref")
    assert (metadata["type"], metadata["class-map"]) == ("groundtruth/video-object-tracking", {"0": "van"})
    assert [frame["frame"] for frame in frames] == NAMES
    boxes = [box for frame in frames for box in frame["annotations"]]
    assert len(boxes) == len(NAMES)
    assert {(box["object-id"], box["object-name"]) for box in boxes} == {(boxes[0]["object-id"], "van:1")}

    labels = [{"label": "van", "editsAllowed": "none", "categoryAttributes": [{"name": "good", "type": "string"}]}]
    audit = {"task_type": f"adjustment-{TRACKING}", "audited_attribute": "track-ref", "label_attribute_name": "ok-ref"}
    verified = people_job(lab.output(lab.wait(job.name)), **{**same, **audit, "labels": labels})
    with somebodys_page() as page:
        signed_in(page, lab, "Verifier", verified)
        frame = shown(page)
        frame.locator(".objects li").get_by_text("van:1").click()
        frame.get_by_label("good").fill("yes")
        page.keyboard.press("Tab")
        submitted(page)
    metadata, checked = label_of(lab, verified, "ok-ref")
    assert metadata["adjustment-status"] == "adjusted"
    assert checked[0]["annotations"][0]["label-category-attributes"] == {"good": "yes"}
    assert checked[1:] == frames[1:]

"""People who draw at the portal's pages, in a browser, and the labels that come of it."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw

from dev.stack import ROOT, Service, wait_until
from tests.conftest import Lab
from tests.own_names import own_id
from tests.service.test_room_jobs import picture
from tests.service.web.portal.at_page import shown, signed_in, submitted
from tests.service.web.portal.conftest import Pages, PeopleJob
from tests.snippets import blocks

pytestmark = [pytest.mark.e2e, pytest.mark.browser]

Jobs = Callable[..., PeopleJob]


def adjust(somebodys_page: Pages, lab: Lab, job: str, element: str, tasks: Sequence[Sequence[str]]) -> None:
    """Do all tasks of a job in a browser, with some keys each."""
    with somebodys_page() as page:
        page.goto(f"{lab.service.endpoint_url}/portal/labeling-jobs/{job}")
        page.get_by_label("Name").fill("Adjuster")
        page.get_by_role("button", name="Start").click()
        for keys in tasks:
            frame = shown(page)
            frame.locator(f"{element} .objects li").first.wait_for()
            if keys:
                frame.locator(f"{element} .stage").focus()
            for key in keys:
                page.keyboard.press(key)
            submitted(page)
        page.get_by_text("This job is finished").wait_for()


def test_a_person_adjusts_boxes_on_our_page(lab: Lab, people_job: Jobs, somebodys_page: Pages) -> None:
    box = {"class_id": 1, "left": 10, "top": 10, "width": 30, "height": 20}
    boxes = {"image_size": [{"width": 100, "height": 80, "depth": 3}], "annotations": [box]}
    about = {"type": "groundtruth/object-detection", "class-map": {"1": "dog"}}
    line = {"source-ref": picture(lab, "img/adjusted.png", 100, 80), "boxes": boxes, "boxes-metadata": about}
    audit = {"task_type": "adjustment-bounding-box", "audited_attribute": "boxes", "label_attribute_name": "better"}
    job = people_job([line, line], workers_per_object=1, **audit)
    adjust(somebodys_page, lab, job.name, "crowd-bounding-box", ((), ("]", "ArrowRight", "Shift+ArrowDown")))
    output = lab.output(lab.wait(job.name))
    labels = {line["better-metadata"]["adjustment-status"]: line["better"]["annotations"] for line in output}
    assert labels == {"unadjusted": [box], "adjusted": [{**box, "left": 11, "top": 20}]}


def test_a_person_adjusts_masks_on_our_page(lab: Lab, people_job: Jobs, somebodys_page: Pages) -> None:
    truth = np.zeros((40, 60), dtype=np.uint8)
    truth[10:30, 15:45] = 1
    body = io.BytesIO()
    Image.fromarray(truth).save(body, "PNG")
    line = {"source-ref": picture(lab, "img/masked.png"), "truth": lab.put("masks/person.png", body.getvalue())}
    _, labeled = lab.run([line, line], task_type="semantic-segmentation", workers_per_object=1)
    audit = {"task_type": "adjustment-semantic-segmentation", "audited_attribute": "label-ref"}
    job = people_job(labeled, workers_per_object=1, label_attribute_name="better-ref", **audit)
    # What the middle of the picture belongs to becomes a dog.
    adjust(somebodys_page, lab, job.name, "crowd-semantic-segmentation", ((), ("f", "2", "Space")))
    masks = {}
    for entry in lab.output(lab.wait(job.name)):
        pixels = np.asarray(Image.open(io.BytesIO(lab.get(entry["better-ref"]))))
        masks[entry["better-ref-metadata"]["adjustment-status"]] = pixels
    assert np.array_equal(masks["unadjusted"], truth)
    assert np.array_equal(masks["adjusted"], truth * 2)


def round_picture(lab: Lab) -> tuple[str, Any]:
    """A picture with one thing, of 61 × 41 pixels at 30, 20: its URI, and where the thing is."""
    shown = Image.new("RGB", (120, 80), "#eeeeee")
    ImageDraw.Draw(shown).ellipse((30, 20, 90, 60), fill="#336622")
    body = io.BytesIO()
    shown.save(body, "PNG")
    return lab.put("img/thing.png", body.getvalue()), np.asarray(shown.convert("L")) < 200


def test_a_box_is_fitted_to_its_thing_and_its_sides_snap(lab: Lab, people_job: Jobs, somebodys_page: Pages) -> None:
    line = {"source-ref": round_picture(lab)[0]}
    job = people_job([line, line], task_type="bounding-box", labels=["cat", "dog"], workers_per_object=1)
    with somebodys_page() as page:
        signed_in(page, lab, "Fitter", job)
        frame = page.frame_locator("iframe.shown")
        drawn(page, "dog", (20, 12), (100, 70))
        page.keyboard.press("]")
        frame.get_by_role("button", name="Fit to object").click()
        frame.get_by_text("61 × 41").first.wait_for()
        submitted(page)
        frame.locator("img.subject[style*=transform]").wait_for(state="attached")
        frame.get_by_label("Snap to edges").check()
        frame.locator("crowd-bounding-box").evaluate(
            "async (element) => { while (!element.hand.edges) await new Promise(requestAnimationFrame); }"
        )
        # The page shows the picture so large that the reach is one pixel of it.
        drawn(page, "dog", (29, 21), (92, 60))
        submitted(page)
        page.get_by_text("This job is finished").wait_for()
    fitted = {"class_id": 1, "left": 30, "top": 20, "width": 61, "height": 41}
    # A round thing meets the line of its top in few places: where one has drawn it, the line is as clear.
    snapped = {**fitted, "top": 21, "height": 39}
    assert [line["label"]["annotations"] for line in lab.output(lab.wait(job.name))] == [[fitted], [snapped]]


def test_the_area_of_a_thing_is_found_by_four_points(lab: Lab, people_job: Jobs, somebodys_page: Pages) -> None:
    uri, truth = round_picture(lab)
    line = {"source-ref": uri}
    job = people_job([line], task_type="semantic-segmentation", workers_per_object=1)
    with somebodys_page() as page:
        signed_in(page, lab, "Finder", job)
        element = waited(page)
        page.keyboard.press("2")
        page.keyboard.press("x")
        for point in ((30.5, 40), (60, 20.5), (90.5, 40), (60, 60.5)):
            click(page, element, point)
        element.get_by_text("The object was found").wait_for()
        submitted(page)
        page.get_by_text("This job is finished").wait_for()
    (output,) = lab.output(lab.wait(job.name))
    mask = np.asarray(Image.open(io.BytesIO(lab.get(output["label-ref"])))) == 2
    assert (mask & truth).sum() / (mask | truth).sum() > 0.97


def test_a_model_of_ones_own_finds_things_by_points(tmp_path: Path, somebodys_page: Pages) -> None:
    example = next(block for block in blocks(ROOT / "docs" / "local-service.md", "python") if "RandomForest" in block)
    (tmp_path / "own_masks.py").write_text(example)
    (tmp_path / "workforce.json").write_text(
        json.dumps({"mask_function": {"handler": "own_masks:mask", "prompts": ["points", "box"]}})
    )
    env = {"PYTHONPATH": f"{ROOT}{os.pathsep}{tmp_path}"}
    service = Service(tmp_path, "--workforce", str(tmp_path / "workforce.json"), env=env)
    try:
        lab = Lab(service)
        shown = Image.new("RGB", (120, 80), "#eeeeee")
        ImageDraw.Draw(shown).ellipse((30, 20, 90, 60), fill="#336622")
        ImageDraw.Draw(shown).rectangle((50, 30, 60, 45), fill="#aa8844")
        body = io.BytesIO()
        shown.save(body, "PNG")
        line = {"source-ref": lab.put("img/two.png", body.getvalue())}
        job = PeopleJob(lab, [line], task_type="semantic-segmentation", workers_per_object=1)
        with somebodys_page() as page:
            signed_in(page, lab, "Modeler", job)
            element = waited(page)
            assert element.get_by_role("button", name="Four points").count() == 0
            page.keyboard.press("2")
            # The patch looks like the thing to nobody, until somebody says that it is not of it.
            for tool, point in (("v", (80.5, 40.5)), ("m", (45.5, 50.5)), ("n", (55.5, 37.5))):
                page.keyboard.press(tool)
                click(page, element, point)
                element.get_by_text("The object was found").wait_for()
            submitted(page)
            page.get_by_text("This job is finished").wait_for()
        (output,) = lab.output(lab.wait(job.name))
        mask = np.asarray(Image.open(io.BytesIO(lab.get(output["label-ref"])))) == 2
        truth = (np.asarray(shown) == (0x33, 0x66, 0x22)).all(axis=2)
        assert (mask & truth).sum() / (mask | truth).sum() > 0.97
    finally:
        service.stop()


def waited(page: Any) -> Any:
    """The mask of the task in hand, when it can be painted."""
    element = page.frame_locator("iframe.shown").locator("crowd-semantic-segmentation")
    element.get_by_role("button", name="Brush").wait_for()
    element.evaluate(
        """async (element) => {
          while (element.validationMessage.startsWith("Wait")) await new Promise(requestAnimationFrame);
        }"""
    )
    return element


def click(page: Any, element: Any, point: tuple[float, float]) -> None:
    """Click a place of the picture."""
    stage = element.locator(".stage").bounding_box()
    across, down = element.evaluate("(element, point) => element.view.toScreen(point)", point)
    page.mouse.click(stage["x"] + across, stage["y"] + down)


def drawn(page: Any, label: str, start: tuple[float, float], end: tuple[float, float]) -> None:
    """Draw a box in the task in hand: places are the picture's own pixels."""
    frame = page.frame_locator("iframe.shown")
    frame.locator("img.subject[style*=transform]").wait_for(state="attached")
    frame.locator(".labels button").get_by_text(label, exact=True).click()
    # A moment later the picture is where it belongs.
    around = frame.locator("img.subject").evaluate(
        """async (element) => {
          for (let at = 0; at < 3; at++) await new Promise(requestAnimationFrame);
          const {left, top, width} = element.getBoundingClientRect();
          return [left, top, width / element.offsetWidth];
        }"""
    )
    within = page.locator("iframe.shown").bounding_box()
    places = [
        (within["x"] + around[0] + x * around[2], within["y"] + around[1] + y * around[2]) for x, y in (start, end)
    ]
    page.mouse.move(*places[0])
    page.mouse.down()
    page.mouse.move(*places[1], steps=2)
    page.mouse.up()


def test_two_people_draw_boxes_and_their_answers_become_labels(
    lab: Lab, people_job: Jobs, somebodys_page: Pages
) -> None:
    # Stored on its side, as cameras do: labels are of the stored pixels.
    exif = Image.Exif()
    exif[0x0112] = 6
    body = io.BytesIO()
    Image.new("RGB", (120, 80), "white").save(body, "JPEG", exif=exif.tobytes())
    lines = [{"source-ref": lab.put(f"drawn/{own_id().hex}-{number}.jpg", body.getvalue())} for number in range(2)]
    job = people_job(lines, task_type="bounding-box", labels=["cat", "dog"], workers_per_object=2)
    for person, shift in (("Draws", 0), ("Paints", 2)):
        with somebodys_page() as page:
            signed_in(page, lab, person, job)
            drawn(page, "dog", (20 + shift, 10), (70 + shift, 60))
            submitted(page)
            # What was drawn on the first picture is a beginning for the second.
            frame = page.frame_locator("iframe.shown")
            frame.locator("img.subject[style*=transform]").wait_for(state="attached")
            frame.get_by_role("button", name="Copy from the last picture").click()
            drawn(page, "cat", (90, 70), (110, 80))
            submitted(page)
    description = lab.wait(job.name)
    values = [line["label"] for line in lab.output(description)]
    dog, cat = (
        {"class_id": 1, "left": 21.0, "top": 10.0, "width": 50.0, "height": 50.0},
        {"class_id": 0, "left": 90.0, "top": 70.0, "width": 20.0, "height": 10.0},
    )
    assert all(value["image_size"] == [{"width": 120, "height": 80, "depth": 3}] for value in values)
    assert sorted((value["annotations"] for value in values), key=len) == [[dog], [dog, cat]]
    for answer in job.answers():
        drawing = answer["answerContent"]["boundingBox"]
        assert drawing["inputImageProperties"] == {"width": 120, "height": 80}
        assert all(isinstance(box["left"], int) for box in drawing["boundingBoxes"])


def test_a_picture_whose_link_does_not_hold_any_more_is_drawn_on(
    lab: Lab, people_job: Jobs, somebodys_page: Pages
) -> None:
    line = {"source-ref": picture(lab, f"drawn/{own_id().hex}.png", 100, 80)}
    job = people_job([line], task_type="bounding-box", labels=["cat"], workers_per_object=1)
    failed: list[str] = []
    # Chromium lets no page that was changed on its way ask this machine, so it is changed when it is there.
    aged = """new MutationObserver((changes) => {
      for (const node of changes.flatMap(({addedNodes}) => [...addedNodes])) {
        const link = node.getAttribute?.("src") ?? "";
        if (link.includes("X-Amz-Signature=")) node.setAttribute("src", link.replace(/[0-9a-f]{64}$/, "0".repeat(64)));
      }
    }).observe(document, {childList: true, subtree: true})"""
    with somebodys_page() as page:
        page.on("requestfailed", lambda request: failed.append(request.url))
        page.add_init_script(aged)
        signed_in(page, lab, "Late", job)
        subject = page.frame_locator("iframe.shown").locator("img.subject")
        wait_until(lambda: subject.evaluate("(element) => element.naturalWidth > 0"), 60, "the picture is there", 0.05)
        drawn(page, "cat", (20, 10), (70, 60))
        submitted(page)
    assert failed[0].endswith("0" * 64)
    (output,) = lab.output(lab.wait(job.name))
    assert output["label"]["annotations"] == [{"class_id": 0, "left": 20.0, "top": 10.0, "width": 50.0, "height": 50.0}]

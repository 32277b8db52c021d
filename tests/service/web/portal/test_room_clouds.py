"""People who label point clouds at the portal's pages, in a browser, and the labels that come of it."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable
from typing import Any

import pytest

from tests.conftest import Lab
from tests.frontend.clouds import SCENE, packed
from tests.service.test_room_jobs import picture
from tests.service.web.portal.at_page import shown, signed_in, submitted
from tests.service.web.portal.conftest import Pages, PeopleJob

pytestmark = [pytest.mark.e2e, pytest.mark.browser]

AHEAD = {"qx": -0.5, "qy": 0.5, "qz": -0.5, "qw": 0.5}
SAME: dict[str, Any] = {"labels": ["car"], "workers_per_object": 1, "instructions": "Every car."}


def cloud(lab: Lab) -> dict[str, Any]:
    """A manifest line: a car on flat ground, and a picture of it."""
    camera = {
        "image-path": "front.png",
        "unix-timestamp": 1,
        **dict.fromkeys(("fx", "fy", "cx", "cy"), 100),
        "position": {"x": 0, "y": 0, "z": 1},
        "heading": {"qx": 0, "qy": 0, "qz": 0, "qw": 1},
    }
    picture(lab, "street/front.png", 200, 200)
    uri = lab.put("street/0.bin", packed(SCENE))
    about = {"format": "binary/xyzi", "unix-timestamp": 1, "prefix": "s3://lab/street/", "images": [camera]}
    return {"source-ref": uri, "source-ref-metadata": about}


def ready(page: Any) -> Any:
    """The task's frame, when its cloud is on the screen."""
    frame = shown(page)
    frame.locator("crowd-point-clouds canvas").first.wait_for()
    element = frame.locator("crowd-point-clouds")
    element.evaluate(
        "async (view) => { while (!view.loaded) await new Promise(requestAnimationFrame); await view.updateComplete }"
    )
    return frame


def test_a_person_finds_a_car_and_another_one_corrects_it(
    lab: Lab, people_job: Callable[..., PeopleJob], somebodys_page: Pages
) -> None:
    detect = "3d-point-cloud-object-detection"
    job = people_job([cloud(lab)], task_type=detect, label_attribute_name="cars", **SAME)
    with somebodys_page() as page:
        signed_in(page, lab, "Finder", job)
        frame = ready(page)
        assert frame.locator("crowd-point-clouds img").first.evaluate(
            "(element) => element.decode().then(() => element.naturalWidth)"
        )
        for key in ("n",):
            page.keyboard.press(key)
        frame.locator(".objects li").get_by_text("car:1").wait_for()
        submitted(page)
    (line,) = lab.output(lab.wait(job.name))
    (cuboid,) = line["cars"]["annotations"]
    assert (cuboid["class-id"], cuboid["object-name"]) == (0, "car:1")
    assert line["cars-metadata"]["class_map"] == {"0": "car"}

    audit = {"task_type": f"adjustment-{detect}", "audited_attribute": "cars", "label_attribute_name": "better"}
    corrected = people_job([line], **{**SAME, **audit})
    with somebodys_page() as page:
        signed_in(page, lab, "Corrector", corrected)
        frame = ready(page)
        frame.locator(".objects li").get_by_text("car:1").click()
        length = frame.locator(".numbers").get_by_label("Length")
        length.fill("4.25")
        length.press("Tab")
        submitted(page)
    (line,) = lab.output(lab.wait(corrected.name))
    assert line["better-metadata"]["adjustment-status"] == "adjusted"
    assert line["better"]["annotations"][0] == {**cuboid, "length": 4.25}


def test_a_person_links_a_box_to_a_cuboid(
    lab: Lab, people_job: Callable[..., PeopleJob], somebodys_page: Pages
) -> None:
    line = cloud(lab)
    about = line["source-ref-metadata"]
    # It looks along x, at what stands in the middle.
    about["images"][0] |= {"position": {"x": -12, "y": 0, "z": 1}, "heading": AHEAD}
    frame = {"frame": "0.bin", **about}
    sequence = {"seq-no": 1, "prefix": "s3://lab/street/", "number-of-frames": 1, "frames": [frame]}
    tools = [{"type": "BoundingBox"}, {"type": "Cuboid"}]
    files = {
        "category_uri": lab.put(
            "street/linked.json", json.dumps({"labels": [{"label": "car"}], "annotationType": tools})
        )
    }
    given = {
        "workers_per_object": 1,
        "task_type": "3d-point-cloud-object-tracking",
        "label_attribute_name": "tracks-ref",
    }
    job = people_job([{"source-ref": lab.put("street/sequence.json", json.dumps(sequence))}], **files, **given)
    with somebodys_page() as page:
        signed_in(page, lab, "Linker", job)
        shown_frame = ready(page)
        shown_frame.locator(".photo img").evaluate("(element) => element.decode()")
        for key in ("n", "x"):
            page.keyboard.press(key)
        shown_frame.get_by_text("Box of car:1").wait_for()
        submitted(page)
    (line,) = lab.output(lab.wait(job.name))
    label = json.loads(lab.get(line["tracks-ref"]))
    (cuboid,) = label["lidar"]["tracking-annotations"][0]["annotations"]
    (picture,) = label["camera-0"]["tracking-annotations"]
    (box,) = picture["annotations"]
    assert (picture["frame"], box["object-id"], box["object-name"]) == ("front.png", cuboid["object-id"], "car:1")


def test_a_person_labels_points(lab: Lab, people_job: Callable[..., PeopleJob], somebodys_page: Pages) -> None:
    kind = "3d-point-cloud-semantic-segmentation"
    job = people_job([cloud(lab)], task_type=kind, label_attribute_name="points-ref", **SAME)
    with somebodys_page() as page:
        signed_in(page, lab, "Painter", job)
        ready(page)
        # The middle of the scene, with the brush.
        for key in ("b", "Space"):
            page.keyboard.press(key)
        submitted(page)
    (line,) = lab.output(lab.wait(job.name))
    classes = zlib.decompress(lab.get(line["points-ref"]))
    assert len(classes) == len(SCENE)
    assert set(classes) == {0, 1}
    assert line["points-ref-metadata"]["color-map"]["1"]["class-name"] == "car"

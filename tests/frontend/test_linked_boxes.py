"""Boxes in the pictures of cameras, of the same objects as the cuboids: 3D–2D linked tracking."""

from __future__ import annotations

from typing import Any

import pytest

from tests.frontend.clouds import Surveyor
from tests.frontend.conftest import Portal
from tests.frontend.test_accessibility import violations
from tests.frontend.test_cloud_tracks import CLOUDS, tracked
from tests.frontend.test_clouds import CAMERA

pytestmark = pytest.mark.browser

TOOLS = [{"type": "BoundingBox"}, {"type": "Cuboid"}]
# The first camera of which something is missing can't be shown, and has its number all the same.
LOST = {key: value for key, value in CAMERA.items() if key != "fx"}
IMAGES = [LOST, CAMERA, {**CAMERA, "image-path": "rear.svg"}]
BEYOND = {"position": {"x": 50, "y": 3, "z": 1.5}}


class Linker(Surveyor):
    """A person who links boxes to cuboids; places in the picture are its pixels."""

    def __init__(self, portal: Portal, images: Any = IMAGES, **given: Any) -> None:
        super().__init__(portal, CLOUDS[:2], tracks=True, frame={"images": images}, annotationType=TOOLS, **given)
        self.photo = self.task(".photo")
        self.photo.scroll_into_view_if_needed()
        self.task(".photo img").evaluate("(one) => one.decode()")
        self.settle()

    def draw(self, *corners: tuple[float, float]) -> None:
        """Drag in the picture."""
        self.photo.scroll_into_view_if_needed()
        wide = self.task(".photo img").evaluate("(one) => one.naturalWidth")
        box = self.photo.bounding_box()
        scale = box["width"] / wide
        places = [(box["x"] + x * scale, box["y"] + y * scale) for x, y in corners]
        self.mouse.move(*places[0])
        self.mouse.down()
        for place in places[1:]:
            self.mouse.move(*place, steps=3)
        self.mouse.up()
        self.settle()

    def boxes(self) -> dict[tuple[int, int, str], list[int]]:
        """All boxes, by frame, camera and name."""
        sides = ("left", "top", "width", "height")
        return {
            (frame["frameNumber"], camera["cameraNumber"], one["objectName"]): [one[side] for side in sides]
            for frame in self.value()["frames"]
            for camera in frame.get("cameras", [])
            for one in camera["boundingBoxes"]
        }


def ahead(number: int) -> dict[str, Any]:
    """A frame with a cuboid ten meters before the camera."""
    frame = tracked(number, 5)
    frame["boundingCuboids"][0]["centerY"] = 3
    return frame


def test_a_box_belongs_to_the_cuboid_that_is_selected(portal: Portal) -> None:
    linker = Linker(portal)
    linker.choose("car")
    linker.click(-4, 0, 1.5)
    linker.draw((60, 40), (20, 90))
    assert linker.boxes() == {(0, 1, "car:1"): [20, 40, 40, 50]}
    linker.draw((10, 10), (50, 40), (70, 60))
    assert linker.boxes() == {(0, 1, "car:1"): [10, 10, 60, 50]}, "drawn again"
    linker.task(".image .numbers").get_by_label("From the left").fill("15")
    linker.task(".image .numbers").get_by_label("From the left").press("Tab")
    linker.press("i")
    linker.draw((30, 30), (80, 60))
    expected = {(0, 1, "car:1"): [15, 10, 60, 50], (0, 2, "car:1"): [30, 30, 50, 30]}
    assert linker.boxes() == expected
    assert violations(linker.task) == []
    linker.press("Control+z")
    assert linker.boxes() == {(0, 1, "car:1"): [15, 10, 60, 50]}
    linker.press("Control+Shift+z", "Shift+x")
    assert linker.boxes() == {(0, 1, "car:1"): [15, 10, 60, 50]}
    frames = linker.task.submit()["it"]["frames"]
    (camera,) = frames[0]["cameras"]
    assert camera["boundingBoxes"][0]["objectId"] == frames[0]["boundingCuboids"][0]["objectId"]
    assert "cameras" not in frames[1], "boxes do not follow"


def test_a_box_may_come_first_and_its_cuboid_later(portal: Portal) -> None:
    linker = Linker(portal)
    linker.choose("car")
    linker.draw((20, 40), (60, 90))
    (frame,) = linker.value()["frames"]
    assert frame["boundingCuboids"] == []
    linker.press("n")
    first, second = linker.value()["frames"]
    (box,) = first["cameras"][0]["boundingBoxes"]
    for cloud in (first, second):
        (cuboid,) = cloud["boundingCuboids"]
        assert (cuboid["objectId"], cuboid["objectName"]) == (box["objectId"], "car:1")


def test_a_camera_shows_where_the_box_of_a_cuboid_is(portal: Portal) -> None:
    linker = Linker(portal, initial={"frames": [ahead(0), ahead(1)]})
    linker.press(".", "]", "x")
    # The cuboid is 4 × 2 × 1.5 meters large, and its near side 8 meters before the camera, which looks along x.
    assert linker.boxes() == {(1, 1, "car:1"): [175, 150, 50, 38]}
    linker.press("Escape")
    assert linker.task("li.chosen").count() == 0
    linker.draw((180, 155))
    assert linker.task("li.chosen").count() == 1, "a click in the box selects it"


def test_what_the_camera_does_not_see_is_told(portal: Portal) -> None:
    linker = Linker(portal, [{**CAMERA, **BEYOND}], initial={"frames": [ahead(0)]})
    linker.press("]", "x")
    assert "does not see" in linker.told()
    assert linker.boxes() == {}


def test_boxes_have_the_label_and_number_of_their_object_and_are_kept(portal: Portal) -> None:
    place = {"left": 5, "top": 6, "width": 7, "height": 8, "labelCategoryAttributes": {"dirty": "yes"}}
    box = {"objectId": "id-car:1", "objectName": "car:1", "label": "car", **place}
    loose = {**box, "objectId": "b", "objectName": "car:9", "left": 100}
    cameras = [{"cameraNumber": 1, "boundingBoxes": [box, loose, {**box, "width": "wide"}]}]
    given = {"frames": [{**tracked(0, -4), "cameras": cameras}, tracked(1, -2)]}
    linker = Linker(portal, initial=given)
    assert "1" in linker.task(".problem").first.inner_text()
    before = linker.boxes()
    linker.press("]")
    linker.task("input.thing").fill("4")
    linker.task("input.thing").press("Tab")
    assert linker.boxes() == {(0, 1, "car:4"): [5, 6, 7, 8], (0, 1, "car:9"): [100, 6, 7, 8]}
    linker.choose("pole")
    assert set(linker.boxes()) == {(0, 1, "pole:1"), (0, 1, "car:9")}
    kept = linker.element.evaluate("(one) => JSON.parse(JSON.stringify(one.state))")
    linker.press("Shift+Delete")
    assert set(linker.boxes()) == {(0, 1, "car:9")}
    linker.element.evaluate("(one, kept) => { one.state = kept; }", kept)
    linker.settle()
    assert set(linker.boxes()) == {(0, 1, "pole:1"), (0, 1, "car:9")}
    boxes = linker.value()["frames"][0]["cameras"][0]["boundingBoxes"]
    assert {one["labelCategoryAttributes"]["dirty"] for one in boxes} == {"yes"}
    assert len(before) == 2


def test_boxes_of_a_locked_label_stay(portal: Portal) -> None:
    box = {"objectId": "id-car:1", "objectName": "car:1", "label": "car", "left": 5, "top": 6, "width": 7, "height": 8}
    given = {"frames": [{**tracked(0, -4), "cameras": [{"cameraNumber": 1, "boundingBoxes": [box]}]}]}
    linker = Linker(portal, initial=given, labels=[{"label": "car", "editsAllowed": "none"}, "pole"])
    linker.press("]")
    for change in ("x", "Shift+x"):
        linker.press(change)
        assert "to stay as it is" in linker.told()
    linker.draw((20, 40), (60, 90))
    assert linker.boxes() == {(0, 1, "car:1"): [5, 6, 7, 8]}

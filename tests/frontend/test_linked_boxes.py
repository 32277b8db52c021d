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

    def __init__(self, portal: Portal, images: Any = IMAGES, frames: int = 2, **given: Any) -> None:
        super().__init__(portal, CLOUDS[:frames], tracks=True, frame={"images": images}, annotationType=TOOLS, **given)
        self.photo = self.task(".photo")
        self.photo.scroll_into_view_if_needed()
        self.task(".photo img").evaluate("(element) => element.decode()")
        self.settle()

    def on_page(self, *pixels: tuple[float, float]) -> list[tuple[float, float]]:
        """Where pixels of the picture are on the page."""
        self.photo.scroll_into_view_if_needed()
        wide = self.task(".photo img").evaluate("(element) => element.naturalWidth")
        box = self.photo.bounding_box()
        scale = box["width"] / wide
        return [(box["x"] + x * scale, box["y"] + y * scale) for x, y in pixels]

    def draw(self, *corners: tuple[float, float]) -> None:
        """Drag in the picture."""
        places = self.on_page(*corners)
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
            (frame["frameNumber"], camera["cameraNumber"], box["objectName"]): [box[side] for side in sides]
            for frame in self.value()["frames"]
            for camera in frame.get("cameras", [])
            for box in camera["boundingBoxes"]
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
    assert "cameras" not in frames[1], "one box alone says nothing of other frames"


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
    assert "does not see" in linker.hint()
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
    linker.task("input.object-number").fill("4")
    linker.task("input.object-number").press("Tab")
    assert linker.boxes() == {(0, 1, "car:4"): [5, 6, 7, 8], (0, 1, "car:9"): [100, 6, 7, 8]}
    linker.choose("pole")
    assert set(linker.boxes()) == {(0, 1, "pole:1"), (0, 1, "car:9")}
    kept = linker.element.evaluate("(element) => JSON.parse(JSON.stringify(element.state))")
    linker.press("Shift+Delete")
    assert set(linker.boxes()) == {(0, 1, "car:9")}
    linker.element.evaluate("(element, kept) => { element.state = kept; }", kept)
    linker.settle()
    assert set(linker.boxes()) == {(0, 1, "pole:1"), (0, 1, "car:9")}
    boxes = linker.value()["frames"][0]["cameras"][0]["boundingBoxes"]
    assert {box["labelCategoryAttributes"]["dirty"] for box in boxes} == {"yes"}
    assert len(before) == 2


def test_boxes_of_a_locked_label_stay(portal: Portal) -> None:
    box = {"objectId": "id-car:1", "objectName": "car:1", "label": "car", "left": 5, "top": 6, "width": 7, "height": 8}
    given = {"frames": [{**tracked(0, -4), "cameras": [{"cameraNumber": 1, "boundingBoxes": [box]}]}]}
    linker = Linker(portal, initial=given, labels=[{"label": "car", "editsAllowed": "none"}, "pole"])
    linker.press("]")
    for change in ("x", "Shift+x"):
        linker.press(change)
        assert "to stay as it is" in linker.hint()
    linker.draw((20, 40), (60, 90))
    assert linker.boxes() == {(0, 1, "car:1"): [5, 6, 7, 8]}


def lefts(linker: Linker, name: str = "car:1") -> dict[int, int]:
    """Where the left sides of a thing's boxes are, by frame."""
    return {frame: box[0] for (frame, _, drawn), box in linker.boxes().items() if drawn == name}


def first_and_last(portal: Portal, right: int) -> Linker:
    """A thing with a cuboid and a box in the first of four frames, and a box in the last.

    :param right: where the last box ends.
    """
    linker = Linker(portal, frames=4)
    linker.choose("car")
    linker.click(-4, 0, 1.5)
    linker.draw((10, 10), (50, 40))
    linker.press(".", ".", ".")
    linker.draw((90, 10), (right, 40))
    return linker


def test_boxes_between_two_that_are_drawn_lie_on_the_way_by_time(portal: Portal) -> None:
    linker = first_and_last(portal, 150)
    # The clouds are 1, 1 and 2 seconds apart.
    expected = {(0, 1, "car:1"): [10, 10, 40, 30], (1, 1, "car:1"): [30, 10, 45, 30], (2, 1, "car:1"): [50, 10, 50, 30]}
    assert linker.boxes() == {**expected, (3, 1, "car:1"): [90, 10, 60, 30]}
    linker.press(",")
    assert "computed" in linker.task(".image .numbers legend").inner_text()
    linker.press("Shift+x")
    assert lefts(linker) == {0: 10, 1: 30, 3: 90}
    linker.press(",")
    linker.draw((40, 10), (80, 40))
    assert lefts(linker) == {0: 10, 1: 40, 3: 90}, "what was taken away does not come back"
    assert "computed" not in linker.task(".image .numbers legend").inner_text()
    kept = linker.element.evaluate("(element) => JSON.parse(JSON.stringify(element.state))")
    linker.press("Shift+x", "Control+z", "Control+z", "Control+z")
    assert lefts(linker) == {0: 10, 1: 30, 2: 50, 3: 90}
    linker.element.evaluate("(element, kept) => { element.state = kept; }", kept)
    linker.settle()
    assert lefts(linker) == {0: 10, 1: 40, 3: 90}


def test_computed_boxes_go_with_what_they_come_from(portal: Portal) -> None:
    linker = first_and_last(portal, 130)
    linker.press("Shift+x")
    assert lefts(linker) == {0: 10}
    linker.task(".switch input").uncheck()
    linker.draw((90, 10), (130, 40))
    assert lefts(linker) == {0: 10, 3: 90}, "nothing follows if it is not to"


def test_two_things_that_are_made_one_have_their_boxes_on_one_way(portal: Portal) -> None:
    place = {"top": 6, "width": 7, "height": 8}
    given = []
    for number, (name, left) in enumerate((("car:1", 10), ("car:1", 20), ("car:2", 50), ("car:2", 60))):
        box = {"objectId": f"id-{name}", "objectName": name, "label": "car", "left": left, **place}
        given.append({**tracked(number, -4, name), "cameras": [{"cameraNumber": 1, "boundingBoxes": [box]}]})
    linker = Linker(portal, frames=4, initial={"frames": given})
    linker.press("]")
    linker.task("label.relabel select").select_option("car:2")
    assert lefts(linker) == {0: 10, 1: 20, 2: 50, 3: 60}


def test_boxes_have_attributes_of_their_own(portal: Portal) -> None:
    dirty = {"name": "dirty", "type": "string", "enum": ["yes", "no"], "isRequired": True}
    linker = Linker(portal, frames=4, categoryGlobalAttributes=[dirty])
    linker.choose("car")
    linker.draw((20, 40), (60, 90))
    field = linker.task(".image .field select")
    field.select_option("yes")
    assert linker.task(".image .field").get_by_text("required").count() == 0, "a box needs none"
    linker.press(".", ".")
    linker.draw((20, 40), (70, 90))
    assert [field.input_value(), *own(linker)] == ["yes", "yes", "yes", "yes"]
    field.select_option("no")
    linker.task(".image .field summary").click()
    linker.task(".image .ranges input").fill("0-1")
    linker.task(".image .ranges button").click()
    assert own(linker) == ["no", "no", "no"]
    linker.task(".image .ranges input").fill("3")
    linker.task(".image .ranges button").click()
    assert "3" in linker.hint()
    assert violations(linker.task) == []
    assert linker.task.submit()["it"]["frames"][0]["boundingCuboids"] == []


def own(linker: Linker) -> list[str]:
    """The attribute of each box."""
    cameras = [camera for frame in linker.value()["frames"] for camera in frame["cameras"]]
    return [box["labelCategoryAttributes"]["dirty"] for camera in cameras for box in camera["boundingBoxes"]]


@pytest.mark.parametrize(("choice", "is_modified"), [("no", True), ("yes", False)])
def test_another_attribute_of_a_box_is_an_adjustment(portal: Portal, choice: str, is_modified: bool) -> None:
    place = {"left": 5, "top": 6, "width": 7, "height": 8, "labelCategoryAttributes": {"dirty": "yes"}}
    box = {"objectId": "id-car:1", "objectName": "car:1", "label": "car", **place}
    given = {"frames": [{**tracked(0, -4), "cameras": [{"cameraNumber": 1, "boundingBoxes": [box]}]}]}
    dirty = {"name": "dirty", "type": "string", "enum": ["yes", "no"]}
    linker = Linker(portal, initial=given, categoryGlobalAttributes=[dirty])
    linker.press("]")
    field = linker.task(".image .field select")
    field.select_option("")
    field.select_option(choice)
    assert linker.task.submit()["it"]["initialValueModified"] is is_modified


def test_a_box_is_drawn_by_touch(portal: Portal) -> None:
    linker = Linker(portal)
    linker.choose("car")
    session = linker.task.page.context.new_cdp_session(linker.task.page)
    start, middle, end = linker.on_page((20, 40), (40, 60), (60, 90))
    scrolled = linker.task.evaluate("scrollY")
    for kind, at in (("Start", start), ("Move", middle), ("Move", end), ("End", None)):
        points = [{"x": at[0], "y": at[1], "id": 0}] if at else []
        session.send("Input.dispatchTouchEvent", {"type": f"touch{kind}", "touchPoints": points})
    session.detach()
    linker.settle()
    assert linker.boxes() == {(0, 1, "car:1"): [20, 40, 40, 50]}
    assert linker.task.evaluate("scrollY") == scrolled, "the page stays where it is"

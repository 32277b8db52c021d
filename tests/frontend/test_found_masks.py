"""Areas that the service finds: the page asks the portal by four points and paints what is answered."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from PIL import Image

from tests.frontend.conftest import Portal
from tests.frontend.masks import BLUE, INSTANCE, ORANGE, READY, MaskArtist, png_of, rectangle

pytestmark = pytest.mark.browser

CORNERS = ((20, 30), (40, 30), (40, 50), (20, 50))


def mark(artist: MaskArtist, number: int = 1) -> dict[str, Any]:
    """Set four points; what the portal is asked."""
    for point in CORNERS:
        artist.click(*point)
    return artist.task.heard("mask", number)


def answer(artist: MaskArtist, asked: dict[str, Any], width: int = 6, height: int = 4) -> None:
    """Answer with a thing at 25, 35 of which the left column is missing."""
    block = Image.new("L", (width, height), 255)
    block.paste(0, (0, 0, 1, height))
    png = base64.b64encode(png_of(block)).decode()
    mask = {"left": 25, "top": 35, "width": width, "height": height, "pngImageData": png}
    artist.task.say("mask", id=asked["id"], result=mask)


THING = rectangle(26, 35, 5, 4)


def test_four_points_become_the_area_that_is_found(portal: Portal) -> None:
    artist = MaskArtist(portal, masks=READY)
    artist.choose("dog")
    artist.use("Four points")
    asked = mark(artist)
    assert asked["asked"]["extreme_points"] == [{"x": x, "y": y} for x, y in CORNERS]
    artist.task.frame.get_by_text("Looking for the object").wait_for()
    assert artist.areas == {}, "the points themselves are nothing"
    answer(artist, asked)
    artist.heard({ORANGE: THING})
    artist.task.frame.get_by_text("The object was found").wait_for()
    artist.press("Control+z")
    artist.heard({})
    artist.press("Control+Shift+z")
    artist.heard({ORANGE: THING})


def test_points_are_set_by_keyboard_and_taken_back(portal: Portal) -> None:
    artist = MaskArtist(portal, masks=READY)
    artist.press("1", "x")
    artist.task(".stage").focus()
    artist.press("Space", *["Shift+ArrowRight"] * 3, "Space", *["Shift+ArrowDown"] * 3, "Space")
    artist.press("Backspace", "Space", *["Shift+ArrowLeft"] * 3, "Space")
    points = [(point["x"], point["y"]) for point in artist.task.heard("mask")["asked"]["extreme_points"]]
    assert len(set(points)) == 4
    (left, top), (right, _), (_, bottom), last = points
    assert points[1:3] == [(right, top), (right, bottom)]
    assert last == (left, bottom)


def test_what_comes_during_a_stroke_is_painted_after_it(portal: Portal) -> None:
    artist = MaskArtist(portal, masks=READY)
    artist.choose("dog")
    artist.use("Four points")
    asked = mark(artist)
    artist.use("Brush")
    artist.choose("cat")
    artist.resize(2)
    artist.mouse.move(*artist.at(100, 100))
    artist.mouse.down()
    answer(artist, asked)
    artist.painted()
    artist.mouse.up()
    artist.heard({ORANGE: THING, BLUE: rectangle(99, 99, 2, 2)})
    artist.press("Control+z")
    artist.heard({BLUE: rectangle(99, 99, 2, 2)})


def test_each_thing_that_is_found_is_an_instance(portal: Portal) -> None:
    artist = MaskArtist(portal, INSTANCE, masks=READY)
    artist.use("Four points")
    for number, (width, height) in enumerate(((6, 4), (3, 2)), 1):
        artist.choose("cat")
        answer(artist, mark(artist, number), width, height)
        artist.task.frame.get_by_text(f"Instances: {number}").wait_for()
    assert artist.areas == {BLUE: THING - rectangle(26, 35, 2, 2), ORANGE: rectangle(26, 35, 2, 2)}
    assert [instance["label"] for instance in artist.value["instances"]] == ["cat", "cat"]


def test_why_nothing_is_found_is_said_and_the_next_points_count(portal: Portal) -> None:
    artist = MaskArtist(portal, masks=READY)
    artist.choose("dog")
    artist.use("Four points")
    artist.task.say("mask", id=mark(artist)["id"], result="Nothing was found <there>.")
    artist.task.frame.get_by_text("Nothing was found <there>.").wait_for()
    assert artist.areas == {}
    answer(artist, mark(artist, 2))
    artist.heard({ORANGE: THING})


def test_without_a_service_that_finds_there_is_no_such_tool(portal: Portal) -> None:
    artist = MaskArtist(portal)
    artist.choose("dog")
    assert artist.task.frame.get_by_role("button", name="Brush").count() == 1
    assert artist.task.frame.get_by_role("button", name="Four points").count() == 0
    artist.press("x")
    artist.dab(100, 100, 2)
    artist.heard({ORANGE: rectangle(99, 99, 2, 2)})

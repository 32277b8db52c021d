"""Areas that a person's own model finds: by points of a thing, points that are not of it, and a box around it."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from PIL import Image

from tests.frontend.conftest import Portal
from tests.frontend.masks import BLUE, INSTANCE, ORANGE, READY, MaskArtist, Pixels, png_of, rectangle

pytestmark = pytest.mark.browser

OWN = ["points", "box", "extreme_points"]


def asked(artist: MaskArtist, number: int) -> dict[str, Any]:
    """What the portal is asked, the number of times that it is asked."""
    message = artist.task.heard("mask", number)
    asked: dict[str, Any] = message["asked"]
    return {"id": message["id"], **asked}


def answer(artist: MaskArtist, number: int, left: int, top: int, width: int, height: int) -> Pixels:
    """Answer the newest question with a rectangle: its pixels."""
    png = base64.b64encode(png_of(Image.new("L", (width, height), 255))).decode()
    mask = {"left": left, "top": top, "width": width, "height": height, "pngImageData": png}
    artist.task.say("mask", id=asked(artist, number)["id"], result=mask)
    return rectangle(left, top, width, height)


def spot(x: float, y: float, inside: bool = True) -> dict[str, Any]:
    return {"x": pytest.approx(x, abs=0.5), "y": pytest.approx(y, abs=0.5), "inside": inside}


def test_further_points_mend_what_was_found(portal: Portal) -> None:
    artist = MaskArtist(portal, masks=OWN)
    artist.choose("cat")
    artist.dab(32, 22, 20)
    before = artist.areas[BLUE]
    artist.choose("dog")
    artist.press("v")
    artist.click(30.5, 20.5)
    assert asked(artist, 1)["points"] == [spot(30.5, 20.5)]
    first = answer(artist, 1, 28, 18, 6, 5)
    artist.heard({BLUE: before - first, ORANGE: first})
    artist.use("And this")
    artist.click(50.5, 20.5)
    assert asked(artist, 2)["points"] == [spot(30.5, 20.5), spot(50.5, 20.5)]
    second = answer(artist, 2, 40, 18, 12, 5)
    # What is not found any more is again what it was before.
    artist.heard({BLUE: before - second, ORANGE: second})
    artist.press("n")
    artist.click(45.5, 20.5)
    assert asked(artist, 3)["points"] == [spot(30.5, 20.5), spot(50.5, 20.5), spot(45.5, 20.5, False)]
    third = answer(artist, 3, 47, 18, 5, 5)
    artist.heard({BLUE: before - third, ORANGE: third})
    for areas in ({BLUE: before - second, ORANGE: second}, {BLUE: before - first, ORANGE: first}, {BLUE: before}):
        artist.press("Control+z")
        artist.heard(areas)
    for areas in ({BLUE: before - first, ORANGE: first}, {BLUE: before - second, ORANGE: second}):
        artist.press("Control+Shift+z")
        artist.heard(areas)


def test_a_thing_is_found_in_a_box_and_the_next_one_begins_anew(portal: Portal) -> None:
    artist = MaskArtist(portal, INSTANCE, masks=OWN)
    masks = {}
    for number, color in enumerate((BLUE, ORANGE)):
        artist.choose("cat")
        artist.use("Find object")
        artist.drag((20 + 100 * number, 30), (60 + 100 * number, 70))
        box = asked(artist, 2 * number + 1)
        assert box["box"] == {"left": pytest.approx(20 + 100 * number, abs=0.5), "top": 30, "width": 40, "height": 40}
        assert "points" not in box
        answer(artist, 2 * number + 1, 25 + 100 * number, 35, 20, 20)
        artist.task.frame.get_by_text(f"Instances: {number + 1}").wait_for()
        artist.use("Not this")
        artist.click(30.5 + 100 * number, 40.5)
        mended = asked(artist, 2 * number + 2)
        assert mended["box"] == box["box"]
        assert mended["points"] == [spot(30.5 + 100 * number, 40.5, False)]
        masks[color] = answer(artist, 2 * number + 2, 35 + 100 * number, 35, 10, 20)
        artist.heard(masks)
    assert [instance["label"] for instance in artist.value["instances"]] == ["cat", "cat"]


def test_who_clicks_faster_than_things_are_found_is_asked_for_in_turn(portal: Portal) -> None:
    artist = MaskArtist(portal, masks=OWN)
    artist.press("1", "v")
    for x in (30.5, 130.5):
        artist.click(x, 20.5)
    artist.painted()
    assert len(artist.task.all_heard("mask")) == 1, "the service makes one at a time"
    first = answer(artist, 1, 28, 18, 6, 5)
    second = answer(artist, 2, 128, 18, 6, 5)
    artist.heard({BLUE: first | second})


def test_what_was_painted_since_stays_when_a_thing_is_mended(portal: Portal) -> None:
    artist = MaskArtist(portal, masks=OWN)
    artist.press("1", "v")
    artist.click(30.5, 20.5)
    first = answer(artist, 1, 28, 18, 6, 5)
    artist.heard({BLUE: first})
    artist.press("m")
    artist.click(50.5, 20.5)
    asked(artist, 2)
    artist.use("Brush")
    artist.dab(100, 100, 2)
    dab = rectangle(99, 99, 2, 2)
    artist.heard({BLUE: first | dab})
    second = answer(artist, 2, 48, 18, 6, 5)
    artist.heard({BLUE: first | dab | second})
    # There is nothing that a point could be taken from.
    artist.press("Control+z")
    artist.heard({BLUE: first | dab})
    artist.press("n")
    artist.click(30.5, 20.5)
    artist.task.frame.get_by_text("Find an object first.").wait_for()


def test_things_are_found_by_keyboard_and_by_touch(portal: Portal) -> None:
    artist = MaskArtist(portal, masks=OWN)
    artist.press("1", "v", "Space")
    assert asked(artist, 1)["points"] == [spot(200.5, 150.5)]
    first = answer(artist, 1, 198, 148, 6, 5)
    artist.heard({BLUE: first})
    artist.press("m", "Shift+ArrowRight", "Space")
    (_, point) = asked(artist, 2)["points"]
    assert point["x"] > 210
    answer(artist, 2, 198, 148, 6, 5)
    artist.painted()
    artist.task.tap(".group button:has-text('Find object')")
    start, end = artist.places((20, 30), (60, 70))
    artist.touch(("start", [start]), ("move", [end]), ("end", []))
    assert asked(artist, 3)["box"] == {"left": 20, "top": 30, "width": 40, "height": 40}


def test_the_page_offers_what_the_service_can_be_asked_by(portal: Portal) -> None:
    def tools(artist: MaskArtist) -> list[str]:
        return [str(text).split("\n")[0] for text in artist.task(".group button").all_inner_texts()][4:]

    artist = MaskArtist(portal, masks=READY)
    assert tools(artist) == ["Four points", "Find object"]
    artist.press("1", "v")
    artist.click(100, 100)
    artist.task.frame.get_by_text("Drag a box around an object; its area is found.").wait_for()
    artist.drag((20, 30), (60, 70))
    assert "box" in asked(artist, 1)
    artist = MaskArtist(portal, masks=["points"])
    assert tools(artist) == ["Find object", "And this", "Not this"]
    artist.press("1", "v")
    artist.drag((20, 30), (60, 70))
    artist.task.frame.get_by_text("Click an object; its area is found.").wait_for()
    assert artist.task.all_heard("mask") == []

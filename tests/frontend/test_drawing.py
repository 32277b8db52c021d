"""The surface that all elements which draw stand on: view, colours, labels, drafts, undo."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PIL import Image

from dev.stack import wait_until
from tests.frontend.conftest import SCRIPT, Portal
from tests.frontend.drawings import BOX, POLYGON, Artist, box, turned_picture

pytestmark = pytest.mark.browser

CAT, DOG = box("cat", 40, 30, 100, 80), box("dog", 200, 100, 150, 120)
BLUE, ORANGE = [0, 114, 178, 255], [230, 159, 0, 255]


@pytest.mark.parametrize("ratio", [1, 1.5, 2])
def test_pixels_are_exact_at_any_zoom_on_any_screen(on_screen: Callable[[float], Portal], ratio: float) -> None:
    artist = Artist(on_screen(ratio))
    assert artist.task.evaluate("devicePixelRatio") == ratio
    assert artist.task("canvas.upper-canvas").evaluate("canvas => canvas.width / canvas.clientWidth") == pytest.approx(
        ratio, abs=0.01
    )
    artist.choose("cat")
    artist.drag((40, 30), (140, 110))
    drawn = [CAT]
    artist.drew(*drawn)
    assert artist.color_at(40, 60) == BLUE, "the line lies on the box's edge"
    # Each time nearer to what the pointer points at, down to a single pixel.
    for inner in (
        box("cat", 280, 185, 40, 30),
        box("cat", 295, 194, 10, 12),
        box("cat", 299, 198, 3, 4),
        box("cat", 300, 200, 1, 1),
    ):
        artist.mouse.move(*artist.at(300.5, 200.5))
        artist.mouse.wheel(0, -600)
        right, bottom = inner["left"] + inner["width"], inner["top"] + inner["height"]
        artist.drag((inner["left"], inner["top"]), (right, bottom))
        drawn.append(inner)
        artist.drew(*drawn)
    for _ in range(3):
        artist.mouse.wheel(0, -2000)
    artist.task(".percent").get_by_text("4000%").wait_for()
    artist.press("0")
    artist.drag((0, 0), (400, 300))
    artist.submits(*drawn, box("cat", 0, 0, 400, 300))


def test_zoom_keeps_the_point_under_the_pointer(portal: Portal) -> None:
    artist = Artist(portal)
    # The wheel tells whole pixels of the screen.
    place = (970, 150)
    corner, size = artist.at(0, 0), scale(artist)
    point = ((place[0] - corner[0]) / size, (place[1] - corner[1]) / size)
    artist.mouse.move(*place)
    # A page that nobody works on scrolls.
    artist.mouse.wheel(0, -100)
    artist.painted()
    assert artist.task(".percent").inner_text() == "100%"
    artist.task(".stage").focus()
    for _ in range(10):
        artist.mouse.wheel(0, -200)
        artist.painted()
        assert artist.at(*point) == pytest.approx(place, abs=0.5)
    # The middle button moves the picture, so does any drag without a label, and neither draws.
    for button in ("middle", "left"):
        artist.mouse.down(button=button)
        artist.mouse.move(place[0] + 30, place[1] - 20, steps=2)
        artist.mouse.up(button=button)
        assert artist.at(*point) == pytest.approx((place[0] + 30, place[1] - 20), abs=1.5)
        artist.drag(point, (point[0] - 30 / scale(artist), point[1] + 20 / scale(artist)))
        assert artist.at(*point) == pytest.approx(place, abs=1.5)
        artist.mouse.move(*place)
    artist.task.frame.get_by_role("button", name="Fit").click()
    assert artist.task(".percent").inner_text() == "100%"
    artist.task.frame.get_by_label("Nothing to label").check()
    artist.submits()


def scale(artist: Artist) -> float:
    """Pixels of the screen for one of the picture."""
    return artist.at(1, 0)[0] - artist.at(0, 0)[0]


def test_the_picture_can_be_moved_while_a_label_is_chosen(portal: Portal) -> None:
    artist = Artist(portal)
    artist.choose("cat")
    artist.press("+", "+", "+", "+", "+")
    artist.task.frame.get_by_label("Move the picture").check()
    before = artist.at(200, 150)
    artist.drag((200, 150), (210, 160))
    assert artist.at(200, 150) == pytest.approx((before[0] + 10 * scale(artist), before[1] + 10 * scale(artist)), abs=1)
    artist.task.frame.get_by_label("Move the picture").uncheck()
    artist.drag((200, 150), (210, 160))
    artist.submits(box("cat", 200, 150, 10, 10))


def test_brightness_contrast_and_crosshair(portal: Portal) -> None:
    artist = Artist(portal)
    artist.task.frame.get_by_label("Brightness").fill("200")
    artist.task.frame.get_by_label("Contrast").fill("50")
    assert artist.task(".picture").evaluate("element => element.style.filter") == "brightness(200%) contrast(50%)"
    artist.mouse.move(*artist.at(300.5, 200.5))
    assert artist.color_at(100, 200.5, "upper")[3] > 0
    artist.task.frame.get_by_label("Crosshair").uncheck()
    artist.mouse.move(*artist.at(300.5, 200.5))
    assert artist.color_at(100, 200.5, "upper")[3] == 0


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_picture_is_shown_in_its_stored_pixels_whatever_a_camera_says(portal: Portal, orientation: int) -> None:
    portal.files["/turned.jpg"] = turned_picture(orientation)
    artist = Artist(portal, src=f"/turned.jpg?{orientation}")
    # The dark part is at the left, where it is stored.
    artist.task(".stage").evaluate("element => element.querySelectorAll('canvas').forEach((each) => each.remove())")
    shot = Image.open(io.BytesIO(artist.task.page.screenshot())).convert("L")
    left, right = (shot.getpixel(tuple(map(int, artist.at(x, 20)))) for x in (10, 60))
    assert left < 40 < 215 < right  # type: ignore[operator]
    artist.task(BOX).evaluate("element => { element.value = [{label: 'cat', left: 0, top: 0, width: 20, height: 40}] }")
    assert artist.task.submit()["it"] == {
        "boundingBoxes": [box("cat", 0, 0, 20, 40)],
        "inputImageProperties": {"width": 80, "height": 40},
    }


def test_a_draft_brings_back_shapes_and_what_was_being_drawn(portal: Portal) -> None:
    artist = Artist(portal, POLYGON, given=[])
    artist.choose("dog")
    for place in ((10, 10), (100, 10), (60, 90)):
        artist.click(*place)
    artist.task.press("Enter")
    artist.click(200, 200)
    artist.click(300, 210)
    triangle = {"label": "dog", "vertices": [{"x": 10, "y": 10}, {"x": 100, "y": 10}, {"x": 60, "y": 90}]}

    def both_points() -> Any:
        changes = artist.task.all_heard("change")
        path = changes and (changes[-1]["draft"]["fields"].get("crowd-polygon:it:1") or {}).get("path")
        return path and len(path[1]) == 2 and changes[-1]["draft"]

    draft = wait_until(both_points, 10, "the draft", pause=0.02)
    artist = Artist(portal, POLYGON, given=[], draft=draft)
    assert artist.task.refused() == "Finish the shape that you are drawing, or press Escape."
    artist.click(250, 280)
    artist.press("Enter")
    other = {"label": "dog", "vertices": [{"x": 200, "y": 200}, {"x": 300, "y": 210}, {"x": 250, "y": 280}]}
    artist.submits(triangle, other)


def test_every_step_is_undone_and_redone(portal: Portal) -> None:
    artist = Artist(portal, given=[CAT])
    moved, copied = box("cat", 41, 30, 100, 80), DOG
    artist.click(90, 70)
    artist.press("ArrowRight")
    artist.drew(moved)
    artist.press("2")
    artist.drew({**moved, "label": "dog"})
    artist.press("Escape", "2")
    artist.drag((200, 100), (350, 220))
    artist.drew({**moved, "label": "dog"}, copied)
    for shapes, modified in (([{**moved, "label": "dog"}], True), ([moved], True), ([CAT], False)):
        artist.press("Control+z")
        artist.drew(*shapes, modified=modified)
    for shapes in ([moved], [{**moved, "label": "dog"}], [{**moved, "label": "dog"}, copied]):
        artist.press("Control+Shift+Z")
        artist.drew(*shapes)


def test_labels_are_set_by_scripts_and_colours_by_the_template(portal: Portal) -> None:
    artist = Artist(portal, given=[CAT, DOG], labels=["cat", "dog"], more='label-colors=\'["red", "no colour"]\'')
    assert artist.color_at(40, 60) == [255, 0, 0, 255]
    assert artist.color_at(200, 160) == ORANGE, "a colour that is none is left to us"
    artist.choose("dog")
    artist.task(BOX).evaluate("element => { element.labels = ['bird', 'dog', 'cat'] }")
    artist.task.press("3")
    artist.drag((5, 250), (25, 280))
    assert artist.task(BOX).evaluate("box => box._submittableValue.boundingBoxes.at(-1)") == box("cat", 5, 250, 20, 30)
    artist.task(BOX).evaluate("element => { element.value = {boundingBoxes: []} }")
    assert artist.task(BOX).evaluate("element => element.value.boundingBoxes") == []
    assert artist.task(BOX).evaluate("element => element.shadowRoot.querySelector('canvas.upper-canvas') !== null")


def test_five_thousand_labels_are_searched(portal: Portal) -> None:
    labels = [f"label {number}" for number in range(5000)]
    artist = Artist(portal, labels=labels)
    assert artist.task(".labels button").count() == 100
    assert "4900 more" in artist.task(".category-picker-wrapper").inner_text()
    artist.task.frame.get_by_label("Find a label").fill("label 4321")
    artist.choose("label 4321")
    artist.drag((40, 30), (140, 110))
    artist.submits({**CAT, "label": "label 4321"})


def test_a_thousand_shapes_are_listed_around_the_one_that_is_selected(portal: Portal) -> None:
    given = [box("cat", 4 * (number % 100), 30 * (number // 100), 3, 29) for number in range(1000)]
    artist = Artist(portal, given=given)
    assert artist.task(".objects li").count() == 100
    artist.press("[", "ArrowUp")
    assert artist.task(".objects li.chosen").inner_text().startswith("cat · 396, 269")
    artist.drew(*given[:-1], box("cat", 396, 269, 3, 29))


def test_a_thousand_shapes_of_many_points_are_saved(portal: Portal) -> None:
    artist = Artist(portal, POLYGON)
    artist.task(POLYGON).evaluate(
        """element => {
          const on = (middle, share) => middle + Math.round(90 * share);
          const at = (step) => ({x: on(100, Math.cos(step / 20)), y: on(150, Math.sin(step / 20))});
          const vertices = Array.from({length: 120}, (_, step) => at(step));
          element.value = Array.from({length: 1000}, () => ({label: "cat", vertices}));
        }"""
    )
    # What is told is large: it stays in the browser.
    artist.task.frame.get_by_role("button", name="Submit").click()
    artist.task.page.wait_for_function("heard.some(({type}) => type === 'submit')")
    length = "JSON.stringify(heard.find(({type}) => type === 'submit').draft).length"
    assert artist.task.page.evaluate(length) > 1_000_000


@pytest.mark.parametrize(
    "label",
    ["<img src=x onerror=alert(1)>", "\u202egod", "a" * 3000, 'it\'s "&amp;" ${x}', "\n\u200b", "__proto__", "0"],
)
def test_hostile_labels_stay_text(portal: Portal, label: str) -> None:
    artist = Artist(portal, labels=[label, "dog"], given=[{**CAT, "label": label}])
    artist.task(".labels button").first.click()
    artist.drag((200, 100), (350, 220))
    artist.submits({**CAT, "label": label}, {**DOG, "label": label})
    assert artist.task("img[onerror]").count() == 0
    assert artist.task(":root").evaluate("element => element.scrollWidth") <= 1280


def test_a_shape_that_is_selected_by_key_leaves_the_picture_where_it_is(portal: Portal) -> None:
    """On a small screen the list is below the picture."""
    portal.page.set_viewport_size({"width": 640, "height": 400})
    given = [box("cat", 4 * number, 0, 3, 9) for number in range(20)]
    artist = Artist(portal, given=given)
    artist.task(".stage").focus()
    artist.painted()
    before = artist.at(0, 0)
    artist.task.press("[")
    artist.painted()
    assert artist.task(".objects li.chosen").inner_text().startswith("cat · 76, 0")
    assert artist.at(0, 0) == before
    assert artist.task(".objects ul").evaluate("element => element.scrollTop") > 0


# What people see who lack one kind of receptor, as linear colours (Machado, Oliveira, Fernandes, 2009).
VISION = {
    "protanopia": [[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]],
    "deuteranopia": [[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]],
    "tritanopia": [[1.256, -0.077, -0.179], [-0.078, 0.931, 0.148], [0.005, 0.691, 0.304]],
}


@pytest.mark.parametrize("vision", VISION)
def test_colour_blind_people_tell_the_first_labels_apart(portal: Portal, vision: str) -> None:
    artist = Artist(portal, labels=[f"l{number}" for number in range(8)])
    colors = artist.task(".labels button i").evaluate_all(
        "all => all.map((element) => getComputedStyle(element).backgroundColor)"
    )
    shades = np.array([[int(part) for part in re.findall(r"\d+", color)[:3]] for color in colors]) / 255
    linear = np.where(shades <= 0.04045, shades / 12.92, ((shades + 0.055) / 1.055) ** 2.4)
    seen = np.clip(linear @ np.array(VISION[vision]).T, 0, 1)
    to_xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    relative = seen @ to_xyz.T / [0.9505, 1, 1.089]
    x, y, z = np.where(relative > 0.008856, np.cbrt(relative), 7.787 * relative + 16 / 116).T
    lab = np.stack([116 * y, 500 * (x - y), 200 * (y - z)], axis=1)
    apart = np.sqrt(((lab[:, None] - lab) ** 2).sum(axis=2)) + 1000 * np.eye(8)
    # Two patches side by side are told apart from a distance of about 2.
    assert apart.min() > 12


def test_a_picture_that_does_not_load_is_waited_for(portal: Portal) -> None:
    template = """<crowd-form><crowd-bounding-box name="it" labels="['cat']" src="/later.svg"></crowd-bounding-box>
    </crowd-form>"""
    task = portal.open(template)
    assert task.refused() == "Wait until the picture has loaded."
    task.say("link", url=task.heard("refresh")["url"], fresh=None)
    task("text=Try again").wait_for()
    portal.files["/later.svg"] = portal.files["/picture.svg"]
    task("text=Try again").click()
    task("img.subject[style*=transform]").wait_for(state="attached")
    task.frame.get_by_label("Nothing to label").check()
    assert task.submit()["it"]["inputImageProperties"] == {"width": 400, "height": 300}


def test_attributes_that_are_missing_are_named(portal: Portal) -> None:
    task = portal.open("<crowd-form><crowd-line name=x></crowd-line></crowd-form>", script=SCRIPT)
    said = task(".problem").all_inner_texts()
    assert said[:2] == [
        "The element crowd-line needs the attribute labels.",
        "The element crowd-line needs the attribute src.",
    ]


def test_more_labels_than_colours_have_other_lines(portal: Portal) -> None:
    labels = [f"l{number}" for number in range(10)]
    artist = Artist(portal, labels=labels, given=[{**DOG, "label": "l0"}, {**CAT, "label": "l8"}])
    dashed = artist.colors_at(*((40, 40 + step / 2) for step in range(40)))
    assert BLUE in dashed
    assert any(color != BLUE for color in dashed), "its line has gaps"
    assert all(color == BLUE for color in artist.colors_at(*((200, 140 + step / 2) for step in range(40))))

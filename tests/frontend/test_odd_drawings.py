"""Odd pictures, odd values and odd hands: what people draw stays what they meant."""

from __future__ import annotations

import io
import json
from functools import partial
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.frontend.conftest import Portal
from tests.frontend.drawings import BOX, KEYPOINT, POLYGON, Artist, box, path, point
from tests.frontend.masks import BLUE, MaskArtist, rectangle

pytestmark = pytest.mark.browser

CAT = box("cat", 40, 30, 100, 80)


def file_of(image: Image.Image, kind: str, **options: Any) -> tuple[str, bytes]:
    body = io.BytesIO()
    image.save(body, kind, **options)
    return f"image/{kind.lower()}", body.getvalue()


def odd_pictures() -> dict[str, tuple[str, bytes]]:
    """Pictures that are dark at the left third, and pictures of a pixel."""
    wide = np.full((40, 90), 230, np.uint8)
    wide[:, :30] = 20
    gray = Image.fromarray(wide)
    frames = [gray.convert("P"), Image.new("P", (90, 40), 3)]
    return {
        "cmyk": file_of(gray.convert("CMYK"), "JPEG", quality=95),
        "16 bits": file_of(Image.fromarray(wide.astype(np.uint16) * 257), "PNG"),
        "one bit": file_of(gray.convert("1"), "PNG"),
        "palette": file_of(gray.convert("RGB").quantize(8), "PNG"),
        "animated": file_of(frames[0], "GIF", save_all=True, append_images=frames[1:], duration=60_000),
        "webp": file_of(gray.convert("RGB"), "WEBP", lossless=True),
        "bmp": file_of(gray.convert("RGB"), "BMP"),
        "long": file_of(gray.convert("RGB").resize((20_000, 10)), "PNG"),
        "tall": file_of(gray.convert("RGB").resize((10, 20_000)), "PNG"),
        "pixel": file_of(Image.new("RGB", (1, 1), (20, 20, 20)), "PNG"),
    }


@pytest.mark.parametrize("kind", ["cmyk", "16 bits", "one bit", "palette", "animated", "webp", "bmp"])
def test_pictures_of_all_kinds_are_drawn_on(portal: Portal, kind: str) -> None:
    name = f"/{kind.replace(' ', '-')}"
    portal.files[name] = odd_pictures()[kind]
    artist = Artist(portal, src=name)
    artist.choose("cat")
    artist.drag((30, 10), (80, 35))
    artist.task(".stage").evaluate("element => element.querySelectorAll('canvas').forEach((each) => each.remove())")
    shot = Image.open(io.BytesIO(artist.task.page.screenshot())).convert("L")
    left, right = (shot.getpixel(tuple(map(int, artist.at(x, 20)))) for x in (15, 60))
    assert left < 60 < 180 < right  # type: ignore[operator]
    assert artist.task.submit()["it"] == {
        "boundingBoxes": [box("cat", 30, 10, 50, 25)],
        "inputImageProperties": {"width": 90, "height": 40},
    }


@pytest.mark.parametrize(
    ("kind", "size", "start", "end"),
    [
        ("long", (20_000, 10), (9_990, 2), (10_030, 8)),
        ("tall", (10, 20_000), (2, 9_990), (8, 10_030)),
        ("pixel", (1, 1), (0, 0), (1, 1)),
    ],
)
def test_pictures_of_odd_sizes_are_drawn_on(
    portal: Portal, kind: str, size: tuple[int, int], start: tuple[int, int], end: tuple[int, int]
) -> None:
    portal.files[f"/{kind}.png"] = odd_pictures()[kind]
    artist = Artist(portal, src=f"/{kind}.png")
    if kind != "pixel":
        middle = artist.at(size[0] / 2, size[1] / 2)
        artist.mouse.move(*middle)
        artist.task(".stage").focus()
        artist.mouse.wheel(0, -3000)
        artist.task(".percent").get_by_text("4000%").wait_for()
    artist.choose("cat")
    artist.drag(start, end)
    width, height = end[0] - start[0], end[1] - start[1]
    assert artist.task.submit()["it"] == {
        "boundingBoxes": [box("cat", *start, width, height)],
        "inputImageProperties": dict(zip(("width", "height"), size, strict=True)),
    }
    assert artist.task(":root").evaluate("element => element.scrollWidth") <= 1280
    mask = MaskArtist(portal, src=f"/{kind}.png")
    mask.press("1", "f", "Space")
    mask.heard({BLUE: rectangle(0, 0, *size)})


@pytest.mark.parametrize("element", [BOX, POLYGON, KEYPOINT])
def test_values_that_make_no_sense_are_counted_and_those_far_outside_stay(portal: Portal, element: str) -> None:
    def shape(x: Any, y: Any) -> dict[str, Any]:
        if element == BOX:
            return box("cat", x, y, 20, 20)
        if element == KEYPOINT:
            return {"label": "cat", "x": x, "y": y}
        return {"label": "cat", "vertices": [{"x": x, "y": y}, {"x": 20, "y": 0}, {"x": 0, "y": 20}]}

    good = [shape(-50, -70), shape(5000, 1e9), shape(10.25, 20.5)]
    bad = [shape(None, 1), shape("x", 1), shape([1], 1), shape(True, 1), shape({}, 2), 7, None, "x", {}]
    # JSON knows neither, but JSON5 and Python do.
    worse = json.loads('[{"a": NaN}, {"a": Infinity}]')
    bad += [shape(drawing["a"], 1) for drawing in worse]
    artist = Artist(portal, element, given=[*good, *bad])
    artist.task.frame.get_by_text(f"{len(bad)} ").first.wait_for()
    artist.submits(*good, modified=False)
    artist = Artist(portal, element, given=good[:1])
    # Who moves it brings it into the picture.
    artist.press("]", "ArrowRight")
    moved = artist.task.heard("change")["answer"]["it"][artist.list][0]
    assert moved != good[0]
    places = [{"x": moved["left"], "y": moved["top"]}] if element == BOX else moved.get("vertices", [moved])
    assert all(0 <= place["x"] <= 400 and 0 <= place["y"] <= 300 for place in places)


def test_five_thousand_shapes_are_gone_on_with(portal: Portal) -> None:
    given = [box("cat", 4 * (number % 100), 6 * (number // 100), 3, 5) for number in range(5000)]
    artist = Artist(portal, given=given)

    def ends() -> list[Any]:
        """How many there are, and the last: all of them would take seconds to be told."""
        boxes: list[Any] = artist.task(BOX).evaluate(
            "element => [element.value.boundingBoxes.length, element.value.boundingBoxes.at(-1)]"
        )
        return boxes

    artist.press("[", "ArrowUp", "2")
    moved, relabeled = box("cat", 396, 293, 3, 5), box("dog", 396, 293, 3, 5)
    assert ends() == [5000, relabeled]
    artist.press("Delete")
    assert ends() == [4999, given[-2]]
    for last in (relabeled, moved, given[-1]):
        artist.press("Control+z")
        assert ends() == [5000, last]


def test_an_outline_of_many_points_is_moved_and_reshaped(portal: Portal) -> None:
    points = [
        (round(200 + 140 * np.cos(at / 400 * np.pi)), round(150 + 140 * np.sin(at / 400 * np.pi))) for at in range(800)
    ]
    corners = [point for at, point in enumerate(points) if point not in points[:at]]
    artist = Artist(portal, POLYGON, given=[path("cat", *corners)])
    artist.click(200, 150)
    artist.press("ArrowRight")
    moved = [(x + 1, y) for x, y in corners]
    artist.drew(path("cat", *moved))
    artist.press(".", "Shift+ArrowRight")
    artist.drew(path("cat", (moved[0][0] + 10, moved[0][1]), *moved[1:]))


def test_a_hand_that_comes_down_beside_a_pen_changes_nothing(portal: Portal) -> None:
    artist = Artist(portal)
    artist.choose("cat")
    hand, moved = artist.places((300, 200), (320, 250))
    lean = partial(artist.touch, ("start", [hand]), ("move", [moved]), ("start", [moved, hand]), ("end", []))
    artist.pen((40, 30), (90, 70), (140, 110), between=lean)
    artist.drew(CAT)
    assert artist.task(".percent").inner_text() == "100%"
    mask = MaskArtist(portal)
    mask.choose("cat")
    mask.resize(2)
    hand, moved = mask.places((300, 200), (320, 250))
    lean = partial(mask.touch, ("start", [hand]), ("move", [moved]), ("end", []))
    mask.pen((50, 50), (60, 50), (70, 50), between=lean)
    mask.heard({BLUE: rectangle(49, 49, 22, 2)})


def test_a_pen_that_comes_down_beside_a_hand_draws(portal: Portal) -> None:
    artist = Artist(portal)
    artist.choose("dog")
    hand = artist.at(300, 200)
    moved = artist.at(320, 250)
    draw = partial(artist.pen, (40, 30), (90, 70), (140, 110))
    artist.touch(("start", [hand]), ("move", [moved]), draw, ("move", [hand]), ("end", []))
    artist.submits({**CAT, "label": "dog"})


def test_who_undoes_goes_on_with_the_same_shapes(portal: Portal) -> None:
    first, second, third = box("cat", 10, 10, 50, 50), box("dog", 100, 10, 50, 50), box("cat", 200, 10, 50, 50)
    artist = Artist(portal, given=[first, second, third])
    # The first is gone, the last is relabeled, and one that is hidden stays so through all of it.
    artist.press("]", "Delete")
    artist.drew(second, third)
    artist.press("]", "Shift+h", "]", "2")
    artist.drew(second, {**third, "label": "dog"})
    artist.press("Control+z")
    artist.drew(second, third)
    artist.press("Control+z")
    artist.drew(first, second, third, modified=False)
    artist.task(".objects li:nth-child(2)").get_by_role("button", name="Show 2").wait_for()
    assert artist.task(".objects li.chosen").inner_text().startswith("cat · 200, 10")
    artist.press("ArrowDown")
    artist.drew(first, second, {**third, "top": 11})


def test_a_window_that_changes_while_somebody_draws(portal: Portal) -> None:
    artist = Artist(portal)
    artist.choose("cat")
    artist.mouse.move(*artist.at(40, 30))
    artist.mouse.down()
    artist.mouse.move(*artist.at(90, 70))
    portal.page.set_viewport_size({"width": 700, "height": 600})
    artist.painted()
    artist.mouse.move(*artist.at(140, 110), steps=2)
    artist.mouse.up()
    artist.drew(CAT)
    artist.mouse.move(*artist.at(300, 200))
    artist.mouse.wheel(0, -600)
    middle = artist.task(".stage").bounding_box()
    portal.page.set_viewport_size({"width": 1280, "height": 800})
    artist.painted()
    assert artist.task(".stage").bounding_box() != middle
    artist.drag((290, 190), (310, 210))
    artist.submits(CAT, box("cat", 290, 190, 20, 20))


def test_two_hundred_labels_with_one_name_twice(portal: Portal) -> None:
    labels = [f"label {number}" for number in range(200)] + ["label 7", "<b>bold</b>"]
    artist = Artist(portal, KEYPOINT, labels=labels)
    artist.task.frame.get_by_label("Find a label").fill("bold")
    artist.choose("<b>bold</b>")
    artist.click(100.2, 100.2)
    artist.submits(point("<b>bold</b>", 100, 100))

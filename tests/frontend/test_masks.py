"""Masks of labels, painted by mouse, keyboard, touch and pen: each pixel is the one that was meant."""

from __future__ import annotations

import base64
import io
import json
from typing import Any

import pytest
from PIL import Image

from dev.stack import wait_until
from tests.frontend.conftest import Portal
from tests.frontend.drawings import turned_picture
from tests.frontend.masks import (
    BLUE,
    GREEN,
    ORANGE,
    RED,
    SEMANTIC,
    MaskArtist,
    drawn,
    opened,
    picture_of,
    pixels_of,
    png_of,
    rectangle,
)

pytestmark = pytest.mark.browser

SIZE = {"width": 400, "height": 300}
ROUND_4 = (".##.", "####", "####", ".##.")
ROUND_5 = (".###.", "#####", "#####", "#####", ".###.")
ROUND_6 = (".####.", "######", "######", "######", "######", ".####.")
ROUND_8 = ("..####..", ".######.", "########", "########", "########", "########", ".######.", "..####..")


@pytest.mark.parametrize("ratio", [1, 1.5, 2])
def test_each_pixel_is_the_one_that_was_meant_on_any_screen(screens: Any, ratio: float) -> None:
    page = screens.new_page(viewport={"width": 1280, "height": 800}, device_scale_factor=ratio)
    own = Portal(page)
    try:
        artist = MaskArtist(own)
        assert artist.task.evaluate("devicePixelRatio") == ratio
        artist.choose("cat")
        # A brush of an odd width has its middle in a pixel, one of an even width on a corner.
        artist.dab(10.5, 10.5, 1)
        artist.dab(20, 10, 2)
        artist.dab(30.5, 10.5, 3)
        artist.dab(40, 10, 4)
        artist.dab(50.5, 10.5, 5)
        artist.dab(60, 10, 6)
        artist.dab(70, 10, 8)
        # At the edges what is outside is cut off.
        artist.dab(0, 0, 4)
        artist.dab(400, 300, 4)
        cat = (
            {(10, 10)}
            | rectangle(19, 9, 2, 2)
            | rectangle(29, 9, 3, 3)
            | drawn(38, 8, *ROUND_4)
            | drawn(48, 8, *ROUND_5)
            | drawn(57, 7, *ROUND_6)
            | drawn(66, 6, *ROUND_8)
            | drawn(0, 0, "##", "#.")
            | drawn(398, 298, ".#", "##")
        )
        assert artist.areas == {BLUE: cat}
        artist.choose("dog")
        artist.resize(1)
        artist.drag((100.5, 50.5), (110.5, 50.5))
        artist.drag((100.5, 52.5), (104.5, 56.5))
        artist.resize(4)
        artist.drag((100, 70), (110, 70))
        dog = (
            rectangle(100, 50, 11, 1)
            | {(100 + step, 52 + step) for step in range(5)}
            | rectangle(98, 69, 14, 2)
            | rectangle(99, 68, 12, 4)
        )
        # In the middle of what is seen, at forty times: single pixels are large.
        for _ in range(4):
            artist.mouse.move(*artist.at(200.5, 150.5))
            artist.mouse.wheel(0, -2000)
            artist.painted()
        artist.resize(1)
        artist.click(201.9, 150.1)
        artist.click(199.1, 149.9)
        dog |= {(201, 150), (199, 149)}
        assert artist.areas == {BLUE: cat, ORANGE: dog}
        artist.press("0")
        answer = artist.task.submit()["it"]
        assert opened(answer).mode == "RGBA"
        assert opened(answer).tobytes() == picture_of({BLUE: cat, ORANGE: dog}).tobytes()
        del answer["labeledImage"]
        assert answer == {
            "labelMappings": {"cat": {"color": BLUE}, "dog": {"color": ORANGE}},
            "inputImageProperties": SIZE,
        }
    finally:
        own.close()
        page.close()


def test_what_one_sees_is_what_is_painted(portal: Portal) -> None:
    artist = MaskArtist(portal)
    artist.choose("dog")
    artist.task.frame.get_by_label("Strength of the labels").fill("100")
    artist.dab(100, 100, 40)
    orange = [230, 159, 0, 255]
    assert artist.color_at(100, 100) == orange
    assert artist.color_at(130, 100) == [0, 0, 0, 0]
    artist.task.frame.get_by_label("Strength of the labels").fill("40")
    assert artist.color_at(100, 100) == pytest.approx([230, 159, 0, 102], abs=2)
    # While the brush is down it is seen already.
    artist.mouse.move(*artist.at(200, 100))
    artist.mouse.down()
    artist.mouse.move(*artist.at(240, 100), steps=3)
    artist.painted()
    assert artist.color_at(230, 100)[3] == 102
    artist.mouse.up()
    artist.press("Shift+H")
    artist.painted()
    assert artist.color_at(100, 100) == [0, 0, 0, 0]
    assert len(artist.areas[ORANGE]) > 2000, "what is hidden is in the answer"
    # Who paints on sees what was hidden.
    artist.dab(100, 200, 4)
    artist.painted()
    assert artist.color_at(100, 100)[3] == 102


def test_an_eraser_takes_away(portal: Portal) -> None:
    artist = MaskArtist(portal)
    artist.choose("cat")
    artist.dab(100, 100, 8)
    artist.choose("dog")
    artist.dab(104, 100, 4)
    cat = drawn(96, 96, *ROUND_8) - drawn(102, 98, *ROUND_4)
    dog = drawn(102, 98, *ROUND_4)
    assert artist.areas == {BLUE: cat, ORANGE: dog}
    artist.use("Eraser")
    artist.dab(102, 98, 2)
    gone = rectangle(101, 97, 2, 2)
    assert artist.areas == {BLUE: cat - gone, ORANGE: dog - gone}
    artist.task.press("Control+z")
    artist.task.frame.get_by_label("Keep what is labeled").check()
    artist.click(102, 98)
    assert artist.areas == {BLUE: cat, ORANGE: dog - gone}, "only the chosen label is erased"
    artist.task.press("b", "1")
    artist.dab(102, 98, 4)
    assert artist.areas[ORANGE] == dog - gone, "only what is empty is painted"
    assert artist.areas[BLUE] == cat | (drawn(100, 96, *ROUND_4) - dog) | gone


def test_a_polygon_is_filled_when_it_is_closed(portal: Portal) -> None:
    artist = MaskArtist(portal)
    artist.choose("cat")
    artist.task.press("p")
    for place in ((10, 10), (30, 10), (30, 30), (10, 30)):
        artist.click(*place)
    assert artist.task.refused() == "Finish the shape that you are drawing, or press Escape."
    artist.press("Enter")
    square = rectangle(10, 10, 20, 20)
    artist.heard({BLUE: square})
    # A click on the first point closes it as well; a side takes the pixels whose middle is inside.
    for place in ((100, 100), (150, 100), (100, 150), (100, 100)):
        artist.click(*place)
    triangle = {(100 + x, 100 + y) for x in range(50) for y in range(50) if (x + 0.5) + (y + 0.5) < 50}
    artist.heard({BLUE: square | triangle})
    artist.click(300, 200)
    artist.click(310, 200)
    artist.task.press("Backspace", "Backspace")
    assert artist.areas == {BLUE: square | triangle}
    # Steps lead through the points of the path.
    artist.task.press("Control+z", "Control+z")
    artist.click(310, 210)
    artist.press("Enter")
    # A pixel whose middle is on a side belongs to what is at the right of it.
    small = {(300 + x, 200 + y) for x in range(10) for y in range(10) if y <= x}
    artist.heard({BLUE: square | triangle | small})


def test_fill_takes_what_hangs_together(portal: Portal) -> None:
    artist = MaskArtist(portal)
    artist.choose("cat")
    artist.resize(1)
    # A frame, which is open at a corner only: pixels hang together by their sides.
    for start, end in (((50, 50), (60, 50)), ((60, 50), (60, 60)), ((60, 60), (50, 60)), ((50, 60), (50, 50))):
        artist.drag((start[0] + 0.5, start[1] + 0.5), (end[0] + 0.5, end[1] + 0.5))
    artist.use("Eraser")
    artist.click(50.5, 50.5)
    frame = rectangle(50, 50, 11, 11) - rectangle(51, 51, 9, 9) - {(50, 50)}
    assert artist.areas == {BLUE: frame}
    artist.task.press("f", "2")
    artist.click(55.5, 55.5)
    artist.heard({BLUE: frame, ORANGE: rectangle(51, 51, 9, 9)})
    artist.click(50.5, 55.5)
    artist.heard({ORANGE: rectangle(50, 50, 11, 11) - {(50, 50)}})
    artist.task.press("1")
    artist.click(0.5, 0.5)
    everything = rectangle(0, 0, 400, 300)
    artist.heard(
        {ORANGE: rectangle(50, 50, 11, 11) - {(50, 50)}, BLUE: everything - rectangle(50, 50, 11, 11) | {(50, 50)}}
    )


def test_masks_are_painted_by_keyboard_alone(portal: Portal) -> None:
    artist = MaskArtist(portal)
    artist.task.say("focus")
    artist.task.press("2", *(["Comma"] * 30))
    # From the middle of the picture: Space lowers the brush, Alt and an arrow go a pixel.
    artist.press("Space", "Alt+ArrowRight", "Alt+ArrowRight", "Space", "Alt+ArrowDown", "Alt+ArrowDown", "Space")
    artist.heard({ORANGE: rectangle(200, 150, 3, 1) | {(202, 152)}})
    artist.task.press("Escape", ".", ".", "Enter", "Enter")
    dog = rectangle(200, 150, 3, 1) | rectangle(201, 151, 3, 3)
    artist.heard({ORANGE: dog})
    artist.task.press("e", ",", ",", "Space", "Space")
    artist.heard({ORANGE: dog - {(202, 152)}})
    artist.task.press("f", "1", "Space")
    artist.heard({ORANGE: dog - {(202, 152)}, BLUE: {(202, 152)}})
    artist.task.press("p", *(["Alt+ArrowDown"] * 4), "Space", *(["Alt+ArrowRight"] * 9), "Space")
    artist.task.press(*(["Alt+ArrowDown"] * 8), "Space", *(["Alt+ArrowLeft"] * 9))
    artist.task.press("Space", "Enter")
    artist.heard({ORANGE: dog - {(202, 152)}, BLUE: {(202, 152)} | rectangle(202, 156, 9, 8)})
    # The areas one after the other; Delete takes one away.
    artist.task.press("b", "Escape", "]", "Delete")
    artist.task.press("Control+Enter")
    answer = artist.task.heard("submit")["answer"]["it"]
    assert pixels_of(opened(answer)) == {BLUE: {(202, 152)} | rectangle(202, 156, 9, 8)}
    assert answer["labelMappings"] == {"cat": {"color": BLUE}}


def test_masks_are_painted_by_touch_and_two_fingers_zoom(portal: Portal) -> None:
    artist = MaskArtist(portal)
    artist.task(".labels button").first.tap()
    artist.resize(4)
    start, end = artist.at(40, 30), artist.at(60, 30)
    artist.touch(("start", [start]), ("move", [end]), ("end", []))
    line = rectangle(38, 29, 24, 2) | rectangle(39, 28, 22, 4)
    artist.heard({BLUE: line})
    # A second finger takes back what the first has begun.
    one, other = artist.at(200, 150), artist.at(220, 150)
    apart = [(one[0] - 40, one[1]), (other[0] + 40, other[1])]
    artist.touch(("start", [one]), ("start", [one, other]), ("move", apart), ("end", []))
    assert artist.task(".percent").inner_text() != "100%"
    assert artist.areas == {BLUE: line}
    artist.touch(("start", [artist.at(210, 160)]), ("end", []))
    artist.heard({BLUE: line | drawn(208, 158, *ROUND_4)})


def test_masks_are_painted_by_pen(portal: Portal) -> None:
    artist = MaskArtist(portal)
    artist.choose("cat")
    artist.resize(4)
    session = artist.task.page.context.new_cdp_session(artist.task.page)
    for kind, place, buttons in (
        ("mousePressed", (40, 30), 1),
        ("mouseMoved", (50, 30), 1),
        ("mouseReleased", (60, 30), 0),
    ):
        x, y = artist.at(*place)
        session.send(
            "Input.dispatchMouseEvent",
            {"type": kind, "x": x, "y": y, "button": "left", "buttons": buttons, "clickCount": 1, "pointerType": "pen"},
        )
    session.detach()
    artist.heard({BLUE: rectangle(38, 29, 24, 2) | rectangle(39, 28, 22, 4)})


def test_every_step_is_undone_and_redone(portal: Portal) -> None:
    artist = MaskArtist(portal)
    artist.choose("cat")
    artist.dab(10, 10, 4)
    artist.dab(12, 10, 4)
    artist.choose("dog")
    artist.dab(300, 200, 2)
    artist.task.frame.get_by_role("button", name="Remove 1").click()
    one, two = drawn(8, 8, *ROUND_4), drawn(10, 8, *ROUND_4)
    steps: list[dict[str, Any]] = [
        {},
        {BLUE: one},
        {BLUE: one | two},
        {BLUE: one | two, ORANGE: rectangle(299, 199, 2, 2)},
        {ORANGE: rectangle(299, 199, 2, 2)},
    ]
    assert artist.areas == steps[4]
    for step in (3, 2, 1, 0):
        artist.press("Control+z")
        assert artist.areas == steps[step]
    for step in (1, 2, 3, 4):
        artist.press("Control+Shift+Z")
        assert artist.areas == steps[step]
    # What is painted after a step back takes the place of what was to come.
    artist.press("Control+z", "Control+z", "Control+z")
    artist.choose("cat")
    artist.dab(100, 100, 2)
    artist.press("Control+Shift+Z")
    assert artist.areas == {BLUE: one | rectangle(99, 99, 2, 2)}


def given_mask(portal: Portal, name: str, image: Image.Image, **mappings: str) -> dict[str, Any]:
    """An initial value with a mask that the portal has."""
    portal.files[f"/{name}.png"] = ("image/png", png_of(image))
    return {"src": f"/{name}.png", "labelMappings": {label: {"color": color} for label, color in mappings.items()}}


def palette_mask(*areas: set[tuple[int, int]]) -> Image.Image:
    """A mask as a job's output has it: numbers, with a palette whose first color is white."""
    image = Image.new("P", (400, 300))
    colors = ("#ffffff", GREEN, RED)
    image.putpalette([value for color in colors for value in bytes.fromhex(color[1:])])
    for number, pixels in enumerate(areas, 1):
        for pixel in pixels:
            image.putpixel(pixel, number)
    return image


def test_a_given_mask_counts_as_unmodified_until_something_is_changed(portal: Portal) -> None:
    cat, dog = rectangle(10, 20, 50, 40), rectangle(200, 100, 3, 3)
    given = given_mask(portal, "given", palette_mask(cat, dog), cat=GREEN, dog=RED)
    artist = MaskArtist(portal, given=given)
    answer = artist.task.submit()["it"]
    assert answer["initialValueModified"] is False
    assert pixels_of(opened(answer)) == {GREEN: cat, RED: dog}
    assert answer["labelMappings"] == {"cat": {"color": GREEN}, "dog": {"color": RED}}
    artist = MaskArtist(portal, given=given)
    artist.choose("cat")
    artist.dab(100, 100, 2)
    artist.heard({GREEN: cat | rectangle(99, 99, 2, 2), RED: dog}, modified=True)
    # What is erased again leaves the mask as it was given.
    artist.task.press("e")
    artist.click(100, 100)
    artist.heard({GREEN: cat, RED: dog}, modified=False)
    artist.task.press("b")
    artist.click(20, 30)
    artist.choose("dog")
    artist.click(20, 30)
    artist.task.press("Control+z")
    assert artist.task.submit()["it"]["initialValueModified"] is False


@pytest.mark.parametrize("kind", ["clear", "white", "black", "answer"])
def test_what_is_empty_in_a_given_mask(portal: Portal, kind: str) -> None:
    cat = rectangle(10, 20, 50, 40)
    image = picture_of({ORANGE: cat})
    if kind in {"white", "black"}:
        ground = Image.new("RGB", image.size, kind)
        ground.paste(image, mask=image)
        image = ground
    given = given_mask(portal, kind, image, cat=ORANGE)
    if kind == "white":
        # As a template copies a job's own color map that leaves nothing out.
        given["labelMappings"]["BACKGROUND"] = {"color": "#ffffff"}
    if kind == "answer":
        # As an answer has it, so that a function can hand answers on.
        given["labeledImage"] = {"pngImageData": base64.b64encode(png_of(image)).decode()}
        del given["src"]
    artist = MaskArtist(portal, given=given)
    assert artist.task(".problem").count() == 0
    artist.choose("dog")
    artist.dab(100, 100, 2)
    # The color of dog is the next that the given mask leaves.
    artist.heard({ORANGE: cat, GREEN: rectangle(99, 99, 2, 2)}, modified=True)


def test_a_given_mask_that_does_not_fit_is_said(portal: Portal) -> None:
    odd = picture_of({ORANGE: rectangle(0, 0, 10, 10), "#123456": rectangle(50, 50, 2, 3)})
    artist = MaskArtist(portal, given=given_mask(portal, "odd", odd, cat=ORANGE))
    assert "count as empty: 6" in artist.task(".problem").inner_text()
    assert artist.areas == {ORANGE: rectangle(0, 0, 10, 10)}
    small = Image.new("RGBA", (40, 30))
    artist = MaskArtist(portal, given=given_mask(portal, "small", small, cat=ORANGE))
    assert "40 × 30 pixels, the picture 400 × 300" in artist.task(".problem").inner_text()
    artist.choose("cat")
    artist.dab(100, 100, 2)
    artist.heard({ORANGE: rectangle(99, 99, 2, 2)}, modified=True)


def test_colors_of_a_given_mask_are_those_of_its_file(portal: Portal) -> None:
    body = io.BytesIO()
    image = picture_of({"#336699": rectangle(0, 0, 10, 10)}, mode="RGB")
    # A file that says it is much darker than it looks.
    from PIL import PngImagePlugin

    about = PngImagePlugin.PngInfo()
    about.add(b"gAMA", (20_000).to_bytes(4, "big"))
    image.save(body, "PNG", pnginfo=about)
    portal.files["/dark.png"] = ("image/png", body.getvalue())
    artist = MaskArtist(portal, given={"src": "/dark.png", "labelMappings": {"cat": {"color": "#336699"}}})
    assert artist.areas == {"#336699": rectangle(0, 0, 10, 10)}


def test_a_given_mask_is_waited_for(portal: Portal) -> None:
    task = portal.open(
        f"""<crowd-form><{SEMANTIC} name="it" labels="['cat']" src="/picture.svg" initial-value="{{src: '/late.png',
        labelMappings: {{cat: {{color: '{GREEN}'}}}}}}"></{SEMANTIC}></crowd-form>"""
    )
    task("img.subject[style*=transform]").wait_for(state="attached")
    assert task.refused() == "Wait until the given mask is there."
    task.say("link", url=task.heard("refresh")["url"], fresh=None)
    task("text=Try again").wait_for()
    portal.files["/late.png"] = ("image/png", png_of(palette_mask(rectangle(1, 2, 3, 4))))
    task("text=Try again").click()
    task(".objects li").wait_for()
    assert pixels_of(opened(task.submit()["it"])) == {GREEN: rectangle(1, 2, 3, 4)}


def test_a_draft_brings_back_the_mask_and_what_was_being_drawn(portal: Portal) -> None:
    given = given_mask(portal, "before", palette_mask(rectangle(10, 20, 50, 40)), cat=GREEN)
    artist = MaskArtist(portal, given=given)
    artist.choose("dog")
    artist.dab(100, 100, 4)
    artist.task.press("p")
    artist.click(200, 200)
    artist.click(210, 200)

    def both_points() -> Any:
        changes = artist.task.all_heard("change")
        path = changes and (changes[-1]["draft"]["fields"].get(f"{SEMANTIC}:it:1") or {}).get("path")
        return path and len(path[1]) == 2 and changes[-1]["draft"]

    draft = wait_until(both_points, 10, "the draft", pause=0.02)
    artist = MaskArtist(portal, given=given, draft=draft)
    assert artist.task.refused() == "Finish the shape that you are drawing, or press Escape."
    artist.click(210, 210)
    artist.press("Enter")
    triangle = {(200 + x, 200 + y) for x in range(10) for y in range(10) if y <= x}
    assert artist.areas == {GREEN: rectangle(10, 20, 50, 40), ORANGE: drawn(98, 98, *ROUND_4) | triangle}
    assert artist.task.submit()["it"]["initialValueModified"] is True


FULL = b"\xac\x02\x01\x90\x03"
"""300 rows of one run: of the number 1, 400 long."""


def test_a_draft_that_can_t_be_read_is_no_mask(portal: Portal) -> None:
    stored = {"size": [400, 300], "segments": [["cat", BLUE]], "rows": base64.b64encode(FULL).decode()}
    broken: list[Any] = [
        {},
        {"rows": base64.b64encode(FULL + b"\x01").decode()},
        {"rows": base64.b64encode(FULL.replace(b"\x01", b"\x02")).decode()},
        {"rows": base64.b64encode(b"\xab" + FULL[1:]).decode()},
        {"rows": "?"},
        {"segments": [["cat", "red"]]},
        {"segments": 1},
        {"size": [400, 1e9]},
    ]
    elements = "".join(
        f"""<{SEMANTIC} name="{number}" src="/picture.svg" labels="['cat']"></{SEMANTIC}>"""
        for number in range(len(broken))
    )
    fields = {f"{SEMANTIC}:{number}:1": {**stored, **change} for number, change in enumerate(broken)}
    task = portal.open(f"<crowd-form>{elements}</crowd-form>", draft={"fields": fields})
    task.evaluate(
        """Promise.all([...document.querySelectorAll("crowd-semantic-segmentation")].map(async (one) => {
          while (!one.checkValidity()) await new Promise(requestAnimationFrame);
        }))"""
    )
    answer = task.submit()
    counts = [len(pixels_of(opened(answer[str(number)])).get(BLUE, ())) for number in range(len(broken))]
    assert counts == [400 * 300, 0, 0, 0, 0, 0, 0, 0]


def test_colors_are_those_of_the_template_and_no_two_are_the_same(portal: Portal) -> None:
    labels = ["a", "b", "c", "d", "e"]
    artist = MaskArtist(portal, labels=labels, more='label-colors=\'["red", "#000", "#ff0000", null]\'')
    # Whichever is used first.
    for place, label in reversed(list(enumerate(labels))):
        artist.choose(label)
        artist.dab(10 * place + 10, 10, 2)
    mappings = artist.value["labelMappings"]
    assert mappings["a"] == {"color": "#ff0000"}
    # Black is for what is empty, where opacity is dropped; the next color differs for programs only.
    assert mappings["b"] == {"color": "#000001"}
    assert mappings["c"] == {"color": "#ff0001"}
    assert [mappings[label]["color"] for label in "de"] == [RED, "#9467bd"]
    assert artist.areas == {
        mappings[label]["color"]: rectangle(10 * place + 9, 9, 2, 2) for place, label in enumerate(labels)
    }


def test_hundreds_of_labels_have_colors_of_their_own(portal: Portal) -> None:
    labels = [f"l{number}" for number in range(300)]
    artist = MaskArtist(portal, labels=labels)
    colors = artist.task(SEMANTIC).evaluate(
        """async (one) => {
          const marks = new Set();
          for (const label of one.labels) marks.add(one.look(label).color);
          return marks.size;
        }"""
    )
    assert colors == 300


@pytest.mark.parametrize("label", ["<img src=x onerror=alert(1)>", "__proto__", "a" * 3000])
def test_hostile_labels_stay_text(portal: Portal, label: str) -> None:
    artist = MaskArtist(portal, labels=[label, "dog"])
    artist.task(".labels button").first.click()
    artist.dab(100, 100, 2)
    artist.mouse.move(*artist.at(100.2, 100.2))
    artist.task.submit()
    # The driver's own notation has no such keys.
    heard = json.loads(artist.task.page.evaluate("JSON.stringify(heard)"))
    assert heard[-1]["answer"]["it"]["labelMappings"] == {label: {"color": BLUE}}
    assert artist.task("img[onerror]").count() == 0
    assert artist.task(":root").evaluate("one => one.scrollWidth") <= 1280


def test_labels_without_pixels_are_not_in_the_answer(portal: Portal) -> None:
    artist = MaskArtist(portal)
    answer = artist.task.submit()["it"]
    assert answer["labelMappings"] == {}
    assert opened(answer).tobytes() == bytes(4 * 400 * 300)
    artist = MaskArtist(portal)
    artist.choose("cat")
    artist.dab(100, 100, 2)
    artist.choose("dog")
    artist.dab(100, 100, 4)
    assert artist.task.submit()["it"]["labelMappings"] == {"dog": {"color": ORANGE}}


def test_a_click_without_a_label_chooses_what_is_there_and_a_drag_moves(portal: Portal) -> None:
    artist = MaskArtist(portal)
    artist.click(100, 100)
    artist.task("text=Choose a label first.").wait_for()
    artist.choose("dog")
    artist.dab(100, 100, 20)
    artist.task.press("Escape", "+", "+", "+")
    before = artist.areas
    artist.drag((100, 100), (120, 110))
    assert artist.areas == before
    artist.click(100, 100)
    artist.task(".labels button[aria-pressed=true]").get_by_text("dog").wait_for()
    # With a label it is Ctrl and a click.
    artist.choose("cat")
    artist.task.page.keyboard.down("Control")
    artist.click(100, 100)
    artist.task.page.keyboard.up("Control")
    artist.task(".labels button[aria-pressed=true]").get_by_text("dog").wait_for()
    assert artist.areas == before


@pytest.mark.parametrize("orientation", [1, 6])
def test_the_mask_of_a_turned_picture_has_its_stored_size(portal: Portal, orientation: int) -> None:
    portal.files["/camera.jpg"] = turned_picture(orientation)
    artist = MaskArtist(portal, src=f"/camera.jpg?{orientation}")
    artist.choose("cat")
    artist.dab(70, 10, 2)
    answer = artist.task.submit()["it"]
    assert answer["inputImageProperties"] == {"width": 80, "height": 40}
    assert opened(answer).size == (80, 40)
    assert pixels_of(opened(answer)) == {BLUE: rectangle(69, 9, 2, 2)}


def test_masks_are_set_by_scripts_and_taken_over_from_the_picture_before(portal: Portal) -> None:
    artist = MaskArtist(portal)
    before = {
        "labeledImage": {"pngImageData": base64.b64encode(png_of(picture_of({RED: rectangle(5, 5, 5, 5)}))).decode()},
        "labelMappings": {"dog": {"color": RED}},
    }
    artist.task(SEMANTIC).evaluate("(one, value) => { one.value = value }", before)
    artist.task(".objects li").wait_for()
    assert artist.areas == {RED: rectangle(5, 5, 5, 5)}
    artist.task(SEMANTIC).evaluate("(one) => { one.value = {} }")
    wait_until(lambda: artist.areas == {}, 10, "the mask to be empty", pause=0.02)
    artist.choose("cat")
    artist.dab(100, 100, 2)
    artist.task.say("before", answer={"it": before})
    artist.task(".objects").get_by_text("Copy from the last picture").click()
    # It is another color here, and still a dog.
    artist.heard({BLUE: rectangle(99, 99, 2, 2), ORANGE: rectangle(5, 5, 5, 5)})
    artist.press("Control+z")
    artist.heard({BLUE: rectangle(99, 99, 2, 2)})


def test_reset_brings_the_given_mask_back(portal: Portal) -> None:
    given = given_mask(portal, "reset", palette_mask(rectangle(10, 20, 5, 4)), cat=GREEN)
    artist = MaskArtist(portal, given=given)
    artist.task.press("f", "2")
    artist.click(100, 100)
    artist.task.evaluate("document.querySelector('crowd-form').form.reset()")
    artist.heard({GREEN: rectangle(10, 20, 5, 4)}, modified=False)
    artist.press("Control+z")
    assert len(artist.areas[ORANGE]) == 400 * 300 - 20


def test_the_oldest_steps_are_forgotten_when_they_become_large(portal: Portal) -> None:
    stripes = {(x, y) for x in range(0, 400, 2) for y in range(300)}
    artist = MaskArtist(portal, given=given_mask(portal, "stripes", picture_of({BLUE: stripes}), cat=BLUE))
    artist.choose("dog")
    artist.dab(101.5, 101.5, 1)
    # A step of that many runs takes a megabyte.
    artist.task(SEMANTIC).evaluate(
        """async (one) => {
          const [rows, segments] = [[...one.hand.mask.rows], one.hand.segments.slice(0, 1)];
          for (let step = 0; step < 72; step++) {
            if (step % 2 === 0) one.hand.remove(0);
            else one.hand.add(rows, segments);
            await new Promise((done) => setTimeout(done, 4));
          }
        }"""
    )
    done = artist.areas
    for _ in range(76):
        artist.task.say("undo")
    artist.task.say("redo")
    artist.task.say("undo")
    artist.painted()
    assert artist.areas.get(ORANGE) == {(101, 101)}, "the first step is none that one can go back to"
    for _ in range(76):
        artist.task.say("redo")
    artist.painted()
    assert artist.areas == done


def test_a_mask_of_twelve_megapixels(portal: Portal) -> None:
    portal.files["/large.svg"] = (
        "image/svg+xml",
        b'<svg xmlns="http://www.w3.org/2000/svg" width="4000" height="3000"><rect width="9" height="9"/></svg>',
    )
    artist = MaskArtist(portal, src="/large.svg")
    artist.task.press("f", "1")
    artist.click(2000, 1500)
    artist.task.press("b", "2")
    artist.resize(100)
    artist.drag((500, 500), (3500, 2500))
    artist.task.press("Control+z")
    artist.task.press("Control+Shift+Z")
    image = opened(artist.task.submit()["it"])
    assert image.size == (4000, 3000)
    colors = {color: count for count, color in image.getcolors() or []}
    assert set(colors) == {(31, 119, 180, 255), (255, 127, 14, 255)}
    # A line of 3,606 pixels, 100 wide, with a half circle at each end.
    assert colors[255, 127, 14, 255] == pytest.approx(3605.55 * 100 + 3.14159 * 2500, rel=0.005)

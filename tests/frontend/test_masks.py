"""Masks of labels, painted by mouse, keyboard, touch and pen: each pixel is the one that was meant."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from PIL import Image

from tests.frontend.conftest import Portal
from tests.frontend.drawings import SIZE, turned_picture
from tests.frontend.masks import (
    BLUE,
    ORANGE,
    RED,
    ROUND_4,
    ROUND_5,
    ROUND_6,
    ROUND_8,
    SEMANTIC,
    MaskArtist,
    drawn,
    given_mask,
    opened,
    picture_of,
    pixels_of,
    rectangle,
)

pytestmark = pytest.mark.browser

LARGE = (
    "image/svg+xml",
    b'<svg xmlns="http://www.w3.org/2000/svg" width="4000" height="3000"><rect width="9" height="9"/></svg>',
)


@pytest.mark.parametrize("ratio", [1, 1.5, 2])
def test_each_pixel_is_the_one_that_was_meant_on_any_screen(on_screen: Callable[[float], Portal], ratio: float) -> None:
    artist = MaskArtist(on_screen(ratio))
    assert artist.task.evaluate("devicePixelRatio") == ratio
    artist.choose("cat")
    artist.resize(2)
    artist.task.press(",", ",")
    # A brush of an odd width has its middle in a pixel, one of an even width on a corner; these are 1 to 6 and 8 wide.
    for place in artist.places((10.5, 10.5), (20, 10), (30.5, 10.5), (40, 10), (50.5, 10.5), (60, 10), (70, 10)):
        artist.mouse.click(*place)
        artist.task.press(".")
    # At the edges what is outside is cut off.
    artist.resize(4)
    for place in artist.places((0, 0), (400, 300)):
        artist.mouse.click(*place)
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
    thumb, other = artist.at(200, 150), artist.at(220, 150)
    apart = [(thumb[0] - 40, thumb[1]), (other[0] + 40, other[1])]
    artist.touch(("start", [thumb]), ("start", [thumb, other]), ("move", apart), ("end", []))
    assert artist.task(".percent").inner_text() != "100%"
    assert artist.areas == {BLUE: line}
    artist.touch(("start", [artist.at(210, 160)]), ("end", []))
    artist.heard({BLUE: line | drawn(208, 158, *ROUND_4)})


def test_masks_are_painted_by_pen(portal: Portal) -> None:
    artist = MaskArtist(portal)
    artist.choose("cat")
    artist.resize(4)
    artist.pen((40, 30), (50, 30), (60, 30))
    artist.heard({BLUE: rectangle(38, 29, 24, 2) | rectangle(39, 28, 22, 4)})


def test_the_other_end_of_a_pen_erases_whatever_the_tool_is(portal: Portal) -> None:
    artist = MaskArtist(portal)
    artist.choose("cat")
    artist.resize(4)
    artist.pen((40, 30), (50, 30), (60, 30))
    line = rectangle(38, 29, 24, 2) | rectangle(39, 28, 22, 4)
    for tool in ("Brush", "Fill", "Polygon"):
        artist.use(tool)
        artist.rub((48, 30), (52, 30))
        artist.heard({BLUE: line - rectangle(46, 29, 8, 2) - rectangle(47, 28, 6, 4)})
        artist.press("Control+z")
        artist.heard({BLUE: line})
    # The tool is the same as before.
    artist.use("Brush")
    artist.rub((48, 30))
    artist.pen((48, 30), (48, 30))
    artist.heard({BLUE: line})


def test_every_step_is_undone_and_redone(portal: Portal) -> None:
    artist = MaskArtist(portal)
    artist.choose("cat")
    artist.dab(10, 10, 4)
    artist.dab(12, 10, 4)
    artist.choose("dog")
    artist.dab(300, 200, 2)
    artist.task.frame.get_by_role("button", name="Remove 1").click()
    first, two = drawn(8, 8, *ROUND_4), drawn(10, 8, *ROUND_4)
    steps: list[dict[str, Any]] = [
        {},
        {BLUE: first},
        {BLUE: first | two},
        {BLUE: first | two, ORANGE: rectangle(299, 199, 2, 2)},
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
    assert artist.areas == {BLUE: first | rectangle(99, 99, 2, 2)}


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
        """async (element) => {
          const marks = new Set();
          for (const label of element.labels) marks.add(element.look(label).color);
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
    assert artist.task(":root").evaluate("element => element.scrollWidth") <= 1280


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


def test_the_oldest_steps_are_forgotten_when_they_become_large(portal: Portal) -> None:
    stripes = Image.new("RGBA", (400, 300))
    for x in range(0, 400, 2):
        stripes.paste(BLUE, (x, 0, x + 1, 300))
    artist = MaskArtist(portal, given=given_mask(portal, "stripes", stripes, cat=BLUE))
    artist.choose("dog")
    artist.dab(101.5, 101.5, 1)
    done = artist.task(SEMANTIC).evaluate(
        """async (element) => {
          // A step of that many runs takes a megabyte.
          const [rows, segments] = [[...element.hand.mask.rows], element.hand.segments.slice(0, 1)];
          for (let step = 0; step < 72; step++) {
            if (step % 2 === 0) element.hand.remove(0);
            else element.hand.add(rows, segments);
            await new Promise((done) => setTimeout(done));
          }
          return element.value;
        }"""
    )

    def press(keys: str) -> None:
        """Press Ctrl and z or Shift and z, one after the other."""
        artist.task.evaluate(
            f"""[...{json.dumps(keys)}].forEach((key) => document.body.dispatchEvent(new KeyboardEvent("keydown",
            {{key, ctrlKey: true, shiftKey: key === "Z", bubbles: true, composed: true}})))"""
        )

    press("z" * 76 + "Zz")
    assert artist.areas.get(ORANGE) == {(101, 101)}, "the first step is none that one can go back to"
    press("Z" * 76)
    assert artist.value == done


def test_a_mask_of_twelve_megapixels(portal: Portal) -> None:
    portal.files["/large.svg"] = LARGE
    artist = MaskArtist(portal, src="/large.svg")
    artist.press("f", "1")
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


def test_a_mask_of_a_fine_pattern_comes_back_from_its_draft(portal: Portal) -> None:
    """The pattern has 250 pieces in each of 3,000 rows; what is told of it is large and stays in the browser."""
    portal.files["/large.svg"] = LARGE
    page = portal.page
    sent = "heard.find(({type}) => type === 'submit')"

    def submitted(artist: MaskArtist) -> None:
        artist.task.frame.get_by_role("button", name="Submit").click()
        page.wait_for_function(sent)

    artist = MaskArtist(portal, src="/large.svg")
    artist.task(SEMANTIC).evaluate(
        """async element => {
          const canvas = new OffscreenCanvas(4000, 3000);
          const context = canvas.getContext("2d");
          context.fillStyle = "#1f77b4";
          for (let y = 0; y < 3000; y++)
            for (let x = -((7 * y) % 32); x < 4000; x += 32) context.fillRect(x, y, 16, 1);
          const bytes = new Uint8Array(await (await canvas.convertToBlob()).arrayBuffer());
          let text = "";
          for (let at = 0; at < bytes.length; at += 4096) text += String.fromCharCode(...bytes.subarray(at, at + 4096));
          element.value = {labeledImage: {pngImageData: btoa(text)}, labelMappings: {cat: {color: "#1f77b4"}}};
          while (!element.value.labelMappings.cat) await new Promise((done) => setTimeout(done, 50));
        }"""
    )
    submitted(artist)
    assert page.evaluate(f"window.kept = {sent}; JSON.stringify(kept.draft).length") > 1_000_000
    again = MaskArtist(portal, src="/large.svg", keep_draft=True)
    submitted(again)
    assert page.evaluate(f"JSON.stringify({sent}.answer) === JSON.stringify(kept.answer)")

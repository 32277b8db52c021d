"""Masks that are there before anybody paints: given by the template, a draft, a script or the picture before."""

from __future__ import annotations

import base64
import io
from typing import Any

import pytest
from PIL import Image

from dev.stack import wait_until
from tests.frontend.conftest import Portal
from tests.frontend.masks import (
    BLUE,
    GREEN,
    ORANGE,
    RED,
    ROUND_4,
    SEMANTIC,
    MaskArtist,
    drawn,
    given_mask,
    opened,
    picture_of,
    pixels_of,
    png_of,
    rectangle,
)

pytestmark = pytest.mark.browser


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
    cat, dog = rectangle(10, 20, 50, 40), rectangle(200, 280, 3, 3)
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
    assert task.refused() == "Wait until the given mask has loaded."
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
        """Promise.all([...document.querySelectorAll("crowd-semantic-segmentation")].map(async (element) => {
          while (!element.checkValidity()) await new Promise(requestAnimationFrame);
        }))"""
    )
    answer = task.submit()
    counts = [len(pixels_of(opened(answer[str(number)])).get(BLUE, ())) for number in range(len(broken))]
    assert counts == [400 * 300, 0, 0, 0, 0, 0, 0, 0]


def test_masks_are_set_by_scripts_and_taken_over_from_the_picture_before(portal: Portal) -> None:
    artist = MaskArtist(portal)
    before = {
        "labeledImage": {"pngImageData": base64.b64encode(png_of(picture_of({RED: rectangle(5, 5, 5, 5)}))).decode()},
        "labelMappings": {"dog": {"color": RED}},
    }
    artist.task(SEMANTIC).evaluate("(element, value) => { element.value = value }", before)
    artist.task(".objects li").wait_for()
    assert artist.areas == {RED: rectangle(5, 5, 5, 5)}
    artist.task(SEMANTIC).evaluate("(element) => { element.value = {} }")
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

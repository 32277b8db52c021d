"""Instances: masks in which each thing of a label has a color of its own."""

from __future__ import annotations

from typing import Any

import pytest

from dev.stack import wait_until
from tests.frontend.conftest import Portal
from tests.frontend.masks import (
    BLUE,
    GREEN,
    INSTANCE,
    ORANGE,
    RED,
    MaskArtist,
    opened,
    picture_of,
    pixels_of,
    png_of,
    rectangle,
)

pytestmark = pytest.mark.browser


def at(x: int, y: int) -> set[tuple[int, int]]:
    """What a brush two pixels wide paints on a corner."""
    return rectangle(x - 1, y - 1, 2, 2)


def instance(label: str, color: str) -> dict[str, str]:
    return {"color": color, "label": label}


def three_cats(portal: Portal, **more: Any) -> MaskArtist:
    """Two cats and a dog, each of one dab, the first cat of two."""
    artist = MaskArtist(portal, INSTANCE, **more)
    artist.choose("cat")
    artist.dab(10, 10, 2)
    artist.click(20, 10)
    artist.choose("cat")
    artist.click(50, 50)
    artist.choose("dog")
    artist.click(80, 80)
    return artist


def test_each_instance_has_a_color_of_its_own(portal: Portal) -> None:
    artist = three_cats(portal)
    answer = artist.task.submit()["it"]
    assert pixels_of(opened(answer)) == {BLUE: at(10, 10) | at(20, 10), ORANGE: at(50, 50), GREEN: at(80, 80)}
    del answer["labeledImage"]
    assert answer == {
        "instances": [instance("cat", BLUE), instance("cat", ORANGE), instance("dog", GREEN)],
        "inputImageProperties": {"width": 400, "height": 300},
    }


def test_instances_are_selected_relabeled_hidden_and_deleted(portal: Portal) -> None:
    artist = three_cats(portal)
    task = artist.task
    assert task(".objects li").all_inner_texts() == [
        "cat · 9, 9 · 12\u00a0×\u00a02",
        "cat · 49, 49 · 2\u00a0×\u00a02",
        "dog · 79, 79 · 2\u00a0×\u00a02",
    ]
    # A click in the list, or Ctrl and one in the picture, selects; what is painted then belongs to it.
    task(".objects li .pick").nth(1).click()
    artist.click(60, 60)
    task.page.keyboard.down("Control")
    artist.click(20, 10)
    task.page.keyboard.up("Control")
    artist.click(30, 10)
    first, second = at(10, 10) | at(20, 10) | at(30, 10), at(50, 50) | at(60, 60)
    artist.heard({BLUE: first, ORANGE: second, GREEN: at(80, 80)})
    task.frame.get_by_label("Label of the selected instance").select_option("dog")
    wait_until(lambda: artist.value["instances"][0] == instance("dog", BLUE), 10, "the label", pause=0.02)
    task.frame.get_by_role("button", name="Hide 2").click()
    artist.painted()
    assert artist.color_at(50, 50)[3] == 0
    assert artist.areas[ORANGE] == second
    task.frame.get_by_role("button", name="Remove 2").click()
    artist.heard({BLUE: first, GREEN: at(80, 80)})
    # The next one takes the color that is free.
    artist.choose("cat")
    artist.click(100, 100)
    artist.heard({BLUE: first, ORANGE: at(100, 100), GREEN: at(80, 80)})
    for expected in (
        {BLUE: first, GREEN: at(80, 80)},
        {BLUE: first, ORANGE: second, GREEN: at(80, 80)},
    ):
        artist.press("Control+z")
        artist.heard(expected)
    artist.press("Control+z")
    assert artist.task.submit()["it"]["instances"][0] == instance("cat", BLUE), "the label is undone as well"


def test_an_eraser_takes_from_the_selected_instance_only(portal: Portal) -> None:
    artist = MaskArtist(portal, INSTANCE)
    artist.choose("cat")
    artist.dab(11, 10, 2)
    artist.choose("cat")
    artist.click(13, 10)
    artist.task.press("e")
    artist.dab(12, 10, 6)
    artist.heard({BLUE: at(11, 10)})
    # Without one it takes from all.
    artist.press("Escape")
    artist.click(12, 10)
    artist.heard({})
    assert artist.task(".objects li").all_inner_texts() == ["cat · empty", "cat · empty"]
    assert artist.task.submit()["it"]["instances"] == []


def test_instances_are_made_by_keyboard_alone(portal: Portal) -> None:
    artist = MaskArtist(portal, INSTANCE)
    artist.task.say("focus")
    artist.task.press("1", *([","] * 30))
    artist.press("Space", "Space", "1", "Alt+ArrowRight", "Alt+ArrowRight", "Space", "Space")
    artist.heard({BLUE: {(200, 150)}, ORANGE: {(202, 150)}})
    artist.task.press("[", "Delete", "]")
    artist.task(".objects li.chosen").wait_for()
    artist.press("Alt+ArrowDown", "Space", "Space")
    artist.task.press("Control+Enter")
    answer = artist.task.heard("submit")["answer"]["it"]
    assert answer["instances"] == [instance("cat", ORANGE)]
    assert pixels_of(opened(answer)) == {ORANGE: {(202, 150), (202, 151)}}


def test_given_instances_can_be_gone_on_with(portal: Portal) -> None:
    areas = {RED: rectangle(10, 10, 5, 5), BLUE: rectangle(30, 30, 5, 5)}
    portal.files["/instances.png"] = ("image/png", png_of(picture_of(areas)))
    given = {"src": "/instances.png", "instances": [instance("cat", RED), instance("cat", BLUE)]}
    artist = MaskArtist(portal, INSTANCE, given=given)
    answer = artist.task.submit()["it"]
    assert (answer["instances"], answer["initialValueModified"]) == (given["instances"], False)
    assert pixels_of(opened(answer)) == areas
    artist = MaskArtist(portal, INSTANCE, given=given)
    artist.press("]", "]")
    artist.task.frame.get_by_label("Label of the selected instance").select_option("dog")
    answer = artist.task.submit()["it"]
    assert (answer["instances"], answer["initialValueModified"]) == (
        [instance("cat", RED), instance("dog", BLUE)],
        True,
    )
    artist = MaskArtist(portal, INSTANCE, given=given)
    artist.choose("dog")
    artist.dab(100, 100, 2)
    artist.heard({**areas, ORANGE: at(100, 100)}, modified=True)


def test_a_draft_brings_instances_back(portal: Portal) -> None:
    artist = three_cats(portal)
    artist.task.frame.get_by_role("button", name="Remove 2").click()
    areas = {BLUE: at(10, 10) | at(20, 10), GREEN: at(80, 80)}
    draft = artist.heard(areas)["draft"]
    artist = MaskArtist(portal, INSTANCE, draft=draft)
    assert artist.areas == areas
    artist.choose("cat")
    artist.dab(100, 100, 2)
    answer = artist.task.submit()["it"]
    assert answer["instances"] == [instance("cat", BLUE), instance("cat", ORANGE), instance("dog", GREEN)]


def test_hundreds_of_instances_keep_their_colors(portal: Portal) -> None:
    colors = [f"#{number + 1:06x}" for number in range(300)]
    areas = {color: {(number % 100 * 4, number // 100 * 4)} for number, color in enumerate(colors)}
    portal.files["/many.png"] = ("image/png", png_of(picture_of(areas)))
    instances = [instance("cat", color) for color in colors]
    artist = MaskArtist(portal, INSTANCE, given={"src": "/many.png", "instances": instances})
    assert artist.task(".objects li").count() == 100
    artist.choose("dog")
    artist.dab(300, 200, 2)
    answer = artist.task.submit()["it"]
    assert pixels_of(opened(answer)) == {**areas, BLUE: at(300, 200)}
    assert answer["instances"] == [*instances, instance("dog", BLUE)]

"""Boxes, drawn and changed by mouse, keyboard, touch and pen."""

from __future__ import annotations

from typing import Any

import pytest

from tests.frontend.conftest import Portal
from tests.frontend.drawings import Artist, box
from tests.frontend.masks import MaskArtist

pytestmark = pytest.mark.browser

CAT, DOG = box("cat", 40, 30, 100, 80), box("dog", 200, 100, 150, 120)


def test_boxes_are_drawn_by_mouse_with_the_label_that_stays_chosen(portal: Portal) -> None:
    artist = Artist(portal)
    artist.choose("cat")
    artist.drag((40, 30), (140, 110))
    artist.drew(CAT)
    # Whichever corner comes first.
    artist.drag((350, 220), (300, 180))
    artist.task.press("2")
    artist.drag((10, 290), (20, 200))
    artist.submits(CAT, box("cat", 300, 180, 50, 40), box("dog", 10, 200, 10, 90))


def test_two_clicks_draw_a_box_and_escape_takes_the_first_back(portal: Portal) -> None:
    artist = Artist(portal)
    artist.choose("dog")
    artist.click(200, 100)
    assert "Finish the shape" in artist.task.refused()
    artist.task.press("Escape")
    artist.drew()
    artist.click(350, 220)
    artist.click(200, 100)
    artist.submits(DOG)


def test_boxes_are_drawn_and_changed_by_keyboard_alone(portal: Portal) -> None:
    artist = Artist(portal)
    task = artist.task
    task.say("focus")
    task.press("1")
    # From the middle of the picture: Alt moves the crosshair by single pixels.
    artist.press(
        "Alt+ArrowRight", "Alt+ArrowDown", "Space", "Alt+ArrowRight", "Alt+ArrowRight", "Alt+ArrowDown", "Space"
    )
    artist.drew(box("cat", 201, 151, 2, 1))
    artist.press("]", "ArrowLeft", "Shift+ArrowUp")
    artist.drew(box("cat", 200, 141, 2, 1))
    # The fifth of the handles, clockwise from the top left, is the corner at the bottom right.
    artist.press(".", ".", ".", ".", ".", "Shift+ArrowRight", "Shift+ArrowDown", "ArrowDown")
    artist.drew(box("cat", 200, 141, 12, 12))
    task.press("2")
    artist.drew(box("dog", 200, 141, 12, 12))
    task.press("Control+d")
    artist.press("Escape", "[", "Delete")
    task.press("Control+Enter")
    assert task.heard("submit")["answer"] == artist.answer(box("dog", 200, 141, 12, 12))


def test_boxes_are_moved_and_resized_by_mouse(portal: Portal) -> None:
    artist = Artist(portal, given=[CAT, DOG])
    # Without a label a drag anywhere in a box moves it.
    artist.drag((90, 70), (100, 75))
    artist.drew(box("cat", 50, 35, 100, 80), DOG)
    # It is selected now: each handle moves its edges.
    for start, end, after in (
        ((150, 115), (160, 125), (50, 35, 110, 90)),
        ((50, 35), (45, 30), (45, 30, 115, 95)),
        ((160, 30), (150, 40), (45, 40, 105, 85)),
        ((45, 125), (40, 120), (40, 40, 110, 80)),
        ((95, 40), (300, 50), (40, 50, 110, 70)),
        ((95, 120), (1, 110), (40, 50, 110, 60)),
        ((40, 80), (60, 300), (60, 50, 90, 60)),
        ((150, 80), (30, 80), (30, 50, 30, 60)),
    ):
        artist.drag(start, end)
        artist.drew(box("cat", *after), DOG)
    artist.submits(box("cat", 30, 50, 30, 60), DOG)


def test_a_box_stays_in_the_picture_and_has_at_least_one_pixel(portal: Portal) -> None:
    artist = Artist(portal, given=[CAT])
    artist.drag((90, 70), (-60, 380))
    artist.drew(box("cat", 0, 220, 100, 80))
    artist.drag((100, 300), (0, 220))
    artist.drew(box("cat", 0, 220, 1, 1))
    artist.press("Escape")
    artist.choose("dog")
    artist.drag((395, 10), (420, -5))
    artist.submits(box("cat", 0, 220, 1, 1), box("dog", 395, 0, 5, 10))


def test_a_box_in_a_box(portal: Portal) -> None:
    artist = Artist(portal, given=[DOG])
    artist.choose("cat")
    # With a label, a drag inside a box draws, one on its line moves it, a click selects it.
    artist.drag((220, 120), (260, 150))
    inner = box("cat", 220, 120, 40, 30)
    artist.drew(DOG, inner)
    artist.drag((275, 100), (275, 110))
    artist.drew(box("dog", 200, 110, 150, 120), inner)
    artist.click(240, 140)
    artist.task(".objects li.chosen").get_by_text("cat").wait_for()
    artist.click(240, 140)
    artist.task(".objects li.chosen").get_by_text("dog").wait_for()
    artist.task.press("Delete")
    artist.submits(inner)


def test_nothing_to_label_has_to_be_said(portal: Portal) -> None:
    artist = Artist(portal, given=[])
    assert "Nothing to label" in artist.task.refused()
    artist.task.frame.get_by_label("Nothing to label").check()
    artist.submits(modified=False)


def test_who_deletes_all_boxes_says_that_there_is_nothing(portal: Portal) -> None:
    artist = Artist(portal, given=[CAT])
    artist.click(90, 70)
    artist.task.press("Delete")
    assert "Nothing to label" in artist.task.refused()
    artist.task.frame.get_by_label("Nothing to label").check()
    # Whoever draws after all has something.
    artist.choose("dog")
    artist.drag((200, 100), (350, 220))
    artist.drew(DOG)
    artist.task.say("undo")
    artist.drew()
    assert artist.task.frame.get_by_label("Nothing to label").is_checked()
    artist.submits()


def test_boxes_are_hidden_duplicated_and_relabeled(portal: Portal) -> None:
    artist = Artist(portal, given=[CAT, DOG])
    task = artist.task
    task.frame.get_by_role("button", name="Hide 1").click()
    # What is hidden is not painted and can't be taken, but it is in the answer.
    assert artist.color_at(40, 70)[3] == 0
    artist.click(200, 160)
    task.press("Escape")
    artist.drag((90, 70), (190, 90))
    assert task(".objects li.chosen").count() == 0
    task.frame.get_by_role("button", name="Show 1").click()
    artist.press("]", "Control+d")
    copies = task("crowd-bounding-box").evaluate("element => element.value.boundingBoxes")
    assert [copy["label"] for copy in copies] == ["cat", "dog", "cat"]
    assert (copies[2]["width"], copies[2]["height"]) == (100, 80)
    assert 0 < copies[2]["left"] - 40 == copies[2]["top"] - 30
    artist.choose("dog")
    copies[2]["label"] = "dog"
    artist.submits(*copies)


def test_the_first_value_counts_as_unmodified_until_something_is_changed(portal: Portal) -> None:
    given = [box("cat", 10.5, 20.25, 30, 40.125), DOG]
    artist = Artist(portal, given=given)
    artist.submits(*given, modified=False)
    artist = Artist(portal, given=given)
    artist.click(25, 40)
    artist.press("ArrowRight", "ArrowLeft")
    # What somebody has moved stands on whole pixels.
    artist.drew(box("cat", 11, 20, 30, 40), DOG)
    artist.task.press("Control+z", "Control+z")
    artist.submits(*given, modified=False)


def test_a_value_that_can_t_be_read_is_counted_and_not_sent(portal: Portal) -> None:
    wrong: list[Any] = [None, 1, "x", {}, {"label": "cat"}, {**CAT, "left": "x"}, {**CAT, "width": -1}]
    artist = Artist(portal, given=[*wrong, CAT])
    assert "can't be shown here: 7" in artist.task(".problem").inner_text()
    artist.submits(CAT, modified=False)


def test_boxes_are_taken_over_from_the_picture_before(portal: Portal) -> None:
    artist = Artist(portal)
    artist.task.say("before", answer={"other": {"boundingBoxes": [DOG]}})
    artist.task.say("before", answer={"it": {"boundingBoxes": [CAT, box("dog", 350, 250, 100, 100)]}})
    artist.task(".objects").get_by_text("Copy from the last picture").click()
    # A picture that is smaller takes what fits.
    artist.drew(CAT, box("dog", 350, 250, 50, 50))
    artist.press("Shift+C", "Control+z")
    artist.submits(CAT, box("dog", 350, 250, 50, 50))


def test_boxes_are_drawn_by_touch_and_two_fingers_zoom(portal: Portal) -> None:
    artist = Artist(portal)
    artist.task(".labels button").first.tap()
    start, middle, end = artist.at(40, 30), artist.at(90, 70), artist.at(140, 110)
    artist.touch(("start", [start]), ("move", [middle]), ("move", [end]), ("end", []))
    artist.drew(CAT)
    # A second finger takes nothing from what is there, and draws nothing.
    thumb, other = artist.at(200, 150), artist.at(220, 150)
    apart = [(thumb[0] - 40, thumb[1]), (other[0] + 40, other[1])]
    artist.touch(("start", [thumb]), ("start", [thumb, other]), ("move", apart), ("end", []))
    assert artist.task(".percent").inner_text() != "100%"
    assert artist.at(210, 150) == pytest.approx(((thumb[0] + other[0]) / 2, thumb[1]), abs=1)
    start, end = artist.at(200, 140), artist.at(210, 160)
    artist.touch(("start", [start]), ("move", [end]), ("end", []))
    artist.submits(CAT, box("cat", 200, 140, 10, 20))


def test_boxes_are_drawn_by_pen_while_the_hand_lies_on_the_screen(portal: Portal) -> None:
    artist = Artist(portal)
    artist.choose("cat")
    artist.pen((40, 30), (90, 70), (140, 110))
    artist.drew(CAT)
    hand, moved = artist.at(300, 200), artist.at(320, 250)
    artist.touch(("start", [hand]), ("move", [moved]), ("end", []))
    artist.submits(CAT)


def test_the_only_label_stays_chosen_when_it_is_chosen_again(portal: Portal) -> None:
    artist = Artist(portal, labels=("cat",))
    artist.choose("cat")
    artist.drag((10, 10), (50, 40))
    artist.drew(box("cat", 10, 10, 40, 30))
    masks = MaskArtist(portal, labels=("cat",))
    masks.choose("cat")
    assert masks.task(".labels [aria-pressed=true]").count() == 1

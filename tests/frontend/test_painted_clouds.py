"""Labels of the points of a cloud: brush, ball, lasso and eraser, and the bytes that are sent."""

from __future__ import annotations

import base64
import zlib
from typing import Any

import pytest

from tests.frontend.clouds import SCENE, Surveyor, check_accessible, ground, lost_and_restored, vehicle
from tests.frontend.conftest import Portal

pytestmark = pytest.mark.browser

GROUND, CAR = len(ground()), len(vehicle(5, 3))


def numbers(answer: dict[str, Any]) -> bytes:
    """The label of each point, in the order of the file."""
    return zlib.decompress(base64.b64decode(answer["labeledPoints"]))


def given(labels: bytes) -> dict[str, Any]:
    """What an adjustment begins with."""
    return {"labeledPoints": base64.b64encode(zlib.compress(labels)).decode()}


def painter(portal: Portal, initial: Any = None, **more: Any) -> Surveyor:
    """The page, as one sees it from the side, where only the vehicle is above the ground."""
    return Surveyor(portal, kind="classes", labels=more.pop("labels", ("car", "street")), initial=initial, **more)


def test_a_lasso_labels_what_is_in_it_in_the_order_of_the_file(portal: Portal) -> None:
    surveyor = painter(portal)
    surveyor.choose("car")
    surveyor.press("l", "t")
    corners = [surveyor.at(x, y, 0) for x, y in ((2.1, 1.1), (7.9, 1.1), (7.9, 4.9), (2.1, 4.9))]
    surveyor.mouse.move(*corners[0])
    surveyor.mouse.down()
    for corner in [*corners[1:], corners[0]]:
        surveyor.mouse.move(*corner, steps=5)
    surveyor.mouse.up()
    painted = numbers(surveyor.task.submit()["it"])
    assert len(painted) == len(SCENE)
    assert painted[GROUND:] == b"\x01" * CAR
    below = sum(2.1 < x < 7.9 and 1.1 < y < 4.9 for x, y, *_ in ground())
    assert sum(painted[:GROUND]) == pytest.approx(below, abs=8), "the ground below it as well"


def test_a_ball_labels_around_the_point_that_one_sees_and_the_eraser_takes_away(portal: Portal) -> None:
    surveyor = painter(portal)
    surveyor.choose("street")
    surveyor.press("o")
    surveyor.click(-8, -8, 0)
    painted = numbers(surveyor.value())
    near = [place for place, (x, y, *_) in enumerate(SCENE) if (x + 8) ** 2 + (y + 8) ** 2 <= 0.25 + 1e-6]
    assert [place for place, number in enumerate(painted) if number] == near
    assert set(painted) == {0, 2}
    surveyor.press("x", "b")
    surveyor.click(-8, -8, 0)
    assert not any(numbers(surveyor.value()))
    surveyor.press("Control+z")
    assert numbers(surveyor.value()) == painted
    surveyor.press("Control+z")
    assert not any(numbers(surveyor.value()))
    surveyor.press("Control+Shift+z")
    assert numbers(surveyor.task.submit()["it"]) == painted


def test_only_points_without_a_label_and_none_that_are_locked_or_hidden(portal: Portal) -> None:
    before = bytes(GROUND // 3 * [1] + (GROUND - GROUND // 3) * [2] + CAR * [0])
    labels = [{"label": "car"}, {"label": "street", "editsAllowed": "none"}, {"label": "tree"}]
    surveyor = painter(portal, given(before), labels=labels)
    surveyor.choose("tree")
    surveyor.task.frame.get_by_label("Only points without a label").check()
    surveyor.press(*["+"] * 14, "Space")
    painted = numbers(surveyor.value())
    assert {(was, now) for was, now in zip(before, painted, strict=True)} == {(0, 3), (1, 1), (2, 2)}
    surveyor.task.frame.get_by_label("Only points without a label").uncheck()
    surveyor.task.frame.get_by_role("button", name="Show only tree").click()
    surveyor.press("Space")
    assert numbers(surveyor.value()) == painted, "what is hidden stays"
    surveyor.task.frame.get_by_role("button", name="Show only tree").click()
    surveyor.press("Space")
    answer = surveyor.task.submit()["it"]
    assert {(was, now) for was, now in zip(before, numbers(answer), strict=True)} >= {(1, 3), (2, 2)}
    assert answer["initialValueModified"] is True


def test_given_labels_come_back_as_they_were_and_bad_ones_are_told(portal: Portal) -> None:
    before = bytes(place % 3 for place in range(len(SCENE)))
    surveyor = painter(portal, given(before))
    answer = surveyor.task.submit()["it"]
    assert (numbers(answer), answer["initialValueModified"]) == (before, False)
    surveyor = painter(portal, given(b"\1\2"))
    assert "for 2 points" in surveyor.task(".problem").inner_text()
    surveyor = painter(portal, {"labeledPoints": "%%"})
    assert "can't be read" in surveyor.task(".problem").inner_text()


def test_work_goes_on_where_it_was_left(portal: Portal) -> None:
    weather = {"name": "weather", "type": "string", "description": "Outside"}
    surveyor = painter(portal, frameAttributes=[weather])
    surveyor.choose("car")
    surveyor.press("Space")
    field = surveyor.task(".objects").get_by_label("weather")
    field.fill("dry")
    field.press("Tab")
    before = surveyor.value()
    assert any(numbers(before))
    draft = surveyor.task.submit() and surveyor.task.heard("submit")["draft"]
    again = painter(portal, init={"draft": draft}, frameAttributes=[weather])
    sent = again.task.submit()["it"]
    assert numbers(sent) == numbers(before)
    assert sent["frameAttributes"] == {"weather": "dry"}


def test_without_a_label_a_drag_turns_the_scene(portal: Portal) -> None:
    surveyor = painter(portal)
    before = surveyor.element.evaluate("(element) => element.eye.azimuth")
    surveyor.drag((0, 0, 0), (5, 0, 0))
    assert surveyor.element.evaluate("(element) => element.eye.azimuth") != before
    assert not any(numbers(surveyor.value()))


def touched(surveyor: Surveyor, *places: tuple[float, float]) -> None:
    """Draw with a finger, from place to place of the page."""
    session = surveyor.task.page.context.new_cdp_session(surveyor.task.page)
    for number, (x, y) in enumerate(places):
        kind = "touchMove" if number else "touchStart"
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": x, "y": y}]})
    session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    session.detach()
    surveyor.settle()


def test_a_finger_paints(portal: Portal) -> None:
    surveyor = painter(portal)
    surveyor.choose("car")
    surveyor.press("b", "t")
    places = [surveyor.at(x, 3, 1.5) for x in (3.5, 5, 6.5)]
    touched(surveyor, *places)
    painted = numbers(surveyor.value())
    car = [number for number, (x, y, *_) in enumerate(SCENE) if number >= GROUND and 3.4 < x < 6.6 and abs(y - 3) < 0.2]
    assert {painted[number] for number in car} == {1}
    assert set(painted) == {0, 1}


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_where_one_paints(portal: Portal, theme: str) -> None:
    surveyor = painter(portal, init={"theme": theme, "language": "de"})
    surveyor.choose("car")
    surveyor.press("b", "Space")
    check_accessible(surveyor)


def test_what_is_painted_is_seen_again_after_the_graphics_were_lost(portal: Portal) -> None:
    surveyor = painter(portal)
    surveyor.choose("car")
    surveyor.press("b", "t", "Space")
    before = surveyor.value()
    seen = lost_and_restored(surveyor)
    assert seen["lost"] != seen["before"]
    assert seen["after"] == seen["before"]
    assert surveyor.value() == before
    surveyor.press("Space")
    surveyor.task.submit()

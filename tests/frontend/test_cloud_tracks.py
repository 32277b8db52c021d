"""Things tracked over clouds: what people set stands, what is between follows by the time of each cloud."""

from __future__ import annotations

import pytest

from tests.frontend.clouds import Surveyor, check_accessible, cuboid, ground, lost_and_restored, packed, sized, vehicle
from tests.frontend.conftest import Portal, noted

pytestmark = pytest.mark.browser

# A thing that moves by two meters a second; the last two clouds are two seconds apart.
TIMES = (0, 1, 2, 4)
CLOUDS = [packed(ground(12) + vehicle(-4 + 2 * time, 0)) for time in TIMES]


def tracked(number: int, left: float, name: str = "car:1", **more: object) -> dict:
    """A frame of an answer with one cuboid."""
    placed = cuboid(objectName=name, objectId=f"id-{name}", centerX=left, centerY=0, **more)
    return {"frameNumber": number, "frameName": f"{number}.bin", "frameAttributes": {}, "boundingCuboids": [placed]}


def places(surveyor: Surveyor, name: str = "car:1") -> dict[int, float]:
    """Where a thing is along x, by frame."""
    return {
        frame: round(cuboids[name]["centerX"], 2) for frame, cuboids in surveyor.tracks().items() if name in cuboids
    }


def test_a_thing_is_in_all_frames_and_follows_what_is_set(portal: Portal) -> None:
    surveyor = Surveyor(portal, CLOUDS, tracks=True)
    surveyor.choose("car")
    surveyor.click(-4, 0, 1.5)
    assert places(surveyor) == dict.fromkeys(range(4), -4)
    surveyor.press(".")
    assert "computed" in surveyor.task("li.chosen").inner_text()
    surveyor.task(".numbers").get_by_label("x").fill("-2")
    surveyor.task(".numbers").get_by_label("x").press("Tab")
    # Two that are set are a way, which leads on to the last one by its time.
    assert places(surveyor) == {0: -4, 1: -2, 2: 0, 3: 4}
    assert surveyor.task(".marks i.hand").count() == 1, "the first two, side by side"
    surveyor.press(".", ".")
    assert surveyor.hint() == ""
    surveyor.press("Alt+o")
    car = surveyor.tracks()[3]["car:1"]
    assert (sized(car, "centerX", "length", "height"), car["yaw"]) == ([4, 4, 1.5], 0)
    answer = surveyor.task.submit()["it"]
    assert [(frame["frameNumber"], frame["frameName"]) for frame in answer["frames"]] == [
        (number, f"{number}.bin") for number in range(4)
    ]
    assert len({box["objectId"] for frame in answer["frames"] for box in frame["boundingCuboids"]}) == 1


def test_what_a_person_takes_away_is_no_anchor_any_more(portal: Portal) -> None:
    given = {"frames": [tracked(0, 0), tracked(1, 1), tracked(2, 5), tracked(3, 4)]}
    surveyor = Surveyor(portal, CLOUDS, tracks=True, initial=given)
    surveyor.press(".", ".", "]", "u")
    assert places(surveyor) == {0: 0, 1: 1, 2: 2, 3: 4}, "between the others, by time"
    surveyor.press("Delete")
    assert places(surveyor) == {0: 0, 1: 1, 3: 4}
    surveyor.press(",", "]")
    surveyor.button("Into later frames").click()
    assert places(surveyor) == {0: 0, 1: 1, 2: 2, 3: 4}
    surveyor.button("Remove from earlier frames").click()
    assert list(places(surveyor)) == [1, 2, 3]
    surveyor.press("Control+z", "]")
    surveyor.button("Remove from later frames").click()
    assert list(places(surveyor)) == [0, 1]
    surveyor.press("Control+z", "]", "Shift+Delete")
    assert surveyor.tracks() == {}


def test_frames_stay_as_they_are_where_that_is_wanted(portal: Portal) -> None:
    given = {"frames": [tracked(0, 0), tracked(3, 4)]}
    surveyor = Surveyor(portal, CLOUDS, tracks=True, initial=given)
    surveyor.task.frame.get_by_label("Follow between frames").uncheck()
    surveyor.press("]", "Alt+ArrowRight")
    surveyor.press("Escape")
    surveyor.choose("car")
    surveyor.click(-4, 0, 1.5)
    assert places(surveyor, "car:2") == {0: -4}


def test_two_things_become_one_and_one_goes_on_elsewhere(portal: Portal) -> None:
    given = {"frames": [tracked(0, -4), tracked(2, 0, "car:2"), tracked(3, 4, "car:2")]}
    surveyor = Surveyor(portal, CLOUDS, tracks=True, initial=given)
    surveyor.press("]")
    surveyor.task.frame.get_by_label("Merge with").select_option(label="car:2")
    assert places(surveyor) == {0: -4, 2: 0, 3: 4}
    surveyor.press(".")
    surveyor.task(".elsewhere button").get_by_text("car:1").click()
    surveyor.click(-2, 0, 1.5)
    assert places(surveyor) == {0: -4, 1: -2, 2: 0, 3: 4}
    number = surveyor.task(".object-number")
    number.fill("7")
    number.press("Enter")
    surveyor.choose("pole")
    assert {name for frame in surveyor.tracks().values() for name in frame} == {"pole:1"}


def test_attributes_are_set_in_ranges_and_block(portal: Portal) -> None:
    moves = {"name": "moves", "type": "string", "enum": ["yes", "no"], "isRequired": True}
    given = {"frames": [tracked(number, number) for number in range(4)]}
    surveyor = Surveyor(portal, CLOUDS, tracks=True, initial=given, categoryGlobalAttributes=[moves])
    assert "Frame 0, car:1: fill in “moves”." in surveyor.task.refused()
    surveyor.task(".objects").get_by_label("moves").select_option("yes")
    surveyor.task(".objects").get_by_text("In other frames too").click()
    surveyor.task(".objects").get_by_label("Frames to set it in").fill("1-3")
    surveyor.button("Set").click()
    frames = surveyor.task.submit()["it"]["frames"]
    assert [frame["boundingCuboids"][0]["labelCategoryAttributes"] for frame in frames] == [{"moves": "yes"}] * 4


def test_frames_play_and_a_bad_one_is_told(portal: Portal) -> None:
    surveyor = Surveyor(portal, [*CLOUDS[:2], b"\0" * 7, CLOUDS[3]], tracks=True)
    surveyor.press(".", ".")
    surveyor.task(".stage [role=alert]").wait_for()
    assert "2.bin can't be shown" in surveyor.task(".stage [role=alert]").inner_text()
    surveyor.press(".")
    surveyor.task(".stage [role=alert]").wait_for(state="detached")
    has_played = noted(surveyor.element, "Stop playing")
    surveyor.press("k")
    surveyor.task.frame.get_by_role("button", name="Play", exact=True).wait_for()
    assert has_played()
    assert surveyor.element.evaluate("(element) => element.place") == 3


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_where_one_tracks(portal: Portal, theme: str) -> None:
    given = {"frames": [tracked(0, -4), tracked(2, 0, "car:2")]}
    surveyor = Surveyor(portal, CLOUDS, tracks=True, initial=given, init={"theme": theme, "language": "de"})
    surveyor.press("]")
    check_accessible(surveyor)


def test_tracking_goes_on_after_the_graphics_were_lost(portal: Portal) -> None:
    surveyor = Surveyor(portal, CLOUDS, tracks=True)
    surveyor.choose("car")
    surveyor.click(-4, 0, 1.5)
    seen = lost_and_restored(surveyor)
    assert seen["lost"] != seen["before"]
    assert seen["after"] == seen["before"]
    surveyor.press(".", "Delete")
    assert set(places(surveyor)) == {0, 2, 3}
    surveyor.task.submit()

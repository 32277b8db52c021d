"""The page of a video frame task: frames, objects over frames, attributes, and what is sent."""

from __future__ import annotations

import pytest

from tests.frontend.conftest import Portal, noted
from tests.frontend.sequences import NUMBERS, Labeler
from tests.frontend.test_accessibility import violations

pytestmark = pytest.mark.browser

FIRST, LAST = NUMBERS[0], NUMBERS[-1]
PARKED = {"name": "parked", "type": "string", "enum": ["yes", "no"], "isRequired": True}


def track(number: int, left: int, top: int = 50, label: str = "van", **attributes: str) -> dict:
    """A frame of an answer with one box."""
    ids = {"objectId": f"id-{label}", "objectName": f"{label}:1", "labelCategoryAttributes": attributes}
    box = {"label": label, **ids, "left": left, "top": top, "width": 40, "height": 30}
    return {"frameNumber": number, "frame": f"{number}.svg", "frameAttributes": {}, "boundingBoxes": [box]}


def test_an_object_is_drawn_predicted_filled_in_and_sent(portal: Portal) -> None:
    labeler = Labeler(portal)
    labeler.choose("van")
    labeler.drag((40, 120), (100, 160))
    labeler.go("p")
    assert labeler.boxes()[11] == {"van:1": [40, 120, 60, 40]}, "without a frame before, it stays where it is"
    labeler.press("Escape")
    labeler.drag((70, 140), (100, 140))
    labeler.go("p")
    assert labeler.boxes()[12] == {"van:1": [100, 120, 60, 40]}, "it goes on as it came"
    # Drawn again farther on; the frames between are filled.
    labeler.go("f", "f", "f")
    labeler.at_frame(LAST)
    labeler.task(".elsewhere button").get_by_text("van:1").click()
    labeler.drag((190, 120), (250, 160))
    labeler.press("i")
    assert labeler.boxes()[13] == {"van:1": [130, 120, 60, 40]}
    assert labeler.boxes()[14] == {"van:1": [160, 120, 60, 40]}
    # What was filled in follows what a person moves; what a person drew stays.
    labeler.press("Escape", "Escape")
    labeler.drag((220, 140), (220, 180))
    assert [labeler.boxes()[number]["van:1"][1] for number in NUMBERS] == [120, 120, 130, 140, 150, 160]
    answer = labeler.task.submit()["trackingAnnotations"]
    assert [frame["frame"] for frame in answer["frames"]] == [f"{number}.svg" for number in NUMBERS]
    boxes = [frame["boundingBoxes"][0] for frame in answer["frames"]]
    assert len({box["objectId"] for box in boxes}) == 1
    assert boxes[0] == {
        "label": "van",
        "objectId": boxes[0]["objectId"],
        "objectName": "van:1",
        "labelCategoryAttributes": {},
        "left": 40,
        "top": 120,
        "width": 60,
        "height": 40,
    }


def test_detection_has_no_ids_and_copies_go_into_all_next_frames(portal: Portal) -> None:
    labeler = Labeler(portal, "VideoObjectDetection")
    labeler.choose("dog")
    labeler.drag((10, 10), (50, 40))
    labeler.press("Shift+C")
    assert "Copied 1 into 5 frames" in labeler.hint()
    labeler.press("Control+z")
    assert list(labeler.boxes()) == [FIRST]
    labeler.go("c")
    labeler.go("f")
    labeler.press("c")
    assert "nothing in this frame" not in labeler.hint()
    answer = labeler.task.submit()["detectionAnnotations"]
    assert [frame["frameNumber"] for frame in answer["frames"]] == [10, 11, 12]
    assert answer["frames"][2]["boundingBoxes"] == [
        {"label": "dog", "labelCategoryAttributes": {}, "left": 10, "top": 10, "width": 40, "height": 30}
    ]


@pytest.mark.parametrize(
    ("tool", "shape"),
    [
        ("Polygon", {"vertices": [{"x": 50, "y": 50}, {"x": 150, "y": 50}, {"x": 100, "y": 120}]}),
        ("Polyline", {"vertices": [{"x": 50, "y": 50}, {"x": 150, "y": 50}, {"x": 100, "y": 120}]}),
        ("Keypoint", {"x": 50, "y": 50}),
    ],
)
def test_other_tools_are_copied_and_not_predicted(portal: Portal, tool: str, shape: dict) -> None:
    labeler = Labeler(portal, annotationType=tool)
    assert labeler.task.frame.get_by_role("button", name="Predict next").count() == 0
    labeler.choose("van")
    for at in [(50, 50)] if tool == "Keypoint" else [(50, 50), (150, 50), (100, 120)]:
        labeler.click(*at)
    if tool != "Keypoint":
        labeler.press("f")
        assert "Finish the shape" in labeler.hint()
        labeler.press("Enter")
    labeler.go("c")
    listed = f"{tool.lower()}s"
    shown = labeler.frames()
    assert list(shown) == [10, 11]
    assert shown[11][listed][0] == {**shown[10][listed][0], **shape}


def test_required_attributes_block_the_submit_and_are_set_in_ranges(portal: Portal) -> None:
    weather = {
        "name": "weather",
        "type": "string",
        "enum": ["dry", "wet"],
        "description": "Outside",
        "isRequired": True,
    }
    labeler = Labeler(portal, categoryGlobalAttributes=[PARKED], frameAttributes=[weather])
    labeler.choose("van")
    labeler.drag((40, 120), (100, 160))
    labeler.press("Shift+C")
    assert "Frame 10: fill in “weather”." in labeler.task.refused()
    fields = labeler.task(".objects")
    fields.get_by_label("weather").select_option("wet")
    fields.get_by_text("In other frames too").last.click()
    ranges = fields.get_by_label("Frames to set it in").last
    ranges.fill("10-12,99")
    fields.get_by_role("button", name="Set").last.click()
    assert "does not name frames" in labeler.hint()
    ranges.fill("11-13, 14-15")
    fields.get_by_role("button", name="Set").last.click()
    assert "Frame 10, van:1: fill in “parked”." in labeler.task.refused()
    labeler.press("]")
    fields.get_by_label("parked").select_option("no")
    fields.get_by_text("In other frames too").first.click()
    fields.get_by_label("Frames to set it in").first.fill("11-15")
    fields.get_by_role("button", name="Set").first.click()
    frames = labeler.task.submit()["trackingAnnotations"]["frames"]
    assert {frame["frameAttributes"]["weather"] for frame in frames} == {"wet"}
    assert {box["labelCategoryAttributes"]["parked"] for frame in frames for box in frame["boundingBoxes"]} == {"no"}


def test_an_object_is_removed_here_before_after_and_everywhere(portal: Portal) -> None:
    given = {"frames": [track(number, 10 * (number - 9)) for number in NUMBERS]}
    labeler = Labeler(portal, initial=given)
    labeler.go("f", "f", "f")
    labeler.press("]")
    for button, left in (
        ("Remove from earlier frames", [13, 14, 15]),
        ("Remove from later frames", [10, 11, 12, 13]),
    ):
        labeler.task.frame.get_by_role("button", name=button).click()
        assert list(labeler.frames()) == left
        labeler.press("Control+z")
        assert list(labeler.frames()) == list(NUMBERS)
        labeler.press("]")
    labeler.press("Delete")
    assert 13 not in labeler.frames()
    labeler.press("Control+z", "]", "Shift+Delete")
    assert labeler.frames() == {}
    labeler.press("Control+z")
    assert list(labeler.frames()) == list(NUMBERS)
    assert labeler.task.submit()["trackingAnnotations"]["initialValueModified"] is False


def test_a_label_and_number_of_an_object_change_in_all_frames(portal: Portal) -> None:
    labeler = Labeler(portal, initial={"frames": [track(number, 20) for number in NUMBERS]})
    labeler.press("]")
    labeler.choose("dog")
    assert {name for boxes in labeler.boxes().values() for name in boxes} == {"dog:1"}
    number = labeler.task(".object-number")
    number.fill("7")
    number.press("Enter")
    assert {name for boxes in labeler.boxes().values() for name in boxes} == {"dog:7"}
    answer = labeler.task.submit()["trackingAnnotations"]
    assert answer["initialValueModified"] is True


def test_what_is_locked_stays_and_attributes_may_change(portal: Portal) -> None:
    labels = [{"label": "van", "editsAllowed": "none", "categoryAttributes": [PARKED]}, {"label": "dog"}]
    labeler = Labeler(portal, labels=labels, initial={"frames": [track(10, 20, parked="no")]})
    labeler.drag((40, 60), (140, 160))
    assert "stay as it is" in labeler.hint()
    labeler.press("]", "Delete")
    labeler.press("1")
    assert labeler.boxes() == {10: {"van:1": [20, 50, 40, 30]}}
    labeler.press("]")
    labeler.task(".objects").get_by_label("parked").select_option("yes")
    answer = labeler.task.submit()["trackingAnnotations"]
    assert answer["initialValueModified"] is True
    assert answer["frames"][0]["boundingBoxes"][0]["labelCategoryAttributes"] == {"parked": "yes"}


def test_work_goes_on_where_it_was_left(portal: Portal) -> None:
    labeler = Labeler(portal)
    labeler.choose("van")
    labeler.drag((40, 120), (100, 160))
    labeler.go("p")
    labeler.at_frame(11)
    before = labeler.frames()
    draft = labeler.task.changed({"trackingAnnotations": {"frames": list(before.values())}})["draft"]
    again = Labeler(portal, init={"draft": draft})
    again.at_frame(11)
    assert again.frames() == before
    again.press("]")
    again.task(".objects li.chosen").get_by_text("van:1").wait_for()


def test_frames_are_gone_through_by_keys_bar_and_number(portal: Portal) -> None:
    labeler = Labeler(portal)
    labeler.go("f", "f")
    labeler.at_frame(12)
    labeler.go("d")
    labeler.at_frame(11)
    number = labeler.task(".number")
    number.fill("15")
    number.press("Enter")
    labeler.at_frame(15)
    number.fill("99")
    number.press("Enter")
    assert "no frame 99" in labeler.hint()
    labeler.task(".bar").fill("2")
    labeler.at_frame(12)
    # From the end, playing begins anew.
    labeler.task(".bar").fill("5")
    labeler.at_frame(15)
    has_played = noted(labeler.task(labeler.element), "Stop playing")
    labeler.press("k")
    labeler.task.frame.get_by_role("button", name="Play", exact=True).wait_for()
    assert has_played()
    labeler.at_frame(15)


def test_zoom_stays_from_frame_to_frame(portal: Portal) -> None:
    labeler = Labeler(portal)
    labeler.press("+", "+")
    before = labeler.task(".percent").inner_text()
    assert before == "156%"
    labeler.go("f")
    labeler.at_frame(11)
    assert labeler.task(".percent").inner_text() == before


def test_a_frame_that_is_missing_says_so_and_the_others_go_on(portal: Portal) -> None:
    labeler = Labeler(portal, missing=[11])
    labeler.press("f")
    link = labeler.task.heard("refresh")["url"]
    assert link.endswith("/frames/11.svg")
    labeler.task.say("link", url=link, fresh=None)
    labeler.task("img.subject[src$='/frames/11.svg']").wait_for(state="attached")
    labeler.go("f")
    labeler.at_frame(12)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_on_the_page(portal: Portal, theme: str) -> None:
    weather = {"name": "weather", "type": "string", "description": "Outside"}
    given = {"frames": [track(10, 20, parked="no"), track(12, 60, 150, "dog", parked="yes")]}
    init = {"theme": theme, "language": "de"}
    labeler = Labeler(portal, initial=given, init=init, categoryGlobalAttributes=[PARKED], frameAttributes=[weather])
    labeler.press("]")
    assert violations(labeler.task) == []
    portal.page.set_viewport_size({"width": 400, "height": 800})
    assert violations(labeler.task) == []
    assert labeler.task.evaluate("document.documentElement.scrollWidth") <= 400

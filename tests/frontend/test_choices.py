"""Elements in which a person chooses: by mouse, by keyboard alone, by touch."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from PIL import Image

from dev.stack import wait_until
from tests.frontend.conftest import Portal, Task
from tests.frontend.drawings import turned_picture

pytestmark = pytest.mark.browser

CLASSIFIER = """<crowd-form><crowd-classifier name="animal" header="Which animal?" categories="['cat', 'dog', 'owl']">
<classification-target>It hoots.</classification-target></crowd-classifier></crowd-form>"""
SEVERAL = """<crowd-form><crowd-classifier-multi-select name="kinds" header="Kinds" categories='["news","sport","art"]'
exclusion-category="{text: 'None'}"><classification-target>Text</classification-target>
</crowd-classifier-multi-select></crowd-form>"""


def test_a_classifier_by_mouse(portal: Portal) -> None:
    task = portal.open(CLASSIFIER)
    task("text=dog").click()
    task("text=owl").click()
    assert task.submit() == {"animal": {"label": "owl"}}


def test_a_classifier_by_keyboard_alone(portal: Portal) -> None:
    task = portal.open(CLASSIFIER)
    task.say("focus")
    task.changed({"animal": {}}) if task.all_heard("change") else None
    task.press("2")
    task.changed({"animal": {"label": "dog"}})
    task.press("ArrowDown")
    task.changed({"animal": {"label": "owl"}})
    task.press("Control+Enter")
    assert task.heard("submit")["answer"] == {"animal": {"label": "owl"}}


def test_a_classifier_by_touch(portal: Portal) -> None:
    task = portal.open(CLASSIFIER)
    task.tap("text=cat")
    task.tap("button:has-text('Submit')")
    assert task.heard("submit")["answer"] == {"animal": {"label": "cat"}}


def test_keys_stand_at_the_labels(portal: Portal) -> None:
    names = [f"label {number}" for number in range(12)]
    task = portal.open(
        f"<crowd-form><crowd-classifier name=n categories='{json.dumps(names)}'></crowd-classifier></crowd-form>"
    )
    assert task("kbd").all_inner_texts() == [*"123456789abc"]
    listed = [(command["command"], command["key"]) for command in task.heard("ready")["keys"]]
    assert ("label:label 9", "a") in listed
    assert ("submit", "Ctrl+Enter") in listed


def test_a_person_may_change_keys(portal: Portal) -> None:
    task = portal.open(CLASSIFIER, keys={"label:owl": "o", "label:cat": "2", "submit": "Ctrl+s"})
    assert task("kbd").all_inner_texts() == ["2", "1", "o"]
    task("crowd-classifier").evaluate("element => element.focus()")
    task.press("o")
    task.changed({"animal": {"label": "owl"}})
    task.press("Control+s")
    assert task.heard("submit")["answer"] == {"animal": {"label": "owl"}}


def test_a_classifier_without_a_choice_is_not_sent(portal: Portal) -> None:
    task = portal.open(CLASSIFIER)
    assert "Choose a label" in task.refused()
    assert task("[role=alert]").inner_text() == "Choose a label."
    task.press("1")
    assert task.submit() == {"animal": {"label": "cat"}}


def test_what_was_chosen_before_and_is_kept_is_not_modified(portal: Portal) -> None:
    template = CLASSIFIER.replace('name="animal"', 'name="animal" initial-value="dog"')
    assert portal.open(template).submit() == {"animal": {"label": "dog", "initialValueModified": False}}
    task = portal.open(template)
    task("text=cat").click()
    assert task.submit() == {"animal": {"label": "cat", "initialValueModified": True}}


def test_several_labels_by_mouse(portal: Portal) -> None:
    task = portal.open(SEVERAL)
    assert "at least one" in task.refused()
    task("text=art").click()
    task("text=news").click()
    assert task.submit() == {"kinds": {"labels": ["news", "art"]}}


def test_several_labels_by_keyboard(portal: Portal) -> None:
    task = portal.open(SEVERAL)
    task("crowd-classifier-multi-select").evaluate("element => element.focus()")
    task.press("Space", "2", "1", "3")
    task.changed({"kinds": {"labels": ["sport", "art"]}})
    assert task.submit() == {"kinds": {"labels": ["sport", "art"]}}


def test_the_exclusion_takes_the_others_away(portal: Portal) -> None:
    task = portal.open(SEVERAL)
    task.tap("text=art")
    task.tap("text=None")
    assert task("input:disabled").count() == 3
    task.press("1")
    assert task.submit() == {"kinds": {"labels": []}}


def test_five_thousand_labels_can_be_found(portal: Portal) -> None:
    names = [f"species {number}" for number in range(5000)]
    task = portal.open(
        f"<crowd-form><crowd-classifier name=n categories='{json.dumps(names)}'></crowd-classifier></crowd-form>"
    )
    task("input[type=search]").fill("4321")
    task("label:has-text('species 4321')").click()
    assert task.submit() == {"n": {"label": "species 4321"}}


IMAGE = """<crowd-form><crowd-image-classifier name="shape" src="/picture.svg" header="Which shape?"
categories="['circle', 'square']" {more}><worker-comment link-text="Say why" header="Why?" placeholder="Your words">
</worker-comment></crowd-image-classifier></crowd-form>"""


def test_a_picture_with_a_comment(portal: Portal) -> None:
    task = portal.open(IMAGE.format(more=""))
    task("text=circle").click()
    task("text=Say why").click()
    assert task("textarea").get_attribute("placeholder") == "Your words"
    task.page.keyboard.type("It is 1 round thing")
    assert task.submit() == {"shape": {"label": "circle", "workerComment": "It is 1 round thing"}}


def test_a_picture_without_a_comment_by_keyboard_and_touch(portal: Portal) -> None:
    task = portal.open(IMAGE.format(more=""))
    task(".view").focus()
    task.press("2")
    assert task.submit() == {"shape": {"label": "square"}}
    task = portal.open(IMAGE.format(more=""))
    task.tap("text=circle")
    assert task.submit() == {"shape": {"label": "circle"}}


def stage(task: Task) -> Any:
    return task(".stage").evaluate("element => { const m = new DOMMatrix(getComputedStyle(element).transform);"
                                   " return [m.a, Math.round(m.e), Math.round(m.f)] }")  # fmt: skip


def test_a_picture_is_zoomed_moved_and_brightened(portal: Portal) -> None:
    task = portal.open(IMAGE.format(more=""))
    task("text=circle").click()
    assert stage(task) == [1, 0, 0]
    task.press("+", "+")
    zoom, left, top = stage(task)
    assert zoom == pytest.approx(1.5625)
    box = task(".view").bounding_box()
    middle = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    mouse = task.page.mouse
    mouse.move(*middle)
    mouse.down()
    mouse.move(middle[0] + 30, middle[1] + 20)
    mouse.up()
    assert stage(task) == [pytest.approx(1.5625), left + 30, top + 20]
    mouse.wheel(0, -100)
    task(".tools button:has-text('Fit')").click()
    assert stage(task) == [1, 0, 0]
    task.page.keyboard.down("Control")
    mouse.move(*middle)
    mouse.wheel(0, -100)
    task.page.keyboard.up("Control")
    assert stage(task)[0] == pytest.approx(1.25)
    task("input[type=range]").fill("200")
    assert task("img.subject").evaluate("element => element.style.filter") == "brightness(200%)"
    assert task.submit() == {"shape": {"label": "circle"}}


def test_two_fingers_zoom_a_picture(portal: Portal) -> None:
    task = portal.open(IMAGE.format(more=""))
    box = task(".view").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    touch = task.page.context.new_cdp_session(task.page)

    def fingers(kind: str, *distances: int) -> None:
        points = [{"x": x + distance, "y": y, "id": number} for number, distance in enumerate(distances)]
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    fingers("touchStart", -40, 40)
    for distance in (50, 60, 80):
        fingers("touchMove", -distance, distance)
    fingers("touchEnd")
    assert stage(task)[0] == pytest.approx(2, abs=0.05)


def test_labels_to_verify_lie_over_the_picture(portal: Portal) -> None:
    boxes = {"boundingBox": {"labels": ["sun", "hat"], "value": [
        {"label": "sun", "left": 110, "top": 60, "width": 180, "height": 180}]}}  # fmt: skip
    task = portal.open(IMAGE.format(more=f"overlay='{json.dumps(boxes)}'"))
    picture, drawn = task("img.subject").bounding_box(), task("svg.boxes rect").bounding_box()
    assert (drawn["x"] - picture["x"]) / picture["width"] == pytest.approx(110 / 400, abs=0.01)
    assert drawn["height"] / picture["height"] == pytest.approx(180 / 300, abs=0.02)
    assert task(".legend li").all_inner_texts() == ["sun", "hat"]
    task("text=Show labels").click()
    assert task("svg.boxes").count() == 0
    mask = {"semanticSegmentation": {"labels": ["sky"], "src": "/picture.svg",
                                     "labelMappings": {"sky": {"color": "#ff0000"}}}}  # fmt: skip
    task = portal.open(IMAGE.format(more=f"overlay='{json.dumps(mask)}'"))
    assert task("img.mask").evaluate("element => element.style.opacity") == "0.6"
    assert task(".legend i").evaluate("element => element.style.background") == "rgb(255, 0, 0)"
    task("text=square").click()
    assert task.submit() == {"shape": {"label": "square"}}


@pytest.mark.parametrize("orientation", [1, 6])
def test_a_turned_picture_is_shown_as_it_is_stored(portal: Portal, orientation: int) -> None:
    portal.files["/turned.jpg"] = turned_picture(orientation)
    box = {"boundingBox": {"labels": ["dark"], "value": [
        {"label": "dark", "left": 0, "top": 0, "width": 20, "height": 40}]}}  # fmt: skip
    template = IMAGE.format(more=f"overlay='{json.dumps(box)}'")
    task = portal.open(template.replace("/picture.svg", f"/turned.jpg?{orientation}"))
    picture, drawn = task("img.subject").bounding_box(), task("svg.boxes rect").bounding_box()
    assert picture["width"] / picture["height"] == pytest.approx(2, abs=0.02)
    assert drawn["width"] / picture["width"] == pytest.approx(0.25, abs=0.01)
    shot = Image.open(io.BytesIO(task.page.screenshot())).convert("L")
    middle = picture["y"] + picture["height"] / 2
    left, right = (shot.getpixel((int(picture["x"] + picture["width"] * part), int(middle))) for part in (0.125, 0.875))
    assert left < 40 < 215 < right  # type: ignore[operator]


def test_a_picture_that_pages_of_other_sites_must_not_read_is_shown_all_the_same(portal: Portal) -> None:
    portal.files["/elsewhere.svg"] = portal.files["/picture.svg"]
    portal.without_cors.add("/elsewhere.svg")
    task = portal.open(IMAGE.format(more="").replace("/picture.svg", "/elsewhere.svg"))
    wait_until(lambda: task("img.subject").evaluate("img => img.naturalWidth") == 400, 10, "the picture", pause=0.02)
    assert task.all_heard("trouble") == []


def test_several_labels_on_a_picture(portal: Portal) -> None:
    template = """<crowd-form><crowd-image-classifier-multi-select name="what" src="/picture.svg"
    categories="['sun', 'moon', 'sea']" exclusion-category="{text: 'Nothing'}"></crowd-image-classifier-multi-select>
    </crowd-form>"""
    task = portal.open(template)
    assert "at least one" in task.refused()
    task("text=sea").click()
    task.press("1")
    task.tap("text=moon")
    assert task.submit() == {"what": {"labels": ["sun", "moon", "sea"]}}


CONTROLS = """<crowd-form>
<crowd-checkbox name="agree" value="yes" required>I agree</crowd-checkbox>
<crowd-checkbox name="agree" value="more">And more</crowd-checkbox>
<crowd-toggle-button name="dark">Dark</crowd-toggle-button>
<crowd-radio-group><crowd-radio-button name="tea" value="tea">Tea</crowd-radio-button>
<crowd-radio-button name="coffee">Coffee</crowd-radio-button></crowd-radio-group></crowd-form>"""


def test_boxes_switches_and_radio_buttons_by_mouse(portal: Portal) -> None:
    task = portal.open(CONTROLS)
    assert "Tick this box" in task.refused()
    task("text=I agree").click()
    task("crowd-toggle-button input").click()
    task("text=Coffee").click()
    task("text=Tea").click()
    assert task.submit() == {
        "agree": {"yes": True, "more": False},
        "dark": {"on": True},
        "tea": {"tea": True},
        "coffee": {"on": False},
    }


def test_boxes_switches_and_radio_buttons_by_keyboard(portal: Portal) -> None:
    task = portal.open(CONTROLS)
    task.say("focus")
    task("crowd-checkbox input:focus").first.wait_for()
    task.press("Space", "Tab", "Space", "Tab", "Space", "Tab", "Space", "ArrowDown", "Tab", "Enter")
    assert task.heard("submit")["answer"] == {
        "agree": {"yes": True, "more": True},
        "dark": {"on": True},
        "tea": {"tea": False},
        "coffee": {"on": True},
    }


def test_boxes_switches_and_radio_buttons_by_touch(portal: Portal) -> None:
    task = portal.open(CONTROLS)
    for text in ("I agree", "Dark", "Tea"):
        task.tap(f"text={text}")
    assert task.submit() == {
        "agree": {"yes": True, "more": False},
        "dark": {"on": True},
        "tea": {"tea": True},
        "coffee": {"on": False},
    }


SLIDER = """<crowd-form><crowd-slider name="mood" min="1" max="5" step="1" required pin>
<crowd-slider-label position="1">low</crowd-slider-label><crowd-slider-label position="5">high</crowd-slider-label>
</crowd-slider></crowd-form>"""


def test_a_slider_by_mouse_keyboard_and_touch(portal: Portal) -> None:
    task = portal.open(SLIDER)
    assert "Set a value" in task.refused()
    box = task("input[type=range]").bounding_box()
    task.page.mouse.click(box["x"] + box["width"] - 5, box["y"] + box["height"] / 2)
    assert task("output").inner_text() == "5"
    assert task.submit() == {"mood": 5}
    task = portal.open(SLIDER)
    task("input[type=range]").focus()
    task.press("ArrowRight", "ArrowRight", "ArrowLeft")
    assert task.submit() == {"mood": 2}
    task = portal.open(SLIDER)
    task.page.touchscreen.tap(box["x"] + 5, box["y"] + box["height"] / 2)
    assert task.submit() == {"mood": 1}
    left, right = (task(f"text={text}").bounding_box() for text in ("low", "high"))
    assert left["x"] < right["x"]


def test_ranks_of_responses(portal: Portal) -> None:
    template = """<crowd-form><crowd-text-ranking name="r" text="Say hi" responses='["Hi", "Hello", "Hey"]'
    ordinal-ranking-dimensions='[{"name":"Warmth","allowTie":true},{"name":"Brevity","allowTie":false}]'>
    </crowd-text-ranking></crowd-form>"""
    task = portal.open(template)
    assert "Rank all responses in “Warmth”" in task.refused()

    def rank(dimension: str, response: int, place: int) -> Any:
        return task.frame.get_by_role("group", name=f"{dimension}: rank of response {response}").get_by_text(
            str(place), exact=True
        )

    for response, place in ((1, 1), (2, 1), (3, 2)):
        rank("Warmth", response, place).click()
    for response, place in ((1, 1), (2, 1)):
        rank("Brevity", response, place).tap()
    # The rank that was given away is open again.
    assert "Brevity" in task.refused()
    rank("Brevity", 1, 2).click()
    rank("Brevity", 3, 3).click()
    assert task.submit() == {
        "ordinalRankingDimensions": [
            {"name": "Warmth", "responseRankings": [1, 1, 2]},
            {"name": "Brevity", "responseRankings": [2, 1, 3]},
        ]
    }


def test_ranks_by_keyboard(portal: Portal) -> None:
    template = """<crowd-form><crowd-text-ranking name="r" responses='["Hi", "Hello"]'
    ordinal-ranking-dimensions='[{name: "Warmth", allowTie: false}]'></crowd-text-ranking></crowd-form>"""
    task = portal.open(template)
    task.say("focus")
    task("input:focus").wait_for()
    task.press("Space", "ArrowRight", "Tab", "Space", "Control+Enter")
    assert task.heard("submit")["answer"] == {
        "ordinalRankingDimensions": [{"name": "Warmth", "responseRankings": [2, 1]}]
    }

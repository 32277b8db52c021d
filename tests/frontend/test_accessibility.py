"""Everybody can work: axe finds nothing, on a phone, in the dark, in German."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from dev.stack import ROOT
from tests.frontend.conftest import Portal, Task
from tests.frontend.masks import BLUE, picture_of, png_of, rectangle

pytestmark = pytest.mark.browser

AXE = ROOT / "frontend" / "node_modules" / "axe-core" / "axe.min.js"

MASK = base64.b64encode(png_of(picture_of({BLUE: rectangle(10, 10, 90, 90)}))).decode()
PAGES = {
    "classifier": """<crowd-form><crowd-classifier name="c" header="Which?" categories="['cat','dog']">
      <classification-target>A text</classification-target><short-instructions>Short</short-instructions>
      <full-instructions header="Full">Full</full-instructions></crowd-classifier>
      <crowd-classifier-multi-select name="m" categories="['a','b']" exclusion-category="{text: 'None'}">
      </crowd-classifier-multi-select></crowd-form>""",
    "picture": """<crowd-form><crowd-image-classifier name="c" src="/picture.svg" header="Right?"
    categories="['yes','no']"
      overlay="{boundingBox: {labels: ['sun'], value: [{label: 'sun', left: 9, top: 90, width: 99, height: 99}]}}">
      <worker-comment></worker-comment></crowd-image-classifier></crowd-form>""",
    "entities": """<crowd-entity-annotation name="e" header="Mark"
    labels="['person', {label: 'place'}, 'c', 'd', 'e', 'f',
      'g', 'h', 'i', 'j']" text="Ada met Bob." initial-value="[{label: 'person', startOffset: 0, endOffset: 3},
      {label: 'c', startOffset: 4, endOffset: 7}, {label: 'i', startOffset: 8, endOffset: 11}]">
      <short-instructions>Short</short-instructions></crowd-entity-annotation>""",
    "ranking": """<crowd-form><crowd-text-ranking name="r" text="P" responses="['x','y','z']"
      ordinal-ranking-dimensions="[{name:'Clarity',allowTie:true}]"></crowd-text-ranking></crowd-form>""",
    "questions": """<crowd-form><crowd-question-answer-generation name="q" text="Owls hoot." min-questions="2"
      question-min-words="1" question-max-words="9" question-tags="['Who']" allow-custom-question-tags>
      </crowd-question-answer-generation></crowd-form>""",
    "controls": """<crowd-form><crowd-input name="a" label="Name" required></crowd-input>
      <crowd-text-area name="b" label="Story" char-counter></crowd-text-area>
      <crowd-checkbox name="c">Box</crowd-checkbox><crowd-toggle-button name="d">Switch</crowd-toggle-button>
      <crowd-radio-group><crowd-radio-button name="e">One</crowd-radio-button>
      <crowd-radio-button name="f">Two</crowd-radio-button></crowd-radio-group>
      <crowd-slider name="g" min="1" max="5" pin><crowd-slider-label position="1">bad</crowd-slider-label>
      <crowd-slider-label position="5">good</crowd-slider-label></crowd-slider>
      <crowd-slider name="h" editable></crowd-slider><label>Plain <input name="i"></label>
      <label>List <select name="j"><option>1</option></select></label></crowd-form>""",
    "furniture": """<crowd-form><crowd-alert type="warning" dismissible>Careful</crowd-alert>
      <crowd-card heading="Card">Text</crowd-card><crowd-tabs><crowd-tab header="A">a</crowd-tab>
      <crowd-tab header="B">b</crowd-tab></crowd-tabs><crowd-modal>In</crowd-modal>
      <crowd-instructions><short-summary>S</short-summary></crowd-instructions>
      <crowd-button icon="add">Add</crowd-button><crowd-button variant="link">Link</crowd-button>
      <crowd-button href="#there">There</crowd-button><crowd-button loading>Busy</crowd-button>
      <crowd-icon-button icon="search" title="Find"></crowd-icon-button><crowd-fab label="A" title="Add"></crowd-fab>
      <iron-icon icon="star"></iron-icon><crowd-badge label="new"></crowd-badge>
      <crowd-textract-analyze-document></crowd-textract-analyze-document></crowd-form>""",
    "boxes": """<crowd-form><crowd-bounding-box name="x" header="Draw" src="/picture.svg" labels="['cat', 'a long one',
      'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', 'k', 'l', 'm', 'n', 'o', 'p']"
      initial-value="[{label: 'cat', left: 9, top: 90, width: 99, height: 99}]"><short-instructions>Short
      </short-instructions></crowd-bounding-box></crowd-form>""",
    "no boxes": """<crowd-form><crowd-bounding-box name="x" src="/picture.svg" labels="['cat', 'dog']">
      </crowd-bounding-box></crowd-form>""",
    "polygons": """<crowd-form><crowd-polygon name="x" header="Draw" src="/picture.svg" labels="['cat', 'dog']"
      initial-value="[{label: 'cat', vertices: [{x: 9, y: 90}, {x: 99, y: 99}, {x: 0, y: 120}]}]"></crowd-polygon>
      </crowd-form>""",
    "mask": f"""<crowd-form><crowd-semantic-segmentation name="x" header="Paint" src="/picture.svg"
      labels="['cat', 'dog']" initial-value="{{labelMappings: {{cat: {{color: '#1f77b4'}}}},
      src: 'data:image/png;base64,{MASK}'}}"></crowd-semantic-segmentation></crowd-form>""",
    "instances": f"""<crowd-form><crowd-instance-segmentation name="x" header="Paint" src="/picture.svg"
      labels="['cat']" initial-value="{{instances: [{{label: 'cat', color: '#1f77b4'}}],
      src: 'data:image/png;base64,{MASK}'}}"></crowd-instance-segmentation></crowd-form>""",
}


def violations(task: Task) -> list[Any]:
    """What axe finds wrong on the page and in all shadow roots."""
    frame = task.page.frames[1]
    frame.evaluate(AXE.read_text())
    rules = {"resultTypes": ["violations"], "rules": {name: {"enabled": False} for name in PAGE_RULES}}
    violations = frame.evaluate("rules => axe.run(rules).then((result) => result.violations)", rules)
    return [
        (violation["id"], [node["target"] for node in violation["nodes"]], violation["nodes"][0]["failureSummary"])
        for violation in violations
    ]


PAGE_RULES = ("region", "landmark-one-main", "page-has-heading-one")
"""Rules for whole pages: the portal around the frame has main, headings and landmarks."""


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing(portal: Portal, name: str, theme: str) -> None:
    task = portal.open(PAGES[name], theme=theme)
    if MASK in PAGES[name]:
        # What is chosen has more to offer.
        task(".objects .pick").click()
    assert violations(task) == []


@pytest.mark.parametrize("name", PAGES)
def test_nothing_is_wider_than_a_phone(portal: Portal, name: str) -> None:
    portal.page.set_viewport_size({"width": 400, "height": 700})
    task = portal.open(PAGES[name], language="de")
    assert task(":root").evaluate("element => element.scrollWidth") <= 400


def test_axe_finds_nothing_in_open_dialogs_and_in_errors(portal: Portal) -> None:
    task = portal.open(PAGES["classifier"], language="de")
    task("button.link").click()
    assert violations(task) == []
    task.press("Escape")
    task.frame.get_by_role("button", name="Absenden").click()
    task.heard("invalid")
    assert violations(task) == []

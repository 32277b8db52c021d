"""Templates in all the ways in which people write them: each is rendered, worked on and submitted."""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest

from tests.frontend.conftest import SCRIPT, Portal, Task

pytestmark = pytest.mark.browser


class Case(NamedTuple):
    """A template, what a person does, and the answer that is sent.

    ``steps``: ``click``, ``fill``, ``press``, ``draw`` (a key in the picture), ``choose`` (an option) and what with;
    everything else stands in the text.
    """

    name: str
    template: str
    steps: tuple[str, ...]
    answer: dict[str, Any]


LATE = "</crowd-form><script src='/static/crowd-html-elements.js'></script>"
DOUBLE = f"{SCRIPT}{SCRIPT}"

CASES = (
    Case("nothing but the form", "<crowd-form></crowd-form>", (), {}),
    Case(
        "strict JSON in attributes",
        """<crowd-form><crowd-classifier name="c" categories='["a b", "c"]'
        header="H"></crowd-classifier></crowd-form>""",
        ("click a b",),
        {"c": {"label": "a b"}},
    ),
    Case(
        "single quotes and a trailing comma",
        """<crowd-form><crowd-classifier name="c" categories="['red', 'green',]"></crowd-classifier></crowd-form>""",
        ("click green",),
        {"c": {"label": "green"}},
    ),
    Case(
        "comments and line breaks in a list",
        """<crowd-form><crowd-classifier name="c" categories="[
          'one', // the first
          /* and */ 'two'
        ]"></crowd-classifier></crowd-form>""",
        ("press 2",),
        {"c": {"label": "two"}},
    ),
    Case(
        "entities in a list, as an escaping template engine writes them",
        """<crowd-form><crowd-classifier name="c" categories="[&quot;it&#39;s&quot;, &#34;a &amp; b&#34;]">
        </crowd-classifier></crowd-form>""",
        ("click a & b",),
        {"c": {"label": "a & b"}},
    ),
    Case(
        "numbers as categories",
        '<crowd-form><crowd-classifier name="c" categories="[0, 1, 2]"></crowd-classifier></crowd-form>',
        ("press 1",),
        {"c": {"label": "0"}},
    ),
    Case(
        "a category twice",
        """<crowd-form><crowd-classifier name="c" categories="['a', 'a', 'b']"></crowd-classifier></crowd-form>""",
        ("press 2",),
        {"c": {"label": "b"}},
    ),
    Case(
        "markup in a category stays text",
        """<crowd-form><crowd-classifier name="c" categories="['&lt;img src=x onerror=alert(1)>', 'b']">
        </crowd-classifier></crowd-form>""",
        ("press 1",),
        {"c": {"label": "<img src=x onerror=alert(1)>"}},
    ),
    Case(
        "bidi and zero-width characters in a category",
        """<crowd-form><crowd-classifier name="c" categories="['\u202eabc', 'a\u200bb', 'עברית']"></crowd-classifier>
        </crowd-form>""",
        ("press 2",),
        {"c": {"label": "a\u200bb"}},
    ),
    Case(
        "a classifier whose target has markup and a sound",
        """<crowd-form><crowd-classifier name="sound" categories="['music', 'speech']" header="What do you hear?">
        <classification-target><b>Listen</b><audio controls src="data:audio/wav;base64,UklGRg=="></audio>
        </classification-target><short-instructions><p>Listen twice</p></short-instructions>
        <full-instructions header="More"><p>All of it</p></full-instructions></crowd-classifier></crowd-form>""",
        ("click music",),
        {"sound": {"label": "music"}},
    ),
    Case(
        "a classifier with the content outside its target",
        """<crowd-form><crowd-classifier name="c" categories="['a', 'b']"><p>Loose content</p></crowd-classifier>
        </crowd-form>""",
        ("click Loose content", "click b"),
        {"c": {"label": "b"}},
    ),
    Case(
        "two classifiers, keys for the one that is worked on",
        """<crowd-form><crowd-classifier name="one" categories="['a', 'b']"></crowd-classifier>
        <crowd-classifier name="two" categories="['x', 'y']"></crowd-classifier></crowd-form>""",
        ("press 2", "click x", "press 2"),
        {"one": {"label": "b"}, "two": {"label": "y"}},
    ),
    Case(
        "two elements of one name: the last one counts",
        """<crowd-form><crowd-input name="x" value="1"></crowd-input><crowd-input name="x" value="2"></crowd-input>
        </crowd-form>""",
        (),
        {"x": "2"},
    ),
    Case(
        "several labels without an exclusion",
        """<crowd-form><crowd-classifier-multi-select name="m" categories="['a','b','c']">
        <classification-target>T</classification-target></crowd-classifier-multi-select></crowd-form>""",
        ("press 1", "press 3", "press 1", "press 2"),
        {"m": {"labels": ["b", "c"]}},
    ),
    Case(
        "several labels given at first",
        """<crowd-form><crowd-classifier-multi-select name="m" categories="['a','b','c']" initial-value="['c', 'b']">
        </crowd-classifier-multi-select></crowd-form>""",
        ("press 3", "press 3"),
        {"m": {"labels": ["b", "c"], "initialValueModified": False}},
    ),
    Case(
        "a form that closes its tags itself",
        """<crowd-form><crowd-input name="first" label="First" /><crowd-input name="second" label="Second" />
        <crowd-slider name="third" min="0" max="10" value="4" /><p>The end</p></crowd-form>""",
        ("fill First=1", "fill Second=2", "click The end"),
        {"first": "1", "second": "2", "third": 4},
    ),
    Case(
        "furniture that closes its tags itself",
        """<crowd-form><crowd-badge label="new" /><crowd-fab icon="add" title="Add" /><iron-icon icon="star" />
        <video src="data:video/mp4;base64,AAAA" />fallback</video><crowd-checkbox name="ok">Fine</crowd-checkbox>
        </crowd-form>""",
        ("click Fine",),
        {"ok": {"on": True}},
    ),
    Case(
        "a submit button that closes its tag itself",
        """<crowd-form><crowd-button form-action="submit" /><crowd-input name="x" label="After" /></crowd-form>""",
        ("fill After=y",),
        {"x": "y"},
    ),
    Case(
        "a checkbox that closes its tag itself keeps its controls apart",
        """<crowd-form><crowd-checkbox name="a" />A <input name="inside" aria-label="Inside"></crowd-form>""",
        ("click Inside", "fill Inside=z"),
        {"a": {"on": False}, "inside": "z"},
    ),
    Case(
        "plain controls alone",
        """<crowd-form><p>Look</p><label>Text <input name="text"></label><label>Date <input type="date"
        name="day"></label>
        <label>Number <input type="number" name="n"></label><input type="hidden" name="id" value="7">
        <label>Long <textarea name="long"></textarea></label><label>One <select name="one"><option value="">-</option>
        <option value="b">B</option></select></label><label>Mail <input type="email"
        name="mail"></label></crowd-form>""",
        ("fill Text=t", "fill Date=2026-11-26", "fill Number=3", "fill Long=l", "choose One=b"),
        {"text": "t", "day": "2026-11-26", "n": "3", "id": "7", "long": "l", "one": "b"},
    ),
    Case(
        "plain radio buttons",
        """<crowd-form><label><input type="radio" name="r" value="yes" required>Yes</label>
        <label><input type="radio" name="r" value="no">No</label></crowd-form>""",
        ("click No",),
        {"r": {"yes": False, "no": True}},
    ),
    Case(
        "plain checkboxes of one name",
        """<crowd-form><label><input type="checkbox" name="k" value="a">A</label>
        <label><input type="checkbox" name="k" value="b" checked>B</label><label><input type="checkbox"
        name="s">S</label>
        </crowd-form>""",
        ("click A",),
        {"k": {"a": True, "b": True}, "s": {"on": False}},
    ),
    Case(
        "a list of which several may be chosen",
        """<crowd-form><label>Many <select multiple
        name="m"><option>a</option><option>b</option><option selected>c</option>
        </select></label></crowd-form>""",
        ("choose Many=b",),
        {"m": {"a": False, "b": True, "c": False}},
    ),
    Case(
        "controls without a name, and buttons, are no answer",
        """<crowd-form><label>Free <input></label><button type="button" name="b" value="1">B</button>
        <input type="button" name="c" value="2"><input name="kept" value="3"></crowd-form>""",
        ("fill Free=x",),
        {"kept": "3"},
    ),
    Case(
        "disabled controls are no answer",
        """<crowd-form><input name="a" value="1" disabled><fieldset disabled><input name="b" value="2">
        <crowd-input name="c" value="3"></crowd-input></fieldset><crowd-checkbox name="d" disabled>D</crowd-checkbox>
        <crowd-input name="e" value="5"></crowd-input></crowd-form>""",
        (),
        {"e": "5"},
    ),
    Case(
        "a form in the form",
        """<crowd-form><form><label>In <input name="in"></label></form><input name="out" value="1"></crowd-form>""",
        ("fill In=2",),
        {"in": "2", "out": "1"},
    ),
    Case(
        "a pattern of a plain field",
        """<crowd-form><label>Code <input name="code" pattern="[0-9]+" required></label></crowd-form>""",
        ("fill Code=x", "wrong", "fill Code=12"),
        {"code": "12"},
    ),
    Case(
        "instructions directly in the form",
        """<crowd-form><short-instructions>Be brief</short-instructions><full-instructions header="All"><p>Much</p>
        </full-instructions><label>Say <input name="say"></label></crowd-form>""",
        ("click Be brief", "fill Say=hi"),
        {"say": "hi"},
    ),
    Case(
        "controls inside the instructions",
        """<crowd-form><crowd-classifier name="c" categories="['a']"><short-instructions>
        <crowd-input name="note" label="Note"></crowd-input></short-instructions></crowd-classifier></crowd-form>""",
        ("fill Note=n", "click a"),
        {"c": {"label": "a"}, "note": "n"},
    ),
    Case(
        "boolean attributes with values",
        """<crowd-form><crowd-slider name="s" min="1" max="3" step="1" pin="true" required="true"></crowd-slider>
        <crowd-checkbox name="c" checked="checked" required="">C</crowd-checkbox></crowd-form>""",
        ("press Tab", "press ArrowRight"),
        {"s": 2, "c": {"on": True}},
    ),
    Case(
        "attributes without quotes",
        "<crowd-form><crowd-input name=x label=Name max-length=3></crowd-input></crowd-form>",
        ("fill Name=abc",),
        {"x": "abc"},
    ),
    Case(
        "a slider with halves, editable",
        """<crowd-form><crowd-slider name="s" min="0" max="1" step="0.25"
        value="0.5" editable></crowd-slider></crowd-form>""",
        ("press Tab", "press ArrowRight"),
        {"s": 0.75},
    ),
    Case(
        "radio buttons of other names in one group",
        """<crowd-form><crowd-radio-group><crowd-radio-button name="a" value="a" checked>A</crowd-radio-button>
        <div><crowd-radio-button name="b" value="b">B</crowd-radio-button></div></crowd-radio-group></crowd-form>""",
        ("click B",),
        {"a": {"a": False}, "b": {"b": True}},
    ),
    Case(
        "radio buttons of one name in a group",
        """<crowd-form><crowd-radio-group><crowd-radio-button name="r" value="a">A</crowd-radio-button>
        <crowd-radio-button name="r" value="b">B</crowd-radio-button></crowd-radio-group></crowd-form>""",
        ("click A",),
        {"r": {"a": True, "b": False}},
    ),
    Case(
        "cards, tabs and a modal around controls",
        """<crowd-form><crowd-card heading="Card"><crowd-input name="a" label="A field"></crowd-input></crowd-card>
        <crowd-tabs><crowd-tab header="One">first</crowd-tab><crowd-tab header="Two">
        <crowd-input name="b" label="B field" required></crowd-input></crowd-tab></crowd-tabs>
        <crowd-modal link-text="Open me" link-type="button"><crowd-input name="c"
        label="C field"></crowd-input></crowd-modal>
        </crowd-form>""",
        ("fill A field=1", "wrong", "fill B field=2", "click Open me", "fill C field=3", "click Close"),
        {"a": "1", "b": "2", "c": "3"},
    ),
    Case(
        "instructions in their own element",
        """<crowd-form><crowd-instructions link-text="How to" link-type="button"><short-summary>Short</short-summary>
        <detailed-instructions>Detail</detailed-instructions><positive-example>Right</positive-example>
        <negative-example>Wrong</negative-example></crowd-instructions><input name="x" value="1"></crowd-form>""",
        ("click How to", "click Short", "click Examples", "click Right", "click Wrong", "click Close"),
        {"x": "1"},
    ),
    Case(
        "a button with an icon and one for a reset",
        """<crowd-form><label>X <input name="x" value="old"></label><crowd-button icon="refresh"
        form-action="reset">Again
        </crowd-button><crowd-icon-button icon="search" title="Find"></crowd-icon-button></crowd-form>""",
        ("fill X=new", "click Again"),
        {"x": "old"},
    ),
    Case(
        "the script's tag after the form",
        "<crowd-form><crowd-input name='x' label='X'></crowd-input>"
        "<crowd-classifier name='c' categories=\"['a']\"><classification-target>T</classification-target>"
        f"<short-instructions>S</short-instructions></crowd-classifier>{LATE}",
        ("fill X=1", "click a", "click T"),
        {"x": "1", "c": {"label": "a"}},
    ),
    Case(
        "the script's tag twice, and the style sheet",
        '<link rel="stylesheet" href="/static/crowd-html-elements.css">'
        f'{DOUBLE}<crowd-form><crowd-input name="x" label="X"></crowd-input></crowd-form>',
        ("fill X=1",),
        {"x": "1"},
    ),
    Case(
        "a whole document",
        f"""<!doctype html><html><head><meta charset="utf-8"><title>T</title>{SCRIPT}</head><body><crowd-form id="f">
        <crowd-input name="x" label="X"></crowd-input></crowd-form></body></html>""",
        ("fill X=1",),
        {"x": "1"},
    ),
    Case(
        "a script that makes the options and writes the answer",
        """<crowd-form><div id="options"></div><input type="hidden" name="picked" id="picked"></crowd-form><script>
        ["north", "south"].forEach((name) => {
          const button = document.createElement("button");
          button.type = "button"; button.textContent = name;
          button.onclick = () => { picked.value = name; };
          options.appendChild(button);
        });</script>""",
        ("click south",),
        {"picked": "south"},
    ),
    Case(
        "a card that a script puts inside a classifier",
        """<crowd-form><crowd-classifier name="c" categories="['a', 'b']"></crowd-classifier>
        <more-answers></more-answers></crowd-form><script>
        document.addEventListener("all-crowd-elements-ready", () => {
          const classifier = document.querySelector("crowd-classifier");
          const place = classifier.shadowRoot.querySelector(".annotation-area .category-picker-wrapper");
          const card = document.createElement("crowd-card");
          place.insertAdjacentElement("afterend", card);
          classifier.addEventListener("change", (event) => {
            card.textContent = "About " + event.target.value;
            document.querySelector("more-answers").innerHTML =
              '<input type="hidden" name="about" value="' + event.target.value + '">';
          });
        });</script>""",
        ("click b", "click About b"),
        {"c": {"label": "b"}, "about": "b"},
    ),
    Case(
        "a script that widens the instructions",
        """<crowd-form><crowd-classifier-multi-select name="m"
        categories="['a']"><short-instructions>S</short-instructions>
        <full-instructions header="F">F</full-instructions></crowd-classifier-multi-select></crowd-form><script>
        document.addEventListener("all-crowd-elements-ready", () => {
          const root = document.querySelector("crowd-classifier-multi-select").shadowRoot;
          root.querySelector(".awsui-app-layout__navigation").style.width = "400px";
          root.querySelector(".awsui-modal-dialog").style.maxWidth = "90%";
        });</script>""",
        ("click a",),
        {"m": {"labels": ["a"]}},
    ),
    Case(
        "a handler that adds to the answer before it is sent",
        """<crowd-form><crowd-classifier name="c" id="c" categories="['a']"></crowd-classifier>
        <input type="hidden" name="copy" id="copy"></crowd-form><script>
        document.querySelector("crowd-form").onsubmit = function () {
          copy.value = JSON.stringify(c._submittableValue || c.value);
        };</script>""",
        ("click a",),
        {"c": {"label": "a"}, "copy": '{"label":"a"}'},
    ),
    Case(
        "a listener for the form's submission, and one on the document",
        """<crowd-form><input type="hidden" name="n" id="n" value=""></crowd-form><script>
        document.querySelector("crowd-form").addEventListener("submit", () => { n.value += "f"; });
        document.addEventListener("submit", () => { n.value += "d"; });</script>""",
        (),
        {"n": "fd"},
    ),
    Case(
        "ranks with names that need care",
        """<crowd-form><crowd-text-ranking name="r" text='A "prompt" with <b>' responses='["x<y", "it&#39;s"]'
        ordinal-ranking-dimensions='[{"name":"Tone &amp; style","allowTie":true}]'></crowd-text-ranking>
        </crowd-form>""",
        ("click @Tone & style: rank of response 1/2", "click @Tone & style: rank of response 2/1"),
        {"ordinalRankingDimensions": [{"name": "Tone & style", "responseRankings": [2, 1]}]},
    ),
    Case(
        "passages of a text that holds markup",
        """<crowd-entity-annotation name="e" labels="[{label: 'tag'}]" text="a &lt;b&gt; &amp;amp; c">
        </crowd-entity-annotation>""",
        ("press Tab", "press Tab", "press ArrowRight", "press ArrowRight", "press 1"),
        {"e": {"entities": [{"label": "tag", "startOffset": 3, "endOffset": 4}]}},
    ),
    Case(
        "an alert, a toast, a frame and a film",
        """<crowd-form><crowd-alert type="success" dismissible>Well done</crowd-alert><crowd-toast text="Hi" opened
        duration="60000"></crowd-toast><iframe title="F" src="data:text/html,inside"></iframe>
        <video controls></video><input name="x" value="1"></crowd-form>""",
        ("click Dismiss",),
        {"x": "1"},
    ),
    Case(
        "an unknown element around controls",
        """<crowd-form><my-layout><crowd-input name="x" label="X"></crowd-input></my-layout></crowd-form>""",
        ("fill X=1",),
        {"x": "1"},
    ),
    Case(
        "boxes to adjust, as an escaping template engine binds them",
        """<crowd-form><crowd-bounding-box name="boundingBox" src="/picture.svg" header="Adjust"
        labels="[&#34;cat&#34;, &#34;dog&#34;]"
        initial-value="[{&quot;label&quot;: &quot;cat&quot;, &quot;left&quot;: 10, &quot;top&quot;: 20,
        &quot;width&quot;: 30, &quot;height&quot;: 40},]">
        <full-instructions header="F"><p>All</p></full-instructions><short-instructions>S</short-instructions>
        </crowd-bounding-box></crowd-form>""",
        ("draw ]", "draw ArrowRight", "draw 2"),
        {
            "boundingBox": {
                "boundingBoxes": [{"label": "dog", "left": 11, "top": 20, "width": 30, "height": 40}],
                "inputImageProperties": {"width": 400, "height": 300},
                "initialValueModified": True,
            }
        },
    ),
    Case(
        "points and a question beside each other",
        """<crowd-form><crowd-keypoint name="k" src="/picture.svg" labels="['eye', 'nose',]"></crowd-keypoint>
        <crowd-input name="why" label="Why?"></crowd-input></crowd-form>""",
        ("draw 1", "draw Space", "fill Why?=sure"),
        {
            "k": {
                "keypoints": [{"label": "eye", "x": 200, "y": 150}],
                "inputImageProperties": {"width": 400, "height": 300},
            },
            "why": "sure",
        },
    ),
    Case(
        "lines in the form of Amazon's page, with colours for some labels",
        """<crowd-form><crowd-line name="l" src="/picture.svg" labels="['wall', 'floor']" label-colors="['#1f77b4']"
        initial-value="{lines: [{label: 'wall', vertices: [{x: 1, y: 2}, {x: 30, y: 40}]}]}"></crowd-line>
        </crowd-form>""",
        (),
        {
            "l": {
                "lines": [{"label": "wall", "vertices": [{"x": 1, "y": 2}, {"x": 30, "y": 40}]}],
                "inputImageProperties": {"width": 400, "height": 300},
                "initialValueModified": False,
            }
        },
    ),
    Case(
        "a script that reads what is drawn before it is sent, and one that names the labels",
        """<crowd-form><crowd-polygon name="p" id="p" src="/picture.svg"></crowd-polygon>
        <input type="hidden" name="count" id="count"></crowd-form><script>
        document.addEventListener("all-crowd-elements-ready", () => {
          p.labels = ["leaf", "stem"];
          p.shadowRoot.querySelector("canvas.upper-canvas").style.outline = "1px solid";
        });
        document.querySelector("crowd-form").onsubmit = () => {
          count.value = (p.value || p._submittableValue).polygons.length;
        };</script>""",
        (
            "draw 2",
            "draw Space",
            "draw Shift+ArrowRight",
            "draw Space",
            "draw Shift+ArrowDown",
            "draw Space",
            "draw Enter",
            "portal",
        ),
        {
            "p": {
                "polygons": [
                    {"label": "stem", "vertices": [{"x": 200, "y": 150}, {"x": 229, "y": 150}, {"x": 229, "y": 179}]}
                ],
                "inputImageProperties": {"width": 400, "height": 300},
            },
            "count": "1",
        },
    ),
    Case("a page of controls without a form", "<label>X <input name='x'></label>", ("fill X=1", "portal"), {"x": "1"}),
)


def take(task: Task, step: str) -> None:
    """Do what a step says."""
    verb, _, what = step.partition(" ")
    if verb == "fill":
        label, _, value = what.partition("=")
        task.frame.get_by_label(label, exact=True).fill(value)
    elif verb == "choose":
        label, _, value = what.partition("=")
        task.frame.get_by_label(label).select_option(value)
    elif verb == "press":
        task("body").evaluate("() => window.focus()")
        task.press(what)
    elif verb == "draw":
        task("img.subject[style*=transform]").wait_for(state="attached")
        task(".stage").focus()
        task.press(what)
    elif verb == "wrong":
        task.refused()
    elif verb == "portal":
        task.say("submit")
    elif what.startswith("@"):
        group, _, text = what[1:].rpartition("/")
        task.frame.get_by_role("group", name=group).get_by_text(text, exact=True).click()
    else:
        labeled = task.frame.get_by_label(what, exact=True)
        target = labeled if what == "Inside" else task.frame.get_by_text(what, exact=True)
        target.first.click()


@pytest.mark.parametrize("case", CASES, ids=[case.name.replace(" ", "-") for case in CASES])
def test_a_template_is_worked_on_and_submitted(portal: Portal, case: Case) -> None:
    own = "crowd-html-elements.js" in case.template
    task = portal.open(case.template, **({"script": ""} if own else {}))
    for step in case.steps:
        take(task, step)
    if "portal" not in case.steps:
        assert task.submit() == case.answer
    assert task.heard("submit")["answer"] == case.answer


def test_there_are_enough_templates() -> None:
    assert len(CASES) >= 40

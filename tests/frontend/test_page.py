"""The page as a whole: what scripts of templates rely on, drafts, undo, keys, links, files that don't load."""

from __future__ import annotations

import json
from typing import Any

import pytest

from dev.stack import wait_until
from tests.frontend.conftest import PICTURE, SCRIPT, Portal, Task

pytestmark = pytest.mark.browser

TEXT = "element => element.shadowRoot.textContent"
FORM = """<crowd-form><crowd-classifier name="animal" categories="['cat', 'dog']"></crowd-classifier>
<crowd-input name="note" label="Note"></crowd-input><crowd-checkbox name="sure">Sure</crowd-checkbox>
<select name="size"><option>S</option><option>M</option></select><input type="radio" name="way" value="in"> In
<textarea name="more"></textarea></crowd-form>"""
FULL = {
    "animal": {"label": "dog"},
    "note": "tail",
    "sure": {"on": True},
    "size": "M",
    "way": {"in": True},
    "more": "a\nb",
}
EMPTY = {"animal": {}, "sure": {"on": False}, "size": "S", "way": {"in": False}}


def fill(task: Task) -> None:
    task("text=dog").click()
    task.frame.get_by_label("Note").fill("tail")
    task("text=Sure").click()
    task("select").select_option("M")
    task("input[name=way]").check()
    task("crowd-form > textarea").fill("a\nb")


def test_the_page_says_when_it_is_ready_once(portal: Portal) -> None:
    script = """<script>document.addEventListener("all-crowd-elements-ready", () => {
      window.n = (window.n || 0) + 1;
      const root = document.querySelector("crowd-classifier").shadowRoot;
      window.has = root.querySelector(".annotation-area .category-picker-wrapper") !== null;
    });</script>"""
    task = portal.open(script + FORM)
    assert (task.evaluate("window.n"), task.evaluate("window.has")) == (1, True)
    assert len(task.all_heard("ready")) == 1
    ready = task.heard("ready")
    assert ready["elements"] == ["crowd-checkbox", "crowd-classifier", "crowd-form", "crowd-input"]


def test_work_comes_back_from_a_draft(portal: Portal) -> None:
    task = portal.open(FORM)
    fill(task)
    draft = task.changed(FULL)["draft"]
    task = portal.open(FORM, draft=draft)
    task.changed(FULL)
    assert task("crowd-input input").input_value() == "tail"
    assert task.submit() == FULL


def test_drafts_of_all_further_elements(portal: Portal) -> None:
    template = """<crowd-form>
    <crowd-classifier-multi-select name=several categories="['a','b']"></crowd-classifier-multi-select>
    <crowd-image-classifier name=image src=/picture.svg categories="['x','y']"><worker-comment></worker-comment>
    </crowd-image-classifier>
    <crowd-text-ranking name=r responses="['p','q']" ordinal-ranking-dimensions="[{name:'D',allowTie:true}]">
    </crowd-text-ranking>
    <crowd-question-answer-generation name=qa text="Some text"></crowd-question-answer-generation>
    <crowd-entity-annotation name=ner text="Ada and Bob" labels="['n']"></crowd-entity-annotation>
    <crowd-text-area name=area label=Area></crowd-text-area><crowd-slider name=slider></crowd-slider>
    <crowd-toggle-button name=toggle>T</crowd-toggle-button>
    <crowd-radio-group><crowd-radio-button name=one>1</crowd-radio-button></crowd-radio-group></crowd-form>"""
    task = portal.open(template)
    task('span:text-is("b")').click()
    task('span:text-is("y")').click()
    task("text=Add a comment").click()
    task("crowd-image-classifier textarea").fill("why")
    for box in task("crowd-text-ranking input").all()[:2]:
        box.check()
    task("crowd-text-ranking input").nth(3).check()
    for number, field in enumerate(task("crowd-question-answer-generation textarea").all()):
        field.fill(f"words {number}")
    task("crowd-entity-annotation .text").focus()
    task.press("ArrowRight")
    task.frame.get_by_role("button", name="n", exact=True).click()
    task("crowd-text-area textarea").fill("written")
    task("crowd-slider input").fill("7")
    task("crowd-toggle-button input").check()
    task("crowd-radio-button input").check()
    answer = task.submit()
    assert answer["qa"]["questionAnswerPairs"] == [{"question": "words 0", "answer": "words 1", "textReferences": []}]
    assert answer["ner"] == {"entities": [{"label": "n", "startOffset": 0, "endOffset": 3}]}
    draft = task.heard("submit")["draft"]
    assert portal.open(template, draft=draft).submit() == answer


def test_what_is_dictated_just_after_a_choice_is_a_step_of_its_own(portal: Portal) -> None:
    task = portal.open(FORM)
    task("text=dog").click()
    task.changed({**EMPTY, "animal": {"label": "dog"}})
    # All in one go, as when the page is slow.
    task.evaluate("""(() => {
      document.querySelector("input[name=way]").click();
      const field = document.querySelector("textarea");
      field.focus();
      // No script's edit is announced, as a person's is.
      field.dispatchEvent(new InputEvent("beforeinput", {bubbles: true}));
      document.execCommand("insertText", false, "a");
    })()""")
    chosen = {**EMPTY, "animal": {"label": "dog"}, "way": {"in": True}}
    task.changed({**chosen, "more": "a"})
    task.say("undo")
    task.changed(chosen)


def test_steps_back_and_forth(portal: Portal) -> None:
    task = portal.open(FORM)
    fill(task)
    task.changed(FULL)
    states = [FULL]
    for key in ("more", "way", "size", "sure", "note", "animal"):
        states.append(
            {field: value for field, value in {**states[-1], key: EMPTY.get(key)}.items() if value is not None}
        )
        task.say("undo")
        task.changed(states[-1])
    assert states[-1] == EMPTY
    task.say("undo")
    for state in reversed(states[:-1]):
        task.say("redo")
        task.changed(state)
    task("text=dog").click()
    task.press("Control+z")
    task.changed(states[1])
    task.press("Control+Shift+z")
    task.changed(FULL)


def test_a_change_after_a_step_back_ends_the_old_future(portal: Portal) -> None:
    task = portal.open(FORM)
    task("text=dog").click()
    task.changed({**EMPTY, "animal": {"label": "dog"}})
    task.say("undo")
    task.changed(EMPTY)
    task("text=cat").click()
    task.changed({**EMPTY, "animal": {"label": "cat"}})
    task.say("redo")
    task.say("undo")
    # Not to the dog: that future is over.
    task.changed(EMPTY)
    task.say("redo")
    task.changed({**EMPTY, "animal": {"label": "cat"}})


def test_a_refused_answer_can_be_sent_again(portal: Portal) -> None:
    task = portal.open(FORM)
    task("text=dog").click()
    task.submit()
    assert task("footer button").is_disabled()
    task.say("refused", message="time is over")
    task("text=The answer was not accepted: time is over").wait_for()
    task("text=Sure").click()
    assert task.submit() == {**EMPTY, "animal": {"label": "dog"}, "sure": {"on": True}}


def test_nothing_is_told_after_the_answer(portal: Portal) -> None:
    task = portal.open(FORM)
    task("text=dog").click()
    task.frame.get_by_label("Note").click()
    task.page.keyboard.type("quick")
    task.press("Control+Enter")
    assert task.heard("submit")["answer"]["note"] == "quick"
    changes = len(task.all_heard("change"))
    task.page.keyboard.type("er")
    task("text=cat").click()
    task.page.wait_for_timeout(400)
    assert len(task.all_heard("change")) == changes
    task.say("refused", message="not now")
    task.changed({**EMPTY, "note": "quicker", "animal": {"label": "cat"}})


def test_scripts_may_set_answers(portal: Portal) -> None:
    template = """<crowd-form><crowd-classifier name="c" id="c" categories="['a', 'b']"></crowd-classifier>
    <crowd-classifier-multi-select name="m" id="m" categories="['a', 'b']"></crowd-classifier-multi-select>
    <crowd-entity-annotation name="e" id="e" labels="['p']" text="Ada"></crowd-entity-annotation>
    <crowd-text-ranking name="r" id="r" responses="['x', 'y']" ordinal-ranking-dimensions="['D']"></crowd-text-ranking>
    <crowd-question-answer-generation name="q" id="q" text="Ada"></crowd-question-answer-generation></crowd-form>
    <script>document.addEventListener("all-crowd-elements-ready", () => {
      c.value = "b"; m.value = ["a", "z"];
      e.value = {entities: [{label: "p", startOffset: 0, endOffset: 3}]};
      r.value = {ordinalRankingDimensions: [{name: "D", responseRankings: [2, 1]}]};
      q.value = {questionAnswerPairs: [{question: "Who?", answer: "Ada", textReferences: [
        {startOffset: 0, endOffset: 3}]}]};
    });</script>"""
    assert portal.open(template).submit() == {
        "c": {"label": "b"},
        "m": {"labels": ["a"]},
        "e": {"entities": [{"label": "p", "startOffset": 0, "endOffset": 3}]},
        "ordinalRankingDimensions": [{"name": "D", "responseRankings": [2, 1]}],
        "q": {
            "questionAnswerPairs": [
                {
                    "question": "Who?",
                    "answer": "Ada",
                    "textReferences": [{"startOffset": 0, "endOffset": 3, "text": "Ada"}],
                }
            ]
        },
    }


def test_the_portal_submits_and_hears_what_is_wrong(portal: Portal) -> None:
    task = portal.open(FORM, language="de-AT")
    task.say("submit")
    assert task.heard("invalid")["message"] == "Wählen Sie ein Label."
    assert task("footer button").inner_text() == "Absenden"
    task.press("2")
    task.say("submit")
    assert task.heard("submit")["answer"]["animal"] == {"label": "dog"}


def test_keys_that_nobody_needs_go_to_the_portal(portal: Portal) -> None:
    task = portal.open(FORM)
    task("crowd-input input").click()
    task.press("x", "Control+ArrowRight")
    assert task.heard("key")["key"] == "ArrowRight"
    assert [pressed["key"] for pressed in task.all_heard("key")] == ["ArrowRight"]
    task("crowd-classifier").evaluate("element => element.focus()")
    task.press("?")
    assert task.heard("key", 2) == {
        "type": "key", "key": "?", "code": task.heard("key", 2)["code"], "ctrlKey": False, "altKey": False,
        "shiftKey": False, "metaKey": False,
    }  # fmt: skip
    assert task.all_heard("activity")


def test_a_handler_of_the_form_can_stop_and_change_the_answer(portal: Portal) -> None:
    template = """<crowd-form><input type="hidden" name="count" id="count"><p id="errorBox"></p></crowd-form>
    <script>
      var tries = 0;
      document.querySelector("crowd-form").onsubmit = function (event) {
        tries += 1;
        count.value = String(tries);
        if (tries < 2) {
          event.preventDefault();
          errorBox.innerHTML = '<crowd-alert type="error" dismissible>Once more</crowd-alert>';
        }
      };
    </script>"""
    task = portal.open(template)
    task("text=Submit").click()
    task("text=Once more").wait_for()
    assert not task.all_heard("submit")
    task("text=Dismiss").click()
    task("text=Once more").wait_for(state="hidden")
    assert task.submit() == {"count": "2"}


def test_scripts_send_the_form_without_asking_its_handler(portal: Portal) -> None:
    template = """<crowd-form><crowd-input name="x" required></crowd-input></crowd-form>
    <button onclick="document.querySelector('crowd-form').submit()">Go</button>
    <script>document.querySelector("crowd-form").onsubmit = (event) => event.preventDefault();</script>"""
    task = portal.open(template)
    task("text=Go").click()
    assert task.heard("invalid")
    task("crowd-input input").fill("1")
    task("text=Go").click()
    assert task.heard("submit")["answer"] == {"x": "1"}


def test_native_buttons_submit_and_reset(portal: Portal) -> None:
    template = """<crowd-form><input name="x" value="a" required><crowd-input name="y" value="b"></crowd-input>
    <crowd-checkbox name="z" checked>Z</crowd-checkbox><button>Send</button><button type="reset">Back</button>
    <crowd-button form-action="reset">Also back</crowd-button></crowd-form>"""
    whole = {"x": "a", "y": "b", "z": {"on": True}}
    for button in ("text=Back", "text=Also back"):
        task = portal.open(template)
        task("input[name=x]").fill("")
        task("crowd-input input").fill("")
        task("text=Z").click()
        task.changed({"z": {"on": False}})
        task("text=Send").click()
        task.heard("invalid")
        task(button).first.click()
        task.changed(whole)
        task("text=Send").click()
        assert task.heard("submit")["answer"] == whole


def test_a_crowd_button_takes_the_place_of_the_forms_own(portal: Portal) -> None:
    template = """<crowd-form><crowd-button form-action="submit" variant="primary" disabled id="go">Done</crowd-button>
    </crowd-form>"""
    task = portal.open(template)
    assert task("button").count() == 1
    task("text=Done").click(force=True)
    task.evaluate("{ go.disabled = false; go.loading = true }")
    task("text=Done").click(force=True)
    task.evaluate("{ go.loading = false }")
    assert not task.all_heard("submit")
    task("text=Done").click()
    assert task.heard("submit")["answer"] == {}


def test_the_keyboard_submits_a_field_as_in_any_form(portal: Portal) -> None:
    task = portal.open("<crowd-form><input name=x><button>Go</button></crowd-form>")
    task("input").fill("1")
    task.press("Enter")
    assert task.heard("submit")["answer"] == {"x": "1"}


def test_values_that_scripts_set_before_and_after(portal: Portal) -> None:
    template = """<crowd-form><crowd-input name="a" id="a" value="old"></crowd-input><crowd-slider name="s" id="s">
    </crowd-slider><crowd-checkbox name="c" id="c">C</crowd-checkbox></crowd-form>
    <script>a.value = "new"; s.value = 30; c.checked = true; window.seen = [];
    s.onchange = (event) => window.seen.push(event.target.value);</script>"""
    for script in ("", '<script src="/static/crowd-html-elements.js"></script>'):
        # The tag may stand after what it defines.
        task = portal.open(template + script, **({"script": ""} if script else {}))
        assert task.evaluate("[a.value, s.value, c.checked]") == ["new", 30, True]
        task("crowd-slider input").focus()
        task.press("ArrowRight")
        assert task.evaluate("window.seen") == [31]
        task.evaluate("{ a.value = null; c.disabled = true }")
        assert task.submit() == {"s": 31}


def test_categories_and_labels_that_scripts_set(portal: Portal) -> None:
    template = """<crowd-form><crowd-classifier name="c" id="c" categories="['x']"></crowd-classifier>
    <crowd-entity-annotation name="e" id="e" labels="['p']" text="Ada"></crowd-entity-annotation></crowd-form>
    <script>window.seen = [];
    document.addEventListener("all-crowd-elements-ready", () => {
      c.categories = ["red", "green"];
      c.addEventListener("change", (event) => window.seen.push(event.target.value));
      e.labels.push("q");
      e.labels = e.labels.concat(["r"]);
    });</script>"""
    task = portal.open(template)
    task("text=green").click()
    assert task.evaluate("[window.seen, c.value, e.labels, Array.isArray(e.labels)]") == [
        ["green"], "green", ["p", "q", "r"], True,
    ]  # fmt: skip
    task("crowd-entity-annotation .text").focus()
    task.press("ArrowRight", "3")
    wanted = [{"label": "r", "startOffset": 0, "endOffset": 3}]
    assert wait_until(lambda: task.evaluate("e.value.entities") == wanted, 5, "a mark", pause=0.02)
    assert task.evaluate("e._submittableValue.entities") == wanted
    assert task.submit() == {"c": {"label": "green"}, "e": {"entities": wanted}}


def test_elements_made_later(portal: Portal) -> None:
    template = """<crowd-form><div id="box"></div></crowd-form><script>
    document.addEventListener("all-crowd-elements-ready", () => {
      box.innerHTML = '<crowd-input name="late" required></crowd-input><input name="plain" value="1">' +
        '<crowd-classifier name="c" categories="[1, 2]"><classification-target>Which?</classification-target>';
    });</script>"""
    task = portal.open(template)
    assert task("text=Which?").is_visible()
    assert "Fill in" in task.refused()
    task("crowd-input input").fill("here")
    task('label:has-text("2")').last.click()
    assert task.submit() == {"late": "here", "plain": "1", "c": {"label": "2"}}


def test_instructions_are_beside_the_work_and_in_full_behind_a_link(portal: Portal) -> None:
    template = """<crowd-form><crowd-classifier name="c" categories="['a']">
    <short-instructions>Be kind</short-instructions>
    <full-instructions header="In full"><p>Long words</p></full-instructions></crowd-classifier></crowd-form>"""
    task = portal.open(template)
    assert task("text=Be kind").is_visible()
    assert not task("text=Long words").is_visible()
    task("text=More instructions").click()
    assert task("text=Long words").is_visible()
    assert task("dialog h2").inner_text() == "In full"
    task.press("Escape")
    assert not task("text=Long words").is_visible()
    task.page.set_viewport_size({"width": 400, "height": 700})
    task = portal.open(template)
    assert not task("text=Be kind").is_visible()
    task("summary").tap()
    assert task("text=Be kind").is_visible()


def test_a_picture_that_fails_gets_a_fresh_link(portal: Portal) -> None:
    task = portal.open("<crowd-form><img src='/gone.svg?1'></crowd-form>", wait=False)
    assert task.heard("refresh")["url"] == f"{portal.origin}/gone.svg?1"
    assert len([path for path in portal.asked if path.startswith("/gone")]) == 3
    task.say("link", url=f"{portal.origin}/gone.svg?1", fresh=f"{portal.origin}/picture.svg")
    wait_until(lambda: task("img").evaluate("element => element.naturalWidth") == 400, 5, "the picture", pause=0.02)
    assert not task.all_heard("trouble")


def test_a_label_leaves_the_direction_of_a_sentence_as_it_is(portal: Portal) -> None:
    labels = json.dumps(["x\u202ey\u2069", "plain"])
    task = portal.open(
        f"<crowd-form><crowd-bounding-box labels='{labels}' name=c src='/picture.svg'></crowd-bounding-box>"
    )
    for place, name in enumerate(("\u2068x\u202ey\u2069", "plain")):
        task("button[aria-pressed]:has(span[dir])").nth(place).click()
        wait_until(lambda: f"What you draw becomes {name}." in task("crowd-bounding-box").evaluate(TEXT), 5, name, 0.02)  # noqa: B023


@pytest.mark.parametrize("element", ["image-classifier categories", "bounding-box labels"])
def test_a_picture_that_is_too_large_is_not_shown_but_reported(portal: Portal, element: str) -> None:
    wall = b'<svg xmlns="http://www.w3.org/2000/svg" width="20000" height="6000"/>'
    portal.files["/wall.svg"] = ("image/svg+xml", wall)
    name = element.split()[0]
    task = portal.open(f"<crowd-form><crowd-{element}='[\"a\"]' name=c src='/wall.svg'></crowd-{name}></crowd-form>")
    message = "The picture has 20000 × 6000 pixels; more than 100 million can't be labeled."
    assert task.heard("trouble") == {"type": "trouble", "message": message, "url": f"{portal.origin}/wall.svg"}
    task("text=This picture is too large to be labeled").wait_for()
    assert task("img.subject").get_attribute("src") is None


def test_a_picture_that_can_not_be_had_is_reported_and_tried_again_on_demand(portal: Portal) -> None:
    task = portal.open(
        "<crowd-form><crowd-image-classifier name=c src='/late.svg' categories=\"['a']\"></crowd-image-classifier>"
    )
    url = task.heard("refresh")["url"]
    task("text=The file could not be loaded. Trying again").wait_for()
    task.say("link", url=url, fresh=None)
    assert task.heard("trouble") == {"type": "trouble", "message": "The file can't be loaded.", "url": url}
    portal.files["/late.svg"] = ("image/svg+xml", PICTURE.encode())
    task("text=Try again").click()
    wait_until(lambda: task("img").evaluate("element => element.naturalWidth") == 400, 5, "the picture", pause=0.02)
    task("text=Try again").wait_for(state="hidden")
    task.press("1")
    assert task.submit() == {"c": {"label": "a"}}


def test_a_picture_that_fails_twice_at_a_time_is_not_given_up_before_its_fresh_link_comes(portal: Portal) -> None:
    task = portal.open(
        "<crowd-form><crowd-image-classifier name=c src='/absent.svg' categories=\"['a']\"></crowd-image-classifier>"
    )
    task("text=The file could not be loaded. Trying again").wait_for()
    for _ in range(5):
        task("img").evaluate("element => element.dispatchEvent(new Event('error'))")
    url = task.heard("refresh")["url"]
    task("img").evaluate("element => element.dispatchEvent(new Event('error'))")
    assert not task.all_heard("trouble")
    assert task("text=The file could not be loaded. Trying again").is_visible()
    portal.files["/fresh.svg"] = ("image/svg+xml", PICTURE.encode())
    task.say("link", url=url, fresh=f"{portal.origin}/fresh.svg")
    wait_until(lambda: task("img").evaluate("element => element.naturalWidth") == 400, 5, "the picture", pause=0.02)
    task("text=The file could not be loaded. Trying again").wait_for(state="hidden")


def test_work_that_is_too_big_for_a_draft_is_told_and_submitted(portal: Portal) -> None:
    messages = "heard.filter(({type}) => type === %r)"
    for length, keeps in ((3_900_000, True), (4_100_000, False)):
        task = portal.open("<crowd-form><textarea name=x></textarea></crowd-form>")
        task("textarea").evaluate("(element, length) => { element.value = 'x'.repeat(length) }", length)
        task.frame.get_by_role("button", name="Submit").click()
        task.page.wait_for_function(f"{messages % 'submit'}[0]?.answer.x.length === {length}")
        assert task.page.evaluate(f"{messages % 'submit'}[0].draft !== null") == keeps
        assert (task.page.evaluate(f"{messages % 'trouble'}.length") == 0) == keeps
    assert "too big to be saved" in task.page.evaluate(f"{messages % 'trouble'}[0].message")


def test_links_do_not_replace_the_page(portal: Portal) -> None:
    task = portal.open("<crowd-form><a href='/elsewhere'>Away</a><input name=x></crowd-form>")
    task("input").fill("kept")
    task("text=Away").click()
    task("text=Links don't open here").wait_for()
    assert task.submit() == {"x": "kept"}


def test_elements_of_another_service_say_so(portal: Portal) -> None:
    task = portal.open("<crowd-form><crowd-textract-analyze-document></crowd-textract-analyze-document></crowd-form>")
    assert "Amazon Augmented AI" in task.refused()


def test_an_attribute_that_can_not_be_read_is_named(portal: Portal) -> None:
    task = portal.open("<crowd-form><crowd-classifier name=c categories='[1,, 2'></crowd-classifier></crowd-form>")
    assert "categories of crowd-classifier can't be read" in task(".problem").inner_text()
    task = portal.open("<crowd-form><crowd-classifier name=c></crowd-classifier></crowd-form>")
    assert task(".problem").inner_text() == "The element crowd-classifier needs the attribute categories."


def test_a_page_alone_works_and_shows_its_answer(portal: Portal) -> None:
    portal.open("<crowd-form><crowd-input name=x value=1></crowd-input></crowd-form>")
    page = portal.page
    page.goto(f"{portal.origin}/alone")
    page.get_by_role("button", name="Submit").click()
    assert '"x": "1"' in page.locator("dialog pre").inner_text()
    page.get_by_role("button", name="Close").click()
    page.get_by_role("button", name="Submit").click()
    assert page.locator("dialog pre").is_visible()


@pytest.mark.parametrize("slow", ["<script src='/slow'></script>", "<img src='/slow' alt=''>"], ids=["stand", "load"])
def test_what_is_done_before_the_page_has_come_counts(portal: Portal, slow: str) -> None:
    """A script keeps a page from standing, a picture from having loaded: until then it has no portal."""
    template = (
        f"""<crowd-form><crowd-classifier name=c categories="['a', 'b']"></crowd-classifier></crowd-form>{slow}"""
    )
    held: list[Any] = []

    def hold(route: Any) -> None:
        held.append(route)

    def come(route: Any) -> None:
        route.fulfill(status=200, content_type="text/javascript", body="")

    def release() -> None:
        wait_until(lambda: held, 10, "the slow file is asked for", pause=0.02)
        # A file that comes before the page has got as far as its tag is asked for again.
        portal.page.route("**/slow", come)
        for route in held:
            come(route)

    portal.page.route("**/slow", hold)
    task = portal.open(template, wait=False)
    task(".option").first.wait_for()
    task(".option").first.click()
    task.press("2")
    assert not task.page.evaluate("heard")
    release()
    assert task.changed({"c": {"label": "b"}})["draft"]
    # The next time it is sent at once.
    held.clear()
    portal.page.unroute("**/slow", come)
    task = portal.open(template, wait=False)
    task(".option").last.click()
    task.press("Control+Enter")
    release()
    assert task.heard("submit")["answer"] == {"c": {"label": "b"}}
    assert not task("dialog").count()
    portal.page.unroute("**/slow")


def test_keys_that_the_portal_passes_on_work_wherever_the_focus_was(portal: Portal) -> None:
    task = portal.open(
        """<crowd-form><crowd-classifier name=c categories="['a', 'b']"></crowd-classifier>
        <crowd-input name=x></crowd-input></crowd-form>"""
    )
    task("crowd-input input").focus()
    modifiers = {"ctrlKey": False, "altKey": False, "shiftKey": False, "metaKey": False}
    task.say("press", pressed={"key": "2", "code": "Digit2", **modifiers})
    assert task.changed({"c": {"label": "b"}})
    task.say("press", pressed={"key": "Enter", "code": "Enter", **modifiers, "ctrlKey": True})
    assert task.heard("submit")["answer"] == {"c": {"label": "b"}}


def test_a_page_in_a_frame_of_somebody_else_shows_its_answer(portal: Portal) -> None:
    portal.template = f"{SCRIPT}<crowd-form><crowd-input name=x value=1></crowd-input></crowd-form>"
    page = portal.page
    page.goto(f"{portal.origin}/static/crowd-html-elements.css")
    page.set_content("<iframe src='/alone'></iframe>")
    frame = page.frame_locator("iframe")
    frame.get_by_role("button", name="Submit").click()
    assert '"x": "1"' in frame.locator("dialog pre").inner_text()


def test_only_the_first_port_of_the_parent_counts(portal: Portal) -> None:
    template = """<crowd-form><input name=x value=1></crowd-form><script>
    window.postMessage({labeling: "port", language: "de"}, "*", [new MessageChannel().port2]);
    window.heard = 0;
    addEventListener("message", (event) => { if (event.data.draft !== undefined) window.heard += 1; });
    </script>"""
    task = portal.open(template)
    assert task("footer button").inner_text() == "Submit"
    task.page.evaluate("""document.querySelector("iframe").contentWindow.postMessage(
      {labeling: "port"}, "*", [new MessageChannel().port2])""")
    assert task.submit() == {"x": "1"}
    # The template's own listener never saw the port that counts.
    assert task.evaluate("window.heard") == 0


def test_the_theme_follows_the_portal_but_not_where_the_template_has_colours(portal: Portal) -> None:
    def background(task: Task) -> Any:
        return task("body").evaluate("element => getComputedStyle(element).backgroundColor")

    plain = "<crowd-form><crowd-input name=x></crowd-input></crowd-form>"
    assert background(portal.open(plain, theme="light")) == "rgb(255, 255, 255)"
    assert background(portal.open(plain, theme="dark")) == "rgb(17, 17, 17)"
    assert background(portal.open(f"<style>p {{ color: black }}</style>{plain}", theme="dark")) == "rgb(255, 255, 255)"
    portal.page.emulate_media(color_scheme="dark")
    assert background(portal.open(plain, theme="auto")) == "rgb(17, 17, 17)"
    portal.page.emulate_media(color_scheme="light")

"""Elements for text: fields, passages of a text, questions and answers."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.frontend.conftest import Portal, Task

pytestmark = pytest.mark.browser

LABELS = "[{label: 'person', shortDisplayName: 'per', fullDisplayName: 'A person'}, {label: 'place'}, 'thing']"
TEXT = "Ada met Bob in New York. Bob left New York."


def entities(text: str = TEXT, more: str = "", labels: str = LABELS) -> str:
    """A task that marks passages."""
    escaped = text.replace("&", "&amp;").replace('"', "&quot;")
    return f"""<crowd-entity-annotation name="ner" header="Mark names" labels="{labels}" text="{escaped}" {more}>
    <short-instructions>Mark all.</short-instructions></crowd-entity-annotation>"""


@pytest.fixture
def one_element(portal: Portal) -> Task:
    """A page with a text and its labels."""
    return portal.open(entities())


def place_of(task: Task, offset: int) -> tuple[float, float]:
    """Where the left edge of a character of the text is on the page, once this has drawn what it has told of."""
    x, y = task("[data-start]").first.evaluate(
        """async (first, offset) => {
          await new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)));
          for (const piece of first.getRootNode().querySelectorAll("[data-start]")) {
            const start = Number(piece.dataset.start);
            if (start + piece.textContent.length <= offset) continue;
            const range = document.createRange();
            range.setStart(piece.firstChild, offset - start);
            range.setEnd(piece.firstChild, offset - start + 1);
            const box = range.getClientRects()[0];
            return [box.left, box.top + box.height / 2];
          }
        }""",
        offset,
    )
    return float(x), float(y)


def drag(task: Task, start: int, end: int) -> None:
    """Select from one character to before another by mouse."""
    mouse = task.page.mouse
    mouse.move(*place_of(task, start))
    mouse.down()
    x, y = place_of(task, end - 1)
    mouse.move(x + 6, y, steps=3)
    mouse.up()


def marked(label: str, start: int, end: int) -> dict[str, Any]:
    return {"label": label, "startOffset": start, "endOffset": end}


def sent(*spans: dict[str, Any]) -> dict[str, Any]:
    return {"ner": {"entities": list(spans)}}


def test_a_label_is_chosen_and_passages_are_marked_by_mouse(portal: Portal) -> None:
    task = portal.open(entities())
    task.frame.get_by_role("button", name="A person").click()
    drag(task, 0, 2)
    task.changed(sent(marked("person", 0, 3)))
    # The label stays chosen.
    drag(task, 8, 11)
    task.changed(sent(marked("person", 0, 3), marked("person", 8, 11)))
    assert task(".chip").all_inner_texts() == ["per\n✕", "per\n✕"]
    assert task.submit() == sent(marked("person", 0, 3), marked("person", 8, 11))


def test_a_passage_is_selected_first_and_labeled_by_its_key(portal: Portal) -> None:
    task = portal.open(entities())
    drag(task, 15, 23)
    task.press("2")
    task.changed(sent(marked("place", 15, 23)))
    drag(task, 0, 3)
    task.frame.get_by_role("button", name="thing").click()
    assert task.submit() == sent(marked("thing", 0, 3), marked("place", 15, 23))


def test_a_selection_that_ends_outside_the_text_counts(portal: Portal) -> None:
    task = portal.open(entities())
    task.frame.get_by_role("button", name="thing").click()
    mouse = task.page.mouse
    mouse.move(*place_of(task, 36))
    mouse.down()
    x, y = place_of(task, 40)
    mouse.move(x, y + 150, steps=4)
    mouse.up()
    task.changed(sent(marked("thing", 34, 43)))
    task.say("undo")
    task.changed(sent())
    x, y = place_of(task, 36)
    mouse.click(x, y, click_count=3)
    task.changed(sent(marked("thing", 0, 43)))


@pytest.mark.parametrize(("clicked", "line"), [(36, (0, 43)), (50, (44, 53))])
def test_the_third_click_labels_the_line_instead_of_the_word(
    portal: Portal, clicked: int, line: tuple[int, int]
) -> None:
    task = portal.open(entities(TEXT + "\nEve stays\n"))
    task.frame.get_by_role("button", name="thing").click()
    mouse = task.page.mouse
    mouse.move(*place_of(task, clicked))
    for count in range(1, 4):
        mouse.down(click_count=count)
        mouse.up(click_count=count)
        if count == 2:
            word = {36: (34, 37), 50: (48, 53)}[clicked]
            task.changed(sent(marked("thing", *word)))
    task.changed(sent(marked("thing", *line)))


def test_enter_marks_with_the_label_that_is_chosen(portal: Portal) -> None:
    task = portal.open(entities())
    task.press("Tab")
    task.frame.get_by_role("button", name="place").press("Enter")
    task(".text").focus()
    task.press("ArrowRight", "Enter", "ArrowRight", "ArrowRight", "Enter")
    task.changed(sent(marked("place", 0, 3), marked("place", 8, 11)))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_passage_of_any_text_keeps_its_offsets(one_element: Task, data: st.DataObject) -> None:
    text = data.draw(st.text(st.sampled_from("ab \n\t🦉é👩\u200d🚀א\u0301"), min_size=1, max_size=40))
    borders = st.lists(st.integers(0, len(text)), min_size=2, max_size=2, unique=True)
    spans = {tuple(sorted(data.draw(borders))) for _ in range(data.draw(st.integers(0, 3)))}
    given_spans = [marked("thing", start, end) for start, end in sorted(spans)]
    value = one_element("crowd-entity-annotation").evaluate(
        """async (element, [text, entities]) => {
          element.text = text;
          element.value = {entities};
          await element.updateComplete;
          return [element.value.entities, element.shadowRoot.querySelectorAll(".chip").length,
            [...element.shadowRoot.querySelectorAll("[data-start]")].map((piece) => piece.textContent).join("")];
        }""",
        [text, given_spans],
    )
    assert value == [given_spans, len(given_spans), text]


def test_passages_by_keyboard_alone(portal: Portal) -> None:
    task = portal.open(entities())
    task.say("focus")
    task(".text:focus").wait_for()
    task.press("ArrowRight", "1")
    task.changed(sent(marked("person", 0, 3)))
    task.press(*["ArrowRight"] * 4, "Shift+ArrowRight", "2")
    task.changed(sent(marked("person", 0, 3), marked("place", 15, 23)))
    task.press("[", "3")
    task.changed(sent(marked("person", 0, 3), marked("thing", 15, 23)))
    task.press("[", "[", "Delete", "Control+Enter")
    assert task.heard("submit")["answer"] == sent(marked("thing", 15, 23))


def test_a_passage_grows_by_characters_without_whole_words(portal: Portal) -> None:
    task = portal.open(entities())
    task("text=Whole words").click()
    task(".text").focus()
    task.press("ArrowRight", "Alt+Shift+ArrowRight", "Alt+Shift+ArrowRight", "Alt+Shift+ArrowLeft", "3")
    task.changed(sent(marked("thing", 0, 3)))
    drag(task, 8, 10)
    task.press("3")
    task.changed(sent(marked("thing", 0, 3), marked("thing", 8, 10)))


def test_passages_by_touch(portal: Portal) -> None:
    task = portal.open(entities())
    task.frame.get_by_role("button", name="place").tap()
    x, y = place_of(task, 16)
    task.page.touchscreen.tap(x + 3, y)
    task.changed(sent(marked("place", 15, 18)))
    # A tap selects the passage, so that it gets another label.
    x, y = place_of(task, 16)
    task.page.touchscreen.tap(x + 3, y)
    task.frame.get_by_role("button", name="A person").tap()
    task.changed(sent(marked("person", 15, 18)))
    task.tap(".chip button")
    assert task.submit() == sent()


def test_all_occurrences_get_the_label(portal: Portal) -> None:
    text = "A cat, a Cat, cats, concat and a cat."
    task = portal.open(entities(text))
    task("text=All occurrences").click()
    drag(task, 2, 5)
    task.press("3")
    task.changed(sent(marked("thing", 2, 5), marked("thing", 33, 36)))
    task.say("undo")
    task.changed(sent())
    task("text=Whole words").click()
    drag(task, 2, 5)
    task.press("3")
    task.changed(sent(*(marked("thing", start, start + 3) for start in (2, 14, 23, 33))))


def test_offsets_count_characters_not_units(portal: Portal) -> None:
    text = "🦉🦉 Ada 👩🏽‍🚀 saw Bob"
    task = portal.open(entities(text, "initial-value=\"[{label: 'person', startOffset: 3, endOffset: 6}]\""))
    assert task(".mark").inner_text() == "Ada"
    units = len(text[: text.index("Bob")].encode("utf-16-le")) // 2
    drag(task, units, units + 3)
    task.press("1")
    start = text.index("Bob")
    assert task.submit() == {
        "ner": {
            "entities": [marked("person", 3, 6), marked("person", start, start + 3)],
            "initialValueModified": True,
        }
    }


def test_a_part_of_a_marked_passage_selects_all_of_it(portal: Portal) -> None:
    task = portal.open(entities(more='initial-value=\'[{"label":"place","startOffset":15,"endOffset":23}]\''))
    assert task(".chip").inner_text() == "place\n✕"
    drag(task, 19, 23)
    task.press("3")
    task.changed({"ner": {"entities": [marked("thing", 15, 23)], "initialValueModified": True}})
    # One that begins outside takes all of it in.
    drag(task, 12, 17)
    task.press("1")
    task.changed(
        {"ner": {"entities": [marked("person", 12, 23), marked("thing", 15, 23)], "initialValueModified": True}}
    )


def test_a_click_selects_what_is_marked_and_the_cross_removes_it(portal: Portal) -> None:
    task = portal.open(entities(more='initial-value=\'[{"label":"place","startOffset":15,"endOffset":23}]\''))
    task(".mark").click()
    task.frame.get_by_role("button", name="A person").click()
    task.changed({"ner": {"entities": [marked("person", 15, 23)], "initialValueModified": True}})
    task.frame.get_by_role("button", name="Remove A person from “New York”").click()
    task.changed({"ner": {"entities": [], "initialValueModified": True}})


def test_initial_passages_overlap_and_lie_outside_as_they_like(portal: Portal) -> None:
    given = [marked("place", 15, 23), marked("person", 8, 18), marked("unknown", 0, 3), marked("thing", 40, 99)]
    task = portal.open(entities(more=f"initial-value='{json.dumps(given)}'"))
    assert task(".problem").inner_text() == "Passages outside the text are left out: 1."
    assert task(".chip").count() == 3
    assert task.submit() == {
        "ner": {
            "entities": [marked("unknown", 0, 3), marked("person", 8, 18), marked("place", 15, 23)],
            "initialValueModified": False,
        }
    }


def test_lines_and_spaces_keep_their_offsets(portal: Portal) -> None:
    text = "  first line\n\n\tthird  Ada\nlast Bob\n"
    task = portal.open(entities(text.replace("\t", "&#9;").replace("&#9;", "\t")))
    assert task(".text").inner_text().replace("\xa0", " ").strip() == text.strip()
    for name in ("Ada", "Bob"):
        drag(task, text.index(name), text.index(name) + 3)
        task.press("1")
    ada, bob = text.index("Ada"), text.index("Bob")
    assert task.submit() == sent(marked("person", ada, ada + 3), marked("person", bob, bob + 3))


def test_a_megabyte_of_text_stays_usable(portal: Portal) -> None:
    text = "A line that has Ada in it.\n" * 40_000
    task = portal.open(entities(text))
    drag(task, 16, 19)
    task.press("1")
    task.changed(sent(marked("person", 16, 19)))
    assert task.submit() == sent(marked("person", 16, 19))


def test_passages_and_a_question_in_the_form_inside(portal: Portal) -> None:
    task = portal.open(
        entities(more="id=ner")
        + """<div id="more"><crowd-radio-group><crowd-radio-button name="sad" value="sad">Sad</crowd-radio-button>
    <crowd-radio-button name="glad" value="glad">Glad</crowd-radio-button></crowd-radio-group>
    <input name="why" required></div>
    <script>document.addEventListener("all-crowd-elements-ready", () => {
      ner.shadowRoot.querySelector("crowd-form").form.appendChild(more);
    });</script>"""
    )
    assert task.refused()
    task("text=Glad").click()
    task("input[name=why]").fill("1")
    drag(task, 0, 3)
    task.press("1")
    assert task.submit() == {
        "ner": {"entities": [marked("person", 0, 3)]},
        "sad": {"sad": False},
        "glad": {"glad": True},
        "why": "1",
    }


def test_passages_inside_a_form_have_one_button(portal: Portal) -> None:
    task = portal.open(f"<crowd-form>{entities()}<crowd-input name=note></crowd-input></crowd-form>")
    assert task.frame.get_by_role("button", name="Submit").count() == 1
    task("crowd-input input").fill("ok")
    assert task.submit() == {**sent(), "note": "ok"}


FIELDS = """<crowd-form><crowd-input name="name" label="Your name" required></crowd-input>
<crowd-input name="code" label="Code" allowed-pattern="[0-9]" auto-validate min-length="3" max-length="5"
error-message="Three to five digits, please"></crowd-input>
<crowd-text-area name="story" label="Story" rows="2" max-rows="4" char-counter max-length="20"></crowd-text-area>
<crowd-input name="empty" label="Nothing"></crowd-input></crowd-form>"""


def test_fields_are_written_in(portal: Portal) -> None:
    task = portal.open(FIELDS)
    assert task.refused() == "Your name: Fill in this field."
    assert task.frame.get_by_text("Fill in this field.", exact=True).is_visible()
    task.frame.get_by_label("Your name").click()
    task.page.keyboard.type("Ada")
    task.frame.get_by_label("Code").tap()
    task.page.keyboard.type("a1b2")
    assert task.frame.get_by_label("Code").input_value() == "12"
    assert "Three to five digits, please" in task.refused()
    task.page.keyboard.type("3")
    task.frame.get_by_label("Story").click()
    task.page.keyboard.type("Once\nupon a time")
    assert task(".count").inner_text() == "16 of 20 characters"
    assert task.submit() == {"name": "Ada", "code": "123", "story": "Once\nupon a time"}


def test_letters_in_a_field_are_no_commands(portal: Portal) -> None:
    task = portal.open(
        "<crowd-form><crowd-classifier name=n categories=\"['a', 'b']\"></crowd-classifier>"
        "<crowd-input name=t label=Text></crowd-input><textarea name=p></textarea></crowd-form>"
    )
    task("crowd-input input").click()
    task.page.keyboard.type("12")
    task("textarea").last.click()
    task.page.keyboard.type("21")
    assert "Choose a label" in task.refused()
    task('text="b"').click()
    assert task.submit() == {"n": {"label": "b"}, "t": "12", "p": "21"}


QUESTIONS = """<crowd-form><crowd-question-answer-generation name="qa" text="Owls hoot at night." min-questions=1
max-questions=2 question-min-words=2 question-max-words=6 answer-min-words=1 answer-max-words=3
question-tags='["Who", "When"]' allow-custom-question-tags=true></crowd-question-answer-generation></crowd-form>"""


def test_questions_answers_and_the_passages_they_rest_on(portal: Portal) -> None:
    task = portal.open(QUESTIONS)
    assert "at least 1 questions" in task.refused()
    task.frame.get_by_label("Question 1").last.fill("When?")
    task.frame.get_by_label("Answer").fill("At night")
    assert "Question 1: write at least 2 words." in task.refused()
    task.frame.get_by_label("Question 1").last.fill("When do owls hoot?")
    task.frame.get_by_label("Tag", exact=False).first.select_option("When")
    task("text=Refer to the selected passage").click()
    assert task("[role=status]").first.inner_text() == "Select a passage of the text first."
    drag(task, 10, 18)
    task("text=Refer to the selected passage").click()
    task("text=Add a question").click()
    assert task("text=Add a question").is_disabled()
    task.page.keyboard.type("Who hoots?")
    task.press("Tab")
    task.page.keyboard.type("Owls")
    task.frame.get_by_label("Custom tag").last.fill("Bird")
    assert task.submit() == {
        "qa": {
            "questionAnswerPairs": [
                {
                    "question": "When do owls hoot?",
                    "answer": "At night",
                    "questionTag": "When",
                    "textReferences": [{"startOffset": 10, "endOffset": 18, "text": "at night"}],
                },
                {"question": "Who hoots?", "answer": "Owls", "questionTag": "Bird", "textReferences": []},
            ]
        }
    }


def test_a_passage_of_a_question_by_keyboard(portal: Portal) -> None:
    task = portal.open(QUESTIONS)
    task(".text").focus()
    task.press("ArrowRight", "Shift+ArrowRight", "Tab")
    task.page.keyboard.type("Who hoots?")
    task.press("Tab")
    task.page.keyboard.type("Owls")
    task("text=Refer to the selected passage").press("Enter")
    answer = task.submit()
    assert answer["qa"]["questionAnswerPairs"][0]["textReferences"] == [
        {"startOffset": 0, "endOffset": 9, "text": "Owls hoot"}
    ]


def test_a_question_and_its_passage_by_touch(portal: Portal) -> None:
    task = portal.open(QUESTIONS)
    task.frame.get_by_label("Question 1").last.tap()
    task.page.keyboard.type("What hoots?")
    task.frame.get_by_label("Answer").tap()
    task.page.keyboard.type("Owls")
    x, y = place_of(task, 0)
    task.page.touchscreen.tap(x + 3, y)
    task.tap("text=Refer to the selected passage")
    task.tap("button:has-text('Submit')")
    (pair,) = task.heard("submit")["answer"]["qa"]["questionAnswerPairs"]
    assert (pair["question"], pair["answer"]) == ("What hoots?", "Owls")
    assert pair["textReferences"] == [{"startOffset": 0, "endOffset": 4, "text": "Owls"}]

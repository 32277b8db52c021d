"""Worker pages: they bind the data, and what the caller writes stays text."""

from __future__ import annotations

import json
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeling_provider.groundtruth.task_types import TASK_TYPES
from labeling_provider.request.templates import (
    as_page_text,
    drawing_template,
    has_worker_template,
    parse_category_document,
    worker_template,
)

WRITTEN = [name for name, row in TASK_TYPES.items() if has_worker_template(row)]


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))


def test_there_is_a_page_for_each_of_the_task_types_that_are_promised_one() -> None:
    assert WRITTEN == [
        "image-classification",
        "image-classification-multilabel",
        "bounding-box",
        "semantic-segmentation",
        "text-classification",
        "text-classification-multilabel",
        "video-classification",
        "verification-bounding-box",
        "verification-semantic-segmentation",
        "adjustment-bounding-box",
        "adjustment-semantic-segmentation",
    ]


@pytest.mark.parametrize("task_type", WRITTEN)
def test_a_page_holds_the_element_its_data_and_its_labels(task_type: str) -> None:
    row = TASK_TYPES[task_type]
    page = worker_template(row, "Which?", "Look.")
    tags = Tags()
    tags.feed(page)
    names = [tag for tag, _ in tags.elements]
    assert names.count("crowd-form") == 1
    (element,) = [attributes for tag, attributes in tags.elements if tag == row.element]
    assert element["name"] == row.answer_key
    assert element["header"] == "Which?"
    assert "task.input.labels" in (element.get("categories") or element.get("labels") or "")
    assert "task.input.taskObject" in page
    assert {"full-instructions", "short-instructions"} <= set(names)


@given(st.text(max_size=60), st.text(max_size=60))
def test_what_the_caller_writes_adds_no_markup_and_no_liquid(title: str, instructions: str) -> None:
    row = TASK_TYPES["image-classification"]
    plain, page = worker_template(row, "x", "y"), worker_template(row, title, instructions)
    for mark in ("<script", "{{", "{%"):
        assert page.count(mark) == plain.count(mark)
    tags, expected = Tags(), Tags()
    tags.feed(page.replace("<br>", ""))
    expected.feed(plain)
    assert [tag for tag, _ in tags.elements] == [tag for tag, _ in expected.elements]


@given(st.lists(st.text(max_size=20), max_size=3), st.text(max_size=20))
def test_a_page_to_draw_on_has_the_labels_whatever_they_are(labels: list[str], title: str) -> None:
    page = drawing_template(title, "Look.", "polygons", labels)
    tags = Tags()
    tags.feed(page)
    (element,) = [attributes for tag, attributes in tags.elements if tag == "crowd-polygon"]
    assert json.loads(element["labels"] or "") == labels
    assert (page.count("{{"), page.count("{%")) == (1, 0)


def test_braces_and_quotes_are_shown_as_themselves() -> None:
    assert as_page_text("""{{ a }}"'<b>""") == "&#123;&#123; a &#125;&#125;&quot;&#x27;&lt;b&gt;"


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"labels": "a"}', '{"labels": [{"name": "a"}]}', "[" * 100_000])
def test_what_is_no_category_file_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="label category file"):
        parse_category_document(text)


def test_a_category_file_keeps_what_else_it_holds() -> None:
    document = {"labels": [{"label": "a", "color": "red"}], "more": 1}
    assert parse_category_document(json.dumps(document)) == document

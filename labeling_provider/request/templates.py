"""Builds the category file and the worker template of each task type from labels, a title and instructions.

The templates use Amazon's public ``crowd-*`` elements (developer guide, "Crowd HTML elements reference") and Liquid.
The caller's words go in as plain text: HTML is escaped, and Liquid is shown, not run.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Sequence
from typing import Any, Final

from labeling_provider.groundtruth.ready_functions import READY_ELEMENTS
from labeling_provider.groundtruth.task_types import TASK_TYPES, TaskType
from labeling_provider.groundtruth.worker_pages import CROWD_SCRIPT

DOCUMENT_VERSION: Final = "2018-11-28"
_SEQUENCE_DOCUMENT_VERSION: Final = "2020-03-01"

_ATTRIBUTE: Final = re.compile(r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,126}")

_PAGE: Final = """\
<script src="{script}"></script>
<crowd-form>
  <{element} name="{name}" {attributes}
    header="{header}">
{body}    <full-instructions header="{header}">
      <p>{instructions}</p>
    </full-instructions>
    <short-instructions>
      <p>{instructions}</p>
    </short-instructions>
  </{element}>
</crowd-form>
"""
# An audit shows the labels of an earlier job: "old" and, in their metadata, "about".
_OLD_BY_NAME: Final = """\
{%- assign old = task.input.manifestLine["NAME"] -%}
{%- assign about = task.input.manifestLine["NAME-metadata"] -%}
"""
_OLD_BY_TYPE: Final = """\
{%- for pair in task.input.manifestLine -%}
  {%- assign name = pair[0] | remove: "-metadata" -%}
  {%- if pair[1].type == "TYPE" and task.input.manifestLine[name] -%}
    {%- assign about = pair[1] -%}
    {%- assign old = task.input.manifestLine[name] -%}
  {%- endif -%}
{%- endfor -%}
"""


def has_worker_template(task_type: TaskType) -> bool:
    """Whether :func:`worker_template` can write the page of this task type."""
    return task_type.page is not None


def worker_template(task_type: TaskType, title: str, instructions: str, audited_attribute: str | None = None) -> str:
    """The worker page of a task type, as a Liquid template.

    :param title: the question, shown above the object.
    :param instructions: plain text; line breaks are kept.
    :param audited_attribute: for an adjustment or a verification: the attribute whose labels are shown; without one the
        last attribute of the right type.
    :raises ValueError: if we have no template for this task type: give ``ui_template_uri`` instead.
    """
    page, element = task_type.page, task_type.element
    if page is None or element is None:
        raise ValueError(f"there is no built-in worker template for {task_type.name}")
    before = ""
    if task_type.audits:
        before = _OLD_BY_TYPE.replace("TYPE", task_type.audited_type)
        if audited_attribute is not None:
            if not _ATTRIBUTE.fullmatch(audited_attribute):
                raise ValueError(f"{audited_attribute!r} can't be the name of a label attribute")
            before = _OLD_BY_NAME.replace("NAME", audited_attribute)
    name = task_type.answer_key or ""
    return before + page.reads_old + _page(element, name, page.attributes, title, instructions, page.body)


def drawing_template(title: str, instructions: str, drawn: str, labels: Sequence[str]) -> str:
    """The page of a custom job on which workers draw on a picture.

    A manifest line has the picture as ``source-ref``. The element has its own name.

    :param drawn: what they draw: ``polygons``, ``polylines``, ``lines``, ``keypoints`` or ``instances``.
    :param labels: names of the labels to choose from.
    """
    given = as_page_text(json.dumps(list(labels), ensure_ascii=False))
    attributes = f'src="{{{{ task.input.source-ref | grant_read_access }}}}"\n    labels="{given}"'
    return _page(READY_ELEMENTS[drawn], READY_ELEMENTS[drawn], attributes, title, instructions)


def ranking_template(title: str, instructions: str, dimensions: Sequence[str], *, ties: bool = False) -> str:
    """The page of a ``pass-through`` job on which workers rank the responses to a text.

    A manifest line has the text as ``source`` and the ``responses`` as a list of strings.

    :param dimensions: what they are ranked by, such as ``["Clarity"]``.
    :param ties: whether two of them may have the same rank.
    """
    given = json.dumps([{"name": name, "allowTie": ties} for name in dimensions], ensure_ascii=False)
    attributes = (
        'text="{{ task.input.source }}" responses="{{ task.input.responses | to_json | escape }}"\n'
        f'    ordinal-ranking-dimensions="{as_page_text(given)}"'
    )
    return _page("crowd-text-ranking", "crowd-text-ranking", attributes, title, instructions)


def question_template(
    title: str, instructions: str, *, min_questions: int = 1, max_questions: int = 10, tags: Sequence[str] = ()
) -> str:
    """The page of a ``pass-through`` job on which workers ask questions about a text, and answer them.

    A manifest line has the text as ``source``.

    :param tags: what questions can be marked with.
    """
    attributes = f'text="{{{{ task.input.source }}}}" min-questions="{min_questions}" max-questions="{max_questions}"'
    if tags:
        attributes += f'\n    question-tags="{as_page_text(json.dumps(list(tags), ensure_ascii=False))}"'
    return _page(
        "crowd-question-answer-generation", "crowd-question-answer-generation", attributes, title, instructions
    )


def hosted_template(human_task_ui_arn: str) -> str | None:
    """What stands in for a worker interface that Amazon hosts; None if nothing does yet."""
    name = human_task_ui_arn.rpartition("/")[2]
    return next((row.hosted_page for row in TASK_TYPES.values() if name and row.human_task_ui == name), None)


def _page(element: str, name: str, attributes: str, title: str, instructions: str, body: str = "") -> str:
    return _PAGE.format(
        script=CROWD_SCRIPT,
        element=element,
        name=name,
        attributes=attributes,
        header=as_page_text(title),
        body=body,
        instructions=as_page_text(instructions).replace("\n", "<br>"),
    )


def as_page_text(text: str) -> str:
    """Escape a string for a Liquid template, so that it is shown as it is: neither markup nor Liquid."""
    return re.sub(r"[{}]", lambda brace: f"&#{ord(brace[0])};", html.escape(text, quote=True))


def category_document(
    task_type: TaskType,
    labels: Sequence[str | dict[str, Any]],
    instructions: str = "",
    audited_attribute: str | None = None,
) -> dict[str, Any]:
    """The content of the label category configuration file, as a JSON value.

    :param labels: label names in class order (the position is the class id), or full entries such as
        ``{"label": "Vessel", "shortDisplayName": "VES"}``.
    :param instructions: plain text, for task types without a worker template.
    :param audited_attribute: the label attribute to adjust or verify, for frames and point clouds.
    """
    entries = [dict(label) if isinstance(label, dict) else {"label": label} for label in labels]
    version = "documentVersion" if task_type.is_sequence else "document-version"
    document: dict[str, Any] = {
        version: _SEQUENCE_DOCUMENT_VERSION if task_type.is_sequence else DOCUMENT_VERSION,
        "labels": entries,
    }
    if task_type.human_task_ui:
        paragraph = f"<p>{html.escape(instructions)}</p>".replace("\n", "<br>")
        document["instructions"] = {"shortInstruction": paragraph, "fullInstruction": paragraph}
    if audited_attribute and task_type.is_sequence:
        document["auditLabelAttributeName"] = audited_attribute
    return document


def parse_category_document(text: str | bytes) -> dict[str, Any]:
    """Parse a category file.

    :raises ValueError: with an explanation, if it is not JSON or has no list of labels.
    """
    try:
        document: dict[str, Any] = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"the label category file is not JSON: {error}") from None
    labels = document.get("labels") if isinstance(document, dict) else None
    if not isinstance(labels, list) or not all(
        isinstance(entry, dict) and isinstance(entry.get("label"), str) for entry in labels
    ):
        raise ValueError('the label category file needs "labels": [{"label": "…"}, …]')
    return document


def label_names(document: dict[str, Any]) -> list[str]:
    """The labels of a category document, in class order."""
    return [entry["label"] for entry in document["labels"]]

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

from labeling_provider.groundtruth.task_types import TaskType

DOCUMENT_VERSION: Final = "2018-11-28"
_SEQUENCE_DOCUMENT_VERSION: Final = "2020-03-01"
_CROWD_SCRIPT: Final = "https://assets.crowd.aws/crowd-html-elements.js"

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
_IMAGE: Final = 'src="{{ task.input.taskObject | grant_read_access }}"'
_CATEGORIES: Final = 'categories="{{ task.input.labels | to_json | escape }}"'
_LABELS: Final = 'labels="{{ task.input.labels | to_json | escape }}"'
_TEXT_TARGET: Final = """\
    <classification-target>
      <p>{{ task.input.taskObject }}</p>
    </classification-target>
"""
_VIDEO_TARGET: Final = """\
    <classification-target>
      <video controls width="100%">
        <source src="{{ task.input.taskObject | grant_read_access }}" type="video/mp4">
        <source src="{{ task.input.taskObject | grant_read_access }}" type="video/webm">
        <source src="{{ task.input.taskObject | grant_read_access }}" type="video/ogg">
      </video>
    </classification-target>
"""
# By element and medium: the attributes that bind the data, and the element's content.
_BINDINGS: Final[dict[tuple[str, str], tuple[str, str]]] = {
    ("crowd-image-classifier", "image"): (f"{_IMAGE} {_CATEGORIES}", ""),
    ("crowd-image-classifier-multi-select", "image"): (f"{_IMAGE} {_CATEGORIES}", ""),
    ("crowd-bounding-box", "image"): (f"{_IMAGE} {_LABELS}", ""),
    ("crowd-semantic-segmentation", "image"): (f"{_IMAGE} {_LABELS}", ""),
    ("crowd-classifier", "text"): (_CATEGORIES, _TEXT_TARGET),
    ("crowd-classifier-multi-select", "text"): (_CATEGORIES, _TEXT_TARGET),
    ("crowd-classifier", "video"): (_CATEGORIES, _VIDEO_TARGET),
}


def has_worker_template(task_type: TaskType) -> bool:
    """Whether :func:`worker_template` supports this task type."""
    return not task_type.audits and (task_type.element, task_type.media) in _BINDINGS


def worker_template(task_type: TaskType, title: str, instructions: str) -> str:
    """The worker page of a task type, as a Liquid template.

    :param title: the question, shown above the object.
    :param instructions: plain text; line breaks are kept.
    :raises ValueError: if there is no built-in template for this task type; use ``ui_template_uri`` instead.
    """
    if not has_worker_template(task_type):
        raise ValueError(f"there is no built-in worker template for {task_type.name}")
    assert task_type.element  # noqa: S101 - has_worker_template checked it
    attributes, body = _BINDINGS[task_type.element, task_type.media]
    return _PAGE.format(
        script=_CROWD_SCRIPT,
        element=task_type.element,
        name=task_type.answer_key,
        attributes=attributes,
        header=as_page_text(title),
        body=body,
        instructions=as_page_text(instructions).replace("\n", "<br>"),
    )


def as_page_text(text: str) -> str:
    """Escape a text for a Liquid template, so that it is shown as it is: neither markup nor Liquid."""
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
    if audited_attribute:
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

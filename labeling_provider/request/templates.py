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
_FRAMES_SCRIPT: Final = "https://assets.crowd.aws/crowd-html-elements-frames.js"
"""Not Amazon's: the self-hosted service has its own scripts for sequences of frames and for point clouds."""
_CLOUDS_SCRIPT: Final = "https://assets.crowd.aws/crowd-html-elements-clouds.js"

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
_OLD_BOXES: Final = """\
{%- capture names -%}
  {%- for one in about.class-map -%}{{ one[1] | to_json }}{% unless forloop.last %}, {% endunless %}{%- endfor -%}
{%- endcapture -%}
{%- capture boxes -%}
  {%- for box in old.annotations -%}
    {%- capture id -%}{{ box.class_id }}{%- endcapture -%}
    {"label": {{ about.class-map[id] | to_json }}, "left": {{ box.left }}, "top": {{ box.top }},
    "width": {{ box.width }}, "height": {{ box.height }} }{% unless forloop.last %}, {% endunless %}
  {%- endfor -%}
{%- endcapture -%}
"""
_OLD_MASK: Final = """\
{%- capture names -%}
  {%- assign comma = "" -%}
  {%- for one in about.internal-color-map -%}
    {%- unless one[1].class-name == "BACKGROUND" -%}
      {{ comma }}{{ one[1].class-name | to_json }}{%- assign comma = ", " -%}
    {%- endunless -%}
  {%- endfor -%}
{%- endcapture -%}
{%- capture colors -%}
  {%- assign comma = "" -%}
  {%- for one in about.internal-color-map -%}
    {%- unless one[1].class-name == "BACKGROUND" -%}
      {{ comma }}{{ one[1].class-name | to_json }}: {"color": {{ one[1].hex-color | to_json }} }
      {%- assign comma = ", " -%}
    {%- endunless -%}
  {%- endfor -%}
{%- endcapture -%}
"""
_COMMENT: Final = """\
    <worker-comment placeholder="What is wrong?"></worker-comment>
"""
_AUDITS: Final[dict[str, tuple[str, str, str]]] = {
    "verification-bounding-box": (
        _OLD_BOXES,
        _CATEGORIES + """\n    overlay='{"boundingBox": {"labels": [{{ names }}], "value": [{{ boxes }}]} }'""",
        _COMMENT,
    ),
    "verification-semantic-segmentation": (
        _OLD_MASK,
        _CATEGORIES
        + """\n    overlay='{"semanticSegmentation": {"labels": [{{ names }}], "labelMappings": { {{- colors -}} }, """
        """"src": "{{ old | grant_read_access }}"} }'""",
        _COMMENT,
    ),
    "adjustment-bounding-box": (
        _OLD_BOXES,
        _LABELS + """\n    initial-value='[{{ boxes }}]'""",
        "",
    ),
    "adjustment-semantic-segmentation": (
        _OLD_MASK,
        _LABELS
        + """\n    initial-value='{"labelMappings": { {{- colors -}} }, "src": "{{ old | grant_read_access }}"}'""",
        "",
    ),
}
"""By audit: the code that reads the old labels, the attributes that show them, and the element's content."""

_DRAWN: Final = {
    "polygons": "crowd-polygon",
    "polylines": "crowd-polyline",
    "lines": "crowd-line",
    "keypoints": "crowd-keypoint",
    "instances": "crowd-instance-segmentation",
}
"""The element with which workers draw what a ready function consolidates."""

_SEQUENCE_PAGE: Final = """\
<script src="SCRIPT"></script>
<script type="application/json" id="sequence">
{"categories": {{ task.input.categories | to_json | skip_autoescape }},
"initial": {{ task.input.initial | to_json | skip_autoescape }}, ABOUT, "frames": [
{%- for frame in task.input.frames -%}
  {"frame-no": {{ frame.frame-no }}, "frame": {{ frame.frame | to_json | skip_autoescape }},
  {%- assign link = frame.uri | grant_read_access -%}
  "src": {{ link | to_json | skip_autoescape }}REST{% unless forloop.last %},{% endunless %}
{%- endfor -%}
]}
</script>
<crowd-form>
  <ELEMENT name="{{ task.input.answerKey }}" header="{{ task.input.header }}" data="sequence">
    <full-instructions header="{{ task.input.header }}">
      {{ task.input.instructions.fullInstruction | skip_autoescape }}
    </full-instructions>
    <short-instructions>{{ task.input.instructions.shortInstruction | skip_autoescape }}</short-instructions>
  </ELEMENT>
</crowd-form>
"""
# The facts about a cloud, or a picture, close the object that the page has begun.
_REST_OF_CLOUD: Final = """, "images": [
  {%- for image in frame.images -%}
    {%- assign link = image.uri | grant_read_access -%}
    {"src": {{ link | to_json | skip_autoescape }},
    {{ image.about | to_json | remove_first: "{" | skip_autoescape }}{% unless forloop.last %},{% endunless %}
  {%- endfor -%}
  ], {{ frame.about | to_json | remove_first: "{" | skip_autoescape }}"""


def _sequence_page(script: str, element: str, about: str, rest: str = "}") -> str:
    """The page of a task on frames.

    :param about: what its data says about the task, as JSON.
    :param rest: what it says about each frame besides its file, and the end of the object.
    """
    parts = {"SCRIPT": script, "ELEMENT": element, "ABOUT": about, "REST": rest}
    return re.sub("|".join(parts), lambda part: parts[part[0]], _SEQUENCE_PAGE)


def _frames_page(tracks: str) -> str:
    return _sequence_page(_FRAMES_SCRIPT, "crowd-video-frames", f'"tracks": {tracks}')


def _clouds_page(kind: str, tracks: str = "false") -> str:
    about = f'"kind": "{kind}", "tracks": {tracks}'
    return _sequence_page(_CLOUDS_SCRIPT, "crowd-point-clouds", about, _REST_OF_CLOUD)


_HOSTED: Final[dict[str, str]] = {
    "VideoObjectDetection": _frames_page("false"),
    "VideoObjectTracking": _frames_page("true"),
    "PointCloudObjectDetection": _clouds_page("cuboids"),
    "PointCloudObjectTracking": _clouds_page("cuboids", "true"),
    "PointCloudSemanticSegmentation": _clouds_page("classes"),
    "NamedEntityRecognition": f"""\
<script src="{_CROWD_SCRIPT}"></script>
<crowd-entity-annotation name="crowd-entity-annotation" header="{{{{ task.input.header }}}}"
  labels="{{{{ task.input.labels | to_json | escape }}}}" text="{{{{ task.input.taskObject }}}}">
  <full-instructions header="{{{{ task.input.header }}}}">
    {{{{ task.input.instructions.fullInstruction | skip_autoescape }}}}
  </full-instructions>
  <short-instructions>{{{{ task.input.instructions.shortInstruction | skip_autoescape }}}}</short-instructions>
</crowd-entity-annotation>
""",
}


def has_worker_template(task_type: TaskType) -> bool:
    """Whether :func:`worker_template` can write the page of this task type."""
    if task_type.audits:
        return task_type.name in _AUDITS
    return (task_type.element, task_type.media) in _BINDINGS


def worker_template(task_type: TaskType, title: str, instructions: str, audited_attribute: str | None = None) -> str:
    """The worker page of a task type, as a Liquid template.

    :param title: the question, shown above the object.
    :param instructions: plain text; line breaks are kept.
    :param audited_attribute: for an adjustment or a verification: the attribute whose labels are shown; without one the
        last attribute of the right type.
    :raises ValueError: if we have no template for this task type: give ``ui_template_uri`` instead.
    """
    if not has_worker_template(task_type):
        raise ValueError(f"there is no built-in worker template for {task_type.name}")
    assert task_type.element  # noqa: S101 - has_worker_template said so
    before = ""
    if task_type.audits:
        reading, shown, body = _AUDITS[task_type.name]
        old = _OLD_BY_TYPE.replace("TYPE", task_type.audited_type)
        if audited_attribute is not None:
            if not _ATTRIBUTE.fullmatch(audited_attribute):
                raise ValueError(f"{audited_attribute!r} can't be the name of a label attribute")
            old = _OLD_BY_NAME.replace("NAME", audited_attribute)
        before, attributes = old + reading, f"{_IMAGE} {shown}"
    else:
        attributes, body = _BINDINGS[task_type.element, task_type.media]
    return before + _page(task_type.element, task_type.answer_key or "", attributes, title, instructions, body)


def drawing_template(title: str, instructions: str, drawn: str, labels: Sequence[str]) -> str:
    """The page of a custom job on which workers draw on a picture.

    A manifest line has the picture as ``source-ref``. The element has its own name.

    :param drawn: what they draw: ``polygons``, ``polylines``, ``lines``, ``keypoints`` or ``instances``.
    :param labels: names of the labels to choose from.
    """
    given = as_page_text(json.dumps(list(labels), ensure_ascii=False))
    attributes = f'src="{{{{ task.input.source-ref | grant_read_access }}}}"\n    labels="{given}"'
    return _page(_DRAWN[drawn], _DRAWN[drawn], attributes, title, instructions)


def ranking_template(title: str, instructions: str, dimensions: Sequence[str], *, ties: bool = False) -> str:
    """The page of a ``pass-through`` job on which workers rank the responses to a text.

    A manifest line has the text as ``source`` and the ``responses`` as a list of texts.

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
    return _HOSTED.get(human_task_ui_arn.rpartition("/")[2])


def _page(element: str, name: str, attributes: str, title: str, instructions: str, body: str = "") -> str:
    return _PAGE.format(
        script=_CROWD_SCRIPT,
        element=element,
        name=name,
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

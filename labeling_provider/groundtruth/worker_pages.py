"""The worker pages of task types: what a template binds to its element, and what stands in for hosted interfaces.

They use Amazon's ``crowd-*`` elements and Liquid. Sources: developer guide, "Crowd HTML elements reference" and the
templates on the page of each task type. Each row of the table of task types names its page.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

CROWD_SCRIPT: Final = "https://assets.crowd.aws/crowd-html-elements.js"
_FRAMES_SCRIPT: Final = "https://assets.crowd.aws/crowd-html-elements-frames.js"
"""Not Amazon's: the self-hosted service has its own scripts for sequences of frames and for point clouds."""
_CLOUDS_SCRIPT: Final = "https://assets.crowd.aws/crowd-html-elements-clouds.js"


class WorkerPage(NamedTuple):
    """What the worker template of a task type has in its element, and before it.

    :param attributes: the attributes that bind the data.
    :param body: the element's content before the instructions.
    :param reads_old: for an audit: Liquid that makes the label ``old``, whose metadata are ``about``, fit the element.
    """

    attributes: str
    body: str = ""
    reads_old: str = ""


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

LABELED_IMAGE: Final = WorkerPage(f"{_IMAGE} {_LABELS}")
CLASSIFIED_IMAGE: Final = WorkerPage(f"{_IMAGE} {_CATEGORIES}")
CLASSIFIED_TEXT: Final = WorkerPage(_CATEGORIES, _TEXT_TARGET)
CLASSIFIED_VIDEO: Final = WorkerPage(_CATEGORIES, _VIDEO_TARGET)

_OLD_BOXES: Final = """\
{%- capture names -%}
  {%- for class in about.class-map -%}{{ class[1] | to_json }}{% unless forloop.last %}, {% endunless %}{%- endfor -%}
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
  {%- for color in about.internal-color-map -%}
    {%- unless color[1].class-name == "BACKGROUND" -%}
      {{ comma }}{{ color[1].class-name | to_json }}{%- assign comma = ", " -%}
    {%- endunless -%}
  {%- endfor -%}
{%- endcapture -%}
{%- capture colors -%}
  {%- assign comma = "" -%}
  {%- for color in about.internal-color-map -%}
    {%- unless color[1].class-name == "BACKGROUND" -%}
      {{ comma }}{{ color[1].class-name | to_json }}: {"color": {{ color[1].hex-color | to_json }} }
      {%- assign comma = ", " -%}
    {%- endunless -%}
  {%- endfor -%}
{%- endcapture -%}
"""
_COMMENT: Final = """\
    <worker-comment placeholder="What is wrong?"></worker-comment>
"""
VERIFIED_BOXES: Final = WorkerPage(
    f"{_IMAGE} {_CATEGORIES}"
    + """\n    overlay='{"boundingBox": {"labels": [{{ names }}], "value": [{{ boxes }}]} }'""",
    _COMMENT,
    _OLD_BOXES,
)
VERIFIED_MASK: Final = WorkerPage(
    f"{_IMAGE} {_CATEGORIES}"
    + """\n    overlay='{"semanticSegmentation": {"labels": [{{ names }}], "labelMappings": { {{- colors -}} }, """
    """"src": "{{ old | grant_read_access }}"} }'""",
    _COMMENT,
    _OLD_MASK,
)
ADJUSTED_BOXES: Final = WorkerPage(f"{_IMAGE} {_LABELS}\n    initial-value='[{{{{ boxes }}}}]'", reads_old=_OLD_BOXES)
ADJUSTED_MASK: Final = WorkerPage(
    f"{_IMAGE} {_LABELS}"
    + """\n    initial-value='{"labelMappings": { {{- colors -}} }, "src": "{{ old | grant_read_access }}"}'""",
    reads_old=_OLD_MASK,
)

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


def frames_page(tracks: str) -> str:
    """Stands in for Amazon's interface for video frames.

    :param tracks: ``true`` if objects are followed through the frames; otherwise ``false``.
    """
    return _sequence_page(_FRAMES_SCRIPT, "crowd-video-frames", f'"tracks": {tracks}')


def clouds_page(kind: str, tracks: str = "false") -> str:
    """Stands in for Amazon's interface for point clouds.

    :param kind: what workers do: ``cuboids`` or ``classes``.
    :param tracks: as of :func:`frames_page`.
    """
    about = f'"kind": "{kind}", "tracks": {tracks}'
    return _sequence_page(_CLOUDS_SCRIPT, "crowd-point-clouds", about, _REST_OF_CLOUD)


ENTITIES_PAGE: Final = f"""\
<script src="{CROWD_SCRIPT}"></script>
<crowd-entity-annotation name="crowd-entity-annotation" header="{{{{ task.input.header }}}}"
  labels="{{{{ task.input.labels | to_json | escape }}}}" text="{{{{ task.input.taskObject }}}}">
  <full-instructions header="{{{{ task.input.header }}}}">
    {{{{ task.input.instructions.fullInstruction | skip_autoescape }}}}
  </full-instructions>
  <short-instructions>{{{{ task.input.instructions.shortInstruction | skip_autoescape }}}}</short-instructions>
</crowd-entity-annotation>
"""
"""Stands in for Amazon's interface for named entities."""

"""The label category file of video frame and point cloud jobs: labels, their attributes, and those of whole frames.

Source: developer guide, "Labeling Category Configuration File with Label Category and Frame Attributes Reference", and
"Input Data Quotas" for the limits.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, TypeGuard

from labeling_provider.errors import Problem
from labeling_provider.groundtruth.facts import Quota
from labeling_provider.groundtruth.frame_tools import BOX, CUBOID, TOOLS, Tool
from labeling_provider.groundtruth.task_types import TaskType

_WHERE: Final = "LabelCategoryConfigS3Uri"
_SHOWN: Final = 40
_EDITS: Final = ("none", "any")


@dataclass(frozen=True)
class Attribute:
    """An attribute of a label category or of a frame.

    :param is_number: whether it is a number; otherwise it is a string.
    :param choices: the strings to choose from; empty for any string.
    :param min_value: smallest number, inclusive; None for no limit.
    :param max_value: largest number, inclusive; None for no limit.
    :param is_locked: in an audit: whether workers may not change it.
    """

    name: str
    is_number: bool
    choices: tuple[str, ...]
    min_value: float | None
    max_value: float | None
    is_required: bool
    is_locked: bool
    description: str = ""

    def problem(self, value: Any, longest: int) -> str:
        """Why this attribute can't have a value; empty if it can.

        :param longest: a free text's longest length, in characters.
        """
        if self.is_number:
            if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < 1e300:
                return "is not a number"
            low, high = self.min_value, self.max_value
            if (low is not None and value < low) or (high is not None and value > high):
                return f"is {value}, which is not from {low} to {high}"
            return ""
        if not isinstance(value, str):
            return "is not a string"
        if self.choices and value not in self.choices:
            return f"is {value[:_SHOWN]!r}, which is not one of its choices"
        return f"has more than {longest:,} characters" if len(value) > longest else ""


@dataclass(frozen=True)
class SequenceCategories:
    """What workers can choose from in a job over video frames or point clouds.

    :param document: the category document, in which :func:`sequence_category_problems` has found no problem.
    :param has_point_clouds: whether they look at point clouds rather than frames.
    """

    document: dict[str, Any]
    has_point_clouds: bool = False

    @property
    def tool(self) -> Tool:
        """What workers draw with."""
        if self.has_point_clouds:
            return CUBOID
        return TOOLS.get(str(self.document.get("annotationType", "")), BOX)

    @cached_property
    def label_attributes(self) -> dict[str, dict[str, Attribute]]:
        """The attributes of each label, by name: its own and those of all labels."""
        shared = self.document.get("categoryGlobalAttributes") or []
        return {
            entry["label"]: _attributes([*shared, *(entry.get(_own_key(entry)) or [])])
            for entry in self.document["labels"]
        }

    @cached_property
    def frame_attributes(self) -> dict[str, Attribute]:
        """The attributes of a frame, by name."""
        return _attributes(self.document.get("frameAttributes") or [])

    @cached_property
    def locked(self) -> frozenset[str]:
        """In an audit: the labels whose shapes workers may not draw, change or remove."""
        return frozenset(entry["label"] for entry in self.document["labels"] if entry.get("editsAllowed") == "none")


def is_linked(document: dict[str, Any]) -> bool:
    """Whether workers also draw boxes on the pictures of cameras: 3D–2D linked tracking, which lists both tools."""
    return isinstance(document.get("annotationType"), list)


def _own_key(entry: dict[str, Any]) -> str:
    """The key of a label's own attributes: in Amazon's samples for point clouds it is the shorter one."""
    return "attributes" if "categoryAttributes" not in entry and "attributes" in entry else "categoryAttributes"


def _attributes(given: list[dict[str, Any]]) -> dict[str, Attribute]:
    return {
        attribute["name"]: Attribute(
            attribute["name"],
            attribute["type"] == "number",
            tuple(attribute.get("enum") or ()),
            attribute.get("minimum"),
            attribute.get("maximum"),
            attribute.get("isRequired") is True,
            attribute.get("editsAllowed") == "none",
            attribute.get("description", ""),
        )
        for attribute in given
    }


def sequence_category_problems(document: dict[str, Any], task_type: TaskType) -> Iterator[Problem]:
    """Problems with the parts that only category files of sequences have, each with its key."""
    tool = document.get("annotationType")
    if not task_type.has_point_clouds and tool is not None and str(tool) not in TOOLS:
        yield _problem(f"annotationType is {str(tool)[:_SHOWN]!r}.", f"Use one of {', '.join(TOOLS)}.")
    if task_type.has_point_clouds and is_linked(document):
        yield from _linked_problems(_listed(tool), task_type)
    shared = document.get("categoryGlobalAttributes")
    yield from _attribute_problems(shared, "categoryGlobalAttributes")
    common = _names(shared)
    for place, entry in enumerate(document["labels"]):
        key, own = f"labels[{place}].{_own_key(entry)}", entry.get(_own_key(entry))
        yield from _attribute_problems(own, key, common)
        yield from _count_problems([*_listed(shared), *_listed(own)], f"labels[{place}]: its own and global attributes")
        yield from _edits_problem(entry, f"labels[{place}]")
    frames = document.get("frameAttributes")
    yield from _attribute_problems(frames, "frameAttributes", needs_description=True)
    yield from _count_problems(_listed(frames), "frameAttributes")


def _linked_problems(tools: list[Any], task_type: TaskType) -> Iterator[Problem]:
    # The guide and its samples disagree on the keys of its objects.
    names = [value for tool in tools if isinstance(tool, dict) for value in tool.values() if isinstance(value, str)]
    if len(tools) != len(names) or sorted(names) != [BOX.name, CUBOID.name]:
        yield _problem(
            "annotationType is a list, but not of one BoundingBox and one Cuboid.",
            'Write [{"type": "BoundingBox"}, {"type": "Cuboid"}], or leave it out to label the clouds alone.',
        )
    elif not task_type.has_sequence_files:
        yield _problem(
            "annotationType is a list, and only object tracking links boxes to cuboids.",
            "Leave it out, or use the task type for object tracking.",
        )


def _attribute_problems(
    given: Any, key: str, taken: frozenset[str] = frozenset(), *, needs_description: bool = False
) -> Iterator[Problem]:
    if given is None:
        return
    if not isinstance(given, list):
        yield _problem(f"{key} is not a list.", 'Write [{"name": "…", "type": "string"}, …].')
        return
    names = set(taken)
    for place, attribute in enumerate(given):
        where = f"{key}[{place}]"
        if not isinstance(attribute, dict):
            yield _problem(f"{where} is not an object.", 'Write {"name": "…", "type": "string"}.')
            continue
        yield from _name_problems(attribute, where, names)
        yield from _value_problems(attribute, where)
        yield from _edits_problem(attribute, where)
        description = attribute.get("description")
        if description is None and needs_description:
            yield _problem(f"{where}.description is missing.", "Attributes of frames need one.")
        if description is not None and not _is_text(description, Quota.ATTRIBUTE_DESCRIPTION, 0):
            yield _problem(f"{where}.description is too long.", f"Use up to {Quota.ATTRIBUTE_DESCRIPTION} characters.")
        if not isinstance(attribute.get("isRequired", False), bool):
            yield _problem(f"{where}.isRequired is neither true nor false.", "Write true or false.")


def _name_problems(attribute: dict[str, Any], where: str, names: set[str]) -> Iterator[Problem]:
    name = attribute.get("name")
    if not _is_text(name, Quota.ATTRIBUTE_NAME):
        yield _problem(
            f"{where}.name is {'missing' if name is None else 'not allowed'}.",
            f"Use a string of 1 to {Quota.ATTRIBUTE_NAME} characters.",
        )
    elif name in names:
        yield _problem(f"{where}.name is {name!r}, which another attribute has.", "Give each its own name.")
    else:
        names.add(name)


def _value_problems(attribute: dict[str, Any], where: str) -> Iterator[Problem]:
    kind, choices = attribute.get("type"), attribute.get("enum")
    if kind not in ("string", "number"):
        yield _problem(f"{where}.type is {str(kind)[:_SHOWN]!r}.", "Use string or number.")
    if choices is not None and (
        not isinstance(choices, list)
        or not 1 <= len(choices) <= Quota.ATTRIBUTE_CHOICES
        or not all(_is_text(choice, Quota.ATTRIBUTE_CHOICE) for choice in choices)
        or len(set(choices)) < len(choices)
    ):
        remedy = f"List 1 to {Quota.ATTRIBUTE_CHOICES} different texts of 1 to {Quota.ATTRIBUTE_CHOICE} characters."
        yield _problem(f"{where}.enum is not a list of choices.", remedy)
    elif choices is not None and kind == "number":
        yield _problem(f"{where}.enum belongs to an attribute of type string.", "Use minimum and maximum.")
    given = {limit: attribute[limit] for limit in ("minimum", "maximum") if attribute.get(limit) is not None}
    if any(isinstance(limit, bool) or not isinstance(limit, int | float) for limit in given.values()):
        yield _problem(f"{where}: minimum and maximum must be numbers.", "Write them without quotes.")
    elif len(given) == 2 and given["minimum"] > given["maximum"]:
        yield _problem(f"{where}.minimum is larger than its maximum.", "Exchange them.")


def _edits_problem(attribute: dict[str, Any], where: str) -> Iterator[Problem]:
    if attribute.get("editsAllowed", "any") not in _EDITS:
        yield _problem(f"{where}.editsAllowed is {str(attribute['editsAllowed'])[:_SHOWN]!r}.", "Use none or any.")


def _count_problems(given: list[Any], where: str) -> Iterator[Problem]:
    texts = [
        attribute
        for attribute in given
        if isinstance(attribute, dict) and attribute.get("type") == "string" and "enum" not in attribute
    ]
    for count, max_count, of in (
        (len(given), Quota.ATTRIBUTES, "attributes"),
        (len(texts), Quota.TEXT_ATTRIBUTES, "attributes with free text"),
    ):
        if count > max_count:
            yield _problem(f"{where} are {count} {of}; at most {max_count} are allowed.", "Remove some.")


def _is_text(value: Any, longest: int, shortest: int = 1) -> TypeGuard[str]:
    return isinstance(value, str) and shortest <= len(value) <= longest


def _names(given: Any) -> frozenset[str]:
    return frozenset(
        attribute["name"]
        for attribute in _listed(given)
        if isinstance(attribute, dict) and isinstance(attribute.get("name"), str)
    )


def _listed(given: Any) -> list[Any]:
    return given if isinstance(given, list) else []


def _problem(message: str, remedy: str) -> Problem:
    return Problem(_WHERE, message, remedy)

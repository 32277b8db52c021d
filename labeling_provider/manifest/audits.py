"""The labels that an adjustment or a verification shows to its workers: those of an earlier job.

Source: developer guide, "Label verification and adjustment": each object needs a label of the right type, a mask's
metadata need its colors, and an adjustment's categories must contain the classes of the earlier job. Objects without
the label fail one by one, and Amazon may bill them.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, Final

from labeling_provider.groundtruth.objects import METADATA
from labeling_provider.groundtruth.task_types import TaskType
from labeling_provider.manifest.metadata import BACKGROUND
from labeling_provider.manifest.reader import LineProblem, parse_line
from labeling_provider.manifest.typed_labels import ColoredLabel, Label, LabelError, read_label

MAX_PROBLEMS: Final = 10
_MAX_NAMES: Final = 10
_SHOWN: Final = 80
_SHOWN_KEY: Final = re.compile(r"""manifestLine\s*(?:\.\s*([\w-]{1,200})|\[\s*["']([^"'\]]{1,200})["']\s*\])""")
"""A key of the manifest line that a worker template names."""
_ALL_KEYS: Final = re.compile(r"\bfor\s+\w+\s+in\s+task\.input\.manifestLine\b\s*-?%")
"""The loop over all keys of the manifest line by which our own templates find the last label."""


def audited_attribute(template: str | None, categories: Mapping[str, Any] | None) -> str | None:
    """The label attribute that a job audits, as far as its files say.

    It is the one that the worker template shows: the only one of which it names both the label and its metadata. If it
    does not say, it is the attribute ``auditLabelAttributeName`` of the category file.

    :param template: the worker template; None if there is none.
    :param categories: the category document; None if it is not known.
    :return: None for the last label of the right type in each line.
    """
    keys: set[str] = {dotted or quoted for dotted, quoted in _SHOWN_KEY.findall(template or "")}
    shown = [key for key in keys if f"{key}{METADATA}" in keys]
    if len(shown) == 1:
        return shown[0]
    if _ALL_KEYS.search(template or ""):
        return None
    named = (categories or {}).get("auditLabelAttributeName")
    return named if isinstance(named, str) else None


def audited_label(
    line: Mapping[str, Any],
    task_type: TaskType,
    attribute: str | None = None,
    classes: Collection[str] | None = None,
) -> Label | None:
    """The label of a manifest line that an adjustment or a verification shows.

    :param line: the line, as returned by ``parse_line`` and ``read_manifest``.
    :param task_type: the adjustment or verification.
    :param attribute: the label attribute; None for the last one of the right type.
    :param classes: the classes that workers of an adjustment can choose from; None to allow any.
    :return: None if the line has no such label.
    :raises LabelError: in words for people, if it has one that can't be shown.
    """
    name = attribute if attribute is not None else next(reversed(_attributes(line, task_type)), None)
    label = None if name is None else read_label(line, name)
    if label is None:
        return None
    given = str((label.metadata or {}).get("type"))
    if given.lower() != task_type.audited_type:
        raise LabelError(f"{name}: its type is {given[:_SHOWN]!r}, but {task_type.name} needs {task_type.audited_type}")
    for color in label.colors.values() if isinstance(label, ColoredLabel) else ():
        if color.class_name != BACKGROUND and not color.hex_color:
            raise LabelError(f"{name}-metadata: the class {color.class_name[:_SHOWN]!r} has no hex-color to show it in")
    unknown = (
        [class_name for class_name in label.classes if class_name not in classes]
        if classes is not None and task_type.adjusts
        else []
    )
    if unknown:
        raise LabelError(f"{name}: its class {unknown[0][:_SHOWN]!r} is not one of the job's labels")
    return label


def _attributes(line: Mapping[str, Any], task_type: TaskType) -> list[str]:
    """The attributes of the labels that a task type can audit, in the order of the line."""
    attributes = []
    for key, metadata in line.items():
        attribute = key.removesuffix(METADATA)
        if not key.endswith(METADATA) or not isinstance(metadata, Mapping) or line.get(attribute) is None:
            continue
        if str(metadata.get("type")).lower() == task_type.audited_type:
            attributes.append(attribute)
    return attributes


class AuditedLabels:
    """Checks the labels that a job will audit, while the lines of its manifest pass through.

    Lines that have the job's own label already are not checked: nobody will work on them.

    :param task_type: the adjustment or verification.
    :param own_attribute: the job's own label attribute.
    :param attribute: the label attribute to audit; None for the last one of the right type.
    :param classes: the labels of the job; None if they are not known.
    :ivar wanted: what is looked for, in words.
    :ivar labeled: number of lines with a label that can be audited.
    :ivar missing: number of lines without the label.
    :ivar wrong: number of lines with a label that can't be audited.
    :ivar problems: what is wrong with the first of these.
    :ivar others: the attributes that could be audited instead.
    """

    def __init__(
        self,
        task_type: TaskType,
        own_attribute: str | None = None,
        attribute: str | None = None,
        classes: Collection[str] | None = None,
    ) -> None:
        self._task_type, self._own, self._attribute = task_type, own_attribute, attribute
        self._classes = None if classes is None else frozenset(classes)
        self.wanted = f"a label {attribute!r}" if attribute else f"a label of the type {task_type.audited_type}"
        self.labeled = self.missing = self.wrong = 0
        self.problems: list[LineProblem] = []
        self.others: dict[str, None] = {}

    def through(self, lines: Iterable[bytes]) -> Iterator[bytes]:
        """Check lines while passing them through unchanged. Lines that can't be read are left to others."""
        for number, raw in enumerate(lines, 1):
            self._check(number, raw)
            yield raw

    def _check(self, number: int, raw: bytes) -> None:
        try:
            line = parse_line(raw, half_surrogates=True)
        except ValueError:
            return
        if self._own in line:
            return
        try:
            label = audited_label(line, self._task_type, self._attribute, self._classes)
        except LabelError as error:
            self.wrong += 1
            if len(self.problems) < MAX_PROBLEMS:
                self.problems.append(LineProblem(number, 0, str(error)))
            return
        self.labeled += label is not None
        self.missing += label is None
        if label is None and len(self.others) < _MAX_NAMES:
            self.others.update(dict.fromkeys(_attributes(line, self._task_type)))

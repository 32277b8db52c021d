"""Converts templated arguments to their types.

A template renders to a string: ``3``, ``False``, ``["cat", "dog"]``. With ``render_template_as_native_obj`` it renders
to whatever Python value the string looks like, so class names made of digits become numbers. Therefore every templated
argument is declared with its kind, and a value that can't be converted is refused with the argument's name.

For optional arguments, an empty string and ``None`` count as missing, because a template renders to these for a missing
value.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final, NoReturn

from labeling_provider.errors import Problem
from labeling_provider.hooks.connection import TEMPLATED_ARGUMENTS
from labeling_provider.request.workforces import AutomatedLabeling, MechanicalTurk, PrivateWorkteam, VendorWorkteam

ArgumentKind = Callable[[Any, str], Any]
"""Converts a value; the second argument is its name, for :class:`RefusedArgument`, which it raises."""

_WHOLE: Final = re.compile(r"[+-]?[0-9]{1,18}")
_NUMBER: Final = re.compile(r"[+-]?([0-9]{1,300}(\.[0-9]{0,300})?|\.[0-9]{1,300})([eE][+-]?[0-9]{1,3})?")
_MAX_WHOLE: Final = 10**18
_MAX_NUMBER: Final = 1e300
_MAX_DIGITS: Final = 10**1000
_TRUTH: Final = {"true": True, "false": False}
_MAX_SHOWN: Final = 100
_AS_LIST: Final = 'Use a list, or JSON such as ["cat", "dog"]; {{ … | tojson }} renders it.'
_AS_MAPPING: Final = 'Use a dict, or JSON such as {"key": "value"}; {{ … | tojson }} renders it.'


class RefusedArgument(Exception):
    """A value that can't be converted to its kind.

    :param problem: the argument, the reason, and the remedy.
    """

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        super().__init__(str(problem))


def problems_of(task: Any, kinds: Mapping[str, ArgumentKind]) -> list[Problem]:
    """Convert the arguments of a task in place; returns the problems of those that can't be converted.

    :param kinds: kinds by attribute.
    """
    problems = []
    for field, kind in kinds.items():
        try:
            setattr(task, field, kind(getattr(task, field), _ARGUMENTS.get(field, field)))
        except RefusedArgument as refused:
            problems.append(refused.problem)
    return problems


def _refuse(where: str, value: Any, what: str, remedy: str) -> NoReturn:
    try:
        shown = repr(value)
    except ValueError:
        shown = "a number with very many digits"
    shown = shown if len(shown) <= _MAX_SHOWN else f"{shown[:_MAX_SHOWN]}…"
    raise RefusedArgument(Problem(where, f"{shown} is not {what}.", remedy))


def _is_nothing(value: Any) -> bool:
    return value is None or (isinstance(value, str) and value.strip() in {"", "None"})


def _json(value: str, where: str, what: str, remedy: str) -> Any:
    try:
        return json.loads(value, parse_constant=float.fromhex)
    except (ValueError, RecursionError):
        _refuse(where, value, what, remedy)


# One value


def text(value: Any, where: str) -> str | None:
    """A string. Native rendering turns digits into whole numbers, so these are converted back.

    :raises RefusedArgument: if it is anything but a string or a whole number.
    """
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < _MAX_DIGITS:
        return str(value)
    _refuse(where, value, "a string", "Use a string.")


def name(value: Any, where: str) -> str | None:
    """A name, an ARN or a URI.

    :raises RefusedArgument: if it is anything but a string or a whole number.
    """
    return None if _is_nothing(value) else text(value, where)


def whole(value: Any, where: str) -> int | None:
    """A whole number.

    :raises RefusedArgument: if it is not a whole number, or has more than 18 digits.
    """
    if _is_nothing(value):
        return None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < _MAX_WHOLE:
        return value
    if isinstance(value, str) and _WHOLE.fullmatch(value.strip()):
        return int(value)
    _refuse(where, value, "a whole number", "Use a whole number, such as 3.")


def number(value: Any, where: str) -> Any:
    """A number.

    :raises RefusedArgument: if it is not a number, or not finite.
    """
    if _is_nothing(value):
        return None
    read: Any = float(value) if isinstance(value, str) and _NUMBER.fullmatch(value.strip()) else value
    if isinstance(read, int | float | Decimal) and not isinstance(read, bool) and -_MAX_NUMBER < read < _MAX_NUMBER:
        return read
    _refuse(where, value, "a number", "Use a number, such as 0.5.")


def truth(value: Any, where: str) -> bool | None:
    """True or False.

    :raises RefusedArgument: if it is neither.
    """
    if _is_nothing(value):
        return None
    read = _TRUTH.get(value.strip().lower()) if isinstance(value, str) else value
    if isinstance(read, bool):
        return read
    _refuse(where, value, "a truth value", "Use True or False.")


def required(kind: ArgumentKind) -> ArgumentKind:
    """A value of some kind that may not be missing.

    :return: a kind that refuses a missing value, and what ``kind`` refuses.
    """

    def read(value: Any, where: str) -> Any:
        read_value = kind(value, where)
        if read_value is None:
            _refuse(where, value, "allowed", "This argument is required.")
        return read_value

    return read


# Several values


def list_of(kind: ArgumentKind) -> ArgumentKind:
    """A list of values of some kind; a string must be JSON.

    :return: a kind that refuses anything else, and items that ``kind`` refuses.
    """

    def read(value: Any, where: str) -> list[Any] | None:
        if _is_nothing(value):
            return None
        given = _json(value, where, "a list", _AS_LIST) if isinstance(value, str) else value
        if not isinstance(given, Sequence) or isinstance(given, str | bytes):
            _refuse(where, value, "a list", _AS_LIST)
        return [kind(item, f"{where}[{index}]") for index, item in enumerate(given)]

    return read


def mapping_of(kind: ArgumentKind) -> ArgumentKind:
    """A mapping from strings to values of some kind; a string must be JSON.

    :return: a kind that refuses anything else, and values that ``kind`` refuses.
    """

    def read(value: Any, where: str) -> dict[str, Any] | None:
        if _is_nothing(value):
            return None
        given = _json(value, where, "a mapping", _AS_MAPPING) if isinstance(value, str) else value
        if not isinstance(given, Mapping):
            _refuse(where, value, "a mapping", _AS_MAPPING)
        return {str(text(key, where)): kind(item, f"{where}[{key!r}]") for key, item in given.items()}

    return read


def one_or_list(kind: ArgumentKind) -> ArgumentKind:
    """One value of some kind, or a list of them; a string that starts with ``[`` must be a JSON list."""
    several = list_of(kind)

    def read(value: Any, where: str) -> Any:
        is_list = value.lstrip().startswith("[") if isinstance(value, str) else isinstance(value, Sequence)
        return several(value, where) if is_list else kind(value, where)

    return read


def anything(value: Any, where: str) -> Any:
    """Any value, unchanged; it is checked elsewhere."""
    return value


texts: Final = list_of(required(text))
"""A list of strings."""

tags: Final = mapping_of(required(text))
"""Strings by name."""


def objects(value: Any, where: str) -> Sequence[Any] | None:
    """A sequence of data objects. It is not copied, because a lazy XCom sequence may not fit into memory.

    :raises RefusedArgument: if it is neither a sequence nor a JSON list.
    """
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return value
    return list_of(anything)(value, where)  # type: ignore[no-any-return]


def source(value: Any, where: str) -> str | dict[str, Any] | None:
    """A manifest: its URI, or the result of a task that wrote one.

    :raises RefusedArgument: if it is neither.
    """
    if isinstance(value, Mapping) or (isinstance(value, str) and value.lstrip().startswith("{")):
        return mapping_of(anything)(value, where)  # type: ignore[no-any-return]
    return name(value, where)


sources: Final = one_or_list(source)
"""One manifest or several."""


def manifest_in(result: Mapping[str, Any]) -> Any:
    """The manifest in a task's result: a labeling job's output, or what a task on manifests wrote; None without one."""
    return result.get("output_manifest_uri") or result.get("manifest_uri")


def manifest(value: Any, where: str) -> str | None:
    """The URI of a manifest: as it is, or in the result of a task that wrote one.

    :raises RefusedArgument: if it is neither.
    """
    given = source(value, where)
    if not isinstance(given, Mapping):
        return given
    uri = manifest_in(given)
    if not uri or not isinstance(uri, str):
        _refuse(where, given, "a manifest", "Use a manifest's URI, or the result of a task that wrote one.")
    return uri


# Arguments of labeling jobs


def category(value: Any, where: str) -> str | dict[str, Any]:
    """A label: its name, or an entry of the label category file.

    :raises RefusedArgument: if it is neither.
    """
    if isinstance(value, Mapping):
        return dict(value)
    return str(required(text)(value, where))


labels: Final = list_of(category)
"""Labels in class order."""


def workforce(value: Any, where: str) -> Any:
    """A workforce, or a workteam ARN."""
    if isinstance(value, PrivateWorkteam | VendorWorkteam):
        return type(value)(required(name)(value.arn, f"{where}.arn"))
    if isinstance(value, MechanicalTurk):
        return MechanicalTurk(
            required(_price)(value.price_usd, f"{where}.price_usd"),
            truth(value.free_of_personal_information, f"{where}.free_of_personal_information") or False,
            truth(value.adult_content, f"{where}.adult_content"),
        )
    return name(value, where)


def _price(value: Any, where: str) -> Any:
    # Keep a string, which is exact to a tenth of a cent.
    return None if number(value, where) is None else value


def automated(value: Any, where: str) -> Any:
    """A truth value, or settings for automated labeling."""
    if not isinstance(value, AutomatedLabeling):
        return truth(value, where)
    return AutomatedLabeling(
        name(value.initial_model_arn, f"{where}.initial_model_arn"),
        name(value.volume_kms_key, f"{where}.volume_kms_key"),
        texts(value.subnets, f"{where}.subnets"),
        texts(value.security_group_ids, f"{where}.security_group_ids"),
        truth(value.continue_from_previous_run, f"{where}.continue_from_previous_run") or False,
    )


def request(value: Any, where: str) -> dict[str, Any]:
    """A raw CreateLabelingJob request, or part of one; its members have the types of botocore's model."""
    given = mapping_of(anything)(value, where)
    if not given:
        return {}
    from labeling_provider.groundtruth.model import service_model

    shape = service_model().operation_model("CreateLabelingJob").input_shape
    return _member(shape)(given, where)  # type: ignore[no-any-return]


def _member(shape: Any) -> ArgumentKind:
    """The kind of a member of a request."""
    if shape.type_name == "list":
        return list_of(_member(shape.member))
    if shape.type_name != "structure":
        return {"string": text, "integer": whole, "long": whole, "boolean": truth}.get(shape.type_name, anything)

    def read(value: Any, where: str) -> dict[str, Any] | None:
        given = mapping_of(anything)(value, where)
        if given is None:
            return None
        # Checking the request reports members that the model does not know.
        return {
            key: _member(shape.members[key])(member, f"{where}.{key}") if key in shape.members else member
            for key, member in given.items()
        }

    return read


def job(value: Any, where: str) -> dict[str, Any]:
    """Arguments of ``CreateLabelingJobOperator``.

    :raises RefusedArgument: naming the argument that can't be read.
    """
    given = required(mapping_of(anything))(value, where)
    return {key: JOB.get(key, anything)(value, f"{where}[{key!r}]") for key, value in given.items()}


CONNECTION: Final[Mapping[str, ArgumentKind]] = dict.fromkeys(TEMPLATED_ARGUMENTS, name)
"""The templated connection arguments."""

JOB: Final[Mapping[str, ArgumentKind]] = {
    "task_type": name,
    "config": request,
    "manifest_uri": manifest,
    "input_topic_arn": name,
    "output_uri": name,
    "output_topic_arn": name,
    "output_kms_key": name,
    "label_attribute_name": name,
    "labels": labels,
    "category_uri": name,
    "audited_attribute": name,
    "workforce": workforce,
    "role_arn": name,
    "title": text,
    "description": text,
    "instructions": text,
    "keywords": texts,
    "ui_template_uri": name,
    "pre_annotation_function": name,
    "consolidation_function": name,
    "consolidation": name,
    "workers_per_object": whole,
    "time_limit": whole,
    "availability": whole,
    "max_concurrent_objects": whole,
    "max_human_labeled_objects": whole,
    "max_percentage_labeled": whole,
    "automated_labeling": automated,
    "content_classifiers": texts,
    "tags": tags,
}
"""The arguments of a labeling job: the fields of :class:`labeling_provider.request.LabelingJobSpec`."""

_ARGUMENTS: Final = {"labeling_type": "task_type"}

"""Checks a request against botocore's model of SageMaker: types, required members, lengths, patterns, enums.

botocore itself checks only types, required members and minimums before sending; Amazon checks the rest.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple


class Violation(NamedTuple):
    """A value that the model does not allow.

    :param path: its place in Amazon's notation: ``humanTaskConfig.taskKeywords.1.member``.
    :param field: its place in the request's notation: ``HumanTaskConfig.TaskKeywords[0]``.
    :param value: the value as Amazon quotes it; None if it is missing.
    :param constraint: the rule, in the words of Amazon's validation errors.
    """

    path: str
    field: str
    value: str | None
    constraint: str


def service_model() -> Any:
    """botocore's model of SageMaker, loaded once (about 0.3 s)."""
    return _model_of("sagemaker")


@lru_cache
def _model_of(service: str) -> Any:
    from botocore.session import get_session

    return get_session().get_service_model(service)


def violations(operation: str, request: dict[str, Any], service: str = "sagemaker") -> list[Violation]:
    """Everything in a request that botocore's model forbids.

    :param operation: such as ``CreateLabelingJob``.
    :param request: the request's members, as given to a boto3 client.
    :param service: as boto3 names it.
    """
    shape = _model_of(service).operation_model(operation).input_shape
    return list(_walk(shape, request, "", ""))


def known_members(operation: str, request: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """A request without the members that botocore's model does not have, such as those of a newer client.

    :return: the rest of it, and the places of those members, as in ``HumanTaskConfig.TaskColor``.
    """
    unknown: list[str] = []
    shape = service_model().operation_model(operation).input_shape
    known: dict[str, Any] = _known(shape, request, "", unknown)
    return known, unknown


def _known(shape: Any, value: Any, field: str, unknown: list[str]) -> Any:
    if shape.type_name == "structure" and isinstance(value, dict) and not shape.is_document_type:
        unknown += [f"{field}{name}" for name in value if name not in shape.members]
        return {
            name: _known(shape.members[name], member, f"{field}{name}.", unknown)
            for name, member in value.items()
            if name in shape.members
        }
    if shape.type_name == "list" and isinstance(value, list):
        return [_known(shape.member, item, field, unknown) for item in value]
    if shape.type_name == "map" and isinstance(value, dict):
        return {name: _known(shape.value, member, f"{field}{name}.", unknown) for name, member in value.items()}
    return value


def type_problems(operation: str, request: dict[str, Any]) -> str:
    """What botocore itself would object to before it sends a request: types, required members and minimums. A time
    must be a number, which is what botocore sends.

    :return: in botocore's words; empty if there is nothing.
    """
    shape = service_model().operation_model(operation).input_shape
    problems: str = _type_validator().validate(request, shape).generate_report()
    return problems


@lru_cache
def _type_validator() -> Any:
    from botocore.validate import ParamValidator

    class Validator(ParamValidator):  # type: ignore[misc]
        """botocore accepts whatever it can turn into a time."""

        def _validate_timestamp(self, param: Any, shape: Any, errors: Any, name: str) -> None:
            if not isinstance(param, int | float) or not _is_sound(shape.type_name, param):
                errors.report(name, "invalid type", param=param, valid_types=["seconds since 1970"])

    return Validator()


_LOWER_FIRST = re.compile(r"^[A-Z]")
# Python's re has no Unicode properties. These are the nearest classes for those in the model's patterns.
_UNICODE_CLASSES = {
    r"\p{L}": r"\w",
    r"\p{N}": r"\w",
    r"\p{Z}": r"\s",
    r"\p{M}": r"\u0300-\u036f\u0900-\u0963",
    r"\p{S}": r"$+<=>^`|~\u00a2-\u00b8\u2044-\u2bff",
    r"\p{P}": r"!-#%-*,-/:;?@\[-\]_{}\u00a1-\u00bf\u2010-\u205e\u3001-\u303d",
}
_PYTHON_TYPES: dict[str, type | tuple[type, ...]] = {
    "string": str,
    "integer": int,
    "long": int,
    "boolean": bool,
    "structure": dict,
    "map": dict,
    "list": (list, tuple),
    "timestamp": (int, float, datetime),
}
_SIZES = {"integer": 1 << 31, "long": 1 << 63}
_MAX_TIME = 253_402_300_800
"""Epoch seconds at the end of the year 9999."""


def _walk(shape: Any, value: Any, path: str, field: str) -> Iterator[Violation]:
    expected = _PYTHON_TYPES.get(shape.type_name)
    mismatch = expected is not None and not isinstance(value, expected)
    if mismatch or not _is_sound(shape.type_name, value):
        yield Violation(path, field, _quote(value), f"Member must be of type {shape.type_name}")
        return
    if shape.type_name == "structure":
        yield from _walk_structure(shape, value, path, field)
    elif shape.type_name == "list":
        yield from _in_range(shape, len(value), path, field, value, "length")
        for index, item in enumerate(value):
            yield from _walk(shape.member, item, f"{path}.{index + 1}.member", f"{field}[{index}]")
    elif shape.type_name == "map":
        yield from _in_range(shape, len(value), path, field, value, "length")
        for name, item in value.items():
            yield from _walk(shape.key, name, path, field)
            yield from _walk(shape.value, item, f"{path}.{name}.member", f"{field}.{name}")
    elif shape.type_name == "string":
        yield from _walk_string(shape, value, path, field)
    elif shape.type_name in {"integer", "long"}:
        yield from _in_range(shape, value, path, field, value, "value")


def _is_sound(type_name: str, value: Any) -> bool:
    """Whether a value fits Amazon's number types; True for any other type."""
    if isinstance(value, bool):
        return type_name not in {"integer", "long", "timestamp"}
    if type_name == "timestamp" and isinstance(value, int | float):
        return abs(value) < _MAX_TIME
    size = _SIZES.get(type_name)
    return size is None or -size <= value < size


def _walk_structure(shape: Any, value: dict[str, Any], path: str, field: str) -> Iterator[Violation]:
    for name, member in shape.members.items():
        member_path = ".".join(filter(None, (path, _camel(name))))
        member_field = ".".join(filter(None, (field, name)))
        if value.get(name) is not None:
            yield from _walk(member, value[name], member_path, member_field)
        elif name in shape.required_members:
            yield Violation(member_path, member_field, None, "Member must not be null")
    for name in value:
        if name not in shape.members:
            known = ", ".join(shape.members)
            yield Violation(
                ".".join(filter(None, (path, _camel(str(name))))),
                ".".join(filter(None, (field, str(name)))),
                _quote(value[name]),
                f"Member must be one of {known}",
            )


def _walk_string(shape: Any, value: str, path: str, field: str) -> Iterator[Violation]:
    yield from _in_range(shape, len(value), path, field, value, "length")
    pattern, max_length = shape.metadata.get("pattern"), shape.metadata.get("max")
    # Some patterns take very long on a very long string, which the length check refuses anyway.
    if pattern and (max_length is None or len(value) <= max_length) and not _compiled(pattern).fullmatch(value):
        yield Violation(path, field, _quote(value), f"Member must satisfy regular expression pattern: {pattern}")
    if shape.enum and value not in shape.enum:
        allowed = ", ".join(shape.enum)
        yield Violation(path, field, _quote(value), f"Member must satisfy enum value set: [{allowed}]")


def _in_range(shape: Any, size: int, path: str, field: str, value: Any, what: str) -> Iterator[Violation]:
    low, high = shape.metadata.get("min"), shape.metadata.get("max")
    if low is not None and size < low:
        yield Violation(path, field, _quote(value), f"Member must have {what} greater than or equal to {low}")
    if high is not None and size > high:
        yield Violation(path, field, _quote(value), f"Member must have {what} less than or equal to {high}")


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> re.Pattern[str]:
    for java, python in _UNICODE_CLASSES.items():
        pattern = pattern.replace(java, python)
    return re.compile(pattern)


def _camel(name: str) -> str:
    return _LOWER_FIRST.sub(lambda match: match[0].lower(), name)


def _quote(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 200 else text[:200] + "…"

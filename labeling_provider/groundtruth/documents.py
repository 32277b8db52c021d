"""Reads and writes JSON and text from outside so that writing never fails.

A Python string can hold a lone surrogate, which no UTF-8 file or database accepts. Python's JSON parser also accepts
numbers and nesting that its writer refuses.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any, Final

MAX_NESTING: Final = 100
"""Most levels of lists and objects in a data object's line; far more than any label needs."""

NOT_UNICODE: Final = (
    "It is not valid Unicode: it contains a lone surrogate. Write the character itself, or both surrogates."
)
TOO_DEEP: Final = f"It is nested more than {MAX_NESTING} levels deep."

_SURROGATES: Final = re.compile("[\ud800-\udfff]")


def as_json(value: Any) -> str:
    """JSON as the service writes it: UTF-8 text unchanged, lone surrogates escaped.

    :raises ValueError: for a number that JSON cannot express, such as NaN.
    """
    text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    return text if text.isascii() else _SURROGATES.sub(lambda surrogate: f"\\u{ord(surrogate[0]):04x}", text)


def strict_json(text: str | bytes) -> Any:
    """Parse a JSON document.

    :raises ValueError: if it is not JSON, is nested too deeply, or holds a number JSON lacks, such as NaN or 1e999.
    """
    try:
        return json.loads(text, parse_constant=refuse_constant, parse_float=finite_float)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def refuse_constant(name: str) -> None:
    """``parse_constant`` of :func:`json.loads` for NaN and the infinities.

    :raises ValueError: always.
    """
    raise ValueError(f"{name} is not a number in JSON")


def finite_float(text: str) -> float:
    """``parse_float`` of :func:`json.loads`.

    :raises ValueError: if the number is too large for a float.
    """
    number = float(text)
    if math.isinf(number):
        raise ValueError(f"the number {text[:40]} is too large")
    return number


def trouble_with(text: str, value: Any) -> str | None:
    """Why a data object cannot be shown and written like any other, as a sentence for people; None if it can.

    :param text: its manifest line.
    :param value: the line, parsed.
    """
    if not is_unicode(text):
        return NOT_UNICODE
    # Cheap check first: most lines need no walk through the value.
    if "\\u" not in text and text.count("[") + text.count("{") <= MAX_NESTING:
        return None
    if is_deep(value):
        return TOO_DEEP
    return NOT_UNICODE if lone_surrogate(value) else None


def is_deep(value: Any) -> bool:
    """Whether a JSON value has more than :data:`MAX_NESTING` levels. Not recursive, so any depth works."""
    level, depth = [value] if isinstance(value, dict | list) else [], 0
    while level and depth <= MAX_NESTING:
        depth += 1
        children = (part.values() if isinstance(part, dict) else part for part in level)
        level = [child for siblings in children for child in siblings if isinstance(child, dict | list)]
    return depth > MAX_NESTING


def lone_surrogate(value: Any) -> str | None:
    """The first lone surrogate in the keys and strings of a JSON value; None if there is none.

    :param value: at most :data:`MAX_NESTING` levels deep.
    """
    surrogate = _SURROGATES.search(json.dumps(value, ensure_ascii=False))
    return surrogate[0] if surrogate else None


def is_unicode(text: str) -> bool:
    """Whether a string can be encoded as UTF-8."""
    return text.isascii() or _SURROGATES.search(text) is None


def plain(text: str, max_characters: int) -> str:
    """A string that every database accepts: lone surrogates and NUL characters are replaced.

    :param max_characters: the number of characters to keep.
    """
    return _SURROGATES.sub("\ufffd", text[:max_characters]).replace("\x00", "\ufffd")


def with_result(line: str, result: str | None) -> str:
    """An output line: a manifest line with its object's result added; both are JSON objects, as strings."""
    if result is None:
        return line
    try:
        return as_json({**json.loads(line), **json.loads(result)})
    except RecursionError:
        # Nested too deeply to parse here, so join the strings. Of two equal keys the last one counts.
        return f"{line.rstrip()[:-1].rstrip()}, {result.lstrip()[1:]}"

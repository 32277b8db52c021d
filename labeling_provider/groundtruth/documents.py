"""JSON and text as the service takes them in and writes them: whatever came from outside, writing it does not fail.

Python's strings can hold half a surrogate pair, which no file and no database can; its parser takes numbers and depths
that its writer refuses.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from typing import Any, Final

MAX_NESTING: Final = 100
"""So many levels of lists and objects a data object's line may have; far more than any label has."""

NOT_UNICODE: Final = "It is not valid Unicode: it holds half a surrogate pair. Write the character itself, or its pair."
TOO_DEEP: Final = f"It is nested more than {MAX_NESTING} levels deep."

_HALF_PAIRS: Final = re.compile("[\ud800-\udfff]")


def as_json(value: Any) -> str:
    """JSON as the service writes it: UTF-8 text kept as it is, half surrogate pairs as escapes.

    :raises ValueError: for a number that JSON does not have, such as NaN.
    """
    text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    return text if text.isascii() else _HALF_PAIRS.sub(lambda half: f"\\u{ord(half[0]):04x}", text)


def strict_json(text: str | bytes) -> Any:
    """What a JSON document says.

    :raises ValueError: if it is none, or holds what JSON does not have, such as NaN and 1e999.
    """
    try:
        return json.loads(text, parse_constant=_refuse, parse_float=_finite)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def _refuse(name: str) -> None:
    raise ValueError(f"{name} is no number in JSON")


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError(f"{text[:40]} is too large a number")
    return number


def trouble_with(text: str, value: Any) -> str | None:
    """What keeps a data object from being shown and written like any other, in words for a person; None if nothing.

    :param text: its manifest line.
    :param value: the same, parsed.
    """
    if not is_unicode(text):
        return NOT_UNICODE
    # Most lines are cleared without a look inside.
    if "\\u" not in text and text.count("[") + text.count("{") <= MAX_NESTING:
        return None
    if is_deep(value):
        return TOO_DEEP
    return None if all(is_unicode(one) for one, _ in _parts(value) if isinstance(one, str)) else NOT_UNICODE


def is_deep(value: Any) -> bool:
    """Whether a JSON value has more than :data:`MAX_NESTING` levels."""
    return any(depth > MAX_NESTING for one, depth in _parts(value) if isinstance(one, list | dict))


def _parts(value: Any) -> Iterator[tuple[Any, int]]:
    """A JSON value, its keys and all that is in it, each with its level from 1; no depth is too much."""
    left = [(value, 1)]
    while left:
        one, depth = left.pop()
        yield one, depth
        if isinstance(one, list | dict):
            inside = [*one, *one.values()] if isinstance(one, dict) else one
            left += [(part, depth + 1) for part in inside]


def is_unicode(text: str) -> bool:
    """Whether a text can be written in UTF-8."""
    return text.isascii() or _HALF_PAIRS.search(text) is None


def plain(text: str, most: int) -> str:
    """A text as every database takes it.

    :param most: characters that are kept.
    """
    return _HALF_PAIRS.sub("\ufffd", text[:most]).replace("\x00", "\ufffd")


def with_result(line: str, result: str | None) -> str:
    """An output line: a manifest line with what has become of its object, both JSON objects."""
    if result is None:
        return line
    try:
        return as_json({**json.loads(line), **json.loads(result)})
    except RecursionError:
        # Nested too deeply to be taken apart here. Of two equal keys the last one counts.
        return f"{line.rstrip()[:-1].rstrip()}, {result.lstrip()[1:]}"

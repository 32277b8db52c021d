"""Tags as Amazon writes them: lists of keys and values. Source: API reference, Tag."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any


def are_tags(value: Any) -> bool:
    """Whether this is a list of tags, so that :func:`read_tags` can read it.

    :param value: anything, such as a request's ``Tags``.
    """
    return isinstance(value, list | tuple) and all(
        isinstance(tag, Mapping) and all(isinstance(tag.get(name), str) for name in ("Key", "Value")) for tag in value
    )


def read_tags(tags: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """The values of tags by key; of two equal keys the last one counts.

    :param tags: entries with ``Key`` and ``Value``.
    """
    return {tag["Key"]: tag["Value"] for tag in tags}


def write_tags(values: Mapping[str, str]) -> list[dict[str, str]]:
    """Tags as a request or a response has them; the inverse of :func:`read_tags`.

    :param values: values by key.
    """
    return [{"Key": key, "Value": value} for key, value in values.items()]

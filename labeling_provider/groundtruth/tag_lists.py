"""Tags as Amazon writes them: lists of keys and values. Source: API reference, Tag."""

from __future__ import annotations

from collections.abc import Iterable, Mapping


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

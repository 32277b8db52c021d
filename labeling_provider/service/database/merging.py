"""Merges what two writers have changed at once, each unaware of the other, so that neither change is lost."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any


def merge(before: Mapping[str, Any], after: Mapping[str, Any], stored: Mapping[str, Any]) -> dict[str, Any]:
    """Merge a change from ``before`` to ``after`` with one from ``before`` to ``stored``.

    :return: without what ``after`` has removed; what both have changed is as in ``after``.
    """
    gone = before.keys() - after.keys()
    own = {name: value for name, value in after.items() if name not in before or before[name] != value}
    return {**{name: value for name, value in stored.items() if name not in gone}, **own}


def merge_fields(before: Mapping[str, Any], after: Mapping[str, Any], stored: Mapping[str, Any]) -> dict[str, Any]:
    """As :func:`merge`, but fields that are objects or lists are merged member by member.

    Members of a list are identified by their ``Id``, or without one by their value.
    """
    merged = merge(before, after, stored)
    for name in after.keys() & stored.keys():
        parts = before.get(name), after[name], stored[name]
        if isinstance(after[name], dict):
            merged[name] = merge(*(part if isinstance(part, dict) else {} for part in parts))
        elif isinstance(after[name], list):
            merged[name] = [*merge(*map(_by_id, parts)).values()]
    return merged


def _by_id(members: Any) -> dict[str, Any]:
    return {_id(member): member for member in members} if isinstance(members, list) else {}


def _id(member: Any) -> str:
    own = member.get("Id") if isinstance(member, dict) else None
    return json.dumps(member, sort_keys=True) if own is None else str(own)

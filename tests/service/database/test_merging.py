"""What two have changed at once."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from labeling_provider.service.database.merging import merge, merge_fields

VALUES = st.dictionaries(st.sampled_from("abcd"), st.integers(0, 2))


@given(VALUES, VALUES, VALUES)
def test_each_member_is_as_whoever_has_changed_it_left_it(
    before: dict[str, int], after: dict[str, int], stored: dict[str, int]
) -> None:
    merged = merge(before, after, stored)
    for name in "abcd":
        changed = after.get(name) != before.get(name)
        assert merged.get(name) == (after if changed else stored).get(name)
    assert merge(before, after, before) == after
    assert merge(before, before, stored) == stored


@given(VALUES, VALUES, VALUES)
def test_lists_and_objects_in_fields_are_merged_alike(
    before: dict[str, int], after: dict[str, int], stored: dict[str, int]
) -> None:
    def fields(members: dict[str, int]) -> dict[str, Any]:
        targets = [{"Id": name, "n": value} for name, value in members.items()]
        names: list[Any] = sorted(members)
        return {"object": members, "targets": targets, "names": names}

    merged = merge_fields(fields(before), fields(after), fields(stored))
    expected = merge(before, after, stored)
    assert merged["object"] == {target["Id"]: target["n"] for target in merged["targets"]} == expected
    gone, new = before.keys() - after.keys(), after.keys() - before.keys()
    assert set(merged["names"]) == stored.keys() - gone | new
    assert len(merged["names"]) == len(set(merged["names"]))


def test_a_field_of_another_kind_takes_the_place_of_what_was() -> None:
    assert merge_fields({"a": 1}, {"a": {"b": 1}}, {"a": 2}) == {"a": {"b": 1}}
    assert merge_fields({"a": [1]}, {"a": None}, {"a": [1, 2]}) == {"a": None}

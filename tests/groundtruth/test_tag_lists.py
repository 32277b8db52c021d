"""Tags are read and written as Amazon writes them."""

from __future__ import annotations

from labeling_provider.groundtruth.tag_lists import are_tags, read_tags, write_tags


def test_tags_read_as_they_were_written() -> None:
    values = {"team": "birds", "cost": "7"}
    assert write_tags(values) == [{"Key": "team", "Value": "birds"}, {"Key": "cost", "Value": "7"}]
    assert read_tags(write_tags(values)) == values
    assert read_tags([*write_tags(values), {"Key": "cost", "Value": "8"}])["cost"] == "8"


def test_only_a_list_of_keys_and_values_is_tags() -> None:
    assert are_tags([])
    assert are_tags(write_tags({"team": "birds"}))
    for wrong in (
        None,
        "team",
        3,
        {"Key": "team", "Value": "birds"},
        [None],
        [{"Key": "team"}],
        [{"Key": [], "Value": ""}],
    ):
        assert not are_tags(wrong)

"""Lists of S3, against lists of all there is."""

from __future__ import annotations

import json
from itertools import groupby

from hypothesis import given
from hypothesis import strategies as st

from labeling_provider.service.cloud.embedded.s3_lists import (
    name_of,
    page_of_objects,
    page_of_versions,
    token_of,
)
from labeling_provider.service.database.recorded_objects import StoredVersion

NAMES = st.text(alphabet="ab/\ud7ff\U0010ffff", min_size=1, max_size=4)
# Of each key, oldest first: whether it is a delete marker.
BUCKETS = st.dictionaries(NAMES, st.lists(st.booleans(), min_size=1, max_size=3), max_size=30)
PREFIXES = st.text(alphabet="ab/\ud7ff\U0010ffff", max_size=2)
DELIMITERS = st.sampled_from(["", "/", "a", "\ud7ff", "\U0010ffff"])


class Bucket:
    """Versions as the database returns them.

    :ivar rows: by key, newest first for each.
    :ivar asked: of how many keys was asked, in all.
    """

    def __init__(self, content: dict[str, list[bool]]) -> None:
        self.asked = 0
        self.rows = [
            StoredVersion(0, key, str(number), json.dumps({"again": False} if marker else {}), 0, b"")
            for key, markers in sorted(content.items())
            for number, marker in reversed(list(enumerate(markers)))
        ]

    def all(self, first: str, limit: int, *, after: bool) -> list[StoredVersion]:
        self.asked += limit
        keys = sorted({row.key for row in self.rows if (row.key > first if after else row.key >= first)})[:limit]
        return [row for row in self.rows if row.key in keys]

    def latest(self, first: str, limit: int, *, after: bool) -> list[StoredVersion]:
        return [next(rows) for _, rows in groupby(self.all(first, limit, after=after), key=lambda row: row.key)]


def folder(key: str, prefix: str, delimiter: str) -> str:
    rest = key[len(prefix) :]
    return prefix + rest[: rest.index(delimiter) + len(delimiter)] if delimiter and delimiter in rest else ""


@given(BUCKETS, PREFIXES, DELIMITERS, st.integers(1, 5))
def test_the_pages_together_have_every_object_or_its_common_prefix_once(
    content: dict[str, list[bool]], prefix: str, delimiter: str, max_entries: int
) -> None:
    present = [key for key, markers in content.items() if not markers[-1] and key.startswith(prefix)]
    expected = sorted({folder(key, prefix, delimiter) or key for key in present})
    seen: list[str] = []
    after: str | None = ""
    while after is not None:
        page = page_of_objects(Bucket(content).latest, prefix, delimiter, after, max_entries)
        assert len(page.entries) <= max_entries
        seen += [entry if isinstance(entry, str) else entry.key for entry in page.entries]
        after = page.token and name_of(page.token)
    assert seen == expected


@given(BUCKETS, PREFIXES, DELIMITERS, NAMES)
def test_a_list_may_begin_after_any_name(
    content: dict[str, list[bool]], prefix: str, delimiter: str, after: str
) -> None:
    whole, rest = (
        page_of_objects(Bucket(content).latest, prefix, delimiter, start, 99).entries for start in ("", after)
    )
    names = [entry if isinstance(entry, str) else entry.key for entry in whole]
    assert [entry if isinstance(entry, str) else entry.key for entry in rest] == [
        name for name in names if name > after
    ]


@given(BUCKETS, PREFIXES, DELIMITERS, st.integers(1, 5))
def test_the_pages_together_have_every_version_or_its_common_prefix_once(
    content: dict[str, list[bool]], prefix: str, delimiter: str, max_entries: int
) -> None:
    within = [row for row in Bucket(content).rows if row.key.startswith(prefix)]
    versions: list[tuple[str, str, bool]] = []
    prefixes: list[str] = []
    key: str | None = ""
    version: str | None = ""
    while key is not None:
        page = page_of_versions(Bucket(content).all, prefix, delimiter, key, version or "", max_entries)
        assert len(page.versions) + len(page.prefixes) <= max_entries
        versions += [(row.key, row.version, latest) for row, latest in page.versions]
        prefixes += page.prefixes
        key, version = page.next_key, page.next_version
    single = [row for row in within if not folder(row.key, prefix, delimiter)]
    assert versions == [(row.key, row.version, int(row.version) == len(content[row.key]) - 1) for row in single]
    assert prefixes == sorted({folder(row.key, prefix, delimiter) for row in within} - {""})


def test_what_is_below_a_common_prefix_is_not_looked_at() -> None:
    bucket = Bucket({f"{folder}/{number:03}": [False] for folder in "abc" for number in range(500)})
    page = page_of_objects(bucket.latest, "", "/", "", 1_000)
    assert page.entries == ["a/", "b/", "c/"]
    assert bucket.asked < 100


def test_a_page_of_none_is_the_last() -> None:
    bucket = Bucket({"a": [False]})
    assert page_of_objects(bucket.latest, "", "", "", 0) == ([], None)
    assert page_of_versions(bucket.all, "", "", "", "", 0) == ([], [], None, None)


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"])))
def test_a_token_names_its_place_and_nothing_else_is_one(name: str) -> None:
    token = token_of(name)
    assert name_of(token) == name
    assert token.replace("-", "").replace("_", "").replace(".", "").isalnum()
    assert name_of(name) is None
    assert name_of(token[:-1]) is None

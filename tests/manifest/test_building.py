"""New manifests out of data objects: what is known is left out, and so many are chosen."""

from __future__ import annotations

import json
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labeling_provider.groundtruth.objects import ObjectKeys
from labeling_provider.manifest import Files, ManifestError
from labeling_provider.manifest.building import Building, Candidate, column_objects, text_objects
from labeling_provider.manifest.select import Known


def built(
    objects: Iterable[Any],
    max_objects: int | None = None,
    choose: Literal["first", "random"] = "first",
    *,
    known: Iterable[Any] = (),
    keys: ObjectKeys | None = None,
    data_key: str = "",
) -> tuple[list[dict[str, Any]], dict[str, int]]:
    """The lines of some objects, and what was counted."""
    with closing(Known()) as there:
        for line in known:
            there.add((keys or ObjectKeys()).digest(line))
        building = Building(there, data_key, keys)
        candidates = (
            item if isinstance(item, Candidate) else Candidate.of(item, f"object {number}", data_key)
            for number, item in enumerate(objects, 1)
        )
        lines = list(building.lines(candidates, max_objects, choose))
    assert all(line.endswith(b"\n") for line in lines)
    return [json.loads(line) for line in lines], dict(building.counts)


def test_texts_references_and_whole_lines_become_objects() -> None:
    whole = {"source": "a", "page": 2}
    lines, counts = built(["a text", "s3://b/1.png", whole, "a text", {"page": 2.0, "source": "a"}])
    assert lines == [{"source": "a text"}, {"source-ref": "s3://b/1.png"}, whole]
    assert counts == {"found": 5, "known": 2, "empty": 0}
    assert Candidate.of("s3://b/1.png", "here", "source") == Candidate({"source": "s3://b/1.png"}, "here")


def test_what_is_known_is_left_out_by_the_keys_that_count() -> None:
    pages = [{"source": "doc", "page": number} for number in range(3)]
    assert built(pages, known=pages[:1])[0] == pages[1:]
    lines, counts = built(pages, known=pages[:1], keys=ObjectKeys(["source"]))
    assert (lines, counts["known"]) == ([], 3)


def test_nothing_is_counted_and_everything_is_looked_at() -> None:
    lines, counts = built([Candidate(None, "line 1"), "a", "b", "c"], 1)
    assert lines == [{"source": "a"}]
    assert counts == {"found": 3, "known": 0, "empty": 1}


NAMES = st.lists(st.text(st.sampled_from("abc"), min_size=1, max_size=3), max_size=12)


@settings(deadline=None)
@given(NAMES, st.integers(0, 6), NAMES)
def test_a_random_choice_is_the_same_in_any_order_and_grows_with_what_is_asked_for(
    names: list[str], max_objects: int, more: list[str]
) -> None:
    chosen, counts = built(names, max_objects, "random")
    assert len(chosen) == min(max_objects, len(set(names)))
    assert chosen == [line for name in dict.fromkeys(names) if (line := {"source": name}) in chosen], "in their order"
    assert counts["found"] == len(names)
    assert sorted(map(str, built(reversed(names), max_objects, "random")[0])) == sorted(map(str, chosen))
    larger = built(names, max_objects + 1, "random")[0]
    assert all(name in larger for name in chosen)
    grown = built([*names, *more], max_objects, "random")[0]
    assert all(line in chosen for line in grown if line["source"] in names), "nobody is chosen because others come"


@given(NAMES, st.none() | st.integers(0, 6))
def test_the_first_are_those_that_come_first(names: list[str], max_objects: int | None) -> None:
    assert [line["source"] for line in built(names, max_objects)[0]] == list(dict.fromkeys(names))[:max_objects]


@pytest.mark.parametrize(
    ("bad", "data_key", "words"),
    [
        ({"text": "a"}, "", 'object 2: has no "source" or "source-ref"'),
        ({"source-ref": "s3://b/k"}, "source", 'object 2: has no "source"'),
        ({"source-ref": "/1.png"}, "", "object 2: .*not an S3 URI"),
        ({"source": float("nan")}, "", "object 2: "),
        ({"source": {1, 2}}, "", "object 2: "),
        ({"source": "\ud800"}, "", "object 2: .*half a character"),
        ("a" * 100_001, "", "object 2: 100,01"),
    ],
)
def test_an_object_that_can_be_no_line_is_told_with_its_place(bad: Any, data_key: str, words: str) -> None:
    with pytest.raises(ManifestError, match=words):
        built(["good", bad], data_key=data_key)


def test_each_line_of_a_file_is_a_text(tmp_path: Path) -> None:
    file = tmp_path / "texts"
    file.write_bytes("\ufeffgood\r\n\r\n  größer  \nlast".encode())
    candidates = list(text_objects(Files(), str(file)))
    assert [candidate.data for candidate in candidates] == [
        {"source": "good"},
        None,
        {"source": "größer"},
        {"source": "last"},
    ]
    assert candidates[1].where == f"{file}, line 2"
    file.write_bytes(b"good\nb\xff\n")
    with pytest.raises(ManifestError, match="line 2: byte 2 is not UTF-8"):
        list(text_objects(Files(), str(file)))


def test_a_column_of_a_table_is_read(tmp_path: Path) -> None:
    import pyarrow
    from pyarrow import parquet

    table = tmp_path / "t.csv"
    table.write_bytes(b'id,review\n1,"good, really\nso"\n2,\n3,bad\n')
    candidates = list(column_objects(Files(), str(table), "review"))
    assert [candidate.data for candidate in candidates] == [{"source": "good, really\nso"}, None, {"source": "bad"}]
    assert candidates[2].where == f"{table}, row 3"
    other = tmp_path / "t.parquet"
    parquet.write_table(pyarrow.table({"uri": ["s3://b/1.png", None, "7"], "id": [1, 2, 3]}), other)
    assert [candidate.data for candidate in column_objects(Files(), str(other), "uri")] == [
        {"source-ref": "s3://b/1.png"},
        None,
        {"source": "7"},
    ]
    assert next(column_objects(Files(), str(other), "id", "source")).data == {"source": "1"}
    with pytest.raises(ManifestError, match="has no column 'text'; its columns: 'uri', 'id'"):
        list(column_objects(Files(), str(other), "text"))


@pytest.mark.parametrize(
    ("name", "body", "words"),
    [
        ("t.csv", b"id,text\n1,a\n", "has no column 'review'; its columns: 'id', 'text'"),
        ("t.csv", b"", "has no column 'review'; its columns: none"),
        ("t.csv", b"review\n\xff\n", "line 2: byte 1 is not UTF-8"),
        ("t.csv", b"review\n" + b"a" * 200_000, "line 2: is not CSV: field larger than"),
        ("t.csv", b"review\n" + "ä".encode() * 300_000, "line 2: has 600,000 bytes"),
        ("t.parquet", b"no", "is not a Parquet file"),
    ],
)
def test_a_table_that_can_not_be_read_is_an_error(tmp_path: Path, name: str, body: bytes, words: str) -> None:
    file = tmp_path / name
    file.write_bytes(body)
    with pytest.raises(ManifestError) as caught:
        list(column_objects(Files(), str(file), "review"))
    assert words in str(caught.value)
    assert str(caught.value).startswith(str(file))

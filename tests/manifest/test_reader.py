"""Manifests, line by line."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Iterator

from hypothesis import given
from hypothesis import strategies as st

from labeling_provider.manifest import check_manifest, read_manifest, split_lines

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)

LINES = st.lists(
    st.builds(
        lambda data, more: {**more, **data},
        st.fixed_dictionaries({"source": st.text()}) | st.just({"source-ref": "s3://b/k"}),
        st.dictionaries(st.text().filter(lambda key: not key.startswith("source")), JSON),
    ),
    min_size=1,
    max_size=10,
)


@given(LINES, st.sampled_from([b"\n", b"\r\n"]), st.booleans())
def test_what_was_written_is_read(lines: list[dict], ending: bytes, ascii_only: bool) -> None:
    raw = [json.dumps(line, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass") + ending for line in lines]
    if any(b"\xed" in line for line in raw):
        return
    assert list(read_manifest(raw)) == json.loads(json.dumps(lines))
    assert check_manifest(raw).lines == len(lines)


@given(st.binary(max_size=300))
def test_no_bytes_make_it_stumble(body: bytes) -> None:
    report = check_manifest(split_lines([body]))
    assert report.lines == len(list(split_lines([body])))
    assert report.problems or report.lines


@given(st.binary(max_size=200), st.integers(1, 20))
def test_lines_are_the_same_however_the_file_is_cut(body: bytes, size: int) -> None:
    chunks = [body[start : start + size] for start in range(0, len(body), size)]
    assert list(split_lines(chunks)) == list(split_lines([body]))
    assert b"".join(split_lines(chunks)) == body


def test_a_line_without_an_end_is_not_held_in_memory() -> None:
    def endless() -> Iterator[bytes]:
        for _ in range(1000):
            yield b"a" * 65_536

    tracemalloc.start()
    (line,) = split_lines(endless())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(line) < 500_000
    assert peak < 3_000_000

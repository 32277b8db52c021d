"""Manifests, line by line."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeling_provider.manifest import ManifestError, check_manifest, read_manifest, split_lines

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


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"\xff\n", "byte 1 is not UTF-8"),
        (b"{\n", "not JSON"),
        (b"[1]\n", "not a JSON object"),
        (b"\n", "not JSON"),
        (b'{"text": 1}\n', 'has no "source" or "source-ref"'),
        (b'{"source": 5}\n', 'has no "source" or "source-ref"'),
        (b'{"source-ref": "/local/path"}\n', "not an S3 URI"),
        (b'{"a":' * 50_000 + b"\n", "characters"),
        (b"[" * 90_000 + b"\n", "is nested more than 100 levels deep"),
    ],
)
def test_a_bad_line_is_named_with_its_place(raw: bytes, words: str) -> None:
    good = b'{"source": "a"}\n'
    with pytest.raises(ManifestError) as caught:
        list(read_manifest([good, raw], "s3://b/in.manifest"))
    assert str(caught.value).startswith("s3://b/in.manifest: line 2: ")
    assert words in str(caught.value)
    (problem,) = check_manifest([good, raw, good]).problems
    assert (problem.line, problem.offset) == (2, len(good))


def test_all_problems_are_reported_and_many_are_counted() -> None:
    report = check_manifest([b"x\n"] * 50)
    assert [problem.line for problem in report.problems] == list(range(1, 21))
    assert report.more_problems == 30


def test_a_byte_order_mark_is_named() -> None:
    (problem,) = check_manifest([b'\xef\xbb\xbf{"source": "a"}\n']).problems
    assert "byte order mark" in problem.message


def test_an_empty_manifest_is_a_problem() -> None:
    (problem,) = check_manifest([]).problems
    assert "empty" in str(problem)


def test_labeled_lines_are_counted() -> None:
    lines = [b'{"source": "a", "label": 0}\n', b'{"source": "b"}\n']
    report = check_manifest(lines, label_attribute="label")
    assert (report.lines, report.labeled, report.unlabeled) == (2, 1, 1)


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

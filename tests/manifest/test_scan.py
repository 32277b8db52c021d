"""One pass over a manifest: what is wrong is told with its place, and good lines are counted."""

from __future__ import annotations

import json
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeling_provider.manifest import (
    Filter,
    ManifestError,
    Manifests,
    check_manifest,
    read_manifest,
)
from tests.manifest.lines import MIXED, TENTHS, image, label, load, store


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


def test_a_manifest_is_counted(manifests: Manifests, tmp_path: Path) -> None:
    report = manifests.check(store(tmp_path / "in.manifest", MIXED), label_attribute="bird")
    assert (report.lines, report.labeled, report.failed, report.by_machine) == (6, 4, 1, 1)
    assert report.classes == {"heron": 2, "stork": 1, "0": 1, "1": 1}, "a number without a name stands for itself"


def test_classes_of_texts_and_masks_are_counted(manifests: Manifests, tmp_path: Path) -> None:
    entities = {"annotations": {"entities": [{"label": "Port", "startOffset": 0, "endOffset": 6}] * 2}}
    colors = {"0": {"class-name": "BACKGROUND", "confidence": 0.9}, "1": {"class-name": "water", "confidence": 0.4}}
    lines = [
        {"source": "Bergen", "y": entities, "y-metadata": {"entities": [{"confidence": 0.1}]}},
        image(1, y="s3://out/1.png", **{"y-metadata": {"internal-color-map": colors}}),
        image(2, y="s3://out/SeqLabel.json", **{"y-metadata": {"objects": [{"frame-no": 0, "confidence": []}]}}),
    ]
    source = store(tmp_path / "in", lines)
    assert manifests.check(source, label_attribute="y").classes == {"Port": 1, "water": 1}
    manifests.filter(source, "y", Filter(below_confidence=0.5), tmp_path / "out")
    assert load(tmp_path / "out") == lines[:2]


@TENTHS
@given(st.binary(min_size=1, max_size=12), st.data())
def test_a_damaged_manifest_is_an_error_with_its_line_or_loses_nothing(
    tmp_path: Path, damage: bytes, data: st.DataObject
) -> None:
    whole = b"".join(json.dumps(line).encode() + b"\n" for line in MIXED * 50)
    place = data.draw(st.integers(0, len(whole)))
    body = whole[:place] + damage + whole[place + data.draw(st.integers(0, 20)) :]
    source = store(tmp_path / "in", [body])
    (tmp_path / "out").unlink(missing_ok=True)
    report = Manifests().check(source)
    if report.problems:
        with pytest.raises(ManifestError) as caught:
            Manifests().deduplicate(source, tmp_path / "out")
        problem = caught.value.problems[0]
        assert problem == report.problems[0]
        assert problem.line >= 1
        assert body[problem.offset - 1 : problem.offset] in (b"", b"\n")
        assert not (tmp_path / "out").exists()
    else:
        counts = Manifests().deduplicate(source, tmp_path / "out")
        assert counts.total() == report.lines == len(body.split(b"\n")) - body.endswith(b"\n")


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (b'{"source": "a"}{"source": "b"}\n\n', "not JSON"),
        (b'{"source":\n"a"}\n{"source": "b"}{"source": "c"}\n', "not JSON"),
        (b'{"source": "a", "n": NaN}\n', "NaN is not a number"),
        (b'{"source": "a", "n": "\xff"}\n', "not UTF-8"),
        ("{'source': 'ä'}\n".encode("latin-1"), "not UTF-8"),
        (b'{"source": "a", "n": ' + b"[" * 40_000 + b"]" * 40_000 + b"}\n", "more than 100 levels deep"),
        (b'{"source": "a", "n": ' + b"[" * 100 + b"]" * 100 + b"}\n", "more than 100 levels deep"),
        (b'{"source": "a", "n": 1e999}\n', "the number 1e999 is too large"),
        (b'{"source": "a", "n": -1E+400}\n', "the number -1E+400 is too large"),
        (b'{"source": "a", "n": ' + b"9" * 5_000 + b"}\n", "is too large: it has 5,000 digits"),
        (b'{"source": "a", "n": [-Infinity]}\n', "-Infinity is not a number"),
        (b'{"source": "a \\ud800"}\n', "half a character"),
        (b'{"source": "a", "\\uDfff": 1}\n', "half a character"),
        (b'{"source": "' + b"a" * 100_000 + b'"}\n', "at most 100,000"),
        (b'{"source": 4}\n', "has no"),
        (b'{"source-ref": "marsh/1.jpg"}\n', "not an S3 URI"),
        (b'\xff\xfe{\x00"\x00', "not UTF-8"),
        (b'{"source": "a", "bird": 0, "bird-metadata": {"confidence": "high"}}\n', "confidence"),
        (b'{"source": "a", "bird": 0, "bird-metadata": 7}\n', "bird-metadata"),
    ],
)
def test_a_bad_line_is_named_and_nothing_is_written(
    manifests: Manifests, tmp_path: Path, bad: bytes, words: str
) -> None:
    good = [image(number, **label(0)) for number in range(300)]
    source = store(tmp_path / "in", [*good, bad, *good])
    offset = len(store(tmp_path / "good", good).read_bytes())
    with pytest.raises(ManifestError) as caught:
        manifests.filter(source, "bird", Filter(), tmp_path / "out")
    assert (caught.value.problems[0].line, caught.value.problems[0].offset) == (301, offset)
    assert words in str(caught.value)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["good", "in"]


def test_lines_with_windows_ends_whole_surrogate_pairs_and_repeated_keys_pass(
    manifests: Manifests, tmp_path: Path
) -> None:
    lines = [
        b'{"source": "whole \\ud83d\\ude00", "bird": 1}\r\n',
        b'{"source": "a", "source": "b", "bird": 0}\n',
        b' {"source": "c", "n": 123456789012345678901234567890}\n',
        b'{"source": "\xc3\xa4"}',
    ]
    source = store(tmp_path / "in", lines)
    assert manifests.filter(source, "bird", Filter(), tmp_path / "out") == {"kept": 4, "left": 0}
    assert (tmp_path / "out").read_bytes() == b"".join(lines) + b"\n"


def test_all_that_is_wrong_is_told_at_once(manifests: Manifests, tmp_path: Path) -> None:
    source = store(tmp_path / "in", [b"x\n", image(1), b"[]\n"] * 20)
    with pytest.raises(ManifestError, match="line 30: .*20 more wrong lines") as caught:
        manifests.deduplicate(source, tmp_path / "out")
    assert len(caught.value.problems) == 21
    report = manifests.check(source)
    assert (report.lines, len(report.problems), report.more_problems) == (60, 20, 20)


def test_a_line_of_a_hundred_megabytes_is_named_without_being_held(manifests: Manifests, tmp_path: Path) -> None:
    source = tmp_path / "in"
    with source.open("wb") as file:
        file.write(b'{"source": "first"}\n')
        for _ in range(100):
            file.write(b"x" * 1_000_000)
        file.write(b"\n5\n")
    tracemalloc.start()
    report = manifests.check(source)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert [(problem.line, problem.offset) for problem in report.problems] == [(2, 20), (3, 20 + 100_000_001)]
    assert "100,000,001 bytes" in report.problems[0].message
    assert peak < 10_000_000

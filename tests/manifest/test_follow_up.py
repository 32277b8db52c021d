"""Labels of several rounds become one manifest."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeling_provider.manifest import ManifestError, merge_rounds, missing_lines

texts = st.lists(st.text(max_size=20), min_size=1, max_size=30)


def label(lines: list[bytes], done: list[bool], by: str) -> list[bytes]:
    """What a job makes of its input: a label, or a reason why there is none."""
    output = []
    for raw, labeled in zip(lines, done, strict=True):
        data = json.loads(raw)
        metadata = {"job-name": by} if labeled else {"failure-reason": "declined"}
        output.append(json.dumps({**data, **({"y": 1} if labeled else {}), "y-metadata": metadata}).encode() + b"\n")
    return output


@given(texts, st.data())
def test_every_input_line_comes_out_once_in_its_place_with_the_label_of_its_round(
    sources: list[str], data: st.DataObject
) -> None:
    given_lines = [
        json.dumps({"source": source, "n": number}).encode() + b"\n" for number, source in enumerate(sources)
    ]
    lines, rounds, labeled_by = given_lines, [], {}
    for number in range(data.draw(st.integers(1, 4))):
        done = data.draw(st.lists(st.booleans(), min_size=len(lines), max_size=len(lines)))
        for raw, labeled in zip(lines, done, strict=True):
            if labeled:
                labeled_by[json.loads(raw)["n"]] = f"job-{number}"
        output = label(lines, done, f"job-{number}")
        rounds.append(output)
        lines = list(missing_lines(output, "y"))
        assert [json.loads(raw) for raw in lines] == [
            json.loads(raw) for raw in given_lines if json.loads(raw)["n"] not in labeled_by
        ]
    merged = [json.loads(raw) for raw in merge_rounds(rounds, "y")]
    assert [(line["source"], line["n"]) for line in merged] == [(source, n) for n, source in enumerate(sources)]
    for line in merged:
        assert line["y-metadata"].get("job-name") == labeled_by.get(line["n"])
        assert ("y" in line) == (line["n"] in labeled_by)


def test_a_last_line_without_a_break_gets_one() -> None:
    assert list(missing_lines([b'{"source": "a"}'], "y")) == [b'{"source": "a"}\n']
    assert list(merge_rounds([[b'{"source": "a", "y": 1}']], "y")) == [b'{"source": "a", "y": 1}\n']


def test_half_a_surrogate_pair_survives() -> None:
    raw = b'{"source": "\\ud800", "y-metadata": {"failure-reason": "declined"}}\n'
    assert list(missing_lines([raw], "y")) == [b'{"source": "\\ud800"}\n']


@pytest.mark.parametrize(
    ("later", "words"),
    [
        ([b'{"source": "other", "y": 1}\n'], "line 2: has no label, and the follow-up job has a different object"),
        ([], "line 2: has no label, and the follow-up job has a different object"),
        ([b'{"source": "b", "y": 1}\n'] * 2, "line 2: is the last line, but the follow-up job has more objects"),
        ([b"{broken\n"], "line 1: not JSON"),
    ],
    ids=["another-object", "too-short", "too-long", "broken"],
)
def test_rounds_that_do_not_belong_together_are_an_error(later: list[bytes], words: str) -> None:
    first = [b'{"source": "a", "y": 1}\n', b'{"source": "b"}\n']
    with pytest.raises(ManifestError, match=words):
        list(merge_rounds([first, later], "y", "s3://bucket/first"))


def test_every_wrong_line_of_every_round_is_named() -> None:
    first = [b"{broken\n", b'{"source": "b"}\n', b"[]\n"]
    with pytest.raises(ManifestError) as caught:
        list(merge_rounds([first, [b'{"source": "b"}\n', b"\xff\n"], [b"null\n"]], "y", ["s3://a", "s3://b", "s3://c"]))
    assert caught.value.where == "s3://a"
    problems = [str(problem) for problem in caught.value.problems]
    assert problems[0].startswith("line 1: not JSON")
    assert problems[1].startswith("line 3: not a JSON object")
    assert problems[2].startswith("s3://b: line 2: byte 1 is not UTF-8")
    assert problems[3].startswith("s3://c: line 1: not a JSON object")
    assert len(problems) == 4


def test_not_more_problems_are_told_than_anybody_reads() -> None:
    read = 0

    def endless() -> Any:
        nonlocal read
        while True:
            read += 1
            yield b"{broken\n"

    with pytest.raises(ManifestError) as caught:
        list(merge_rounds([endless(), []], "y", "s3://bucket/first"))
    assert len(caught.value.problems) == 20
    assert read <= 21


def test_memory_does_not_grow_with_the_manifest() -> None:
    made = 0

    def endless() -> Any:
        nonlocal made
        for number in itertools.count():
            made += 1
            yield json.dumps({"source": str(number)}).encode() + b"\n"

    merged = merge_rounds([missing_lines(endless(), "y"), missing_lines(endless(), "y")], "y")
    for _ in range(10):
        next(merged)
    assert made <= 22

"""The files with the workers' answers."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeling_provider.errors import LabelingError
from labeling_provider.manifest import Files
from labeling_provider.quality import AnswerFile, answer_file, chosen_files
from labeling_provider.quality.worker_responses import RecordedAnswer, read_answers
from tests.memory import MemoryStore
from tests.quality.labeled import OUT


def test_only_names_of_answers_are_taken_for_them() -> None:
    good = f"{OUT}/iteration-2/17/2026-01-01_00:00:00.json"
    assert answer_file(good) == AnswerFile(good, 17)
    for other in (
        f"{OUT}/iteration-1/1/hash/1.json",
        f"{OUT}/x/1/a.json",
        f"{OUT}/iteration-1/a/a.json",
        "s3://b/1.json",
    ):
        assert answer_file(other) is None
    uris = [f"{OUT}/iteration-1/{number}/a.json" for number in range(100)]
    chosen, count = chosen_files([*uris, "s3://b/other"], 10)
    assert (len(chosen), count) == (10, 100)
    assert chosen == chosen_files(reversed(uris), 10)[0]
    more, _ = chosen_files(uris, 20)
    assert set(chosen) < set(more)


def read(body: bytes) -> list[RecordedAnswer]:
    bucket = MemoryStore()
    bucket.objects["s3://b/a"] = body
    return read_answers(Files(bucket), "s3://b/a")


def test_answers_are_read_with_who_has_sent_them() -> None:
    sent = [
        {"workerId": "w1", "answerContent": {"crowd-classifier": {"label": "a"}}, "timeSpentInSeconds": 4.5, "more": 1},
        {"workerId": "w2"},
    ]
    first, second = read(json.dumps({"answers": sent}).encode())
    assert (first.worker_id, first.answer_content, first.time_spent_in_seconds) == (
        *("w1", {"crowd-classifier": {"label": "a"}}, 4.5),
    )
    assert (second.worker_id, second.answer_content, second.time_spent_in_seconds) == ("w2", None, None)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b'{"answers": 7}',
        b'{"answers": [7]}',
        b'{"answers": [{"answerContent": {}}]}',
        b'{"answers": [{"workerId": 7}]}',
        b'{"answers": [{"workerId": "\xff"}]}',
        b'{"answers": ' + b"[" * 100_000,
    ],
)
def test_a_file_that_holds_none_is_an_error(body: bytes) -> None:
    with pytest.raises(LabelingError, match="s3://b/a does not contain workers' answers"):
        read(body)


def test_a_file_is_read_no_further_than_answers_about_one_object_go() -> None:
    with pytest.raises(LabelingError, match="has more than 16,777,216 bytes"):
        read(b" " * ((16 << 20) + 1))


@given(st.lists(st.integers(0, 50), unique=True), st.integers(0, 20))
def test_a_choice_of_files_is_the_same_in_any_order(numbers: list[int], max_files: int) -> None:
    uris = [f"{OUT}/iteration-1/{number}/a.json" for number in numbers]
    chosen, count = chosen_files(uris, max_files)
    assert (len(chosen), count) == (min(max_files, len(uris)), len(uris))
    assert chosen == chosen_files(sorted(uris), max_files)[0]
    assert [answer_file(answers.uri) for answers in chosen] == chosen

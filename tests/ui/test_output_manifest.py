"""What a page reads out of a manifest; tests/e2e shows the pages."""

from __future__ import annotations

import json
import tracemalloc
from typing import Any

import pytest

from labeling_provider.errors import LabelingError
from labeling_provider.manifest import Files
from labeling_provider.ui.output_manifest import PAGE, Labels, Wanted, read_labels, without_labels
from tests.memory import MemoryStore


def classed(number: int, name: str, confidence: float, **more: Any) -> dict[str, Any]:
    date = f"2026-01-01T{number // 3600:02}:{number // 60 % 60:02}:{number % 60:02}.000000"
    about = {"class-name": name, "confidence": confidence, "creation-date": date, **more}
    return {
        "source": str(number),
        "x": "ab".index(name),
        "x-metadata": {"type": "groundtruth/text-classification", **about},
    }


def failed(reason: str) -> dict[str, Any]:
    return {"source": "f", "x-metadata": {"failure-reason": reason}}


def read(lines: list[Any], **wanted: Any) -> Labels:
    store = MemoryStore()
    body = b"".join(line if isinstance(line, bytes) else json.dumps(line).encode() + b"\n" for line in lines)
    store.objects["s3://b/m"] = body
    return read_labels(Files(store), "s3://b/m", "x", Wanted(**wanted))


def numbers(labels: Labels) -> list[int]:
    return [label.number for label in labels.shown]


LINES = [
    classed(0, "a", 0.9),
    classed(60, "b", 0.5, **{"human-annotated": "no"}),
    failed("declined"),
    {"source": "waits"},
    classed(7200, "a", 0.7),
    failed("declined"),
]


def test_the_least_sure_objects_come_first() -> None:
    labels = read(LINES)
    assert (numbers(labels), labels.matching) == ([2, 5, 1], 3)
    assert labels.classes == {"a": 2, "b": 1}
    assert labels.reasons == {"declined": (2, 3)}
    assert labels.points == [(0, 1, 0), (1 / 60, 2, 1), (2, 3, 1)]
    assert [label.by_people for label in labels.shown] == [False, True, True]


@pytest.mark.parametrize(
    ("wanted", "shown"),
    [
        ({"class_name": "a"}, [5, 1]),
        ({"by": "machine"}, [2]),
        ({"by": "people"}, [5, 1]),
        ({"below": 0.7}, [2]),
        ({"state": "failed"}, [3, 6]),
        ({"class_name": "c"}, []),
    ],
)
def test_objects_are_chosen(wanted: dict[str, Any], shown: list[int]) -> None:
    assert numbers(read(LINES, **wanted)) == shown


def test_pages_follow_each_other() -> None:
    lines = [classed(number, "a", number / 1000) for number in range(60)]
    pages = [numbers(read(lines, page=page)) for page in (1, 2, 3, 4)]
    assert [len(page) for page in pages] == [PAGE, PAGE, 60 - 2 * PAGE, 0]
    assert [number for page in pages for number in page] == list(range(1, 61))


def test_a_late_page_holds_no_more_lines_than_an_early_one() -> None:
    lines = [{**classed(number, "a", number / 10_000), "more": "x" * 2_000} for number in range(6_000)]
    store = MemoryStore()
    store.objects["s3://b/m"] = b"".join(json.dumps(line).encode() + b"\n" for line in lines)

    def peak(page: int) -> int:
        tracemalloc.start()
        labels = read_labels(Files(store), "s3://b/m", "x", Wanted(page=page))
        assert numbers(labels) == list(range((page - 1) * PAGE + 1, page * PAGE + 1))
        _, highest = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return highest

    # So many lines are 13 MB.
    assert peak(250) - peak(1) < 4_000_000


def test_classes_without_number_or_end_are_not_all_held() -> None:
    lines = [classed(0, "a", 0.5) for _ in range(200)]
    for number, line in enumerate(lines):
        line["x-metadata"]["class-name"] = f"{number}" + "y" * 50_000
    labels = read(lines)
    assert max(map(len, labels.classes)) == 300
    assert labels.matching == 200


def test_what_can_not_be_read_is_counted_or_told() -> None:
    odd = {"source": "1", "x": [], "x-metadata": {"type": "groundtruth/object-detection"}}
    labels = read([b"{\n", odd, classed(0, "a", 0.5, **{"creation-date": "yesterday"})])
    assert (labels.unreadable, labels.matching, labels.points) == (1, 2, [])
    assert "x" in next(label for label in labels.shown if label.number == 2).problem


def test_chosen_lines_lose_their_label() -> None:
    store = MemoryStore()
    store.objects["s3://b/m"] = b"".join(json.dumps(line).encode() + b"\n" for line in LINES)
    assert without_labels(Files(store), "s3://b/m", "x", {2, 3, 99}, "s3://b/to") == 2
    assert [json.loads(line) for line in store.objects["s3://b/to"].splitlines()] == [{"source": "60"}, {"source": "f"}]


@pytest.mark.parametrize(("numbers", "words"), [({2}, "line 2: not JSON"), ({9}, "has none of the selected lines")])
def test_lines_that_can_not_be_chosen_are_told_and_nothing_is_written(numbers: set[int], words: str) -> None:
    store = MemoryStore()
    store.objects["s3://b/m"] = b'{"source": "a"}\n{\n'
    with pytest.raises(LabelingError, match=words):
        without_labels(Files(store), "s3://b/m", "x", numbers, "s3://b/to")
    assert "s3://b/to" not in store.objects

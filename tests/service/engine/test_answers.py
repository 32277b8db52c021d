"""How answers are read, and how they are written."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from labeling_provider.service.engine.answers import as_written, by_object, function_content, function_entries
from labeling_provider.service.failures import ObjectFailure
from labeling_provider.service.kinds.kind import WorkerAnswer
from tests.service.kinds.some_frames import TRACKING, frame, tracked
from tests.service.kinds.some_jobs import make_kind


def entry(object_id: Any, content: Any) -> dict[str, Any]:
    return {"datasetObjectId": object_id, "consolidatedAnnotation": {"content": content}}


def test_objects_keep_the_order_of_their_rows_and_have_their_own_answers() -> None:
    rows: Any = [SimpleNamespace(object_id=number, line=f'{{"source": "{number}"}}') for number in (7, 3, 5)]
    given = [(3, "ann", {"a": 1}), (7, "ben", ["no object"]), (3, "ben", {"a": 2})]
    answers: Any = [(SimpleNamespace(object_id=number, worker_id=who), content) for number, who, content in given]
    first, second, third = by_object(rows, answers)
    assert [first.object_id, second.object_id, third.object_id] == [7, 3, 5]
    assert first.answers == [WorkerAnswer("ben", {})]
    assert second.answers == [WorkerAnswer("ann", {"a": 1}), WorkerAnswer("ben", {"a": 2})]
    assert (third.line, third.answers) == ({"source": "5"}, [])


def test_a_function_may_number_its_objects_by_numbers_or_texts() -> None:
    entries = function_entries([entry("1", {"label": "a"}), entry(2, {"label": "b"}), entry(None, {}), "nothing"])
    assert [function_content(entries, number) for number in (1, 2)] == [{"label": "a"}, {"label": "b"}]


@pytest.mark.parametrize(
    ("result", "words"),
    [
        ({"1": {}}, "did not return a list"),
        ([entry("2", {})], "left the object out"),
        ([entry("1", "text")], 'did not return {"consolidatedAnnotation": {"content"'),
        ([{"datasetObjectId": "1", "consolidatedAnnotation": []}], 'did not return {"consolidatedAnnotation"'),
        ([entry("1", {"label": "half a pair \ud800"})], "an annotation that can't be used"),
    ],
)
def test_what_a_function_has_not_answered_is_told(result: Any, words: str) -> None:
    with pytest.raises(ObjectFailure, match=words):
        function_content(function_entries(result), 1)


def test_what_is_no_answer_is_written_as_it_came_beside_those_that_name_files() -> None:
    kind = make_kind(TRACKING)
    run: Any = SimpleNamespace(kind=kind, job=kind.job)
    rows: Any = [SimpleNamespace(object_id=0, iteration=1, answered=1_000.5)]
    task: Any = SimpleNamespace(object_id=0)
    answer = {kind.key: {"frames": [frame(1, tracked("cow", 1, 3))]}}
    written, files = as_written(run, rows, [(task, answer), (task, ["no answer"])])
    assert written[1] == (task, ["no answer"])
    (uri,) = files
    data = written[0][1][kind.key]["frameData"]
    assert [data["s3Prefix"] + name for name in data["entries"]] == [uri]
    assert "/0/" in uri
    assert ".json/" not in uri

"""A job's output as Amazon lays it out."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeling_provider.groundtruth import layout
from labeling_provider.groundtruth.dates import nanoseconds
from labeling_provider.quality import AnswerFile, answer_file

OUT = "s3://bucket/out/job"
AT = 1_767_225_601.25
"""2026-01-01 00:00:01.25 UTC."""


def test_files_are_where_amazon_has_them() -> None:
    stamp = int(AT)
    assert layout.output_manifest_uri(f"{OUT}/") == f"{OUT}/manifests/output/output.manifest"
    assert layout.worker_response_uri(OUT, 1, 17, stamp) == (
        f"{OUT}/annotations/worker-response/iteration-1/17/2026-01-01_00:00:01.json"
    )
    assert layout.consolidation_uri(OUT, "request", 2, stamp) == (
        f"{OUT}/annotations/consolidated-annotation/consolidation-request/iteration-2/2026-01-01_00:00:01.json"
    )
    assert layout.intermediate_uri(OUT, 3) == f"{OUT}/annotations/intermediate/3/annotations.json"
    assert layout.intermediate_uri(OUT, 3).startswith(layout.intermediate_folder(OUT))
    assert layout.label_file_uri(OUT, "7", "a.zlib") == f"{OUT}/annotations/consolidated-annotation/output/7/a.zlib"
    for output in (OUT, "s3://bucket"):
        assert layout.output_of(layout.consolidation_uri(output, "request", 2, stamp)) == output
    assert layout.learning_uri(OUT, "training", 1, "input.manifest") == f"{OUT}/training/1/input.manifest"


@given(st.integers(1, 999), st.integers(0, 10**8), st.integers(0, 4_102_444_800))
def test_a_file_of_answers_is_known_by_its_name(iteration: int, object_id: int, stamp: int) -> None:
    uri = layout.worker_response_uri(OUT, iteration, object_id, stamp)
    assert answer_file(uri) == AnswerFile(uri, object_id)


def test_times_are_written_as_amazon_writes_them() -> None:
    assert layout.creation_date(AT) == "2026-01-01T00:00:01.250000"
    assert layout.creation_date(int(AT)) == "2026-01-01T00:00:01.000000", "all six digits, also of a whole second"
    assert layout.worker_time(AT) == "2026-01-01T00:00:01.250Z"


@given(
    st.datetimes(datetime(1970, 1, 1), datetime(2100, 1, 1)), st.datetimes(datetime(1970, 1, 1), datetime(2100, 1, 1))
)
def test_times_are_in_the_order_of_their_texts_and_can_be_read(first: datetime, another: datetime) -> None:
    at, later = sorted(moment.replace(tzinfo=UTC).timestamp() for moment in (first, another))
    for write in (layout.creation_date, layout.worker_time, layout.file_stamp):
        assert write(at) <= write(later)
    read = [nanoseconds(layout.creation_date(moment)) or 0 for moment in (at, later)]
    assert (read[1] - read[0]) / 1e9 == pytest.approx(later - at, abs=1e-5)


@pytest.mark.parametrize(("by_people", "written"), [(True, "yes"), (False, "no")])
def test_metadata_has_what_every_label_has_after_what_is_special_to_it(by_people: bool, written: str) -> None:
    about = layout.label_metadata(
        {"class-name": "cat", "type": "x"}, "groundtruth/a", "Birds-7", AT, by_people=by_people
    )
    assert next(iter(about)) == "class-name"
    assert about == {
        "class-name": "cat",
        "type": "groundtruth/a",
        "job-name": "labeling-job/birds-7",
        "human-annotated": written,
        "creation-date": "2026-01-01T00:00:01.250000",
    }


def test_an_object_that_was_given_up_has_no_label_and_a_reason() -> None:
    (only,) = layout.failure("declined", "animal", "groundtruth/a", "Job", AT).items()
    assert only[0] == "animal-metadata"
    assert (only[1]["failure-reason"], only[1]["human-annotated"]) == ("declined", "yes")


@pytest.mark.parametrize(
    ("line", "key", "expected"),
    [
        ({"source": "a"}, "", ("source", "a")),
        ({"source": "a", "source-ref": "s3://b/k"}, "", ("source-ref", "s3://b/k")),
        ({"source": "a", "source-ref": "s3://b/k"}, "source", ("source", "a")),
        ({"source": "a"}, "source-ref", ("source", "")),
        ({"source-ref": 7, "source": "a"}, "", ("source", "a")),
        ({}, "", ("source", "")),
    ],
)
def test_a_line_s_data_object_is_found(line: dict[str, object], key: str, expected: tuple[str, str]) -> None:
    assert layout.data_object(line, key) == expected


def test_consolidation_is_asked_and_answered_in_amazon_s_form() -> None:
    asked = layout.consolidation_request(
        [
            (0, {"source-ref": "s3://b/k"}, [("w1", {"a": "é"}), ("w2", {})]),
            (9, {"source": "a text"}, []),
        ]
    )
    assert [entry["dataObject"] for entry in asked] == [{"s3Uri": "s3://b/k"}, {"content": "a text"}]
    assert [entry["datasetObjectId"] for entry in asked] == ["0", "9"]
    first, second = asked[0]["annotations"]
    assert (first["workerId"], json.loads(first["annotationData"]["content"])) == ("w1", {"a": "é"})
    assert "é" in first["annotationData"]["content"]
    assert json.loads(second["annotationData"]["content"]) == {}
    assert layout.consolidation_response([(9, {"label": 1})]) == [
        {"datasetObjectId": "9", "consolidatedAnnotation": {"content": {"label": 1}}}
    ]

"""What becomes of objects, and how it is told."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

from labeling_provider.groundtruth import layout
from labeling_provider.service.database import job_rows, object_rows, running
from labeling_provider.service.database.database import Connection
from labeling_provider.service.work import outcomes
from tests.service.database.rows import job


def run_of(job_id: int) -> Any:
    of_text = SimpleNamespace(metadata_type="groundtruth/text-classification")
    facts = SimpleNamespace(attribute="label", task_type=of_text, name="Cats")
    return SimpleNamespace(id=job_id, changed=False, job=facts)


def log(connection: Connection, job_id: int) -> list[str]:
    return [line.message for line in job_rows.latest_log_lines(connection, job_id, 99)][1:]


def test_the_reasons_of_failures_are_told_most_frequent_first_and_not_all(connection: Connection) -> None:
    job_id = job(connection)
    outcomes.note_failures(connection, job_id, ["rare", "often", "often", *(f"reason {n}" for n in range(21))])
    lines = log(connection, job_id)
    assert lines[:2] == ["2 objects failed: often", "1 object failed: rare"]
    assert len(lines) == 21
    assert lines[-1] == "The output manifest has 3 more reasons"


def test_an_object_that_is_given_up_says_why_in_plain_text(connection: Connection) -> None:
    run = run_of(job(connection, states="oo"))
    outcomes.fail_objects(connection, run, {1: "half a \ud800 " + "x" * 5000}, 1_700_000_000.0)
    assert run.changed
    results = [row.result for row in object_rows.results(connection, run.id)]
    assert results[0] is None
    metadata = json.loads(results[1])["label-metadata"]
    assert len(metadata["failure-reason"]) < 2100
    metadata["failure-reason"].encode()
    untouched = run_of(run.id)
    outcomes.label_objects(connection, untouched, {})
    assert not untouched.changed


def test_each_file_of_a_consolidation_has_a_second_of_its_own(connection: Connection) -> None:
    size = layout.OBJECTS_PER_FILE
    run = run_of(job(connection, states="o" * (2 * size + 1)))
    outcomes.mark_answered(connection, run, range(size + 1), 100.7)
    outcomes.mark_answered(connection, run, range(size + 1, 2 * size), 100.8)
    outcomes.mark_answered(connection, run, [], 200.0)
    outcomes.mark_answered(connection, run, [2 * size], 300.2)
    stamps = [row.stamp for row in object_rows.answered(connection, run.id)]
    assert stamps == [100] * size + [101] + [102] * (size - 1) + [300]
    stored = running.find(connection, run.id)
    assert stored is not None
    assert stored.stamp == 300

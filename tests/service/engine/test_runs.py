"""What a process remembers of its jobs is valid under one lease only, and what a kind has learned comes back."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import sqlalchemy as sa

from labeling_provider.groundtruth.description import JobRequest
from labeling_provider.service.database.database import Database
from labeling_provider.service.database.schema import tasks
from labeling_provider.service.database.states import TaskState
from labeling_provider.service.engine import runs as caching
from labeling_provider.service.engine.runs import Kinds, Runs
from labeling_provider.service.kinds.kind import Answered
from tests.service.engine.some_runs import run_in
from tests.service.in_process import TEAM, Memory

CONSOLIDATE = "arn:aws:lambda:us-east-1:123456789012:function:ours"
PRE = "arn:aws:lambda:us-east-1:432418664414:function:PRE-"


class NotedKinds:
    """Kinds that note what they learn, and from how many objects they want to."""

    remembers = 3

    def __init__(self) -> None:
        self.made, self.learned = 0, list[list[int]]()
        self.job = SimpleNamespace(request=JobRequest({}))

    def of(self, *job: Any) -> Any:
        self.made += 1
        return self

    def learn(self, earlier: list[Answered]) -> None:
        assert all(len(answered.answers) == 1 for answered in earlier)
        self.learned.append([answered.object_id for answered in earlier])


def test_an_entry_is_made_anew_for_a_new_lease_and_after_it_was_forgotten(common: Database) -> None:
    _, row = run_in(common, "", HumanTaskConfig={})
    kinds, workforce = NotedKinds(), SimpleNamespace(teams={row.workteam_arn: ("ann",)})
    runs = Runs(common, workforce, kinds)  # type: ignore[arg-type]
    lease: Any = SimpleNamespace(job_id=row.id, number=1)
    later: Any = SimpleNamespace(job_id=row.id, number=2)
    first = runs.of(lease, row)
    assert first.team == ("ann",)
    assert runs.of(lease, row) is first
    second = runs.of(later, row)
    assert second is not first
    assert second.lease is later
    runs.forget(row.id)
    assert runs.of(later, row) is not second
    assert kinds.made == 3


def test_a_kind_learns_from_the_last_labels_a_few_at_a_time(common: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(caching, "_AT_ONCE", 2)
    _, row = run_in(common, "lllllw")
    same = {"job_id": row.id, "state": TaskState.SUBMITTED, "expires": 1.0, "worker_id": "ann", "answer": "{}"}
    with common.write() as connection:
        connection.execute(sa.insert(tasks), [{**same, "object_id": number} for number in range(5)])
    kinds: Any = NotedKinds()
    Runs(common, SimpleNamespace(teams={}), kinds).of(SimpleNamespace(job_id=row.id), row)  # type: ignore[arg-type]
    assert [len(batch) for batch in kinds.learned] == [2, 1]
    assert sorted(number for batch in kinds.learned for number in batch) == [2, 3, 4]


@pytest.mark.parametrize(("known", "function"), [((), ""), ((CONSOLIDATE,), CONSOLIDATE)])
def test_a_function_consolidates_if_it_is_one_of_the_service(known: tuple[str, ...], function: str) -> None:
    members = {
        "LabelAttributeName": "label",
        "OutputConfig": {"S3OutputPath": "s3://lab/out/"},
        "LabelingJobName": "Cats",
        "HumanTaskConfig": {
            "WorkteamArn": TEAM,
            "PreHumanTaskLambdaArn": PRE + "PassThrough",
            "AnnotationConsolidationConfig": {"AnnotationConsolidationLambdaArn": CONSOLIDATE},
        },
    }
    inputs: Any = SimpleNamespace(categories=lambda request: {})
    functions: Any = known
    kind = Kinds(Memory(), functions, inputs).of("Cats", "arn-Cats", JobRequest(members))
    assert (kind.job.consolidation_function, kind.job.labels) == (function, [])
    assert kind.job.task_type.name == "pass-through"

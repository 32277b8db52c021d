"""Which models there are, and which one a job starts from."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from labeling_provider.groundtruth.description import JobRequest
from labeling_provider.service.database import model_rows
from labeling_provider.service.database.database import Database
from labeling_provider.service.failures import JobFailure
from labeling_provider.service.kinds.kind import JobFacts
from labeling_provider.service.learning.registry import ModelRegistry
from labeling_provider.service.work.workforce import WorkforceFile, WorkforceFileError, load_workforce
from tests.service.database.rows import job
from tests.service.in_process import Memory
from tests.service.kinds.some_jobs import make_kind
from tests.service.learning.some_examples import IMAGE, examples, new
from tests.service.work.conftest import SetClock


@pytest.mark.parametrize(
    ("models", "words"),
    [
        ({"named-entities": "my_models:FirstWord"}, "models.named-entities is unknown"),
        ({"text-classification": "tests.functions:pre"}, "is not a subclass of labeling_provider"),
        ({"text-classification": "nowhere:Model"}, "imported"),
        ({"text-classification": "tests.raises_at_import:Model"}, "can't be imported: not today"),
        ([], "JSON object"),
    ],
)
def test_a_model_that_cannot_be_used_is_refused_at_the_start(tmp_path: Path, models: Any, words: str) -> None:
    file = tmp_path / "workforce.json"
    file.write_text(json.dumps({"models": models}))
    with pytest.raises(WorkforceFileError, match=words):
        workforce = load_workforce(file, seed=0, region="us-east-1", account="123456789012")
        ModelRegistry(None, None, workforce, SetClock())  # type: ignore[arg-type]


def asks(arn: str | None) -> JobRequest:
    """A request that names the model to start from."""
    return JobRequest({"LabelingJobAlgorithmsConfig": {"InitialActiveLearningModelArn": arn}})


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """A database for the models."""
    database = Database(f"sqlite:///{tmp_path_factory.mktemp('models') / 'labeling.sqlite'}")
    yield database
    database.close()


@pytest.fixture(scope="module")
def place(known: Database) -> tuple[ModelRegistry, Memory, JobFacts, str]:
    """A registry that knows a model of a job: its objects, the job, and the model's ARN."""
    store = Memory()
    registry = ModelRegistry(known, store, WorkforceFile(1, {}, {}), SetClock())
    request = JobRequest({"RoleArn": "arn:aws:iam::123456789012:role/r"})
    facts = replace(make_kind(IMAGE).job, request=request)
    labels, data, answers = examples(IMAGE, 12)
    model = new(IMAGE, labels)
    model.train([model.read(item) for item in data], answers)
    facts = replace(facts, labels=labels)
    arn = registry.save(facts, 3, model)
    with known.write() as connection:
        assert model_rows.find_by_arn(connection, arn) is None, "nobody knows it before it is registered"
        registry.register(connection, facts, 3, arn)
    return registry, store, facts, arn


def test_a_model_is_described_where_it_lies(
    place: tuple[ModelRegistry, Memory, JobFacts, str], known: Database
) -> None:
    _, store, _, arn = place
    with known.read() as connection:
        model = model_rows.find_by_name(connection, arn.rpartition("/")[2])
    assert model is not None
    assert model.description["ModelArn"] == model.arn == arn
    assert model.description["CreationTime"] == SetClock().at
    assert model.description["PrimaryContainer"]["ModelDataUrl"] in store.objects


def test_a_job_starts_from_the_model_that_it_names_and_fails_without_its_file(
    place: tuple[ModelRegistry, Memory, JobFacts, str],
) -> None:
    registry, store, facts, arn = place
    run: Any = SimpleNamespace(id=0, job=facts, request=asks(arn), former_model=None)
    _, data, answers = examples(IMAGE, 12)
    assert registry.initial_arn(run) == arn
    model = registry.maker(run, lambda: True)()
    said = model.predict([model.read(data[0])])
    assert said[0].answer == answers[0]
    (uri,) = [uri for uri in store.objects if uri.endswith(".tar.gz")]
    kept = store.objects[uri]
    store.objects[uri] = b"changed on the way"
    with pytest.raises(JobFailure, match=f"the initial model {arn} can't be used"):
        registry.maker(run, lambda: True)()
    del store.objects[uri]
    with pytest.raises(JobFailure, match="does not exist or is not readable"):
        registry.maker(run, lambda: True)()
    store.objects[uri] = kept
    gone: Any = SimpleNamespace(id=0, job=facts, request=asks(f"{arn}0"), former_model=None)
    with pytest.raises(JobFailure, match="can't be used: it no longer exists"):
        registry.maker(gone, lambda: True)()


def test_a_job_over_lines_that_nobody_has_labeled_starts_from_nothing(
    place: tuple[ModelRegistry, Memory, JobFacts, str], known: Database
) -> None:
    registry, _, facts, _ = place
    with known.write() as connection:
        job_id = job(connection, states="w")
    run: Any = SimpleNamespace(id=job_id, job=facts, request=asks(None), former_model=None)
    assert registry.initial_arn(run) is None
    assert run.former_model == "", "it is not looked up again"

"""Automated labeling, killed at any of its steps, comes to the same."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.engine import Connection

from dev.messages import CLASSES, messages
from dev.stack import wait_until
from labeling_provider.request import LabelingJobSpec
from labeling_provider.service.clock import Clock
from labeling_provider.service.cloud.embedded.moto_messaging import EmbeddedMessaging
from labeling_provider.service.database.database import Database
from labeling_provider.service.learning.loop import ActiveLearning
from labeling_provider.service.learning.loop import _validation_size as validation_size
from labeling_provider.service.learning.registry import ModelRegistry
from labeling_provider.service.wiring import make_labeling
from labeling_provider.service.work.truth import Truth
from labeling_provider.service.work.workforce import load_workforce
from tests.service.in_process import ACCOUNT, REGION, Memory, all_operations

OUTPUT = "s3://lab/out/job/manifests/output/output.manifest"


class Killed(BaseException):
    """The process is gone."""


class Life:
    """Counts what a process does to the world, and ends it before one of these steps."""

    def __init__(self, steps: float) -> None:
        self.left = steps

    def step(self) -> None:
        if self.left <= 0:
            raise Killed
        self.left -= 1


class MortalStore(Database):
    life = Life(float("inf"))

    @contextmanager
    def write(self, *, together: bool = False) -> Iterator[Connection]:
        with super().write(together=together) as connection:
            yield connection
            # Before the commit: what the transaction has done is undone.
            self.life.step()


class MortalStorage(Memory):
    life = Life(float("inf"))

    def write(self, files: dict[str, tuple[bytes, str]]) -> None:
        self.life.step()
        for position, (uri, (body, _)) in enumerate(files.items()):
            if position == len(files) // 2:
                self.life.step()
            self.objects[uri] = body


class Process:
    """The service without its HTTP server; one life of it."""

    def __init__(self, folder: Path, storage: MortalStorage, life: Life) -> None:
        workforce = folder / "workforce.json"
        workforce.write_text(json.dumps({"workteams": {"private-simulated": {"workers": 3}}}))
        known = load_workforce(workforce, seed=4, region=REGION, account=ACCOUNT)
        self.store = MortalStore(f"sqlite:///{folder / 'labeling.sqlite'}")
        registry = ModelRegistry(self.store, storage, known, Clock())
        learning = ActiveLearning(self.store, storage, known, registry, 0, Clock())
        messaging = EmbeddedMessaging(self.store, ACCOUNT, REGION)
        self.ended = threading.Event()
        truth = Truth([], storage)
        self.engine = make_labeling(
            self.store, storage, known, truth, messaging, lambda *_: self.ended.set(), learning, Clock()
        ).engine
        self.operations = all_operations(self.store, self.engine, known)
        self.store.life = storage.life = life

    def live(self) -> bool:
        """Run until the job has ended or the process is killed; whether it was killed."""
        dead = threading.Event()
        before = threading.excepthook
        threading.excepthook = lambda _: dead.set()
        try:
            try:
                self.engine.start()
            except Killed:
                return True
            self.engine.wake(1)
            wait_until(lambda: self.ended.is_set() or dead.is_set(), 60, "the job ends", pause=0.002)
        finally:
            self.engine.stop()
            self.store.close()
            threading.excepthook = before
        return dead.is_set()


def create(folder: Path, storage: MortalStorage) -> None:
    """Make the job, in a process that ends before the job goes on."""
    lines = [{"source": text, "truth": name} for text, name in messages(500, 5)]
    storage.objects["s3://lab/in.manifest"] = "".join(json.dumps(line) + "\n" for line in lines).encode()
    process = Process(folder, storage, Life(float("inf")))
    spec = LabelingJobSpec(
        task_type="text-classification",
        manifest_uri="s3://lab/in.manifest",
        output_uri="s3://lab/out",
        labels=CLASSES,
        workforce=f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:workteam/private-crowd/private-simulated",
        role_arn=f"arn:aws:iam::{ACCOUNT}:role/labeling-local",
        title="What is it about?",
        instructions="Choose one.",
        workers_per_object=3,
        max_concurrent_objects=80,
        automated_labeling=True,
    )
    draft = spec.draft("job", REGION)
    storage.objects.update({uri: text.encode() for uri, text in draft.files.items()})
    process.operations.call("CreateLabelingJob", draft.request)
    process.store.close()


def labels(storage: MortalStorage) -> list[Any]:
    entries = []
    for line in storage.objects[OUTPUT].splitlines():
        entry = json.loads(line)
        entry["label-metadata"].pop("creation-date")
        entries.append(entry)
    return entries


def counters(folder: Path, storage: MortalStorage) -> Any:
    process = Process(folder, storage, Life(float("inf")))
    try:
        return process.operations.call("DescribeLabelingJob", {"LabelingJobName": "job"})["LabelCounters"]
    finally:
        process.store.close()


def test_a_job_that_is_killed_again_and_again_comes_to_the_same(tmp_path: Path) -> None:
    calm, folder = MortalStorage(), tmp_path / "calm"
    folder.mkdir()
    create(folder, calm)
    assert not Process(folder, calm, Life(float("inf"))).live()
    expected, counted = labels(calm), counters(folder, calm)
    assert counted["MachineLabeled"] > 20
    assert counted["TotalLabeled"] == 500

    storage, folder = MortalStorage(), tmp_path / "killed"
    folder.mkdir()
    create(folder, storage)
    kills = steps = 0
    while True:
        process = Process(folder, storage, Life(steps))
        if not process.live():
            break
        kills += 1
        # Lives of all lengths; a training is done with after ten steps.
        steps = (steps + 1) % 14
        assert kills < 400
    assert kills > 15
    assert labels(storage) == expected
    assert counters(folder, storage) == counted
    models = [uri for uri in storage.objects if uri.endswith("model.tar.gz")]
    assert models == [uri for uri in calm.objects if uri.endswith("model.tar.gz")]


def test_a_fifth_of_the_dataset_is_measured_on_and_a_tenth_of_a_large_one() -> None:
    assert [validation_size(total) for total in (3, 600, 4_999, 5_000, 5_200)] == [1, 120, 1_000, 500, 520]


@pytest.mark.parametrize("size", [3, 12])
def test_a_tiny_job_is_people_s_alone(tmp_path: Path, size: int) -> None:
    storage = MortalStorage()
    create(tmp_path, storage)
    lines = storage.objects["s3://lab/in.manifest"].splitlines(keepends=True)[:size]
    storage.objects["s3://lab/in.manifest"] = b"".join(lines)
    assert not Process(tmp_path, storage, Life(float("inf"))).live()
    assert counters(tmp_path, storage)["HumanLabeled"] == size

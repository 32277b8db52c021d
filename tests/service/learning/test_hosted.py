"""A user's own models are in a process of their own: whatever they do, their job ends with a reason, or when told."""

from __future__ import annotations

import gzip
import io
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image

from dev.pictures import SCENE_LABELS, scene
from dev.seaweedfs import KEYS
from dev.stack import wait_until
from labeling_provider.service.engine import scheduler as scheduling
from labeling_provider.service.failures import Outage, is_outage
from labeling_provider.service.learning import hosted
from labeling_provider.service.learning.hosted import HostedModel, ModelProcess, packed, unpacked
from labeling_provider.service.learning.models import BUILT_IN, Model, import_model, pack, unpack
from tests.bad_functions import PIDS
from tests.bad_models import away
from tests.service.in_process import InProcess

MASKS = "semantic-segmentation"
WORDS = ["cat", "dog", "bird"]
NOWHERE = "http://127.0.0.1:1"
"""Where nothing listens."""
MANIFEST = b"".join(
    json.dumps({"source": f"number {number} {WORDS[number % 3]}", "truth": WORDS[number % 3]}).encode() + b"\n"
    for number in range(60)
)


@pytest.fixture(autouse=True)
def pids(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where models say which process they are in."""
    (tmp_path / "pids").mkdir()
    monkeypatch.setenv(PIDS, str(tmp_path / "pids"))
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", NOWHERE)
    return tmp_path / "pids"


@pytest.fixture
def with_model(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[tuple[InProcess, str]]:
    """A service with a model of tests/bad_models.py, and its running job."""
    away().touch()
    service = InProcess(tmp_path, models={"text-classification": f"tests.bad_models:{request.param}"})
    yield service, service.create(MANIFEST, automated_labeling=True, max_concurrent_objects=20)
    service.close()


def is_gone(pid: str) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def wait_for_ends(pids: Path) -> None:
    pids_there = [entry.name for entry in pids.iterdir()]
    assert pids_there
    assert str(os.getpid()) not in pids_there
    wait_until(lambda: all(map(is_gone, pids_there)), 30, "the models' processes end", 0.02)


@pytest.mark.parametrize(
    ("with_model", "words"),
    [
        ("HangsInTraining", "HangsInTraining.train failed with Timeout: Task timed out after 3 seconds"),
        ("HangsInPrediction", "HangsInPrediction.predict failed with Timeout"),
        ("SpinsInReading", "SpinsInReading.read failed with Timeout"),
        ("Leaves", "Leaves.train failed with Runtime.ExitError: its process exited with 3"),
        ("Answers", "Answers.predict failed with TypeError: a model's answer can't contain the type Answers"),
    ],
    indirect=["with_model"],
)
def test_a_model_that_misbehaves_fails_its_job_with_the_reason(
    with_model: tuple[InProcess, str], words: str, pids: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hosted, "MAX_CALL_SECONDS", 3.0)
    service, name = with_model
    description = service.wait(name)
    assert description["LabelingJobStatus"] == "Failed"
    assert words in description["FailureReason"]
    wait_for_ends(pids)


@pytest.mark.parametrize("with_model", ["HangsInTraining"], indirect=True)
def test_a_job_whose_model_never_returns_can_be_stopped(with_model: tuple[InProcess, str], pids: Path) -> None:
    service, name = with_model
    wait_until(lambda: list(pids.iterdir()), 60, "the model is at work", 0.02)
    service.operations.call("StopLabelingJob", {"LabelingJobName": name})
    description = service.wait(name)
    assert description["LabelingJobStatus"] == "Stopped"
    assert description["LabelCounters"]["HumanLabeled"] > 0
    wait_for_ends(pids)


@pytest.mark.parametrize("with_model", ["LastWord"], indirect=True)
def test_a_model_that_behaves_labels_in_its_own_process(with_model: tuple[InProcess, str], pids: Path) -> None:
    service, name = with_model
    description = service.wait(name)
    assert description["LabelingJobStatus"] == "Completed"
    assert description["LabelCounters"]["TotalLabeled"] == 60
    wait_for_ends(pids)


@pytest.mark.parametrize("with_model", ["ReadsS3"], indirect=True)
def test_a_job_whose_model_finds_s3_away_waits(
    with_model: tuple[InProcess, str], pids: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(scheduling, "_MAX_PAUSE", 0.1)
    service, name = with_model
    service.wait(name, lambda now: now["LabelingJobStatus"] == "Failed" or caplog.text.count("is waiting for") >= 2)
    assert "is waiting for the database or the object store to come back: ReadsS3.train met " in caplog.text
    away().unlink()
    description = service.wait(name)
    assert description["LabelingJobStatus"] == "Completed", description
    assert description["LabelCounters"]["TotalLabeled"] == 60
    wait_for_ends(pids)


def test_a_model_that_finds_s3_away_is_not_at_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable, value in KEYS.items():
        monkeypatch.setenv(variable, value)
    with pytest.raises(Outage, match=f"Model.__init__ met .*{NOWHERE}"):
        HostedModel(ModelProcess("tests.reads_when_imported:Model", lambda: True), WORDS, 1)
    model = HostedModel(ModelProcess("tests.bad_models:ReadsS3", lambda: True), WORDS, 1)
    with pytest.raises(ValueError, match="no such picture"):
        model.read(b"http://127.0.0.1:2")
    with pytest.raises(Outage, match="ReadsS3.read met ValueError: no such picture") as caught:
        model.read(NOWHERE.encode())
    assert is_outage(caught.value)


def test_a_model_is_the_same_in_a_process_of_its_own() -> None:
    scenes = [scene(number) for number in range(10)]
    masks = [np.asarray(Image.open(io.BytesIO(scene.mask))) for scene in scenes]
    process = ModelProcess(BUILT_IN[MASKS], lambda: True)
    said, files = [], []
    first: Model = import_model(BUILT_IN[MASKS])(SCENE_LABELS, 1)
    for model in (first, HostedModel(process, SCENE_LABELS, 1)):
        inputs = [model.read(scene.picture) for scene in scenes]
        model.train(inputs[:6], masks[:6])
        said.append(model.predict(inputs[6:]))
        files.append(gzip.decompress(pack(model, MASKS)))
        with pytest.raises(ValueError, match="as a picture"):
            model.read(b"no picture")
    assert all(np.array_equal(a.answer, b.answer) and a.score == b.score for a, b in zip(*said, strict=True))
    assert files[0] == files[1]
    later = HostedModel(process, SCENE_LABELS, 1)
    unpack(gzip.compress(files[0]), later)
    with pytest.raises(ValueError, match="arrays"):
        later.load(b"nothing", SCENE_LABELS)


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
    | st.binary()
    | arrays.arrays(st.sampled_from(["uint8", "float32", "int64", "bool"]), arrays.array_shapes(min_side=0)),
    lambda inside: st.lists(inside, max_size=3) | st.dictionaries(st.text(), inside, max_size=3),
    max_leaves=8,
)


@given(VALUES)
def test_values_come_over_as_they_are(value: Any) -> None:
    back = unpacked(json.loads(json.dumps(packed(value))))
    np.testing.assert_equal(back, value)
    assert str(getattr(back, "dtype", type(back))) == str(getattr(value, "dtype", type(value)))


@pytest.mark.parametrize(
    "said",
    [
        {"array": "", "type": "|O", "shape": [1]},
        {"array": "", "type": "|u1", "shape": [2**40, 2**40]},
        {"array": "", "type": "|u1", "shape": [-1]},
    ],
)
def test_an_array_that_is_none_is_refused(said: Any) -> None:
    with pytest.raises(ValueError, match="a model's answer can't contain"):
        unpacked(said)

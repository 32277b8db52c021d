"""The built-in models learn, are the same again with the same seed, and go on from where an earlier one was."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from typing import Any

import numpy as np
import pytest

from labeling_provider.service.learning.models import (
    BUILT_IN,
    Model,
    Prediction,
    import_model,
    load_arrays,
    load_model,
    pack,
    unpack,
)
from tests.service.learning.some_examples import BOXES, IMAGE, MASKS, TEXT, examples, new


def fewer(algorithm: str, count: int) -> int:
    """A third of so many for boxes and masks, which take long to learn."""
    return count // 3 if algorithm in {BOXES, MASKS} else count


def alike(answer: Any, other: Any) -> bool:
    return bool(np.array_equal(answer, other)) if isinstance(answer, np.ndarray) else bool(answer == other)


@pytest.mark.parametrize("algorithm", list(BUILT_IN))
def test_the_same_seed_gives_the_same_model_and_the_same_file(algorithm: str) -> None:
    labels, data, answers = examples(algorithm, fewer(algorithm, 24))
    learned = len(data) - fewer(algorithm, 8)
    files, said = [], []
    for _ in range(2):
        model = new(algorithm, labels)
        inputs = [model.read(item) for item in data]
        model.train(inputs[:learned], answers[:learned])
        files.append(gzip.decompress(pack(model, algorithm))), said.append(model.predict(inputs[learned:]))
    assert files[0] == files[1]
    assert all(alike(a.answer, b.answer) and a.score == b.score for a, b in zip(*said, strict=True))


@pytest.mark.parametrize("algorithm", list(BUILT_IN))
def test_a_model_goes_on_from_an_earlier_one(algorithm: str) -> None:
    labels, data, answers = examples(algorithm, fewer(algorithm, 60))
    half = len(data) // 2
    earlier = new(algorithm, labels)
    inputs = [earlier.read(item) for item in data]
    earlier.train(inputs[:half], answers[:half])
    saved = pack(earlier, algorithm)
    later = new(algorithm, labels)
    unpack(saved, later)
    later.train(inputs[half : half + 2], answers[half : half + 2])
    fresh = new(algorithm, labels)
    fresh.train(inputs[: half + 2], answers[: half + 2])
    pairs = list(zip(later.predict(inputs[half + 2 :]), fresh.predict(inputs[half + 2 :]), strict=True))
    if algorithm in {TEXT, IMAGE}:
        assert all(a.answer == b.answer for a, b in pairs)
    else:
        assert [len(a.answer) for a, _ in pairs] == pytest.approx([len(b.answer) for _, b in pairs], abs=2)


@pytest.mark.parametrize("algorithm", list(BUILT_IN))
def test_a_model_from_a_file_answers_as_the_one_that_was_saved(algorithm: str) -> None:
    labels, data, answers = examples(algorithm, fewer(algorithm, 45))
    learned = len(data) - 5
    model = new(algorithm, labels)
    inputs = [model.read(item) for item in data]
    model.train(inputs[:learned], answers[:learned])
    loaded = load_model(pack(model, algorithm))
    assert loaded.labels == labels
    said = loaded.predict([loaded.read(item) for item in data[learned:]])
    expected = model.predict(inputs[learned:])
    assert all(alike(prediction.answer, other.answer) for prediction, other in zip(said, expected, strict=True))


class Foreign(Model):
    """A model that a user has written."""

    def read(self, data: bytes | str) -> Any:
        return data

    def train(self, inputs: Any, answers: Any) -> None: ...

    def predict(self, inputs: Any) -> list[Prediction]:
        return [Prediction(0, 1.0)] * len(inputs)

    def save(self) -> bytes:
        return b"all"

    def load(self, saved: bytes, labels: Any) -> None:
        assert saved == b"all"


def test_a_file_does_not_decide_what_is_imported() -> None:
    archive = pack(Foreign(["a"], 1), TEXT)
    with pytest.raises(ValueError, match="was made by .*:Foreign: pass that class"):
        load_model(archive)
    assert load_model(archive, Foreign).predict(["x"]) == [Prediction(0, 1.0)]


@pytest.mark.parametrize("algorithm", [IMAGE, BOXES, MASKS])
@pytest.mark.parametrize("data", [b"", b"no picture", b"\x89PNG\r\n\x1a\nbroken"])
def test_what_is_no_picture_is_refused(algorithm: str, data: bytes) -> None:
    with pytest.raises(ValueError, match="as a picture"):
        new(algorithm, ["a", "b"]).read(data)


def changed(archive: bytes, **members: bytes) -> bytes:
    """A model's file with other members."""
    with tarfile.open(fileobj=io.BytesIO(archive)) as files:
        content = {name: files.extractfile(name).read() for name in files.getnames()}  # type: ignore[union-attr]
    body = io.BytesIO()
    with tarfile.open(fileobj=body, mode="w:gz") as files:
        for name, bytes_ in {**content, **members}.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(bytes_)
            files.addfile(entry, io.BytesIO(bytes_))
    return body.getvalue()


@pytest.mark.parametrize("algorithm", list(BUILT_IN))
def test_a_file_that_is_no_model_is_refused(algorithm: str) -> None:
    labels, data, answers = examples(algorithm, 8)
    model = new(algorithm, labels)
    model.train([model.read(item) for item in data], answers)
    good = pack(model, algorithm)
    about = {"algorithm": algorithm, "labels": labels, "model": BUILT_IN[algorithm], "version": 1}
    pickled = io.BytesIO()
    np.save(pickled, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    for bad in (
        b"",
        b"x" * 500,
        good[: len(good) // 2],
        changed(good, model=b"nothing"),
        changed(good, **{"about.json": b"[]"}),
        changed(good, **{"about.json": json.dumps({**about, "labels": ["other"]}).encode()}),
        changed(good, **{"about.json": json.dumps({**about, "model": "os:system"}).encode()}),
        changed(good, **{"about.json": json.dumps({**about, "version": 0}).encode()}),
    ):
        with pytest.raises(ValueError, match="."):
            unpack(bad, new(algorithm, labels))


def test_arrays_with_objects_in_them_are_refused() -> None:
    import zipfile

    body, array = io.BytesIO(), io.BytesIO()
    np.save(array, np.array([print], dtype=object), allow_pickle=True)
    with zipfile.ZipFile(body, "w") as files:
        files.writestr("rows.npy", array.getvalue())
    with pytest.raises(ValueError, match=r"pickle|can't be read"):
        load_arrays(body.getvalue(), "rows")


@pytest.mark.parametrize(
    ("path", "words"),
    [("nowhere:Model", "imported"), ("json:loads", "is not a subclass of labeling"), ("json", "imported"), ("", "imp")],
)
def test_an_import_path_has_to_lead_to_a_model(path: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        import_model(path)


def test_a_model_that_0_1_has_written_is_taken_up() -> None:
    algorithm = next(iter(BUILT_IN))
    labels, data, answers = examples(algorithm, 8)
    model = new(algorithm, labels)
    model.train([model.read(item) for item in data], answers)
    former = BUILT_IN[algorithm].replace("labeling_provider.service.", "labeling_provider.local.")
    about = {"algorithm": algorithm, "labels": labels, "model": former, "version": 1}
    unpack(changed(pack(model, algorithm), **{"about.json": json.dumps(about).encode()}), new(algorithm, labels))
    foreign = {**about, "model": "labeling_provider.local.learning.other:Model"}
    with pytest.raises(ValueError, match="was made by"):
        unpack(changed(pack(model, algorithm), **{"about.json": json.dumps(foreign).encode()}), new(algorithm, labels))


def test_a_class_that_was_written_for_an_earlier_version_is_asked_by_the_former_name() -> None:
    with pytest.warns(FutureWarning, match="most_kept is called max_kept now"):
        former = type("Former", (Model,), {"most_kept": 7})
    later = type("Later", (former,), {"max_kept": 9})
    assert (former.max_kept, later.max_kept, type("Unlike", (later,), {}).max_kept) == (7, 9, 9)

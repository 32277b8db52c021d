"""What holds for every kind of task: each is complete, answers arrive in one shape, labels stay what they were."""

from __future__ import annotations

import hashlib
import inspect
import json
import math
from base64 import b64decode
from collections.abc import Iterator, Sequence
from io import BytesIO
from pathlib import Path
from random import Random
from statistics import median_low
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import Image

from labeling_provider.groundtruth import task_types
from labeling_provider.groundtruth.facts import TRAINING_FIGURES
from labeling_provider.groundtruth.task_types import TASK_TYPES, TaskType
from labeling_provider.manifest import read_label
from labeling_provider.service.kinds import KINDS
from labeling_provider.service.kinds.kind import (
    Answered,
    AnswerError,
    Content,
    Kind,
    Learnable,
    ObjectLabel,
    OneByOne,
    WorkerAnswer,
    runs,
)
from labeling_provider.service.kinds.skills import Skill
from labeling_provider.service.learning.models import BUILT_IN
from tests.service.in_process import InProcess
from tests.service.kinds.some_jobs import LABELS, answered_objects, labels_as_told, make_kind, make_line

NAMES = sorted(KINDS)
SEEDS = st.integers(0, 10**6)

# As they were before each kind had a file of its own: task type, workers and seed; answers and labels, summed up. The
# labels by several workers are those since models of workers are weighed against each other.
AS_BEFORE = {
    ("bounding-box", 1, 2): ("657bbb5ea253065d", "a9a5eb13bed962c5"),
    ("bounding-box", 3, 0): ("2dd7d4daa33fb0df", "73d5969754ec4036"),
    ("bounding-box", 5, 3): ("69e017e160386c6c", "53cfb82849e17471"),
    ("image-classification", 1, 2): ("93c7c4f6678f81a9", "86737f59f0d5f6df"),
    ("image-classification", 3, 0): ("03a4848eeaedef52", "0df4d3e14f756413"),
    ("image-classification", 5, 3): ("580485367dd31fbd", "8025b21a64f17b47"),
    ("image-classification-multilabel", 1, 2): ("50adff82fc03b00c", "ceb043cdb76506de"),
    ("image-classification-multilabel", 3, 0): ("dc69c02765e99991", "d4241346b6a38a8d"),
    ("image-classification-multilabel", 5, 3): ("5730a02c7d42272b", "ebecfa606eb428d7"),
    ("named-entity-recognition", 1, 2): ("a6a98c2c110839ab", "cf00f8bf8c68c358"),
    ("named-entity-recognition", 3, 0): ("71783cacf1198e6b", "87704de2245ce1f4"),
    ("named-entity-recognition", 5, 3): ("999d47672884816b", "bc2adbc64c697730"),
    ("semantic-segmentation", 1, 2): ("d20f32c923102100", "2a0c788bda811d67"),
    ("semantic-segmentation", 3, 0): ("23677b389f5068ce", "24998dff184853ca"),
    ("semantic-segmentation", 5, 3): ("0638ba9c2863ba38", "47b84c91c3eb7c02"),
    ("text-classification", 1, 2): ("7cf511134baea6ed", "86737f59f0d5f6df"),
    ("text-classification", 3, 0): ("739553120e5d3e06", "0df4d3e14f756413"),
    ("text-classification", 5, 3): ("749049621c447afd", "8025b21a64f17b47"),
    ("text-classification-multilabel", 1, 2): ("7d609858bd3bc27c", "ceb043cdb76506de"),
    ("text-classification-multilabel", 3, 0): ("07837e396759efa8", "d4241346b6a38a8d"),
    ("text-classification-multilabel", 5, 3): ("55a8ba31e4b062d9", "ebecfa606eb428d7"),
    ("video-classification", 1, 2): ("7cf511134baea6ed", "86737f59f0d5f6df"),
    ("video-classification", 3, 0): ("739553120e5d3e06", "0df4d3e14f756413"),
    ("video-classification", 5, 3): ("749049621c447afd", "8025b21a64f17b47"),
}


def summed_up(value: Any) -> str:
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()[:16]


def pixels_of(content: Content, key: str) -> Any:
    """A mask's answer with its pixels in the file's place."""
    form = content[key]
    picture = Image.open(BytesIO(b64decode(form["labeledImage"]["pngImageData"])))
    return [np.asarray(picture).tolist(), form["inputImageProperties"]]


@pytest.mark.parametrize("which", AS_BEFORE, ids=lambda which: "-".join(map(str, which)))
def test_answers_and_labels_are_what_they_were(which: tuple[str, int, int]) -> None:
    name, workers, seed = which
    kind = make_kind(name, workers)
    answered = answered_objects(kind, seed)
    answers: list[Any] = [entry.answers for entry in answered]
    if name == "semantic-segmentation":
        answers = [
            [answer.worker, *pixels_of(answer.content, kind.key)] for each in answered for answer in each.answers
        ]
    kind.learn(answered[:2])
    labels = labels_as_told(kind, [answered[2:7], answered[7:]])
    assert (summed_up(answers), summed_up(labels)) == AS_BEFORE[which], labels


# Each kind is complete


@pytest.mark.parametrize("row", TASK_TYPES.values(), ids=list(TASK_TYPES))
def test_every_task_type_has_a_whole_kind(row: TaskType) -> None:
    assert row.name in KINDS, f"no file in kinds/ runs {row.name}"
    assert not inspect.isabstract(KINDS[row.name])
    kind = make_kind(row.name)
    assert isinstance(kind, Learnable) or row.algorithm is None
    assert row.algorithm is None or row.algorithm in BUILT_IN.keys() & TRAINING_FIGURES.keys()
    (answered,) = answered_objects(kind, 1, count=1)
    for _, content in answered.answers:
        kind.check_answer(content, answered.line)
        assert row.answer_key is None or row.answer_key in content
    consolidated = kind.consolidate([answered], "2026-01-02T03:04:05.000006")
    if consolidated is None:
        assert row.metadata_type == "groundtruth/custom", "only the caller's own labels are made elsewhere"
        return
    assert consolidated.labels.keys() == {0}, consolidated.failed
    made = consolidated.labels[0]
    # What a task wrote, the reader of manifests can read, as the class of the table's type.
    read = read_label({"label": made.value, "label-metadata": {**made.metadata, "type": row.metadata_type}}, "label")
    assert read is not None
    assert row.metadata_type in type(read).types, f"no label class reads {row.metadata_type}"
    assert (str(made.value) in made.files) is row.ref, "a label whose name ends with -ref is a file"


@pytest.mark.parametrize("names", [("bounding-box",), ("no-such-task",)])
def test_a_task_type_has_one_kind(names: tuple[str, ...]) -> None:
    before = dict(KINDS)
    with pytest.raises(ValueError, match=names[0]):
        runs(*names)(type("Another", (Kind,), {}))
    assert before == KINDS


class Counting(OneByOne):
    """How many birds? A kind that the service does not have."""

    def read_answer(self, content: Content, line: dict[str, Any]) -> int:
        count = self.form(content).get("count")
        if type(count) is not int:
            raise AnswerError(f"{self.key}.count is no whole number.")
        return count

    def simulate(self, line: dict[str, Any], truth: Any, right: bool, rng: Random) -> Content | None:
        return {self.key: {"count": truth if right else truth + 1}}

    def label_of(self, answers: Sequence[int], skills: Sequence[Skill], answered: Answered, stamp: str) -> ObjectLabel:
        return ObjectLabel(median_low(answers), {"seen-by": len(answers)})


@pytest.fixture
def counting(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A new task type: its row, and its kind."""
    row = TaskType("bird-count", "BirdCount", "text", "groundtruth/bird-count", answer_key="birds", min_labels=0)
    monkeypatch.setitem(TASK_TYPES, row.name, row)
    monkeypatch.setitem(task_types._BY_FUNCTION, row.function, row)
    runs("bird-count")(Counting)
    yield
    del KINDS["bird-count"]


def test_a_new_task_type_is_a_row_and_a_kind(counting: None, tmp_path: Path) -> None:
    service = InProcess(tmp_path)
    service.storage.objects["s3://lab/page.liquid"] = b"<crowd-form></crowd-form>"
    lines = [{"source": f"marsh {number}", "truth": number} for number in range(12)]
    manifest = b"".join(json.dumps(line).encode() + b"\n" for line in lines)
    page = {"instructions": None, "ui_template_uri": "s3://lab/page.liquid", "description": "Count."}
    try:
        description, output = service.run(manifest, task_type="bird-count", workers_per_object=3, **page)
    finally:
        service.close()
    assert description["LabelCounters"]["HumanLabeled"] == 12
    assert [line["label"] for line in output] == list(range(12))
    assert {line["label-metadata"]["type"] for line in output} == {"groundtruth/bird-count"}
    assert {line["label-metadata"]["seen-by"] for line in output} == {3}


# How answers arrive


@pytest.mark.parametrize("name", NAMES)
@given(seed=SEEDS, right=st.booleans())
@example(seed=1438, right=True)  # an object of the truth had the id of another one in the labels to adjust
def test_what_simulated_workers_send_is_what_people_send(name: str, seed: int, right: bool) -> None:
    kind, chance = make_kind(name), Random(seed)
    line = make_line(kind, chance)
    content = kind.simulate(line, line["truth"], right, chance)
    kind.check_answer(json.loads(json.dumps(content)), line)


ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(codec=None, categories=None), max_size=5)
    | st.sampled_from([*LABELS, "#1f77b4", "", "iVBORw0KGgo=", -1, 10**400, math.inf]),
    lambda inside: st.lists(inside, max_size=3) | st.dictionaries(st.text(max_size=5), inside, max_size=3),
    max_leaves=6,
)


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every place inside a JSON value: its list or object, and its index or key."""
    if isinstance(value, dict | list):
        for key in list(value) if isinstance(value, dict) else range(len(value)):
            yield value, key
            yield from places(value[key])


@pytest.mark.parametrize("name", NAMES)
@given(seed=SEEDS, data=st.data())
def test_an_answer_that_is_taken_can_be_consolidated(name: str, seed: int, data: st.DataObject) -> None:
    kind, chance = make_kind(name), Random(seed)
    line = make_line(kind, chance)
    content = json.loads(json.dumps(kind.simulate(line, line["truth"], True, chance)))
    for _ in range(data.draw(st.integers(1, 2))):
        inside, key = data.draw(st.sampled_from([*places(content), (content, "more")]))
        inside[key] = data.draw(ANYTHING)
    try:
        kind.check_answer(content, line)
    except AnswerError as error:
        message = str(error)
    else:
        message = ""
    assert len(message) < 400
    if message:
        return
    consolidated = kind.consolidate(
        [Answered(0, line, [WorkerAnswer("private.a", content)])], "2026-01-02T03:04:05.000006"
    )
    if consolidated is not None:
        assert (consolidated.labels.keys(), consolidated.failed) == ({0}, {})
        json.dumps(consolidated.labels[0].value, allow_nan=False)


BOX = {"label": "ant", "left": 1, "top": 2, "width": 3, "height": 4}
SPAN = {"label": "ant", "startOffset": 4, "endOffset": 9}


@pytest.mark.parametrize(
    ("name", "form", "words"),
    [
        ("image-classification", None, "crowd-image-classifier is missing"),
        (
            "image-classification",
            {"label": "gnu"},
            "crowd-image-classifier.label is 'gnu', which is not one of the job's labels",
        ),
        (
            "text-classification",
            {"label": ["ant"]},
            "crowd-classifier.label is a list, which is not one of the job's labels",
        ),
        ("text-classification-multilabel", {"labels": "ant"}, "crowd-classifier-multi-select.labels is missing or no"),
        ("text-classification-multilabel", {"labels": ["ant", "gnu"]}, r"labels\[1\] is 'gnu'"),
        ("bounding-box", {"boundingBoxes": {}}, "boundingBox.boundingBoxes is missing or not a list of boxes"),
        ("bounding-box", {"boundingBoxes": [BOX, {**BOX, "top": True}]}, r"boundingBoxes\[1\].top is not a number"),
        ("bounding-box", {"boundingBoxes": [BOX] * 2_001}, "boundingBoxes has more than 2,000 boxes"),
        ("bounding-box", {"boundingBoxes": [{**BOX, "left": math.nan}]}, "not JSON|not a number|JSON compliant"),
        ("bounding-box", {"boundingBoxes": [{**BOX, "label": "gnu"}]}, r"boundingBoxes\[0\].label is 'gnu'"),
        ("named-entity-recognition", {"entities": [{**SPAN, "endOffset": 900}]}, r"entities\[0\] is not within"),
        ("named-entity-recognition", {"entities": [{**SPAN, "startOffset": 9}]}, r"entities\[0\] is not within"),
        ("named-entity-recognition", {"entities": [{**SPAN, "label": "gnu"}]}, r"entities\[0\].label is 'gnu'"),
        ("semantic-segmentation", {"labelMappings": []}, "labelMappings is missing or no"),
        ("semantic-segmentation", {"labelMappings": {"gnu": {"color": "#000000"}}}, "labelMappings is 'gnu'"),
        ("semantic-segmentation", {"labelMappings": {"ant": {"color": "red"}}}, "'ant' needs a \"color\""),
        ("semantic-segmentation", {"labelMappings": {}}, "pngImageData is not a PNG in base64"),
        ("custom", {"note": "half a pair \ud800"}, "not valid Unicode"),
    ],
)
def test_a_wrong_answer_is_told_where_it_is_wrong(name: str, form: Any, words: str) -> None:
    kind = make_kind(name)
    line = make_line(kind, Random(1))
    with pytest.raises(AnswerError, match=words):
        kind.check_answer({kind.key: form}, line)


@pytest.mark.parametrize("content", [None, [], "text", 3])
@pytest.mark.parametrize("name", NAMES)
def test_an_answer_is_an_object(name: str, content: Any) -> None:
    with pytest.raises(AnswerError, match="JSON object"):
        make_kind(name).check_answer(content, {})


def test_an_answer_nested_without_end_is_refused() -> None:
    deep: Any = "note"
    for _ in range(5_000):
        deep = [deep]
    with pytest.raises(AnswerError, match="nested more than 100 levels"):
        make_kind("custom").check_answer({"form": deep}, {"source": "a"})


def test_a_mask_names_only_the_labels_that_are_in_use() -> None:
    """Source: developer guide, "crowd-semantic-segmentation": the answer's labelMappings are those of labels in use."""
    kind, numbers = make_kind("semantic-segmentation"), set()
    for seed in range(8):
        (answered,) = answered_objects(kind, seed, count=1)
        for _, content in answered.answers:
            mask = kind.read_answer(content, answered.line)
            used = {LABELS[number - 1] for number in np.unique(mask) if number}
            assert set(content[kind.key]["labelMappings"]) == used
            numbers.add(len(used))
    assert len(numbers) > 2

"""Whatever the objects of a job hold: the job ends, each line is in its output, and what is fine gets its label."""

from __future__ import annotations

import json
import os
import pickle
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from PIL import Image

from labeling_provider.groundtruth.facts import Quota
from labeling_provider.service.work.truth import TruthFileError
from tests.bad_functions import ANSWER
from tests.conftest import Lab, texts
from tests.service.in_process import FUNCTION, InProcess

SETTINGS = settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.too_slow])
ANY_TEXT = st.text(st.characters(codec=None), max_size=12)
LONE = "\ud800"


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InProcess]:
    folder = tmp_path_factory.mktemp("engine")
    os.environ[ANSWER] = str(folder / "answer.pickle")
    made = InProcess(folder, {"any": "tests.bad_functions:answers"})
    yield made
    made.close()


def _values() -> st.SearchStrategy[Any]:
    numbers = st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.just(10**4200)
    atoms = st.none() | st.booleans() | numbers | ANY_TEXT | st.sampled_from(["cat", "s3://lab/none.png", "s3://"])
    return st.recursive(atoms, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(ANY_TEXT, inner, max_size=4))


VALUES = _values()
KEYS = (
    st.sampled_from(["source", "source-ref", "truth", "label-metadata", "dataset-objectid-attribute-name"]) | ANY_TEXT
)
# A longer one ends the job with a reason of its own.
LINES = st.dictionaries(KEYS, VALUES, max_size=5).filter(lambda line: len(json.dumps(line)) < Quota.MANIFEST_LINE // 2)
KINDS = {
    "text-classification": ("source", "cat"),
    "text-classification-multilabel": ("source", ["cat", "dog"]),
    "named-entity-recognition": ("source", [{"label": "cat", "startOffset": 0, "endOffset": 2}]),
    "image-classification": ("source-ref", "cat"),
    "bounding-box": ("source-ref", [{"label": "cat", "left": 1, "top": 1, "width": 5, "height": 5}]),
    "semantic-segmentation": ("source-ref", "s3://lab/mask.png"),
    "custom": ("source", {"form": "value"}),
}


def job(task_type: str) -> dict[str, Any]:
    if task_type != "custom":
        return {"task_type": task_type}
    template = {"labels": None, "instructions": None, "ui_template_uri": "s3://lab/template.liquid"}
    return {"task_type": task_type, **template}


def png(width: int, height: int) -> bytes:
    body = BytesIO()
    Image.new("L", (width, height)).save(body, "PNG")
    return body.getvalue()


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize("task_type", KINDS)
@SETTINGS
@given(drawn=st.lists(LINES, max_size=6))
@example([{"source": LONE}, {"more": LONE}, {LONE: 1}, {"truth": LONE}, {"truth": {LONE: LONE}}])
@example([{"source-ref": ["s3://lab/a"]}, {"source-ref": {}}, {"source": []}])
@example([{"truth": nested(90)}, {"more": nested(90)}, {"truth": {"deep": nested(90)}}])
@example([{"dataset-objectid-attribute-name": []}, {"label-metadata": [LONE]}])
def test_every_job_ends_with_every_line(engine: InProcess, task_type: str, drawn: list[dict[str, Any]]) -> None:
    key, truth = KINDS[task_type]
    engine.storage.objects.update(
        {
            "s3://lab/fine.png": png(20, 10),
            "s3://lab/mask.png": png(20, 10),
            "s3://lab/template.liquid": b"<crowd-form>",
        }
    )
    fine = {key: "s3://lab/fine.png", "truth": truth}
    lines = [fine]
    for line in drawn:
        good = isinstance(line.get(key), str) and (key == "source" or line[key].startswith("s3://"))
        usable = line if good else {**line, key: "s3://lab/fine.png"}
        if task_type == "custom" and not str(line.get("source-ref", "s3://")).startswith("s3://"):
            usable["source-ref"] = ["s3://lab/fine.png"]
        lines += [usable, fine]
    attribute = "label-ref" if task_type == "semantic-segmentation" else "label"
    manifest = "".join(json.dumps(line) + "\n" for line in lines).encode()
    description, output = engine.run(manifest, **job(task_type))
    assert description["LabelingJobStatus"] == "Completed", description.get("FailureReason")
    assert len(output) == len(lines)
    for given_line, line in zip(lines, output, strict=True):
        metadata = line[f"{attribute}-metadata"]
        assert attribute in line or metadata["failure-reason"]
        made = {attribute, f"{attribute}-metadata"}
        kept = {name: value for name, value in line.items() if name not in made}
        assert kept == {name: value for name, value in given_line.items() if name not in made}
        if given_line is fine:
            assert attribute in line
    counters = description["LabelCounters"]
    assert counters["Unlabeled"] == 0
    assert counters["TotalLabeled"] + counters["FailedNonRetryableError"] <= len(lines)


@SETTINGS
@given(
    manifest=st.binary(max_size=200)
    | st.text(st.characters(codec=None), max_size=200).map(lambda text: text.encode(errors="surrogatepass"))
)
@example(b'{"source": "a", "n": 1e999}\n')
@example(b'{"source": "a", "n": NaN}\n')
@example(b'{"source": "a", "n": ' + b"1" * 5000 + b"}\n")
@example(b'{"source": "a", "n": ' + b"[" * 40_000 + b"]" * 40_000 + b"}\n")
@example(b'{"source": "a", "n": ' + b"[" * 300 + b"]" * 300 + b"}\n")
@example(b'{"source":\r"a"}\n')
def test_a_job_over_any_file_ends(engine: InProcess, manifest: bytes) -> None:
    description, output = engine.run(manifest)
    if description["LabelingJobStatus"] == "Failed":
        assert "manifest" in description["FailureReason"]
    else:
        assert len(output) == len(BytesIO(manifest).readlines())


@SETTINGS
@given(
    drawn=VALUES
    | st.lists(
        st.fixed_dictionaries(
            {},
            optional={
                "datasetObjectId": st.just("0") | VALUES,
                "consolidatedAnnotation": st.fixed_dictionaries({"content": VALUES}) | VALUES,
            },
        )
    )
)
@example([{"datasetObjectId": "0", "consolidatedAnnotation": None}])
@example([{"datasetObjectId": "0", "consolidatedAnnotation": {"content": {"label": LONE}}}])
@example([{"datasetObjectId": "0", "consolidatedAnnotation": {"content": {"label": nested(300)}}}])
@example([{"datasetObjectId": [], "consolidatedAnnotation": {"content": {"label": 1}}}])
@example(float("nan"))
@example({1, 2})
@example(10**5000)
def test_a_job_whose_function_answers_anything_ends(engine: InProcess, drawn: Any) -> None:
    Path(os.environ[ANSWER]).write_bytes(pickle.dumps(drawn))
    engine.storage.objects["s3://lab/template.liquid"] = b"<crowd-form>"
    line = {"source": "a", "truth": {"form": 1}}
    description, (written,) = engine.run(
        (json.dumps(line) + "\n").encode(), consolidation_function=FUNCTION + "any", **job("custom")
    )
    if description["LabelingJobStatus"] == "Failed":
        assert FUNCTION in description["FailureReason"]
    elif not description["LabelCounters"]["TotalLabeled"]:
        assert FUNCTION in written["label-metadata"]["failure-reason"]
        assert written.items() >= line.items()


def test_a_mask_that_is_small_to_send_and_huge_to_open_fails_its_object(lab: Lab) -> None:
    image, huge, small = (
        lab.put("huge/image.png", png(20, 10)),
        lab.put("huge/mask.png", png(20_000, 10_000)),
        png(20, 10),
    )
    lines = [{"source-ref": image, "truth": huge}, {"source-ref": image, "truth": lab.put("huge/small.png", small)}]
    description, output = lab.run(lines, task_type="semantic-segmentation", workers_per_object=1)
    assert description["LabelingJobStatus"] == "Completed"
    assert huge in output[0]["label-ref-metadata"]["failure-reason"]
    assert "label-ref" in output[1]


def test_labels_that_are_no_unicode_fail_the_job(lab: Lab) -> None:
    categories = lab.put("half.json", json.dumps({"labels": [{"label": "cat"}, {"label": LONE}]}))
    description, _ = lab.run(texts(1), labels=None, category_uri=categories)
    assert "not valid Unicode" in description["FailureReason"]
    assert "half.json" in description["FailureReason"]


@pytest.mark.parametrize(
    "entry",
    [
        b'{"source": "a", "truth": {"form": NaN}}',
        b'{"source": "a", "truth": {"form": 1e999}}',
        b'{"source": "a", "truth": {"form": "\\ud800"}}',
        b'{"source": "a", "truth": ' + b'{"form":' * 400 + b"1" + b"}" * 400 + b"}",
        b'{"source": "a", "truth": ' + b"[" * 5_000 + b"]" * 5_000 + b"}",
        b'{"source": ["a"], "truth": 1}',
        b'{"source": "a"}',
        b'["a"]',
        b"null",
        b"\xff",
        b'{"source": "a", "truth": ' + b"1" * 5_000 + b"}",
    ],
    ids=range(11),
)
def test_a_job_whose_truth_is_anything_ends(tmp_path: Path, entry: bytes) -> None:
    service = InProcess(tmp_path, truth=["s3://lab/truth.jsonl"])
    service.storage.objects.update({"s3://lab/template.liquid": b"<crowd-form>", "s3://lab/truth.jsonl": entry})
    try:
        description, output = service.run(b'{"source": "a"}\n', **job("custom"))
    finally:
        service.close()
    if description["LabelingJobStatus"] == "Failed":
        assert "s3://lab/truth.jsonl line 1" in description["FailureReason"]
    else:
        assert output[0].get("label") == {} or output[0]["label-metadata"]["failure-reason"]


def test_a_truth_file_that_can_be_nowhere_is_told_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(TruthFileError, match="s3:///nowhere"):
        InProcess(tmp_path, truth=["s3:///nowhere"])

"""A file that a job can't be made of is named, with what is wrong with it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from labeling_provider.groundtruth.description import JobRequest
from labeling_provider.service.engine.inputs import Inputs
from labeling_provider.service.failures import JobFailure
from tests.service.in_process import Memory

MANIFEST, CATEGORIES, TEMPLATE = "s3://lab/in.manifest", "s3://lab/labels.json", "s3://lab/page.liquid"
ARN = "arn:aws:lambda:us-east-1:432418664414:function:PRE-TextMultiClass"
REQUEST = JobRequest(
    {
        "InputConfig": {"DataSource": {"S3DataSource": {"ManifestS3Uri": MANIFEST}}},
        "LabelCategoryConfigS3Uri": CATEGORIES,
        "HumanTaskConfig": {"PreHumanTaskLambdaArn": ARN, "UiConfig": {"UiTemplateS3Uri": TEMPLATE}},
    }
)


def document(*labels: Any) -> bytes:
    return json.dumps({"document-version": "2018-11-28", "labels": [{"label": label} for label in labels]}).encode()


def test_the_lines_can_be_read_again_and_again_without_their_breaks() -> None:
    store = Memory({MANIFEST: b'{"source": "a"}\r\n{"source": "b"}'})
    with Inputs(store).manifest(REQUEST) as manifest:
        store.objects[MANIFEST] = b"changed meanwhile"
        assert [list(manifest) for _ in range(2)] == [['{"source": "a"}', '{"source": "b"}']] * 2
        assert next(iter(manifest.raw())).endswith(b"\r\n")
    with Inputs(store).manifest(JobRequest({})) as empty:
        assert list(empty) == []


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (None, f"the input manifest {MANIFEST} does not exist or is not readable"),
        (b"", f"{MANIFEST}: the manifest is empty"),
        (b'{"source-ref": "s3://lab/a.png"}\n', 'has no "source"'),
    ],
)
def test_a_manifest_that_can_not_be_labeled_is_told(body: bytes | None, words: str) -> None:
    store = Memory({} if body is None else {MANIFEST: body})
    with pytest.raises(JobFailure, match=words), Inputs(store).manifest(REQUEST):
        pass


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({}, f"the label category file {CATEGORIES} does not exist"),
        ({CATEGORIES: b"{"}, f"{CATEGORIES}: "),
        ({CATEGORIES: b'{"labels": [{"label": "a \\ud800"}]}'}, "half of a surrogate pair"),
        ({CATEGORIES: document("cat")}, "at least 2"),
        ({CATEGORIES: document("cat", "dog")}, f"the worker template {TEMPLATE} does not exist"),
    ],
)
def test_categories_and_template_are_checked(files: dict[str, bytes], words: str) -> None:
    with pytest.raises(JobFailure, match=words):
        Inputs(Memory(files)).check(REQUEST)


def test_what_is_right_is_let_pass() -> None:
    inputs = Inputs(Memory({CATEGORIES: document("cat", "dog"), TEMPLATE: b"<crowd-form></crowd-form>"}))
    inputs.check(REQUEST)
    assert [label["label"] for label in inputs.categories(REQUEST)["labels"]] == ["cat", "dog"]
    assert inputs.categories(JobRequest({})) == {}

"""The operators on manifests, with a real S3."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from typing import Any

import pytest

from labeling_provider.errors import InvalidManifestError, LabelingError
from labeling_provider.manifest import ManifestError
from labeling_provider.operators.manifest import (
    MergeManifestsOperator,
    SplitManifestOperator,
    ValidateManifestOperator,
)
from tests.airflow_context import context
from tests.conftest import Lab, texts
from tests.jobs.yards import Yard, turned
from tests.operators.manifests import build, lines_of, place, shards
from tests.operators.tasks import operator, run_id


def test_shards_are_labeled_by_a_job_each_and_merged_in_their_order(connected: Lab) -> None:
    given = texts(7)
    uris, _ = shards(objects=given, shard_size=3, manifest_uri=place())
    labeled = [operator(connected, uri).execute(context(**run_id())) for uri in uris]
    merged = MergeManifestsOperator(task_id="merge", manifest_uris=labeled, merged_uri=place()).execute(context())
    assert merged.items() >= {"lines": 7, "repeated": 0, "objects": 7}.items()
    lines = lines_of(connected, merged["manifest_uri"])
    assert [line["source"] for line in lines] == [line["source"] for line in given]
    assert [line["label-metadata"]["class-name"] for line in lines] == [line["truth"] for line in given]
    with pytest.raises(LabelingError, match=r"has neither output_manifest_uri nor manifest_uri"):
        MergeManifestsOperator(task_id="merge", manifest_uris=[{"job_name": "x"}], merged_uri=place()).execute({})


def test_a_manifest_is_divided_by_the_labels_confidence(connected: Lab) -> None:
    lines = [
        {"source": f"text {n}", "y": n % 2, "y-metadata": {"class-name": "ab"[n % 2], "confidence": n / 100}}
        for n in range(100)
    ]
    uri = place("sets")
    result = SplitManifestOperator(
        task_id="split",
        manifest_uri={"output_manifest_uri": connected.manifest(lines)},
        output_uri=uri,
        fractions={"train": "0.8", "test": 0.2},
        label_attribute_name="y",
        min_confidence=0.5,
    ).execute(context())
    assert result["manifest_uris"] == {"train": f"{uri}/train.manifest", "test": f"{uri}/test.manifest"}
    parts = {name: lines_of(connected, uri) for name, uri in result["manifest_uris"].items()}
    assert sorted([*parts["train"], *parts["test"]], key=lines.index) == lines[50:]
    assert result["left_out"] == 50
    assert result["objects"] == {name: len(part) for name, part in parts.items()}
    for name, part in parts.items():
        assert sum(result["classes"][name].values()) == len(part)
    json.dumps(result)
    with pytest.raises(ValueError, match="needs label_attribute_name"):
        SplitManifestOperator(task_id="x", manifest_uri="a", output_uri="b", fractions={}, min_confidence=1)


def test_a_large_manifest_is_written_in_parts_and_a_failure_leaves_nothing(connected: Lab) -> None:
    objects = [{"source": "x" * 90_000, "n": number} for number in range(220)]
    for number, line in enumerate(objects):
        line["source"] = f"{number} {line['source']}"
    result = build(objects=objects)
    assert lines_of(connected, result["manifest_uri"]) == objects
    uri = place()
    with pytest.raises(ManifestError):
        build(objects=[*objects, {}], manifest_uri=uri)
    assert connected.keys(uri.removeprefix("s3://lab/")) == []
    assert not connected.s3.list_multipart_uploads(Bucket="lab").get("Uploads")


def test_a_manifest_is_checked_as_a_task(connected: Lab, logged: Callable[[], str]) -> None:
    yard = Yard(connected)
    lines = [{"source-ref": uri, "bird": 0, "bird-metadata": {"class-name": "heron"}} for uri in yard.uris]

    def check(manifest: Any, **arguments: Any) -> dict[str, Any]:
        defaults = {"task_type": "image-classification", "label_attribute_name": "bird", "fix_cors": True}
        task = ValidateManifestOperator(task_id="check", manifest_uri=manifest, **{**defaults, **arguments})
        return task.execute(context())

    good = connected.manifest([*lines, {"source-ref": yard.put("more.png")}])
    result = check({"manifest_uri": good})
    assert result == {
        "manifest_uri": good,
        "lines": 4,
        "labeled": 3,
        "unlabeled": 1,
        "failed": 0,
        "classes": {"heron": 3},
        "problems": [],
    }
    packed = connected.put("good.manifest.gz", gzip.compress(connected.get(good)))
    assert check(packed) == {**result, "manifest_uri": packed}
    bad = connected.put("bad.manifest", json.dumps({"source-ref": f"s3://{yard.bucket}/gone.png"}) + "\n{\n" * 30)
    with pytest.raises(InvalidManifestError, match=r"bad.manifest can't be labeled as it is, 22 problems") as caught:
        check(bad)
    problems = [str(problem) for problem in caught.value.problems]
    assert "line 2: not JSON" in problems[0]
    assert "39 more wrong lines" in problems[20]
    assert "gone.png does not exist" in problems[21]
    logged()
    assert len(check(bad, on_problems="warn")["problems"]) == 22
    assert "gone.png does not exist" in logged()
    with pytest.raises(LabelingError, match="'birds' is not a task type"):
        check(good, task_type="birds")
    with pytest.raises(ValueError, match="on_problems must be"):
        check(good, on_problems="off")


def test_a_check_tells_of_pictures_that_are_stored_turned_and_fails_for_none(
    connected: Lab, logged: Callable[[], str]
) -> None:
    yard = Yard(connected, 1)
    yard.uris += [yard.put(f"{number}.jpg", turned(number)) for number in (1, 6, 3)]
    task = ValidateManifestOperator(
        task_id="validate", manifest_uri=yard.manifest(), task_type="image-classification", fix_cors=True
    )
    assert task.execute(context())["problems"] == []
    assert logged().count("2 of the 4 pictures checked are stored rotated, the first in line 3.") == 1

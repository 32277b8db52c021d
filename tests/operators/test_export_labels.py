"""Exporting labels."""

from __future__ import annotations

import csv
import json
from typing import Any

import pytest

from labeling_provider.errors import LabelingError
from labeling_provider.operators.manifest import (
    ExportLabelsOperator,
    SplitManifestOperator,
)
from tests.airflow_context import context
from tests.conftest import Lab
from tests.operators.manifests import place, sources_of


def labeled(source: str, number: int, name: str, kind: str = "text-classification") -> dict[str, Any]:
    """A line with a label, as a job writes it."""
    key = "source-ref" if source.startswith("s3://") else "source"
    about = {"type": f"groundtruth/{kind}", "class-name": name, "confidence": 0.9, "human-annotated": "yes"}
    return {key: source, "tone": number, "tone-metadata": about}


def test_the_sets_of_a_split_are_exported_together(connected: Lab) -> None:
    source = connected.manifest([labeled(f"text {number}", number % 2, "ab"[number % 2]) for number in range(40)])
    split = SplitManifestOperator(
        task_id="split", manifest_uri=source, output_uri=place("sets"), fractions={"train": 0.8, "test": 0.2}
    ).execute(context())
    folder = place("export")
    task = ExportLabelsOperator(
        task_id="export", manifest_uri=split, output_uri=folder, format="csv", label_attribute_name="tone"
    )
    result = task.execute(context())
    assert result["objects"] == split["objects"]
    assert (result["classes"], result["left_out"], result["problems"]) == (["a", "b"], 0, [])
    rows = list(csv.DictReader(connected.get(f"{folder}/test.csv").decode().splitlines()))
    assert [row["object"] for row in rows] == sources_of(connected, [split["manifest_uris"]["test"]])
    json.dumps(result)


def test_pictures_are_copied_from_bucket_to_folder(connected: Lab) -> None:
    pictures = [connected.put(f"pictures/{number}.png", bytes([number])) for number in range(3)]
    lines = [labeled(uri, 0, "heron", "image-classification") for uri in [*pictures, "s3://lab/pictures/gone.png"]]
    job = {"output_manifest_uri": connected.manifest(lines), "label_attribute_name": "tone"}
    folder = place("export")
    task = ExportLabelsOperator(
        task_id="export", manifest_uri=job, output_uri=f"{folder}/", format="huggingface", on_problems="warn"
    )
    result = task.execute(context())
    assert (result["objects"], result["left_out"]) == ({"train": 3}, 1)
    assert "line 4: " in result["problems"][0]
    assert "gone.png" in result["problems"][0]
    assert [connected.get(f"{folder}/train/{number}.png") for number in range(3)] == [b"\x00", b"\x01", b"\x02"]


def test_what_is_left_out_fails_the_task_and_the_rest_is_written(connected: Lab) -> None:
    source = connected.manifest([labeled("good", 0, "a"), labeled("twice", 0, "b"), {"source": "waits"}])
    folder = place("export")
    arguments = {"manifest_uri": source, "output_uri": folder, "format": "parquet", "label_attribute_name": "tone"}
    task = ExportLabelsOperator(task_id="export", **arguments)
    with pytest.raises(LabelingError, match="1 line can't be exported as parquet .*line 2: tone: class 0 is 'b' here"):
        task.execute(context())
    assert connected.get(f"{folder}/train.parquet")[:4] == b"PAR1"
    again = ExportLabelsOperator(task_id="export", **arguments, classes=["b", "a"]).execute(context())
    assert (again["objects"], again["unlabeled"]) == ({"train": 2}, 1)


def test_channels_for_a_training_come_with_the_result(connected: Lab) -> None:
    source = connected.manifest([labeled("s3://lab/1.png", 1, "b", "image-classification")])
    task = ExportLabelsOperator(
        task_id="export",
        manifest_uri=source,
        output_uri="s3://lab/pipe",
        format="sagemaker-pipe",
        label_attribute_name="tone",
    )
    result = task.execute(context())
    (channel,) = result["channels"]
    assert channel["DataSource"]["S3DataSource"]["S3Uri"] == "s3://lab/pipe/train.manifest"
    assert result["hyperparameters"] == {"num_training_samples": "1", "num_classes": "2"}
    json.dumps(result)


def test_a_manifest_of_no_job_needs_the_name_of_its_label() -> None:
    task = ExportLabelsOperator(task_id="export", manifest_uri="s3://b/m", output_uri="s3://b/out", format="csv")
    with pytest.raises(LabelingError, match="Set label_attribute_name"):
        task.execute(context())
    with pytest.raises(ValueError, match="on_problems must be"):
        ExportLabelsOperator(task_id="x", manifest_uri="", output_uri="", format="csv", on_problems="shrug")

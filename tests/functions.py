"""Functions of custom tasks, as a user would write them for Lambda, and a model."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from typing import Any

import boto3

from labeling_provider.local.learning.models import Model, Prediction


def pre(event: dict[str, Any], context: None) -> dict[str, Any]:
    return {"taskInput": {"text": event["dataObject"]["source"]}}


def pre_skips(event: dict[str, Any], context: None) -> dict[str, Any]:
    return {"taskInput": {}, "humanAnnotationRequired": "false" if "skip" in event["dataObject"] else "true"}


def consolidate(event: dict[str, Any], context: None) -> list[dict[str, Any]]:
    bucket, _, key = event["payload"]["s3Uri"].removeprefix("s3://").partition("/")
    payload = json.loads(boto3.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read())
    answers = []
    for item in payload:
        grades = Counter(json.loads(one["annotationData"]["content"])["grade"] for one in item["annotations"])
        label = event["labelAttributeName"]
        content = {label: {"grade": grades.most_common(1)[0][0]}, f"{label}-metadata": {"type": "groundtruth/custom"}}
        answers.append({"datasetObjectId": item["datasetObjectId"], "consolidatedAnnotation": {"content": content}})
    return answers


def broken(event: dict[str, Any], context: None) -> None:
    raise KeyError("no such grade")


class FirstWordModel(Model):
    """A model of a user's own: texts that begin with the same word are of the same class."""

    def read(self, data: bytes | str) -> str:
        return str(data).split()[0]

    def train(self, inputs: Sequence[Any], answers: Sequence[Any]) -> None:
        self._known = dict(zip(inputs, answers, strict=True))

    def predict(self, inputs: Sequence[Any]) -> list[Prediction]:
        return [Prediction(self._known.get(one, 0), float(one in self._known)) for one in inputs]

    def save(self) -> bytes:
        return json.dumps(self._known).encode()

    def load(self, saved: bytes, labels: Sequence[str]) -> None:
        self._known = json.loads(saved)

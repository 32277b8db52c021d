"""Functions of custom tasks, as a user would write them for Lambda."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import boto3


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

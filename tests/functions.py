"""Functions of custom tasks, as a user would write them for Lambda."""

from __future__ import annotations

import json
import os
import time
from collections import Counter
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import IncompleteReadError

HOLD = "LABELING_TEST_HOLD"
"""Names a file: as long as it is there, a function waits."""


def pre(event: dict[str, Any], context: object) -> dict[str, Any]:
    return {"taskInput": {"text": event["dataObject"]["source"]}}


def pre_skips(event: dict[str, Any], context: object) -> dict[str, Any]:
    return {"taskInput": {}, "humanAnnotationRequired": "false" if "skip" in event["dataObject"] else "true"}


def consolidate(event: dict[str, Any], context: object) -> list[dict[str, Any]]:
    bucket, _, key = event["payload"]["s3Uri"].removeprefix("s3://").partition("/")
    payload = json.loads(boto3.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read())
    answers = []
    for item in payload:
        grades = Counter(
            json.loads(annotation["annotationData"]["content"])["grade"] for annotation in item["annotations"]
        )
        label = event["labelAttributeName"]
        content = {label: {"grade": grades.most_common(1)[0][0]}, f"{label}-metadata": {"type": "groundtruth/custom"}}
        answers.append({"datasetObjectId": item["datasetObjectId"], "consolidatedAnnotation": {"content": content}})
    return answers


def consolidate_as_its_role(event: dict[str, Any], context: object) -> list[dict[str, Any]]:
    """Reads the answers as the role of the job, too, as Amazon's recipe does, and adds what the API says of the job."""
    answers, label = consolidate(event, context), event["labelAttributeName"]
    role = boto3.client("sts").assume_role(RoleArn=event["roleArn"], RoleSessionName="consolidation")["Credentials"]
    session = boto3.Session(role["AccessKeyId"], role["SecretAccessKey"], role["SessionToken"])
    bucket, _, key = event["payload"]["s3Uri"].removeprefix("s3://").partition("/")
    payload = json.loads(session.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read())
    name = event["labelingJobArn"].rpartition("/")[2]
    job = boto3.client("sagemaker").describe_labeling_job(LabelingJobName=name)
    for answer, item in zip(answers, payload, strict=True):
        answer["consolidatedAnnotation"]["content"][label] |= {
            "status": job["LabelingJobStatus"],
            "answers": len(item["annotations"]),
        }
    return answers


def pre_reads_s3(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Reads the text of an object from S3, once nothing holds it up any more."""
    if HOLD in os.environ:
        hold = Path(os.environ[HOLD])
        hold.with_suffix(".reached").touch()
        while hold.exists():
            time.sleep(0.02)
    bucket, _, key = event["dataObject"]["source-ref"].removeprefix("s3://").partition("/")
    try:
        body = boto3.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
    except Exception:  # noqa: BLE001 - as many people write it
        raise RuntimeError(f"{key} can't be read")  # noqa: B904
    return {"taskInput": {"text": body.decode()}}


def tells_its_context(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """All that a function may ask its context for."""
    names = ("aws_request_id", "function_name", "function_version", "invoked_function_arn", "memory_limit_in_mb")
    names += ("log_group_name", "log_stream_name", "client_context", "identity")
    before, after = context.get_remaining_time_in_millis(), context.get_remaining_time_in_millis()
    return {name: getattr(context, name) for name in names} | {"left": [before, after]}


def recipe_before(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """As Amazon's recipe does: the source is the task's object, and a text says whether people are needed."""
    line = event["dataObject"]
    print(f"{context.aws_request_id}: {line}")
    needed = "false" if line.get("known") else "true"
    return {"taskInput": {"taskObject": line.get("source-ref") or line["source"]}, "humanAnnotationRequired": needed}


def recipe_after(event: dict[str, Any], context: Any) -> list[dict[str, Any]]:
    """As Amazon's recipe does: the label is what all workers said, and who said it."""
    bucket, _, key = event["payload"]["s3Uri"].removeprefix("s3://").partition("/")
    payload = json.loads(boto3.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read())
    label = event["labelAttributeName"]
    return [
        {
            "datasetObjectId": item["datasetObjectId"],
            "consolidatedAnnotation": {
                "content": {
                    label: {
                        "annotations": [
                            {"workerId": annotation["workerId"], **json.loads(annotation["annotationData"]["content"])}
                            for annotation in item["annotations"]
                        ],
                        "millis": context.get_remaining_time_in_millis(),
                    }
                }
            },
        }
        for item in payload
    ]


def broken(event: dict[str, Any], context: object) -> None:
    raise KeyError("no such grade")


def mask_of_box(event: dict[str, Any], context: object) -> dict[str, Any]:
    """What is asked, as a mask; and how it can go wrong, by the first point."""
    import base64
    import io
    import os

    from PIL import Image

    first = event.get("points", [{"x": -1}])[0]["x"]
    if first == 1:
        raise KeyError("no such thing")
    if first == 2:
        os._exit(3)
    if first == 3:
        return {"mask": None}
    if first == 7:
        raise IncompleteReadError(actual_bytes=1, expected_bytes=2)
    size = (event["width"] + (first == 4), event["height"])
    image, body = Image.new("L", size), io.BytesIO()
    box = event.get("box", {"left": 0, "top": 0, "width": 0, "height": 0})
    place = (box["left"], box["top"], box["left"] + box["width"], box["top"] + box["height"])
    if box["width"]:
        image.paste(1, place)
    if first == 6:
        image = image.convert("I;16")
    image.save(body, "PNG")
    return {"pngImageData": base64.b64encode(body.getvalue()).decode()}

"""Label every week what is new.

New pictures are listed, checked, priced, labeled, measured, merged with what earlier weeks have labeled, divided and
exported.

``collect`` stands in for whoever delivers pictures: each run uploads the next 150 of scikit-learn's digits. What they
really are goes to a file that only the simulated workers of the self-hosted service read.
"""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

from airflow.sdk import DAG, CronTriggerTimetable, Param, task

from labeling_provider.dataset import label_dataset
from labeling_provider.request import PrivateWorkteam

FOLDER = "s3://{{ params.bucket }}/weekly"
AT_ONCE = 150
WORKTEAMS = [
    f"arn:aws:sagemaker:us-east-1:123456789012:workteam/private-crowd/{name}"
    for name in ("private-simulated", "private-people")
]
"""Suggestions in the form that starts a run; any other workteam can be typed in."""

with DAG(
    dag_id="weekly_labeling",
    description="Each week: label what is new, measure it, merge it with older labels, and export",
    schedule=CronTriggerTimetable("@weekly", timezone="UTC", run_immediately=timedelta(0)),
    # Each run labels what the one before has left.
    max_active_runs=1,
    default_args={"retries": 1, "retry_delay": timedelta(seconds=10)},
    tags=["labeling"],
    doc_md=__doc__,
    params={
        "bucket": Param("labeling-demo", type="string", description="bucket for pictures, manifests and labels"),
        "role_arn": Param(
            "arn:aws:iam::123456789012:role/labeling-local", type="string", description="role of the labeling jobs"
        ),
        "workteam_arn": Param(
            WORKTEAMS[0],
            type="string",
            examples=WORKTEAMS,
            description="private workteam that labels; `labeling workers new-team` prints the ARN of a new one",
        ),
    },
) as dag:

    @task
    def collect(bucket: str) -> int:
        """Upload the next pictures; how many there are now."""
        from concurrent.futures import ThreadPoolExecutor
        from io import BytesIO

        from PIL import Image
        from sklearn.datasets import load_digits

        from labeling_provider.hooks.labeling import LabelingHook

        digits, s3 = load_digits(), LabelingHook().s3
        if bucket not in {present["Name"] for present in s3.list_buckets()["Buckets"]}:
            s3.create_bucket(Bucket=bucket)
        pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix="weekly/pictures/")
        there = sum(page.get("KeyCount", 0) for page in pages)
        keys = [f"weekly/pictures/{number:04}.png" for number in range(len(digits.images))]
        pairs = zip(keys, digits.target, strict=True)
        truth = [{"source-ref": f"s3://{bucket}/{key}", "truth": str(digit)} for key, digit in pairs]
        body = "".join(json.dumps(line) + "\n" for line in truth)
        s3.put_object(Bucket=bucket, Key="weekly/truth.jsonl", Body=body.encode())

        def put_picture(number: int) -> None:
            picture = BytesIO()
            pixels = (digits.images[number] * 255 / 16).astype("uint8")
            Image.fromarray(pixels).resize((64, 64)).save(picture, "PNG")
            s3.put_object(Bucket=bucket, Key=keys[number], Body=picture.getvalue(), ContentType="image/png")

        new = range(there, min(there + AT_ONCE, len(keys)))
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(put_picture, new))
        return there + len(new)

    digits = label_dataset(
        "digits",
        folder=FOLDER,
        source={"prefix_uri": f"{FOLDER}/pictures/", "suffixes": [".png"]},
        job={
            "task_type": "image-classification",
            "labels": [str(digit) for digit in range(10)],
            "workforce": PrivateWorkteam("{{ params.workteam_arn }}"),
            "role_arn": "{{ params.role_arn }}",
            "title": "Which digit is this?",
            "instructions": "Choose the digit that you see. If you can't tell, choose the most likely one.",
            "label_attribute_name": "digit",
            "workers_per_object": 3,
            "fix_cors": True,
            "deferrable": True,
            "poll_interval": 2,
        },
        ask_above_usd=100,
        quality={"min_labeled": 0.95, "min_agreement": 0.5},
        relabel_below=0.6,
        relabel_job={"workers_per_object": 5},
        export_format="csv",
    )

    @task
    def tell(exported: dict[str, Any]) -> dict[str, int]:
        """How many labels there are by now, for each set."""
        counts: dict[str, int] = exported["objects"]
        print(f"{sum(counts.values()):,} labels in {exported['output_uri']}: {counts}")
        return counts

    collect("{{ params.bucket }}") >> digits.group
    tell(digits.exported)

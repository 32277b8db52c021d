"""Label boxes, let people verify them, adjust what they reject, and take the adjusted boxes over.

One worker draws boxes around the balls and crates in 60 pictures. Three others say whether the boxes are right. Those
of the rejected pictures go to a worker who adjusts them, and the dataset gets the adjusted boxes. ``report`` tells how
many pictures were adjusted and by how much.

``collect`` stands in for whoever delivers pictures. What is really in them goes to a file that only the simulated
workers of the self-hosted service read.
"""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

from airflow.sdk import DAG, Param, TriggerRule, task

from labeling_provider.dataset import label_dataset
from labeling_provider.request import PrivateWorkteam

FOLDER = "s3://{{ params.bucket }}/review"
LABELS = ("ball", "crate")
PICTURES = 60
SIZE = (160, 120)
WORKTEAMS = [
    f"arn:aws:sagemaker:us-east-1:123456789012:workteam/private-crowd/{name}"
    for name in ("private-simulated", "private-people")
]
"""Suggestions in the form that starts a run; any other workteam can be typed in."""

with DAG(
    dag_id="label_review_adjust",
    description="Draw boxes, verify them, adjust the rejected ones, and export the result",
    schedule=None,
    # Each run labels only what is new.
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
            description="private workteam that labels, verifies and adjusts; "
            "`labeling workers new-team` prints the ARN of a new one",
        ),
    },
) as dag:

    @task
    def collect(bucket: str) -> int:
        """Upload the pictures; how many there are."""
        from concurrent.futures import ThreadPoolExecutor
        from io import BytesIO
        from random import Random

        from PIL import Image, ImageDraw

        from labeling_provider.hooks.labeling import LabelingHook

        s3 = LabelingHook().s3
        if bucket not in {present["Name"] for present in s3.list_buckets()["Buckets"]}:
            s3.create_bucket(Bucket=bucket)

        def put_picture(number: int) -> dict[str, Any]:
            chance = Random(number)
            image = Image.new("RGB", SIZE, "#d8dee4")
            draw, boxes = ImageDraw.Draw(image), []
            # One thing in each half, so that none hides another.
            for half in range(2):
                label, side = chance.choice(LABELS), chance.randrange(24, 48)
                left, top = 80 * half + chance.randrange(2, 78 - side), chance.randrange(2, 118 - side)
                area = (left, top, left + side, top + side)
                if label == "ball":
                    draw.ellipse(area, fill="#c43d2f")
                else:
                    draw.rectangle(area, fill="#8a6a3b")
                boxes.append({"label": label, "left": left, "top": top, "width": side, "height": side})
            body = BytesIO()
            image.save(body, "PNG")
            key = f"review/pictures/{number:04}.png"
            s3.put_object(Bucket=bucket, Key=key, Body=body.getvalue(), ContentType="image/png")
            return {"source-ref": f"s3://{bucket}/{key}", "truth": boxes}

        with ThreadPoolExecutor(8) as pool:
            truth = list(pool.map(put_picture, range(PICTURES)))
        body = "".join(json.dumps(line) + "\n" for line in truth)
        s3.put_object(Bucket=bucket, Key="review/truth.jsonl", Body=body.encode())
        return len(truth)

    scenes = label_dataset(
        "scenes",
        folder=FOLDER,
        source={"prefix_uri": f"{FOLDER}/pictures/", "suffixes": [".png"]},
        job={
            "task_type": "bounding-box",
            "labels": list(LABELS),
            "workforce": PrivateWorkteam("{{ params.workteam_arn }}"),
            "role_arn": "{{ params.role_arn }}",
            "title": "Where are the balls and the crates?",
            "instructions": "Draw a tight box around each ball and each crate.",
            "label_attribute_name": "boxes",
            "workers_per_object": 1,
            "fix_cors": True,
            "deferrable": True,
            "poll_interval": 2,
        },
        quality={"min_labeled": 0.95},
        review={"workers_per_object": 3},
        adjust_job={"instructions": "Correct the boxes: move, add or remove until each is tight."},
        export_format="coco",
    )

    @task(trigger_rule=TriggerRule.NONE_FAILED_MIN_ONE_SUCCESS)
    def report(merged: dict[str, Any], verdicts: dict[str, Any] | None, adjustments: dict[str, Any] | None) -> str:
        """Say what the review has changed; nothing was rejected if there are no adjustments."""
        verified = verdicts["counters"]["total_labeled"] if verdicts else 0
        summary = f"{merged['objects']} pictures have labels; those of {verified} were verified."
        if adjustments:
            summary += f" {adjustments['adjusted']} were adjusted"
            if adjustments["adjustment_iou"] is not None:
                summary += f", with a mean IoU of {adjustments['adjustment_iou']:.2f} between before and after"
            summary += f": {adjustments['report_uri']}"
        print(summary)
        return summary

    collect("{{ params.bucket }}") >> scenes.group
    report(scenes.merged, scenes.verdicts, scenes.adjustments)

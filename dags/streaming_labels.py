"""Label pictures as they come in, and train again whenever 200 new labels are there.

- ``streaming_labels_start`` makes the streaming labeling job, its topics and a queue for the labels.
- Whatever lands under ``live/new/`` in the bucket is pushed to the job by a watcher in Airflow's triggerer, and
  ``streaming_labels_pushed`` tells how much it was.
- ``streaming_labels_train`` runs for each batch of labels, and trains on all that have come so far.
- ``streaming_labels_stop`` waits until nothing is left to label, and stops the job.
- ``streaming_labels_camera`` stands in for whoever delivers pictures: it uploads some of scikit-learn's digits.
"""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

from airflow.sdk import DAG, Asset, AssetWatcher, Param, task

from labeling_provider.operators.labeling_job import CreateLabelingJobOperator, StopLabelingJobOperator
from labeling_provider.request import PrivateWorkteam
from labeling_provider.triggers.labels import LabelsArrivedTrigger
from labeling_provider.triggers.streaming import PushNewObjectsTrigger

# A watcher has no parameters: these are the place to name your own account, bucket and workteam.
REGION, ACCOUNT, BUCKET = "us-east-1", "123456789012", "labeling-demo"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/labeling-local"
WORKTEAM = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:workteam/private-crowd/private-simulated"
INPUT_TOPIC = f"arn:aws:sns:{REGION}:{ACCOUNT}:groundtruth-live-in"
OUTPUT_TOPIC = f"arn:aws:sns:{REGION}:{ACCOUNT}:groundtruth-live-out"
FOLDER = f"s3://{BUCKET}/live"
LABELS_QUEUE = "groundtruth-live-labels"
RETRIES = {"retries": 1, "retry_delay": timedelta(seconds=10)}

pushed_pictures = Asset(
    "pushed_pictures",
    watchers=[
        AssetWatcher(
            name="push_new_pictures",
            trigger=PushNewObjectsTrigger(
                input_topic_arn=INPUT_TOPIC, prefix_uri=f"{FOLDER}/new/", suffixes=[".png"], poll_interval=5
            ),
        )
    ],
)
live_labels = Asset(
    "live_labels",
    watchers=[
        AssetWatcher(
            name="labels_arrived",
            trigger=LabelsArrivedTrigger(
                queue=LABELS_QUEUE, labels_uri=f"{FOLDER}/arrived", batch_size=200, max_wait=3600
            ),
        )
    ],
)


def s3_client() -> Any:
    """An S3 client of the same connection that the labeling job uses."""
    from labeling_provider.hooks.labeling import LabelingHook

    return LabelingHook().s3


with DAG(
    "streaming_labels_start",
    description="Start the streaming labeling job, its topics and its queue",
    schedule=None,
    default_args=RETRIES,
    tags=["labeling"],
    doc_md=__doc__,
):

    @task
    def make_bucket() -> None:
        """Make the bucket, unless it is there."""
        s3 = s3_client()
        if BUCKET not in {present["Name"] for present in s3.list_buckets()["Buckets"]}:
            s3.create_bucket(Bucket=BUCKET)

    start = CreateLabelingJobOperator(
        task_id="start",
        task_type="image-classification",
        input_topic_arn=INPUT_TOPIC,
        output_topic_arn=OUTPUT_TOPIC,
        create_topics=True,
        labels_queue=LABELS_QUEUE,
        output_uri=f"{FOLDER}/labels",
        labels=[str(digit) for digit in range(10)],
        workforce=PrivateWorkteam(WORKTEAM),
        role_arn=ROLE,
        title="Which digit is this?",
        instructions="Choose the digit that you see. If you can't tell, choose the most likely one.",
        label_attribute_name="digit",
        fix_cors=True,
        deferrable=True,
        poll_interval=2,
    )
    make_bucket() >> start

with DAG(
    "streaming_labels_pushed",
    description="Runs whenever new pictures were pushed to the streaming job; tells how many",
    schedule=[pushed_pictures],
    tags=["labeling"],
):

    @task
    def tell(triggering_asset_events: Any = None) -> int:
        """How many pictures have gone to the job."""
        payloads = [event.extra["payload"] for events in triggering_asset_events.values() for event in events]
        count = sum(payload["published"] for payload in payloads)
        print(f"{count:,} pictures pushed")
        return count

    tell()

with DAG(
    "streaming_labels_train",
    description="Runs for each batch of new labels; trains on all that have come so far",
    schedule=[live_labels],
    max_active_runs=1,
    tags=["labeling"],
):

    @task
    def train(triggering_asset_events: Any = None) -> dict[str, Any]:
        """Train on every label that has arrived so far; a label that came twice counts once."""
        from concurrent.futures import ThreadPoolExecutor
        from io import BytesIO

        import numpy as np
        from PIL import Image
        from sklearn.model_selection import cross_val_score
        from sklearn.svm import SVC

        s3 = s3_client()

        def read(uri: str) -> bytes:
            bucket, _, key = uri.removeprefix("s3://").partition("/")
            return s3.get_object(Bucket=bucket, Key=key)["Body"].read()

        def pixels(uri: str) -> np.ndarray:
            return np.asarray(Image.open(BytesIO(read(uri))).resize((8, 8)), dtype=float).ravel() / 255

        payloads = [event.extra["payload"] for events in triggering_asset_events.values() for event in events]
        attribute = payloads[-1]["label_attribute_name"]
        pages = s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix="live/arrived/")
        files = [f"s3://{BUCKET}/{entry['Key']}" for page in pages for entry in page.get("Contents", [])]
        lines = [json.loads(line) for file in files for line in read(file).splitlines()]
        labels = {line["source-ref"]: line[attribute] for line in lines}
        with ThreadPoolExecutor(8) as pool:
            features = np.array(list(pool.map(pixels, labels)))
        scores = cross_val_score(SVC(gamma="scale"), features, np.array(list(labels.values())), cv=3)
        return {
            "new_labels": sum(payload["count"] for payload in payloads),
            "trained_on": len(labels),
            "accuracy": round(float(scores.mean()), 4),
        }

    train()

with DAG(
    "streaming_labels_stop",
    description="Wait until nothing is left to label, then stop the streaming job",
    schedule=None,
    default_args=RETRIES,
    tags=["labeling"],
    params={"job_name": Param("", type="string", description="the job that streaming_labels_start has made")},
):
    StopLabelingJobOperator(
        task_id="stop",
        job_name="{{ params.job_name }}",
        drain=True,
        drain_quiet=5,
        delete_queue=True,
        deferrable=True,
        poll_interval=2,
    )

with DAG(
    "streaming_labels_camera",
    description="Upload some digits, as a camera would, for the streaming job to label",
    schedule=None,
    tags=["labeling"],
    params={
        "first": Param(0, type="integer", minimum=0, description="number of the first digit"),
        "count": Param(200, type="integer", minimum=1, description="how many digits"),
    },
):

    @task
    def upload(params: dict[str, Any] | None = None) -> list[str]:
        """Upload digits, and what they really are for the simulated workers of the self-hosted service."""
        from io import BytesIO

        from PIL import Image
        from sklearn.datasets import load_digits

        assert params is not None
        digits, s3 = load_digits(), s3_client()
        uris = [f"{FOLDER}/new/{number:04}.png" for number in range(len(digits.images))]
        truth = "".join(
            json.dumps({"source-ref": uri, "truth": str(digit)}) + "\n"
            for uri, digit in zip(uris, digits.target, strict=True)
        )
        s3.put_object(Bucket=BUCKET, Key="live/truth.jsonl", Body=truth.encode())
        chosen = range(params["first"], min(params["first"] + params["count"], len(uris)))
        for number in chosen:
            picture = BytesIO()
            pixels = (digits.images[number] * 255 / 16).astype("uint8")
            Image.fromarray(pixels).resize((64, 64)).save(picture, "PNG")
            s3.put_object(Bucket=BUCKET, Key=f"live/new/{number:04}.png", Body=picture.getvalue())
        return [uris[number] for number in chosen]

    upload()

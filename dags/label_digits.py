"""Label handwritten digits, train a classifier on the labels, and report how good both are.

The 1,797 digits that scikit-learn ships go to S3 as pictures. A labeling job asks three workers about a part of them,
and a model labels what it is sure of; the next run goes on from that model. A support vector machine learns from the
labels. What the digits really are is held back for the report; on the self-hosted service the simulated workers
answer from it, with mistakes.
"""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

from airflow.sdk import DAG, Asset, CronTriggerTimetable, Param, task

from labeling_provider.operators.labeling_job import CreateLabelingJobOperator
from labeling_provider.request import AutomatedLabeling, PrivateWorkteam

FOLDER = "s3://{{ params.bucket }}/digits"
TRAIN_SHARE = 0.75
WORKERS = 3
WORKTEAMS = [
    f"arn:aws:sagemaker:us-east-1:123456789012:workteam/private-crowd/{name}"
    for name in ("private-simulated", "private-people")
]
"""Suggestions in the form that starts a run; any other workteam can be typed in."""


def s3_client() -> Any:
    """An S3 client of the same connection that the labeling job uses."""
    from labeling_provider.hooks.labeling import LabelingHook

    return LabelingHook().s3


with DAG(
    dag_id="label_digits",
    description="Label 1,797 digits, most of them by machine, and train a classifier on the labels",
    # With no start date and nothing to catch up on, the first scheduled run is the coming Sunday's.
    schedule=CronTriggerTimetable("@weekly", timezone="UTC", run_immediately=timedelta(0)),
    tags=["labeling"],
    doc_md=__doc__,
    params={
        "bucket": Param("labeling-demo", type="string", description="bucket for pictures, manifest and labels"),
        "role_arn": Param(
            "arn:aws:iam::123456789012:role/labeling-local", type="string", description="role of the labeling job"
        ),
        "workteam_arn": Param(
            WORKTEAMS[0],
            type="string",
            examples=WORKTEAMS,
            description="private workteam that labels; `labeling workers new-team` prints the ARN of a new one",
        ),
        "count": Param(1797, type="integer", minimum=100, maximum=1797, description="how many digits"),
        "price": Param(0.012, type="number", minimum=0, description="what one answer of a worker costs you, USD"),
    },
) as dag:

    @task
    def prepare(bucket: str, params: dict[str, Any] | None = None) -> str:
        """Put the pictures, the manifest and the truth into S3; returns the manifest's URI."""
        from concurrent.futures import ThreadPoolExecutor
        from io import BytesIO

        from PIL import Image
        from sklearn.datasets import load_digits

        assert params is not None
        digits, s3, count = load_digits(), s3_client(), params["count"]
        if bucket not in {present["Name"] for present in s3.list_buckets()["Buckets"]}:
            s3.create_bucket(Bucket=bucket)

        def put_picture(number: int) -> str:
            picture = BytesIO()
            pixels = (digits.images[number] * 255 / 16).astype("uint8")
            Image.fromarray(pixels).resize((64, 64)).save(picture, "PNG")
            key = f"digits/images/{number:04}.png"
            s3.put_object(Bucket=bucket, Key=key, Body=picture.getvalue(), ContentType="image/png")
            return f"s3://{bucket}/{key}"

        with ThreadPoolExecutor(8) as pool:
            pictures = list(pool.map(put_picture, range(count)))
        truth = [
            {"source-ref": uri, "truth": str(digit)} for uri, digit in zip(pictures, digits.target[:count], strict=True)
        ]
        files = {"input.manifest": [{"source-ref": uri} for uri in pictures], "truth.jsonl": truth}
        for name, lines in files.items():
            body = "".join(json.dumps(line) + "\n" for line in lines)
            s3.put_object(Bucket=bucket, Key=f"digits/{name}", Body=body.encode())
        return f"s3://{bucket}/digits/input.manifest"

    label = CreateLabelingJobOperator(
        task_id="label",
        task_type="image-classification",
        manifest_uri=prepare("{{ params.bucket }}"),
        output_uri=f"{FOLDER}/labels",
        labels=[str(digit) for digit in range(10)],
        workforce=PrivateWorkteam("{{ params.workteam_arn }}"),
        role_arn="{{ params.role_arn }}",
        title="Which digit is this?",
        instructions="Choose the digit that you see. If you can't tell, choose the most likely one.",
        workers_per_object=WORKERS,
        # A small set at a time: the model learns soon, and people get only what it can't tell.
        max_concurrent_objects=25,
        automated_labeling=AutomatedLabeling(continue_from_previous_run=True),
        label_attribute_name="digit",
        fix_cors=True,
        max_cost_usd=200,
        deferrable=True,
        poll_interval=2,
        retries=1,
        retry_delay=timedelta(seconds=10),
        outlets=[Asset("digit_labels")],
    )

    @task
    def train(labeled: dict[str, Any], bucket: str) -> dict[str, Any]:
        """Train on three quarters of the labels; how well does the model read the other quarter's digits?"""
        from concurrent.futures import ThreadPoolExecutor
        from io import BytesIO

        import numpy as np
        from PIL import Image
        from sklearn.svm import SVC

        s3 = s3_client()

        def read(uri: str) -> bytes:
            name, _, key = uri.removeprefix("s3://").partition("/")
            return s3.get_object(Bucket=name, Key=key)["Body"].read()

        def pixels(uri: str) -> np.ndarray:
            return np.asarray(Image.open(BytesIO(read(uri))).resize((8, 8)), dtype=float).ravel() / 255

        lines = [json.loads(line) for line in read(labeled["output_manifest_uri"]).splitlines()]
        entries = [json.loads(line) for line in read(f"s3://{bucket}/digits/truth.jsonl").splitlines()]
        truth = {entry["source-ref"]: int(entry["truth"]) for entry in entries}
        attribute = labeled["label_attribute_name"]
        lines = [line for line in lines if attribute in line]
        with ThreadPoolExecutor(8) as pool:
            features = np.array(list(pool.map(pixels, [line["source-ref"] for line in lines])))
        labels = np.array([line[attribute] for line in lines])
        real = np.array([truth[line["source-ref"]] for line in lines])
        order = np.random.default_rng(0).permutation(len(lines))
        learn, test = np.split(order, [int(len(lines) * TRAIN_SHARE)])
        model = SVC(gamma="scale").fit(features[learn], labels[learn])
        machine = np.array([line[f"{attribute}-metadata"]["human-annotated"] == "no" for line in lines])
        return {
            "objects": len(lines),
            "trained_on": len(learn),
            "tested_on": len(test),
            "label_accuracy": round(float((labels == real).mean()), 4),
            "machine_accuracy": round(float((labels == real)[machine].mean()), 4) if machine.any() else None,
            "model_accuracy": round(float((model.predict(features[test]) == real[test]).mean()), 4),
        }

    @task
    def report(result: dict[str, Any], labeled: dict[str, Any], price: str) -> dict[str, Any]:
        """Say it, and what the model in the labeling job has saved."""
        counters = labeled["counters"]
        result["by_people"], result["by_machine"] = counters["human_labeled"], counters["machine_labeled"]
        result["answers"] = WORKERS * counters["human_labeled"]
        result["answers_saved"] = WORKERS * counters["machine_labeled"]
        result["usd_saved"] = round(result["answers_saved"] * float(price), 2)
        print(
            f"{result['objects']:,} digits labeled, {result['label_accuracy']:.1%} of the labels are right; a model "
            f"trained on {result['trained_on']:,} of them reads {result['model_accuracy']:.1%} of "
            f"{result['tested_on']:,} other digits. People have labeled {result['by_people']:,} of them, a model "
            f"{result['by_machine']:,}: that saves {result['answers_saved']:,} answers, USD {result['usd_saved']:,.2f}."
        )
        return result

    report(train(label.output, "{{ params.bucket }}"), label.output, "{{ params.price }}")

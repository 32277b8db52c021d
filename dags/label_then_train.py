"""Label texts and train on the labels, twice: with scikit-learn here, and with BlazingText on Amazon.

What customers wrote comes as a CSV file. Three people say of each message what it is; what they are not sure of is
asked again of five. The labels are divided and go to a scikit-learn model, and, as an augmented manifest in Pipe mode,
to SageMaker's own training. The self-hosted service labels and does not train: there the last task is skipped.
"""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

from airflow.providers.amazon.aws.operators.sagemaker import SageMakerTrainingOperator
from airflow.sdk import DAG, CronTriggerTimetable, Param, task

from labeling_provider.dataset import label_dataset
from labeling_provider.operators.manifest import ExportLabelsOperator
from labeling_provider.request import PrivateWorkteam

FOLDER = "s3://{{ params.bucket }}/messages"
MESSAGES = 400
KINDS = ("praise", "complaint", "question")
BLAZING_TEXT = "811284229777.dkr.ecr.us-east-1.amazonaws.com/blazingtext:1"
WORKTEAMS = [
    f"arn:aws:sagemaker:us-east-1:123456789012:workteam/private-crowd/{name}"
    for name in ("private-simulated", "private-people")
]
"""Suggestions in the form that starts a run; any other workteam can be typed in."""

with DAG(
    dag_id="label_then_train",
    description="Label what customers write, ask again about doubtful messages, and train on the labels",
    schedule=CronTriggerTimetable("@weekly", timezone="UTC", run_immediately=timedelta(0)),
    max_active_runs=1,
    default_args={"retries": 1, "retry_delay": timedelta(seconds=10)},
    tags=["labeling"],
    doc_md=__doc__,
    params={
        "bucket": Param("labeling-demo", type="string", description="bucket for messages, manifests and labels"),
        "role_arn": Param(
            "arn:aws:iam::123456789012:role/labeling-local",
            type="string",
            description="role of the labeling jobs and the training",
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
    def receive(bucket: str) -> str:
        """Write what customers say, and beside it what they mean, for the simulated workers; returns the CSV's URI."""
        import csv
        import io
        from random import Random

        from labeling_provider.hooks.labeling import LabelingHook

        chance = Random(7)
        subjects = ["the parcel", "my order", "the courier", "the invoice", "the second box", "your app"]
        endings = {
            "praise": ["came early", "was a pleasure", "is just what we needed", "made our day", "looks perfect"],
            "complaint": ["is broken", "never came", "was left in the rain", "is the wrong size", "costs too much"],
            "question": [
                "will come when",
                "can be returned how",
                "is where now",
                "needs which password",
                "is how heavy",
            ],
        }
        fillers = ["", "well, ", "hello, ", "so ", "honestly ", "just saying: "]
        texts: dict[str, str] = {}
        while len(texts) < MESSAGES:
            kind = chance.choice(KINDS)
            sentence = f"{chance.choice(fillers)}{chance.choice(subjects)} {chance.choice(endings[kind])}"
            texts[f"{sentence}{chance.choice(['', '!', '.', ' …'])} (no. {chance.randrange(10_000)})"] = kind
        table = io.StringIO()
        rows = csv.writer(table)
        rows.writerow(["message"])
        rows.writerows([text] for text in texts)
        truth = "".join(json.dumps({"source": text, "truth": kind}) + "\n" for text, kind in texts.items())
        s3 = LabelingHook().s3
        if bucket not in {present["Name"] for present in s3.list_buckets()["Buckets"]}:
            s3.create_bucket(Bucket=bucket)
        s3.put_object(Bucket=bucket, Key="messages/truth.jsonl", Body=truth.encode())
        s3.put_object(Bucket=bucket, Key="messages/messages.csv", Body=table.getvalue().encode())
        return f"s3://{bucket}/messages/messages.csv"

    messages = label_dataset(
        "messages",
        folder=FOLDER,
        source={"table_uri": receive("{{ params.bucket }}"), "column": "message"},
        job={
            "task_type": "text-classification",
            "labels": list(KINDS),
            "workforce": PrivateWorkteam("{{ params.workteam_arn }}"),
            "role_arn": "{{ params.role_arn }}",
            "title": "What is this message?",
            "instructions": "Choose what the customer wants to say.",
            "label_attribute_name": "kind",
            "workers_per_object": 3,
            "deferrable": True,
            "poll_interval": 2,
        },
        quality={"min_labeled": 0.95, "classes": list(KINDS), "min_class_share": 0.1},
        relabel_below=0.7,
        relabel_job={"workers_per_object": 5},
        fractions={"train": 0.75, "validation": 0.25},
        export_format="csv",
    )

    @task
    def train_here(exported: dict[str, Any]) -> dict[str, Any]:
        """Train on one set; how well does the model read the other?"""
        import csv

        from sklearn.feature_extraction.text import TfidfVectorizer
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline

        from labeling_provider.hooks.labeling import LabelingHook

        s3 = LabelingHook().s3

        def read(name: str) -> list[dict[str, str]]:
            bucket, _, key = f"{exported['output_uri']}/{name}.csv".removeprefix("s3://").partition("/")
            body = s3.get_object(Bucket=bucket, Key=key)["Body"].read().decode()
            return list(csv.DictReader(body.splitlines()))

        learn, test = read("train"), read("validation")
        model = make_pipeline(TfidfVectorizer(ngram_range=(1, 2)), LogisticRegression(max_iter=1000))
        model.fit([row["object"] for row in learn], [row["class_name"] for row in learn])
        accuracy = model.score([row["object"] for row in test], [row["class_name"] for row in test])
        print(f"Trained on {len(learn)} messages, reads {accuracy:.1%} of {len(test)} others as people did.")
        return {"trained_on": len(learn), "tested_on": len(test), "accuracy": round(float(accuracy), 4)}

    channels = ExportLabelsOperator(
        task_id="channels",
        manifest_uri=messages.sets,
        output_uri=f"{FOLDER}/channels",
        format="sagemaker-pipe",
        label_attribute_name="kind",
        multiple_outputs=True,
    )

    @task.short_circuit
    def amazon_trains() -> bool:
        """Whether the connection leads to Amazon."""
        from labeling_provider.groundtruth.facts import is_amazon
        from labeling_provider.hooks.labeling import LabelingHook

        return is_amazon(LabelingHook().conn_client_meta.endpoint_url)

    train_on_amazon = SageMakerTrainingOperator(
        task_id="train_on_amazon",
        config={
            "TrainingJobName": "messages-{{ run_id | replace('_', '-') | replace(':', '-') | replace('+', '-') }}",
            "AlgorithmSpecification": {"TrainingImage": BLAZING_TEXT, "TrainingInputMode": "Pipe"},
            "HyperParameters": {"mode": "supervised"},
            "InputDataConfig": channels.output["channels"],
            "OutputDataConfig": {"S3OutputPath": f"{FOLDER}/models"},
            "ResourceConfig": {"InstanceType": "ml.c5.xlarge", "InstanceCount": 1, "VolumeSizeInGB": 30},
            "RoleArn": "{{ params.role_arn }}",
            "StoppingCondition": {"MaxRuntimeInSeconds": 3600},
        },
        deferrable=True,
    )
    train_here(messages.exported)
    channels >> amazon_trains() >> train_on_amazon

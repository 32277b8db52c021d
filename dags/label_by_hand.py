"""Label 24 sentences by hand, and train a classifier on the labels.

Two people say of each sentence whether it praises or complains: open the task's link "Label", or the portal of the
local Ground Truth service, and label. The task is deferred meanwhile, so waiting takes no worker's place. When each
sentence has two answers, a classifier learns from the labels.
"""

from __future__ import annotations

from typing import Any

from airflow.sdk import DAG, Param, task

from labeling_provider.request import PrivateWorkteam

SENTENCES = (
    "The room was bright and quiet.",
    "Breakfast was cold by the time it came.",
    "The staff went out of their way to help us.",
    "We waited an hour for the key.",
    "I have never slept so well in a hotel.",
    "The shower leaked all night.",
    "The view of the harbor is worth every cent.",
    "Nobody answered the phone at the desk.",
    "The soup was the best I have had in years.",
    "Our window would not close.",
    "They found us a cot within minutes.",
    "The bill had a drink on it that we did not order.",
    "The garden is lovely in the evening.",
    "The music in the bar kept us awake until three.",
    "Fresh bread every morning, what a treat.",
    "The towels smelled of smoke.",
    "The children did not want to leave the pool.",
    "The parking space was too small for any car.",
    "A warm welcome after a long journey.",
    "The lift was broken for all three days.",
    "Our guide knew every stone in the old town.",
    "The bed squeaked at every move.",
    "We will be back next summer.",
    "They lost our luggage and shrugged.",
)
KINDS = ("praise", "complaint")

with DAG(
    dag_id="label_by_hand",
    schedule=None,
    tags=["labeling"],
    doc_md=__doc__,
    params={
        "bucket": Param("labeling-demo", type="string", description="bucket for sentences and labels"),
        "role_arn": Param(
            "arn:aws:iam::123456789012:role/labeling-local", type="string", description="role of the labeling job"
        ),
        "workteam_arn": Param(
            "arn:aws:sagemaker:us-east-1:123456789012:workteam/private-crowd/private-people",
            type="string",
            description="private workteam that labels",
        ),
    },
) as dag:

    @task
    def bucket(name: str) -> str:
        """Make the bucket, unless it is there; returns its name."""
        from labeling_provider.hooks.labeling import LabelingHook

        s3 = LabelingHook().s3
        if name not in {one["Name"] for one in s3.list_buckets()["Buckets"]}:
            s3.create_bucket(Bucket=name)
        return name

    @task.label(
        task_type="text-classification",
        output_uri="s3://{{ params.bucket }}/by-hand",
        labels=list(KINDS),
        workforce=PrivateWorkteam("{{ params.workteam_arn }}"),
        role_arn="{{ params.role_arn }}",
        title="Does the guest praise or complain?",
        instructions="Choose what the sentence does. If it does both, choose what weighs more.",
        workers_per_object=2,
        deferrable=True,
        poll_interval=2,
    )
    def sentences() -> tuple[str, ...]:
        """What to label."""
        return SENTENCES

    @task
    def train(labels: dict[str, str | None]) -> dict[str, Any]:
        """Train on the labels; how often does it read a sentence as people did that it has not seen?"""
        from sklearn.feature_extraction.text import TfidfVectorizer
        from sklearn.linear_model import LogisticRegression
        from sklearn.model_selection import LeaveOneOut, cross_val_score
        from sklearn.pipeline import make_pipeline

        labeled = {sentence: label for sentence, label in labels.items() if label is not None}
        model = make_pipeline(TfidfVectorizer(), LogisticRegression(class_weight="balanced"))
        scores = cross_val_score(model, list(labeled), list(labeled.values()), cv=LeaveOneOut())
        print(f"Trained on {len(labeled)} sentences; reads {scores.mean():.0%} as people did when one is held back.")
        return {"labeled": len(labeled), "accuracy": round(float(scores.mean()), 4)}

    labels = sentences()
    bucket("{{ params.bucket }}") >> labels
    train(labels)

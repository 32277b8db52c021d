"""Label 24 sentences by hand, and train a classifier on the labels.

Say of each sentence whether it praises or complains: open the task's link "Label", or the portal of the self-hosted
service. The task is deferred meanwhile, so waiting takes no worker's place. When every sentence is labeled, a
classifier learns from the labels.

How good the classifier is, is measured on the same 24 sentences, by leaving out one at a time: it learns from 23 and
reads the one that it has not seen. Guests use the same words again and again, or it could not learn from so few.

One person labels each sentence, and that answer is the label. Set ``people`` to 2 or more to have each labeled by
several, who don't see each other's answers: the label is then what most of them say, with a confidence.
"""

from __future__ import annotations

import logging
from typing import Any

from airflow.sdk import DAG, Param, task

from labeling_provider.request import PrivateWorkteam

# What a task prints is lost now and then if the task ends right after it; what it logs is not.
log = logging.getLogger(__name__)

SENTENCES = (
    "The room was clean and quiet.",
    "The room was dirty and the street is noisy.",
    "Friendly staff and a lovely breakfast.",
    "The staff were rude, and breakfast was cold.",
    "We loved the quiet garden behind the house.",
    "A noisy bar under our window, awake until three.",
    "Great view of the harbor, and a comfortable bed.",
    "The shower was broken for three days.",
    "The lady at the desk was friendly and helped us with everything.",
    "Nobody at the desk helped us, and the phone was broken.",
    "What a great place, the children loved the pool.",
    "The pool was cold and dirty.",
    "A comfortable room with a lovely view.",
    "The bed was broken, and it squeaked all night.",
    "Clean towels and fresh bread every morning.",
    "Dirty towels, and they smelled of smoke.",
    "Lovely evenings in the garden, and a great soup.",
    "The soup was cold, and the waiter was rude.",
    "A quiet street, friendly people, we will be back.",
    "We will not be back: rude people, and too expensive.",
    "We slept well, the bed is comfortable and the room clean.",
    "We slept badly, the lift is noisy all night.",
    "The guide was great, and so friendly to the children.",
    "Much too expensive for a room where nothing worked.",
)
KINDS = ("praise", "complaint")
WORKTEAMS = [
    f"arn:aws:sagemaker:us-east-1:123456789012:workteam/private-crowd/{name}"
    for name in ("private-people", "private-simulated")
]
"""Suggestions in the form that starts a run; any other workteam can be typed in."""

with DAG(
    dag_id="label_by_hand",
    schedule=None,
    description="Label 24 sentences in a browser; a classifier learns from your labels",
    tags=["labeling"],
    doc_md=__doc__,
    params={
        "bucket": Param("labeling-demo", type="string", description="bucket for sentences and labels"),
        "role_arn": Param(
            "arn:aws:iam::123456789012:role/labeling-local", type="string", description="role of the labeling job"
        ),
        "workteam_arn": Param(
            WORKTEAMS[0],
            type="string",
            examples=WORKTEAMS,
            description="private workteam that labels; `labeling workers new-team` prints the ARN of a new one",
        ),
        "people": Param(
            1,
            type="integer",
            minimum=1,
            maximum=9,
            description="how many people label each sentence; with 1, mistakes go unnoticed",
        ),
    },
) as dag:

    @task
    def bucket(name: str) -> str:
        """Make the bucket, unless it is there; returns its name."""
        from labeling_provider.hooks.labeling import LabelingHook

        s3 = LabelingHook().s3
        if name not in {bucket["Name"] for bucket in s3.list_buckets()["Buckets"]}:
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
        workers_per_object="{{ params.people }}",
        deferrable=True,
        poll_interval=2,
    )
    def sentences() -> tuple[str, ...]:
        """What to label."""
        return SENTENCES

    @task
    def train(labels: dict[str, str | None]) -> dict[str, Any]:
        """Train on the labels, and tell how often the model reads a sentence that it has not seen as people did."""
        from collections import Counter

        from sklearn.feature_extraction.text import TfidfVectorizer
        from sklearn.linear_model import LogisticRegression
        from sklearn.model_selection import LeaveOneOut, cross_val_predict
        from sklearn.pipeline import make_pipeline

        labeled = {sentence: label for sentence, label in labels.items() if label is not None}
        counts = Counter(labeled.values())
        if len(counts) < len(KINDS) or min(counts.values()) < 2:
            have = dict(counts) or "No labels"
            log.info("%s: a classifier needs two sentences of each kind. Label again with both.", have)
            return {"labeled": len(labeled), "read_right": None, "guessed_right": None}
        model = make_pipeline(TfidfVectorizer(), LogisticRegression(class_weight="balanced"))
        given = list(labeled.values())
        read = cross_val_predict(model, list(labeled), given, cv=LeaveOneOut())
        right = sum(a == b for a, b in zip(read, given, strict=True))
        ((often, guessed),) = counts.most_common(1)
        log.info(
            "Trained on %d sentences. With one left out at a time, the model reads %d of %d as people did; "
            "always answering %r would be right for %d.",
            *(len(labeled), right, len(labeled), often, guessed),
        )
        return {"labeled": len(labeled), "read_right": right, "guessed_right": guessed}

    labels = sentences()
    bucket("{{ params.bucket }}") >> labels
    train(labels)

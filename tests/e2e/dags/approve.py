"""A dataset whose cost people approve first, with labels that are let through though they are poor."""

from __future__ import annotations

from airflow.sdk import DAG

from labeling_provider.dataset import label_dataset

REVIEWS = [{"source": f"review {number}", "truth": ("good", "bad")[number % 2]} for number in range(12)]

with DAG("approve", schedule=None):
    label_dataset(
        "reviews",
        folder="s3://lab/approve",
        source={"objects": REVIEWS},
        job={
            "task_type": "text-classification",
            "labels": ["good", "bad"],
            "workforce": "arn:aws:sagemaker:us-east-1:123456789012:workteam/private-crowd/private-simulated",
            "role_arn": "arn:aws:iam::123456789012:role/labeling-local",
            "title": "How is it?",
            "instructions": "Choose.",
            "workers_per_object": 1,
            "poll_interval": 1,
        },
        only_new=False,
        ask_above_usd=0.5,
        quality={"min_confidence": 0.5, "on_poor_labels": "warn"},
        relabel_below=0.5,
        relabel_job={"workers_per_object": 3},
        fractions={"train": 1},
        export_format="jsonl",
        export={"format": "huggingface"},
    )

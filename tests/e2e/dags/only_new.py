"""Texts, labeled by a job per shard, put together and divided; what has a label is not labeled again."""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import DAG

from labeling_provider.operators.labeling_job import CreateLabelingJobOperator
from labeling_provider.operators.manifest import (
    BuildManifestOperator,
    MergeManifestsOperator,
    SplitManifestOperator,
    ValidateManifestOperator,
)

REVIEWS = {"late": "bad", "friendly": "good", "cold": "bad", "quick": "good", "loud": "bad"}

with DAG("only_new", schedule=None, default_args={"retries": 2, "retry_delay": timedelta(seconds=1)}):
    build = BuildManifestOperator(
        task_id="build",
        objects=[{"source": text, "truth": truth} for text, truth in REVIEWS.items()],
        exclude_labeled_in="s3://lab/only-new/",
        label_attribute_name="tone",
        manifest_uri="s3://lab/new/texts.manifest",
        shard_size=2,
    )
    check = ValidateManifestOperator.partial(task_id="check", task_type="text-classification").expand(
        manifest_uri=build.output
    )
    label = CreateLabelingJobOperator.partial(
        task_id="label",
        task_type="text-classification",
        output_uri="s3://lab/only-new",
        labels=["good", "bad"],
        workforce="arn:aws:sagemaker:us-east-1:123456789012:workteam/private-crowd/private-simulated",
        role_arn="arn:aws:iam::123456789012:role/labeling-local",
        title="How is it?",
        instructions="Choose.",
        label_attribute_name="tone",
        workers_per_object=3,
        poll_interval=1,
        deferrable=True,
    ).expand(manifest_uri=build.output)
    merge = MergeManifestsOperator(
        task_id="merge", manifest_uris=label.output, merged_uri="s3://lab/merged/all.manifest"
    )
    split = SplitManifestOperator(
        task_id="split",
        manifest_uri=merge.output,
        output_uri="s3://lab/sets",
        fractions={"train": 0.6, "test": 0.4},
        label_attribute_name="tone",
    )
    check >> label
    merge >> split

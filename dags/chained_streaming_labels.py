"""Two streaming jobs in a chain: a second team labels what the first has just labeled, without knowing its answer.

The output topic of the first job is the input topic of the second, so each text goes through both as soon as it can.
``chained_labels`` starts both jobs, pushes the texts of the files under ``chain/new/``, one text a line, and stops each
job when nothing is left for it, also if pushing has failed. The lines of the second job's output manifest have both
labels.
Where the first job draws boxes, the second is often an adjustment: the same with
``task_type="adjustment-bounding-box"`` and ``audited_attribute="first"``.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.sdk import DAG, Param, TriggerRule, task

from labeling_provider.operators.labeling_job import CreateLabelingJobOperator, StopLabelingJobOperator
from labeling_provider.operators.streaming import PushNewObjectsOperator
from labeling_provider.request import PrivateWorkteam

TOPICS = "arn:aws:sns:us-east-1:123456789012:groundtruth-chain"
FOLDER = "s3://{{ params.bucket }}/chain"
WORKTEAMS = [
    f"arn:aws:sagemaker:us-east-1:123456789012:workteam/private-crowd/{name}"
    for name in ("private-simulated", "private-people")
]
"""Suggestions in the form that starts a run; any other workteam can be typed in."""

with DAG(
    "chained_labels",
    description="Two streaming labeling jobs in a chain: a second team labels what the first has just labeled",
    schedule=None,
    default_args={"retries": 1, "retry_delay": timedelta(seconds=10)},
    tags=["labeling"],
    doc_md=__doc__,
    params={
        "bucket": Param("labeling-demo", type="string", description="bucket for texts and labels"),
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
):

    def streaming_job(label: str, input_topic: str, output_topic: str) -> CreateLabelingJobOperator:
        """A job between two topics."""
        return CreateLabelingJobOperator(
            task_id=f"start_{label}",
            task_type="text-classification",
            input_topic_arn=input_topic,
            output_topic_arn=output_topic,
            create_topics=True,
            output_uri=f"{FOLDER}/labels",
            labels=["complaint", "praise"],
            workforce=PrivateWorkteam("{{ params.workteam_arn }}"),
            role_arn="{{ params.role_arn }}",
            title="Complaint or praise?",
            instructions="Choose what the text is.",
            label_attribute_name=label,
            deferrable=True,
            poll_interval=2,
        )

    first = streaming_job("first", f"{TOPICS}-in", f"{TOPICS}-between")
    second = streaming_job("second", f"{TOPICS}-between", f"{TOPICS}-out")
    push = PushNewObjectsOperator(
        task_id="push",
        input_topic_arn=f"{TOPICS}-in",
        job_name="{{ ti.xcom_pull(task_ids='start_first')['job_name'] }}",
        prefix_uri=f"{FOLDER}/new/",
        text=True,
        poll_interval=2,
        deferrable=True,
    )
    stops = [
        StopLabelingJobOperator(
            task_id=f"stop_{label}",
            of_task=f"start_{label}",
            # Whatever has become of the pushing: a streaming job goes on until it is stopped.
            trigger_rule=TriggerRule.ALL_DONE,
            missing_ok=True,
            drain=True,
            drain_quiet=5,
            poll_interval=2,
            delete_queue=True,
            deferrable=True,
        )
        for label in ("first", "second")
    ]

    @task
    def labels(started: dict[str, Any]) -> str:
        """Where the lines with both labels are."""
        return str(started["output_manifest_uri"])

    collected = labels(second.output)
    [first, second] >> push >> stops[0] >> stops[1] >> collected
    push >> collected

"""What the docs tell DAG authors to write: teardowns, assets, templates."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.sdk import DAG, Asset, Param, task

from labeling_provider.operators.labeling_job import CreateLabelingJobOperator, StopLabelingJobOperator

WORKTEAMS = "arn:aws:sagemaker:us-east-1:123456789012:workteam/private-crowd"


def create(task_id: str, **arguments: Any) -> CreateLabelingJobOperator:
    defaults = {
        "task_type": "text-classification",
        "manifest_uri": "s3://lab/in/quick.manifest",
        "labels": ["cat", "dog"],
        "workforce": f"{WORKTEAMS}/private-simulated",
        "role_arn": "arn:aws:iam::123456789012:role/labeling-local",
        "title": "What is it?",
        "instructions": "Choose.",
        "poll_interval": 1,
    }
    return CreateLabelingJobOperator(task_id=task_id, **{**defaults, **arguments})


with DAG("torn_down", schedule=None):
    label = create(
        "label",
        output_uri="s3://lab/torn-down",
        workforce=f"{WORKTEAMS}/private-people",
        stall_timeout=timedelta(seconds=3),
    )

    @task
    def train() -> None:
        """Not reached."""

    stop = StopLabelingJobOperator(task_id="stop", of_task=label, missing_ok=True, poll_interval=1).as_teardown()
    label >> train() >> stop

with DAG("label_for_others", schedule=None):
    create("without_outlets", output_uri="s3://lab/named")
    create(
        "with_outlets",
        output_uri="s3://lab/declared",
        outlets=[Asset("declared_labels", uri="s3://lab/declared")],
    )

for name in ("named", "declared"):
    with DAG(f"hears_of_{name}_labels", schedule=[Asset(f"{name}_labels", uri=f"s3://lab/{name}")]):

        @task
        def hear(triggering_asset_events: Any = None) -> list[str]:
            """The jobs that made the labels; each event stands under its asset, and under its alias again."""
            heard = [events for key, events in triggering_asset_events.items() if isinstance(key, Asset)]
            return [event.extra["job_name"] for events in heard for event in events]

        hear()

for native in (False, True):
    with DAG(
        f"templates_as_{'objects' if native else 'texts'}",
        schedule=None,
        render_template_as_native_obj=native,
        params={"labels": Param(["0", "1"], type="array"), "workers": Param(3, type="integer"), "automated": False},
    ):
        create(
            "label",
            output_uri="s3://lab/templates",
            manifest_uri="s3://lab/in/digits.manifest",
            labels="{{ params.labels | tojson }}",
            workers_per_object="{{ params.workers }}",
            automated_labeling="{{ params.automated }}",
            label_attribute_name="2026",
        )

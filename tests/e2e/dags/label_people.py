"""A labeling job that waits for people: the end-to-end tests kill what waits for it."""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import DAG

from labeling_provider.operators.labeling_job import CreateLabelingJobOperator, StopLabelingJobOperator
from labeling_provider.sensors.labeling_job import LabelingJobSensor

TEAM = "arn:aws:sagemaker:us-east-1:123456789012:workteam/private-crowd/private-people"
SIMULATED = "arn:aws:sagemaker:us-east-1:123456789012:workteam/private-crowd/private-simulated"


def create(task_id: str, **arguments: object) -> CreateLabelingJobOperator:
    defaults = {
        "task_type": "text-classification",
        "manifest_uri": "s3://lab/in/people.manifest",
        "output_uri": "s3://lab/people",
        "labels": ["cat", "dog"],
        "workforce": TEAM,
        "role_arn": "arn:aws:iam::123456789012:role/labeling-local",
        "title": "What is it?",
        "instructions": "Choose.",
        "poll_interval": 1,
        # Airflow 3.3 may fail a task that resumes before its scheduler has seen that it was deferred.
        "retries": 2,
        "retry_delay": timedelta(seconds=1),
    }
    return CreateLabelingJobOperator(task_id=task_id, **{**defaults, **arguments})


with DAG("wait_deferred", schedule=None):
    create("label", deferrable=True)

with DAG("wait_on_worker", schedule=None):
    create("label", deferrable=False)

with DAG("name_of_its_own", schedule=None):
    create(
        "label",
        deferrable=False,
        job_name="people-{{ macros.uuid.uuid4() }}",
    )

with DAG("quick", schedule=None):
    create("label", deferrable=True, workforce=SIMULATED, manifest_uri="s3://lab/in/quick.manifest")

with DAG("sense_and_tear_down", schedule=None):
    made = create("label", wait_for_completion=False)
    job_name = "{{ ti.xcom_pull('label')['job_name'] }}"
    sense = LabelingJobSensor(
        task_id="sense",
        job_name=job_name,
        target_statuses=["InProgress"],
        poke_interval=1,
        deferrable=True,
        retries=2,
        retry_delay=timedelta(seconds=1),
    )
    stop = StopLabelingJobOperator(task_id="stop", job_name=job_name, poll_interval=1)
    made >> sense >> stop.as_teardown(setups=made)

"""Jobs whose labels, texts and keys try to get into a page, and XComs that lie about jobs."""

from __future__ import annotations

from typing import Any

from airflow.sdk import DAG, task

from labeling_provider.operators.labeling_job import CreateLabelingJobOperator

EVIL = (
    "<script>parent.owned=1</script><img src=x onerror=parent.owned=1><svg onload=parent.owned=1>"
    "\"'{{ 7 * 7 }}\u202egnihton"
)

with DAG("hostile", schedule=None):

    @task
    def write() -> str:
        """A manifest with a text that is more than text."""
        import json

        from labeling_provider.hooks.labeling import LabelingHook

        texts = [{"source": f"{EVIL} {number}", "truth": (EVIL, "b")[number % 2]} for number in range(6)]
        LabelingHook().write_text("s3://lab/in/hostile.manifest", "".join(json.dumps(text) + "\n" for text in texts))
        return "s3://lab/in/hostile.manifest"

    label = CreateLabelingJobOperator(
        task_id="label",
        task_type="text-classification",
        manifest_uri=write(),
        output_uri="s3://lab/hostile",
        config={"LabelingJobName": "hostile-{{ macros.uuid.uuid4() }}"},
        labels=[{"label": "{% raw %}" + EVIL + "{% endraw %}"}, {"label": "b"}],
        workforce="arn:aws:sagemaker:us-east-1:123456789012:workteam/private-crowd/private-simulated",
        role_arn="arn:aws:iam::123456789012:role/labeling-local",
        title="What is it?",
        instructions="Choose.",
        poll_interval=1,
    )

    @task
    def lie(ti: Any = None) -> None:
        """Tell of a job that is not this task's, with values of all the wrong kinds."""
        ti.xcom_push(
            key="labeling_job",
            value={
                "job_name": EVIL,
                "status": EVIL,
                "created": EVIL,
                "workteam_arn": f"workteam/{EVIL}",
                "output_uri": "s3://lab/in",
                "aws_conn_id": "aws_default",
                "verify": {"no": "bool"},
                "estimated_cost_usd": [1],
            },
        )
        ti.xcom_push(key="labeling_progress", value={"job_name": EVIL, "total": "many", "failed": None, "status": EVIL})

    @task
    def borrow(others: dict[str, Any], ti: Any = None) -> None:
        """Tell of another task's job as if it were this one's."""
        facts = {"job_name": others["job_name"], "status": "Completed", "aws_conn_id": "aws_default"}
        ti.xcom_push(key="labeling_job", value={**facts, "output_uri": "s3://lab/in", "label_attribute_name": "label"})

    lie()
    borrow(label.output)

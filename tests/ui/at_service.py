"""Jobs of tasks at a service, for tests of pages about them."""

from __future__ import annotations

from io import BytesIO
from typing import Any

from PIL import Image

from labeling_provider.groundtruth.tag_lists import write_tags
from labeling_provider.jobs.ownership import Owner
from tests.conftest import ENDED, Lab


def facts_of(name: str, **others: Any) -> dict[str, Any]:
    facts = {"job_name": name, "status": "InProgress", "created": 1.0, "aws_conn_id": "lab", "region_name": "us-east-1"}
    return {**facts, **others}


def job_of(lab: Lab, task: dict[str, Any], lines: Any, until: set[str] = ENDED, **arguments: Any) -> str:
    """A job of a task, as ``CreateLabelingJobOperator`` makes it, when it has one of some statuses; its name."""
    request = lab.request(lines, **arguments)
    owner = Owner(task["dag_id"], task["task_id"], task["run_id"], task["map_index"])
    request["Tags"] = write_tags(owner.tags("mark", 1.0, 1, None))
    lab.sagemaker.create_labeling_job(**request)
    lab.wait(request["LabelingJobName"], until)
    return str(request["LabelingJobName"])


def picture(side: int = 8) -> bytes:
    body = BytesIO()
    Image.new("RGB", (side, side), "red").save(body, "PNG")
    return body.getvalue()

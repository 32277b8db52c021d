"""XComs as tasks push them about their jobs."""

from __future__ import annotations

from typing import Any

FACTS: dict[str, Any] = {
    "job_name": "good",
    "status": "Completed",
    "created": 1.0,
    "workteam_arn": "arn:aws:sagemaker:us-east-1:123456789012:workteam/private-crowd/birders",
    "workers_per_object": 3,
    "estimated_cost_usd": 12.5,
    "streaming": False,
    "aws_conn_id": "aws_default",
    "region_name": "us-east-1",
    "verify": None,
}

COUNTERS: dict[str, Any] = {"job_name": "good", "status": "Completed", "total": 3, "human_labeled": 2, "failed": 1}

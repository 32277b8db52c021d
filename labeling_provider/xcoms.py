"""Keys of the XComs that tasks push besides their return value, for other tasks and the pages."""

from __future__ import annotations

from typing import Final

JOB_KEY: Final = "labeling_job"
"""The labeling job a task has created, pushed as soon as it exists."""
NAME_KEY: Final = "labeling_job_name"
"""The name of a task's first job, pushed before the job exists."""
PROGRESS_KEY: Final = "labeling_progress"
"""Live counters of the job a task is waiting for."""
MODEL_KEY: Final = "labeling_model"
"""ARN of the last model trained by a job with automated labeling."""
PUSHED_KEY: Final = "labeling_pushed"
"""Live counts of the objects a task has pushed."""
QUALITY_KEY: Final = "labeling_quality"
"""The measured quality, pushed even if the task fails because the labels are too poor."""
BUILT_KEY: Final = "labeling_manifest"
"""The manifest a task has built."""
RESULT_KEY: Final = "labeling_result"
"""The result of the labeling job, pushed by ``@task.label``, which returns the labels."""

"""XComs that tasks push on top of what they return: other tasks and the pages read them by these keys."""

from __future__ import annotations

from typing import Final

JOB_KEY: Final = "labeling_job"
"""XCom key of the job that a task has made, as soon as it exists."""
NAME_KEY: Final = "labeling_job_name"
"""XCom key of the name of the first job of a task, before there is one."""
PROGRESS_KEY: Final = "labeling_progress"
"""XCom key of the live counters of the job that a task waits for."""
MODEL_KEY: Final = "labeling_model"
"""XCom key of the ARN of the last model of a job with automated labeling."""
PUSHED_KEY: Final = "labeling_pushed"
"""XCom key of the live counts of what a task has pushed."""
QUALITY_KEY: Final = "labeling_quality"
"""XCom key of what was measured, also when the labels are too poor and the task fails."""
BUILT_KEY: Final = "labeling_manifest"
"""XCom key of what was built."""

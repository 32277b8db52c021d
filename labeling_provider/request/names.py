"""Names of labeling jobs. The name is CreateLabelingJob's only idempotency key."""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any, Final

MAX_JOB_NAME: Final = 63
_NUMBER_ROOM: Final = len("-99")
_HASH_CHARACTERS: Final = 10


def derive_job_name(dag_id: str, task_id: str, run_id: str, map_index: int = -1) -> str:
    """A job name that is the same for every try of a task instance, and different for any other task instance.

    A readable start, then a hash of all four arguments. Characters and length follow CreateLabelingJob.LabelingJobName.
    The hash is hexadecimal, so names never differ only in case.
    """
    identity = json.dumps([dag_id, task_id, run_id, map_index], ensure_ascii=False)
    digest = hashlib.sha256(identity.encode()).hexdigest()[:_HASH_CHARACTERS]
    words = re.sub(r"[^a-zA-Z0-9]+", "-", f"{dag_id}-{task_id}").strip("-")
    room = MAX_JOB_NAME - _NUMBER_ROOM - len(digest) - 1
    readable = words[:room].rstrip("-")
    return f"{readable}-{digest}" if readable else digest


def fingerprint(value: Any) -> str:
    """A short stable hash of a JSON value, 32 hexadecimal digits."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:32]

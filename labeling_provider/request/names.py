"""Names of labeling jobs: the name is the only idempotency key that CreateLabelingJob has."""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any, Final

MAX_JOB_NAME: Final = 63
_NUMBER_ROOM: Final = len("-99")
_HASH_CHARACTERS: Final = 10


def derive_job_name(dag_id: str, task_id: str, run_id: str, map_index: int = -1) -> str:
    """A job name that is the same for every try of one task instance and different for any other.

    Readable first, unique by a hash of all four parts; the alphabet and length are those of
    CreateLabelingJob.LabelingJobName, and the hash is hexadecimal, so case never decides.
    """
    identity = json.dumps([dag_id, task_id, run_id, map_index], ensure_ascii=False)
    digest = hashlib.sha256(identity.encode()).hexdigest()[:_HASH_CHARACTERS]
    words = re.sub(r"[^a-zA-Z0-9]+", "-", f"{dag_id}-{task_id}").strip("-")
    room = MAX_JOB_NAME - _NUMBER_ROOM - len(digest) - 1
    readable = words[:room].rstrip("-")
    return f"{readable}-{digest}" if readable else digest


def fingerprint(value: Any) -> str:
    """A short stable hash of a JSON value."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:32]

"""What adjustments and verifications share: the label of an earlier job that they show."""

from __future__ import annotations

from typing import Any

from labeling_provider.manifest import Label, LabelError, audited_label
from labeling_provider.service.kinds.kind import KINDS, Auditable, JobFacts


def audited_kind(job: JobFacts) -> Auditable:
    """The kind whose labels a job audits, as part of that job."""
    kind = KINDS[job.task_type.audited](job)
    assert isinstance(kind, Auditable)  # noqa: S101 - tests make every kind
    return kind


def audited_by(job: JobFacts, line: dict[str, Any]) -> Label:
    """The label of a manifest line that a job audits.

    It is that of the attribute ``auditLabelAttributeName`` in the category file, or the last one of the right type, as
    in our own templates.

    :raises ValueError: in words for people, if there is none that can be shown.
    """
    attribute = job.categories.get("auditLabelAttributeName")
    name = attribute if isinstance(attribute, str) else None
    try:
        label = audited_label(line, job.task_type, name, job.labels)
    except LabelError as error:
        raise ValueError(f"The label can't be audited: {error}.") from None
    if label is None:
        what = f"under {name!r}" if name else f"of the type {job.task_type.audited_type}"
        raise ValueError(f"The object has no label {what} that could be audited.")
    return label


def obstacle_of(job: JobFacts, line: dict[str, Any]) -> str | None:
    """Why a job can't audit an object; None if it can."""
    try:
        audited_by(job, line)
    except ValueError as error:
        return str(error)
    return None

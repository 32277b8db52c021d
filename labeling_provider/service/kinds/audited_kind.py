"""What adjustments and verifications share: the label of an earlier job that they show."""

from __future__ import annotations

from typing import Any, Final

from labeling_provider.manifest import Label, LabelError, audited_attribute, audited_label
from labeling_provider.service.cloud.object_store import MissingObject
from labeling_provider.service.kinds.kind import KINDS, Auditable, JobFacts

_MAX_TEMPLATE_BYTES: Final = 512_000


class Audited:
    """The labels of an earlier job that a job audits.

    :ivar kind: the kind that makes such labels, as part of this job.
    """

    def __init__(self, job: JobFacts) -> None:
        kind = KINDS[job.task_type.audited](job)
        assert isinstance(kind, Auditable)  # noqa: S101 - tests make every kind
        self.kind, self._job = kind, job
        self._named: list[str | None] = []

    @property
    def _attribute(self) -> str | None:
        """The label attribute that the job's files name; None for the last label of the right type."""
        # A cached_property would have a lock, before Python 3.12 even one for all jobs, while it waits for a file.
        if not self._named:
            self._named.append(self._read_attribute())
        return self._named[0]

    def _read_attribute(self) -> str | None:
        uri, template = self._job.request.template_uri, b""
        if uri:
            try:
                template = self._job.object_store.beginning(uri, _MAX_TEMPLATE_BYTES)
            except (MissingObject, ValueError):
                # Then there is no page either, and that reports the reason.
                template = b""
        return audited_attribute(template.decode(errors="replace"), self._job.categories)

    def label(self, line: dict[str, Any]) -> Label:
        """The label of a manifest line that people and simulated workers see.

        :raises ValueError: in words for people, if there is none that can be shown.
        """
        job, name = self._job, self._attribute
        try:
            label = audited_label(line, job.task_type, name, job.labels)
        except LabelError as error:
            raise ValueError(f"The label can't be audited: {error}.") from None
        if label is None:
            what = f"under {name!r}" if name else f"of the type {job.task_type.audited_type}"
            raise ValueError(f"The object has no label {what} that could be audited.")
        return label

    def obstacle(self, line: dict[str, Any]) -> str | None:
        """Why the job can't audit an object; None if it can."""
        try:
            self.label(line)
        except ValueError as error:
            return str(error)
        return None

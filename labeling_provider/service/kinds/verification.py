"""Verifies the labels of an earlier job: one verdict per object, and the workers' comments on it.

The form's element: ``crowd-image-classifier`` with ``worker-comment``, which adds ``workerComment`` to the answer.
Source: developer guide, "Label verification and adjustment".
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any

from labeling_provider.service.failures import ObjectFailure
from labeling_provider.service.kinds.audited_kind import Audited
from labeling_provider.service.kinds.choices import SingleChoice
from labeling_provider.service.kinds.kind import Answered, AnswerError, Consolidated, Content, JobFacts, runs, shown


@runs("verification-bounding-box", "verification-semantic-segmentation")
class Verification(SingleChoice):
    """The truth is a verdict, or ``{"label": verdict, "comment": text}``, or the truth about the labels themselves.

    In the last case the job's first label says that they are right, and its last label that they are not.
    """

    def __init__(self, job: JobFacts) -> None:
        super().__init__(job)
        self._audited = Audited(job)

    def obstacle(self, line: dict[str, Any]) -> str | None:
        return self._audited.obstacle(line)

    def read_answer(self, content: Content, line: dict[str, Any]) -> int:
        verdict = super().read_answer(content, line)
        comment = self.form(content).get("workerComment")
        if comment is not None and not isinstance(comment, str):
            raise AnswerError(f"{self.key}.workerComment is {shown(comment)}, which is not a string.")
        return verdict

    def simulate(self, line: dict[str, Any], truth: Any, right: bool, rng: Random) -> Content | None:
        verdict = truth if isinstance(truth, dict) else {"label": truth}
        if self.class_id(verdict.get("label")) is None:
            verdict = self._judged(line, truth)
        content = super().simulate(line, verdict.get("label"), right, rng)
        comment = verdict.get("comment")
        if content is not None and right and isinstance(comment, str) and comment:
            content[self.key]["workerComment"] = comment
        return content

    def _judged(self, line: dict[str, Any], truth: Any) -> dict[str, Any]:
        """The verdict on a label, from the truth about it; empty if the truth is not valid.

        :raises ObjectFailure: if the label or the truth can't be read.
        """
        try:
            fault = self._audited.kind.fault(self._audited.label(line), truth)
        except ValueError as error:
            raise ObjectFailure(str(error)) from None
        if fault is None or not self.job.labels:
            return {}
        return {"label": self.job.labels[-1 if fault else 0], "comment": fault}

    def consolidate(self, batch: Sequence[Answered], stamp: str) -> Consolidated:
        done = super().consolidate(batch, stamp)
        for answered in batch:
            label = done.labels.get(answered.object_id)
            comments = self._comments(answered)
            if label is not None and comments:
                label.metadata["worker-feedback"] = [{"comment": comment} for comment in comments]
        return done

    def _comments(self, answered: Answered) -> list[str]:
        usable = {worker for worker, _ in self.usable(answered)}
        given = (content[self.key].get("workerComment") for worker, content in answered.answers if worker in usable)
        return [comment for comment in given if comment]

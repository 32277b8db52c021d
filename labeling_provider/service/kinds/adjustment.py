"""Adjusts the labels of an earlier job: the form's element begins with them, and reports whether they were changed.

The element is that of the earlier job, with ``initial-value``, which adds ``initialValueModified`` to the answer.
Source: developer guide, "Label verification and adjustment" and "Labeling job output data" (``adjustment-status`` is
``adjusted`` if at least one worker has changed the label).
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from random import Random
from typing import Any, NamedTuple

from labeling_provider.groundtruth.layout import ADJUSTED, ADJUSTMENT_STATUS, UNADJUSTED
from labeling_provider.service.failures import ObjectFailure
from labeling_provider.service.kinds.audited_kind import Audited
from labeling_provider.service.kinds.kind import (
    Answered,
    AnswerError,
    Content,
    JobFacts,
    ObjectLabel,
    OneByOne,
    Response,
    runs,
    shown,
)
from labeling_provider.service.kinds.skills import Evidence, Skill


class _Adjusted(NamedTuple):
    """A worker's answer.

    :param answer: the answer, in the form of the kind whose labels are adjusted.
    :param is_changed: whether the worker has changed the label; None if the form does not say.
    """

    answer: Any
    is_changed: bool | None


@runs("adjustment-bounding-box", "adjustment-semantic-segmentation")
class Adjustment(OneByOne):
    """Answers, truth and consolidation are those of the task type whose labels are adjusted."""

    def __init__(self, job: JobFacts) -> None:
        self._labels = Audited(job)
        self._audited = self._labels.kind
        self.usual, self.remembers = self._audited.usual, self._audited.remembers
        super().__init__(job)

    def obstacle(self, line: dict[str, Any]) -> str | None:
        return self._labels.obstacle(line)

    def read_answer(self, content: Content, line: dict[str, Any]) -> _Adjusted:
        answer = self._audited.read_answer(content, line)
        is_changed = self.form(content).get("initialValueModified")
        if is_changed is not None and not isinstance(is_changed, bool):
            raise AnswerError(f"{self.key}.initialValueModified is {shown(is_changed)}, neither true nor false.")
        return _Adjusted(answer, is_changed)

    def simulate(self, line: dict[str, Any], truth: Any, right: bool, rng: Random) -> Content | None:
        former = self._former(line)
        answer = self._audited.corrected(former, line, truth, rng)
        if answer is None:
            return None
        is_changed = not self._audited.is_same(answer, former)
        if right:
            return self._form(answer, is_changed, line)
        if is_changed:
            # A careless worker has not seen what is wrong.
            return self._form(former, False, line)
        content = self._audited.simulate(line, truth, False, rng)
        if content is not None:
            content[self.key]["initialValueModified"] = True
        return content

    def _form(self, answer: Any, is_changed: bool, line: dict[str, Any]) -> Content:
        content = self._audited.form_of(answer, line)
        content[self.key]["initialValueModified"] = is_changed
        return content

    def _former(self, line: dict[str, Any]) -> Any:
        """The label that the form begins with, as an answer.

        :raises ObjectFailure: if the line has none that can be used.
        """
        try:
            return self._audited.former_answer(self._labels.label(line))
        except ValueError as error:
            raise ObjectFailure(str(error)) from None

    def evidence(self, answers: Sequence[_Adjusted]) -> Sequence[Evidence]:
        return self._audited.evidence([adjusted.answer for adjusted in answers])

    def label_of(
        self, answers: Sequence[_Adjusted], skills: Sequence[Skill], answered: Answered, stamp: str
    ) -> ObjectLabel:
        label = self._audited.label_of([adjusted.answer for adjusted in answers], skills, answered, stamp)
        is_adjusted = any(self._is_changed(adjusted, answered.line) for adjusted in answers)
        label.metadata[ADJUSTMENT_STATUS] = ADJUSTED if is_adjusted else UNADJUSTED
        return label

    def _is_changed(self, adjusted: _Adjusted, line: dict[str, Any]) -> bool:
        if adjusted.is_changed is not None:
            return adjusted.is_changed
        # The template has not given the element its initial value.
        return not self._audited.is_same(adjusted.answer, self._former(line))


class LockedAdjustment(Adjustment):
    """An adjustment whose form gets the former answer, and may lock parts of it (``editsAllowed``).

    If all is locked, it is a verification.
    """

    def own_input(self, line: dict[str, Any]) -> dict[str, Any]:
        former = self._former(line)
        return {**self._audited.own_input(line), "initial": self._audited.form_of(former, line)[self.key]}

    def obstacle(self, line: dict[str, Any]) -> str | None:
        obstacle = self._audited.obstacle(line) or super().obstacle(line)
        if obstacle is None:
            try:
                self._former(line)
            except ObjectFailure as failure:
                return str(failure)
        return obstacle

    def response(self, content: Content, folder: str) -> Response:
        return self._audited.response(content, folder)

    def check_answer(self, content: Any, line: dict[str, Any]) -> None:
        super().check_answer(content, line)
        try:
            former = self._former(line)
        except ObjectFailure as failure:
            raise AnswerError(str(failure)[:300]) from None
        self.check_locks(former, self.read_answer(content, line).answer)

    @abstractmethod
    def check_locks(self, before: Any, now: Any) -> None:
        """Check that what workers may not change is as it was.

        :raises AnswerError: naming what was changed.
        """

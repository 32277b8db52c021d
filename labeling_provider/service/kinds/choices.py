"""Classification with one class or several, for pictures, texts and video clips.

The form elements are ``crowd-image-classifier``, ``crowd-classifier`` and their ``-multi-select`` variants.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any

from labeling_provider.service.kinds.kind import (
    Answered,
    AnswerError,
    Consolidated,
    Content,
    JobFacts,
    Kind,
    Learnable,
    ObjectLabel,
    runs,
)


@runs("image-classification", "text-classification", "video-classification")
class SingleChoice(Kind, Learnable):
    """One class per object. An answer is a class position; the truth is a label."""

    promised = 0.95

    def __init__(self, job: JobFacts) -> None:
        super().__init__(job)
        from labeling_provider.service.kinds.estimation import VoteBook

        self._book = VoteBook(max(len(job.labels), 2))

    def read_answer(self, content: Content, line: dict[str, Any]) -> int:
        return self.known_class(self.form(content).get("label"), "label")

    def simulate(self, line: dict[str, Any], truth: Any, right: bool, rng: Random) -> Content | None:
        if self.class_id(truth) is None:
            return None
        return {self.key: {"label": truth if right else self.another_label(truth, rng)}}

    def learn(self, earlier: Sequence[Answered]) -> None:
        for answered in earlier:
            votes = self.usable(answered)
            if votes:
                self._book.add(votes)

    def consolidate(self, batch: Sequence[Answered], stamp: str) -> Consolidated:
        votes_of = {answered.object_id: votes for answered in batch if (votes := self.usable(answered))}
        for votes in votes_of.values():
            self._book.add(votes)
        decided = self._book.decide(len(votes_of))
        labels = {
            object_id: ObjectLabel(choice, {"class-name": self.job.labels[choice], "confidence": self.confidence(sure)})
            for object_id, (choice, sure) in zip(votes_of, decided, strict=True)
        }
        return Consolidated(labels, {})

    def answer_in(self, value: Any) -> int | None:
        return value if type(value) is int and 0 <= value < len(self.job.labels) else None

    def agreement(self, machine: Any, people: Any) -> float:
        if self.answer_in(machine) is None:
            raise TypeError(f"{machine!r} is not a class position")
        return float(machine == people)

    def label_by_machine(self, answer: Any, confidence: float, line: dict[str, Any], file: str) -> ObjectLabel:
        return ObjectLabel(answer, {"class-name": self.job.labels[answer], "confidence": round(confidence, 2)})

    def group(self, answer: Any) -> Any:
        return answer


@runs("image-classification-multilabel", "text-classification-multilabel")
class MultipleChoice(Kind):
    """Any number of classes per object. Each class is a separate question, answered yes or no.

    An answer is a set of class positions; the truth is a list of labels.
    """

    def __init__(self, job: JobFacts) -> None:
        super().__init__(job)
        from labeling_provider.service.kinds.estimation import VoteBook

        self._book = VoteBook(2)

    def read_answer(self, content: Content, line: dict[str, Any]) -> set[int]:
        labels = self.form(content).get("labels")
        if not isinstance(labels, list):
            raise AnswerError(f"{self.key}.labels is missing or not a list.")
        return {self.known_class(label, f"labels[{number}]") for number, label in enumerate(labels)}

    def simulate(self, line: dict[str, Any], truth: Any, right: bool, rng: Random) -> Content | None:
        if not isinstance(truth, list) or any(self.class_id(label) is None for label in truth):
            return None
        chosen = set(truth)
        if not right:
            chosen ^= {rng.choice(self.job.labels)}
        return {self.key: {"labels": [label for label in self.job.labels if label in chosen]}}

    def _note(self, choices: Sequence[tuple[str, set[int]]]) -> None:
        for position in range(len(self.job.labels)):
            self._book.add([(worker, int(position in chosen)) for worker, chosen in choices])

    def learn(self, earlier: Sequence[Answered]) -> None:
        for answered in earlier:
            choices = self.usable(answered)
            if choices:
                self._note(choices)

    def consolidate(self, batch: Sequence[Answered], stamp: str) -> Consolidated:
        choices_of = {answered.object_id: choices for answered in batch if (choices := self.usable(answered))}
        for choices in choices_of.values():
            self._note(choices)
        size = len(self.job.labels)
        decided = self._book.decide(len(choices_of) * size)
        labels = {}
        for number, (object_id, choices) in enumerate(choices_of.items()):
            likely = [sure if yes else 1 - sure for yes, sure in decided[number * size : (number + 1) * size]]
            # The surest first, as in Amazon's output.
            anybody = set().union(*(choice for _, choice in choices))
            chosen = sorted(anybody, key=lambda class_id: (-self.confidence(likely[class_id]), class_id))
            labels[object_id] = ObjectLabel(
                chosen,
                {
                    "class-map": {str(class_id): self.job.labels[class_id] for class_id in chosen},
                    "confidence-map": {str(class_id): self.confidence(likely[class_id]) for class_id in chosen},
                },
            )
        return Consolidated(labels, {})

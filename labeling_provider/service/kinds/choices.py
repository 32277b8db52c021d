"""Classification with one class or several, for pictures, texts and video clips.

The form elements are ``crowd-image-classifier``, ``crowd-classifier`` and their ``-multi-select`` variants.
"""

from __future__ import annotations

from abc import abstractmethod
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
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


class _Choice(Kind):
    """Choosing classes: an object is one or several questions, and each answer is a vote on each of them.

    :param questions: number of questions per object.
    :param classes: number of possible answers to each question.
    """

    def __init__(self, job: JobFacts, questions: int, classes: int) -> None:
        super().__init__(job)
        from labeling_provider.service.kinds.estimation import MAX_VOTES, VoteBook

        self._questions = questions
        self._book = VoteBook(classes)
        self.remembers = max(MAX_VOTES // (questions * job.workers_per_object), 1)
        # The objects in the book, and the classes that workers chose for each; equal tuples are stored once.
        self._asked, self._choices = array("q"), list[tuple[int, ...]]()
        self._known_choices = dict[tuple[int, ...], tuple[int, ...]]()

    @abstractmethod
    def _votes(self, answer: Any) -> Sequence[int]:
        """An answer's vote on each question."""

    @abstractmethod
    def _chosen(self, answer: Any) -> Iterable[int]:
        """The classes in an answer."""

    @abstractmethod
    def _label(self, chosen: Sequence[int], decided: Sequence[tuple[int, float]]) -> ObjectLabel:
        """The label of an object.

        :param chosen: the classes that anybody chose.
        :param decided: the class that each question is about, and its probability.
        """

    def learn(self, earlier: Sequence[Answered]) -> None:
        for answered in earlier:
            self._note(answered)

    def consolidate(self, batch: Sequence[Answered], stamp: str) -> Consolidated:
        count = sum(self._note(answered) for answered in batch)
        decided = self._book.decide(count * self._questions)
        labels = dict(self._labels(len(decided), decided.__getitem__))
        self._forget(len(self._asked) - self.remembers)
        return Consolidated(labels, {})

    def reconsider(self) -> Mapping[int, ObjectLabel]:
        classes, sure = self._book.reconsider()
        return self._labels(
            len(classes), lambda part: list(zip(classes[part].tolist(), sure[part].tolist(), strict=True))
        )

    def _note(self, answered: Answered) -> bool:
        """Put the votes on an object into the book; returns whether there are any."""
        answers = self.usable(answered)
        if not answers:
            return False
        chosen = tuple(sorted({class_id for _, answer in answers for class_id in self._chosen(answer)}))
        self._asked.append(answered.object_id)
        self._choices.append(self._known_choices.setdefault(chosen, chosen))
        votes = [(worker, self._votes(answer)) for worker, answer in answers]
        for question in range(self._questions):
            self._book.add([(worker, own[question]) for worker, own in votes])
        return True

    def _forget(self, count: int) -> None:
        """Forget the first objects, which the book has forgotten too."""
        if count > 0:
            del self._asked[:count], self._choices[:count]
            if len(self._known_choices) > 2 * len(self._choices):
                self._known_choices = {chosen: chosen for chosen in self._choices}

    def _labels(self, questions: int, decided: Callable[[slice], list[tuple[int, float]]]) -> _Labels:
        """The labels of the latest objects.

        :param questions: how many of the latest questions are decided.
        :param decided: the class and its probability for some of them.
        """
        size = self._questions
        count = min(questions // size, len(self._asked))
        first, unused = len(self._asked) - count, questions - count * size

        def label(place: int) -> ObjectLabel:
            own = slice(unused + place * size, unused + (place + 1) * size)
            return self._label(self._choices[first + place], decided(own))

        return _Labels(self._asked[first:], label)


class _Labels(Mapping[int, ObjectLabel]):
    """Labels of many objects, each made when it is asked for: a large job has a hundred thousand.

    :param objects: their ids.
    :param label: the label of the object at a place.
    """

    def __init__(self, objects: Iterable[int], label: Callable[[int], ObjectLabel]) -> None:
        self._places = {object_id: place for place, object_id in enumerate(objects)}
        self._label = label

    def __getitem__(self, object_id: int) -> ObjectLabel:
        return self._label(self._places[object_id])

    def __iter__(self) -> Iterator[int]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)


@runs("image-classification", "text-classification", "video-classification")
class SingleChoice(_Choice, Learnable):
    """One class per object. An answer is a class position; the truth is a label."""

    promised = 0.95

    def __init__(self, job: JobFacts) -> None:
        super().__init__(job, 1, max(len(job.labels), 2))

    def read_answer(self, content: Content, line: dict[str, Any]) -> int:
        return self.known_class(self.form(content).get("label"), "label")

    def simulate(self, line: dict[str, Any], truth: Any, right: bool, rng: Random) -> Content | None:
        if self.class_id(truth) is None:
            return None
        return {self.key: {"label": truth if right else self.another_label(truth, rng)}}

    def _votes(self, answer: int) -> Sequence[int]:
        return (answer,)

    def _chosen(self, answer: int) -> Iterable[int]:
        return (answer,)

    def _label(self, chosen: Sequence[int], decided: Sequence[tuple[int, float]]) -> ObjectLabel:
        ((choice, sure),) = decided
        return ObjectLabel(choice, {"class-name": self.job.labels[choice], "confidence": self.confidence(sure)})

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
class MultipleChoice(_Choice):
    """Any number of classes per object. Each class is a separate question, answered yes or no.

    An answer is a set of class positions; the truth is a list of labels.
    """

    def __init__(self, job: JobFacts) -> None:
        super().__init__(job, max(len(job.labels), 1), 2)

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

    def _votes(self, answer: set[int]) -> Sequence[int]:
        return [int(class_id in answer) for class_id in range(self._questions)]

    def _chosen(self, answer: set[int]) -> Iterable[int]:
        return answer

    def _label(self, chosen: Sequence[int], decided: Sequence[tuple[int, float]]) -> ObjectLabel:
        sure = {class_id: self.confidence(p if yes else 1 - p) for class_id, (yes, p) in enumerate(decided)}
        # The surest first, as in Amazon's output.
        ranked = sorted(chosen, key=lambda class_id: (-sure[class_id], class_id))
        return ObjectLabel(
            ranked,
            {
                "class-map": {str(class_id): self.job.labels[class_id] for class_id in ranked},
                "confidence-map": {str(class_id): sure[class_id] for class_id in ranked},
            },
        )

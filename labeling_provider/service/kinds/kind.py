"""What every kind of task is: how a worker answers, how an answer is checked, how answers become a label.

A kind is a class in a module of this folder. One object of it belongs to one job and may learn from its answers.
Formats: developer guide, "Labeling job output data" and "Crowd HTML elements reference".
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from random import Random
from typing import Any, ClassVar, Final, NamedTuple, TypeVar

from labeling_provider.groundtruth.documents import TOO_DEEP, as_json, is_deep, trouble_with
from labeling_provider.groundtruth.layout import data_object
from labeling_provider.groundtruth.task_types import TASK_TYPES, TaskType
from labeling_provider.service.cloud.object_store import ObjectStore
from labeling_provider.service.errors import ObjectFailure, for_object
from labeling_provider.service.kinds.stored_data import stored

MAX_CONFIDENCE: Final = 0.95
"""The highest that Amazon's own output has been seen to give."""
_SHOWN: Final = 60

Content = dict[str, Any]
"""What a worker's form sends: its values by element name, as in ``answerContent`` of the worker-response files."""


class AnswerError(ValueError):
    """A worker's answer that can't be used; the text names the key and says what belongs there."""


class Answer(NamedTuple):
    """What one worker sent."""

    worker: str
    content: Content


class Answered(NamedTuple):
    """A data object with the answers of its workers."""

    object_id: int
    line: dict[str, Any]
    answers: Sequence[Answer]


@dataclass
class Label:
    """A consolidated label.

    :param value: what goes under the label attribute.
    :param metadata: what goes into its metadata, besides what every label has.
    :param files: files that the value names: bytes and content type by URI.
    """

    value: Any
    metadata: dict[str, Any]
    files: dict[str, tuple[bytes, str]] = field(default_factory=dict)


class Consolidated(NamedTuple):
    """What has become of some objects, by object id.

    :param labels: of those that have got one.
    :param failed: why others can't get any.
    """

    labels: dict[int, Label]
    failed: dict[int, str]


@dataclass(frozen=True)
class JobFacts:
    """What a kind needs to know of its job.

    :param labels: label names in class order.
    :param categories: the category document.
    :param workers_per_object: how many answers were asked for.
    :param output: ``<S3OutputPath>/<job name>``.
    :param request: the CreateLabelingJob request.
    :param consolidation_function: ARN of the caller's own, for custom tasks; empty without one.
    """

    name: str
    arn: str
    attribute: str
    task_type: TaskType
    labels: list[str]
    categories: dict[str, Any]
    workers_per_object: int
    output: str
    request: dict[str, Any]
    object_store: ObjectStore
    consolidation_function: str = ""


class Kind(ABC):
    """One kind of task at work in one job."""

    def __init__(self, job: JobFacts) -> None:
        self.job = job

    # What each kind has to say

    @abstractmethod
    def read_answer(self, content: Content, line: dict[str, Any]) -> Any:
        """What a worker means, in the form that this kind consolidates.

        :param content: what the form has sent, JSON as the element of this kind submits it.
        :param line: the data object's manifest line.
        :raises AnswerError: if it can't be used.
        """

    @abstractmethod
    def simulate(self, line: dict[str, Any], truth: Any, right: bool, rng: Random) -> Content | None:
        """What a simulated worker sends, in the shape in which people's answers arrive.

        :param truth: what is true of the object, in a form of the kind's own; it comes from outside.
        :param right: False for a plausible mistake.
        :return: None if the truth makes no sense here, so the worker declines.
        :raises ObjectFailure: if no worker can answer, with the reason.
        """

    @abstractmethod
    def consolidate(self, batch: Sequence[Answered], stamp: str) -> Consolidated | None:
        """Labels out of answers. An object that is left out had no answer that could be used.

        :param stamp: the time of consolidation, as in file names.
        :return: None if answers are the caller's to consolidate, with a function or later.
        """

    def learn(self, earlier: Sequence[Answered]) -> None:  # noqa: B027 - only some kinds learn
        """Take in answers that were consolidated before this process started."""

    # What all kinds share

    def check_answer(self, content: Any, line: dict[str, Any]) -> None:
        """Refuse an answer that could not be written or consolidated.

        :param content: any JSON value that somebody has sent for the object.
        :param line: the data object's manifest line.
        :raises AnswerError: naming the key and what belongs there.
        """
        if not isinstance(content, dict):
            raise AnswerError("An answer is a JSON object: the form's values by element name.")
        if is_deep(content):
            raise AnswerError(f"The answer can't be kept. {TOO_DEEP}")
        try:
            trouble = trouble_with(as_json(content), content)
        except ValueError as error:
            raise AnswerError(f"The answer can't be kept: {error}.") from None
        if trouble:
            raise AnswerError(f"The answer can't be kept. {trouble}")
        self.read_answer(content, line)

    @property
    def key(self) -> str:
        """Name of the element in the worker's form."""
        return self.job.task_type.answer_key or "answer"

    def form(self, content: Content) -> dict[str, Any]:
        """What the form's element says.

        :raises AnswerError: if it says nothing.
        """
        said = content.get(self.key)
        if not isinstance(said, dict):
            raise AnswerError(f"{self.key} is missing or no JSON object.")
        return said

    def usable(self, answered: Answered) -> list[tuple[str, Any]]:
        """An object's answers that can be used, each with its worker."""
        found = []
        for worker, content in answered.answers:
            with suppress(AnswerError):
                found.append((worker, self.read_answer(content, answered.line)))
        return found

    def source(self, line: dict[str, Any]) -> str:
        """What a manifest line says under its data key: a text, or where the data is."""
        return data_object(line, self.job.task_type.data_key)[1]

    def data(self, line: dict[str, Any]) -> bytes | str:
        """The data of a manifest line: a text, or what is in its file.

        :raises ValueError: if there is no such file.
        """
        key, said = data_object(line, self.job.task_type.data_key)
        return said if key == "source" else stored(self.job.object_store, said)

    def class_id(self, label: Any) -> int | None:
        """Position of a label among the job's labels."""
        return self.positions.get(label) if isinstance(label, str) else None

    @cached_property
    def positions(self) -> dict[str, int]:
        """The position of each of the job's labels."""
        return {name: position for position, name in enumerate(self.job.labels)}

    def known_class(self, label: Any, where: str) -> int:
        """Position of a label that a worker has chosen.

        :param where: its key below the element's name.
        :raises AnswerError: if the job has no such label.
        """
        position = self.class_id(label)
        if position is None:
            raise AnswerError(f"{self.key}.{where} is {shown(label)}, which is no label of the job.")
        return position

    def another_label(self, label: str, rng: Random) -> str:
        """Another one of the job's labels, if there is one."""
        return rng.choice([name for name in self.job.labels if name != label] or [label])

    def confidence(self, probability: float) -> float:
        """A label's confidence as Amazon writes it: two digits, 0 where each object has one worker."""
        if self.job.workers_per_object == 1:
            return 0.0
        return round(min(max(probability, 0.0), MAX_CONFIDENCE), 2)


class OneByOne(Kind):
    """A kind whose labels each come of one object's answers alone."""

    @abstractmethod
    def label_of(self, answers: Sequence[Any], answered: Answered, stamp: str) -> Label:
        """The label of one object.

        :param answers: what :meth:`read_answer` made of those that can be used, one at least.
        :param stamp: the time of consolidation, as in file names.
        :raises ObjectFailure: if it can't get any, with the reason.
        """

    def consolidate(self, batch: Sequence[Answered], stamp: str) -> Consolidated:
        done = Consolidated({}, {})
        for answered in batch:
            try:
                label = for_object(self._label_of_usable, answered, stamp)
            except ObjectFailure as failure:
                done.failed[answered.object_id] = str(failure)
            else:
                if label is not None:
                    done.labels[answered.object_id] = label
        return done

    def _label_of_usable(self, answered: Answered, stamp: str) -> Label | None:
        answers = [answer for _, answer in self.usable(answered)]
        return self.label_of(answers, answered, stamp) if answers else None


class Learnable(ABC):
    """What automated labeling needs of a kind that models can learn.

    A model's answers have the forms of :class:`~labeling_provider.service.learning.models.Prediction`.
    Source of the promises: developer guide, "Automate data labeling".
    """

    promised: ClassVar[float]
    """Mean agreement with people that Ground Truth promises, 0 to 1."""

    @abstractmethod
    def answer_in(self, value: Any) -> Any | None:
        """The answer in a label that people have made, as it is kept; None if it can't be used.

        :param value: what is under the label attribute.
        """

    def opened(self, kept: Sequence[Any]) -> Sequence[Any]:
        """People's answers, as they are kept, in the form of a model's."""
        return kept

    @abstractmethod
    def agreement(self, machine: Any, people: Any) -> float:
        """How well two answers agree, 0 to 1.

        :param machine: a model's answer.
        :param people: people's, as it is kept.
        """

    @abstractmethod
    def label_by_machine(self, answer: Any, confidence: float, line: dict[str, Any], file: str) -> Label:
        """The label that says what a model has answered.

        :param confidence: expected agreement with people, 0 to 1.
        :param file: name of a file beside the label, without an ending, if it needs one.
        :raises ValueError: if the object is gone.
        """

    def group(self, answer: Any) -> Any:
        """The class, if an answer is one."""
        return None


KINDS: Final[dict[str, type[Kind]]] = {}
"""The kind of each task type that the service runs, by the task type's name."""

K = TypeVar("K", bound=Kind)


def runs(*task_types: str) -> Callable[[type[K]], type[K]]:
    """Let a kind run task types: a decorator.

    :param task_types: their names, as in ``groundtruth/task_types.py``.
    :raises ValueError: if there is no such task type, or another kind runs it.
    """

    def register(kind: type[K]) -> type[K]:
        for name in task_types:
            if name not in TASK_TYPES or name in KINDS:
                raise ValueError(f"{kind.__name__} can't run {name!r}: " + ("taken" if name in KINDS else "unknown"))
            KINDS[name] = kind
        return kind

    return register


def shown(value: Any) -> str:
    """A value from outside in a message, cut to a readable length."""
    return repr(value[:_SHOWN]) if isinstance(value, str) else f"a {type(value).__name__}"

"""The base classes for kinds of task: how workers answer, how answers are checked, and how they become labels.

A kind is a class in a module of this folder. Each instance belongs to one job and may learn from its answers.
Formats: developer guide, "Labeling job output data" and "Crowd HTML elements reference".
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from random import Random
from typing import Any, ClassVar, Final, NamedTuple, TypeVar

from labeling_provider.groundtruth.description import JobRequest
from labeling_provider.groundtruth.documents import TOO_DEEP, as_json, is_deep, trouble_with
from labeling_provider.groundtruth.layout import data_object
from labeling_provider.groundtruth.task_types import TASK_TYPES, TaskType
from labeling_provider.manifest import Label
from labeling_provider.service.cloud.object_store import ObjectStore
from labeling_provider.service.failures import ObjectFailure, for_object
from labeling_provider.service.kinds.skills import Evidence, Skill, SkillBook
from labeling_provider.service.kinds.stored_data import stored

MAX_CONFIDENCE: Final = 0.99
"""Nothing is certain. Amazon's own output never exceeds 0.95, but then even a perfect model would be off by 0.05."""
_SHOWN: Final = 60

Content = dict[str, Any]
"""What a worker's form submits: values by element name, as in ``answerContent`` in worker-response files."""


Response = tuple[Content, dict[str, tuple[bytes, str]]]
"""An answer as worker-response files contain it, and the files that it names: bytes and content type by URI."""


class AnswerError(ValueError):
    """A worker's answer that can't be used. The text names the key and says what belongs there."""


class WorkerAnswer(NamedTuple):
    """One worker's answer about one data object.

    :param worker: the worker's id.
    """

    worker: str
    content: Content


class Answered(NamedTuple):
    """A data object with the answers of its workers."""

    object_id: int
    line: dict[str, Any]
    answers: Sequence[WorkerAnswer]


@dataclass
class ObjectLabel:
    """A consolidated label.

    :param value: the value of the label attribute, any JSON value.
    :param metadata: its metadata, without the keys that every label has.
    :param files: the files that the value names: bytes and content type by URI.
    """

    value: Any
    metadata: dict[str, Any]
    files: dict[str, tuple[bytes, str]] = field(default_factory=dict)


class Consolidated(NamedTuple):
    """The outcome of consolidating some objects, by object id.

    :param labels: the labels of those that have one.
    :param failed: why the others can't be labeled.
    """

    labels: dict[int, ObjectLabel]
    failed: dict[int, str]


@dataclass(frozen=True)
class JobFacts:
    """What a kind needs to know about its job.

    :param labels: label names in class order.
    :param categories: the category document.
    :param workers_per_object: how many answers the job asks for.
    :param output: ``<S3OutputPath>/<job name>``.
    :param request: the CreateLabelingJob request.
    :param consolidation_function: ARN of the caller's own function, for custom tasks; empty if there is none.
    """

    name: str
    arn: str
    attribute: str
    task_type: TaskType
    labels: list[str]
    categories: dict[str, Any]
    workers_per_object: int
    output: str
    request: JobRequest
    object_store: ObjectStore
    consolidation_function: str = ""


class Kind(ABC):
    """One kind of task, in one job.

    :param remembers: from how many of the latest labeled objects the kind learns.
    """

    remembers: int = 0

    def __init__(self, job: JobFacts) -> None:
        self.job = job

    # What each kind defines

    @abstractmethod
    def read_answer(self, content: Content, line: dict[str, Any]) -> Any:
        """Parse an answer into the form that this kind consolidates.

        :param content: what the form submitted.
        :param line: the data object's manifest line.
        :raises AnswerError: if it can't be used.
        """

    @abstractmethod
    def simulate(self, line: dict[str, Any], truth: Any, right: bool, rng: Random) -> Content | None:
        """A simulated worker's answer, in the same form as people's.

        :param truth: the truth about the object, in this kind's own form. It is user input.
        :param right: False for a plausible mistake.
        :param rng: the random numbers to use.
        :return: None if the truth is not valid for this kind; the worker then declines.
        :raises ObjectFailure: with the reason, if no worker can answer.
        """

    @abstractmethod
    def consolidate(self, batch: Sequence[Answered], stamp: str) -> Consolidated | None:
        """Turn answers into labels. An object that is missing from the result had no usable answer.

        :param stamp: the time of consolidation, as in file names.
        :return: None if the caller consolidates the answers, with a function or later.
        """

    def task_input(self, line: dict[str, Any], prepared: dict[str, Any] | None = None) -> dict[str, Any]:
        """What the worker's template gets as ``task.input``, on people's pages and in previews alike.

        :param line: the data object's manifest line.
        :param prepared: what the caller's pre-annotation function has made of the object; None without one.
        """
        return self.own_input(line) if prepared is None else prepared

    def own_input(self, line: dict[str, Any]) -> dict[str, Any]:
        """What Amazon's own pre-annotation function makes of an object, by the guide's page of each task type."""
        own = {"taskObject": self.source(line), "labels": self.job.labels}
        return {**own, "manifestLine": line} if self.job.task_type.audits else own

    def obstacle(self, line: dict[str, Any]) -> str | None:
        """Why no worker can work on an object; None if nothing is in the way.

        :param line: the data object's manifest line.
        """
        return None

    def response(self, content: Content, folder: str) -> Response:
        """An answer as worker-response files contain it.

        :param content: a usable answer.
        :param folder: S3 URI of a folder of its own for files that it names.
        """
        return content, {}

    def learn(self, earlier: Sequence[Answered]) -> None:  # noqa: B027 - only some kinds learn
        """Learn from answers that were consolidated before this process started."""

    def reconsider(self) -> Mapping[int, ObjectLabel]:
        """Labels from all answers together, which came in one after the other.

        :return: labels that may have changed, by object id. Metadata keys that they lack stay as they are.
        """
        return {}

    # What all kinds share

    def check_answer(self, content: Any, line: dict[str, Any]) -> None:
        """Check that an answer can be stored and consolidated.

        :param content: any JSON value that was submitted for the object.
        :param line: the data object's manifest line.
        :raises AnswerError: if it can't. The text names the key and says what belongs there.
        """
        if not isinstance(content, dict):
            raise AnswerError("An answer must be a JSON object: the form's values by element name.")
        if is_deep(content):
            raise AnswerError(f"The answer can't be stored. {TOO_DEEP}")
        try:
            trouble = trouble_with(as_json(content), content)
        except ValueError as error:
            raise AnswerError(f"The answer can't be stored: {error}.") from None
        if trouble:
            raise AnswerError(f"The answer can't be stored. {trouble}")
        self.read_answer(content, line)

    @property
    def key(self) -> str:
        """The name of the element in the worker's form."""
        return self.job.task_type.answer_key or "answer"

    def form(self, content: Content) -> dict[str, Any]:
        """The value of the form's element.

        :raises AnswerError: if it is missing or not a JSON object.
        """
        value = content.get(self.key)
        if not isinstance(value, dict):
            raise AnswerError(f"{self.key} is missing or not a JSON object.")
        return value

    def usable(self, answered: Answered) -> list[tuple[str, Any]]:
        """An object's usable answers, parsed: pairs of worker and answer."""
        answers = []
        for worker, content in answered.answers:
            with suppress(AnswerError):
                answers.append((worker, self.read_answer(content, answered.line)))
        return answers

    def source(self, line: dict[str, Any]) -> str:
        """The value of a manifest line's data key: a text, or the URI of the data."""
        return data_object(line, self.job.task_type.data_key)[1]

    def data(self, line: dict[str, Any]) -> bytes | str:
        """The data of a manifest line: a text, or the content of its file.

        :raises ValueError: if the file does not exist.
        """
        key, value = data_object(line, self.job.task_type.data_key)
        return value if key == "source" else stored(self.job.object_store, value)

    def class_id(self, label: Any) -> int | None:
        """The position of a label among the job's labels; None if the job has no such label."""
        return self.positions.get(label) if isinstance(label, str) else None

    @cached_property
    def positions(self) -> dict[str, int]:
        """The position of each of the job's labels."""
        return {name: position for position, name in enumerate(self.job.labels)}

    def known_class(self, label: Any, where: str) -> int:
        """The position of a label that a worker chose.

        :param where: the label's key within the element, for the error.
        :raises AnswerError: if the job has no such label.
        """
        position = self.class_id(label)
        if position is None:
            raise AnswerError(f"{self.key}.{where} is {shown(label)}, which is not one of the job's labels.")
        return position

    def another_label(self, label: str, rng: Random) -> str:
        """A different label of the job; the same if it has only one."""
        return rng.choice([name for name in self.job.labels if name != label] or [label])

    def confidence(self, probability: float) -> float:
        """A label's confidence as Amazon writes it: two decimals; 0 if each object has only one worker."""
        if self.job.workers_per_object == 1:
            return 0.0
        return round(min(max(probability, 0.0), MAX_CONFIDENCE), 2)


class OneByOne(Kind):
    """A kind that consolidates each object by itself, but knows how well its workers work in the job.

    :param usual: the skill of a worker about whom nothing is known.
    """

    remembers = 1_000
    usual: Skill = Skill(recall=0.9, extra=0.06, misnamed=0.05, off=0.1)

    def __init__(self, job: JobFacts) -> None:
        super().__init__(job)
        self._book = SkillBook(self.usual, self.remembers)

    @abstractmethod
    def label_of(self, answers: Sequence[Any], skills: Sequence[Skill], answered: Answered, stamp: str) -> ObjectLabel:
        """The label of one object. It must not depend on the order of the answers.

        :param answers: its usable answers, as returned by :meth:`read_answer`; at least one.
        :param skills: how well the worker of each answer works.
        :param stamp: the time of consolidation, as in file names.
        :raises ObjectFailure: with the reason, if it can't be labeled.
        """

    def evidence(self, answers: Sequence[Any]) -> Sequence[Evidence]:
        """What the answers about an object reveal about the worker of each.

        :param answers: as for :meth:`label_of`.
        """
        return [Evidence()] * len(answers)

    def learn(self, earlier: Sequence[Answered]) -> None:
        self._book.add(self._evidence_of(answered) for answered in earlier[-self.remembers :])

    def consolidate(self, batch: Sequence[Answered], stamp: str) -> Consolidated:
        consolidated = Consolidated({}, {})
        noted = [self._evidence_of(answered) for answered in batch]
        skill_of = self._book.skills(noted)
        for answered in batch:
            try:
                label = for_object(self._label_of_usable, answered, skill_of, stamp)
            except ObjectFailure as failure:
                consolidated.failed[answered.object_id] = str(failure)
            else:
                if label is not None:
                    consolidated.labels[answered.object_id] = label
        # After a restart, there are only labeled objects to learn from.
        labeled = (answered.object_id in consolidated.labels for answered in batch)
        self._book.add(evidence for evidence, is_labeled in zip(noted, labeled, strict=True) if is_labeled)
        return consolidated

    def _evidence_of(self, answered: Answered) -> list[tuple[str, Evidence]]:
        try:
            answers = self.usable(answered)
            evidence = for_object(self.evidence, [answer for _, answer in answers])
        except ObjectFailure:
            # Its label fails for the same reason, which is reported there.
            return []
        return [(worker, part) for (worker, _), part in zip(answers, evidence, strict=True)]

    def _label_of_usable(self, answered: Answered, skill_of: Callable[[str], Skill], stamp: str) -> ObjectLabel | None:
        answers = self.usable(answered)
        skills = [skill_of(worker) for worker, _ in answers]
        return self.label_of([answer for _, answer in answers], skills, answered, stamp) if answers else None


class Auditable(OneByOne):
    """A kind whose labels can be verified and adjusted.

    Answers have the form that :meth:`read_answer` returns.
    """

    @abstractmethod
    def fault(self, label: Label, truth: Any) -> str | None:
        """What is wrong with a label, in words; empty if it is about right.

        The job's own labels do not matter here: in a verification they are verdicts.

        :param label: a label of the type that this kind makes.
        :param truth: as for :meth:`simulate`. It is user input.
        :return: None if the truth is not valid for this kind.
        :raises ValueError: if a file is missing or can't be read.
        """

    @abstractmethod
    def former_answer(self, label: Label) -> Any:
        """A label of an earlier job as an answer of this job.

        :raises ValueError: if a file is missing or can't be read.
        """

    @abstractmethod
    def is_same(self, answer: Any, other: Any) -> bool:
        """Whether two answers are the same."""

    @abstractmethod
    def corrected(self, former: Any, line: dict[str, Any], truth: Any, rng: Random) -> Any | None:
        """What a good worker makes of an earlier answer: what is about right stays, the rest is corrected.

        :return: None if the truth is not valid for this kind.
        :raises ObjectFailure: if the object can't be read.
        """

    @abstractmethod
    def form_of(self, answer: Any, line: dict[str, Any]) -> Content:
        """The form that a worker submits for an answer.

        :raises ObjectFailure: if the object can't be read.
        """


class Learnable(ABC):
    """What automated labeling needs from a kind that models can learn.

    A model's answers have the forms of :class:`~labeling_provider.service.learning.models.Prediction`.
    Source of the promises: developer guide, "Automate data labeling".
    """

    promised: ClassVar[float]
    """The mean agreement with people that Ground Truth promises, 0 to 1."""

    @abstractmethod
    def answer_in(self, value: Any) -> Any | None:
        """The answer in a label that people made, in the form it is kept in memory; None if it can't be used.

        :param value: the value of the label attribute.
        """

    def opened(self, kept: Sequence[Any]) -> Sequence[Any]:
        """Convert answers from the form they are kept in to the form of a model's answers."""
        return kept

    @abstractmethod
    def agreement(self, machine: Any, people: Any) -> float:
        """How well two answers agree, 0 to 1.

        :param machine: a model's answer.
        :param people: people's answer, as returned by :meth:`answer_in`.
        """

    @abstractmethod
    def label_by_machine(self, answer: Any, confidence: float, line: dict[str, Any], file: str) -> ObjectLabel:
        """The label for a model's answer.

        :param confidence: the expected agreement with people, 0 to 1.
        :param file: the name, without extension, of the label's file, if it needs one.
        :raises ValueError: if the object's data is missing.
        """

    def group(self, answer: Any) -> Any:
        """The class of an answer; None for kinds whose answers are not a class."""
        return None


KINDS: Final[dict[str, type[Kind]]] = {}
"""The kind of each task type that the service runs, by the task type's name."""

K = TypeVar("K", bound=Kind)


def runs(*task_types: str) -> Callable[[type[K]], type[K]]:
    """Decorate a kind with the task types that it runs.

    :param task_types: their names, as in ``groundtruth/task_types.py``.
    :raises ValueError: if a task type is unknown, or another kind already runs it.
    """

    def register(kind: type[K]) -> type[K]:
        for name in task_types:
            if name not in TASK_TYPES or name in KINDS:
                raise ValueError(f"{kind.__name__} can't run {name!r}: " + ("taken" if name in KINDS else "unknown"))
            KINDS[name] = kind
        return kind

    return register


def shown(value: Any) -> str:
    """A user's value for a message, cut to a readable length."""
    return repr(value[:_SHOWN]) if isinstance(value, str) else f"a {type(value).__name__}"

"""One training and its outcome: which objects the model may label, and which it is least sure about.

Nothing here uses the database. The same arguments give the same outcome.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from statistics import fmean
from typing import Any, Final, NamedTuple, TypeVar

from labeling_provider.service.failures import is_outage
from labeling_provider.service.kinds.kind import Learnable, ObjectLabel
from labeling_provider.service.learning.models import Model, ModelFailure, Prediction
from labeling_provider.service.learning.threshold import Calibration, Judged, choose_threshold

T = TypeVar("T")

_BATCH: Final = 100
_MIN_OF_A_CLASS: Final = 2


class LearningSample(NamedTuple):
    """A data object for learning.

    :param line: its manifest line.
    :param answer: people's answer, as returned by :meth:`Learnable.answer_in`; None if it has no label.
    """

    object_id: int
    line: dict[str, Any]
    answer: Any = None


@dataclass
class Material:
    """The data for a training.

    :param examples: objects to learn from.
    :param validation: objects to measure the model on; they represent the unlabeled ones.
    :param taken: earlier validation objects, which represent objects that a model has labeled since.
    :param group_sizes: how many validation objects, including earlier ones, people have put into each class.
    """

    examples: list[LearningSample] = field(default_factory=list)
    validation: list[LearningSample] = field(default_factory=list)
    taken: list[Judged] = field(default_factory=list)
    unlabeled: list[LearningSample] = field(default_factory=list)
    group_sizes: Counter[Any] = field(default_factory=Counter)


@dataclass(frozen=True)
class TrainingOutcome:
    """The outcome of a training.

    :param model: the trained model; None if there was nothing to learn from.
    :param agreement: mean agreement with people on the validation objects, 0 to 1; None if there are none.
    :param threshold: the lowest score at which the model may label an object; None if it may label none.
    :param scores: how sure the model is of each unlabeled object, by object id; unreadable objects are missing.
    :param judged: the model's results on the validation objects, by object id.
    """

    model: Model | None
    agreement: float | None
    threshold: float | None
    scores: dict[int, float]
    judged: dict[int, Judged]

    def confidence(self) -> Callable[[float], float]:
        """A function from a score to the expected agreement with people, 0 to 1."""
        return Calibration(list(self.judged.values())).confidence


class Learner:
    """Trains models for one job.

    :param new_model: creates a model that has not learned anything in this job yet.
    :param kind: the job's kind of task.
    :param fetch: returns the data of a manifest line, bytes or text; raises ValueError if it is missing.
    """

    def __init__(
        self, new_model: Callable[[], Model], kind: Learnable, fetch: Callable[[dict[str, Any]], bytes | str]
    ) -> None:
        self.kind = kind
        self._new_model, self._fetch = new_model, fetch
        self._reader = new_model()
        self._kept: dict[int, Any] = {}

    def _input(self, sample: LearningSample) -> Any | None:
        """The model's input for an object; None if it can't be read."""
        if sample.object_id in self._kept:
            return self._kept[sample.object_id]
        try:
            data = self._fetch(sample.line)
            model_input = _guarded(self._reader.read, data)
        except ValueError:
            model_input = None
        if len(self._kept) < self._reader.max_kept:
            self._kept[sample.object_id] = model_input
        return model_input

    def predictions(
        self, model: Model, samples: Sequence[LearningSample]
    ) -> Iterator[tuple[LearningSample, Prediction]]:
        """A model's predictions for those objects that can be read.

        :raises ModelFailure: if the model fails, or does not give each object a finite score.
        """
        for start in range(0, len(samples), _BATCH):
            pairs = [(sample, self._input(sample)) for sample in samples[start : start + _BATCH]]
            readable = [(sample, model_input) for sample, model_input in pairs if model_input is not None]
            if readable:
                predictions = _guarded(model.predict, [model_input for _, model_input in readable])
                if len(predictions) != len(readable) or not all(
                    math.isfinite(prediction.score) for prediction in predictions
                ):
                    raise ModelFailure(f"{type(model).__name__}.predict did not give each object a finite score")
                yield from zip((sample for sample, _ in readable), predictions, strict=True)

    def label(self, sample: LearningSample, prediction: Prediction, confidence: float, file: str) -> ObjectLabel:
        """The label for a model's prediction.

        :param confidence: the expected agreement with people, 0 to 1.
        :param file: the name, without extension, of the label's file, if it needs one.
        :raises ValueError: if the object's data is missing.
        :raises ModelFailure: if the prediction can't be used.
        """
        return _guarded(self.kind.label_by_machine, prediction.answer, confidence, sample.line, file)

    def train(self, material: Material, *, patient: bool = True) -> TrainingOutcome:
        """Train a model and determine what it may label.

        :param patient: whether the model may label only once it has learned every class among the validation objects.
        :raises ModelFailure: if the model fails.
        """
        pairs = [
            (model_input, sample.answer)
            for sample in material.examples
            if (model_input := self._input(sample)) is not None
        ]
        if not pairs:
            return TrainingOutcome(None, None, None, {}, {})
        model = self._new_model()
        answers = self.kind.opened([answer for _, answer in pairs])
        _guarded(model.train, [model_input for model_input, _ in pairs], answers)
        judged, named = {}, set()
        for sample, prediction in self.predictions(model, material.validation):
            group = self.kind.group(sample.answer)
            agreement = _guarded(self.kind.agreement, prediction.answer, sample.answer)
            judged[sample.object_id] = Judged(float(prediction.score), agreement, group)
            named.add(self.kind.group(prediction.answer))
        scores = {
            sample.object_id: float(prediction.score)
            for sample, prediction in self.predictions(model, material.unlabeled)
        }
        results = list(judged.values())
        threshold = choose_threshold(results, material.taken, material.group_sizes, self.kind.promised)
        counts = Counter(result.group for result in results)
        common = {group for group, count in counts.items() if count >= _MIN_OF_A_CLASS}
        if patient and common - named - {None}:
            # The model does not know one of the classes yet, and would label its objects wrongly.
            threshold = None
        mean = fmean(result.agreement for result in results) if results else None
        return TrainingOutcome(model, mean, threshold, scores, judged)


def _guarded(call: Callable[..., T], *arguments: Any) -> T:
    """Call a model, or a function that uses its answers. Models may be the user's own and raise anything.

    :raises ValueError: if the call raises it; it is about the object.
    :raises ModelFailure: for any other exception.
    :raises InterruptedError: if the result is no longer wanted.
    :raises Exception: for which the job waits, if the database or S3 is away.
    """
    try:
        return call(*arguments)
    except (ValueError, ModelFailure, InterruptedError):
        raise
    except (Exception, SystemExit) as error:
        if is_outage(error):
            raise
        raise ModelFailure(f"{call.__qualname__} failed with {type(error).__name__}: {error}") from error

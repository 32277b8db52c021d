"""One training and what comes of it: which objects the model may label, and which it knows least about.

Nothing here touches the database; the same arguments give the same outcome.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from statistics import fmean
from typing import Any, Final, NamedTuple, TypeVar

from labeling_provider.service.kinds.kind import Label, Learnable
from labeling_provider.service.learning.models import Model, ModelFailure, Prediction
from labeling_provider.service.learning.threshold import Calibration, Judged, choose_threshold

T = TypeVar("T")

_BATCH: Final = 100
_FEWEST_OF_A_CLASS: Final = 2


class DataObject(NamedTuple):
    """A data object.

    :param answer: what people have said about it, as :class:`Learnable` keeps it; None if it has no label.
    """

    object_id: int
    line: dict[str, Any]
    answer: Any = None


@dataclass
class Material:
    """What a training has to go on.

    :param examples: objects to learn from.
    :param validation: objects to measure on, which stand for the unlabeled ones.
    :param taken: earlier validation objects whose like was labeled by machine.
    :param group_sizes: how many validation objects, earlier ones included, people have put into each class.
    """

    examples: list[DataObject] = field(default_factory=list)
    validation: list[DataObject] = field(default_factory=list)
    taken: list[Judged] = field(default_factory=list)
    unlabeled: list[DataObject] = field(default_factory=list)
    group_sizes: Counter[Any] = field(default_factory=Counter)


@dataclass(frozen=True)
class Outcome:
    """What a training has come to.

    :param model: as trained; None if there was nothing to learn from.
    :param agreement: mean agreement with people on the validation objects, 0 to 1; None without any.
    :param threshold: the score from which on the model may label; None if it may not.
    :param scores: how sure it is of each object without a label; objects that can't be read are missing.
    :param judged: what it has said about the validation objects, by object id.
    """

    model: Model | None
    agreement: float | None
    threshold: float | None
    scores: dict[int, float]
    judged: dict[int, Judged]

    def confidence(self) -> Callable[[float], float]:
        """From a score to the agreement with people that is to be expected."""
        return Calibration(list(self.judged.values())).confidence


class Learner:
    """Trains models of one job.

    :param new_model: makes a model that has not learned anything in this job yet.
    :param kind: what is asked.
    :param fetch: the data of a manifest line, bytes or text.
        Raises ValueError if there is none.
    """

    def __init__(
        self, new_model: Callable[[], Model], kind: Learnable, fetch: Callable[[dict[str, Any]], bytes | str]
    ) -> None:
        self.kind = kind
        self._new_model, self._fetch = new_model, fetch
        self._reader = new_model()
        self._kept: dict[int, Any] = {}

    def _input(self, one: DataObject) -> Any | None:
        """What a model works on; None if the object can't be read."""
        if one.object_id in self._kept:
            return self._kept[one.object_id]
        try:
            data = self._fetch(one.line)
            found = _asked(self._reader.read, data)
        except ValueError:
            found = None
        if len(self._kept) < self._reader.most_kept:
            self._kept[one.object_id] = found
        return found

    def predictions(self, model: Model, objects: Sequence[DataObject]) -> Iterator[tuple[DataObject, Prediction]]:
        """What a model says about those of some objects that can be read."""
        for start in range(0, len(objects), _BATCH):
            pairs = [(one, self._input(one)) for one in objects[start : start + _BATCH]]
            readable = [(one, read) for one, read in pairs if read is not None]
            if readable:
                found = _asked(model.predict, [read for _, read in readable])
                if len(found) != len(readable) or not all(math.isfinite(said.score) for said in found):
                    raise ModelFailure(f"{type(model).__name__}.predict has not given each object a finite score")
                yield from zip((one for one, _ in readable), found, strict=True)

    def label(self, one: DataObject, said: Prediction, confidence: float, file: str) -> Label:
        """The label for what a model has said.

        :param file: name of a file beside the label, without an ending, if it needs one.
        :raises ValueError: if the object is gone.
        """
        return _asked(self.kind.label_by_machine, said.answer, confidence, one.line, file)

    def train(self, material: Material, *, patient: bool = True) -> Outcome:
        """Train a model and find out what it may label.

        :param patient: wait for examples of every class that the validation objects show.
        """
        pairs = [(read, one.answer) for one in material.examples if (read := self._input(one)) is not None]
        if not pairs:
            return Outcome(None, None, None, {}, {})
        model = self._new_model()
        _asked(model.train, [read for read, _ in pairs], self.kind.opened([answer for _, answer in pairs]))
        judged, named = {}, set()
        for one, said in self.predictions(model, material.validation):
            group = self.kind.group(one.answer)
            agreement = _asked(self.kind.agreement, said.answer, one.answer)
            judged[one.object_id] = Judged(float(said.score), agreement, group)
            named.add(self.kind.group(said.answer))
        scores = {one.object_id: float(said.score) for one, said in self.predictions(model, material.unlabeled)}
        seen = list(judged.values())
        threshold = choose_threshold(seen, material.taken, material.group_sizes, self.kind.promised)
        shown = {group for group, size in Counter(one.group for one in seen).items() if size >= _FEWEST_OF_A_CLASS}
        if patient and shown - named - {None}:
            # It has not met a class yet that there is: it would give those objects to others.
            threshold = None
        return Outcome(model, fmean(one.agreement for one in seen) if seen else None, threshold, scores, judged)


def _asked(call: Callable[..., T], *arguments: Any) -> T:
    """Call a model, or something that works on its answers; a ValueError is about the object.

    :raises ModelFailure: for any other exception: models may be the user's own.
    :raises InterruptedError: if the answer is not wanted any more.
    """
    try:
        return call(*arguments)
    except (ValueError, ModelFailure, InterruptedError):
        raise
    except (Exception, SystemExit) as error:
        raise ModelFailure(f"{call.__qualname__} failed with {type(error).__name__}: {error}") from error

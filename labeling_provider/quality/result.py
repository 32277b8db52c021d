"""The result of measuring labels."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from labeling_provider.quality.adjustments import Adjustments

BINS: Final = 20
"""Number of bins in a histogram of confidence."""
MAX_REASONS: Final = 20
"""Most failure reasons, most reasons for leaving something out and most problems that are kept."""
OTHER_REASONS: Final = "for other reasons"


class Worker(NamedTuple):
    """A worker.

    :param answers: number of answers read.
    :param accuracy: mean agreement with the consolidated labels, 0 to 1; None if no answer can be compared.
    :param median_seconds: median time spent on a task, in seconds; None if the answers do not say.
    :param adjusted: in an adjustment, the number of labels that the worker has changed.
    :param adjustment_iou: mean IoU of these changed labels with those before, 0 to 1; None if none can be compared.
    """

    worker_id: str
    answers: int
    accuracy: float | None
    median_seconds: float | None
    adjusted: int = 0
    adjustment_iou: float | None = None


class Sample(NamedTuple):
    """An object for people to review: its line, and the confidence of its label."""

    line: dict[str, Any]
    confidence: float


@dataclass
class Share:
    """The labels by people, or those by machine.

    The two confidences cannot be compared: for people it is how far workers agree, for a machine the model's own
    estimate.

    :param labels: number of labels.
    :param rated: number of labels with a confidence.
    :param confidence: sum of the confidences; a label with several has the lowest.
    :param histogram: number of labels by confidence, in 20 bins from 0 to 1.
    :param golden: number of golden objects among them that can be compared.
    :param near: sum of their agreement with the golden labels, 0 to 1 each.
    """

    labels: int = 0
    rated: int = 0
    confidence: float = 0.0
    histogram: list[int] = field(default_factory=lambda: [0] * BINS)
    golden: int = 0
    near: float = 0.0

    def rate(self, confidence: float) -> None:
        """Add a label's confidence, 0 to 1."""
        self.rated += 1
        self.confidence += confidence
        self.histogram[min(max(int(confidence * BINS), 0), BINS - 1)] += 1

    @property
    def mean_confidence(self) -> float | None:
        """Mean confidence, 0 to 1; None if no label has one."""
        return self.confidence / self.rated if self.rated else None

    @property
    def golden_accuracy(self) -> float | None:
        """Mean agreement with the golden labels, 0 to 1; None if there are none."""
        return self.near / self.golden if self.golden else None


@dataclass
class Quality:
    """The measured quality of labels.

    :param objects: number of lines in the manifest.
    :param labeled: number of lines with the label.
    :param failed: number of objects that a job gave up on.
    :param people: the labels by people.
    :param machine: the labels by machine.
    :param classes: number of objects by class.
    :param golden_apart: number of labeled objects with the source of a golden object but a different value in another
        key. They count as other objects, unless ``object_keys`` leaves that key out.
    :param id_switches: how often an object of the golden labels switches its partner here; None if no golden label
        tracks objects.
    :param agreement: Krippendorff's alpha of the workers' answers; None if no object has two that can be compared.
    :param answers: number of answers read.
    :param answered: number of objects with answers; not all of these need have been read.
    :param workers: the workers, by number of answers, largest first.
    :param reasons: failure reasons and their counts.
    :param unreadable: number of labels and answers that can't be read.
    :param problems: the reasons for the first of those.
    :param uncompared: number of labels and answers left out of the comparisons, by reason.
    :param samples: the objects with the least confident labels.
    :param relabel: number of objects written to the manifest of a follow-up round.
    :param adjustments: what an adjustment has changed; None if the labels are not compared with earlier ones.
    """

    objects: int = 0
    labeled: int = 0
    failed: int = 0
    people: Share = field(default_factory=Share)
    machine: Share = field(default_factory=Share)
    classes: Counter[str] = field(default_factory=Counter)
    golden_apart: int = 0
    id_switches: int | None = None
    agreement: float | None = None
    answers: int = 0
    answered: int = 0
    workers: list[Worker] = field(default_factory=list)
    reasons: Counter[str] = field(default_factory=Counter)
    unreadable: int = 0
    problems: list[str] = field(default_factory=list)
    uncompared: Counter[str] = field(default_factory=Counter)
    samples: list[Sample] = field(default_factory=list)
    relabel: int = 0
    adjustments: Adjustments | None = None

    @property
    def mean_confidence(self) -> float | None:
        """Mean confidence of the labels by people, 0 to 1; None if none has one."""
        return self.people.mean_confidence

    @property
    def golden(self) -> int:
        """Number of golden objects whose label here can be compared."""
        return self.people.golden + self.machine.golden

    @property
    def golden_accuracy(self) -> float | None:
        """Mean agreement with the golden labels, 0 to 1; None if there are none."""
        return (self.people.near + self.machine.near) / self.golden if self.golden else None

    @property
    def unlabeled(self) -> int:
        """Number of objects that are not labeled yet."""
        return self.objects - self.labeled - self.failed

    @property
    def labeled_share(self) -> float | None:
        """Share of the objects that have the label, 0 to 1; None if there are no objects."""
        return self.labeled / self.objects if self.objects else None

    @property
    def class_share(self) -> float | None:
        """Share of the labeled objects that have the rarest class, 0 to 1; None if nothing is labeled."""
        return min(self.classes.values(), default=0) / self.labeled if self.labeled else None

    @property
    def worker_accuracy(self) -> float | None:
        """Accuracy of the worst worker, 0 to 1; None if no worker has one."""
        return min((worker.accuracy for worker in self.workers if worker.accuracy is not None), default=None)

    def fail(self, reason: str) -> None:
        """Count an object that a job gave up on."""
        self.failed += 1
        _count(self.reasons, reason)

    def leave_out(self, reason: str) -> None:
        """Count something that can't be compared, such as ``golden labels without …``."""
        _count(self.uncompared, reason)

    def note(self, problem: str) -> None:
        """Count a label or an answer that can't be read."""
        self.unreadable += 1
        if len(self.problems) < MAX_REASONS:
            self.problems.append(problem)


def _count(reasons: Counter[str], reason: str) -> None:
    """Count a reason. They come from outside, so the number of different ones is limited."""
    reasons[reason if reason in reasons or len(reasons) < MAX_REASONS else OTHER_REASONS] += 1

"""Measures labels: how many there are, of which classes, how sure, and what the workers' answers tell."""

from __future__ import annotations

import heapq
from array import array
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import islice
from statistics import median
from typing import Any, Final, NamedTuple

from labeling_provider.errors import LabelingError
from labeling_provider.groundtruth.objects import ObjectKeys
from labeling_provider.manifest import (
    Files,
    LabeledLine,
    LabelError,
    parse_line,
    read_label,
    scan_labels,
    without_label,
)
from labeling_provider.quality.agreement import Agreement
from labeling_provider.quality.answers import Answer, AnswerFile, read_answers
from labeling_provider.quality.judgement import Judgement, judgement_of_answer, judgement_of_label

BINS: Final = 20
MAX_REASONS: Final = 20
_AT_ONCE: Final = 10
_TOGETHER: Final = 8 * _AT_ONCE
_MAX_GOLDEN: Final = 100_000
_MAX_REASON: Final = 300
_DIGITS: Final = 6
_MAX_SECONDS: Final = 10 * 366 * 86_400


class Worker(NamedTuple):
    """A worker.

    :param answers: how many were looked at.
    :param accuracy: mean of how near they are to the labels that came of all answers, 0 to 1; None if none can be
        compared.
    :param median_seconds: of the time spent on a task; None if it is not told.
    """

    worker_id: str
    answers: int
    accuracy: float | None
    median_seconds: float | None


class Sample(NamedTuple):
    """An object to be looked at by people: its line, and the confidence of its label."""

    line: dict[str, Any]
    confidence: float


@dataclass
class Share:
    """The labels by people, or those by machine. How sure the two say to be is not comparable: one is how far workers
    agree, the other what a model expects of itself.

    :param labels: how many.
    :param rated: how many have a confidence.
    :param confidence: the sum of it; of a label with several parts the least one counts.
    :param histogram: labels by confidence, in 20 bins from 0 to 1.
    :param golden: how many golden objects are among them that can be compared.
    :param near: the sum of how near these are to the golden labels, 0 to 1 each.
    """

    labels: int = 0
    rated: int = 0
    confidence: float = 0.0
    histogram: list[int] = field(default_factory=lambda: [0] * BINS)
    golden: int = 0
    near: float = 0.0

    def rate(self, confidence: float) -> None:
        """Take in a label's confidence."""
        self.rated += 1
        self.confidence += confidence
        self.histogram[min(max(int(confidence * BINS), 0), BINS - 1)] += 1

    @property
    def mean_confidence(self) -> float | None:
        """None if no label has a confidence."""
        return self.confidence / self.rated if self.rated else None

    @property
    def golden_accuracy(self) -> float | None:
        """Mean of how near the golden objects' labels are to the golden ones, 0 to 1; None if there are none."""
        return self.near / self.golden if self.golden else None


@dataclass
class Quality:
    """What was measured.

    :param objects: lines of the manifest.
    :param labeled: how many have the label.
    :param failed: on how many a job has tried and has not got one.
    :param people: the labels by people.
    :param machine: the labels by machine.
    :param classes: how many objects have each class.
    :param golden_apart: how many labeled objects have the source of a golden one, and differ in another key: they are
        other objects, unless ``object_keys`` names the keys that count.
    :param agreement: Krippendorff's alpha of the workers' answers; None if no object has two that can be compared.
    :param answers: how many answers were looked at.
    :param answered: how many objects have answers, of which a part may have been looked at.
    :param workers: the workers, the one with the most answers first.
    :param reasons: failure reasons and how often each was given, the most frequent ones.
    :param unreadable: labels and answers that are not of the shape that they should have.
    :param problems: what the first of those are.
    :param samples: objects whose labels are least sure.
    :param relabel: how many objects were written to the manifest of a further round.
    """

    objects: int = 0
    labeled: int = 0
    failed: int = 0
    people: Share = field(default_factory=Share)
    machine: Share = field(default_factory=Share)
    classes: Counter[str] = field(default_factory=Counter)
    golden_apart: int = 0
    agreement: float | None = None
    answers: int = 0
    answered: int = 0
    workers: list[Worker] = field(default_factory=list)
    reasons: Counter[str] = field(default_factory=Counter)
    unreadable: int = 0
    problems: list[str] = field(default_factory=list)
    samples: list[Sample] = field(default_factory=list)
    relabel: int = 0

    @property
    def mean_confidence(self) -> float | None:
        """Of the labels by people; None if none has a confidence."""
        return self.people.mean_confidence

    @property
    def golden(self) -> int:
        """How many golden objects have a label here that can be compared."""
        return self.people.golden + self.machine.golden

    @property
    def golden_accuracy(self) -> float | None:
        """Mean of how near these are to the golden labels, 0 to 1; None if there are none."""
        return (self.people.near + self.machine.near) / self.golden if self.golden else None

    @property
    def unlabeled(self) -> int:
        """Objects that wait for a label."""
        return self.objects - self.labeled - self.failed

    @property
    def labeled_share(self) -> float | None:
        """Share of the objects that have the label; None if there are no objects."""
        return self.labeled / self.objects if self.objects else None

    @property
    def class_share(self) -> float | None:
        """Share of the labeled objects that have the rarest class; None if nothing is labeled."""
        return min(self.classes.values(), default=0) / self.labeled if self.labeled else None

    @property
    def worker_accuracy(self) -> float | None:
        """Accuracy of the worst worker; None if none can be compared."""
        return min((one.accuracy for one in self.workers if one.accuracy is not None), default=None)

    def note(self, problem: str) -> None:
        """Count something that can't be read."""
        self.unreadable += 1
        if len(self.problems) < MAX_REASONS:
            self.problems.append(problem)


class Job(NamedTuple):
    """A labeling job whose workers' answers are looked at.

    :param manifest: its own output manifest, whose lines the answers are about.
    :param files: files of answers.
    :param answered: how many there are.
    """

    manifest: str
    files: Sequence[AnswerFile]
    answered: int


class _Tally:
    """What is known of a worker so far."""

    def __init__(self) -> None:
        self.answers = self.compared = 0
        self.near = 0.0
        self.seconds = array("d")

    def add(self, answer: Answer, judgement: Judgement | None, label: Judgement | None) -> None:
        self.answers += 1
        if answer.time_spent_in_seconds is not None and 0 <= answer.time_spent_in_seconds <= _MAX_SECONDS:
            self.seconds.append(answer.time_spent_in_seconds)
        if judgement is not None and label is not None:
            self.compared += 1
            self.near += 1 - judgement.distance(label)

    def worker(self, worker_id: str) -> Worker:
        accuracy = self.near / self.compared if self.compared else None
        return Worker(worker_id, self.answers, accuracy, median(self.seconds) if self.seconds else None)


class Measure:
    """Measures the labels of a manifest.

    :param files: reads the manifests and answers.
    :param label_attribute: the label.
    :param classes: names of all classes, so that one that no object has is seen; None for those that are found.
    :param samples: how many of the least sure objects to keep.
    :param object_keys: what tells objects apart, such as ``("source-ref", "page")``; None for all input keys.
    """

    def __init__(
        self,
        files: Files,
        label_attribute: str,
        classes: Sequence[str] | None = None,
        samples: int = 24,
        object_keys: Sequence[str] | None = None,
    ) -> None:
        self._files, self._attribute, self._samples = files, label_attribute, samples
        self._keys, self._objects = object_keys, ObjectKeys(object_keys, (label_attribute,))
        self._golden: dict[bytes, Judgement] = {}
        self._golden_sources: set[bytes] = set()
        self.quality = Quality()
        self.quality.classes.update(dict.fromkeys(classes or (), 0))

    def know_golden(self, manifest: str, label_attribute: str) -> None:
        """Take in objects whose labels are known to be right.

        :param manifest: their manifest.
        :param label_attribute: their label there: Ground Truth's, or in one's own data the name of a class, or several.
        :raises LabelingError: if the manifest can't be read, or has no label that can be compared, or too many.
        """
        # Whoever labels golden objects has them in the labeling job too, with their golden label as an input key.
        self._objects = ObjectKeys(self._keys, (self._attribute, label_attribute))
        found, lines = 0, scan_labels(self._files.lines(manifest), label_attribute, manifest)
        for _, line in lines:
            if not line.is_labeled:
                continue
            judgement = self._judgement(line.data, label_attribute, f"{manifest}, line {lines.number}")
            if judgement is not None:
                try:
                    self._golden[self._objects.digest(line.data)] = judgement
                except ValueError as error:
                    lines.refuse(str(error))
                self._golden_sources.add(line.source_digest())
                found += 1
            if len(self._golden) > _MAX_GOLDEN:
                raise LabelingError(f"{manifest} has more than {_MAX_GOLDEN:,} golden objects.")
        if not found:
            raise LabelingError(f"{manifest} has no label {label_attribute!r} that labels could be compared with.")

    def labels(self, manifest: str, relabel_below: float | None = None, relabel_to: str | None = None) -> None:
        """Measure the labels of a manifest.

        :param relabel_below: write the objects whose label is less sure than this, or that have none, to a manifest for
            a further round, without the label.
        :param relabel_to: that manifest; it is not written if there are none.
        :raises ManifestError: if lines are wrong.
        """
        quality, lines = self.quality, scan_labels(self._files.lines(manifest), self._attribute, manifest)
        least: list[tuple[float, int, bytes]] = []
        with ExitStack() as stack:
            again = None
            for raw, line in lines:
                quality.objects += 1
                confidence = self._confidence(line, f"{manifest}, line {lines.number}")
                if confidence is not None:
                    (quality.people if line.by_people else quality.machine).rate(confidence)
                    heapq.heappush(least, (-confidence, -lines.number, raw))
                    if len(least) > self._samples:
                        heapq.heappop(least)
                if line.is_labeled:
                    try:
                        self._label(line, f"{manifest}, line {lines.number}")
                    except ValueError as error:
                        lines.refuse(str(error))
                elif line.has_failed:
                    quality.failed += 1
                    self._failure(line)
                if relabel_below is None or relabel_to is None:
                    continue
                if not line.is_labeled or (confidence is not None and confidence < relabel_below):
                    if again is None:
                        again = stack.enter_context(self._files.writer(relabel_to))
                    again.write(without_label(raw, self._attribute))
                    quality.relabel += 1
        quality.samples = [
            Sample(parse_line(raw), -confidence) for confidence, _, raw in sorted(least, key=lambda one: one[:2])[::-1]
        ]

    def _confidence(self, line: LabeledLine, where: str) -> float | None:
        """A label's confidence, 0 to 1; what is none is told."""
        confidence = line.confidence
        if confidence is None or 0 <= round(confidence, _DIGITS) <= 1:
            return confidence
        self.quality.note(f"{where}: the confidence {confidence:g} is not between 0 and 1")
        return None

    def _label(self, line: LabeledLine, where: str) -> None:
        """Count a label, and how near it is to the golden one.

        :raises ValueError: in words for a person, if the line has none of the keys that tell objects apart.
        """
        quality = self.quality
        share = quality.people if line.by_people else quality.machine
        quality.labeled += 1
        share.labels += 1
        quality.classes.update(line.classes)
        golden = self._golden.get(self._objects.digest(line.data)) if self._golden else None
        quality.golden_apart += golden is None and line.source_digest() in self._golden_sources
        judgement = self._judgement(line.data, self._attribute, where) if golden is not None else None
        if golden is not None and judgement is not None:
            share.golden += 1
            share.near += 1 - judgement.distance(golden)

    def _judgement(self, line: Mapping[str, Any], attribute: str, where: str) -> Judgement | None:
        try:
            label = read_label(line, attribute)
        except LabelError as error:
            self.quality.note(f"{where}: {error}")
            return None
        return None if label is None else judgement_of_label(label)

    def _failure(self, line: LabeledLine) -> None:
        reason = str(line.metadata.failure_reason if line.metadata else "")[:_MAX_REASON]
        # Reasons come from outside: so many different ones are told, and all are counted as failed.
        if reason in self.quality.reasons or len(self.quality.reasons) < MAX_REASONS:
            self.quality.reasons[reason] += 1

    def answers(self, jobs: Iterable[Job]) -> None:
        """Measure what the workers of some jobs answered.

        Answers or labels that can't be read are counted and told.

        :raises ManifestError: if the manifest of a job can't be read.
        """
        agreement, workers = Agreement(), dict[str, _Tally]()
        for job in jobs:
            self.quality.answered += job.answered
            labels = self._labels_of(job)
            with ThreadPoolExecutor(_AT_ONCE) as pool:
                for start in range(0, len(job.files), _TOGETHER):
                    files = job.files[start : start + _TOGETHER]
                    for one, answers in zip(files, pool.map(self._read, files), strict=True):
                        if isinstance(answers, LabelingError):
                            self.quality.note(str(answers))
                            continue
                        self._compare(answers, labels.get(one.object_id), agreement, workers)
        self.quality.agreement = agreement.alpha
        tallies = sorted(workers.items(), key=lambda one: (-one[1].answers, one[0]))
        self.quality.workers = [tally.worker(worker_id) for worker_id, tally in tallies]

    def _read(self, file: AnswerFile) -> list[Answer] | LabelingError:
        try:
            return read_answers(self._files, file.uri)
        except LabelingError as error:
            return error

    def _compare(
        self,
        answers: Sequence[Answer],
        label: Judgement | None,
        agreement: Agreement,
        workers: dict[str, _Tally],
    ) -> None:
        judgements = []
        for answer in answers:
            judgement = judgement_of_answer(answer.answer_content)
            workers.setdefault(answer.worker_id, _Tally()).add(answer, judgement, label)
            self.quality.answers += 1
            if judgement is not None:
                judgements.append(judgement)
        agreement.add(judgements)

    def _labels_of(self, job: Job) -> Mapping[int, Judgement]:
        """The labels that came of the answers, by object id."""
        wanted = {one.object_id for one in job.files}
        found: dict[int, Judgement] = {}
        if not wanted:
            return found
        for number, raw in enumerate(islice(self._files.lines(job.manifest), max(wanted) + 1)):
            if number not in wanted:
                continue
            where = f"{job.manifest}, line {number + 1}"
            try:
                judgement = self._judgement(parse_line(raw), self._attribute, where)
            except ValueError as error:
                self.quality.note(f"{where}: {error}")
                continue
            if judgement is not None:
                found[number] = judgement
        return found

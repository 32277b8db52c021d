"""Measures labels: counts, classes, confidence, agreement with golden labels, and the workers' answers."""

from __future__ import annotations

import heapq
from array import array
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from itertools import islice
from statistics import median
from typing import Any, Final, NamedTuple

from labeling_provider.errors import LabelingError
from labeling_provider.groundtruth.objects import ObjectKeys
from labeling_provider.manifest import (
    Files,
    Label,
    LabeledLine,
    LabelError,
    parse_line,
    read_label,
    scan_labels,
    without_label,
)
from labeling_provider.quality.adjustments import (
    Adjustments,
    AnswerChange,
    Change,
    change_in_answer,
    is_adjusted,
    overlap_of_labels,
)
from labeling_provider.quality.agreement import Agreement
from labeling_provider.quality.judgement import Judgement
from labeling_provider.quality.reading import judgement_of_answer, judgement_of_label, why_not_compared
from labeling_provider.quality.result import Quality, Sample, Worker
from labeling_provider.quality.worker_responses import AnswerFile, RecordedAnswer, read_answers

_THREADS: Final = 10
_BATCH: Final = 8 * _THREADS
_MAX_GOLDEN: Final = 100_000
_MAX_REASON: Final = 300
_DIGITS: Final = 6
_MAX_SECONDS: Final = 10 * 366 * 86_400


class AnsweredJob(NamedTuple):
    """A labeling job whose workers' answers are measured.

    :param manifest: its output manifest; the answers refer to its lines.
    :param files: the answer files to read, all or a sample.
    :param answered: number of all answer files.
    """

    manifest: str
    files: Sequence[AnswerFile]
    answered: int


class _Tally:
    """Running totals of a worker."""

    def __init__(self) -> None:
        self.answers = self.compared = self.adjusted = self.overlaps = 0
        self.near = self.overlap = 0.0
        self.seconds = array("d")

    def add(
        self, answer: RecordedAnswer, judgement: Judgement | None, label: Judgement | None, change: AnswerChange | None
    ) -> None:
        self.answers += 1
        if answer.time_spent_in_seconds is not None and 0 <= answer.time_spent_in_seconds <= _MAX_SECONDS:
            self.seconds.append(answer.time_spent_in_seconds)
        if judgement is not None and label is not None:
            self.compared += 1
            self.near += 1 - judgement.distance(label)
        if change is not None and change.is_changed:
            self.adjusted += 1
            if change.overlap is not None:
                self.overlaps += 1
                self.overlap += change.overlap

    def worker(self, worker_id: str) -> Worker:
        accuracy = self.near / self.compared if self.compared else None
        seconds = median(self.seconds) if self.seconds else None
        overlap = self.overlap / self.overlaps if self.overlaps else None
        return Worker(worker_id, self.answers, accuracy, seconds, self.adjusted, overlap)


class _ObjectLabels(NamedTuple):
    """An object's labels, as answers are compared with them.

    :param label: the consolidated label; None if there is none that can be read.
    :param before: the label before an adjustment; None if there is none.
    """

    label: Label | None
    before: Label | None


class _Compared(NamedTuple):
    """A worker's answer, and what it has changed in an adjustment."""

    answer: RecordedAnswer
    judgement: Judgement | None
    change: AnswerChange | None


class _ObjectAnswers(NamedTuple):
    """The answers about an object.

    :param label: the consolidated label; None if it can't be compared.
    :param problem: why the label's mask can't be read; empty if it can.
    :param uncompared: why the label can't be compared; empty if it can, or if there is none.
    """

    label: Judgement | None
    answers: list[_Compared]
    problem: str = ""
    uncompared: str = ""


class Measure:
    """Measures the labels of a manifest.

    :param files: reads manifests and answers.
    :param label_attribute: the label attribute to measure.
    :param classes: names of all classes, so that classes without objects are counted too; None for those that occur.
    :param samples: number of objects with the least confident labels to keep.
    :param object_keys: keys that identify an object, such as ``("source-ref", "page")``; None for all input keys.
    :param audited_attribute: for the labels of an adjustment, the label attribute with the labels before; None to
        compare with nothing.
    :ivar quality: the result.
    """

    def __init__(
        self,
        files: Files,
        label_attribute: str,
        classes: Sequence[str] | None = None,
        samples: int = 24,
        object_keys: Sequence[str] | None = None,
        audited_attribute: str | None = None,
    ) -> None:
        self._audited = audited_attribute
        self._measured = ""
        self._changed: list[tuple[int, bytes, Label, Label]] = []
        self._most_changed: list[tuple[float, int, bytes]] = []
        self._files, self._attribute, self._samples = files, label_attribute, samples
        self._keys, self._objects = object_keys, ObjectKeys(object_keys, (label_attribute,))
        self._golden: dict[bytes, Judgement] = {}
        self._golden_sources: set[bytes] = set()
        self._golden_found: set[bytes] = set()
        self.quality = Quality(adjustments=None if audited_attribute is None else Adjustments())
        self.quality.classes.update(dict.fromkeys(classes or (), 0))

    def add_golden(self, manifest: str, label_attribute: str) -> None:
        """Add golden objects: objects whose right label is known.

        :param manifest: their manifest.
        :param label_attribute: their label: one of Ground Truth's, or the name of a class or a list of names.
        :raises LabelingError: if the manifest can't be read, has no label that can be compared, or is too large.
        """
        # Golden objects are often in the labeling job, with the golden label in their line: it is not an input key.
        self._objects = ObjectKeys(self._keys, (self._attribute, label_attribute))
        count, lines = 0, scan_labels(self._files.lines(manifest), label_attribute, manifest)
        for _, line in lines:
            where = f"{manifest}, line {lines.number}"
            judgement = self._judgement(line.data, label_attribute, where, "golden labels")
            if judgement is not None:
                try:
                    digest = self._objects.digest(line.data)
                except ValueError as error:
                    lines.refuse(str(error))
                    continue
                if self._golden.get(digest, judgement) != judgement:
                    self.quality.leave_out("golden labels that a later line for the same object contradicts")
                self._golden[digest] = judgement
                self._golden_sources.add(line.source_digest())
                count += 1
            if len(self._golden) > _MAX_GOLDEN:
                raise LabelingError(f"{manifest} has more than {_MAX_GOLDEN:,} golden objects.")
        if not count:
            left_out = "".join(f" {number:,} {reason}." for reason, number in self.quality.uncompared.items())
            raise LabelingError(f"{manifest} has no label {label_attribute!r} to compare labels with.{left_out}")

    def labels(self, manifest: str, relabel_below: float | None = None, relabel_to: str | None = None) -> None:
        """Measure the labels of a manifest.

        :param relabel_below: write the objects with a confidence below this, and those without a label, to a manifest
            for a follow-up round, without the label.
        :param relabel_to: URI of that manifest; it is not written if there are no such objects.
        :raises ManifestError: if lines can't be read.
        """
        quality, lines = self.quality, scan_labels(self._files.lines(manifest), self._attribute, manifest)
        self._measured = manifest
        least_confident: list[tuple[float, int, bytes]] = []
        with ExitStack() as stack:
            relabel = None
            for raw, line in lines:
                quality.objects += 1
                confidence = self._confidence(line, f"{manifest}, line {lines.number}")
                if confidence is not None:
                    (quality.people if line.by_people else quality.machine).rate(confidence)
                    heapq.heappush(least_confident, (-confidence, -lines.number, raw))
                    if len(least_confident) > self._samples:
                        heapq.heappop(least_confident)
                if line.is_labeled:
                    try:
                        self._label(line, f"{manifest}, line {lines.number}")
                        self._adjustment(line, raw, lines.number)
                    except ValueError as error:
                        lines.refuse(str(error))
                elif line.has_failed:
                    quality.fail(str(line.metadata.failure_reason if line.metadata else "")[:_MAX_REASON])
                if relabel_below is None or relabel_to is None:
                    continue
                if not line.is_labeled or (confidence is not None and confidence < relabel_below):
                    if relabel is None:
                        relabel = stack.enter_context(self._files.writer(relabel_to))
                    relabel.write(without_label(raw, self._attribute))
                    quality.relabel += 1
        self._compare_changed()
        for _ in range(len(self._golden) - len(self._golden_found)):
            quality.leave_out("golden objects that are not among the labeled objects")
        # Line numbers are unique, so raw lines are never compared.
        quality.samples = [
            Sample(parse_line(raw), -confidence) for confidence, _, raw in sorted(least_confident, reverse=True)
        ]

    def _confidence(self, line: LabeledLine, where: str) -> float | None:
        """A label's confidence, 0 to 1; None if there is none, or if it is out of range, which is noted."""
        confidence = line.confidence
        if confidence is None or 0 <= round(confidence, _DIGITS) <= 1:
            return confidence
        self.quality.note(f"{where}: the confidence {confidence:g} is not between 0 and 1")
        return None

    def _label(self, line: LabeledLine, where: str) -> None:
        """Count a label, and compare it with the golden one.

        :raises ValueError: in words for people, if the line has none of the keys that identify an object.
        """
        quality = self.quality
        share = quality.people if line.by_people else quality.machine
        quality.labeled += 1
        share.labels += 1
        quality.classes.update(line.classes)
        digest = self._objects.digest(line.data) if self._golden else b""
        golden = self._golden.get(digest)
        if golden is not None:
            self._golden_found.add(digest)
        quality.golden_apart += golden is None and line.source_digest() in self._golden_sources
        judgement = None
        if golden is not None:
            judgement = self._judgement(line.data, self._attribute, where, "labels of golden objects")
        if golden is not None and judgement is not None:
            share.golden += 1
            difference = golden.difference(judgement)
            share.near += 1 - difference.distance
            if difference.id_switches is not None:
                quality.id_switches = (quality.id_switches or 0) + difference.id_switches
        if golden is not None and quality.adjustments is not None and self._audited is not None:
            before = self._judgement(line.data, self._audited, where, "earlier labels of golden objects")
            if before is not None:
                quality.adjustments.golden += 1
                quality.adjustments.golden_near += 1 - before.distance(golden)

    def _adjustment(self, line: LabeledLine, raw: bytes, number: int) -> None:
        """Count an adjusted label, and keep it for comparison if it was changed."""
        adjustments = self.quality.adjustments
        if adjustments is None or self._audited is None:
            return
        where = f"{self._measured}, line {number}"
        before, after = self._read(line.data, self._audited, where), self._read(line.data, self._attribute, where)
        if before is None or after is None:
            if line.data.get(self._audited) is None:
                self.quality.leave_out(f"adjusted labels without an earlier label {self._audited!r}")
            return
        is_changed = is_adjusted(after)
        if is_changed or (is_changed is None and before.value != after.value):
            adjustments.adjusted += 1
            self._changed.append((number, raw, before, after))
            if len(self._changed) >= _BATCH:
                self._compare_changed()
        else:
            adjustments.unadjusted += 1

    def _compare_changed(self) -> None:
        """Compare the changed labels that were kept with those before; masks are read from their files."""
        adjustments = self.quality.adjustments
        if adjustments is None:
            return
        with ThreadPoolExecutor(_THREADS) as pool:
            overlaps = list(pool.map(lambda changed: self._overlap(*changed[2:]), self._changed))
        for (number, raw, _, _), overlap in zip(self._changed, overlaps, strict=True):
            if isinstance(overlap, LabelingError):
                self.quality.note(f"{self._measured}, line {number}: {overlap}")
            elif isinstance(overlap, str):
                self.quality.leave_out(f"adjusted labels {overlap}")
            else:
                adjustments.compared += 1
                adjustments.near += overlap
                heapq.heappush(self._most_changed, (-overlap, -number, raw))
                if len(self._most_changed) > self._samples:
                    heapq.heappop(self._most_changed)
        self._changed.clear()
        adjustments.changes = [
            Change(parse_line(raw), -overlap, -number)
            for overlap, number, raw in sorted(self._most_changed, reverse=True)
        ]

    def _overlap(self, before: Label, after: Label) -> float | str | LabelingError:
        """IoU of two labels; why they can't be compared, or can't be read."""
        try:
            overlap = overlap_of_labels(self._files, before, after)
            if overlap is not None:
                return overlap
            return why_not_compared(after if judgement_of_label(before, self._files) else before)
        except LabelingError as error:
            return error

    def _read(self, line: Mapping[str, Any], attribute: str, where: str) -> Label | None:
        try:
            return read_label(line, attribute)
        except LabelError as error:
            self.quality.note(f"{where}: {error}")
            return None

    def _judgement(self, line: Mapping[str, Any], attribute: str, where: str, whose: str) -> Judgement | None:
        """The judgement in a line's label. If there is none to compare, this is counted.

        :param whose: which labels these are, in words.
        """
        if line.get(attribute) is None:
            self.quality.leave_out(f"{whose} that are missing")
            return None
        label = self._read(line, attribute, where)
        if label is None:
            return None
        try:
            judgement = judgement_of_label(label, self._files)
        except LabelingError as error:
            self.quality.note(f"{where}: {error}")
            return None
        if judgement is None:
            self.quality.leave_out(f"{whose} {why_not_compared(label)}")
        return judgement

    def answers(self, jobs: Iterable[AnsweredJob]) -> None:
        """Measure the workers' answers in some jobs. Answers and labels that can't be read are counted and noted.

        :raises ManifestError: if the manifest of a job can't be read.
        """
        agreement, workers = Agreement(), dict[str, _Tally]()
        for job in jobs:
            self.quality.answered += job.answered
            labels = self._labels_of(job)
            with ThreadPoolExecutor(_THREADS) as pool:
                for start in range(0, len(job.files), _BATCH):
                    files = job.files[start : start + _BATCH]
                    known = [labels.get(file.object_id, _ObjectLabels(None, None)) for file in files]
                    for file, answers in zip(files, pool.map(self._answers, files, known), strict=True):
                        if isinstance(answers, LabelingError):
                            self.quality.note(str(answers))
                            continue
                        if answers.problem:
                            self.quality.note(answers.problem)
                        if answers.uncompared:
                            self.quality.leave_out(f"labels of objects with answers {answers.uncompared}")
                        self._compare(answers, agreement, workers)
                        if job.manifest == self._measured:
                            self._note_workers(file.object_id, answers.answers)
        self.quality.agreement = agreement.alpha
        measured = [tally.worker(worker_id) for worker_id, tally in workers.items()]
        self.quality.workers = sorted(measured, key=lambda worker: (-worker.answers, worker.worker_id))

    def _answers(self, file: AnswerFile, known: _ObjectLabels) -> _ObjectAnswers | LabelingError:
        try:
            answers = [self._compared(answer, known) for answer in read_answers(self._files, file.uri)]
        except LabelingError as error:
            return error
        try:
            label = None if known.label is None else judgement_of_label(known.label, self._files)
        except LabelingError as error:
            return _ObjectAnswers(None, answers, str(error))
        uncompared = "" if known.label is None or label is not None else why_not_compared(known.label)
        return _ObjectAnswers(label, answers, uncompared=uncompared)

    def _compared(self, answer: RecordedAnswer, known: _ObjectLabels) -> _Compared:
        content, before = answer.answer_content, known.before
        change = None if before is None else change_in_answer(self._files, before, content)
        return _Compared(answer, judgement_of_answer(content), change)

    def _note_workers(self, object_id: int, answers: Sequence[_Compared]) -> None:
        """Remember who has changed an object's label."""
        changed = [answer.worker_id for answer, _, change in answers if change is not None and change.is_changed]
        if changed and self.quality.adjustments is not None:
            self.quality.adjustments.workers[object_id] = changed

    def _compare(self, object_answers: _ObjectAnswers, agreement: Agreement, workers: dict[str, _Tally]) -> None:
        judgements = []
        for answer, judgement, change in object_answers.answers:
            workers.setdefault(answer.worker_id, _Tally()).add(answer, judgement, object_answers.label, change)
            self.quality.answers += 1
            if judgement is not None:
                judgements.append(judgement)
            else:
                self.quality.leave_out("workers' answers that are malformed, too large, or of a kind not compared")
        agreement.add(judgements)

    def _labels_of(self, job: AnsweredJob) -> Mapping[int, _ObjectLabels]:
        """The labels of the objects with answers, by object id."""
        object_ids = {file.object_id for file in job.files}
        labels: dict[int, _ObjectLabels] = {}
        if not object_ids:
            return labels
        for number, raw in enumerate(islice(self._files.lines(job.manifest), max(object_ids) + 1)):
            if number not in object_ids:
                continue
            where = f"{job.manifest}, line {number + 1}"
            try:
                line = parse_line(raw)
            except ValueError as error:
                self.quality.note(f"{where}: {error}")
                continue
            before = None if self._audited is None else self._read(line, self._audited, where)
            labels[number] = _ObjectLabels(self._read(line, self._attribute, where), before)
        return labels

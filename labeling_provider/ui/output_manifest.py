"""Reads a job's output manifest for the pages: labels over time, failure reasons, and a page of objects."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from typing import Any, Final

from labeling_provider.errors import LabelingError
from labeling_provider.groundtruth.objects import LineState
from labeling_provider.groundtruth.uris import as_s3_uri
from labeling_provider.manifest import (
    Files,
    LabelError,
    LineProblem,
    ManifestError,
    parse_line,
    read_label,
    scan,
    scan_labels,
    without_label,
)

PAGE: Final = 24
MAX_PAGES: Final = 1_000
"""The last page; filters lead to the objects beyond it."""
MAX_POINTS: Final = 120
MAX_REASONS: Final = 20
MAX_PROBLEMS: Final = 5
MAX_REASON_CHARACTERS: Final = 300
MAX_CLASSES: Final = 200
MAX_CLASSES_COUNTED: Final = 10_000
MAX_CLASS_CHARACTERS: Final = 300


@dataclass(frozen=True)
class Wanted:
    """The filters and the page to show.

    :param state: labeled or failed.
    :param by: ``people``, ``machine`` or empty for both.
    :param class_name: only objects of this class; empty for all.
    :param below: only labels with a lower confidence, 0 to 1.
    :param page: from 1.
    """

    state: LineState = LineState.LABELED
    by: str = ""
    class_name: str = ""
    below: float = 1.01
    page: int = 1


@dataclass
class ShownObject:
    """An object on a page.

    :param number: number of its line, from 1.
    :param line: its line, parsed.
    :param label: its typed label; None if it failed or can't be read.
    :param problem: why it failed or can't be read.
    """

    number: int
    line: dict[str, Any]
    confidence: float | None
    label: Any = None
    by_people: bool = True
    problem: str = ""


@dataclass
class Labels:
    """What the manifest contains.

    :param points: hours since the first label, with the number of labels by then, total and by machine.
    :param classes: number of objects by class.
    :param reasons: number of failed objects by reason, with the first line.
    :param matching: number of objects that match the filters.
    :param shown: the objects on the page.
    :param unreadable: number of lines that can't be read.
    :param problems: what is wrong with the first of them.
    """

    points: list[tuple[float, int, int]] = field(default_factory=list)
    classes: Counter[str] = field(default_factory=Counter)
    reasons: dict[str, tuple[int, int]] = field(default_factory=dict)
    matching: int = 0
    shown: list[ShownObject] = field(default_factory=list)
    unreadable: int = 0
    problems: list[LineProblem] = field(default_factory=list)


def read_labels(files: Files, manifest: str, attribute: str, wanted: Wanted) -> Labels:
    """Read a manifest: once for the first page, twice for others, so that only one page of lines is kept in memory.

    :raises LabelingError: if it can't be read.
    """
    labels, dates, by_machine = Labels(), Counter[int](), Counter[int]()
    first = (wanted.page - 1) * PAGE
    least_confident: list[tuple[float, int, bytes]] = []
    scanned = scan_labels(files.lines(manifest), attribute, manifest, tolerant=True)
    for raw, line in scanned:
        try:
            classes = [name[:MAX_CLASS_CHARACTERS] for name in line.classes]
        except (ValueError, RecursionError) as error:
            scanned.refuse(f"{attribute}: {error}")
            continue
        if line.is_labeled:
            labels.classes.update(
                name for name in classes if name in labels.classes or len(labels.classes) < MAX_CLASSES_COUNTED
            )
            if line.metadata is not None and line.metadata.creation_date:
                second = _second(line.metadata.creation_date)
                dates[second] += 1
                by_machine[second] += not line.by_people
        elif line.has_failed and line.metadata is not None:
            reason = str(line.metadata.failure_reason)[:MAX_REASON_CHARACTERS]
            if reason in labels.reasons or len(labels.reasons) < MAX_REASONS:
                count, where = labels.reasons.get(reason, (0, scanned.number))
                labels.reasons[reason] = (count + 1, where)
        if _matches(line, classes, wanted):
            labels.matching += 1
            confidence = line.confidence
            rank = 2.0 if confidence is None else confidence
            heapq.heappush(least_confident, (-rank, -scanned.number, b"" if first else raw))
            if len(least_confident) > first + PAGE:
                heapq.heappop(least_confident)
    labels.unreadable, labels.problems = scanned.bad, scanned.problems[:MAX_PROBLEMS]
    labels.points = _burn_up(dates, by_machine)
    page = {-number: raw for _, number, raw in sorted(least_confident, reverse=True)[first:]}
    if first and page:
        page.update(_lines(files, manifest, page))
    labels.shown = [_shown(number, raw, attribute) for number, raw in page.items()]
    labels.classes = Counter(dict(labels.classes.most_common(MAX_CLASSES)))
    return labels


def _lines(files: Files, manifest: str, numbers: Collection[int]) -> Iterator[tuple[int, bytes]]:
    """Some lines of a manifest, each with its number from 1."""
    last = max(numbers)
    return ((number, raw) for number, raw in enumerate(islice(files.lines(manifest), last), 1) if number in numbers)


def named_by(files: Files, manifest: str, uris: Collection[str]) -> set[str]:
    """The subset of some data objects' URIs, ``s3://bucket/key``, that a manifest contains.

    :raises LabelingError: if it can't be read.
    """
    missing, named = set(uris), set[str]()
    if missing:
        for _, line in scan(files.lines(manifest), manifest, tolerant=True):
            if line.source_ref is not None and (uri := as_s3_uri(line.source_ref)) in missing:
                named.add(uri)
                missing.remove(uri)
                if not missing:
                    break
    return named


def _matches(line: Any, classes: Collection[str], wanted: Wanted) -> bool:
    if wanted.state == LineState.FAILED:
        return bool(line.has_failed)
    if not line.is_labeled or (wanted.by and line.by_people != (wanted.by == "people")):
        return False
    if wanted.class_name and wanted.class_name not in classes:
        return False
    confidence = line.confidence
    return wanted.below > 1 or (confidence is not None and confidence < wanted.below)


def _shown(number: int, raw: bytes, attribute: str) -> ShownObject:
    """An object read from its line, with the problem if there is one."""
    try:
        data = parse_line(raw)
        _, line = next(iter(scan_labels([raw], attribute)))
    except (ManifestError, ValueError) as error:
        return ShownObject(number, {}, None, problem=str(error)[:MAX_REASON_CHARACTERS])
    shown = ShownObject(number, data, line.confidence, by_people=line.by_people or not line.is_labeled)
    if line.has_failed and line.metadata is not None:
        shown.problem = str(line.metadata.failure_reason)[:MAX_REASON_CHARACTERS]
        return shown
    try:
        shown.label = read_label(data, attribute)
    except (LabelError, ValueError, OverflowError, RecursionError) as error:
        shown.problem = str(error)[:MAX_REASON_CHARACTERS]
    return shown


def _second(date: str) -> int:
    """A label's date in epoch seconds; 0 if it is not a date."""
    try:
        moment = datetime.fromisoformat(date)
        return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())
    except (ValueError, OverflowError):
        return 0


def _burn_up(dates: Counter[int], by_machine: Counter[int]) -> list[tuple[float, int, int]]:
    dates.pop(0, None)
    if not dates:
        return []
    start, total, machine, points = min(dates), 0, 0, []
    for second in sorted(dates):
        total, machine = total + dates[second], machine + by_machine[second]
        points.append(((second - start) / 3600, total, machine))
    step = max(len(points) // MAX_POINTS, 1)
    return [*points[:-1:step], points[-1]]


def without_labels(files: Files, manifest: str, attribute: str, numbers: set[int], to: str) -> int:
    """Write some lines of a manifest, without their label, for another job.

    :param numbers: numbers of the lines, from 1.
    :return: number of lines written.
    :raises LabelingError: if the manifest or one of the lines can't be read, or the manifest has none of the lines.
    """
    count = 0
    with files.writer(to) as sink:
        for number, raw in enumerate(files.lines(manifest), 1):
            if number in numbers:
                try:
                    sink.write(without_label(raw, attribute))
                except ValueError as error:
                    raise ManifestError(manifest, [LineProblem(number, 0, str(error))]) from None
                count += 1
                if count == len(numbers):
                    break
        if not count:
            raise LabelingError(f"{manifest} has none of the selected lines.")
    return count

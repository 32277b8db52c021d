"""What can be done with whole manifests: one pass each, in constant memory, from and to any place."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack, closing
from itertools import chain, islice
from typing import Final, NamedTuple, TypeVar

from labeling_provider.groundtruth.objects import ObjectKeys
from labeling_provider.manifest.export import Export, Exported
from labeling_provider.manifest.files import Files, Store
from labeling_provider.manifest.merge import Merge
from labeling_provider.manifest.scan import (
    LabeledLine,
    Line,
    ManifestReport,
    Scan,
    check_manifest,
    scan,
    scan_labels,
)
from labeling_provider.manifest.select import Filter, Known, Split

Place = str | os.PathLike[str]
AnyLine = TypeVar("AnyLine", bound=Line)
Key = TypeVar("Key", str, bool)
KEPT: Final = "kept"
LEFT: Final = "left"
_NOWHERE: Final = ""


class Part(NamedTuple):
    """A part of a manifest.

    :param objects: how many it has.
    :param classes: how many of them have each class of the label that was asked for.
    """

    objects: int
    classes: dict[str, int]


class Division(NamedTuple):
    """What a manifest was divided into.

    :param sets: what each set has.
    :param left_out: how many objects are in none.
    """

    sets: dict[str, Part]
    left_out: int


class Merged(Counter[str]):
    """What merging has come to.

    How many ``lines`` came in, how many were ``repeated``, and how many ``objects`` went out; with a job that wins, how
    many lines are ``preferred``: have a label of it; and ``undated``: how many labels have a date that can't be read.

    :ivar problems: where the first of those are.
    """

    problems: tuple[str, ...] = ()


class Manifests:
    """Checks, filters, divides and merges manifests.

    Every method takes local paths and ``s3://`` URIs, packed if the name ends with ``.gz``, and writes a line as the
    bytes that it was wherever nothing about it changes. A line that can't be read is an error, with everything that is
    wrong; then nothing is written. So the lines that come in are those that go out or are counted as left out.

    :param store: what reads and writes ``s3://``, such as ``LabelingHook()``; without it there are only local paths.
    """

    def __init__(self, store: Store | None = None) -> None:
        self.files = Files(store)

    def check(
        self, where: Place, *, label_attribute: str | None = None, data_key: str = "", metadata: bool = True
    ) -> ManifestReport:
        """Look at every line: counts, and all problems; see :func:`check_manifest`.

        :raises LabelingError: if the file can't be read.
        """
        lines = self.files.lines(where)
        return check_manifest(lines, data_key=data_key, label_attribute=label_attribute, metadata=metadata)

    def filter(
        self, where: Place, label_attribute: str, keep: Filter, to: Place, rest: Place | None = None
    ) -> Counter[str]:
        """Keep the lines whose label meets some conditions.

        :param rest: where to write the others; None to leave them out.
        :return: how many lines were ``kept`` and how many ``left``.
        :raises ManifestError: if lines are wrong.
        """
        targets = {True: to} if rest is None else {True: to, False: rest}
        return _kept(self._sort(self._labels(where, label_attribute), keep.rule(), targets))

    def split(
        self,
        where: Place,
        split: Split,
        to: Mapping[str, Place],
        label_attribute: str | None = None,
        keep: Filter | None = None,
    ) -> Division:
        """Divide a manifest into sets.

        :param to: where each set is written.
        :param label_attribute: count the classes of this label in each set.
        :param keep: divide only the lines whose label meets these conditions; the others are only counted.
        :raises ManifestError: if lines are wrong.
        :raises ValueError: if a set has no place, or there are conditions and no label attribute.
        """
        if missing := set(split.names) - to.keys():
            raise ValueError(f"there is no place for the sets {sorted(missing)}")
        classes = {name: Counter[str]() for name in split.names}
        if label_attribute is None:
            if keep is not None:
                raise ValueError("a filter needs a label attribute")
            objects = self._sort(self._lines(where), split, to)
        else:
            keeps = (keep or Filter()).rule()

            def part(line: LabeledLine) -> str:
                if not keeps(line):
                    return _NOWHERE
                name = split(line)
                count = classes[name]
                for one in line.classes:
                    count[one] += 1
                return name

            objects = self._sort(self._labels(where, label_attribute), part, to)
        sets = {name: Part(objects.get(name, 0), dict(count.most_common())) for name, count in classes.items()}
        return Division(sets, objects.get(_NOWHERE, 0))

    def new(
        self,
        where: Place,
        known: Iterable[Place],
        to: Place,
        label_attribute: str | None = None,
        most: int | None = None,
        object_keys: Sequence[str] | None = None,
    ) -> Counter[str]:
        """Keep the objects that are in none of some other manifests.

        :param known: those manifests.
        :param label_attribute: only objects that have this label there count as known.
        :param most: keep so many at most, the first ones.
        :param object_keys: what tells objects apart, such as ``("source-ref", "page")``; None for all input keys.
        :return: how many lines were ``kept`` and how many ``left``.
        :raises ManifestError: if lines are wrong.
        """
        keys = _keys(object_keys, label_attribute)
        with closing(self.known(known, label_attribute, object_keys)) as objects:
            kept = 0

            def is_new(line: Line) -> bool:
                nonlocal kept
                new = keys.digest(line.data) not in objects and (most is None or kept < most)
                kept += new
                return new

            return _kept(self._sort(self._lines(where), is_new, {True: to}))

    def known(
        self,
        manifests: Iterable[Place],
        label_attribute: str | None = None,
        object_keys: Sequence[str] | None = None,
    ) -> Known:
        """The objects of some manifests; to be closed in the end.

        :param label_attribute: only objects that have this label.
        :param object_keys: what tells objects apart; None for all input keys.
        :raises ManifestError: if lines are wrong.
        """
        keys = _keys(object_keys, label_attribute)
        with ExitStack() as stack:
            objects = stack.enter_context(closing(Known()))
            for place in manifests:
                lines = self._lines(place)
                for _, line in lines:
                    if label_attribute is None or label_attribute in line.data:
                        try:
                            objects.add(keys.digest(line.data))
                        except ValueError as error:
                            lines.refuse(str(error))
            stack.pop_all()
            return objects

    def deduplicate(
        self,
        where: Place,
        to: Place,
        label_attribute: str | None = None,
        object_keys: Sequence[str] | None = None,
    ) -> Counter[str]:
        """Keep the first line of each object.

        :param label_attribute: a label that lines may have without metadata, so that it is not taken for an input key.
        :param object_keys: what tells objects apart, such as ``("source-ref", "page")``; None for all input keys.
        :return: how many lines were ``kept`` and how many ``left``.
        :raises ManifestError: if lines are wrong.
        """
        keys = _keys(object_keys, label_attribute)
        with closing(Known()) as objects:

            def is_first(line: Line) -> bool:
                return objects.add(keys.digest(line.data))

            return _kept(self._sort(self._lines(where), is_first, {True: to}))

    def shard(self, where: Place, size: int, to: Callable[[int], Place]) -> dict[str, int]:
        """Cut a manifest into several, each of at most so many lines, in order; those before a bad line are written.

        :param to: the place of each, which counts from 1.
        :return: the places, and how many lines each has.
        :raises ManifestError: if lines are wrong.
        """
        return self.write_shards((raw for raw, _ in self._lines(where)), size, to)

    def write_shards(self, lines: Iterable[bytes], size: int, to: Callable[[int], Place]) -> dict[str, int]:
        """Write lines to several places, as :meth:`shard` does with those of a manifest."""
        counts: dict[str, int] = {}
        rest = iter(lines)
        while (first := next(rest, None)) is not None:
            place, written = to(len(counts) + 1), 0
            with self.files.writer(place) as sink:
                for line in chain((first,), islice(rest, size - 1)):
                    sink.write(line)
                    written += 1
            counts[os.fspath(place)] = written
        return counts

    def merge(
        self,
        manifests: Iterable[Place],
        to: Place,
        job: str | None = None,
        object_keys: Sequence[str] | None = None,
    ) -> Merged:
        """Put manifests together by object; see :class:`~labeling_provider.manifest.merge.Merge`.

        :param job: name of the labeling job whose labels win over newer ones, with or without ``labeling-job/``.
        :param object_keys: what tells objects apart, such as ``("source-ref", "page")``; None for all input keys.
        :raises ManifestError: if lines are wrong, or a class number has two meanings.
        """
        with closing(Merge(job, object_keys)) as merge:
            for place in manifests:
                merge.add(self.files.lines(place), os.fspath(place))
            self.files.write_all(to, merge)
            counts = Merged(lines=merge.lines, repeated=merge.repeated, objects=merge.lines - merge.repeated)
            if job:
                counts["preferred"] = merge.preferred
            if merge.undated:
                counts["undated"] = merge.undated
            counts.problems = tuple(merge.problems)
            return counts

    def export(
        self,
        sets: Mapping[str, Place],
        label_attribute: str,
        format_name: str,
        to: Place,
        *,
        classes: Sequence[str] | None = None,
        copy_pictures: bool = False,
        keep_formulas: bool = False,
    ) -> Exported:
        """Write labels in a format that trainings read. What can't be exported is left out, counted and told.

        :param sets: manifests by the name of their set, such as ``train``.
        :param format_name: one of :data:`~labeling_provider.manifest.export.FORMATS`.
        :param to: the folder.
        :param classes: names of all classes in the order of their numbers; None for the numbers of the labeling jobs.
        :param copy_pictures: copy the pictures into the folder too, for the formats that have a place for them.
        :param keep_formulas: for ``csv``, leave texts as they are that a spreadsheet would reckon as formulas; by
            default an apostrophe is put before them.
        :raises LabelingError: if a manifest can't be read, or a file can't be written.
        :raises ValueError: if there is no such format, an option is of another format, or the format's readers don't
            take the name of a set.
        """
        export = Export(
            self.files,
            os.fspath(to),
            format_name,
            classes=classes,
            copy_pictures=copy_pictures,
            keep_formulas=keep_formulas,
        )
        return export.run({name: os.fspath(place) for name, place in sets.items()}, label_attribute)

    def _lines(self, where: Place) -> Scan[Line]:
        return scan(self.files.lines(where), os.fspath(where))

    def _labels(self, where: Place, label_attribute: str) -> Scan[LabeledLine]:
        return scan_labels(self.files.lines(where), label_attribute, os.fspath(where))

    def _sort(self, lines: Scan[AnyLine], rule: Callable[[AnyLine], Key], to: Mapping[Key, Place]) -> dict[Key, int]:
        """Write each line where a rule says; a part without a place is only counted."""
        if len({os.fspath(place) for place in to.values()}) < len(to):
            raise ValueError(f"two parts can't be written to one place: {dict(to)}")
        counts: dict[Key, int] = {}
        with ExitStack() as stack:
            writes = {part: stack.enter_context(self.files.writer(place)).write for part, place in to.items()}
            for raw, line in lines:
                try:
                    part = rule(line)
                except ValueError as error:
                    lines.refuse(str(error))
                    continue
                counts[part] = counts.get(part, 0) + 1
                if part in writes:
                    writes[part](raw)
        return counts


def _kept(counts: Mapping[bool, int]) -> Counter[str]:
    return Counter({KEPT: counts.get(True, 0), LEFT: counts.get(False, 0)})


def _keys(object_keys: Sequence[str] | None, label_attribute: str | None) -> ObjectKeys:
    return ObjectKeys(object_keys, () if label_attribute is None else (label_attribute,))

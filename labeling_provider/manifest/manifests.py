"""Operations on whole manifests: one pass each, in constant memory, on local and S3 files."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from itertools import chain, islice
from typing import Any, Final, NamedTuple, TypeVar

from labeling_provider.groundtruth.objects import ObjectKeys
from labeling_provider.manifest.export import Export, Exported
from labeling_provider.manifest.files import Files, Store
from labeling_provider.manifest.former_names import renamed
from labeling_provider.manifest.merge import Merge
from labeling_provider.manifest.scan import (
    AnyLine,
    LabeledLine,
    Line,
    ManifestReport,
    Scan,
    check_manifest,
    scan,
    scan_labels,
)
from labeling_provider.manifest.select import Filter, Known, Split
from labeling_provider.manifest.typed_labels import LabelError, read_label

LocalPath = str | os.PathLike[str]
Key = TypeVar("Key", str, bool)
KEPT: Final = "kept"
LEFT: Final = "left"
_NOWHERE: Final = ""


class Part(NamedTuple):
    """A part of a manifest.

    :param objects: number of objects.
    :param classes: number of objects by class, if a label attribute was given.
    """

    objects: int
    classes: dict[str, int]


class Division(NamedTuple):
    """The result of splitting a manifest.

    :param sets: the sets by name.
    :param left_out: number of objects in no set.
    """

    sets: dict[str, Part]
    left_out: int


class Merged(Counter[str]):
    """The counts of a merge.

    ``lines`` read, lines of ``repeated`` objects, and ``objects`` written. With a preferred job, ``preferred`` lines
    with a label from that job; with adjustments, ``adjusted`` labels that replace the ones they adjust. If there are
    any, ``undated`` labels, whose date can't be read.

    :ivar problems: the places of the first undated labels.
    """

    problems: tuple[str, ...] = ()


class Manifests:
    """Checks, filters, splits and merges manifests.

    Every method takes local paths and ``s3://`` URIs, gzipped if the name ends with ``.gz``. Lines that do not change
    are written byte for byte. If lines can't be read, one error lists what is wrong and nothing is written. So every
    line read is either written or counted as left out.

    :param store: access to ``s3://`` URIs, such as ``LabelingHook()``; without it only local paths work.
    """

    def __init__(self, store: Store | None = None) -> None:
        self.files = Files(store)

    def check(
        self, where: LocalPath, *, label_attribute: str | None = None, data_key: str = "", metadata: bool = True
    ) -> ManifestReport:
        """Check every line, and count; see :func:`check_manifest`.

        :raises LabelingError: if the file can't be read.
        """
        lines = self.files.lines(where)
        return check_manifest(lines, data_key=data_key, label_attribute=label_attribute, metadata=metadata)

    def filter(
        self, where: LocalPath, label_attribute: str, keep: Filter, to: LocalPath, rest: LocalPath | None = None
    ) -> Counter[str]:
        """Keep the lines whose label meets the conditions.

        :param rest: where to write the other lines; None to drop them.
        :return: number of lines ``kept`` and ``left``.
        :raises ManifestError: if lines can't be read.
        """
        targets = {True: to} if rest is None else {True: to, False: rest}
        return _kept(self._sort(self._labels(where, label_attribute), keep.rule(), targets))

    def split(
        self,
        where: LocalPath,
        split: Split,
        to: Mapping[str, LocalPath],
        label_attribute: str | None = None,
        keep: Filter | None = None,
    ) -> Division:
        """Split a manifest into sets.

        :param to: where to write each set, by name.
        :param label_attribute: count this label's classes in each set.
        :param keep: split only the lines whose label meets these conditions; the others are only counted.
        :raises ManifestError: if lines can't be read.
        :raises ValueError: if a set is missing in ``to``, or there are conditions but no label attribute.
        """
        if missing := set(split.names) - to.keys():
            raise ValueError(f"there is no place to write the sets {sorted(missing)}; name them in to")
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
                for class_name in line.classes:
                    count[class_name] += 1
                return name

            objects = self._sort(self._labels(where, label_attribute), part, to)
        sets = {name: Part(objects.get(name, 0), dict(count.most_common())) for name, count in classes.items()}
        return Division(sets, objects.get(_NOWHERE, 0))

    @renamed(most="max_objects")
    def new(
        self,
        where: LocalPath,
        known: Iterable[LocalPath],
        to: LocalPath,
        label_attribute: str | None = None,
        max_objects: int | None = None,
        object_keys: Sequence[str] | None = None,
    ) -> Counter[str]:
        """Keep the objects that are in none of the known manifests.

        :param known: the manifests of known objects.
        :param label_attribute: only objects with this label count as known.
        :param max_objects: the largest number of objects to keep; the first ones win.
        :param object_keys: keys that identify an object, such as ``("source-ref", "page")``; None for all input keys.
        :return: number of lines ``kept`` and ``left``.
        :raises ManifestError: if lines can't be read.
        """
        keys = _keys(object_keys, label_attribute)
        with closing(self.known(known, label_attribute, object_keys)) as objects:
            kept = 0

            def is_new(line: Line) -> bool:
                nonlocal kept
                new = keys.digest(line.data) not in objects and (max_objects is None or kept < max_objects)
                kept += new
                return new

            return _kept(self._sort(self._lines(where), is_new, {True: to}))

    def known(
        self,
        manifests: Iterable[LocalPath],
        label_attribute: str | None = None,
        object_keys: Sequence[str] | None = None,
    ) -> Known:
        """The set of all objects in some manifests. The caller closes it.

        :param label_attribute: only objects with this label.
        :param object_keys: keys that identify an object; None for all input keys.
        :raises ManifestError: if lines can't be read.
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
        where: LocalPath,
        to: LocalPath,
        label_attribute: str | None = None,
        object_keys: Sequence[str] | None = None,
    ) -> Counter[str]:
        """Keep the first line of each object.

        :param label_attribute: a label that may have no metadata; naming it keeps it from counting as an input key.
        :param object_keys: keys that identify an object, such as ``("source-ref", "page")``; None for all input keys.
        :return: number of lines ``kept`` and ``left``.
        :raises ManifestError: if lines can't be read.
        """
        keys = _keys(object_keys, label_attribute)
        with closing(Known()) as objects:

            def is_first(line: Line) -> bool:
                return objects.add(keys.digest(line.data))

            return _kept(self._sort(self._lines(where), is_first, {True: to}))

    def shard(self, where: LocalPath, size: int, to: Callable[[int], LocalPath]) -> dict[str, int]:
        """Cut a manifest into shards of at most ``size`` lines, in order. Shards before a bad line are written.

        :param to: returns the place of a shard by its number, from 1.
        :return: number of lines by place.
        :raises ManifestError: if lines can't be read.
        """
        return self.write_shards((raw for raw, _ in self._lines(where)), size, to)

    def write_shards(self, lines: Iterable[bytes], size: int, to: Callable[[int], LocalPath]) -> dict[str, int]:
        """Write lines as shards; see :meth:`shard`."""
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
        manifests: Iterable[LocalPath],
        to: LocalPath,
        job: str | None = None,
        object_keys: Sequence[str] | None = None,
        adjusted_in: Mapping[str, str] | None = None,
    ) -> Merged:
        """Merge manifests by object; see :class:`~labeling_provider.manifest.merge.Merge`.

        :param job: name of the labeling job whose labels win over newer ones, with or without ``labeling-job/``.
        :param object_keys: keys that identify an object, such as ``("source-ref", "page")``; None for all input keys.
        :param adjusted_in: label attributes, each with the attribute of the adjusted labels that replace its labels.
        :raises ManifestError: if lines can't be read, or a class id has two meanings.
        """
        with closing(Merge(job, object_keys, adjusted_in)) as merge:
            for place in manifests:
                merge.add(self.files.lines(place), os.fspath(place))
            self.files.write_all(to, merge)
            counts = Merged(lines=merge.lines, repeated=merge.repeated, objects=merge.lines - merge.repeated)
            if job:
                counts["preferred"] = merge.preferred
            if adjusted_in:
                counts["adjusted"] = merge.adjusted
            if merge.undated:
                counts["undated"] = merge.undated
            counts.problems = tuple(merge.problems)
            return counts

    def export(
        self,
        sets: Mapping[str, LocalPath],
        label_attribute: str,
        format_name: str,
        to: LocalPath,
        *,
        classes: Sequence[str] | None = None,
        copy_pictures: bool = False,
        keep_formulas: bool = False,
    ) -> Exported:
        """Write labels in a format for training. Lines that can't be exported are left out, counted and reported.

        :param sets: manifests by name of the set, such as ``train``.
        :param format_name: one of :data:`~labeling_provider.manifest.export.FORMATS`.
        :param to: path or URI of the folder to write to.
        :param classes: names of all classes in the order of their ids; None to keep the ids of the labeling jobs.
        :param copy_pictures: also copy the pictures into the folder, for formats that have a place for them.
        :param keep_formulas: for ``csv``, leave cells unchanged that a spreadsheet would run as formulas; by default an
            apostrophe is put before them.
        :raises LabelingError: if a manifest can't be read, or a file can't be written.
        :raises ValueError: if the format is unknown, an option belongs to another format, or the format does not allow
            the name of a set.
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

    def labels(self, where: LocalPath, label_attribute: str) -> Iterator[tuple[str, Any]]:
        """The objects of a manifest, as their text or URI, each with its label.

        :return: pairs in the order of the lines; the label is :attr:`Label.plain`, or None if there is none.
        :raises ManifestError: if lines can't be read.
        """
        lines = self._lines(where)
        for _, line in lines:
            try:
                label = read_label(line.data, label_attribute)
            except LabelError as error:
                lines.refuse(str(error))
                continue
            yield line.source_ref or line.source or "", None if label is None else label.plain

    def _lines(self, where: LocalPath) -> Scan[Line]:
        return scan(self.files.lines(where), os.fspath(where))

    def _labels(self, where: LocalPath, label_attribute: str) -> Scan[LabeledLine]:
        return scan_labels(self.files.lines(where), label_attribute, os.fspath(where))

    def _sort(
        self, lines: Scan[AnyLine], rule: Callable[[AnyLine], Key], to: Mapping[Key, LocalPath]
    ) -> dict[Key, int]:
        """Write each line to the part that a rule chooses; a part without a place is only counted."""
        if len({os.fspath(place) for place in to.values()}) < len(to):
            raise ValueError(f"two parts can't be written to the same place: {dict(to)}")
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

"""Merges manifests by object, in constant memory: lines wait on disk."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from labeling_provider.groundtruth.dates import nanoseconds
from labeling_provider.groundtruth.objects import (
    CREATION_DATE,
    FAILURE_REASON,
    METADATA,
    ObjectKeys,
    bare_job_name,
    is_job_metadata,
    job_of,
    metadata_of,
)
from labeling_provider.manifest.reader import parse_line, written
from labeling_provider.manifest.scan import MAX_PROBLEMS, Line, Scan, scan
from labeling_provider.manifest.select import temporary_database


class _ClassName(NamedTuple):
    """The name of a class id, and where it was first read."""

    name: str
    where: str
    line: int


class Merge:
    """Merges manifests by data object: each object once, with the labels of all its lines.

    If two lines have the same label attribute, the label of the labeling job ``job`` wins, then the one with the newest
    ``creation-date``, then that of the later line. Any label wins over none. Other keys come from the later line.

    :param job: name of the labeling job whose labels win over newer ones; case is ignored.
    :param object_keys: keys that identify an object; None for all input keys.
    :param adjusted_in: label attributes, each with the attribute under which an adjustment of its labels has written
        them. An adjusted label takes the place of the one that it adjusts, unless that one is newer.
    :ivar lines: number of lines read.
    :ivar repeated: number of lines whose object had been read before.
    :ivar preferred: number of lines with a label from ``job``.
    :ivar adjusted: number of labels that adjusted ones have replaced; known once all lines have been read from it.
    :ivar undated: number of labels whose date can't be read; they lose to dated ones.
    :ivar problems: the places of the first undated labels.
    """

    def __init__(
        self,
        job: str | None = None,
        object_keys: Sequence[str] | None = None,
        adjusted_in: Mapping[str, str] | None = None,
    ) -> None:
        self._job = bare_job_name(job).casefold() if job else None
        self._adjusted_in = dict(adjusted_in or {})
        self._adjusted_of = {adjusted: attribute for attribute, adjusted in self._adjusted_in.items()}
        self._keys, self._objects = object_keys, ObjectKeys(object_keys)
        self._classes: dict[tuple[str, str], _ClassName] = {}
        self._reported: set[tuple[str, str, str]] = set()
        self._labels: set[str] = set()
        self._inputs: set[str] = set()
        self._database = temporary_database()
        self._begin("lines")
        self._database.execute("BEGIN")
        self.lines = self.repeated = self.preferred = self.undated = self.adjusted = 0
        self.problems: list[str] = []

    def add(self, lines: Iterable[bytes], where: str) -> None:
        """Add a manifest.

        :param lines: its raw lines.
        :param where: its name, for errors.
        :raises ManifestError: if lines can't be read, or a class id means a different class than before.
        """
        scanned = scan(lines, where)
        for raw, line in scanned:
            self.lines += 1
            try:
                identity = self._objects.of(line.data)
                digest = self._objects.digest(line.data)
            except ValueError as error:
                scanned.refuse(str(error))
                continue
            self._inputs.update(identity)
            self._inspect_labels(line, scanned)
            self._put("lines", digest, raw, line.data)

    def __iter__(self) -> Iterator[bytes]:
        """Every object's line, in order of first appearance."""
        table = "lines"
        if self._keys is None and (late := self._labels & self._inputs):
            # A label from elsewhere may have no metadata. It counted as an input key until a job's label came.
            table, objects = "objects", ObjectKeys(labels=late)
            self._begin(table)
            for (body,) in self._database.execute("SELECT body FROM lines ORDER BY number"):
                data = parse_line(body)
                self._put(table, objects.digest(data), body, data)
        for (body,) in self._database.execute(f"SELECT body FROM {table} ORDER BY number"):  # noqa: S608 - our own name
            yield self._with_adjusted(body) if self._adjusted_in else body

    def _with_adjusted(self, body: bytes) -> bytes:
        """A line in which adjusted labels have replaced those that they adjust."""
        data, before = parse_line(body), self.adjusted
        for attribute, adjusted in self._adjusted_in.items():
            if adjusted not in data:
                continue
            former, later = (_date(metadata_of(data, name)) for name in (attribute, adjusted))
            if attribute in data and former is not None and later is not None and former > later:
                continue
            for ending in ("", METADATA):
                data[f"{attribute}{ending}"] = data.pop(f"{adjusted}{ending}", {})
            self.adjusted += 1
        return body if self.adjusted == before else written(data)

    def close(self) -> None:
        """Delete the temporary data."""
        self._database.close()

    def _begin(self, table: str) -> None:
        self._database.execute(f"CREATE TABLE {table} (number INTEGER PRIMARY KEY, digest BLOB UNIQUE, body BLOB)")

    def _put(self, table: str, digest: bytes, raw: bytes, data: Mapping[str, Any]) -> None:
        """Store an object's line, merged with an earlier one."""
        stored = self._database.execute(f"SELECT number, body FROM {table} WHERE digest = ?", (digest,)).fetchone()  # noqa: S608
        if stored is None:
            self._database.execute(f"INSERT INTO {table} (digest, body) VALUES (?, ?)", (digest, raw))  # noqa: S608
            return
        self.repeated += 1
        number, before = stored
        body = written(self._merged(parse_line(before), data))
        self._database.execute(f"UPDATE {table} SET body = ? WHERE number = ?", (body, number))  # noqa: S608

    def _merged(self, before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
        given = (key.removesuffix(METADATA) for key in (*before, *after) if key.endswith(METADATA))
        attributes = dict.fromkeys(given)
        merged = {**before, **after}
        for attribute in attributes:
            pair = (attribute, f"{attribute}{METADATA}")
            winner = before if self._rank(before, attribute) > self._rank(after, attribute) else after
            for key in pair:
                merged.pop(key, None)
            merged.update({key: winner[key] for key in pair if key in winner})
        return merged

    def _rank(self, data: Mapping[str, Any], attribute: str) -> tuple[bool, bool, bool, int]:
        """The precedence of a line's label."""
        metadata = metadata_of(data, attribute)
        labeled = attribute in data
        return labeled, labeled and self._is_preferred(metadata), FAILURE_REASON in metadata, _date(metadata) or 0

    def _is_preferred(self, metadata: Mapping[str, Any]) -> bool:
        return self._job is not None and job_of(metadata).casefold() == self._job

    def _inspect_labels(self, line: Line, scanned: Scan[Any]) -> None:
        """Check the jobs, dates and classes of a line's labels."""
        preferred = False
        for key, metadata in line.data.items():
            if not key.endswith(METADATA) or not isinstance(metadata, dict):
                continue
            attribute = key.removesuffix(METADATA)
            if is_job_metadata(metadata):
                self._labels.add(attribute)
            preferred = preferred or (attribute in line.data and self._is_preferred(metadata))
            if metadata.get(CREATION_DATE) is not None and _date(metadata) is None:
                self.undated += 1
                if len(self.problems) < MAX_PROBLEMS:
                    date = str(metadata[CREATION_DATE])[:80]
                    where = f"{scanned.where}: line {scanned.number}, byte {scanned.offset}: {key}"
                    self.problems.append(
                        f"{where}: creation-date {date!r} is not an ISO 8601 date; it counts as the oldest"
                    )
            for number, name in _classes(line.data.get(attribute), metadata):
                # Adjusted labels will stand next to those that nobody has adjusted.
                target = self._adjusted_of.get(attribute, attribute)
                class_name = _ClassName(name, scanned.where, scanned.number)
                known = self._classes.setdefault((target, number), class_name)
                if known.name != name and (target, number, name) not in self._reported:
                    self._reported.add((target, number, name))
                    scanned.refuse(
                        f"class {number} of {attribute!r} is {name!r} here and {known.name!r} in {known.where}, line "
                        f"{known.line}; label with the same category file, or merge under different label attributes"
                    )
                    break
        self.preferred += preferred


def _date(metadata: Mapping[str, Any]) -> int | None:
    """When a label was made, as by :func:`nanoseconds`; None if the date is missing or can't be read."""
    date = metadata.get(CREATION_DATE)
    return nanoseconds(date) if isinstance(date, str) else None


def _classes(value: Any, metadata: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Ids and names of the classes in a label's metadata."""
    name, names = metadata.get("class-name"), metadata.get("class-map")
    if isinstance(name, str) and isinstance(value, int | str) and not isinstance(value, bool):
        yield str(value), name
    for number, class_name in names.items() if isinstance(names, dict) else ():
        if isinstance(class_name, str):
            yield str(number), class_name

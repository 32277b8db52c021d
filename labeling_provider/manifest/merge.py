"""Several manifests put together by object, in constant memory: what does not fit waits on disk."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from typing import Any, Final, NamedTuple

from labeling_provider.manifest.reader import parse_line, written
from labeling_provider.manifest.scan import Scan, scan

_METADATA: Final = "-metadata"
_FAILURE: Final = "failure-reason"


class _ClassName(NamedTuple):
    """What a class number of a label attribute means, and where that was first read."""

    name: str
    where: str
    line: int


class Merge:
    """Merges manifests by data object: each object once, with the labels of all its lines.

    Where two lines have the same label attribute, the labeling job named by ``job`` wins, then the newest
    ``creation-date``, then the later line; any label wins over none. Other keys are the later line's.

    :param job: name of the labeling job whose labels win over newer ones.
    :ivar lines: how many lines have come in.
    :ivar repeated: how many of them were about an object that was there already.
    """

    def __init__(self, job: str | None = None) -> None:
        self._job = job
        self._classes: dict[tuple[str, str], _ClassName] = {}
        self._database = sqlite3.connect("", isolation_level=None)
        self._database.executescript("PRAGMA journal_mode=OFF; PRAGMA cache_size=-49152")
        self._database.execute("CREATE TABLE lines (number INTEGER PRIMARY KEY, digest BLOB UNIQUE, body BLOB)")
        self._database.execute("BEGIN")
        self.lines = self.repeated = 0

    def add(self, lines: Iterable[bytes], where: str) -> None:
        """Take a manifest in.

        :param lines: its raw lines.
        :param where: its name, for the error.
        :raises ManifestError: if lines are wrong, or a class number means another class than before.
        """
        scanned = scan(lines, where)
        for raw, line in scanned:
            self.lines += 1
            try:
                data = parse_line(raw)
            except ValueError as error:
                scanned.refuse(str(error))
                continue
            self._check_classes(data, scanned)
            found = self._database.execute(
                "SELECT number, body FROM lines WHERE digest = ?", (line.digest(),)
            ).fetchone()
            if found is None:
                self._database.execute("INSERT INTO lines (digest, body) VALUES (?, ?)", (line.digest(), raw))
                continue
            self.repeated += 1
            number, before = found
            body = written(self._merged(parse_line(before), data))
            self._database.execute("UPDATE lines SET body = ? WHERE number = ?", (body, number))

    def __iter__(self) -> Iterator[bytes]:
        """Every object's line, in the order in which the objects first came."""
        for (body,) in self._database.execute("SELECT body FROM lines ORDER BY number"):
            yield body

    def close(self) -> None:
        """Forget all."""
        self._database.close()

    def _merged(self, before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
        attributes = {key.removesuffix(_METADATA) for key in (*before, *after) if key.endswith(_METADATA)}
        merged = {**before, **after}
        for attribute in attributes:
            pair = (attribute, f"{attribute}{_METADATA}")
            winner = before if self._rank(before, attribute) > self._rank(after, attribute) else after
            for key in pair:
                merged.pop(key, None)
            merged.update({key: winner[key] for key in pair if key in winner})
        return merged

    def _rank(self, data: dict[str, Any], attribute: str) -> tuple[bool, bool, bool, str]:
        """How strong a line's label is."""
        metadata = data.get(f"{attribute}{_METADATA}")
        known = metadata if isinstance(metadata, dict) else {}
        job = str(known.get("job-name", "")).removeprefix("labeling-job/")
        labeled = attribute in data
        return labeled, labeled and job == self._job, _FAILURE in known, str(known.get("creation-date", ""))

    def _check_classes(self, data: dict[str, Any], scanned: Scan[Any]) -> None:
        for key, metadata in data.items():
            if not key.endswith(_METADATA) or not isinstance(metadata, dict):
                continue
            attribute = key.removesuffix(_METADATA)
            for number, name in _classes(data.get(attribute), metadata):
                here = _ClassName(name, scanned.where, scanned.number)
                known = self._classes.setdefault((attribute, number), here)
                if known.name != name:
                    scanned.refuse(
                        f"class {number} of {attribute!r} is {name!r} here and {known.name!r} in {known.where}, line "
                        f"{known.line}; label with the same category file, or merge under different label attributes"
                    )


def _classes(value: Any, metadata: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Numbers and names of the classes that a line's metadata tells."""
    name, names = metadata.get("class-name"), metadata.get("class-map")
    if isinstance(name, str) and isinstance(value, int | str) and not isinstance(value, bool):
        yield str(value), name
    for number, one in names.items() if isinstance(names, dict) else ():
        if isinstance(one, str):
            yield str(number), one

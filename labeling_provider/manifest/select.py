"""Rules for filtering and splitting manifests, and sets of known objects."""

from __future__ import annotations

import sqlite3
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from itertools import accumulate
from math import inf
from typing import Final, Literal

from labeling_provider.groundtruth.objects import LineState, ObjectKeys
from labeling_provider.manifest.scan import LabeledLine, Line

_WHOLE: Final = 1 << 64


@dataclass(frozen=True)
class Filter:
    """Keeps lines whose label meets all conditions that are not None.

    A line without the label, or without confidence or class, meets no condition on confidence or class.

    :param by: who made the label: ``people`` or ``machine``.
    :param min_confidence: the confidence is at least this, 0 to 1. A label with several confidences has the lowest.
    :param below_confidence: the confidence is below this, 0 to 1.
    :param classes: the label has at least one of these classes, by name.
    """

    state: LineState | None = None
    by: Literal["people", "machine"] | None = None
    min_confidence: float | None = None
    below_confidence: float | None = None
    classes: frozenset[str] | None = None

    def rule(self) -> Callable[[LabeledLine], bool]:
        """A function that tells whether to keep a line; it evaluates only the conditions that are set."""
        conditions: list[Callable[[LabeledLine], bool]] = []
        if self.min_confidence is not None or self.below_confidence is not None:
            conditions.append(_within(self.min_confidence, self.below_confidence))
        if self.state is not None:
            conditions.append(lambda line: state_of(line) == self.state)
        if self.by is not None:
            conditions.append(lambda line: line.is_labeled and line.by_people == (self.by == "people"))
        if (classes := self.classes) is not None:
            conditions.append(lambda line: not classes.isdisjoint(line.classes))
        return conditions[0] if len(conditions) == 1 else lambda line: all(holds(line) for holds in conditions)


def _within(min_confidence: float | None, below: float | None) -> Callable[[LabeledLine], bool]:
    low, high = -inf if min_confidence is None else min_confidence, inf if below is None else below

    def rule(line: LabeledLine) -> bool:
        metadata = line.metadata
        if metadata is None or not line.is_labeled:
            return False
        confidence = metadata.confidence
        if confidence is None:
            confidence = line.confidence
        return confidence is not None and low <= confidence < high

    return rule


def state_of(line: LabeledLine) -> LineState:
    """Whether a line is labeled, failed, or not labeled yet."""
    if line.is_labeled:
        return LineState.LABELED
    return LineState.FAILED if line.has_failed else LineState.UNLABELED


class Split:
    """Splits objects into sets, such as train, validation and test, by a hash of their source alone.

    So an object always stays in its set, even if objects are added or removed, the manifest is reordered, or the object
    is labeled again. Objects with the same source, such as the pages of a document or the crops of a picture, stay
    together; otherwise training data would leak into the test set. Classes are split in about the same proportions.

    :param fractions: share of each set by name; the shares must add up to 1.
    :param seed: a different seed gives a different split.
    :param object_keys: split by a hash of these keys instead, such as ``("source-ref", "page")``.
    :raises ValueError: if the fractions or the keys are invalid.
    """

    def __init__(
        self, fractions: Mapping[str, float], seed: str = "", object_keys: Sequence[str] | None = None
    ) -> None:
        if any(not 0 < share <= 1 for share in fractions.values()) or abs(sum(fractions.values()) - 1) > 1e-9:
            raise ValueError(f"fractions must be between 0 and 1 and add up to 1, not {dict(fractions)}")
        if "" in fractions:
            raise ValueError("a set needs a name")
        self.names = tuple(fractions)
        self._objects = None if object_keys is None else ObjectKeys(object_keys)
        self._salt = blake2b(seed.encode(), digest_size=16).digest()
        shares = list(accumulate(fractions.values()))[:-1]
        self._bounds = [min(round(share * _WHOLE), _WHOLE - 1).to_bytes(8) for share in shares]

    def __call__(self, line: Line) -> str:
        """The name of a line's set.

        :raises ValueError: in words for people, if the line has none of the keys.
        """
        objects, salt = self._objects, self._salt
        digest = line.source_digest(salt) if objects is None else objects.digest(line.data, salt)
        # Digests are longer than bounds, so a digest that starts with a bound is above it.
        return self.names[bisect_right(self._bounds, digest)]


def temporary_database() -> sqlite3.Connection:
    """An SQLite database on disk for as long as it is open, with little of it in memory."""
    # A database without a name is temporary and private to the connection.
    database = sqlite3.connect("", isolation_level=None)
    database.executescript("PRAGMA journal_mode=OFF; PRAGMA cache_size=-49152")
    return database


class Known:
    """A set of data objects in constant memory: a large set goes to disk."""

    def __init__(self) -> None:
        self._database = temporary_database()
        self._database.execute("CREATE TABLE known (digest BLOB PRIMARY KEY) WITHOUT ROWID")
        self._database.execute("BEGIN")

    def add(self, digest: bytes) -> bool:
        """Add an object.

        :return: whether it is new.
        """
        return self._database.execute("INSERT OR IGNORE INTO known VALUES (?)", (digest,)).rowcount == 1

    def __contains__(self, digest: object) -> bool:
        return self._database.execute("SELECT 1 FROM known WHERE digest = ?", (digest,)).fetchone() is not None

    def close(self) -> None:
        """Delete the set."""
        self._database.close()

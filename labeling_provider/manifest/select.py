"""Rules by which the lines of a manifest are sorted."""

from __future__ import annotations

import sqlite3
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from itertools import accumulate
from math import inf
from typing import Final, Literal

from labeling_provider.groundtruth.objects import ObjectKeys
from labeling_provider.manifest.scan import LabeledLine, Line

_WHOLE: Final = 1 << 64


@dataclass(frozen=True)
class Filter:
    """Keeps lines by their label. Conditions that are None ask nothing; a line must meet all others.

    A line without the label, or whose label has no confidence, meets no condition about confidence or class.

    :param state: ``labeled``, ``failed`` (a job has tried and got none) or ``unlabeled`` (neither).
    :param by: ``people`` or ``machine``: who has made the label.
    :param min_confidence: the least confidence of the label's least sure part, 0 to 1.
    :param below_confidence: that confidence must be less.
    :param classes: it has at least one of these, by name.
    """

    state: Literal["labeled", "failed", "unlabeled"] | None = None
    by: Literal["people", "machine"] | None = None
    min_confidence: float | None = None
    below_confidence: float | None = None
    classes: frozenset[str] | None = None

    def rule(self) -> Callable[[LabeledLine], bool]:
        """Whether to keep a line, as a function that asks only what there is to ask."""
        asked: list[Callable[[LabeledLine], bool]] = []
        if self.min_confidence is not None or self.below_confidence is not None:
            asked.append(_within(self.min_confidence, self.below_confidence))
        if self.state is not None:
            asked.append(lambda line: state_of(line) == self.state)
        if self.by is not None:
            asked.append(lambda line: line.is_labeled and line.by_people == (self.by == "people"))
        if (classes := self.classes) is not None:
            asked.append(lambda line: not classes.isdisjoint(line.classes))
        return asked[0] if len(asked) == 1 else lambda line: all(one(line) for one in asked)


def _within(least: float | None, below: float | None) -> Callable[[LabeledLine], bool]:
    low, high = -inf if least is None else least, inf if below is None else below

    def rule(line: LabeledLine) -> bool:
        known = line.metadata
        if known is None or not line.is_labeled:
            return False
        confidence = known.confidence
        if confidence is None:
            confidence = line.confidence
        return confidence is not None and low <= confidence < high

    return rule


def state_of(line: LabeledLine) -> Literal["labeled", "failed", "unlabeled"]:
    """What has become of a line."""
    if line.is_labeled:
        return "labeled"
    return "failed" if line.has_failed else "unlabeled"


class Split:
    """Divides objects into sets, such as train, validation and test, by a hash of their source alone.

    So an object stays in its set for ever: whatever is added or removed, however the manifest is ordered, whoever
    labels it anew. What has one source, such as the pages of a document or the crops of a picture, stays together, or
    what a model was trained on would leak into its test. Each class is divided in the same proportion, as nearly as
    chance has it.

    :param fractions: the sets and their shares; they must add up to 1.
    :param seed: another one divides otherwise.
    :param object_keys: divide by a hash of these keys instead, such as ``("source-ref", "page")``.
    :raises ValueError: if the shares are none, or the keys.
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

        :raises ValueError: in words for a person, if the line has none of the keys.
        """
        objects, salt = self._objects, self._salt
        digest = line.source_digest(salt) if objects is None else objects.digest(line.data, salt)
        # Digests are longer than the bounds, so that one that begins with a bound is past it.
        return self.names[bisect_right(self._bounds, digest)]


class Known:
    """A set of data objects, on disk as soon as it is large: any number of them takes the same memory."""

    def __init__(self) -> None:
        # A database without a name is a temporary one of this connection.
        self._database = sqlite3.connect("", isolation_level=None)
        self._database.executescript("PRAGMA journal_mode=OFF; PRAGMA cache_size=-49152")
        self._database.execute("CREATE TABLE known (digest BLOB PRIMARY KEY) WITHOUT ROWID")
        self._database.execute("BEGIN")

    def add(self, digest: bytes) -> bool:
        """Put an object in; whether it is new."""
        return self._database.execute("INSERT OR IGNORE INTO known VALUES (?)", (digest,)).rowcount == 1

    def __contains__(self, digest: object) -> bool:
        return self._database.execute("SELECT 1 FROM known WHERE digest = ?", (digest,)).fetchone() is not None

    def close(self) -> None:
        """Forget all."""
        self._database.close()

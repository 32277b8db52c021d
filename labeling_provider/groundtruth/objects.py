"""The identity of a data object: its source, and whatever else in its line tells objects with the same source apart.

A page of a document, a crop of an image or a time range of a clip is an object in its own right. So an object's
identity is the JSON value of all input keys in its line. Input keys are all keys except labels, their metadata, the
truth that simulated workers answer from, and what Ground Truth or a streaming job adds (developer guide, "Labeling job
output data", "Output metadata"; "Ground Truth streaming labeling jobs", "Duplicate message handling").
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from enum import StrEnum
from hashlib import blake2b
from typing import Any, Final

ID_KEY: Final = "dataset-objectid-attribute-name"
"""Key whose value is the name of the key with an object's deduplication id."""
OWN_ID_KEY: Final = "labeling-object-id"
"""Key in which this package stores an object's deduplication id."""
TRUTH_KEY: Final = "truth"
"""Key with the right answer, for simulated workers."""
METADATA: Final = "-metadata"
"""Suffix of the key with a label's metadata."""
JOB_NAME: Final = "job-name"
"""Key in a label's metadata: the labeling job that made it, after a path. Read it with :func:`job_of`."""
HUMAN_ANNOTATED: Final = "human-annotated"
"""Key in a label's metadata: ``yes`` if people made it, ``no`` if a model did."""
CREATION_DATE: Final = "creation-date"
"""Key in a label's metadata: when it was made, in ISO 8601."""
FAILURE_REASON: Final = "failure-reason"
"""Key in the metadata of an object that a job gave up on."""
_SOURCES: Final = ("source", "source-ref")
_NOTES: Final = frozenset({ID_KEY, OWN_ID_KEY, TRUTH_KEY})
_OF_A_JOB: Final = frozenset({FAILURE_REASON, JOB_NAME, HUMAN_ANNOTATED, CREATION_DATE})


class LineState(StrEnum):
    """What labeling jobs have made of a line of a manifest."""

    LABELED = "labeled"
    FAILED = "failed"
    """A job gave up on it."""
    UNLABELED = "unlabeled"
    """Neither: it waits for a job."""


class ObjectKeys:
    """The keys that identify an object.

    :param keys: their names, such as ``("source-ref", "page")``; None for all input keys.
    :param labels: known label attributes, which are not input keys even without metadata.
    :raises ValueError: if ``keys`` is not a list of names.
    """

    def __init__(self, keys: Sequence[str] | None = None, labels: Collection[str] = ()) -> None:
        if keys is not None and (isinstance(keys, str) or not keys or not all(isinstance(key, str) for key in keys)):
            raise ValueError(f'object_keys must be a list of keys, such as ["source-ref", "page"], not {keys!r}')
        self._keys = None if keys is None else tuple(keys)
        self._no_input = _NOTES.union(labels, (f"{label}{METADATA}" for label in labels))

    def of(self, line: Mapping[str, Any]) -> dict[str, Any]:
        """The keys and values that identify a line's object. A key that is null counts as absent.

        :raises ValueError: in words for people, if the line has none of the keys.
        """
        keys = self._input_keys(line) if self._keys is None else self._keys
        identity = {key: value for key in keys if (value := line.get(key)) is not None}
        if not identity:
            expected = ", ".join(f'"{key}"' for key in self._keys or _SOURCES)
            raise ValueError(f"has none of the keys that identify an object: {expected}")
        return identity

    def digest(self, line: Mapping[str, Any], salt: bytes = b"") -> bytes:
        """The object's identity, 16 bytes: the same in any manifest, however the line is written.

        :param salt: at most 16 bytes; a different salt gives a different identity.
        :raises ValueError: in words for people, if the line has none of the keys.
        """
        identity = self.of(line)
        if len(identity) == 1:
            # Earlier splits and selections rest on the digest of the source alone, so it must not change.
            for key in _SOURCES:
                if isinstance(source := identity.get(key), str):
                    return source_digest(key, source, salt)
        text = json.dumps(_normal(identity), sort_keys=True, separators=(",", ":"))
        return blake2b(text.encode(), digest_size=16, salt=salt, person=b"keys").digest()

    def identifier(self, line: Mapping[str, Any]) -> str | None:
        """The object's identity as a string: its URI, plus a hash if more keys identify it; None without a URI.

        :raises ValueError: in words for people, if the line has none of the keys.
        """
        reference = line.get("source-ref")
        if not isinstance(reference, str):
            return None
        return reference if self.of(line) == {"source-ref": reference} else f"{reference}#{self.digest(line).hex()}"

    def _input_keys(self, line: Mapping[str, Any]) -> Iterator[str]:
        for key in line:
            if key in _SOURCES or not (key in self._no_input or key.startswith("$") or _is_of_label(line, key)):
                yield key


def source_digest(key: str, source: str, salt: bytes = b"") -> bytes:
    """The identity of an object that has only a source, 16 bytes.

    :param key: ``source`` or ``source-ref``.
    :param salt: at most 16 bytes; a different salt gives a different identity.
    """
    person = b"" if key == "source-ref" else b"text"
    return blake2b(source.encode(errors="surrogatepass"), digest_size=16, salt=salt, person=person).digest()


def metadata_of(line: Mapping[str, Any], attribute: str) -> dict[str, Any]:
    """The metadata of a line's label; empty if there is none, or if it is not a JSON object."""
    metadata = line.get(f"{attribute}{METADATA}")
    return metadata if isinstance(metadata, dict) else {}


def job_of(metadata: Mapping[str, Any]) -> str:
    """The name of the job that made a label, as it stands in the metadata; empty if that does not say."""
    return bare_job_name(str(metadata.get(JOB_NAME) or ""))


def bare_job_name(text: str) -> str:
    """A labeling job's name without the path that may be before it: ``labeling-job/digits`` is ``digits``."""
    return text.rpartition("/")[2]


def is_job_metadata(value: Any) -> bool:
    """Whether a value is the metadata that a labeling job writes, with a label or in place of a missing one."""
    if not isinstance(value, dict):
        return False
    return not _OF_A_JOB.isdisjoint(value) or str(value.get("type")).lower().startswith("groundtruth/")


def _is_of_label(line: Mapping[str, Any], key: str) -> bool:
    """Whether a key is a label or a label's metadata. A line has both, unless the job gave up on the object."""
    if isinstance(line.get(f"{key}{METADATA}"), dict):
        return True
    label = key.removesuffix(METADATA)
    # Point cloud frames keep their cameras and positions in source-ref-metadata, which is input.
    if label == key or label in _SOURCES:
        return False
    value = line[key]
    return isinstance(value, dict) and (label in line or is_job_metadata(value))


def _normal(value: Any) -> Any:
    """A JSON value in canonical form, so that equal values give equal strings: 1.0 becomes 1."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, dict):
        return {key: _normal(member) for key, member in value.items()}
    return [_normal(item) for item in value] if isinstance(value, list | tuple) else value

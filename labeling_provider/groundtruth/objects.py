"""What a data object is: its line's source, and whatever else the line says that tells two objects of one source apart.

A page of a document, a crop of a picture or a time range of a clip is an object of its own. So the identity of an
object is the JSON value of all input keys of its line. No input keys are labels, what is known of labels, the truth
that simulated workers answer from, and what Ground Truth or a streaming job notes for itself (developer guide,
"Labeling job output data", "Output metadata"; "Ground Truth streaming labeling jobs", "Duplicate message handling").
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from hashlib import blake2b
from typing import Any, Final

ID_KEY: Final = "dataset-objectid-attribute-name"
"""Key that names the key with an object's deduplication id."""
OWN_ID_KEY: Final = "labeling-object-id"
"""Key under which this package gives an object its deduplication id."""
TRUTH_KEY: Final = "truth"
"""Key with what simulated workers are to answer."""
METADATA: Final = "-metadata"
"""How the key ends that holds what is known of a label."""
_SOURCES: Final = ("source", "source-ref")
_NOTES: Final = frozenset({ID_KEY, OWN_ID_KEY, TRUTH_KEY})
_OF_A_JOB: Final = frozenset({"failure-reason", "job-name", "human-annotated", "creation-date"})


class ObjectKeys:
    """Which keys of a line tell objects apart.

    :param keys: their names, such as ``("source-ref", "page")``; None for all input keys.
    :param labels: label attributes that are known by name, so that one without metadata is seen as a label too.
    :raises ValueError: if the names are none.
    """

    def __init__(self, keys: Sequence[str] | None = None, labels: Collection[str] = ()) -> None:
        if keys is not None and (isinstance(keys, str) or not keys or not all(isinstance(key, str) for key in keys)):
            raise ValueError(f'object_keys must be a list of keys, such as ["source-ref", "page"], not {keys!r}')
        self._keys = None if keys is None else tuple(keys)
        self._no_input = _NOTES.union(labels, (f"{label}{METADATA}" for label in labels))

    def of(self, line: Mapping[str, Any]) -> dict[str, Any]:
        """What identifies the object of a line: keys and values. A key that is null says nothing, as if it were absent.

        :raises ValueError: in words for a person, if the line has none of the keys.
        """
        keys = self._input_keys(line) if self._keys is None else self._keys
        found = {key: value for key in keys if (value := line.get(key)) is not None}
        if not found:
            wanted = ", ".join(f'"{key}"' for key in self._keys or _SOURCES)
            raise ValueError(f"has none of the keys that tell objects apart: {wanted}")
        return found

    def digest(self, line: Mapping[str, Any], salt: bytes = b"") -> bytes:
        """The object's identity, 16 bytes: the same for the same object in any manifest, however its line is written.

        :param salt: at most 16 bytes; another one makes another identity.
        :raises ValueError: in words for a person, if the line has none of the keys.
        """
        found = self.of(line)
        if len(found) == 1:
            # The identity of the source alone decides about sets and choices that were made before: it must not change.
            for key in _SOURCES:
                if isinstance(source := found.get(key), str):
                    return source_digest(key, source, salt)
        text = json.dumps(_normal(found), sort_keys=True, separators=(",", ":"))
        return blake2b(text.encode(), digest_size=16, salt=salt, person=b"keys").digest()

    def identifier(self, line: Mapping[str, Any]) -> str | None:
        """A text that identifies the object: its URI, and a hash if the line says more than that; None without a URI.

        :raises ValueError: in words for a person, if the line has none of the keys.
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
    """The identity of an object that is nothing but its source, 16 bytes.

    :param key: ``source`` or ``source-ref``.
    :param salt: at most 16 bytes; another one makes another identity.
    """
    person = b"" if key == "source-ref" else b"text"
    return blake2b(source.encode(errors="surrogatepass"), digest_size=16, salt=salt, person=person).digest()


def is_job_metadata(value: Any) -> bool:
    """Whether something is what a labeling job writes beside a label, or in its place if it has got none."""
    if not isinstance(value, dict):
        return False
    return not _OF_A_JOB.isdisjoint(value) or str(value.get("type")).lower().startswith("groundtruth/")


def _is_of_label(line: Mapping[str, Any], key: str) -> bool:
    """Whether a key is a label, or what is known of one: the two stand side by side, unless a job has failed."""
    if isinstance(line.get(f"{key}{METADATA}"), dict):
        return True
    label = key.removesuffix(METADATA)
    # Frames of point clouds have their cameras and positions in source-ref-metadata.
    if label == key or label in _SOURCES:
        return False
    value = line[key]
    return isinstance(value, dict) and (label in line or is_job_metadata(value))


def _normal(value: Any) -> Any:
    """A JSON value in the one way of writing it in which equal values are equal texts: 1.0 is 1."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, dict):
        return {key: _normal(one) for key, one in value.items()}
    return [_normal(one) for one in value] if isinstance(value, list | tuple) else value

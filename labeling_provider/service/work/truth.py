"""The right answers for simulated workers.

They come from JSON Lines files, local or in S3, with lines ``{"source" or "source-ref": …, "truth": …}``, or from a
``truth`` key on the manifest line, which takes precedence.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from labeling_provider.errors import LabelingError
from labeling_provider.groundtruth.documents import strict_json
from labeling_provider.groundtruth.uris import split_s3_uri
from labeling_provider.service.cloud.object_store import MissingObject, ObjectStore


class TruthFileError(LabelingError):
    """A truth file that can't be used; the text names the file and the line."""


class Truth:
    """Looks up the truth for a data object.

    A file in S3 may be written after the service has started: it is read when it is first needed, and again
    when it has changed.

    :param sources: paths and S3 URIs of truth files; the first one that has an object takes precedence.
    :raises TruthFileError: if a local file can't be read.
    """

    def __init__(self, sources: Sequence[str], object_store: ObjectStore) -> None:
        self._files = [_TruthFile(source, object_store) for source in sources]
        self._loading = threading.Lock()

    def refresh(self) -> None:
        """Read the files in S3 that are new or have changed.

        :raises TruthFileError: naming the line that is wrong.
        """
        with self._loading:
            for file in self._files:
                file.refresh()

    def of(self, line: dict[str, Any]) -> Any:
        """The truth for a manifest line, any JSON value; None if it is not known."""
        if "truth" in line:
            return line["truth"]
        keys = [key for name in ("source-ref", "source") if isinstance(key := line.get(name), str)]
        truth = next((file.known[key] for key in keys for file in self._files if key in file.known), None)
        return None if truth is None else json.loads(truth)


class _TruthFile:
    """A truth file."""

    def __init__(self, source: str, object_store: ObjectStore) -> None:
        self._object_store = object_store
        self._uri = source if source.startswith("s3://") else None
        self._version: str | None = None
        self.known: dict[str, str] = {}
        if self._uri:
            try:
                split_s3_uri(self._uri)
            except ValueError as error:
                raise TruthFileError(f"the truth file {error}") from None
        else:
            try:
                with Path(source).open("rb") as lines:
                    self.known = _read(lines, source)
            except OSError as error:
                raise TruthFileError(f"{source}: {error.strerror}") from None

    def refresh(self) -> None:
        if self._uri:
            version = self._object_store.version(self._uri)
            if version is not None and version != self._version:
                try:
                    lines = self._object_store.lines(self._uri)
                except MissingObject:
                    # Deleted meanwhile: treat it as not written yet.
                    return
                self.known = _read(lines, self._uri)
                self._version = version


def _read(lines: Iterable[bytes], where: str) -> dict[str, str]:
    known = {}
    for number, raw in enumerate(lines, 1):
        try:
            entry = strict_json(raw)
            key = entry.get("source-ref") or entry["source"]
            known[str(key)] = json.dumps(entry["truth"])
        except (ValueError, KeyError, AttributeError, TypeError, RecursionError) as error:
            raise TruthFileError(
                f'{where} line {number}: {error!r}; write {{"source" or "source-ref": …, "truth": …}}'
            ) from None
    return known

"""Reads a labeling job's inputs: its manifest, its label categories and its worker template."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from tempfile import SpooledTemporaryFile
from typing import IO, Any, Final

from labeling_provider.groundtruth.description import JobRequest
from labeling_provider.groundtruth.documents import as_json, is_unicode
from labeling_provider.manifest import ManifestError, read_manifest
from labeling_provider.request import TaskType
from labeling_provider.request.rules import category_problems
from labeling_provider.request.templates import label_names, parse_category_document
from labeling_provider.service.cloud.object_store import MissingObject, ObjectStore
from labeling_provider.service.failures import JobFailure

_MAX_IN_MEMORY: Final = 1 << 20


class InputManifest:
    """The lines of a manifest, which may be more than fit into memory.

    :param file: its bytes.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def raw(self) -> Iterator[bytes]:
        """The lines, each with its line break."""
        self._file.seek(0)
        return iter(self._file)

    def __iter__(self) -> Iterator[str]:
        return (line.decode().strip() for line in self.raw())


class Inputs:
    """Reads the files that requests name."""

    def __init__(self, object_store: ObjectStore) -> None:
        self._object_store = object_store

    def check(self, request: JobRequest) -> None:
        """Check that the category file and the worker template exist, and that the categories are valid.

        :raises JobFailure: naming the file, and what is wrong with it.
        """
        categories = self.categories(request)
        if categories:
            problems = category_problems(categories, request.task_type, automated=request.is_automated)
            if problems:
                raise JobFailure(f"ClientError: {problems[0]}")
        template = request.template_uri
        if template:
            self._read(template, "the worker template")

    def categories(self, request: JobRequest) -> dict[str, Any]:
        """The label category document; empty if the request has none.

        :raises JobFailure: if it does not exist, or can't be used.
        """
        uri = request.category_uri
        if not uri:
            return {}
        try:
            document = parse_category_document(self._read(uri, "the label category file"))
            if not all(map(is_unicode, label_names(document))):
                raise ValueError("a label is not valid Unicode: it contains half of a surrogate pair")
            as_json(document["labels"])
        except (ValueError, RecursionError) as error:
            raise JobFailure(f"ClientError: {uri}: {error}") from None
        return document

    @contextmanager
    def manifest(self, request: JobRequest) -> Iterator[InputManifest]:
        """The input manifest as it is now; empty if the request has none, as in a streaming job.

        :raises JobFailure: if it does not exist, is empty, has too many objects, or a line can't be used.
        """
        uri = request.manifest_uri
        with SpooledTemporaryFile(_MAX_IN_MEMORY) as file:
            if uri:
                self._copy(uri, file)
                _check_manifest(uri, InputManifest(file).raw(), request.task_type)
            yield InputManifest(file)

    def _copy(self, uri: str, file: IO[bytes]) -> None:
        try:
            self._object_store.copy_to(uri, file)
        except (MissingObject, ValueError):
            raise _not_there("the input manifest", uri) from None

    def _read(self, uri: str, what: str) -> bytes:
        try:
            return self._object_store.read(uri)
        except (MissingObject, ValueError):
            raise _not_there(what, uri) from None


def _check_manifest(uri: str, lines: Iterable[bytes], task_type: TaskType) -> None:
    try:
        count = sum(1 for _ in read_manifest(lines, uri, task_type.data_key))
    except ManifestError as error:
        raise JobFailure(f"ClientError: {error}") from None
    if not count:
        raise JobFailure(f"ClientError: {uri}: the manifest is empty")
    if count > task_type.max_objects:
        raise JobFailure(f"ClientError: {uri}: {count:,} objects; at most {task_type.max_objects:,} are allowed")


def _not_there(what: str, uri: str) -> JobFailure:
    return JobFailure(f"ClientError: {what} {uri} does not exist or is not readable")

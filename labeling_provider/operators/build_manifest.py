"""Builds manifests of the objects to label."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Any, ClassVar, Final

from airflow.sdk.exceptions import AirflowSkipException

from labeling_provider.errors import LabelingError, check_choice, counted
from labeling_provider.groundtruth.objects import ObjectKeys
from labeling_provider.operators import arguments
from labeling_provider.operators.manifest_task import ManifestTask, manifest_uris_of
from labeling_provider.xcoms import BUILT_KEY

if TYPE_CHECKING:
    from airflow.sdk import Context

    from labeling_provider.manifest.building import Candidate

_CHOICES: Final = ("first", "random")


class BuildManifestOperator(ManifestTask):
    """Write a manifest of the data objects that no earlier manifest has labeled.

    Set one source: ``prefix_uri``, ``objects``, ``table_uri`` with ``column``, ``text_uris`` or ``video_uri``. A
    repeated object is written once. Lines with the same source that differ in another key, such as a page, are
    different objects. If no objects are left, the task and its downstream tasks are skipped.

    Returns ``manifest_uri``, ``objects`` (number of objects written), ``found`` (number of objects in the source),
    ``known`` (how many of them are already labeled or repeated), ``left_out`` (how many were not chosen) and ``empty``
    (number of empty lines or rows). With ``shard_size`` it returns the list of manifests instead, so that a labeling
    task can be mapped over it. The counts are in the XCom ``labeling_manifest`` in either case.

    Takes the connection arguments of :class:`labeling_provider.operators.base.LabelingTask` as well.

    :param manifest_uri: where to write the manifest (templated). With ``shard_size`` the names of the other manifests
        have a number added.
    :param prefix_uri: ``s3://bucket/prefix``, for all objects under it (templated).
    :param objects: texts, S3 URIs or lines as dicts, such as the result of an upstream task (templated).
    :param table_uri: a CSV file with a header, or a ``.parquet`` file (templated).
    :param column: the table's column with the texts or S3 URIs (templated).
    :param text_uris: files in which each line is a text to label (templated).
    :param video_uri: a video, or several: their frames, and a sequence file for every 2,000 of them, are written to the
        folder ``frames/`` beside the manifest, whose objects are the sequences (templated).
    :param frames_per_second: with ``video_uri``, how many frames to take; None for all (templated).
    :param suffixes: with ``prefix_uri``, take only keys that end with one of these; all keys if empty.
    :param data_key: ``source`` or ``source-ref``; by default, values that start with ``s3://`` are references.
    :param exclude_labeled_in: earlier output manifests, which must exist, or prefixes that end with ``/`` and may
        contain any number of manifests, such as the ``output_uri`` of the labeling jobs (templated).
    :param label_attribute_name: exclude only objects with this label; None to exclude all objects in those manifests
        (templated).
    :param object_keys: keys that identify an object, such as ``["source-ref", "page"]``; None for all input keys.
    :param max_objects: most objects to write; None for all.
    :param choose: which objects to take: the ``first``, or ``random`` ones; the random selection is reproducible.
    :param shard_size: most objects in one manifest; None for a single manifest.
    :param skip_if_empty: whether to skip rather than fail if there is nothing to label.
    :raises ValueError: unless exactly one source is set with what belongs to it, and ``frames_per_second`` is more
        than 0.
    :raises ManifestError: if an object can't be a manifest line, or an earlier manifest can't be read.
    :raises LabelingError: if the source can't be read, or nothing is left and that is an error.
    """

    argument_kinds: ClassVar[Mapping[str, arguments.ArgumentKind]] = {
        "manifest_uri": arguments.required(arguments.name),
        "prefix_uri": arguments.name,
        "objects": arguments.objects,
        "table_uri": arguments.name,
        "column": arguments.name,
        "text_uris": arguments.one_or_list(arguments.name),
        "video_uri": arguments.one_or_list(arguments.name),
        "frames_per_second": arguments.number,
        "exclude_labeled_in": arguments.sources,
        "label_attribute_name": arguments.name,
        **arguments.CONNECTION,
    }
    template_fields: Sequence[str] = tuple(argument_kinds)

    manifest_uri: str
    prefix_uri: str | None
    objects: Sequence[str | Mapping[str, Any]] | None
    table_uri: str | None
    column: str | None
    text_uris: str | Sequence[str] | None
    video_uri: str | Sequence[str] | None
    frames_per_second: float | None
    suffixes: Sequence[str]
    data_key: str
    exclude_labeled_in: Sequence[Any] | str
    label_attribute_name: str | None
    object_keys: Sequence[str] | None
    max_objects: int | None
    choose: str
    shard_size: int | None
    skip_if_empty: bool

    def __init__(
        self,
        *,
        manifest_uri: str,
        prefix_uri: str | None = None,
        objects: Sequence[str | Mapping[str, Any]] | None = None,
        table_uri: str | None = None,
        column: str | None = None,
        text_uris: str | Sequence[str] | None = None,
        video_uri: str | Sequence[str] | None = None,
        frames_per_second: float | None = None,
        suffixes: Sequence[str] = (),
        data_key: str = "",
        exclude_labeled_in: Sequence[Any] | str = (),
        label_attribute_name: str | None = None,
        object_keys: Sequence[str] | None = None,
        max_objects: int | None = None,
        choose: str = "first",
        shard_size: int | None = None,
        skip_if_empty: bool = True,
        **kwargs: Any,
    ) -> None:
        given = locals()
        super().__init__(**kwargs)
        self.keep(given)
        check_choice("choose", choose, _CHOICES)
        # Raises errors while the Dag file is parsed.
        ObjectKeys(object_keys)
        for name, value in (("max_objects", max_objects), ("shard_size", shard_size)):
            if value is not None and value < 1:
                raise ValueError(f"{name} must be at least 1, not {value}")
        self._check_source()

    def _check_source(self) -> None:
        """Checked again after rendering, because an empty template removes its argument."""
        sources = (self.prefix_uri, self.objects, self.table_uri, self.text_uris, self.video_uri)
        if sum(source is not None for source in sources) != 1:
            raise ValueError("set exactly one of prefix_uri, objects, table_uri, text_uris and video_uri")
        if self.frames_per_second is not None and self.video_uri is None:
            raise ValueError("frames_per_second needs video_uri")
        if (self.table_uri is None) != (self.column is None):
            raise ValueError("set table_uri and column together")

    def execute(self, context: Context) -> dict[str, Any] | list[str]:
        """Build the manifest."""
        self.read_arguments()
        self._check_source()
        if self.frames_per_second is not None and not 0 < self.frames_per_second < math.inf:
            raise ValueError(f"frames_per_second must be more than 0, not {self.frames_per_second}")
        from labeling_provider.manifest.building import Building

        labels = [self.label_attribute_name] if self.label_attribute_name else []
        with closing(self.manifests.known(self._earlier(), self.label_attribute_name, self.object_keys)) as known:
            building = Building(known, self.data_key, ObjectKeys(self.object_keys, labels))
            lines = building.lines(self._objects(), self.max_objects, self.choose)  # type: ignore[arg-type]
            max_lines = self.shard_size or self.max_objects or 1 << 62
            written = self.manifests.write_shards(lines, max_lines, self._place)
        counts, objects = building.counts, sum(written.values())
        if not objects:
            objects_found = counted(counts["found"], "object")
            message = f"there is nothing to label: {objects_found} found, {counts['known']:,} of them known"
            raise AirflowSkipException(message) if self.skip_if_empty else LabelingError(message)
        self.log.info(
            "%s objects in %s manifests; %s were found, %s of them are known",
            *(objects, len(written), counts["found"], counts["known"]),
        )
        self.lineage_inputs, self.lineage_outputs = (
            [uri for uri in (self.prefix_uri, self.table_uri) if uri],
            [*written],
        )
        result = {
            "manifest_uri": self.manifest_uri,
            "objects": objects,
            "found": counts["found"],
            "known": counts["known"],
            "left_out": counts["found"] - counts["known"] - objects,
            "empty": counts["empty"],
        }
        context["ti"].xcom_push(key=BUILT_KEY, value=result)
        return list(written) if self.shard_size else result

    def _earlier(self) -> Iterator[str]:
        """The earlier manifests; a prefix may have none."""
        uris = manifest_uris_of(self.exclude_labeled_in)
        prefix = next((uri for uri in uris if uri.endswith("/")), None)
        if prefix and not self.label_attribute_name:
            raise LabelingError(f"exclude_labeled_in={prefix!r} is a prefix, which needs label_attribute_name; set it.")
        yield from self.manifests_at(uris)

    def _place(self, number: int) -> str:
        if number == 1:
            return self.manifest_uri
        folder, _, name = self.manifest_uri.rpartition("/")
        stem, dot, ending = name.partition(".")
        return f"{folder}/{stem}-{number}{dot}{ending}"

    def _objects(self) -> Iterator[Candidate]:
        from labeling_provider.client.listing import list_uris
        from labeling_provider.manifest.building import Candidate, column_objects, text_objects

        if self.prefix_uri is not None:
            for uri in list_uris(self.ground_truth.objects, self.prefix_uri, self.suffixes):
                yield Candidate({"source-ref": uri}, uri)
        elif self.table_uri is not None:
            yield from column_objects(self.manifests.files, self.table_uri, str(self.column), self.data_key)
        elif self.text_uris is not None:
            for uri in _listed(self.text_uris):
                yield from text_objects(self.manifests.files, uri)
        elif self.video_uri is not None:
            yield from self._sequences()
        else:
            for number, given in enumerate(self.objects or (), 1):
                yield Candidate.of(given, f"object {number}", self.data_key)

    def _sequences(self) -> Iterator[Candidate]:
        """The sequences of frames extracted from videos."""
        from labeling_provider.client.video_frames import extract_frames
        from labeling_provider.manifest.building import Candidate

        folder = f"{self.manifest_uri.rpartition('/')[0]}/frames"
        for video in _listed(self.video_uri or ()):
            for uri in extract_frames(self.ground_truth.objects, video, folder, self.frames_per_second):
                self.log.info("%s: frames of %s", uri, video)
                yield Candidate({"source-ref": uri, "video-ref": video}, uri)


def _listed(given: str | Sequence[str]) -> Sequence[str]:
    return [given] if isinstance(given, str) else given

"""Data in and out of labeling: manifests are built, checked, merged and split."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Final

from airflow.sdk.exceptions import AirflowSkipException

from labeling_provider.errors import LabelingError
from labeling_provider.groundtruth.objects import ObjectKeys
from labeling_provider.operators import arguments
from labeling_provider.operators.base import LabelingTask, check_choice
from labeling_provider.operators.lineage import Lineage
from labeling_provider.xcoms import BUILT_KEY

if TYPE_CHECKING:
    from airflow.sdk import BaseOperatorLink, Context

    from labeling_provider.manifest import Manifests
    from labeling_provider.manifest.building import DataObject

_CHOICES: Final = ("first", "random")
_MANIFEST_ENDINGS: Final = (".manifest", ".manifest.gz")
_ON_PROBLEMS: Final = ("fail", "warn")


class ManifestTask(Lineage, LabelingTask):
    """Base of all tasks on manifests."""

    operator_extra_links: Collection[BaseOperatorLink] = ()

    @cached_property
    def manifests(self) -> Manifests:
        """Manifests in S3, by this task's connection."""
        from labeling_provider.manifest import Manifests

        return Manifests(self.ground_truth.objects)

    def manifests_at(self, uris: Iterable[str]) -> Iterator[str]:
        """URIs of manifests; one that ends with ``/`` is a prefix that any number of them may be under."""
        from labeling_provider.client.listing import list_uris

        for uri in uris:
            if uri.endswith("/"):
                yield from list_uris(self.ground_truth.objects, uri, _MANIFEST_ENDINGS)
            else:
                yield uri


class BuildManifestOperator(ManifestTask):
    """Write a manifest of data objects, and only of those that no earlier manifest has labeled.

    Give one source: ``prefix_uri``, ``objects``, ``table_uri`` with ``column``, or ``text_uris``. An object that comes
    twice is in the manifest once; lines of one source that differ in another key, such as a page, are several objects.
    If nothing is left, the task is skipped, and what follows with it.

    Returns ``manifest_uri``, ``objects`` (how many it has), ``found`` (how many were found), ``known`` (how many of
    these are labeled or came twice), ``left_out`` (how many were not chosen) and ``empty`` (how many lines or rows hold
    nothing). With ``shard_size`` it returns the list of manifests instead, so that a task can be mapped over it, one
    labeling job each; the counts are in the XCom ``labeling_manifest`` in both cases.

    Takes the connection arguments of :class:`labeling_provider.operators.base.LabelingTask` as well.

    :param manifest_uri: where to write it (templated). With ``shard_size`` the further ones bear a number.
    :param prefix_uri: ``s3://bucket/prefix``: every object under it (templated).
    :param objects: texts, S3 URIs, or whole lines (templated), such as what an upstream task returns.
    :param table_uri: a CSV file with a header, or a ``.parquet`` file (templated).
    :param column: the table's column with the texts or S3 URIs (templated).
    :param text_uris: files of which each line is a text to label (templated).
    :param suffixes: how the keys of wanted objects end, with ``prefix_uri``; any if there are none.
    :param data_key: ``source`` or ``source-ref``; by default a value that begins with ``s3://`` is a reference.
    :param exclude_labeled_in: earlier output manifests, which must be there, or prefixes that end with ``/`` and may
        hold any number of them, such as the ``output_uri`` of the labeling jobs (templated).
    :param label_attribute_name: the label that counts there; without it, every object in them does (templated).
    :param object_keys: keys that tell objects apart, such as ``["source-ref", "page"]``; None for all that a line says
        besides its labels.
    :param max_objects: how many objects at most; None for all.
    :param choose: which of them: the ``first`` in their order, or ``random`` ones, which are always the same.
    :param shard_size: most objects of one manifest; None for one manifest.
    :param skip_if_empty: whether to skip rather than fail when there is nothing to label.
    :raises ManifestError: if an object can't be a line, or an earlier manifest is wrong.
    :raises LabelingError: if the source can't be read, or nothing is left and that is an error.
    """

    argument_kinds: ClassVar[Mapping[str, arguments.Kind]] = {
        "manifest_uri": arguments.required(arguments.name),
        "prefix_uri": arguments.name,
        "objects": arguments.objects,
        "table_uri": arguments.name,
        "column": arguments.name,
        "text_uris": arguments.one_or_list(arguments.name),
        "exclude_labeled_in": arguments.sources,
        "label_attribute_name": arguments.name,
        **arguments.CONNECTION,
    }
    template_fields: Sequence[str] = tuple(argument_kinds)

    def __init__(
        self,
        *,
        manifest_uri: str,
        prefix_uri: str | None = None,
        objects: Sequence[str | Mapping[str, Any]] | None = None,
        table_uri: str | None = None,
        column: str | None = None,
        text_uris: str | Sequence[str] | None = None,
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
        super().__init__(**kwargs)
        check_choice("choose", choose, _CHOICES)
        # Raises while the DAG file is parsed.
        ObjectKeys(object_keys)
        for name, value in (("max_objects", max_objects), ("shard_size", shard_size)):
            if value is not None and value < 1:
                raise ValueError(f"{name} must be at least 1, not {value}")
        self.manifest_uri = manifest_uri
        self.prefix_uri = prefix_uri
        self.objects = objects
        self.table_uri = table_uri
        self.column = column
        self.text_uris = text_uris
        self.suffixes = suffixes
        self.data_key = data_key
        self.exclude_labeled_in = exclude_labeled_in
        self.label_attribute_name = label_attribute_name
        self.object_keys = object_keys
        self.max_objects = max_objects
        self.choose = choose
        self.shard_size = shard_size
        self.skip_if_empty = skip_if_empty
        self._check_source()

    def _check_source(self) -> None:
        """Also after templates are rendered: an empty one leaves its argument out."""
        if sum(source is not None for source in (self.prefix_uri, self.objects, self.table_uri, self.text_uris)) != 1:
            raise ValueError("give one of prefix_uri, objects, table_uri and text_uris")
        if (self.table_uri is None) != (self.column is None):
            raise ValueError("table_uri and column go together")

    def execute(self, context: Context) -> dict[str, Any] | list[str]:
        """Build it."""
        self.read_arguments()
        self._check_source()
        from labeling_provider.manifest.building import Building

        labels = [self.label_attribute_name] if self.label_attribute_name else []
        with closing(self.manifests.known(self._earlier(), self.label_attribute_name, self.object_keys)) as known:
            building = Building(known, self.data_key, ObjectKeys(self.object_keys, labels))
            lines = building.lines(self._objects(), self.max_objects, self.choose)  # type: ignore[arg-type]
            most = self.shard_size or self.max_objects or 1 << 62
            written = self.manifests.write_shards(lines, most, self._place)
        found, seen, objects = building.counts["found"], building.counts["known"], sum(written.values())
        if not objects:
            message = f"there is nothing to label: {found:,} objects were found, and {seen:,} are known"
            raise AirflowSkipException(message) if self.skip_if_empty else LabelingError(message)
        self.log.info("%s objects in %s manifests; %s were found, %s are known", objects, len(written), found, seen)
        self.lineage_inputs, self.lineage_outputs = (
            [uri for uri in (self.prefix_uri, self.table_uri) if uri],
            [*written],
        )
        result = {
            "manifest_uri": self.manifest_uri,
            "objects": objects,
            "found": found,
            "known": seen,
            "left_out": found - seen - objects,
            "empty": building.counts["empty"],
        }
        context["ti"].xcom_push(key=BUILT_KEY, value=result)
        return list(written) if self.shard_size else result

    def _earlier(self) -> Iterator[str]:
        """The earlier manifests; those under a prefix may be none."""
        uris = manifest_uris_of(self.exclude_labeled_in)
        prefix = next((uri for uri in uris if uri.endswith("/")), None)
        if prefix and not self.label_attribute_name:
            raise LabelingError(f"exclude_labeled_in={prefix!r} is a prefix: say which label, by label_attribute_name.")
        yield from self.manifests_at(uris)

    def _place(self, number: int) -> str:
        if number == 1:
            return self.manifest_uri
        folder, _, name = self.manifest_uri.rpartition("/")
        stem, dot, ending = name.partition(".")
        return f"{folder}/{stem}-{number}{dot}{ending}"

    def _objects(self) -> Iterator[DataObject]:
        from labeling_provider.client.listing import list_uris
        from labeling_provider.manifest.building import DataObject, column_objects, data_object, text_objects

        if self.prefix_uri is not None:
            for uri in list_uris(self.ground_truth.objects, self.prefix_uri, self.suffixes):
                yield DataObject({"source-ref": uri}, uri)
        elif self.table_uri is not None:
            yield from column_objects(self.manifests.files, self.table_uri, str(self.column), self.data_key)
        elif self.text_uris is not None:
            for uri in [self.text_uris] if isinstance(self.text_uris, str) else self.text_uris:
                yield from text_objects(self.manifests.files, uri)
        else:
            for number, given in enumerate(self.objects or (), 1):
                yield data_object(given, f"object {number}", self.data_key)


class ValidateManifestOperator(ManifestTask):
    """Look at every line of a manifest, at its objects and at their buckets, and report everything that is wrong.

    Up to 1,000 objects are looked at, all of them or a random sample. What this connection may not see is only logged.

    Returns ``manifest_uri``, ``lines``, ``labeled``, ``unlabeled``, ``failed``, ``classes`` and ``problems``.

    Takes the connection arguments of :class:`labeling_provider.operators.base.LabelingTask` as well.

    :param manifest_uri: the manifest, or the result of a task that made it (templated).
    :param task_type: the kind of work that it is meant for, which decides what its objects must be like; None for any.
    :param label_attribute_name: count this label, and look at its metadata too (templated).
    :param on_problems: ``fail`` or ``warn``.
    :param fix_cors: add the CORS rule that workers' browsers need to the buckets that lack it.
    :raises InvalidManifestError: with every problem.
    :raises LabelingError: if the manifest can't be read.
    """

    argument_kinds: ClassVar[Mapping[str, arguments.Kind]] = {
        "manifest_uri": arguments.required(arguments.source),
        "label_attribute_name": arguments.name,
        **arguments.CONNECTION,
    }
    template_fields: Sequence[str] = tuple(argument_kinds)

    def __init__(
        self,
        *,
        manifest_uri: Any,
        task_type: str | None = None,
        label_attribute_name: str | None = None,
        on_problems: str = "fail",
        fix_cors: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        check_choice("on_problems", on_problems, _ON_PROBLEMS)
        self.manifest_uri = manifest_uri
        # BaseOperator.task_type is the name of the operator class.
        self.labeling_type = task_type
        self.label_attribute_name = label_attribute_name
        self.on_problems = on_problems
        self.fix_cors = fix_cors

    def execute(self, context: Context) -> dict[str, Any]:
        """Look at it."""
        self.read_arguments()
        from labeling_provider.errors import InvalidManifestError, Problem
        from labeling_provider.groundtruth.task_types import TASK_TYPES
        from labeling_provider.jobs.surroundings import Inspection, LineSample
        from labeling_provider.manifest import check_manifest

        (uri,) = manifest_uris_of([self.manifest_uri])
        if self.labeling_type and self.labeling_type not in TASK_TYPES:
            raise LabelingError(f"{self.labeling_type!r} is not a task type; choose one of {', '.join(TASK_TYPES)}.")
        self.lineage_inputs = [uri]
        kind = TASK_TYPES.get(self.labeling_type or "")
        sample = LineSample(uri)
        report = check_manifest(
            sample.through(self.manifests.files.lines(uri)),
            data_key=kind.data_key if kind else "",
            label_attribute=self.label_attribute_name,
            metadata=True,
        )
        inspection = Inspection(self.ground_truth, kind, fix_cors=self.fix_cors)
        inspection.of_manifest(uri, sample)
        problems = [Problem("manifest_uri", f"{uri} {problem}.", "") for problem in report.problems]
        if report.more_problems:
            problems.append(Problem("manifest_uri", f"{report.more_problems:,} further lines are wrong.", ""))
        problems.extend(inspection.problems)
        if inspection.unseen:
            self.log.info("This connection can't look at %s", ", ".join(inspection.unseen))
        for told in (*inspection.remarks, *problems):
            self.log.warning("%s", told)
        if problems and self.on_problems == "fail":
            raise InvalidManifestError(uri, problems)
        return {
            "manifest_uri": uri,
            "lines": report.lines,
            "labeled": report.labeled,
            "unlabeled": report.unlabeled,
            "failed": report.failed,
            "classes": dict(report.classes),
            "problems": [str(problem) for problem in problems],
        }


class MergeManifestsOperator(ManifestTask):
    """Put manifests together: each object once, with the newest of each of its labels.

    Returns ``{"manifest_uri": …, "lines": …, "repeated": …, "objects": …}``: how many lines came in, how many of them
    were about an object that was there already, and how many objects went out; with ``prefer_job`` also ``preferred``:
    how many lines have a label of that job; and ``undated`` if labels have a date that can't be read. Lines of one
    source that differ in another key, such as a page, are several objects.

    Takes the connection arguments of :class:`labeling_provider.operators.base.LabelingTask` as well.

    :param manifest_uris: the manifests, or prefixes that end with ``/`` and may hold any number of them, or results of
        tasks that made them, such as a mapped ``CreateLabelingJobOperator``; that of a task that was skipped is none
        (templated).
    :param merged_uri: where to write the one manifest (templated).
    :param prefer_job: name of the labeling job whose labels win over newer ones (templated). If no line has a label of
        it, that is logged as a warning.
    :param object_keys: keys that tell objects apart, such as ``["source-ref", "page"]``; None for all that a line says
        besides its labels.
    :raises ManifestError: if lines are wrong, or a class number means two classes.
    """

    argument_kinds: ClassVar[Mapping[str, arguments.Kind]] = {
        "manifest_uris": arguments.required(arguments.sources),
        "merged_uri": arguments.required(arguments.name),
        "prefer_job": arguments.name,
        **arguments.CONNECTION,
    }
    template_fields: Sequence[str] = tuple(argument_kinds)

    def __init__(
        self,
        *,
        manifest_uris: Any,
        merged_uri: str,
        prefer_job: str | None = None,
        object_keys: Sequence[str] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        # Raises while the DAG file is parsed.
        ObjectKeys(object_keys)
        self.manifest_uris = manifest_uris
        self.merged_uri = merged_uri
        self.prefer_job = prefer_job
        self.object_keys = object_keys

    def execute(self, context: Context) -> dict[str, Any]:
        """Merge them."""
        self.read_arguments()
        given = [self.manifest_uris] if isinstance(self.manifest_uris, str | Mapping) else self.manifest_uris
        uris = list(self.manifests_at(manifest_uris_of([result for result in given if result is not None])))
        self.lineage_inputs, self.lineage_outputs = uris, [self.merged_uri]
        counts = self.manifests.merge(uris, self.merged_uri, self.prefer_job, self.object_keys)
        self.log.info("%s lines of %s manifests: %s objects", counts["lines"], len(uris), counts["objects"])
        if self.prefer_job and not counts["preferred"]:
            self.log.warning("No line has a label of the labeling job that is preferred, %r", self.prefer_job)
        for problem in counts.problems:
            self.log.warning("%s", problem)
        return {"manifest_uri": self.merged_uri, **counts}


class SplitManifestOperator(ManifestTask):
    """Divide a manifest into sets, such as train, validation and test; an object never moves from one to another.

    What has one source, such as the pages of a document or the crops of a picture, stays together, or what a model was
    trained on would leak into its test.

    Returns ``{"manifest_uris": {SET: …}, "objects": {SET: …}, "classes": {SET: {CLASS: …}}, "left_out": …}``.

    Takes the connection arguments of :class:`labeling_provider.operators.base.LabelingTask` as well.

    :param manifest_uri: the manifest, or the result of a task that made it (templated).
    :param output_uri: where to write ``SET.manifest`` for each set (templated).
    :param fractions: the sets and their shares, which add up to 1 (templated).
    :param seed: another one divides otherwise (templated).
    :param label_attribute_name: count the classes of this label (templated).
    :param min_confidence: leave objects out whose label is less sure, or missing; 0 to 1.
    :param object_keys: divide by these keys instead of the source, such as ``["source-ref", "page"]``.
    :raises ManifestError: if lines are wrong.
    """

    argument_kinds: ClassVar[Mapping[str, arguments.Kind]] = {
        "manifest_uri": arguments.required(arguments.source),
        "output_uri": arguments.required(arguments.name),
        "fractions": arguments.required(arguments.mapping_of(arguments.required(arguments.number))),
        "seed": arguments.required(arguments.text),
        "label_attribute_name": arguments.name,
        **arguments.CONNECTION,
    }
    template_fields: Sequence[str] = tuple(argument_kinds)

    def __init__(
        self,
        *,
        manifest_uri: Any,
        output_uri: str,
        fractions: Mapping[str, float],
        seed: str = "",
        label_attribute_name: str | None = None,
        min_confidence: float | None = None,
        object_keys: Sequence[str] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        # Raises while the DAG file is parsed.
        ObjectKeys(object_keys)
        if min_confidence is not None and label_attribute_name is None:
            raise ValueError("min_confidence needs label_attribute_name")
        self.manifest_uri = manifest_uri
        self.output_uri = output_uri
        self.fractions = fractions
        self.seed = seed
        self.label_attribute_name = label_attribute_name
        self.min_confidence = min_confidence
        self.object_keys = object_keys

    def execute(self, context: Context) -> dict[str, Any]:
        """Divide it."""
        self.read_arguments()
        from labeling_provider.groundtruth.uris import join_s3_uri
        from labeling_provider.manifest import Filter, Split

        split = Split({name: float(share) for name, share in self.fractions.items()}, self.seed, self.object_keys)
        places = {name: join_s3_uri(self.output_uri, f"{name}.manifest") for name in split.names}
        keep = None if self.min_confidence is None else Filter(min_confidence=self.min_confidence)
        (source,) = manifest_uris_of([self.manifest_uri])
        self.lineage_inputs, self.lineage_outputs = [source], list(places.values())
        parts, left_out = self.manifests.split(source, split, places, self.label_attribute_name, keep)
        for name, part in parts.items():
            self.log.info("%s: %s objects %s", name, part.objects, part.classes or "")
        return {
            "manifest_uris": places,
            "objects": {name: part.objects for name, part in parts.items()},
            "classes": {name: part.classes for name, part in parts.items()},
            "left_out": left_out,
        }


class ExportLabelsOperator(ManifestTask):
    """Write labels in a format that trainings read.

    Returns ``output_uri``, ``format``, ``objects`` (how many each set has), ``unlabeled``, ``failed``, ``left_out``
    (lines that are wrong or can't be written in this format), ``classes`` (their names by number), ``notes`` (how often
    a box was cut, …), ``problems``, and with ``sagemaker-pipe`` ``channels`` and ``hyperparameters`` for the training.

    Takes the connection arguments of :class:`labeling_provider.operators.base.LabelingTask` as well.

    :param manifest_uri: the manifest, the result of a task that made one, or that of ``SplitManifestOperator``, whose
        sets are exported together (templated). One manifest alone is the set ``train``.
    :param output_uri: the folder to write to (templated).
    :param format: ``coco``, ``yolo``, ``pascal-voc`` (boxes), ``csv``, ``parquet`` (classes), ``jsonl``, ``conll``
        (entities), ``huggingface`` (all of these) or ``sagemaker-pipe`` (boxes, classes, segmentation) (templated).
    :param label_attribute_name: the label (templated); by default that of the labeling job whose result
        ``manifest_uri`` is.
    :param classes: names of all classes in the order of their numbers; by default the numbers of the labeling jobs
        (templated).
    :param copy_pictures: copy the pictures into the folder too; ``huggingface`` always does.
    :param keep_formulas: for ``csv``, leave texts as they are that a spreadsheet would reckon as formulas; by default
        an apostrophe is put before them.
    :param on_problems: ``fail`` or ``warn`` when lines were left out; either way the export is written.
    :raises LabelingError: if lines were left out and that is an error, or something can't be read or written.
    """

    argument_kinds: ClassVar[Mapping[str, arguments.Kind]] = {
        "manifest_uri": arguments.required(arguments.source),
        "output_uri": arguments.required(arguments.name),
        "format": arguments.required(arguments.name),
        "label_attribute_name": arguments.name,
        "classes": arguments.texts,
        **arguments.CONNECTION,
    }
    template_fields: Sequence[str] = tuple(argument_kinds)

    def __init__(
        self,
        *,
        manifest_uri: Any,
        output_uri: str,
        format: str,
        label_attribute_name: str | None = None,
        classes: Sequence[str] | None = None,
        copy_pictures: bool = False,
        keep_formulas: bool = False,
        on_problems: str = "fail",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        check_choice("on_problems", on_problems, _ON_PROBLEMS)
        self.manifest_uri = manifest_uri
        self.output_uri = output_uri
        self.format = format
        self.label_attribute_name = label_attribute_name
        self.classes = classes
        self.copy_pictures = copy_pictures
        self.keep_formulas = keep_formulas
        self.on_problems = on_problems

    def execute(self, context: Context) -> dict[str, Any]:
        """Export them."""
        self.read_arguments()
        sets = _sets(self.manifest_uri)
        self.lineage_inputs, self.lineage_outputs = list(sets.values()), [self.output_uri]
        export = self.manifests.export(
            sets,
            label_attribute_of(self.label_attribute_name, self.manifest_uri),
            self.format,
            self.output_uri,
            classes=self.classes,
            copy_pictures=self.copy_pictures,
            keep_formulas=self.keep_formulas,
        )
        self.log.info("%s, %s unlabeled, %s failed", export.objects, export.unlabeled, export.failed)
        for note, count in export.notes.items():
            self.log.warning("%s: %s", note.replace("_", " "), count)
        problems = [f"{where}, {problem}" for where, problem in export.problems]
        for problem in problems:
            self.log.warning("Left out: %s", problem)
        if export.left_out and self.on_problems == "fail":
            raise LabelingError(
                f"{export.left_out:,} lines can't be exported as {self.format} to {self.output_uri}: "
                + "; ".join(problems)
                + (f"; and {export.more_problems:,} more" if export.more_problems else "")
            )
        return {
            "output_uri": self.output_uri,
            "format": self.format,
            "objects": export.objects,
            "unlabeled": export.unlabeled,
            "failed": export.failed,
            "left_out": export.left_out,
            "classes": export.classes,
            "notes": export.notes,
            "problems": problems,
            **export.training,
        }


def _sets(given: Any) -> dict[str, str]:
    """Manifests by set, out of what a task was given."""
    sets = given.get("manifest_uris") if isinstance(given, Mapping) else None
    if not isinstance(sets, Mapping):
        (uri,) = manifest_uris_of([given])
        return {"train": uri}
    return dict(zip(sets, manifest_uris_of(list(sets.values())), strict=True))


def label_attribute_of(given: str | None, source: Any) -> str:
    """The label attribute that was given, or that of the labeling job whose result the manifest is."""
    attribute = given or (source.get("label_attribute_name") if isinstance(source, Mapping) else None)
    if not isinstance(attribute, str):
        raise LabelingError("Give label_attribute_name: the manifest does not come from a labeling job's result.")
    return attribute


def manifest_uris_of(given: Any) -> list[str]:
    """URIs of manifests out of what a task was given: URIs, or results that name one."""
    uris = []
    for manifest in [given] if isinstance(given, str | Mapping) else given:
        uri = (
            manifest.get("output_manifest_uri") or manifest.get("manifest_uri")
            if isinstance(manifest, Mapping)
            else manifest
        )
        if not isinstance(uri, str):
            raise LabelingError(
                f"{str(manifest)[:200]} names no manifest: it has no output_manifest_uri and no manifest_uri."
            )
        uris.append(uri)
    return uris

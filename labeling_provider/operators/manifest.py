"""Operators on manifests: build, validate, merge, split, export."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from labeling_provider.errors import LabelingError, check_choice, counted
from labeling_provider.groundtruth.objects import ObjectKeys
from labeling_provider.operators import arguments
from labeling_provider.operators.build_manifest import BuildManifestOperator as BuildManifestOperator
from labeling_provider.operators.export_labels import ExportLabelsOperator as ExportLabelsOperator
from labeling_provider.operators.filter_manifest import FilterManifestOperator as FilterManifestOperator
from labeling_provider.operators.manifest_task import ON_PROBLEMS, ManifestTask, manifest_uris_of

if TYPE_CHECKING:
    from airflow.sdk import Context


class ValidateManifestOperator(ManifestTask):
    """Check every line of a manifest, its objects and their buckets, and report everything that is wrong.

    Up to 1,000 objects are checked: all of them, or a random sample. What this connection may not check is only logged.

    Returns ``manifest_uri``, ``lines``, ``labeled``, ``unlabeled``, ``failed``, ``classes`` and ``problems``.

    Takes the connection arguments of :class:`labeling_provider.operators.base.LabelingTask` as well.

    :param manifest_uri: the manifest, or the result of a task that wrote it (templated).
    :param task_type: the task type, which decides on the requirements for the objects; None for any.
    :param label_attribute_name: count this label, and check its metadata (templated).
    :param on_problems: what to do about problems: ``fail`` or ``warn``.
    :param fix_cors: add the CORS rule that workers' browsers need to the buckets that lack it.
    :raises InvalidManifestError: with every problem.
    :raises LabelingError: if the manifest can't be read, or the task type does not exist.
    """

    argument_kinds: ClassVar[Mapping[str, arguments.ArgumentKind]] = {
        "manifest_uri": arguments.required(arguments.source),
        "label_attribute_name": arguments.name,
        **arguments.CONNECTION,
    }
    template_fields: Sequence[str] = tuple(argument_kinds)

    manifest_uri: Any
    label_attribute_name: str | None
    on_problems: str
    fix_cors: bool

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
        given = locals()
        super().__init__(**kwargs)
        # BaseOperator.task_type is the name of the operator class.
        self.labeling_type = given.pop("task_type")
        self.keep(given)
        check_choice("on_problems", on_problems, ON_PROBLEMS)

    def execute(self, context: Context) -> dict[str, Any]:
        """Check the manifest."""
        self.read_arguments()
        from labeling_provider.errors import InvalidManifestError, Problem
        from labeling_provider.groundtruth.task_types import TASK_TYPES
        from labeling_provider.jobs.input_objects import LineSample
        from labeling_provider.jobs.surroundings import Inspection
        from labeling_provider.manifest import check_manifest

        (uri,) = manifest_uris_of([self.manifest_uri])
        if self.labeling_type and self.labeling_type not in TASK_TYPES:
            raise LabelingError(f"{self.labeling_type!r} is not a task type; choose one of {', '.join(TASK_TYPES)}.")
        self.lineage_inputs = [uri]
        task_type = TASK_TYPES.get(self.labeling_type or "")
        sample = LineSample(uri)
        report = check_manifest(
            sample.through(self.manifests.files.lines(uri)),
            data_key=task_type.data_key if task_type else "",
            label_attribute=self.label_attribute_name,
            metadata=True,
        )
        inspection = Inspection(self.ground_truth, task_type, fix_cors=self.fix_cors)
        inspection.of_manifest(uri, sample)
        problems = [Problem("manifest_uri", f"{uri} {problem}.", "") for problem in report.problems]
        if report.more_problems:
            problems.append(Problem("manifest_uri", f"{counted(report.more_problems, 'more wrong line')}.", ""))
        problems.extend(inspection.problems)
        if inspection.unseen:
            self.log.info("This connection can't check %s", ", ".join(inspection.unseen))
        for message in (*inspection.remarks, *problems):
            self.log.warning("%s", message)
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
    """Merge manifests: each object once, with the newest of each of its labels.

    Lines with the same source that differ in another key, such as a page, are different objects.

    Returns ``{"manifest_uri": …, "lines": …, "repeated": …, "objects": …}``: the number of lines read, how many of them
    repeated an object, and the number of objects written. With ``prefer_job`` also ``preferred``, the number of lines
    with a label from that job; with ``adjusted_in`` also ``adjusted``, the number of labels that adjusted ones replace;
    and ``undated``, if there are labels whose date can't be read.

    Takes the connection arguments of :class:`labeling_provider.operators.base.LabelingTask` as well.

    :param manifest_uris: the manifests, prefixes that end with ``/`` and may contain any number of manifests, or
        results of tasks that wrote manifests, such as a mapped ``CreateLabelingJobOperator``; those of skipped tasks
        are ignored (templated).
    :param merged_uri: where to write the merged manifest (templated).
    :param prefer_job: name of the labeling job whose labels win over newer ones (templated). A warning is logged if no
        line has a label from it.
    :param object_keys: keys that identify an object, such as ``["source-ref", "page"]``; None for all input keys.
    :param adjusted_in: label attributes, each with the attribute under which an adjustment has written its labels, such
        as ``{"boxes": "boxes-adjusted"}``. An adjusted label takes the place of the one that it adjusts, unless that
        one is newer (templated).
    :raises ManifestError: if lines can't be read, or a class id has two meanings.
    """

    argument_kinds: ClassVar[Mapping[str, arguments.ArgumentKind]] = {
        "manifest_uris": arguments.required(arguments.sources),
        "merged_uri": arguments.required(arguments.name),
        "prefer_job": arguments.name,
        "adjusted_in": arguments.mapping_of(arguments.required(arguments.name)),
        **arguments.CONNECTION,
    }
    template_fields: Sequence[str] = tuple(argument_kinds)

    manifest_uris: Any
    merged_uri: str
    prefer_job: str | None
    object_keys: Sequence[str] | None
    adjusted_in: Mapping[str, str] | None

    def __init__(
        self,
        *,
        manifest_uris: Any,
        merged_uri: str,
        prefer_job: str | None = None,
        object_keys: Sequence[str] | None = None,
        adjusted_in: Mapping[str, str] | None = None,
        **kwargs: Any,
    ) -> None:
        given = locals()
        super().__init__(**kwargs)
        self.keep(given)
        # Raises errors while the Dag file is parsed.
        ObjectKeys(object_keys)

    def execute(self, context: Context) -> dict[str, Any]:
        """Merge the manifests."""
        self.read_arguments()
        given = [self.manifest_uris] if isinstance(self.manifest_uris, str | Mapping) else self.manifest_uris
        uris = list(self.manifests_at(manifest_uris_of([result for result in given if result is not None])))
        self.lineage_inputs, self.lineage_outputs = uris, [self.merged_uri]
        counts = self.manifests.merge(uris, self.merged_uri, self.prefer_job, self.object_keys, self.adjusted_in)
        self.log.info("%s lines in %s manifests: %s objects", counts["lines"], len(uris), counts["objects"])
        if self.prefer_job and not counts["preferred"]:
            self.log.warning("No line has a label from the preferred labeling job %r", self.prefer_job)
        for problem in counts.problems:
            self.log.warning("%s", problem)
        return {"manifest_uri": self.merged_uri, **counts}


class SplitManifestOperator(ManifestTask):
    """Split a manifest into sets, such as train, validation and test. An object always stays in its set.

    Objects with the same source, such as the pages of a document or the crops of a picture, stay together; otherwise
    training data would leak into the test set.

    Returns ``{"manifest_uris": {SET: …}, "objects": {SET: …}, "classes": {SET: {CLASS: …}}, "left_out": …}``.

    Takes the connection arguments of :class:`labeling_provider.operators.base.LabelingTask` as well.

    :param manifest_uri: the manifest, or the result of a task that wrote it (templated).
    :param output_uri: folder in which to write ``SET.manifest`` for each set (templated).
    :param fractions: share of each set by name; the shares add up to 1 (templated).
    :param seed: a different seed gives a different split (templated).
    :param label_attribute_name: count the classes of this label (templated).
    :param min_confidence: leave out objects whose label has a lower confidence, 0 to 1, or that have no label.
    :param object_keys: split by these keys instead of the source, such as ``["source-ref", "page"]``.
    :raises ManifestError: if lines can't be read.
    """

    argument_kinds: ClassVar[Mapping[str, arguments.ArgumentKind]] = {
        "manifest_uri": arguments.required(arguments.source),
        "output_uri": arguments.required(arguments.name),
        "fractions": arguments.required(arguments.mapping_of(arguments.required(arguments.number))),
        "seed": arguments.required(arguments.text),
        "label_attribute_name": arguments.name,
        **arguments.CONNECTION,
    }
    template_fields: Sequence[str] = tuple(argument_kinds)

    manifest_uri: Any
    output_uri: str
    fractions: Mapping[str, float]
    seed: str
    label_attribute_name: str | None
    min_confidence: float | None
    object_keys: Sequence[str] | None

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
        given = locals()
        super().__init__(**kwargs)
        self.keep(given)
        # Raises errors while the Dag file is parsed.
        ObjectKeys(object_keys)
        if min_confidence is not None and label_attribute_name is None:
            raise ValueError("min_confidence needs label_attribute_name")

    def execute(self, context: Context) -> dict[str, Any]:
        """Split the manifest."""
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

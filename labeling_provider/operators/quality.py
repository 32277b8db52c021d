"""A quality gate: measures labels and lets only good ones through."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from logging import INFO, WARNING
from typing import TYPE_CHECKING, Any, ClassVar, Final

from airflow.sdk.bases.branch import BranchMixIn
from airflow.sdk.bases.xcom import BaseXCom

from labeling_provider.errors import LabelingError, PoorLabelsError, check_choice
from labeling_provider.groundtruth.layout import OUTPUT_MANIFEST, WORKER_RESPONSES
from labeling_provider.groundtruth.objects import ObjectKeys
from labeling_provider.jobs.addresses import report_url
from labeling_provider.links import QUALITY_LINK
from labeling_provider.operators import arguments
from labeling_provider.operators.manifest_task import ManifestTask, label_attribute_of, manifest_uris_of
from labeling_provider.xcoms import QUALITY_KEY

if TYPE_CHECKING:
    from airflow.sdk import Context

    from labeling_provider.quality import AnsweredJob, Quality

GOOD: Final = "good"
POOR: Final = "poor"
RELABEL: Final = "relabel"
_ON_POOR: Final = ("fail", "warn")
_JOB_MANIFEST: Final = f"/{OUTPUT_MANIFEST}"
_OF_JOB: Final = re.compile(r"(s3://.+)/manifests/[^/]+/[^/]+")
_THRESHOLDS: Final = {
    "min_labeled": ("labeled_share", "share of the objects that have a label"),
    "min_confidence": ("mean_confidence", "mean confidence"),
    "min_agreement": ("agreement", "agreement of the workers (Krippendorff's alpha)"),
    "min_worker_accuracy": ("worker_accuracy", "accuracy of the worst worker"),
    "min_golden_accuracy": ("golden_accuracy", "accuracy on golden objects"),
    "min_class_share": ("class_share", "share of the rarest class"),
}


class LabelQualityOperator(ManifestTask, BranchMixIn):
    """Measure labels, write a report, and let only good labels through.

    It measures labeled, failed and missing objects, class balance, confidence, agreement with golden labels, and the
    workers' answers: Krippendorff's alpha, and each worker's agreement with the consolidated labels. For an adjustment
    it measures what was changed, by whom, and how much. Thresholds that are None are not checked. A threshold whose
    value can't be measured is not met.

    Returns ``manifest_uri``, ``label_attribute_name``, ``verdict`` (``good``, ``poor`` or ``relabel``), ``shortfalls``,
    ``report_uri``, ``relabel_manifest_uri`` (None if there is nothing to label again), ``relabel_objects``,
    ``objects``, ``labeled``, ``failed``, ``unlabeled``, ``by_machine``, ``classes``, ``mean_confidence``,
    ``confidence`` (number of labels in 20 bins), ``agreement``, ``answers``, ``workers``, ``golden``,
    ``golden_accuracy``, ``golden_apart`` (objects with the source of a golden object but a different value in another
    key), ``id_switches`` (of tracked objects, against golden ones), ``unreadable``, ``uncompared`` (what was left
    out of the comparisons: number by reason); for labels by machine
    ``mean_machine_confidence``, ``machine_confidence``, ``machine_golden`` and ``machine_golden_accuracy``; and for an
    adjustment ``adjusted``, ``unadjusted``, ``adjustment_iou`` (mean IoU of the changed labels before and after) and
    ``golden_accuracy_before``. The same is in the XCom ``labeling_quality``, even if the task fails.

    Takes the connection arguments of :class:`labeling_provider.operators.base.LabelingTask` as well.

    :param manifest_uri: the labeled manifest, or the result of a task that wrote it (templated).
    :param label_attribute_name: the label attribute; by default the one in the result given as ``manifest_uri``
        (templated).
    :param labeling_jobs: results of the labeling jobs, or URIs of their output manifests, for the workers' answers; by
        default taken from ``manifest_uri`` (templated).
    :param classes: names of all classes, so that classes without objects count too (templated).
    :param golden_uri: a manifest of golden objects, whose right labels are known (templated).
    :param golden_attribute_name: the label attribute of the golden objects, if it differs (templated).
    :param audited_attribute_name: for the labels of an adjustment, the label attribute with the labels before, which
        they are compared with (templated).
    :param object_keys: keys that identify an object, such as ``["source-ref", "page"]``, for matching golden objects;
        None for all input keys.
    :param report_uri: where to write the report; by default in ``quality/`` in the job's output folder, otherwise next
        to the manifest (templated).
    :param min_labeled: lowest share of labeled objects, 0 to 1.
    :param min_confidence: lowest mean confidence, 0 to 1. With one worker per object Amazon reports 0.
    :param min_agreement: lowest Krippendorff's alpha, at most 1.
    :param min_worker_accuracy: lowest accuracy of the worst worker, 0 to 1.
    :param min_golden_accuracy: lowest agreement with the golden labels, 0 to 1.
    :param min_class_share: lowest share of the labeled objects for the rarest class, 0 to 1.
    :param relabel_below: write the objects with a confidence below this, 0 to 1, and those without a label, to a
        manifest without their label, for a second round; ``MergeManifestsOperator`` merges the rounds.
    :param relabel_uri: where to write that manifest; by default next to the report (templated).
    :param max_answers: most objects whose answers are read; the sample is always the same.
    :param on_poor_labels: what to do if a threshold is not met: ``fail`` or ``warn``.
    :param branches: ids of the tasks or groups to continue with for each verdict: ``good``, ``poor``, ``relabel``. A
        verdict without a branch continues with all downstream tasks; poor labels with a branch do not fail the task
        (templated).
    :raises PoorLabelsError: if a threshold is not met and that is an error.
    :raises LabelingError: if something can't be read or written.
    """

    argument_kinds: ClassVar[Mapping[str, arguments.ArgumentKind]] = {
        "manifest_uri": arguments.required(arguments.source),
        "label_attribute_name": arguments.name,
        "labeling_jobs": arguments.sources,
        "classes": arguments.texts,
        "golden_uri": arguments.name,
        "golden_attribute_name": arguments.name,
        "audited_attribute_name": arguments.name,
        "report_uri": arguments.name,
        "relabel_uri": arguments.name,
        "branches": arguments.mapping_of(arguments.one_or_list(arguments.required(arguments.name))),
        **arguments.CONNECTION,
    }
    template_fields: Sequence[str] = tuple(argument_kinds)
    operator_extra_links = (QUALITY_LINK,)
    inherits_from_skipmixin = True

    manifest_uri: Any
    label_attribute_name: str | None
    labeling_jobs: Any
    classes: Sequence[str] | None
    golden_uri: str | None
    golden_attribute_name: str | None
    audited_attribute_name: str | None
    object_keys: Sequence[str] | None
    report_uri: str | None
    relabel_below: float | None
    relabel_uri: str | None
    max_answers: int
    on_poor_labels: str
    branches: Mapping[str, str | Sequence[str]] | None

    def __init__(
        self,
        *,
        manifest_uri: Any,
        label_attribute_name: str | None = None,
        labeling_jobs: Any = None,
        classes: Sequence[str] | None = None,
        golden_uri: str | None = None,
        golden_attribute_name: str | None = None,
        audited_attribute_name: str | None = None,
        object_keys: Sequence[str] | None = None,
        report_uri: str | None = None,
        min_labeled: float | None = None,
        min_confidence: float | None = None,
        min_agreement: float | None = None,
        min_worker_accuracy: float | None = None,
        min_golden_accuracy: float | None = None,
        min_class_share: float | None = None,
        relabel_below: float | None = None,
        relabel_uri: str | None = None,
        max_answers: int = 10_000,
        on_poor_labels: str = "fail",
        branches: Mapping[str, str | Sequence[str]] | None = None,
        **kwargs: Any,
    ) -> None:
        given = locals()
        super().__init__(**kwargs)
        self.keep(given)
        check_choice("on_poor_labels", on_poor_labels, _ON_POOR)
        if unknown := set(branches or ()) - {GOOD, POOR, RELABEL}:
            raise ValueError(f"branches are for 'good', 'poor' and 'relabel', not {sorted(unknown)}")
        if min_golden_accuracy is not None and golden_uri is None:
            raise ValueError("min_golden_accuracy needs golden_uri")
        # Raises errors while the Dag file is parsed.
        ObjectKeys(object_keys)
        if max_answers < 0:
            raise ValueError(f"max_answers must be at least 0, not {max_answers}")

    def execute(self, context: Context) -> dict[str, Any]:
        """Measure, report, and decide."""
        from labeling_provider.quality import Measure
        from labeling_provider.rendering.quality_report import report_html

        self.read_arguments()
        files = self.manifests.files
        (manifest,) = manifest_uris_of([self.manifest_uri])
        attribute = label_attribute_of(self.label_attribute_name, self.manifest_uri)
        report_uri, relabel_uri = self._places(manifest)
        audited = self.audited_attribute_name
        if audited == attribute:
            raise LabelingError(
                f"audited_attribute_name: {audited!r} is the label attribute itself; name the adjusted one."
            )
        measure = Measure(files, attribute, self.classes, object_keys=self.object_keys, audited_attribute=audited)
        if self.golden_uri is not None:
            measure.add_golden(self.golden_uri, self.golden_attribute_name or attribute)
        measure.labels(manifest, self.relabel_below, relabel_uri)
        measure.answers(self._jobs())
        quality = measure.quality
        if quality.golden_apart:
            (self.log.info if quality.golden else self.log.warning)(
                "%s objects have the source of a golden object but a different value in another key; they are not "
                "compared. Set object_keys to the keys that identify an object",
                quality.golden_apart,
            )
        expected = self.golden_uri is not None and not quality.golden
        for reason, count in quality.uncompared.items():
            self.log.log(WARNING if expected else INFO, "Left out of the comparisons: %s %s", count, reason)
        shortfalls = list(self._shortfalls(quality))
        page = report_html(
            quality,
            files,
            title=manifest,
            label_attribute=attribute,
            shortfalls=shortfalls,
            audited_attribute=audited or "",
        )
        files.write_all(report_uri, [page])
        self.lineage_inputs = [uri for uri in (manifest, self.golden_uri) if uri]
        self.lineage_outputs = [report_uri, *([relabel_uri] if quality.relabel else [])]
        context["ti"].xcom_push(key=QUALITY_LINK.xcom_key, value=report_url(self.ground_truth, report_uri))
        # With on_poor_labels="warn", a second round may still improve poor labels.
        stays_poor = shortfalls and not (quality.relabel and self.on_poor_labels == "warn")
        verdict = POOR if stays_poor else RELABEL if quality.relabel else GOOD
        result = {
            "manifest_uri": manifest,
            "label_attribute_name": attribute,
            "verdict": verdict,
            "shortfalls": shortfalls,
            "report_uri": report_uri,
            "relabel_manifest_uri": relabel_uri if quality.relabel else None,
            **_measurements(quality),
        }
        context["ti"].xcom_push(key=QUALITY_KEY, value=result)
        self._decide(context, result)
        return result

    def _decide(self, context: Context, result: dict[str, Any]) -> None:
        verdict, shortfalls = result["verdict"], result["shortfalls"]
        branch = (self.branches or {}).get(verdict)
        for shortfall in shortfalls:
            self.log.warning("%s", shortfall)
        if verdict == POOR and self.on_poor_labels == "fail" and branch is None:
            raise PoorLabelsError(f"The labels are too poor: {'; '.join(shortfalls)}. See {result['report_uri']}")
        if branch is not None:
            # do_branch skips tasks by raising an exception, so the result would be lost.
            context["ti"].xcom_push(key=BaseXCom.XCOM_RETURN_KEY, value=result)
            self.do_branch(context, branch)

    def _places(self, manifest: str) -> tuple[str, str]:
        """URIs of the report and of the manifest for a second round."""
        of_job = _OF_JOB.fullmatch(manifest)
        report = self.report_uri or (f"{of_job[1]}/quality/report.html" if of_job else f"{manifest}.quality.html")
        return report, self.relabel_uri or report.removesuffix(".html") + ".relabel.manifest"

    def _jobs(self) -> Iterator[AnsweredJob]:
        """The jobs whose answers are measured."""
        from labeling_provider.client.listing import list_uris
        from labeling_provider.quality import AnsweredJob, chosen_files

        uris = list(dict.fromkeys(_manifests_of_jobs(self.labeling_jobs or self.manifest_uri)))
        jobs = [uri for uri in uris if uri.endswith(_JOB_MANIFEST)]
        if self.labeling_jobs and len(jobs) < len(uris):
            other = next(uri for uri in uris if uri not in jobs)
            raise LabelingError(
                f"labeling_jobs: {other} is not the output manifest of a labeling job (…{_JOB_MANIFEST})."
            )
        for uri in jobs:
            folder = f"{uri.removesuffix(_JOB_MANIFEST)}/{WORKER_RESPONSES}/"
            answers = list_uris(self.ground_truth.objects, folder, [".json"])
            files, count = chosen_files(answers, self.max_answers // len(jobs))
            yield AnsweredJob(uri, files, count)

    def _shortfalls(self, quality: Quality) -> Iterator[str]:
        for argument, (measured, name) in _THRESHOLDS.items():
            threshold, value = getattr(self, argument), getattr(quality, measured)
            if threshold is None:
                continue
            if value is None:
                yield f"the {name} can't be measured, but {argument} is {threshold:g}"
            elif value < threshold:
                yield f"the {name} is {value:.3f}, but {argument} is {threshold:g}"


def _measurements(quality: Quality) -> dict[str, Any]:
    """The measured values, as a JSON value."""
    changes = quality.adjustments
    return {
        "relabel_objects": quality.relabel,
        "objects": quality.objects,
        "labeled": quality.labeled,
        "failed": quality.failed,
        "unlabeled": quality.unlabeled,
        "by_machine": quality.machine.labels,
        "classes": dict(quality.classes.most_common(1_000)),
        "mean_confidence": quality.mean_confidence,
        "confidence": quality.people.histogram,
        "mean_machine_confidence": quality.machine.mean_confidence,
        "machine_confidence": quality.machine.histogram,
        "agreement": quality.agreement,
        "answers": quality.answers,
        "workers": [worker._asdict() for worker in quality.workers[:1_000]],
        "golden": quality.golden,
        "golden_accuracy": quality.golden_accuracy,
        "golden_apart": quality.golden_apart,
        "id_switches": quality.id_switches,
        "machine_golden": quality.machine.golden,
        "machine_golden_accuracy": quality.machine.golden_accuracy,
        "unreadable": quality.unreadable,
        "uncompared": dict(quality.uncompared),
        "adjusted": changes.adjusted if changes else None,
        "unadjusted": changes.unadjusted if changes else None,
        "adjustment_iou": changes.mean_overlap if changes else None,
        "golden_accuracy_before": changes.golden_accuracy if changes else None,
    }


def _manifests_of_jobs(given: Any) -> Iterator[str]:
    """Output manifests of labeling jobs, one per round."""
    for result in [given] if isinstance(given, str | Mapping) else given:
        rounds = result.get("rounds") if isinstance(result, Mapping) else None
        if rounds and len(rounds) > 1:
            yield from (uri for job in rounds if isinstance(uri := job.get("output_manifest_uri"), str))
        else:
            yield from manifest_uris_of([result])

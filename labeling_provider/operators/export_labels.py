"""Exports labels for training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from labeling_provider.errors import LabelingError, check_choice, counted
from labeling_provider.operators import arguments
from labeling_provider.operators.manifest_task import ON_PROBLEMS, ManifestTask, label_attribute_of, manifest_uris_of

if TYPE_CHECKING:
    from airflow.sdk import Context


class ExportLabelsOperator(ManifestTask):
    """Write labels in a format for training.

    Returns ``output_uri``, ``format``, ``objects`` (number of objects by set), ``unlabeled``, ``failed``, ``left_out``
    (number of lines that are wrong or can't be written in this format), ``classes`` (names in the order of their ids),
    ``notes`` (numbers of changes, such as boxes cut), ``problems``, and with ``sagemaker-pipe`` ``channels`` and
    ``hyperparameters`` for the training job.

    Takes the connection arguments of :class:`labeling_provider.operators.base.LabelingTask` as well.

    :param manifest_uri: the manifest, the result of a task that wrote one, or the result of ``SplitManifestOperator``,
        whose sets are exported together (templated). A single manifest becomes the set ``train``.
    :param output_uri: the folder to write to (templated).
    :param format: ``coco``, ``yolo`` (boxes, polygons, masks, keypoints), ``pascal-voc`` (boxes, polygons, masks),
        ``csv``, ``parquet`` (classes), ``jsonl``, ``conll`` (entities), ``huggingface`` (all of these),
        ``sagemaker-pipe`` (boxes, classes, segmentation), ``coco-video``, ``mot`` (sequences of video frames),
        ``kitti``, ``nuscenes`` (cuboids) or ``numpy`` (segmented point clouds) (templated).
    :param label_attribute_name: the label attribute; by default the one in the result given as ``manifest_uri``
        (templated).
    :param classes: names of all classes in the order of their ids; by default the ids of the labeling jobs are kept
        (templated).
    :param copy_pictures: also copy the pictures into the folder; ``huggingface`` always does.
    :param keep_formulas: for ``csv``, leave cells unchanged that a spreadsheet would run as formulas; by default an
        apostrophe is put before them.
    :param on_problems: whether to ``fail`` or ``warn`` if lines were left out; the export is written in either case.
    :raises LabelingError: if lines were left out and that is an error, or something can't be read or written.
    """

    argument_kinds: ClassVar[Mapping[str, arguments.ArgumentKind]] = {
        "manifest_uri": arguments.required(arguments.source),
        "output_uri": arguments.required(arguments.name),
        "format": arguments.required(arguments.name),
        "label_attribute_name": arguments.name,
        "classes": arguments.texts,
        **arguments.CONNECTION,
    }
    template_fields: Sequence[str] = tuple(argument_kinds)

    manifest_uri: Any
    output_uri: str
    format: str
    label_attribute_name: str | None
    classes: Sequence[str] | None
    copy_pictures: bool
    keep_formulas: bool
    on_problems: str

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
        given = locals()
        super().__init__(**kwargs)
        self.keep(given)
        check_choice("on_problems", on_problems, ON_PROBLEMS)

    def execute(self, context: Context) -> dict[str, Any]:
        """Export the labels."""
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
                f"{counted(export.left_out, 'line')} can't be exported as {self.format} to {self.output_uri}: "
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
    """Manifests by set, from the ``manifest_uri`` argument."""
    sets = given.get("manifest_uris") if isinstance(given, Mapping) else None
    if not isinstance(sets, Mapping):
        (uri,) = manifest_uris_of([given])
        return {"train": uri}
    return dict(zip(sets, manifest_uris_of(list(sets.values())), strict=True))

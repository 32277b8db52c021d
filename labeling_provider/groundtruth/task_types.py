"""The table of task types: one row each, with everything that differs between them.

Sources: API reference, HumanTaskConfig, AnnotationConsolidationConfig, UiConfig and CreateLabelingJob, and the
developer guide's page on each task type. No other module branches on the name of a task type.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from labeling_provider.groundtruth import facts
from labeling_provider.groundtruth.facts import Quota
from labeling_provider.groundtruth.frame_tools import CUBOIDS, DETECTION, TRACKING
from labeling_provider.groundtruth.point_formats import SEGMENTATION


@dataclass(frozen=True)
class TaskType:
    """One kind of labeling work.

    :param name: this package's name for it, as in ``CreateLabelingJobOperator(task_type=…)``.
    :param function: the built-in functions are ``PRE-<function>`` and ``ACS-<function>``; None for custom.
    :param media: what an object is: image, text, video, frames, points or any.
    :param metadata_type: the value of ``type`` in the label's metadata.
    :param element: the ``crowd-*`` element of its worker template; None if Amazon hosts the interface.
    :param answer_key: the element's ``name``: the key of a worker's answer.
    :param human_task_ui: name of the worker interface that Amazon hosts in place of a template.
    :param ref: whether the label attribute's name must end with ``-ref`` (otherwise it must not).
    :param algorithm: name of the automated labeling algorithm, if Amazon has one.
    :param minimum_labels: fewest labels in the category file.
    :param maximum_labels: most labels through the API; None for no limit.
    :param maximum_labels_automated: most labels with automated labeling, if stricter.
    :param maximum_pixels_automated: largest image with automated labeling, in pixels.
    :param label_characters: longest label, in characters.
    :param maximum_objects: most objects in one job.
    :param prices_usd: what Mechanical Turk may be paid, in USD per worker and task; empty if it can't do the task.
    :param audited: for an adjustment or a verification: name of the task type whose labels it audits; else empty.
    :param needs_instructions: whether the category file must hold the instructions.
    :param needs_categories: whether it needs a category file at all.
    """

    name: str
    function: str | None
    media: str
    metadata_type: str
    element: str | None = None
    answer_key: str | None = None
    human_task_ui: str | None = None
    ref: bool = False
    algorithm: str | None = None
    minimum_labels: int = 1
    maximum_labels: int | None = None
    maximum_labels_automated: int | None = None
    maximum_pixels_automated: int = Quota.AUTOMATED_IMAGE_PIXELS
    label_characters: int = Quota.LABEL
    maximum_objects: int = Quota.OBJECTS
    prices_usd: tuple[Decimal, ...] = facts.CLASSIFICATION_PRICES_USD
    audited: str = ""
    needs_instructions: bool = False
    needs_categories: bool = True

    @property
    def audits(self) -> bool:
        """Whether it adjusts or verifies the labels of an earlier job."""
        return bool(self.audited)

    @property
    def audited_type(self) -> str:
        """The value of ``type`` in the metadata of the labels that it audits; empty if it audits none."""
        return TASK_TYPES[self.audited].metadata_type if self.audited else ""

    @property
    def adjusts(self) -> bool:
        """Whether workers change the labels of an earlier job; a verification locks them."""
        return self.audits and self.metadata_type == self.audited_type

    @property
    def is_sequence(self) -> bool:
        """Whether an object is a sequence of video frames or point clouds."""
        return self.media in {"frames", "points"}

    @property
    def has_sequence_files(self) -> bool:
        """Whether a manifest names files that name an object's frames."""
        return self.media == "frames" or self.human_task_ui == "PointCloudObjectTracking"

    @property
    def maximum_workers(self) -> int:
        """Most workers per object."""
        return 1 if self.is_sequence else 9

    @property
    def maximum_task_seconds(self) -> int:
        """Longest time limit of one task, in seconds."""
        return Quota.SEQUENCE_TASK_SECONDS if self.is_sequence else Quota.TASK_SECONDS

    @property
    def data_key(self) -> str:
        """The manifest key that holds the object: ``source``, ``source-ref`` or, for custom, either."""
        return {"text": "source", "any": ""}.get(self.media, "source-ref")


_ADJUSTMENT: Final = "adjustment-"


_ANSWER_KEYS: Final = {
    "VideoObjectDetection": DETECTION,
    "VideoObjectTracking": TRACKING,
    "PointCloudObjectDetection": CUBOIDS,
    "PointCloudObjectTracking": TRACKING,
    "PointCloudSemanticSegmentation": SEGMENTATION,
}


def _sequence(name: str, function: str, ui: str, metadata_type: str, *, ref: bool = True) -> TaskType:
    media = "points" if ui.startswith("PointCloud") else "frames"
    return TaskType(
        name,
        function,
        media,
        metadata_type,
        answer_key=_ANSWER_KEYS[ui],
        human_task_ui=ui,
        ref=ref,
        maximum_labels=30,
        label_characters=Quota.VIDEO_LABEL,
        maximum_objects=Quota.SEQUENCES if media == "frames" else Quota.OBJECTS,
        prices_usd=(),
        audited=name.removeprefix(_ADJUSTMENT) if name.startswith(_ADJUSTMENT) else "",
    )


_ROWS: Final = (
    TaskType(
        "image-classification",
        "ImageMultiClass",
        "image",
        "groundtruth/image-classification",
        element="crowd-image-classifier",
        answer_key="crowd-image-classifier",
        algorithm="image-classification",
        minimum_labels=2,
    ),
    TaskType(
        "image-classification-multilabel",
        "ImageMultiClassMultiLabel",
        "image",
        "groundtruth/image-classification-multilabel",
        element="crowd-image-classifier-multi-select",
        answer_key="crowd-image-classifier-multi-select",
        minimum_labels=2,
        maximum_labels=50,
    ),
    TaskType(
        "bounding-box",
        "BoundingBox",
        "image",
        "groundtruth/object-detection",
        element="crowd-bounding-box",
        answer_key="boundingBox",
        algorithm="object-detection",
        maximum_labels=50,
        prices_usd=facts.BOX_PRICES_USD,
    ),
    TaskType(
        "semantic-segmentation",
        "SemanticSegmentation",
        "image",
        "groundtruth/semantic-segmentation",
        element="crowd-semantic-segmentation",
        answer_key="crowd-semantic-segmentation",
        ref=True,
        algorithm="semantic-segmentation",
        maximum_labels_automated=20,
        maximum_pixels_automated=Quota.AUTOMATED_MASK_PIXELS,
        maximum_objects=Quota.SEGMENTATION_OBJECTS,
        prices_usd=facts.SEGMENTATION_PRICES_USD,
    ),
    TaskType(
        "text-classification",
        "TextMultiClass",
        "text",
        "groundtruth/text-classification",
        element="crowd-classifier",
        answer_key="crowd-classifier",
        algorithm="text-classification",
        minimum_labels=2,
    ),
    TaskType(
        "text-classification-multilabel",
        "TextMultiClassMultiLabel",
        "text",
        "groundtruth/text-classification-multilabel",
        element="crowd-classifier-multi-select",
        answer_key="crowd-classifier-multi-select",
        minimum_labels=2,
        maximum_labels=50,
    ),
    TaskType(
        "named-entity-recognition",
        "NamedEntityRecognition",
        "text",
        "groundtruth/text-span",
        answer_key="crowd-entity-annotation",
        human_task_ui="NamedEntityRecognition",
        needs_instructions=True,
    ),
    TaskType(
        "video-classification",
        "VideoMultiClass",
        "video",
        "groundtruth/video-classification",
        element="crowd-classifier",
        answer_key="crowd-classifier",
        maximum_labels=30,
    ),
    TaskType(
        "verification-bounding-box",
        "VerificationBoundingBox",
        "image",
        "groundtruth/label-verification",
        element="crowd-image-classifier",
        answer_key="crowd-image-classifier",
        audited="bounding-box",
    ),
    TaskType(
        "verification-semantic-segmentation",
        "VerificationSemanticSegmentation",
        "image",
        "groundtruth/label-verification",
        element="crowd-image-classifier",
        answer_key="crowd-image-classifier",
        audited="semantic-segmentation",
    ),
    TaskType(
        "adjustment-bounding-box",
        "AdjustmentBoundingBox",
        "image",
        "groundtruth/object-detection",
        element="crowd-bounding-box",
        answer_key="boundingBox",
        maximum_labels=50,
        prices_usd=facts.BOX_PRICES_USD,
        audited="bounding-box",
    ),
    TaskType(
        "adjustment-semantic-segmentation",
        "AdjustmentSemanticSegmentation",
        "image",
        "groundtruth/semantic-segmentation",
        element="crowd-semantic-segmentation",
        answer_key="crowd-semantic-segmentation",
        ref=True,
        maximum_objects=Quota.SEGMENTATION_OBJECTS,
        prices_usd=facts.SEGMENTATION_PRICES_USD,
        audited="semantic-segmentation",
    ),
    _sequence(
        "video-object-detection",
        "VideoObjectDetection",
        "VideoObjectDetection",
        "groundtruth/video-object-detection",
    ),
    _sequence(
        "video-object-tracking",
        "VideoObjectTracking",
        "VideoObjectTracking",
        "groundtruth/video-object-tracking",
    ),
    _sequence(
        "adjustment-video-object-detection",
        "AdjustmentVideoObjectDetection",
        "VideoObjectDetection",
        "groundtruth/video-object-detection",
    ),
    _sequence(
        "adjustment-video-object-tracking",
        "AdjustmentVideoObjectTracking",
        "VideoObjectTracking",
        "groundtruth/video-object-tracking",
    ),
    _sequence(
        "3d-point-cloud-object-detection",
        "3DPointCloudObjectDetection",
        "PointCloudObjectDetection",
        "groundtruth/point_cloud_object_detection",
        ref=False,
    ),
    _sequence(
        "3d-point-cloud-object-tracking",
        "3DPointCloudObjectTracking",
        "PointCloudObjectTracking",
        "groundtruth/point_cloud_object_tracking",
    ),
    _sequence(
        "3d-point-cloud-semantic-segmentation",
        "3DPointCloudSemanticSegmentation",
        "PointCloudSemanticSegmentation",
        "groundtruth/point_cloud_single_frame_semantic_segmentation",
    ),
    _sequence(
        "adjustment-3d-point-cloud-object-detection",
        "Adjustment3DPointCloudObjectDetection",
        "PointCloudObjectDetection",
        "groundtruth/point_cloud_object_detection",
        ref=False,
    ),
    _sequence(
        "adjustment-3d-point-cloud-object-tracking",
        "Adjustment3DPointCloudObjectTracking",
        "PointCloudObjectTracking",
        "groundtruth/point_cloud_object_tracking",
    ),
    _sequence(
        "adjustment-3d-point-cloud-semantic-segmentation",
        "Adjustment3DPointCloudSemanticSegmentation",
        "PointCloudSemanticSegmentation",
        "groundtruth/point_cloud_single_frame_semantic_segmentation",
    ),
    TaskType(
        "pass-through",
        "PassThrough",
        "any",
        "groundtruth/custom",
        needs_categories=False,
    ),
    TaskType(
        "custom",
        None,
        "any",
        "groundtruth/custom",
        needs_categories=False,
    ),
)

TASK_TYPES: Final[dict[str, TaskType]] = {row.name: row for row in _ROWS}
"""Every task type by name."""

CUSTOM: Final = TASK_TYPES["custom"]
_BY_FUNCTION: Final = {row.function: row for row in _ROWS if row.function}


def audit_of(audited: str, *, adjusts: bool) -> TaskType | None:
    """The task type that adjusts the labels of another, or that verifies them; None if there is none.

    :param audited: name of the task type that made the labels.
    """
    return next((row for row in _ROWS if row.audited == audited and row.adjusts == adjusts), None)


def task_type_of_function(function: str) -> TaskType | None:
    """The task type of a built-in function such as ``PRE-BoundingBox`` or ``ACS-BoundingBox``; None for any other."""
    kind, _, name = function.partition("-")
    return _BY_FUNCTION.get(name) if kind in {"PRE", "ACS"} else None

"""The table of task types: one row each, with everything that differs between them.

Sources: API reference, HumanTaskConfig, AnnotationConsolidationConfig, UiConfig and CreateLabelingJob, and the
developer guide's page on each task type. No other module branches on the name of a task type.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final, NamedTuple

from labeling_provider.groundtruth import facts, worker_pages
from labeling_provider.groundtruth.facts import MetadataType, Quota
from labeling_provider.groundtruth.frame_tools import CUBOIDS, DETECTION, TRACKING
from labeling_provider.groundtruth.point_formats import SEGMENTATION
from labeling_provider.groundtruth.worker_pages import WorkerPage


@dataclass(frozen=True)
class TaskType:
    """One kind of labeling work.

    :param name: this package's name for it, as in ``CreateLabelingJobOperator(task_type=…)``.
    :param function: the built-in functions are ``PRE-<function>`` and ``ACS-<function>``; None for custom.
    :param media: what an object is: image, text, video, frames, points or any.
    :param metadata_type: the value of ``type`` in the label's metadata.
    :param element: the ``crowd-*`` element of its worker template; None if Amazon hosts the interface.
    :param answer_key: the element's ``name``: the key of a worker's answer.
    :param page: its built-in worker template; None if there is none.
    :param human_task_ui: name of the worker interface that Amazon hosts in place of a template.
    :param hosted_page: the template that stands in for that interface in the self-hosted service.
    :param ref: whether the label attribute's name must end with ``-ref`` (otherwise it must not).
    :param algorithm: name of the automated labeling algorithm, if Amazon has one.
    :param min_labels: fewest labels in the category file.
    :param max_labels: most labels through the API; None for no limit.
    :param max_labels_automated: most labels with automated labeling, if stricter.
    :param max_pixels_automated: largest image with automated labeling, in pixels.
    :param label_characters: longest label, in characters.
    :param max_objects: most objects in one job.
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
    page: WorkerPage | None = field(default=None, repr=False)
    human_task_ui: str | None = None
    hosted_page: str | None = field(default=None, repr=False)
    ref: bool = False
    algorithm: str | None = None
    min_labels: int = 1
    max_labels: int | None = None
    max_labels_automated: int | None = None
    max_pixels_automated: int = Quota.AUTOMATED_IMAGE_PIXELS
    label_characters: int = Quota.LABEL
    max_objects: int = Quota.OBJECTS
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
    def has_point_clouds(self) -> bool:
        """Whether an object is a point cloud, or a sequence of them."""
        return self.media == "points"

    @property
    def has_sequence_files(self) -> bool:
        """Whether a manifest names files that name an object's frames."""
        return self.media == "frames" or self.human_task_ui == "PointCloudObjectTracking"

    @property
    def max_workers(self) -> int:
        """Most workers per object."""
        return 1 if self.is_sequence else 9

    @property
    def max_task_seconds(self) -> int:
        """Longest time limit of one task, in seconds."""
        return Quota.SEQUENCE_TASK_SECONDS if self.is_sequence else Quota.TASK_SECONDS

    @property
    def data_key(self) -> str:
        """The manifest key that holds the object: ``source``, ``source-ref`` or, for custom, either."""
        return {"text": "source", "any": ""}.get(self.media, "source-ref")


_ADJUSTMENT: Final = "adjustment-"


class _Interface(NamedTuple):
    """A worker interface that Amazon hosts for sequences: its name, the key of an answer, and what stands in for it."""

    name: str
    answer_key: str
    page: str


_FRAMES: Final = _Interface("VideoObjectDetection", DETECTION, worker_pages.frames_page("false"))
_TRACKED_FRAMES: Final = _Interface("VideoObjectTracking", TRACKING, worker_pages.frames_page("true"))
_CLOUDS: Final = _Interface("PointCloudObjectDetection", CUBOIDS, worker_pages.clouds_page("cuboids"))
_TRACKED_CLOUDS: Final = _Interface("PointCloudObjectTracking", TRACKING, worker_pages.clouds_page("cuboids", "true"))
_CLOUD_CLASSES: Final = _Interface("PointCloudSemanticSegmentation", SEGMENTATION, worker_pages.clouds_page("classes"))


def _sequence(name: str, function: str, interface: _Interface, metadata_type: str, *, ref: bool = True) -> TaskType:
    media = "points" if interface.name.startswith("PointCloud") else "frames"
    return TaskType(
        name,
        function,
        media,
        metadata_type,
        answer_key=interface.answer_key,
        human_task_ui=interface.name,
        hosted_page=interface.page,
        ref=ref,
        max_labels=30,
        label_characters=Quota.VIDEO_LABEL,
        max_objects=Quota.SEQUENCES if media == "frames" else Quota.OBJECTS,
        prices_usd=(),
        audited=name.removeprefix(_ADJUSTMENT) if name.startswith(_ADJUSTMENT) else "",
    )


_ROWS: Final = (
    TaskType(
        "image-classification",
        "ImageMultiClass",
        "image",
        MetadataType.IMAGE_CLASSIFICATION,
        element="crowd-image-classifier",
        answer_key="crowd-image-classifier",
        page=worker_pages.CLASSIFIED_IMAGE,
        algorithm="image-classification",
        min_labels=2,
    ),
    TaskType(
        "image-classification-multilabel",
        "ImageMultiClassMultiLabel",
        "image",
        MetadataType.IMAGE_CLASSIFICATION_MULTILABEL,
        element="crowd-image-classifier-multi-select",
        answer_key="crowd-image-classifier-multi-select",
        page=worker_pages.CLASSIFIED_IMAGE,
        min_labels=2,
        max_labels=50,
    ),
    TaskType(
        "bounding-box",
        "BoundingBox",
        "image",
        MetadataType.OBJECT_DETECTION,
        element="crowd-bounding-box",
        answer_key="boundingBox",
        page=worker_pages.LABELED_IMAGE,
        algorithm="object-detection",
        max_labels=50,
        prices_usd=facts.BOX_PRICES_USD,
    ),
    TaskType(
        "semantic-segmentation",
        "SemanticSegmentation",
        "image",
        MetadataType.SEMANTIC_SEGMENTATION,
        element="crowd-semantic-segmentation",
        answer_key="crowd-semantic-segmentation",
        page=worker_pages.LABELED_IMAGE,
        ref=True,
        algorithm="semantic-segmentation",
        max_labels_automated=20,
        max_pixels_automated=Quota.AUTOMATED_MASK_PIXELS,
        max_objects=Quota.SEGMENTATION_OBJECTS,
        prices_usd=facts.SEGMENTATION_PRICES_USD,
    ),
    TaskType(
        "text-classification",
        "TextMultiClass",
        "text",
        MetadataType.TEXT_CLASSIFICATION,
        element="crowd-classifier",
        answer_key="crowd-classifier",
        page=worker_pages.CLASSIFIED_TEXT,
        algorithm="text-classification",
        min_labels=2,
    ),
    TaskType(
        "text-classification-multilabel",
        "TextMultiClassMultiLabel",
        "text",
        MetadataType.TEXT_CLASSIFICATION_MULTILABEL,
        element="crowd-classifier-multi-select",
        answer_key="crowd-classifier-multi-select",
        page=worker_pages.CLASSIFIED_TEXT,
        min_labels=2,
        max_labels=50,
    ),
    TaskType(
        "named-entity-recognition",
        "NamedEntityRecognition",
        "text",
        MetadataType.TEXT_SPAN,
        answer_key="crowd-entity-annotation",
        human_task_ui="NamedEntityRecognition",
        hosted_page=worker_pages.ENTITIES_PAGE,
        needs_instructions=True,
    ),
    TaskType(
        "video-classification",
        "VideoMultiClass",
        "video",
        MetadataType.VIDEO_CLASSIFICATION,
        element="crowd-classifier",
        answer_key="crowd-classifier",
        page=worker_pages.CLASSIFIED_VIDEO,
        max_labels=30,
    ),
    TaskType(
        "verification-bounding-box",
        "VerificationBoundingBox",
        "image",
        MetadataType.LABEL_VERIFICATION,
        element="crowd-image-classifier",
        answer_key="crowd-image-classifier",
        page=worker_pages.VERIFIED_BOXES,
        audited="bounding-box",
    ),
    TaskType(
        "verification-semantic-segmentation",
        "VerificationSemanticSegmentation",
        "image",
        MetadataType.LABEL_VERIFICATION,
        element="crowd-image-classifier",
        answer_key="crowd-image-classifier",
        page=worker_pages.VERIFIED_MASK,
        audited="semantic-segmentation",
    ),
    TaskType(
        "adjustment-bounding-box",
        "AdjustmentBoundingBox",
        "image",
        MetadataType.OBJECT_DETECTION,
        element="crowd-bounding-box",
        answer_key="boundingBox",
        page=worker_pages.ADJUSTED_BOXES,
        max_labels=50,
        prices_usd=facts.BOX_PRICES_USD,
        audited="bounding-box",
    ),
    TaskType(
        "adjustment-semantic-segmentation",
        "AdjustmentSemanticSegmentation",
        "image",
        MetadataType.SEMANTIC_SEGMENTATION,
        element="crowd-semantic-segmentation",
        answer_key="crowd-semantic-segmentation",
        page=worker_pages.ADJUSTED_MASK,
        ref=True,
        max_objects=Quota.SEGMENTATION_OBJECTS,
        prices_usd=facts.SEGMENTATION_PRICES_USD,
        audited="semantic-segmentation",
    ),
    _sequence(
        "video-object-detection",
        "VideoObjectDetection",
        _FRAMES,
        MetadataType.VIDEO_OBJECT_DETECTION,
    ),
    _sequence(
        "video-object-tracking",
        "VideoObjectTracking",
        _TRACKED_FRAMES,
        MetadataType.VIDEO_OBJECT_TRACKING,
    ),
    _sequence(
        "adjustment-video-object-detection",
        "AdjustmentVideoObjectDetection",
        _FRAMES,
        MetadataType.VIDEO_OBJECT_DETECTION,
    ),
    _sequence(
        "adjustment-video-object-tracking",
        "AdjustmentVideoObjectTracking",
        _TRACKED_FRAMES,
        MetadataType.VIDEO_OBJECT_TRACKING,
    ),
    _sequence(
        "3d-point-cloud-object-detection",
        "3DPointCloudObjectDetection",
        _CLOUDS,
        MetadataType.POINT_CLOUD_OBJECT_DETECTION,
        ref=False,
    ),
    _sequence(
        "3d-point-cloud-object-tracking",
        "3DPointCloudObjectTracking",
        _TRACKED_CLOUDS,
        MetadataType.POINT_CLOUD_OBJECT_TRACKING,
    ),
    _sequence(
        "3d-point-cloud-semantic-segmentation",
        "3DPointCloudSemanticSegmentation",
        _CLOUD_CLASSES,
        MetadataType.POINT_CLOUD_SINGLE_FRAME_SEMANTIC_SEGMENTATION,
    ),
    _sequence(
        "adjustment-3d-point-cloud-object-detection",
        "Adjustment3DPointCloudObjectDetection",
        _CLOUDS,
        MetadataType.POINT_CLOUD_OBJECT_DETECTION,
        ref=False,
    ),
    _sequence(
        "adjustment-3d-point-cloud-object-tracking",
        "Adjustment3DPointCloudObjectTracking",
        _TRACKED_CLOUDS,
        MetadataType.POINT_CLOUD_OBJECT_TRACKING,
    ),
    _sequence(
        "adjustment-3d-point-cloud-semantic-segmentation",
        "Adjustment3DPointCloudSemanticSegmentation",
        _CLOUD_CLASSES,
        MetadataType.POINT_CLOUD_SINGLE_FRAME_SEMANTIC_SEGMENTATION,
    ),
    TaskType(
        "pass-through",
        "PassThrough",
        "any",
        MetadataType.CUSTOM,
        needs_categories=False,
    ),
    TaskType(
        "custom",
        None,
        "any",
        MetadataType.CUSTOM,
        needs_categories=False,
    ),
)

TASK_TYPES: Final[dict[str, TaskType]] = {row.name: row for row in _ROWS}
"""Every task type by name."""

CUSTOM: Final = TASK_TYPES["custom"]
FRAME_KEYS: Final = {row.metadata_type: row.answer_key for row in _ROWS if row.media == "frames" and row.answer_key}
"""The key of a worker's answer about video frames, by the type in a label's metadata."""
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

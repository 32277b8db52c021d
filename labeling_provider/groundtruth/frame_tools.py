"""Tasks on frames: the drawing tools, and the names of the lists in answers and labels.

Sources: developer guide, "Video Frame Object Detection Output", "Video Frame Object Tracking Output" and "Labeling
category configuration file with label category and frame attributes reference". Amazon does not document the answers
of workers, nor the lists of other tools than the box: those are what readers of real jobs expect.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from labeling_provider.groundtruth.layout import label_file_uri


class Tool(NamedTuple):
    """What workers draw with in a job over video frames or point clouds.

    :param name: the category file's ``annotationType``.
    :param answers: the list of shapes in a frame of a worker's answer.
    :param labels: the list of shapes in a frame of ``SeqLabel.json``.
    :param keys: the numbers that make a shape; ``("vertices",)`` for a list of points.
    :param min_vertices: fewest vertices.
    :param sides: the keys whose numbers must be above 0.
    :param rule: which sides a shape has, for a message.
    :param unit: the unit of the numbers, for a message.
    :param farthest: the largest number allowed, in that unit.
    """

    name: str
    answers: str
    labels: str
    keys: tuple[str, ...]
    min_vertices: int = 1
    sides: tuple[str, ...] = ()
    rule: str = ""
    unit: str = "pixels"
    farthest: float = 1_000_000


BOX: Final = Tool(
    "BoundingBox",
    "boundingBoxes",
    "annotations",
    ("left", "top", "width", "height"),
    sides=("width", "height"),
    rule="a box has a width and a height",
)
TOOLS: Final[dict[str, Tool]] = {
    tool.name: tool
    for tool in (
        BOX,
        Tool("Polyline", "polylines", "polylines", ("vertices",), 2),
        Tool("Polygon", "polygons", "polygons", ("vertices",), 3),
        Tool("Keypoint", "keypoints", "keypoints", ("x", "y")),
    )
}
"""The tools for pictures, by ``annotationType``."""
CUBOID: Final = Tool(
    "Cuboid",
    "boundingCuboids",
    "annotations",
    ("centerX", "centerY", "centerZ", "length", "width", "height", "roll", "pitch", "yaw"),
    sides=("length", "width", "height"),
    rule="a cuboid has a length, a width and a height",
    unit="meters or radians",
    farthest=1e9,
)
"""The tool for point clouds."""

DETECTION: Final = "detectionAnnotations"
CUBOIDS: Final = CUBOID.answers
"""The list of cuboids in an answer about one point cloud."""
TRACKING: Final = "trackingAnnotations"
LABEL_LISTS: Final[dict[str, str]] = {DETECTION: "detection-annotations", TRACKING: "tracking-annotations"}
"""The list of frames in ``SeqLabel.json``, by the key of a worker's answer."""


def sequence_label_uri(output: str, object_id: int) -> str:
    """S3 URI of the file with the labels of a sequence.

    :param output: S3 URI of the job's output folder.
    """
    return label_file_uri(output, str(object_id), "SeqLabel.json")

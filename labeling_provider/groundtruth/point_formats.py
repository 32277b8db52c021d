"""Point clouds: the formats of their files, and the cameras that may go with them.

Sources: developer guide, "Accepted Raw 3D Data Formats", "Create a Point Cloud Frame Input Manifest File", "Create a
Point Cloud Sequence Input Manifest" and "3D Point Cloud Semantic Segmentation Output".
"""

from __future__ import annotations

from typing import Final, NamedTuple


class PointFormat(NamedTuple):
    """How a file holds points.

    :param is_binary: each point is a row of little-endian 4-byte floats; otherwise it is a line of text, with
        numbers separated by blanks.
    :param fields: what each point has, a letter for each number: x, y and z in meters, i for the intensity, and r, g
        and b from 0 to 255.
    """

    is_binary: bool
    fields: str

    @property
    def name(self) -> str:
        """The value of ``format`` in a manifest."""
        return f"{'binary' if self.is_binary else 'text'}/{self.fields}"

    @property
    def record(self) -> int:
        """The size of a point in a binary file, in bytes."""
        return 4 * len(self.fields)


POINT_FORMATS: Final[dict[str, PointFormat]] = {
    point_format.name: point_format
    for point_format in (
        PointFormat(binary, fields) for binary in (True, False) for fields in ("xyz", "xyzi", "xyzrgb", "xyzirgb")
    )
}
"""The formats by their names."""
_BY_ENDING: Final = {".bin": "binary/xyzi", ".txt": "text/xyzi"}


def format_of_file(name: str) -> PointFormat | None:
    """The format of a file for which a manifest gives none, by its ending; None if the ending does not say it."""
    format_name = _BY_ENDING.get(name[-4:].lower())
    return POINT_FORMATS[format_name] if format_name else None


RADIAL: Final = ("k1", "k2", "k3", "k4")
"""A lens's radial distortion."""
TANGENTIAL: Final = ("p1", "p2")
"""A pinhole camera's tangential distortion."""
CAMERA_MODELS: Final[dict[str, tuple[str, ...]]] = {"pinhole": (*RADIAL, *TANGENTIAL), "fisheye": RADIAL}
"""The coefficients of distortion that each model of a camera has."""

SEGMENTATION: Final = "segmentedPoints"
"""The key of a worker's answer in semantic segmentation. Amazon does not document it."""
BACKGROUND: Final = "Background"
"""Ground Truth's name for the points of a cloud that belong to no class."""
BACKGROUND_NUMBER: Final = 0
"""The number of such points in a label file; other points have the position of their class, from 1, as in the guide's
sample color map. (One of Amazon's published notebooks leaves out points numbered 255 instead, which no color map
names.)"""

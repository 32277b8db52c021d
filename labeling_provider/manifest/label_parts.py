"""What labels consist of: boxes, points, paths, instances, spans, cuboids, and the size of the image that they are in.

Sources: developer guide, "Labeling job output data" (one section for each task type).
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from labeling_provider.groundtruth.structures import make_ready

Number = int | float


class Box(msgspec.Struct, frozen=True):
    """A box in an image, in pixels from the top left corner."""

    class_id: int
    left: Number
    top: Number
    width: Number
    height: Number

    def is_in(self, size: ImageSize) -> bool:
        """Whether the box has an area and lies entirely inside an image of this size."""
        fits_width = self.left >= 0 and self.width > 0 and self.left + self.width <= size.width
        return fits_width and self.top >= 0 and self.height > 0 and self.top + self.height <= size.height


class ImageSize(msgspec.Struct, frozen=True):
    """An image's size in pixels, and its number of channels."""

    width: int
    height: int
    depth: int = 3


class Entity(msgspec.Struct, frozen=True):
    """A span of a text, in Unicode characters; the end is exclusive."""

    label: str
    start: int = msgspec.field(name="startOffset")
    end: int = msgspec.field(name="endOffset")


class EntityLabel(msgspec.Struct, frozen=True):
    """A label for spans."""

    label: str
    short_display_name: str | None = msgspec.field(name="shortDisplayName", default=None)


class MaskColor(msgspec.Struct, frozen=True, rename="kebab"):
    """The class of an index in a mask's palette, or of a byte in a point cloud's labels."""

    class_name: str
    hex_color: str | None = None
    confidence: Number | None = None


class Point(msgspec.Struct, frozen=True):
    """A point in an image, in pixels from the top left corner."""

    x: Number
    y: Number


class Path(msgspec.Struct, frozen=True):
    """A polygon, a polyline or a line in an image."""

    class_id: int
    vertices: Annotated[list[Point], msgspec.Meta(min_length=2)]

    @property
    def points(self) -> list[Point]:
        """Its points, in order."""
        return self.vertices


class Keypoint(msgspec.Struct, frozen=True):
    """A point with a class in an image, in pixels from the top left corner."""

    class_id: int
    x: Number
    y: Number

    @property
    def points(self) -> list[Keypoint]:
        """The point itself."""
        return [self]


class Instance(msgspec.Struct, frozen=True):
    """An instance in a mask, and the value of its pixels there."""

    class_id: int
    pixel_value: Annotated[int, msgspec.Meta(ge=1, le=65_535)]


class Cuboid(msgspec.Struct, frozen=True, rename="kebab"):
    """A box in a point cloud, in meters and radians; x points right, y forward, z up."""

    class_id: int | str
    center_x: Number
    center_y: Number
    center_z: Number
    length: Number
    width: Number
    height: Number
    roll: Number = 0
    pitch: Number = 0
    yaw: Number = 0
    object_name: str | None = None
    label_category_attributes: dict[str, Any] = {}


make_ready(__name__)

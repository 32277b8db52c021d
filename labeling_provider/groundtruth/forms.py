"""Parts of what a worker's form holds, as Amazon's elements for pictures write it.

Source: developer guide, "Crowd HTML elements reference".
"""

from __future__ import annotations

import msgspec

from labeling_provider.groundtruth.structures import make_ready


class FormSize(msgspec.Struct):
    """The size of the picture, in pixels: ``inputImageProperties``."""

    width: int
    height: int


class FormPoint(msgspec.Struct):
    """A point in the picture, in pixels from the top left corner."""

    x: float
    y: float


class FormColor(msgspec.Struct):
    """The color in which a class or an instance is painted: ``#rrggbb``."""

    color: str


class FormImage(msgspec.Struct, rename="camel"):
    """What was painted: a PNG in base64."""

    png_image_data: str


make_ready(__name__)

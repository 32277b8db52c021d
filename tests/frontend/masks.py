"""A person who paints masks, and masks as they are computed by hand."""

from __future__ import annotations

import base64
import io
from typing import Any

import numpy as np
from PIL import Image

from tests.frontend.conftest import Portal
from tests.frontend.drawings import Artist

SEMANTIC, INSTANCE = "crowd-semantic-segmentation", "crowd-instance-segmentation"
SIZES = (1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 20, 25, 30, 40, 50, 60, 80, 100)
"""The narrowest brushes."""
BLUE, ORANGE, GREEN, RED = "#1f77b4", "#ff7f0e", "#2ca02c", "#d62728"
READY = ["box", "extreme_points"]
"""What the portal's ready function can be asked by."""

ROUND_4 = (".##.", "####", "####", ".##.")
ROUND_5 = (".###.", "#####", "#####", "#####", ".###.")
ROUND_6 = (".####.", "######", "######", "######", "######", ".####.")
ROUND_8 = ("..####..", ".######.", "########", "########", "########", "########", ".######.", "..####..")
"""What round brushes cover."""

Pixels = set[tuple[int, int]]


def rectangle(left: int, top: int, width: int, height: int) -> Pixels:
    return {(x, y) for x in range(left, left + width) for y in range(top, top + height)}


def drawn(left: int, top: int, *rows: str) -> Pixels:
    """The pixels at which there is a #."""
    return {(left + x, top + y) for y, row in enumerate(rows) for x, mark in enumerate(row) if mark == "#"}


def picture_of(areas: dict[str, Pixels], size: tuple[int, int] = (400, 300), mode: str = "RGBA") -> Image.Image:
    """Areas by their colors on nothing."""
    image = Image.new("RGBA", size)
    for color, pixels in areas.items():
        for pixel in pixels:
            image.putpixel(pixel, (*bytes.fromhex(color[1:]), 255))
    return image.convert(mode)


def png_of(image: Image.Image) -> bytes:
    body = io.BytesIO()
    image.save(body, "PNG")
    return body.getvalue()


def opened(answer: dict[str, Any]) -> Image.Image:
    """The mask of an answer."""
    image = Image.open(io.BytesIO(base64.b64decode(answer["labeledImage"]["pngImageData"], validate=True)))
    image.load()
    return image


def pixels_of(image: Image.Image) -> dict[str, Pixels]:
    """The areas of a mask, by color; each pixel is clear or opaque."""
    pixels = np.asarray(image)
    regions: dict[str, Pixels] = {}
    for _, color in image.getcolors(maxcolors=1 << 16) or []:
        *shade, opacity = color
        if opacity == 0:
            continue
        assert opacity == 255
        rows, columns = (pixels == np.array(color)).all(axis=-1).nonzero()
        regions["#" + bytes(shade).hex()] = set(zip(columns.tolist(), rows.tolist(), strict=True))
    return regions


def given_mask(portal: Portal, name: str, image: Image.Image, **mappings: str) -> dict[str, Any]:
    """An initial value with a mask that the portal has."""
    portal.files[f"/{name}.png"] = ("image/png", png_of(image))
    return {"src": f"/{name}.png", "labelMappings": {label: {"color": color} for label, color in mappings.items()}}


class MaskArtist(Artist):
    """A page with an element for masks."""

    def __init__(self, portal: Portal, element: str = SEMANTIC, labels: Any = ("cat", "dog"), **more: Any) -> None:
        super().__init__(portal, element, labels, **more)

    def wait(self) -> None:
        super().wait()
        # The mask begins after the picture.
        self.task(self.element).evaluate(
            """async (element) => {
              while (element.validationMessage.startsWith("Wait")) await new Promise(requestAnimationFrame);
            }"""
        )
        self.painted()

    def use(self, tool: str) -> None:
        self.task(".group").get_by_role("button", name=tool).click()

    def resize(self, width: int) -> None:
        """Take a brush of a width."""
        self.task.frame.get_by_label("Brush size").fill(str(SIZES.index(width)))

    def dab(self, x: float, y: float, width: int) -> None:
        self.resize(width)
        self.click(x, y)

    @property
    def value(self) -> dict[str, Any]:
        """The answer so far."""
        value: dict[str, Any] = self.task(self.element).evaluate("element => element.value")
        return value

    @property
    def areas(self) -> dict[str, Pixels]:
        """What is painted, by color."""
        return pixels_of(opened(self.value))

    def heard(self, areas: dict[str, Pixels], modified: bool | None = None) -> dict[str, Any]:
        """Wait until there is a mask and the portal has heard of it: the message."""

        def fits(message: dict[str, Any]) -> bool:
            if not (answer := message["answer"].get("it")):
                return False
            same = pixels_of(opened(answer)) == areas and answer.get("initialValueModified") == modified
            # What was heard last may be of a step before.
            return same and self.areas == areas

        return self.task.heard_until("change", fits, "the mask")

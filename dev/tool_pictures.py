"""The pictures of the drawing tools in docs/worker-pages.md: the worker page alone, without a service or a portal."""

from __future__ import annotations

import base64
import json
import sys
from html import escape
from io import BytesIO
from math import cos, pi, sin
from typing import Any

from PIL import Image, ImageDraw

from dev.browser import browser_page
from dev.stack import ROOT

PICTURES = ROOT / "docs" / "images" / "tools"
STATIC = ROOT / "labeling_provider" / "service" / "web" / "static"
SITE = "http://worker.invalid"
LABELS = ["house", "tree", "car", "road", "person", "sign", "lamp", "sky"]
SIDE = 480, 320
HOUSE = [(60, 210), (60, 130), (110, 84), (160, 130), (160, 210)]
TREE = [(round(250 + 44 * cos(at * pi / 8)), round(118 + 52 * sin(at * pi / 8))) for at in range(16)]
CAR = [(306, 252), (318, 226), (346, 206), (400, 206), (424, 228), (446, 234), (446, 256), (306, 256)]
ROAD = [(0, 300), (120, 262), (300, 240), (480, 232)]


def picture() -> Image.Image:
    """A street."""
    image = Image.new("RGB", SIDE, "#bcd7ea")
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 200, *SIDE), fill="#8fae7a")
    draw.polygon([(0, 320), (0, 282), (480, 214), (480, 320)], fill="#7b7b80")
    draw.polygon(HOUSE, fill="#c98f62")
    draw.polygon([(52, 132), (110, 78), (168, 132)], fill="#8d4434")
    draw.rectangle((98, 166, 122, 210), fill="#5b3a29")
    draw.rectangle((243, 160, 257, 216), fill="#6b4a2f")
    draw.polygon(TREE, fill="#3f7a41")
    draw.polygon(CAR, fill="#c6c9d4")
    for left in (324, 404):
        draw.ellipse((left, 242, left + 28, 270), fill="#26262a")
    return image


def mask(*areas: tuple[str, list[tuple[int, int]]]) -> str:
    """A mask of areas by their colors, as an address."""
    image = Image.new("RGBA", SIDE)
    for color, points in areas:
        ImageDraw.Draw(image).polygon(points, fill=color)
    return f"data:image/png;base64,{base64.b64encode(_png(image)).decode()}"


def _png(image: Image.Image) -> bytes:
    body = BytesIO()
    image.save(body, "PNG")
    return body.getvalue()


def _path(label: str, points: list[tuple[int, int]]) -> dict[str, Any]:
    return {"label": label, "vertices": [{"x": x, "y": y} for x, y in points]}


def _box(label: str, points: list[tuple[int, int]]) -> dict[str, Any]:
    (left, *_, right), (top, *_, bottom) = (sorted(axis) for axis in zip(*points, strict=True))
    return {"label": label, "left": left, "top": top, "width": right - left, "height": bottom - top}


AREAS = mask(("#1f77b4", HOUSE), ("#ff7f0e", TREE), ("#2ca02c", CAR))
TOOLS: dict[str, Any] = {
    "bounding-box": [_box("house", HOUSE), _box("tree", TREE), _box("car", CAR)],
    "polygon": [_path("house", HOUSE), _path("tree", TREE), _path("car", CAR)],
    "polyline": [_path("road", ROAD), _path("road", [(0, 320), (480, 262)])],
    "line": [_path("sign", [(60, 210), (60, 130)]), _path("lamp", [(250, 216), (250, 160)])],
    "keypoint": [
        {"label": label, "x": x, "y": y}
        for label, (x, y) in (("house", HOUSE[2]), ("tree", TREE[12]), ("car", (338, 256)), ("car", (418, 256)))
    ],
    "semantic-segmentation": {
        "src": AREAS,
        "labelMappings": {"house": {"color": "#1f77b4"}, "tree": {"color": "#ff7f0e"}, "car": {"color": "#2ca02c"}},
    },
    "instance-segmentation": {
        "src": AREAS,
        "instances": [
            {"label": "house", "color": "#1f77b4"},
            {"label": "tree", "color": "#ff7f0e"},
            {"label": "car", "color": "#2ca02c"},
        ],
    },
}
"""What is drawn already, by element."""
COLORS = [
    _box(label, [(20 + 110 * (at % 4), 30 + 150 * (at // 4)), (110 + 110 * (at % 4), 140 + 150 * (at // 4))])
    for at, label in enumerate(LABELS)
]
"""A box of each label."""


def page_of(tool: str, drawn: Any) -> str:
    """A worker page."""
    given = {"labels": json.dumps(LABELS), "initial-value": json.dumps(drawn)}
    attributes = " ".join(f'{name}="{escape(value)}"' for name, value in given.items())
    return f"""<!doctype html><html lang="en"><meta charset="utf-8"><title>Task</title>
    <script src="/crowd-html-elements.js"></script>
    <crowd-form><crowd-{tool} name="it" header="What is in this street?" src="/street.png" {attributes}>
      <full-instructions header="How to draw">Follow the border of each thing.</full-instructions>
      <short-instructions>Follow the border of each thing.</short-instructions>
    </crowd-{tool}></crowd-form>"""


def take(page: Any, name: str, tool: str, drawn: Any) -> None:
    """Take the picture of a tool at work: the first label is chosen, and the first thing is selected."""

    def serve(route: Any) -> None:
        path = route.request.url.removeprefix(SITE)
        if path == "/":
            route.fulfill(content_type="text/html", body=page_of(tool, drawn))
        elif path == "/street.png":
            route.fulfill(content_type="image/png", body=_png(picture()))
        elif (file := STATIC / path.lstrip("/")).is_file():
            route.fulfill(path=file)
        else:
            route.fulfill(status=404)

    page.unroute_all()
    page.route(f"{SITE}/**", serve)
    page.goto(f"{SITE}/")
    page.locator("img.subject[style*=transform]").wait_for(state="attached")
    stage = page.locator(".stage")
    stage.scroll_into_view_if_needed()
    stage.focus()
    page.keyboard.press("]")
    page.locator(".objects li.chosen, .objects li").first.wait_for()
    page.wait_for_timeout(300)
    page.screenshot(path=PICTURES / f"{name}.png")


def main() -> int:
    """Take all pictures.

    :return: the exit status.
    """
    PICTURES.mkdir(parents=True, exist_ok=True)
    with browser_page(1100, 640) as page:
        for tool, drawn in TOOLS.items():
            take(page, tool, tool, drawn)
        # As people see it who can't tell red from green.
        session = page.context.new_cdp_session(page)
        session.send("Emulation.setEmulatedVisionDeficiency", {"type": "deuteranopia"})
        take(page, "deuteranopia", "bounding-box", COLORS)
    with browser_page(1100, 640, color_scheme="dark") as page:
        take(page, "dark", "polygon", TOOLS["polygon"])
    with browser_page(400, 800, has_touch=True) as page:
        take(page, "phone", "bounding-box", TOOLS["bounding-box"])
    # A browser that enlarges everything to 200 % has half the page for it, and twice the pixels.
    with browser_page(640, 400, device_scale_factor=2) as page:
        take(page, "enlarged", "semantic-segmentation", TOOLS["semantic-segmentation"])
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""A person who draws: places are pixels of the picture, wherever it is on the page."""

from __future__ import annotations

import io
import json
import time
from collections.abc import Callable
from typing import Any

from PIL import Image

from tests.frontend.conftest import Portal, Task

SIZE = {"width": 400, "height": 300}
BOX, POLYGON, POLYLINE, LINE, KEYPOINT = (
    f"crowd-{name}" for name in ("bounding-box", "polygon", "polyline", "line", "keypoint")
)
_REST_SECONDS = 0.1
LISTS = {BOX: "boundingBoxes", POLYGON: "polygons", POLYLINE: "polylines", LINE: "lines", KEYPOINT: "keypoints"}


def box(label: str, left: float, top: float, width: float, height: float) -> dict[str, Any]:
    return {"label": label, "left": left, "top": top, "width": width, "height": height}


def path(label: str, *points: tuple[int, int]) -> dict[str, Any]:
    return {"label": label, "vertices": [{"x": x, "y": y} for x, y in points]}


def point(label: str, x: int, y: int) -> dict[str, Any]:
    return {"label": label, "x": x, "y": y}


def turned_picture(orientation: int) -> tuple[str, bytes]:
    """A picture of 80 × 40, dark at the left as it is stored, whose camera says which way up it is."""
    image = Image.new("RGB", (80, 40), "white")
    image.paste("black", (0, 0, 20, 40))
    exif = Image.Exif()
    exif[0x0112] = orientation
    body = io.BytesIO()
    image.save(body, "JPEG", exif=exif.tobytes(), quality=95)
    return "image/jpeg", body.getvalue()


class Artist:
    """A page with an element that draws.

    :param given: the element's initial value; it has none if this is None.
    """

    def __init__(
        self,
        portal: Portal,
        element: str = BOX,
        labels: Any = ("cat", "dog"),
        given: Any = None,
        more: str = "",
        src: str = "/picture.svg",
        **init: Any,
    ) -> None:
        def attribute(value: Any) -> str:
            return json.dumps(value).replace("&", "&amp;").replace("'", "&#39;")

        initial = "" if given is None else f"initial-value='{attribute(given)}'"
        self.element = element
        self.list = LISTS.get(element, "")
        self.given = given is not None
        self.task: Task = portal.open(
            f"""<crowd-form><{element} name="it" src="{src}" labels='{attribute(list(labels))}' {initial} {more}>
            </{element}></crowd-form>""",
            **init,
        )
        self.mouse = self.task.page.mouse
        self.wait()

    def wait(self) -> None:
        """Wait for the picture, where it belongs."""
        self.task("img.subject[style*=transform]").wait_for(state="attached")
        self.painted()

    def painted(self) -> None:
        """Wait until everything is painted."""
        self.task(self.element).evaluate(
            """async (element) => {
              await element.updateComplete;
              for (let at = 0; at < 2; at++) await new Promise(requestAnimationFrame);
            }"""
        )

    def places(self, *points: tuple[float, float]) -> list[tuple[float, float]]:
        """Where corners of pixels are on the page: the picture's own place tells."""
        places = self.task(self.element).evaluate(
            """async (element, points) => {
              await element.updateComplete;
              for (let at = 0; at < 2; at++) await new Promise(requestAnimationFrame);
              const picture = element.shadowRoot.querySelector("img.subject");
              const {left, top, width, height} = picture.getBoundingClientRect();
              const [across, down] = [width / picture.offsetWidth, height / picture.offsetHeight];
              return points.map(([x, y]) => [left + x * across, top + y * down]);
            }""",
            points,
        )
        return [(float(x), float(y)) for x, y in places]

    def at(self, x: float, y: float) -> tuple[float, float]:
        """Where one is."""
        return self.places((x, y))[0]

    def choose(self, label: str) -> None:
        """Press the button of a label."""
        self.task(".labels button").get_by_text(label, exact=True).click()

    def click(self, x: float, y: float, **more: Any) -> None:
        self.mouse.click(*self.at(x, y), **more)

    def drag(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        """Drag with the mouse from one place to another."""
        first, last = self.places(start, end)
        self.mouse.move(*first)
        self.mouse.down()
        self.mouse.move(*last, steps=2)
        self.mouse.up()

    def press(self, *keys: str) -> None:
        """Press keys in the picture."""
        self.task(".stage").focus()
        self.task.press(*keys)

    def answer(self, *shapes: dict[str, Any], modified: bool = True) -> dict[str, Any]:
        """The answer with these shapes, computed by hand."""
        about = {"initialValueModified": modified} if self.given else {}
        return {"it": {self.list: list(shapes), "inputImageProperties": SIZE, **about}}

    def drew(self, *shapes: dict[str, Any], modified: bool = True) -> dict[str, Any]:
        """Wait until the portal has heard of these shapes: the message."""
        return self.task.changed(self.answer(*shapes, modified=modified))

    def submits(self, *shapes: dict[str, Any], modified: bool = True) -> None:
        """Submit, which sends these shapes."""
        assert self.task.submit() == self.answer(*shapes, modified=modified)

    def colors_at(self, *points: tuple[float, float], canvas: str = "lower") -> list[list[int]]:
        """Red, green, blue and opacity (0 to 255) of what is painted over places of the picture."""
        pixels: list[list[int]] = self.task(f"canvas.{canvas}-canvas").evaluate(
            """(element, points) => {
              const {left, top, width} = element.getBoundingClientRect();
              const ratio = element.width / width;
              const context = element.getContext("2d");
              return points.map(([x, y]) => {
                const [across, down] = [Math.floor((x - left) * ratio), Math.floor((y - top) * ratio)];
                return [...context.getImageData(across, down, 1, 1).data];
              });
            }""",
            self.places(*points),
        )
        return pixels

    def color_at(self, x: float, y: float, canvas: str = "lower") -> list[int]:
        """That of one place."""
        return self.colors_at((x, y), canvas=canvas)[0]

    def touch(self, *events: tuple[str, list[tuple[float, float]]] | Callable[[], None]) -> None:
        """Touch with fingers: types of events (start, move, end) and where the fingers are; or what is done between."""
        session = self.task.page.context.new_cdp_session(self.task.page)
        moved = False
        for event in events:
            if callable(event):
                event()
                continue
            kind, fingers = event
            points = [{"x": x, "y": y, "id": number} for number, (x, y) in enumerate(fingers)]
            touched = {"type": f"touch{kind.title()}", "touchPoints": points}
            # A finger that leaves while it moves throws the page, and the next tap, whatever is there, only stops that.
            rested = {"timestamp": time.time() + _REST_SECONDS} if moved and kind == "end" else {}
            session.send("Input.dispatchTouchEvent", {**touched, **rested})
            moved = kind == "move"
        session.detach()
        self.painted()

    def pen(self, *places: tuple[float, float], between: Callable[[], None] | None = None) -> None:
        """Draw with a pen, down at the first place and up at the last.

        :param between: what happens after the pen has moved the first time.
        """
        session = self.task.page.context.new_cdp_session(self.task.page)
        for number, place in enumerate(places):
            kind = "Pressed" if number == 0 else "Released" if number == len(places) - 1 else "Moved"
            x, y = self.at(*place)
            event = {"type": f"mouse{kind}", "x": x, "y": y, "button": "left", "pointerType": "pen", "clickCount": 1}
            session.send("Input.dispatchMouseEvent", {**event, "buttons": int(kind != "Released")})
            if number == 1 and between:
                between()
        session.detach()

    def rub(self, *places: tuple[float, float]) -> None:
        """Rub something out with the other end of a pen, which Chromium's protocol doesn't know."""
        self.mouse.move(*self.at(*places[0]))
        spots = [{"clientX": x, "clientY": y} for x, y in self.places(*places)]
        for number, spot in enumerate([spots[0], *spots[1:], spots[-1]]):
            kind = "down" if number == 0 else "up" if number == len(spots) else "move"
            event = {**spot, "pointerType": "pen", "pointerId": 1, "button": 5 if kind != "move" else -1}
            event["buttons"] = 32 if kind != "up" else 0
            self.task(".stage").evaluate(
                "(board, [kind, event]) => board.dispatchEvent(new PointerEvent(kind, event))",
                [f"pointer{kind}", event],
            )

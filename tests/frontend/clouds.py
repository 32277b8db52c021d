"""A person who works on point clouds: places are meters of the world, wherever they are on the page."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from typing import Any

from labeling_provider.request.templates import hosted_template
from labeling_provider.service.web.liquid import render
from tests.frontend.conftest import Portal, Task
from tests.frontend.test_accessibility import violations

SCRIPT = '<script src="/static/crowd-html-elements-clouds.js"></script>'
ELEMENT = "crowd-point-clouds"
Point = tuple[float, ...]


def vehicle(x: float, y: float) -> list[Point]:
    """The points of a thing of 4 × 2 × 1.5 meters that stands on the ground, with its center over a place."""
    across = [(x - 2 + 4 * i / 20, y - 1 + 2 * j / 10) for i in range(21) for j in range(11)]
    top = [(a, b, 1.5, 0.9) for a, b in across]
    sides = [
        (a, b, 0.1 * k, 0.6)
        for a, b in across
        for k in range(2, 15)
        if abs(abs(a - x) - 2) < 1e-6 or abs(abs(b - y) - 1) < 1e-6
    ]
    return top + sides


def ground(reach: int = 15) -> list[Point]:
    """Flat ground around the origin, two points a meter."""
    places = [n / 2 for n in range(-2 * reach, 2 * reach + 1)]
    return [(x, y, 0.0, 0.1) for x in places for y in places]


def packed(points: Iterable[Point]) -> bytes:
    """Points as a binary file."""
    return b"".join(struct.pack(f"<{len(point)}f", *point) for point in points)


SCENE = ground() + vehicle(5, 3)


def cuboid(label: str = "car", number: int = 1, **more: Any) -> dict[str, Any]:
    """A cuboid of an answer, close around the vehicle."""
    place = {"centerX": 5, "centerY": 3, "centerZ": 0.75, "length": 4, "width": 2, "height": 1.5}
    return {
        "objectName": f"{label}:{number}",
        "label": label,
        **place,
        "roll": 0,
        "pitch": 0,
        "yaw": 0,
        "labelCategoryAttributes": {},
        **more,
    }


class Surveyor:
    """The page of a point cloud task, as the service's own template makes it.

    :param clouds: the frames' files.
    :param initial: what an adjustment begins with.
    :param frame: further keys of each frame.
    :param wait: whether the first cloud can be shown.
    :param categories: further keys of the category file.
    """

    def __init__(
        self,
        portal: Portal,
        clouds: Sequence[bytes] = (packed(SCENE),),
        kind: str = "cuboids",
        tracks: bool = False,
        labels: Sequence[Any] = ("car", "pole"),
        initial: Any = None,
        init: dict[str, Any] | None = None,
        frame: dict[str, Any] | None = None,
        wait: bool = True,
        **categories: Any,
    ) -> None:
        entries = [label if isinstance(label, dict) else {"label": label} for label in labels]
        frames = []
        for number, body in enumerate(clouds):
            path = f"/clouds/{number}.bin"
            portal.files[path] = ("application/octet-stream", body)
            # Not at equal distances.
            time = 1000 + [0, 1, 2, 4][number % 4] + 5 * (number // 4)
            about = {"format": "binary/xyzi", "unix-timestamp": time, **(frame or {})}
            images = [{"uri": image["src"], "about": image} for image in about.pop("images", [])]
            named = {"frame-no": number, "frame": f"{number}.bin", "uri": about.pop("src", path)}
            frames.append({**named, "images": images, "about": about})
        name = "SemanticSegmentation" if kind == "classes" else "ObjectTracking" if tracks else "ObjectDetection"
        source = hosted_template(f"arn:aws:sagemaker:us-east-1:394669845002:human-task-ui/PointCloud{name}")
        assert source is not None
        rendered = render(
            source,
            {
                "answerKey": "it",
                "header": "Find the cars",
                "instructions": {"shortInstruction": "<p>Every car.</p>", "fullInstruction": "<p>All of them.</p>"},
                "categories": {"labels": entries, **categories},
                "initial": initial,
                "frames": frames,
            },
            lambda text: text,
        )
        # The test's server has the script elsewhere.
        self.task: Task = portal.open(rendered.partition("</script>")[2], SCRIPT, **(init or {}))
        self.mouse = self.task.page.mouse
        self.element = self.task(ELEMENT)
        if wait:
            self.settle()

    def settle(self) -> None:
        """Wait until the cloud of the frame is there, and everything is painted."""
        self.element.evaluate(
            """async (element) => {
              for (let at = 0; at < 1000 && (!element.loaded || element.coming !== undefined); at++) {
                await new Promise((done) => setTimeout(done, 10));
              }
              await element.updateComplete;
              for (let at = 0; at < 3; at++) await new Promise(requestAnimationFrame);
            }"""
        )

    def at(self, x: float, y: float, z: float = 0) -> tuple[float, float]:
        """Where a place of the world is on the page."""
        self.settle()
        place = self.element.evaluate(
            """(element, [x, y, z]) => {
              const {left, top} = element.shadowRoot.querySelector(".stage").getBoundingClientRect();
              const [across, down] = element.eye.projector()(x, y, z);
              return [left + across, top + down];
            }""",
            [x, y, z],
        )
        box = self.task.page.locator("iframe").bounding_box()
        return place[0] + box["x"], place[1] + box["y"]

    def click(self, x: float, y: float, z: float = 0) -> None:
        """Click a place of the world."""
        self.mouse.click(*self.at(x, y, z))
        self.settle()

    def drag(self, start: Point, end: Point, key: str = "") -> None:
        """Drag from one place of the world to another, with a key."""
        first, last = self.at(*start), self.at(*end)
        if key:
            self.task.page.keyboard.down(key)
        self.mouse.move(*first)
        self.mouse.down()
        self.mouse.move(*last, steps=4)
        self.mouse.up()
        if key:
            self.task.page.keyboard.up(key)
        self.settle()

    def choose(self, label: str) -> None:
        """Press the button of a label."""
        self.task(".labels button").get_by_text(label, exact=True).click()

    def press(self, *keys: str) -> None:
        """Press keys in the scene."""
        self.task(".stage").focus()
        self.task.press(*keys)
        self.settle()

    def button(self, name: str) -> Any:
        """A button by its name."""
        return self.task.frame.get_by_role("button", name=name)

    def value(self) -> dict[str, Any]:
        """The answer so far."""
        return dict(self.element.evaluate("(element) => element.value"))

    def cuboids(self) -> list[dict[str, Any]]:
        """The cuboids of the only frame."""
        return list(self.value()["boundingCuboids"])

    def tracks(self) -> dict[int, dict[str, dict[str, Any]]]:
        """The cuboids of each frame by their names."""
        return {
            frame["frameNumber"]: {cuboid["objectName"]: cuboid for cuboid in frame["boundingCuboids"]}
            for frame in self.value()["frames"]
        }

    def hint(self) -> str:
        """What the person is told."""
        return str(self.task(".board > [role=status].help").inner_text())


def sized(cuboid: dict[str, Any], *keys: str) -> list[float]:
    """Numbers of a cuboid, to the centimeter."""
    return [round(cuboid[key], 2) for key in keys]


def lost_and_restored(surveyor: Surveyor) -> dict[str, bytes]:
    """The points before the graphics are lost, as when a machine sleeps, meanwhile, and when they are there again."""
    canvas = surveyor.task("canvas.points")
    canvas.evaluate("(element) => { element.ext = element.getContext('webgl2').getExtension('WEBGL_lose_context'); }")
    surveyor.settle()
    seen = {"before": canvas.screenshot()}
    for name, does, event in (
        ("lost", "loseContext", "webglcontextlost"),
        ("after", "restoreContext", "webglcontextrestored"),
    ):
        canvas.evaluate(
            """(element, [does, event]) => new Promise((done) => {
              element.addEventListener(event, () => done(), {once: true});
              element.ext[does]();
            })""",
            [does, event],
        )
        surveyor.settle()
        seen[name] = canvas.screenshot()
    return seen


def check_accessible(surveyor: Surveyor) -> None:
    """See that axe finds nothing at 1,280 and at 400 pixels, and that nothing stands outside the latter."""
    assert violations(surveyor.task) == []
    surveyor.task.page.set_viewport_size({"width": 400, "height": 800})
    surveyor.settle()
    assert violations(surveyor.task) == []
    assert surveyor.task.evaluate("document.documentElement.scrollWidth") <= 400

"""``make bench-sequences``: how fluid it is to go through a sequence of video frames, and to work on point clouds.

Both in a real browser, which draws by software, without a graphics card.

2,000 frames of 1920 × 1080 with ten tracked boxes each: how long the page takes to open; milliseconds from one frame to
the next, and to any other; in how many of the browser's paintings the picture was missing meanwhile; how much more
memory the tab takes at the end than after 200 frames; how long the answer takes. A cloud of 500,000 points: how long
the page takes to open, and frames a second while a cuboid is dragged among 20, while the scene is turned, and while a
brush paints points. The last line is JSON. ``--smallest`` only shows that it works.
"""

from __future__ import annotations

import json
import math
import random
import statistics
import struct
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

from PIL import Image

from benchmarks.drawing import STATIC, frames_a_second, heap, run, served
from dev.browser import browser_page
from dev.stack import StackError

ELEMENT = "crowd-video-frames"
SCRIPT = "crowd-html-elements-frames.js"
_PICTURES = 20
CLOUDS, CLOUDS_SCRIPT = "crowd-point-clouds", "crowd-html-elements-clouds.js"

_THERE = """async (element) => {
  const picture = element.shadowRoot.querySelector("img.subject");
  while (!picture.style.transform) await new Promise(requestAnimationFrame);
  await picture.decode();
}"""
# Each frame is waited for, until it has been painted.
_GO = """async (element, places) => {
  const picture = element.shadowRoot.querySelector("img.subject");
  let [missing, painted, going] = [0, 0, true];
  const look = () => {
    painted += 1;
    if (!picture.complete || picture.naturalWidth === 0) missing += 1;
    if (going) requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
  const times = [];
  for (const place of places) {
    const began = performance.now();
    await element.go(place);
    await new Promise(requestAnimationFrame);
    times.push(performance.now() - began);
    if (!picture.src.endsWith(`/${String(place).padStart(5, "0")}.jpg`)) throw new Error(picture.src);
  }
  going = false;
  return {times, missing, painted};
}"""
_ANSWER = """(element) => {
  const [picked, began] = [element.value.frames.length, performance.now()];
  element.hand.select(0);
  element.hand.nudge(1, 0);
  const frames = element.value.frames;
  return [performance.now() - began, picked, frames.length];
}"""


# Where a place of the world is on the page, once the whole cloud has been painted.
_SEEN = """async (element, [x, y, z]) => {
  while (!element.loaded || element.coming !== undefined) await new Promise(requestAnimationFrame);
  await element.updateComplete;
  for (let at = 0; at < 3; at++) await new Promise(requestAnimationFrame);
  const {left, top} = element.shadowRoot.querySelector(".stage").getBoundingClientRect();
  const [across, down] = element.eye.projector()(x, y, z);
  return [left + across, top + down];
}"""


class Size(NamedTuple):
    """How much is measured.

    :param jumps: how often one goes to any other frame.
    :param warm: after how many frames memory is looked at first.
    :param points: of a cloud.
    :param seconds: how long something is dragged.
    """

    frames: int = 2_000
    pixels: tuple[int, int] = (1920, 1080)
    jumps: int = 100
    warm: int = 200
    points: int = 500_000
    seconds: float = 4


SMALLEST = Size(30, (320, 180), 5, 10, 2_000, 0.2)


def write_sequence(folder: Path, size: Size) -> None:
    """Write the pictures, and the page as the service's template makes it."""
    width, height = size.pixels
    for number in range(_PICTURES):
        noise = Image.effect_noise((width // 8, height // 8), 60 + number).resize(size.pixels, Image.Resampling.BICUBIC)
        noise.convert("RGB").save(folder / f"picture-{number}.jpg", quality=85)
    frames, initial = [], []
    for number in range(size.frames):
        name = f"{number:05}.jpg"
        (folder / name).symlink_to(folder / f"picture-{number % _PICTURES}.jpg")
        frames.append({"frame-no": number, "frame": name, "src": name})
        boxes = [
            {
                "label": "van",
                "objectId": f"id-{vehicle}",
                "objectName": f"van:{vehicle + 1}",
                "left": 10 * vehicle + number % 50,
                "top": 8 * vehicle,
                "width": 60,
                "height": 40,
            }
            for vehicle in range(10)
        ]
        initial.append({"frameNumber": number, "frame": name, "boundingBoxes": boxes})
    data = {"categories": {"labels": [{"label": "van"}]}, "tracks": True, "frames": frames}
    data["initial"] = {"frames": initial}
    (folder / "page.html").write_text(
        f"""<!doctype html><title>Task</title><script src="{SCRIPT}"></script>
        <script type="application/json" id="sequence">{json.dumps(data)}</script>
        <crowd-form><{ELEMENT} name="trackingAnnotations" data="sequence"></{ELEMENT}></crowd-form>"""
    )
    (folder / SCRIPT).write_bytes((STATIC / SCRIPT).read_bytes())


def measure(size: Size) -> dict[str, float]:
    """All figures, by name."""
    figures: dict[str, float] = {}
    with tempfile.TemporaryDirectory(prefix="labeling-bench-") as name, browser_page() as page:
        write_sequence(Path(name), size)
        with served(Path(name)) as address:
            began = time.perf_counter()
            page.goto(f"{address}/page.html")
            element = page.locator(ELEMENT)
            element.evaluate(_THERE)
            figures["open_seconds"] = round(time.perf_counter() - began, 2)
            session = page.context.new_cdp_session(page)
            session.send("Performance.enable")
            places = list(range(1, size.frames))
            first = element.evaluate(_GO, places[: size.warm])
            before = heap(session)
            rest = element.evaluate(_GO, places[size.warm :])
            figures["memory_growth_percent"] = round(100 * (heap(session) / before - 1), 1)
            times = first["times"] + rest["times"]
            figures["next_frame_milliseconds"] = round(statistics.median(times), 1)
            figures["next_frame_milliseconds_95_percent"] = round(statistics.quantiles(times, n=20)[-1], 1)
            jumps = element.evaluate(_GO, [number * 7_919 % size.frames for number in range(1, size.jumps + 1)])
            figures["any_frame_milliseconds"] = round(statistics.median(jumps["times"]), 1)
            seen = (first, rest, jumps)
            figures["paintings_without_picture"] = sum(painting["missing"] for painting in seen)
            figures["paintings"] = sum(painting["painted"] for painting in seen)
            milliseconds, picked, frames = element.evaluate(_ANSWER)
            if not picked == frames == size.frames:
                raise StackError(f"the answer has {frames} frames, not {size.frames}")
            figures["answer_milliseconds"] = round(milliseconds, 1)
            figures |= cloud_figures(page, address, Path(name), size)
    return figures


def write_cloud(folder: Path, points: int) -> None:
    """Write a cloud as a scanner on the ground sees it, denser near by: ground, and things that stand on it."""
    chance = random.Random(21)
    rows = bytearray()
    for number in range(points):
        far, angle = 2 + 60 * chance.random() ** 2, 2 * math.pi * chance.random()
        height = 0.0 if number % 4 else 3 * chance.random()
        rows += struct.pack("<4f", far * math.cos(angle), far * math.sin(angle), height, chance.random())
    (folder / "cloud.bin").write_bytes(rows)
    (folder / CLOUDS_SCRIPT).write_bytes((STATIC / CLOUDS_SCRIPT).read_bytes())
    cuboids = [
        {
            "objectName": f"car:{number + 1}",
            "label": "car",
            "labelCategoryAttributes": {},
            "centerX": 5 * (number % 5) - 10,
            "centerY": 5 * (number // 5),
            "centerZ": 0.8,
            "length": 4,
            "width": 2,
            "height": 1.6,
            "roll": 0,
            "pitch": 0,
            "yaw": 0.1 * number,
        }
        for number in range(20)
    ]
    frame = {"frame-no": 0, "frame": "cloud.bin", "src": "cloud.bin", "format": "binary/xyzi", "unix-timestamp": 0}
    for kind, more in (("cuboids", {"initial": {"boundingCuboids": cuboids}}), ("classes", {})):
        data = {"categories": {"labels": [{"label": "car"}]}, "kind": kind, "tracks": False, "frames": [frame], **more}
        (folder / f"{kind}.html").write_text(
            f"""<!doctype html><title>Task</title><script src="{CLOUDS_SCRIPT}"></script>
            <script type="application/json" id="clouds">{json.dumps(data)}</script>
            <crowd-form><{CLOUDS} name="it" data="clouds"></{CLOUDS}></crowd-form>"""
        )


def cloud_figures(page: Any, address: str, folder: Path, size: Size) -> dict[str, float]:
    """How long a cloud takes to open, and how fluid it is to work on it."""
    figures: dict[str, float] = {}
    write_cloud(folder, size.points)
    began = time.perf_counter()
    page.goto(f"{address}/cuboids.html")
    element = page.locator(CLOUDS)
    element.evaluate(_SEEN, [0, 0, 0])
    figures["cloud_open_seconds"] = round(time.perf_counter() - began, 2)
    page.keyboard.press("]")
    before = element.evaluate("(element) => element.value.boundingCuboids[0].centerX")
    start = element.evaluate(_SEEN, [before, 0, 0.8])
    page.keyboard.down("Alt")
    figures["cuboid_frames_per_second"] = round(frames_a_second(page, start, size.seconds), 1)
    page.keyboard.up("Alt")
    if element.evaluate("(element) => element.value.boundingCuboids[0].centerX") == before:
        raise StackError("the cuboid did not move")
    page.keyboard.press("Escape")
    empty = element.evaluate(_SEEN, [0, -8, 0])
    figures["cloud_turning_frames_per_second"] = round(frames_a_second(page, empty, size.seconds), 1)
    page.goto(f"{address}/classes.html")
    middle = element.evaluate(_SEEN, [0, 10, 0])
    figures["cloud_painting_frames_per_second"] = round(frames_a_second(page, middle, size.seconds), 1)
    if not element.evaluate("(element) => element.pointNumbers.counts[1]"):
        raise StackError("no points were painted")
    return figures


if __name__ == "__main__":
    run(measure, SMALLEST, Size(), __doc__)

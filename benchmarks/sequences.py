"""``make bench-sequences``: how fluid it is to go through a sequence of video frames, in a real browser.

2,000 frames of 1920 × 1080 with ten tracked boxes each: how long the page takes to open; milliseconds from one frame to
the next, and to any other; in how many of the browser's paintings the picture was missing meanwhile; how much more
memory the tab takes at the end than after 200 frames; how long the answer takes. The last line is JSON. ``--smallest``
only shows that it works.
"""

from __future__ import annotations

import json
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

from PIL import Image

from benchmarks.drawing import STATIC, run, served
from dev.browser import browser_page
from dev.stack import StackError

ELEMENT = "crowd-video-frames"
SCRIPT = "crowd-html-elements-frames.js"
_PICTURES = 20

_THERE = """async (one) => {
  const picture = one.shadowRoot.querySelector("img.subject");
  while (!picture.style.transform) await new Promise(requestAnimationFrame);
  await picture.decode();
}"""
# Each frame is waited for, until it has been painted.
_GO = """async (one, places) => {
  const picture = one.shadowRoot.querySelector("img.subject");
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
    await one.go(place);
    await new Promise(requestAnimationFrame);
    times.push(performance.now() - began);
    if (!picture.src.endsWith(`/${String(place).padStart(5, "0")}.jpg`)) throw new Error(picture.src);
  }
  going = false;
  return {times, missing, painted};
}"""
_ANSWER = """(one) => {
  const [picked, began] = [one.value.frames.length, performance.now()];
  one.hand.select(0);
  one.hand.nudge(1, 0);
  const frames = one.value.frames;
  return [performance.now() - began, picked, frames.length];
}"""


class Size(NamedTuple):
    """How much is measured.

    :param jumps: how often one goes to any other frame.
    :param warm: after how many frames memory is looked at first.
    """

    frames: int = 2_000
    pixels: tuple[int, int] = (1920, 1080)
    jumps: int = 100
    warm: int = 200


SMALLEST = Size(30, (320, 180), 5, 10)


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
                "objectId": f"id-{thing}",
                "objectName": f"van:{thing + 1}",
                "left": 10 * thing + number % 50,
                "top": 8 * thing,
                "width": 60,
                "height": 40,
            }
            for thing in range(10)
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
            figures["paintings_without_picture"] = sum(one["missing"] for one in seen)
            figures["paintings"] = sum(one["painted"] for one in seen)
            milliseconds, picked, frames = element.evaluate(_ANSWER)
            if not picked == frames == size.frames:
                raise StackError(f"the answer has {frames} frames, not {size.frames}")
            figures["answer_milliseconds"] = round(milliseconds, 1)
    return figures


def heap(session: Any) -> float:
    """The bytes of the tab's heap, of what is still in use."""
    for _ in range(2):
        session.send("HeapProfiler.collectGarbage")
    metrics = session.send("Performance.getMetrics")["metrics"]
    return float(next(one["value"] for one in metrics if one["name"] == "JSHeapUsedSize"))


if __name__ == "__main__":
    run(measure, SMALLEST, Size(), __doc__)

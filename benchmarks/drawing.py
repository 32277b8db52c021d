"""``make bench-drawing``: how fluid it is to draw on a picture in the worker pages, in a real browser.

Frames a second while a box is dragged among 10, 100 and 1,000 boxes over a picture of 50 megapixels, while that picture
is moved with 1,000 of them, zoomed, and while a brush paints a mask of 12 megapixels; how long pictures of 12 and 50
megapixels, and the answer with such a mask, take to be there; and how much more memory a tab takes after 200 tasks than
after 20. The last line is JSON. ``--smallest`` only shows that it works.
"""

from __future__ import annotations

import argparse
import functools
import json
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple

from PIL import Image

from dev.browser import browser_page
from dev.stack import ROOT, StackError

STATIC = ROOT / "labeling_provider" / "service" / "web" / "static"
ELEMENT, MASK_ELEMENT = "crowd-bounding-box", "crowd-semantic-segmentation"
WARM_TASKS = 20
"""What a tab keeps for ever, such as compiled scripts, it has after so many tasks."""

_THERE = """async (element) => {
  const picture = element.shadowRoot.querySelector("img.subject");
  while (!picture.style.transform) await new Promise(requestAnimationFrame);
  await picture.decode();
  for (let at = 0; at < 2; at++) await new Promise(requestAnimationFrame);
  const {left, top, width} = picture.getBoundingClientRect();
  return [left, top, width / picture.offsetWidth];
}"""
_COUNT = """() => {
  if ("seen" in window) return;
  window.seen = 0;
  const count = () => { window.seen += 1; requestAnimationFrame(count); };
  requestAnimationFrame(count);
}"""
_ANSWER = """(element) => {
  const began = performance.now();
  const {labelMappings} = element.value;
  return [(performance.now() - began) / 1000, Object.keys(labelMappings)];
}"""
_NEXT = """(address) => new Promise((done) => {
  const frame = document.createElement("iframe");
  frame.style = "width: 1000px; height: 700px";
  frame.addEventListener("load", () => done());
  frame.src = address;
  document.querySelector("iframe")?.remove();
  document.body.append(frame);
})"""


class Size(NamedTuple):
    """How much is measured.

    :param pictures: megapixels, and width and height, of the pictures.
    :param seconds: how long something is dragged.
    :param rounds: how often a picture is opened.
    """

    pictures: tuple[tuple[int, tuple[int, int]], ...] = ((12, (4000, 3000)), (50, (8660, 5774)))
    shapes: tuple[int, ...] = (10, 100, 1000)
    seconds: float = 4
    rounds: int = 5
    tasks: int = 200


SMALLEST = Size(((1, (1200, 800)),), (10,), 0.2, 1, WARM_TASKS + 5)


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """The address of a server of a folder."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def write_page(folder: Path, name: str, picture: str, size: tuple[int, int], shapes: int) -> None:
    """Write a task with boxes in rows all over its picture."""
    width, height = size
    rows = max(int(shapes**0.5), 1)
    across, down = width // (shapes // rows + 1), height // (rows + 1)
    boxes = [
        {
            "label": "ab"[number % 2],
            "left": number // rows * across,
            "top": number % rows * down,
            "width": across // 2,
            "height": down // 2,
        }
        for number in range(shapes)
    ]
    page = f"""<!doctype html><title>Task</title><script src="crowd-html-elements.js"></script><crowd-form>
    <{ELEMENT} name="it" src="{picture}" labels='["a", "b"]' initial-value='{json.dumps(boxes)}'></{ELEMENT}>
    </crowd-form>"""
    (folder / f"{name}.html").write_text(page)


def frames_a_second(page: Any, start: tuple[float, float], seconds: float) -> float:
    """How often the page is painted while the mouse, held down, goes back and forth."""
    page.mouse.move(*start)
    page.mouse.down()
    page.evaluate(_COUNT)
    began, first, number = time.perf_counter(), page.evaluate("seen"), 0
    while time.perf_counter() < began + seconds:
        number += 1
        page.mouse.move(start[0] + number % 60, start[1] + number % 40)
    frames = (page.evaluate("seen") - first) / (time.perf_counter() - began)
    page.mouse.move(start[0] + 30, start[1] + 20)
    page.mouse.up()
    return float(frames)


def measure(size: Size) -> dict[str, float]:
    """All figures, by name."""
    figures: dict[str, float] = {}
    with tempfile.TemporaryDirectory(prefix="labeling-bench-") as name, browser_page() as page:
        folder = Path(name)
        (folder / "crowd-html-elements.js").write_bytes((STATIC / "crowd-html-elements.js").read_bytes())
        for megapixels, pixels in size.pictures:
            Image.effect_noise(pixels, 40).convert("RGB").save(folder / f"{megapixels}.jpg", quality=85)
        with served(folder) as address:
            for megapixels, pixels in size.pictures:
                write_page(folder, "open", f"{megapixels}.jpg", pixels, 0)
                times = []
                for _ in range(size.rounds):
                    page.goto("about:blank")
                    began = time.perf_counter()
                    page.goto(f"{address}/open.html")
                    page.locator(ELEMENT).evaluate(_THERE)
                    times.append(time.perf_counter() - began)
                figures[f"open_{megapixels}_megapixels_seconds"] = round(statistics.median(times), 2)
            largest, pixels = size.pictures[-1]
            for shapes in size.shapes:
                write_page(folder, "drag", f"{largest}.jpg", pixels, shapes)
                page.goto(f"{address}/drag.html")
                left, top, scale = page.locator(ELEMENT).evaluate(_THERE)
                # Inside the first box, which is at the picture's corner.
                rows = max(int(shapes**0.5), 1)
                inside = (pixels[0] // (shapes // rows + 1) / 4, pixels[1] // (rows + 1) / 4)
                start = (left + inside[0] * scale, top + inside[1] * scale)
                figures[f"dragging_{shapes}_shapes_frames_per_second"] = round(
                    frames_a_second(page, start, size.seconds), 1
                )
                drawn = page.locator(ELEMENT).evaluate("element => element.value.boundingBoxes[0]")
                if (drawn["left"], drawn["top"]) == (0, 0):
                    raise StackError("the box did not move")
            page.keyboard.press("Escape")
            for _ in range(5):
                page.keyboard.press("+")
            page.get_by_label("Move the picture").check()
            middle = (left + pixels[0] * scale / 2, top + pixels[1] * scale / 2)
            name_ = f"moving_{size.shapes[-1]}_shapes_frames_per_second"
            figures[name_] = round(frames_a_second(page, middle, size.seconds), 1)
            figures |= mask_figures(page, address, folder, size)
            figures["memory_growth_percent"] = round(memory_growth(page, address, folder, size), 1)
    return figures


def mask_figures(page: Any, address: str, folder: Path, size: Size) -> dict[str, float]:
    """Frames a second while a mask is painted over all of which something lies, and how long its answer takes."""
    megapixels, pixels = size.pictures[0]
    (folder / "mask.html").write_text(
        f"""<!doctype html><title>Task</title><script src="crowd-html-elements.js"></script><crowd-form>
        <{MASK_ELEMENT} name="it" src="{megapixels}.jpg" labels='["a", "b"]'></{MASK_ELEMENT}></crowd-form>"""
    )
    page.goto(f"{address}/mask.html")
    left, top, scale = page.locator(MASK_ELEMENT).evaluate(_THERE)
    middle = (left + pixels[0] * scale / 2, top + pixels[1] * scale / 2)
    page.keyboard.press("1")
    page.keyboard.press("f")
    page.mouse.click(*middle)
    page.keyboard.press("b")
    page.keyboard.press("2")
    frames = frames_a_second(page, middle, size.seconds)
    seconds, labels = page.locator(MASK_ELEMENT).evaluate(_ANSWER)
    if sorted(labels) != ["a", "b"]:
        raise StackError("the mask was not painted")
    return {
        f"brushing_{megapixels}_megapixels_frames_per_second": round(frames, 1),
        f"mask_answer_{megapixels}_megapixels_seconds": round(seconds, 3),
    }


def memory_growth(page: Any, address: str, folder: Path, size: Size) -> float:
    """By how many percent the heap of a tab is larger after many tasks than after some."""
    smallest, pixels = size.pictures[0]
    write_page(folder, "task", f"{smallest}.jpg", pixels, 20)
    page.goto(f"{address}/")
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable")
    before = 0.0
    for number in range(1, size.tasks + 1):
        page.evaluate(_NEXT, f"{address}/task.html")
        frame = page.frame_locator("iframe")
        frame.locator(ELEMENT).evaluate("async (element) => { await element.updateComplete; element.value = []; }")
        if number == WARM_TASKS:
            before = heap(session)
    return 100 * (heap(session) / before - 1)


def heap(session: Any) -> float:
    """What is still in use of a tab's heap, in bytes.

    :param session: of the tab, with ``Performance`` enabled.
    """
    for _ in range(2):
        session.send("HeapProfiler.collectGarbage")
    metrics = session.send("Performance.getMetrics")["metrics"]
    return float(next(metric["value"] for metric in metrics if metric["name"] == "JSHeapUsedSize"))


def run(measure: Callable[[Any], dict[str, float]], smallest: Any, whole: Any, about: str | None) -> None:
    """Measure as the command line asks for, and print it as JSON.

    :param smallest: the size that only shows that it works.
    """
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--smallest", action="store_true", help="only show that it works")
    size = smallest if parser.parse_args().smallest else whole
    if not STATIC.is_dir():
        sys.exit("The worker pages are not built: python frontend/build.py")
    print(json.dumps(measure(size)))


if __name__ == "__main__":
    run(measure, SMALLEST, Size(), __doc__)

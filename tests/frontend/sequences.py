"""A person who labels a sequence of frames: places are pixels of a frame, wherever it is on the page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from labeling_provider.request.templates import hosted_template
from labeling_provider.service.web.liquid import render
from tests.frontend.conftest import Portal
from tests.frontend.drawings import Artist

SCRIPT = '<script src="/static/crowd-html-elements-frames.js"></script>'
NUMBERS = range(10, 16)
"""The numbers of the six frames."""


class Labeler(Artist):
    """The page of a video frame task, as the service's own template makes it, with six frames.

    :param initial: what an adjustment begins with: an answer's ``{"frames": …}``.
    :param categories: further keys of the category file.
    """

    def __init__(
        self,
        portal: Portal,
        kind: str = "VideoObjectTracking",
        labels: Sequence[Any] = ("van", "dog"),
        initial: Any = None,
        init: dict[str, Any] | None = None,
        missing: Sequence[int] = (),
        **categories: Any,
    ) -> None:
        self.key = "trackingAnnotations" if kind == "VideoObjectTracking" else "detectionAnnotations"
        self.element = "crowd-video-frames"
        entries = [label if isinstance(label, dict) else {"label": label} for label in labels]
        for number in NUMBERS:
            path = f"/frames/{number}.svg"
            portal.files.pop(path, None)
            if number not in missing:
                portal.files[path] = ("image/svg+xml", picture(number))
        source = hosted_template(f"arn:aws:sagemaker:us-east-1:394669845002:human-task-ui/{kind}")
        assert source is not None
        rendered = render(
            source,
            {
                "answerKey": self.key,
                "header": "Follow the vans",
                "instructions": {"shortInstruction": "<p>Every van.</p>", "fullInstruction": "<p>All of them.</p>"},
                "categories": {"labels": entries, **categories},
                "initial": initial,
                "frames": [
                    {"frame-no": number, "frame": f"{number}.svg", "uri": f"/frames/{number}.svg"} for number in NUMBERS
                ],
            },
            lambda text: text,
        )
        # The test's server has the script elsewhere.
        self.task = portal.open(rendered.partition("</script>")[2], SCRIPT, **(init or {}))
        self.mouse = self.task.page.mouse
        self.wait()

    def go(self, *keys: str) -> None:
        """Press keys, and wait until the frame that they lead to is shown."""
        self.press(*keys)
        self.task(f"{self.element} .frames").wait_for()
        self.task(self.element).evaluate(
            """async (element) => {
              const tick = () => new Promise((resolve) => setTimeout(resolve, 10));
              for (let at = 0; at < 500 && element.coming !== undefined; at++) await tick();
              await element.updateComplete;
            }"""
        )

    def at_frame(self, number: int) -> None:
        """Wait until a frame is shown."""
        self.task(f"img.subject[src$='/frames/{number}.svg']").wait_for()

    def frames(self) -> dict[int, dict[str, Any]]:
        """What has been drawn, by the frames' numbers."""
        value = self.task(self.element).evaluate("(element) => element.value")
        return {frame["frameNumber"]: frame for frame in value["frames"]}

    def boxes(self) -> dict[int, dict[str, list[float]]]:
        """Left, top, width and height of each object, by the frames' numbers."""
        return {
            number: {
                box.get("objectName", box["label"]): [box["left"], box["top"], box["width"], box["height"]]
                for box in frame["boundingBoxes"]
            }
            for number, frame in self.frames().items()
        }

    def hint(self) -> str:
        """What the person is told."""
        return str(self.task(".board > [role=status].help").inner_text())


def picture(number: int) -> bytes:
    """A frame: a yellow thing that moves to the right."""
    left = 40 + 30 * (number - NUMBERS[0])
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" width="400" height="300"><rect width="400" height="300" fill="#8bd"/>'
        f'<rect x="{left}" y="120" width="60" height="40" fill="#fc0"/><text x="10" y="290">{number}</text></svg>'
    ).encode()

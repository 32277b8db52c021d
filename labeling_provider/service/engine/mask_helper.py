"""Helps people who draw: a function turns a few points or a box into a mask.

It is the built-in one, which needs no model, or the caller's own, such as one that uses SAM. It runs in a separate
process, as the functions of custom tasks do.
"""

from __future__ import annotations

import base64
import logging
import threading
from collections.abc import Mapping, Sequence
from io import BytesIO
from typing import Any, Final, NamedTuple

from labeling_provider.groundtruth.uris import as_s3_uri
from labeling_provider.manifest.pictures import PictureError, open_picture
from labeling_provider.service.engine.functions import Functions
from labeling_provider.service.failures import JobFailure, Outage
from labeling_provider.service.kinds.kind import Kind
from labeling_provider.service.kinds.stored_data import image_size
from labeling_provider.service.work.workforce import PROMPTS

MAX_POINTS: Final = 100
MASK_FUNCTION: Final = "mask_function"
"""The name of the function among the callers' functions, which have ARNs."""
_MAX_CALLS: Final = 2
_WAIT_SECONDS: Final = 30.0
_EXTREME: Final = 4
_SIDES: Final = ("left", "top", "width", "height")

log = logging.getLogger(__name__)


class NoMask(Exception):
    """There is no mask for what was asked; the text says why."""


class FoundMask(NamedTuple):
    """A mask: the box around its pixels, and a PNG of this size in which they are 255 and the others 0.

    All in pixels of the stored picture.
    """

    left: int
    top: int
    width: int
    height: int
    png: bytes


class MaskHelper:
    """Asks the function for masks, two at once, and one at a time for each person.

    :param functions: with one named :data:`MASK_FUNCTION`. It takes ``{"version", "labelingJobArn",
        "labelAttributeName", "dataObject": {"s3Uri"}, "width", "height"}`` and what was asked, and returns
        ``{"pngImageData": base64}``: a picture of the same size, in which the object's pixels are not 0.
    :ivar prompts: what it can be asked by.
    """

    def __init__(self, functions: Functions, prompts: Sequence[str]) -> None:
        self._functions, self.prompts = functions, prompts
        self._free = threading.BoundedSemaphore(_MAX_CALLS)
        self._asking: set[str] = set()
        self._changing = threading.Lock()

    def mask(self, kind: Kind, line: dict[str, Any], worker_id: str, asked: Mapping[str, Any]) -> FoundMask:
        """The mask of an object in a task's picture.

        :param kind: the kind of the task's job.
        :param line: the data object's manifest line.
        :param worker_id: who asks.
        :param asked: one or both of ``points``, each with ``x``, ``y`` and ``inside``, and ``box``, with ``left``,
            ``top``, ``width`` and ``height``; or ``extreme_points``, the four of an object.
        :raises NoMask: if the request makes no sense, or the function has no answer.
        """
        unanswered = next((key for key in PROMPTS if asked.get(key) is not None and key not in self.prompts), None)
        if unanswered:
            raise NoMask(f"The mask function of this service takes {' and '.join(self.prompts)}, not {unanswered}.")
        with self._changing:
            if worker_id in self._asking:
                raise NoMask("Your last mask is still being made.")
            self._asking.add(worker_id)
        try:
            if not self._free.acquire(timeout=_WAIT_SECONDS):
                raise NoMask("Too many people are asking for masks at the moment; try again.")
            try:
                return self._mask(kind, line, asked)
            finally:
                self._free.release()
        finally:
            with self._changing:
                self._asking.discard(worker_id)

    def _mask(self, kind: Kind, line: dict[str, Any], asked: Mapping[str, Any]) -> FoundMask:
        uri = as_s3_uri(kind.source(line))
        if not uri.startswith("s3://"):
            raise NoMask("The task has no picture in S3.")
        try:
            width, height, _ = image_size(kind.job.object_store, uri)
        except ValueError as error:
            raise NoMask(f"The picture can't be opened: {error}.") from None
        event = {
            "version": "2026-11-26",
            "labelingJobArn": kind.job.arn,
            "labelAttributeName": kind.job.attribute,
            "dataObject": {"s3Uri": uri},
            "width": width,
            "height": height,
            **_checked(asked, width, height),
        }
        try:
            answer = self._functions.call(MASK_FUNCTION, event)
        except (JobFailure, Outage) as trouble:
            log.warning("no mask for %s: %s", uri, trouble)
            raise NoMask("The mask could not be made. The service's log says why.") from None
        except InterruptedError:
            raise NoMask("The service is stopping.") from None
        try:
            body = base64.b64decode(answer["pngImageData"], validate=True)
            image = _as_bytes(open_picture(body))
        except (TypeError, KeyError, ValueError, PictureError) as error:
            log.warning("no mask for %s: %s", uri, error)
            raise NoMask("The mask function did not return a picture.") from None
        if image.size != (width, height):
            raise NoMask(f"The mask has {image.size[0]:,} × {image.size[1]:,} pixels, unlike the picture.")
        return _cut_out(image)


def _checked(asked: Mapping[str, Any], width: int, height: int) -> dict[str, Any]:
    """What was asked, with nothing else.

    :raises NoMask: if it makes no sense.
    """
    hints: dict[str, Any] = {}
    for key in ("points", "extreme_points"):
        given = asked.get(key)
        if given is None:
            continue
        if not isinstance(given, list) or not 1 <= len(given) <= MAX_POINTS:
            raise NoMask(f"{key} must be a list of 1 to {MAX_POINTS} points.")
        hints[key] = [_point(point, width, height, f"{key}[{number}]") for number, point in enumerate(given)]
        if key == "points":
            for point, own in zip(given, hints[key], strict=True):
                own["inside"] = point.get("inside") is not False
        elif len(given) != _EXTREME:
            raise NoMask(f"extreme_points must be {_EXTREME} points.")
    box = asked.get("box")
    if box is not None:
        sides = [box.get(side) for side in _SIDES] if isinstance(box, dict) else [None]
        if not all(_is_number(side, 0, max(width, height)) for side in sides) or not sides[2] or not sides[3]:
            raise NoMask("box must have left, top, width and height in pixels, inside the picture.")
        hints["box"] = dict(zip(_SIDES, sides, strict=True))
    if not hints:
        raise NoMask("Give points, a box or extreme_points.")
    return hints


def _point(point: Any, width: int, height: int, where: str) -> dict[str, Any]:
    x, y = (point.get("x"), point.get("y")) if isinstance(point, dict) else (None, None)
    if not _is_number(x, 0, width) or not _is_number(y, 0, height):
        raise NoMask(f"{where} must have x and y in pixels, inside the picture.")
    return {"x": x, "y": y}


def _is_number(value: Any, min_value: float, max_value: float) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and min_value <= value <= max_value


def _as_bytes(image: Any) -> Any:
    """A mask with a byte for each pixel; in a 16-bit one, too, all that is not 0 belongs to the object."""
    return (image.convert("I").point(lambda value: value * 255) if image.mode.startswith("I") else image).convert("L")


def _cut_out(image: Any) -> FoundMask:
    mask = image.point([0, *[255] * 255])
    box = mask.getbbox()
    if box is None:
        raise NoMask("Nothing was found there.")
    body = BytesIO()
    mask.crop(box).save(body, "PNG")
    left, top, right, bottom = box
    return FoundMask(left, top, right - left, bottom - top, body.getvalue())

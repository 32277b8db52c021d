"""Draws the objects on a page with their labels, and decides which of a job's data a browser may see."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from urllib.parse import urlencode

from markupsafe import Markup

from labeling_provider.errors import LabelingError
from labeling_provider.groundtruth.uris import as_s3_uri
from labeling_provider.manifest import Files, PointMaskLabel, SequenceLabel
from labeling_provider.rendering.cloud_drawing import drawn_cloud, is_of_points
from labeling_provider.rendering.drawing import drawn_picture, marked_text, size_of
from labeling_provider.rendering.sequence_drawing import drawn_sequence
from labeling_provider.ui.live import Confirmed, is_plain_s3
from labeling_provider.ui.output_manifest import ShownObject, named_by
from labeling_provider.ui.showing import query_of
from labeling_provider.ui.signed import sign
from labeling_provider.ui.task_jobs import TaskKey

log = logging.getLogger(__name__)


class Cards:
    """The cards of one page.

    :param secret: signs the pictures' URLs.
    :param job: the task's job, as the service has confirmed it.
    :param objects: all objects of the page.
    """

    def __init__(self, secret: bytes, task: TaskKey, job: Confirmed, objects: Iterable[ShownObject]) -> None:
        self._secret, self._task, self._job = secret, task, job
        self._inputs = _inputs(job, objects)

    def card(self, shown: ShownObject) -> Markup:
        """An object with its label, as HTML. If it can't be shown, the reason is added to its problem."""
        uri, text, label = _source_uri(shown), shown.line.get("source"), shown.label
        if isinstance(text, str):
            return _drawn(shown, lambda: marked_text(text, label))
        is_text = label is not None and "/text-" in str((label.metadata or {}).get("type"))
        if is_text or not uri.startswith("s3://"):
            return Markup("")
        if uri not in self._inputs:
            shown.problem = f"{shown.problem} Its picture is not part of the job's input.".strip()
            return Markup("")
        if isinstance(label, SequenceLabel | PointMaskLabel) and not self._job.has_written(label.uri):
            shown.problem = f"{shown.problem} Its label is not part of the job's output.".strip()
            return Markup("")
        files = Files(self._job.hook)
        if label is not None and is_of_points(label):
            return _drawn(shown, lambda: drawn_cloud(files, shown.line, label, self._address))
        if isinstance(label, SequenceLabel):
            return _drawn(shown, lambda: drawn_sequence(files, uri, label, self._address))
        mask = None
        if label is not None and label.mask_uri is not None:
            if self._job.has_written(label.mask_uri):
                mask = self._address(label.mask_uri)
            else:
                shown.problem = f"{shown.problem} Its mask is not part of the job's output.".strip()
        return _drawn(shown, lambda: drawn_picture(self._address(uri, size_of(label)), label, mask))

    def _address(self, uri: str, size: tuple[int, int] | None = None) -> str:
        expires, signature = sign(self._secret, self._task, uri)
        query = {"uri": uri, "expires": expires, "signature": signature}
        if size is not None:
            query |= {"width": size[0], "height": size[1]}
        return f"picture?{query_of(self._task)}&{urlencode(query)}"


def _inputs(job: Confirmed, objects: Iterable[ShownObject]) -> set[str]:
    """The URIs of objects that are part of the job's input: they are in its manifest's folder, or in the manifest.

    A streaming job has no manifest, so all its objects are allowed.
    """
    refs = {uri for shown in objects if is_plain_s3(uri := _source_uri(shown))}
    if job.manifest_uri is None:
        return refs
    near = {uri for uri in refs if job.has_beside_input(uri) or job.has_written(uri)}
    try:
        return near | named_by(Files(job.hook), job.manifest_uri, refs - near)
    except LabelingError as error:
        log.warning("The input manifest of %s can't be read: %s", job.name, error)
        return near


def _source_uri(shown: ShownObject) -> str:
    """``s3://bucket/key`` of an object in S3, however its line writes that; empty if the line has no ``source-ref``."""
    reference = shown.line.get("source-ref")
    return as_s3_uri(reference) if isinstance(reference, str) else ""


def _drawn(shown: ShownObject, draw: Callable[[], Markup]) -> Markup:
    """An object as HTML. If its label can't be drawn, the reason is added to its problem."""
    try:
        return draw()
    except Exception as error:  # noqa: BLE001 - a label may contain anything
        shown.problem = f"{shown.problem} It can't be drawn: {error}"[:300].strip()
        return Markup("")

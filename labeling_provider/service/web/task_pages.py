"""The page of a task: its job's template, rendered with the task's input, in the frame.

It is the same for people who label and for requesters who look at a preview.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, Final, Generic, NamedTuple, TypeVar

from starlette.responses import Response

from labeling_provider.groundtruth.description import JobRequest
from labeling_provider.groundtruth.documents import as_json
from labeling_provider.request.templates import hosted_template
from labeling_provider.service.cloud.object_store import MissingObject, ObjectsAway, ObjectStore
from labeling_provider.service.failures import ObjectFailure
from labeling_provider.service.kinds.kind import Kind
from labeling_provider.service.web.assets import Assets
from labeling_provider.service.web.frame import frame_page, message_page
from labeling_provider.service.web.liquid import MAX_TEMPLATE, TemplateError, render
from labeling_provider.service.web.object_links import Links, Signer

log = logging.getLogger(__name__)

_KEPT_TEMPLATES: Final = 200
_KEPT_LINKS: Final = 64
"""How many tasks have their links cached."""
_KEPT_SECONDS: Final = 30.0
_MAX_BYTES_A_CHARACTER: Final = 4


class ShownTask(NamedTuple):
    """What a page shows.

    :param kind: the kind of the job.
    :param line: the manifest line of the task's object.
    :param prepared: what the caller's pre-annotation function has made of it; None without one.
    """

    kind: Kind
    line: dict[str, Any]
    prepared: dict[str, Any] | None = None


class TaskPages:
    """Makes the pages of tasks.

    :param signer: makes the links to their objects.
    :param assets: the files that they load.
    """

    def __init__(self, object_store: ObjectStore, signer: Signer, assets: Assets) -> None:
        self._signer, self._assets = signer, assets
        self._templates = Templates(object_store)
        self._links = _KeptValues[Links](_KEPT_LINKS)

    def page(self, task: ShownTask, base: str, language: str = "en") -> Response:
        """The page of a task; if the template can't be rendered, a page that says why.

        :param base: the service as the browser sees it: ``http://host:port``.
        :param language: the page's language, such as ``en``.
        :raises ObjectsAway: if it needs an object, and the object store does not answer.
        """
        try:
            rendered, links = self._rendered(task, base)
        except TemplateError as error:
            name = task.kind.job.name
            log.warning("the worker template of %s can't be rendered: %s", name, error)
            message = f"The page of this task can't be shown. Tell the requester of {name}: {error}"
            return message_page(message, HTTPStatus.UNPROCESSABLE_ENTITY)
        title = task.kind.job.request.title
        return frame_page(rendered, self._assets, base, objects=links.given, title=title, language=language)

    def fresh_link(self, task: ShownTask, base: str, url: str) -> str | None:
        """A fresh link for a link in the page of a task; None if the page has no such link.

        A person who goes through 2,000 frames with expired links asks for each: the page is not rendered each time.

        :raises ObjectsAway: as :meth:`page` does.
        """
        key = as_json([base, task.kind.job.name, task.line, task.prepared])
        try:
            return self._links.of(key, lambda: self._rendered(task, base)[1]).fresh(url)
        except TemplateError:
            return None

    def asset(self, name: str) -> str:
        """The address of one of the files that pages load."""
        return self._assets.address(name)

    def _rendered(self, task: ShownTask, base: str) -> tuple[str, Links]:
        request = task.kind.job.request
        seconds = float(request.task_seconds)
        links = self._signer.links(base, seconds)
        source = self._templates.of(request)
        try:
            task_input = task.kind.task_input(task.line, task.prepared)
        except (ValueError, ObjectFailure) as error:
            # A file existed when the object was handed out, and no longer does.
            raise TemplateError("RenderError", str(error)) from None
        return render(source, task_input, links.grant), links


Thing = TypeVar("Thing")


class _KeptValues(Generic[Thing]):
    """A thread-safe cache of recent values.

    :param max_values: most values to keep.
    """

    def __init__(self, max_values: int) -> None:
        self._max_values = max_values
        self._kept: OrderedDict[str, tuple[float, Thing]] = OrderedDict()
        self._changing = threading.Lock()

    def of(self, key: str, make: Callable[[], Thing]) -> Thing:
        """The value for a key: computed less than :data:`_KEPT_SECONDS` ago, or now. Exceptions are not cached."""
        with self._changing:
            kept = self._kept.get(key)
        # By the clock with which links are signed.
        if kept and 0 <= time.time() - kept[0] <= _KEPT_SECONDS:
            return kept[1]
        built = make()
        with self._changing:
            self._kept[key] = (time.time(), built)
            self._kept.move_to_end(key)
            if len(self._kept) > self._max_values:
                self._kept.popitem(last=False)
        return built

    def last(self, key: str) -> Thing | None:
        """The value that was computed last for a key, however long ago; None if it is not kept."""
        with self._changing:
            kept = self._kept.get(key)
        return kept[1] if kept else None


class Templates:
    """The worker templates of jobs, read again from time to time. While that can't be done, the old ones are used."""

    def __init__(self, object_store: ObjectStore) -> None:
        self._object_store = object_store
        self._kept = _KeptValues[str](_KEPT_TEMPLATES)
        self._being_read: set[str] = set()

    def of(self, request: JobRequest) -> str:
        """The template of a CreateLabelingJob request.

        :raises TemplateError: if there is none, or it can't be used.
        :raises ObjectsAway: if it was never read, and the object store does not answer.
        """
        uri = request.template_uri
        if not uri:
            arn = request.human_task_ui_arn or ""
            hosted = hosted_template(arn)
            if hosted is None:
                raise TemplateError("SyntaxError", f"There is no page for the interface {arn} yet.")
            return hosted
        old = self._kept.last(uri)
        if old is not None and uri in self._being_read:
            # Somebody else waits for the new one.
            return old
        self._being_read.add(uri)
        try:
            return self._kept.of(uri, lambda: self._read(uri))
        except ObjectsAway:
            if old is None:
                raise
            return old
        finally:
            self._being_read.discard(uri)

    def _read(self, uri: str) -> str:
        max_bytes = MAX_TEMPLATE * _MAX_BYTES_A_CHARACTER
        try:
            body = self._object_store.beginning(uri, max_bytes + 1)
            if len(body) > max_bytes:
                raise TemplateError("LimitExceeded", f"{uri} has more than {MAX_TEMPLATE:,} characters.")
            return body.decode("utf-8-sig")
        except UnicodeDecodeError:
            raise TemplateError("SyntaxError", f"{uri} is not UTF-8 text.") from None
        except (MissingObject, ValueError):
            raise TemplateError("SyntaxError", f"There is no template at {uri}.") from None

"""The page of a task: its job's template, rendered with the task's input, in the frame.

It is the same for people who label and for requesters who look at a preview.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import OrderedDict
from http import HTTPStatus
from typing import Any, Final, Protocol

from starlette.responses import Response

from labeling_provider.groundtruth.description import JobRequest
from labeling_provider.request.templates import hosted_template
from labeling_provider.service.cloud.object_store import MissingObject, ObjectStore
from labeling_provider.service.database import task_inputs
from labeling_provider.service.database.database import Database
from labeling_provider.service.kinds.base import Kind
from labeling_provider.service.web.assets import Assets
from labeling_provider.service.web.frame import frame_page, message_page
from labeling_provider.service.web.links import Links, Signer
from labeling_provider.service.web.liquid import MAX_TEMPLATE, TemplateError, render

log = logging.getLogger(__name__)

_KEPT_TEMPLATES: Final = 64
_KEPT_SECONDS: Final = 30.0
_MAX_BYTES_A_CHARACTER: Final = 4


class JobOfPages(Protocol):
    """What a page needs to know of a labeling job."""

    @property
    def id(self) -> int:
        """Its number."""

    @property
    def kind(self) -> Kind:
        """Its kind of task."""

    @property
    def time_limit(self) -> float:
        """Seconds that a worker has for a task."""


class TaskPages:
    """Makes the pages of tasks.

    :param signer: makes the links to their objects.
    :param assets: the files that they load.
    """

    def __init__(self, database: Database, object_store: ObjectStore, signer: Signer, assets: Assets) -> None:
        self._database, self._signer, self._assets = database, signer, assets
        self._templates = Templates(object_store)

    def page(self, job: JobOfPages, line: dict[str, Any], task_id: int, base: str, language: str = "en") -> Response:
        """The page of a task; one that says why, if the template can't be rendered.

        :param line: the manifest line of the task's object.
        :param base: the service as the browser sees it: ``http://host:port``.
        :param language: of the page, such as ``en``.
        """
        try:
            rendered, links = self._rendered(job, line, task_id, base)
        except TemplateError as error:
            log.warning("the worker template of %s can't be rendered: %s", job.kind.job.name, error)
            message = f"The page of this task can't be shown. Tell the requester: {error}"
            return message_page(message, HTTPStatus.UNPROCESSABLE_ENTITY)
        title = job.kind.job.request["HumanTaskConfig"]["TaskTitle"]
        return frame_page(rendered, self._assets, base, objects=links.given, title=title, language=language)

    def fresh_link(self, job: JobOfPages, line: dict[str, Any], task_id: int, base: str, url: str) -> str | None:
        """A fresh link for one that the page of a task has; None if it has none such."""
        try:
            _, links = self._rendered(job, line, task_id, base)
        except TemplateError:
            return None
        return links.fresh(url)

    def asset(self, name: str) -> str:
        """The address of one of the files that pages load."""
        return self._assets.address(name)

    def _rendered(self, job: JobOfPages, line: dict[str, Any], task_id: int, base: str) -> tuple[str, Links]:
        facts, prepared = job.kind.job, None
        if facts.task_type.function is None and "PreHumanTaskLambdaArn" in facts.request["HumanTaskConfig"]:
            with self._database.read() as connection:
                prepared = task_inputs.of_task(connection, task_id)
        links = self._signer.links(base, job.time_limit)
        source = self._templates.of(facts.request)
        return render(source, job.kind.task_input(line, prepared), links.grant), links


class Templates:
    """The worker templates of jobs, which are read anew now and then."""

    def __init__(self, object_store: ObjectStore) -> None:
        self._object_store = object_store
        self._kept: OrderedDict[str, tuple[float, str]] = OrderedDict()
        self._changing = threading.Lock()

    def of(self, request: dict[str, Any]) -> str:
        """The template of a CreateLabelingJob request.

        :raises TemplateError: if there is none, or it can't be read.
        """
        uri = JobRequest(request).template_uri
        if not uri:
            arn = request["HumanTaskConfig"]["UiConfig"].get("HumanTaskUiArn", "")
            hosted = hosted_template(arn)
            if hosted is None:
                raise TemplateError("SyntaxError", f"There is no page for the interface {arn} yet.")
            return hosted
        with self._changing:
            read_at, source = self._kept.get(uri, (0.0, ""))
        if time.monotonic() - read_at > _KEPT_SECONDS or not read_at:
            source = self._read(uri)
            with self._changing:
                self._kept[uri] = (time.monotonic(), source)
                self._kept.move_to_end(uri)
                if len(self._kept) > _KEPT_TEMPLATES:
                    self._kept.popitem(last=False)
        return source

    def _read(self, uri: str) -> str:
        most = MAX_TEMPLATE * _MAX_BYTES_A_CHARACTER
        try:
            body = self._object_store.beginning(uri, most + 1)
            if len(body) > most:
                raise TemplateError("LimitExceeded", f"{uri} has more than {MAX_TEMPLATE:,} characters.")
            return body.decode("utf-8-sig")
        except UnicodeDecodeError:
            raise TemplateError("SyntaxError", f"{uri} is not UTF-8 text.") from None
        except (MissingObject, ValueError):
            raise TemplateError("SyntaxError", f"There is no template at {uri}.") from None

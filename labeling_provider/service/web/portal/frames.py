"""The pages of tasks: a job's template, rendered with the input of one task, in the sandboxed frame."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Any, Final

from starlette.responses import Response

from labeling_provider.request.templates import hosted_template
from labeling_provider.service.cloud.object_store import MissingObject, ObjectStore
from labeling_provider.service.engine.desk import JobAtDesk, TaskShown
from labeling_provider.service.web.assets import Assets
from labeling_provider.service.web.frame import frame_page, message_page
from labeling_provider.service.web.links import Links, Signer
from labeling_provider.service.web.liquid import TemplateError, render

_MAX_TEMPLATES: Final = 200
_MARGIN_SECONDS: Final = 3600.0
"""How much longer than a task's time its links hold: a page may have been loaded ahead."""


class Frames:
    """Makes the page that a template becomes.

    :param signer: signs the links to objects.
    """

    def __init__(self, object_store: ObjectStore, signer: Signer, assets: Assets) -> None:
        self._object_store, self._signer, self._assets = object_store, signer, assets
        self._templates: OrderedDict[int, str] = OrderedDict()
        self._changing = threading.Lock()

    def asset(self, name: str) -> str:
        """The address of one of the files that pages load."""
        return self._assets.address(name)

    def page(self, shown: TaskShown, base: str, language: str) -> Response:
        """The page of a task.

        :param base: where the service is, as the browser sees it: ``http://host:port``.
        """
        links = self._links(shown.job, base)
        try:
            rendered = self._rendered(shown, links)
        except TemplateError as error:
            return message_page(f"The worker template of this job can't be shown. {error}", 500)
        title = str(shown.job.human.get("TaskTitle", ""))
        return frame_page(rendered, self._assets, base, objects=links.given, title=title, language=language)

    def fresh_link(self, shown: TaskShown, base: str, url: str) -> str | None:
        """A fresh link for one that the page of a task has; None if it has none such."""
        links = self._links(shown.job, base)
        try:
            self._rendered(shown, links)
        except TemplateError:
            return None
        return links.fresh(url)

    def _links(self, job: JobAtDesk, base: str) -> Links:
        return self._signer.links(base, job.time_limit + _MARGIN_SECONDS)

    def _rendered(self, shown: TaskShown, links: Links) -> str:
        task_input: dict[str, Any] = shown.job.kind.task_input(shown.line, shown.prepared)
        return render(self._template(shown.job), task_input, links.grant)

    def _template(self, job: JobAtDesk) -> str:
        """The job's template.

        :raises TemplateError: if it can't be had.
        """
        with self._changing:
            known = self._templates.get(job.id)
        if known is not None:
            return known
        config = job.human["UiConfig"]
        if "UiTemplateS3Uri" in config:
            try:
                template = self._object_store.read(config["UiTemplateS3Uri"]).decode("utf-8-sig")
            except (MissingObject, ValueError) as error:
                raise TemplateError("Missing", f"{config['UiTemplateS3Uri']} can't be read: {error}.") from None
        else:
            arn = str(config.get("HumanTaskUiArn", ""))
            hosted = hosted_template(arn)
            if hosted is None:
                raise TemplateError("Missing", f"There is no worker interface {arn} here.")
            template = hosted
        with self._changing:
            self._templates[job.id] = template
            if len(self._templates) > _MAX_TEMPLATES:
                self._templates.popitem(last=False)
        return template

"""The operations on worker templates: named ones, and rendering a preview. Source: API reference of each operation."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any, Final

from labeling_provider.groundtruth.documents import strict_json
from labeling_provider.groundtruth.facts import HUMAN_TASK_UI_ACCOUNT, Arn, arn_of
from labeling_provider.request.templates import hosted_template
from labeling_provider.service.database import human_task_ui_rows, tag_rows
from labeling_provider.service.database.database import Connection, Database
from labeling_provider.service.database.human_task_ui_rows import HumanTaskUiRow, HumanTaskUiSummary
from labeling_provider.service.database.job_rows import NameTaken
from labeling_provider.service.failures import ApiError, not_found, validation_error
from labeling_provider.service.web.liquid import TemplateError, render
from labeling_provider.service.web.lists import between, next_token, page_request
from labeling_provider.service.web.object_links import Signer
from labeling_provider.service.web.tags import add_tags
from labeling_provider.service.web.template_links import TemplateLinks

MAX_TEMPLATES: Final = 1_000
_LINK_SECONDS: Final = 3600


class HumanTaskUis:
    """Create-, Describe-, List- and DeleteHumanTaskUi, and RenderUiTemplate.

    :param signer: makes the links in rendered templates.
    :param template_links: makes the addresses of templates.
    :param role_exists: returns whether an IAM role of this account exists.
    """

    def __init__(
        self,
        database: Database,
        signer: Signer,
        template_links: TemplateLinks,
        *,
        region: str,
        account: str,
        role_exists: Callable[[str], bool],
    ) -> None:
        self._database, self._signer, self._template_links = database, signer, template_links
        self._region, self._account, self._role_exists = region, account, role_exists

    def create(self, request: dict[str, Any]) -> dict[str, Any]:
        """CreateHumanTaskUi. As on Amazon, mistakes in the template are reported when it is rendered.

        :raises ApiError: if the name is taken, or there are too many templates.
        """
        name = request["HumanTaskUiName"]
        arn = arn_of("sagemaker", f"human-task-ui/{name}", self._region, self._account)
        try:
            with self._database.write() as connection:
                if human_task_ui_rows.count(connection) >= MAX_TEMPLATES:
                    raise ApiError("ResourceLimitExceeded", f"There are already {MAX_TEMPLATES:,} worker templates.")
                human_task_ui_rows.insert(connection, name, arn, request["UiTemplate"]["Content"])
                add_tags(connection, arn, request.get("Tags", []))
        except NameTaken:
            raise ApiError("ResourceInUse", f"A worker template named {name} already exists.") from None
        return {"HumanTaskUiArn": arn}

    def describe(self, request: dict[str, Any], origin: str) -> dict[str, Any]:
        """DescribeHumanTaskUi.

        :param origin: the service as the caller reaches it: ``http://host:port``.
        :raises ApiError: if there is no such template.
        """
        with self._database.read() as connection:
            row = _template_of(connection, request["HumanTaskUiName"])
        digest = hashlib.sha256(row.template.encode("utf-8", "replace")).hexdigest()
        url = f"{origin}{self._template_links.path(row)}"
        return {
            **_summary(row),
            "HumanTaskUiStatus": "Active",
            "UiTemplate": {"Url": url, "ContentSha256": digest},
        }

    def list(self, request: dict[str, Any]) -> dict[str, Any]:
        """ListHumanTaskUis."""
        with self._database.read() as connection:
            rows, token = human_task_ui_rows.page(connection, between(request, "CreationTime"), page_request(request))
        return {"HumanTaskUiSummaries": [_summary(row) for row in rows], **next_token(token)}

    def delete(self, request: dict[str, Any]) -> dict[str, Any]:
        """DeleteHumanTaskUi. Labeling jobs are not affected: they take templates from S3.

        :raises ApiError: if there is no such template.
        """
        with self._database.write() as connection:
            row = _template_of(connection, request["HumanTaskUiName"])
            human_task_ui_rows.delete(connection, row.name)
            tag_rows.delete_all_tags(connection, row.arn)
        return {}

    def render(self, request: dict[str, Any], origin: str) -> dict[str, Any]:
        """RenderUiTemplate. The rendered page submits nothing.

        :param origin: the service as the caller reaches it, for links to objects.
        :raises ApiError: if the role or the template does not exist, or none or both of two templates are given.
        """
        role = Arn.parse(request["RoleArn"])
        if role.account == self._account and not self._role_exists(role.resource.rpartition("/")[2]):
            raise validation_error(f"Could not assume the role {request['RoleArn']}: it does not exist.")
        given = [name for name in ("UiTemplate", "HumanTaskUiArn") if name in request]
        if len(given) != 1:
            raise validation_error("Give exactly one of UiTemplate and HumanTaskUiArn.")
        source = (
            self._template(request["HumanTaskUiArn"])
            if "HumanTaskUiArn" in request
            else request["UiTemplate"]["Content"]
        )
        try:
            task_input = strict_json(request["Task"]["Input"])
        except ValueError as error:
            raise validation_error(f"Task.Input is not JSON: {error}") from None
        links = self._signer.links(origin, _LINK_SECONDS)
        try:
            return {"RenderedContent": render(source, task_input, links.grant), "Errors": []}
        except TemplateError as error:
            return {"RenderedContent": "", "Errors": [{"Code": error.code, "Message": str(error)}]}

    def _template(self, arn: str) -> str:
        if Arn.parse(arn).account == HUMAN_TASK_UI_ACCOUNT:
            hosted = hosted_template(arn)
            if hosted is not None:
                return hosted
        with self._database.read() as connection:
            row = human_task_ui_rows.find_by_arn(connection, arn)
        if row is None:
            raise not_found(f"There is no worker template {arn}.")
        return row.template


def _template_of(connection: Connection, name: str) -> HumanTaskUiRow:
    """:raises ApiError: if there is no template with this name."""
    row = human_task_ui_rows.find(connection, name)
    if row is None:
        raise not_found(f"There is no worker template named {name}.")
    return row


def _summary(row: HumanTaskUiRow | HumanTaskUiSummary) -> dict[str, Any]:
    return {"HumanTaskUiName": row.name, "HumanTaskUiArn": row.arn, "CreationTime": row.created}

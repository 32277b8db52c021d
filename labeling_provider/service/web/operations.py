"""SageMaker's operations by name, and their protocol, JSON 1.1.

A request is checked against botocore's model before its operation sees it. What the model does not know is left out, so
that a newer client works. To add an operation, write a method in the class of its resource and add a
line to one of the three tables below. moto handles operations that are not about labeling.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, Final

from labeling_provider.groundtruth import model
from labeling_provider.service.database.paging import BadToken
from labeling_provider.service.failures import ApiError, constraint_error, not_found, validation_error
from labeling_provider.service.web.human_task_uis import HumanTaskUis
from labeling_provider.service.web.labeling_jobs import LabelingJobs
from labeling_provider.service.web.private_workforces import Workforces
from labeling_provider.service.web.requests import PORTAL_PATH
from labeling_provider.service.web.tags import Tags
from labeling_provider.service.web.trained_models import TrainedModels
from labeling_provider.service.web.workteams import Workteams
from labeling_provider.service.work.requesters import ADMINISTRATOR, Requester

log = logging.getLogger(__name__)

_MAX_SHOWN: Final = 500
_OF_LABELING: Final = frozenset({"labeling-job", "workteam", "workforce", "human-task-ui"})
"""Resources that can have tags here, by the first part of the resource in the ARN."""


class Operations:
    """All operations, grouped by resource."""

    def __init__(
        self,
        jobs: LabelingJobs,
        workteams: Workteams,
        workforces: Workforces,
        templates: HumanTaskUis,
        tags: Tags,
        models: TrainedModels,
    ) -> None:
        # What requesters may ask about their own jobs.
        self._of_requesters: dict[str, Callable[[dict[str, Any], Requester], dict[str, Any]]] = {
            "CreateLabelingJob": jobs.create,
            "DescribeLabelingJob": jobs.describe,
            "ListLabelingJobs": jobs.list,
            "ListLabelingJobsForWorkteam": jobs.list_for_workteam,
            "StopLabelingJob": jobs.stop,
            "AddTags": tags.add,
            "ListTags": tags.list,
            "DeleteTags": tags.delete,
        }
        self._functions: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
            "CreateWorkteam": workteams.create,
            "DescribeWorkteam": workteams.describe,
            "ListWorkteams": workteams.list,
            "UpdateWorkteam": workteams.update,
            "DeleteWorkteam": workteams.delete,
            "DescribeSubscribedWorkteam": workteams.describe_subscribed,
            "ListSubscribedWorkteams": workteams.list_subscribed,
            "CreateWorkforce": workforces.create,
            "DescribeWorkforce": workforces.describe,
            "ListWorkforces": workforces.list,
            "UpdateWorkforce": workforces.update,
            "DeleteWorkforce": workforces.delete,
            "CreateHumanTaskUi": templates.create,
            "ListHumanTaskUis": templates.list,
            "DeleteHumanTaskUi": templates.delete,
            "DescribeModel": models.describe,
        }
        # Those whose answers have addresses of the service.
        self._addressed: dict[str, Callable[[dict[str, Any], str], dict[str, Any]]] = {
            "DescribeHumanTaskUi": templates.describe,
            "RenderUiTemplate": templates.render,
        }
        self._has_model = models.has

    def answer(self, operation: str, body: bytes, origin: str, who: Requester = ADMINISTRATOR) -> bytes | None:
        """Answer a raw request.

        :param body: the request, as JSON.
        :param origin: this service as the caller reaches it, for addresses: ``http://host:port``.
        :param who: the caller.
        :return: the response, as JSON; None if the request is fine, but not about labeling: moto answers it.
        :raises ApiError: with Amazon's code, if it is refused.
        """
        if operation not in model.service_model().operation_names:
            message = f"SageMaker has no operation {operation[:100]!r}, as far as this service's botocore knows."
            raise ApiError("UnknownOperationException", message, HTTPStatus.NOT_FOUND)
        request, unknown = _read_json(operation, body)
        if unknown:
            log.warning("%s: left out what botocore does not know: %s", operation, ", ".join(unknown)[:_MAX_SHOWN])
        if not self._is_of_labeling(operation, request):
            if not who.is_administrator:
                raise not_found("This is not about labeling, so it is for the administrator of the service.")
            if problems := model.type_problems(operation, request):
                raise validation_error(problems)
            return None
        answer = self.call(operation, request, who, origin)
        for entry in _with_portal(answer):
            entry["SubDomain"] = origin.partition("://")[2] + PORTAL_PATH
        return json.dumps(answer).encode()

    def _is_of_labeling(self, operation: str, request: dict[str, Any]) -> bool:
        resource, name = request.get("ResourceArn"), request.get("ModelName")
        if operation in {"AddTags", "ListTags", "DeleteTags"} and isinstance(resource, str):
            return resource.split(":", 5)[-1].partition("/")[0] in _OF_LABELING
        if operation == "DescribeModel" and isinstance(name, str):
            return self._has_model(name)
        return any(operation in table for table in (self._functions, self._of_requesters, self._addressed))

    def call(
        self, operation: str, request: dict[str, Any], who: Requester = ADMINISTRATOR, origin: str = ""
    ) -> dict[str, Any]:
        """Answer a parsed request.

        :param origin: see :meth:`answer`.
        :raises ApiError: with Amazon's code, if it is refused.
        """
        broken = model.violations(operation, request)
        if broken:
            raise constraint_error(broken)
        try:
            if operation in self._of_requesters:
                return self._of_requesters[operation](request, who)
            if operation in self._addressed:
                return self._addressed[operation](request, origin)
            return self._functions[operation](request)
        except BadToken:
            raise validation_error(
                "NextToken was not issued by this operation with these filters and in this order."
            ) from None


def _with_portal(answer: dict[str, Any]) -> list[dict[str, Any]]:
    """The workteams and workforces in an answer, which get the portal's address."""
    single = [answer[name] for name in ("Workteam", "Workforce") if name in answer]
    return [*single, *answer.get("Workteams", ()), *answer.get("Workforces", ())]


def _read_json(operation: str, content: bytes) -> tuple[dict[str, Any], list[str]]:
    """Parse a request's body.

    :return: the request as far as botocore's model knows it, and the places of what the model does not know.
    :raises ApiError: if it is not a JSON object, or can't be written as JSON again.
    """

    def refuse(constant: str) -> Any:
        raise ValueError(f"{constant} is not JSON")

    try:
        request = json.loads(content or b"{}", parse_constant=refuse)
        if not isinstance(request, dict):
            raise ValueError("the body is not a JSON object")
        # Numbers too large for a float and lone surrogates can be read, but not written.
        json.dumps(request, ensure_ascii=False, allow_nan=False).encode()
        return model.known_members(operation, _without_nulls(request))
    except (ValueError, RecursionError) as error:
        raise ApiError("SerializationException", str(error)[:_MAX_SHOWN]) from None


def _without_nulls(value: Any) -> Any:
    """Leave out members that are null, at every level."""
    if isinstance(value, dict):
        return {name: _without_nulls(member) for name, member in value.items() if member is not None}
    return [_without_nulls(member) for member in value] if isinstance(value, list) else value

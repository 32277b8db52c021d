"""SageMaker's operations by name, and their protocol, JSON 1.1.

A request is checked against botocore's model before its operation sees it. To add an operation, write a method in the
module of its resource and add a line to the table below.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, Final

from labeling_provider.groundtruth import model
from labeling_provider.service.database.paging import BadToken
from labeling_provider.service.errors import ApiError, constraint_error, validation_error
from labeling_provider.service.learning.registry import ModelRegistry
from labeling_provider.service.web.human_task_uis import HumanTaskUis
from labeling_provider.service.web.labeling_jobs import LabelingJobs
from labeling_provider.service.web.tags import Tags
from labeling_provider.service.web.workforces import Workforces
from labeling_provider.service.web.workteams import Workteams

_MAX_SHOWN: Final = 500


class Operations:
    """All operations, grouped by resource."""

    def __init__(
        self,
        jobs: LabelingJobs,
        workteams: Workteams,
        workforces: Workforces,
        templates: HumanTaskUis,
        tags: Tags,
        models: ModelRegistry,
    ) -> None:
        self._functions: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
            "CreateLabelingJob": jobs.create,
            "DescribeLabelingJob": jobs.describe,
            "ListLabelingJobs": jobs.list,
            "ListLabelingJobsForWorkteam": jobs.list_for_workteam,
            "StopLabelingJob": jobs.stop,
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
            "DescribeHumanTaskUi": templates.describe,
            "ListHumanTaskUis": templates.list,
            "DeleteHumanTaskUi": templates.delete,
            "RenderUiTemplate": templates.render,
            "AddTags": tags.add,
            "ListTags": tags.list,
            "DeleteTags": tags.delete,
            "DescribeModel": lambda request: models.describe(request["ModelName"]),
        }

    def answer(self, operation: str, body: bytes) -> bytes:
        """Answer a raw request.

        :param body: the request, as JSON.
        :return: the response, as JSON.
        :raises ApiError: with Amazon's code, if it is refused.
        """
        if operation not in self._functions:
            raise ApiError(
                "UnknownOperationException",
                f"The local service has no operation {operation!r}. It has {', '.join(sorted(self._functions))}.",
                HTTPStatus.NOT_FOUND,
            )
        return json.dumps(self.call(operation, _read_json(body))).encode()

    def call(self, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        """Answer a parsed request.

        :raises ApiError: with Amazon's code, if it is refused.
        """
        broken = model.violations(operation, request)
        if broken:
            raise constraint_error(broken)
        try:
            return self._functions[operation](request)
        except BadToken:
            raise validation_error("NextToken was not issued by this operation.") from None


def _read_json(content: bytes) -> dict[str, Any]:
    """Parse a request's body.

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
        return dict(_without_nulls(request))
    except (ValueError, RecursionError) as error:
        raise ApiError("SerializationException", str(error)[:_MAX_SHOWN]) from None


def _without_nulls(value: Any) -> Any:
    """Leave out members that are null, at every level."""
    if isinstance(value, dict):
        return {name: _without_nulls(member) for name, member in value.items() if member is not None}
    return [_without_nulls(member) for member in value] if isinstance(value, list) else value

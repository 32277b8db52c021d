"""Tags of user pools, which moto keeps but can't be asked for: infrastructure code reads and changes them.

Source: API reference of Amazon Cognito, TagResource, UntagResource and ListTagsForResource.
"""

from __future__ import annotations

import json
from io import BytesIO
from typing import Any, Final

from labeling_provider.groundtruth import model
from labeling_provider.groundtruth.facts import Quota
from labeling_provider.service.cloud.offered import Call, Service, ServiceResponse
from labeling_provider.service.failures import ApiError, constraint_error

OPERATIONS: Final = frozenset({"TagResource", "UntagResource", "ListTagsForResource"})
_TAGS: Final = "UserPoolTags"


def answered(pools: dict[str, Any], call: Call, request: dict[str, Any]) -> ServiceResponse:
    """Answer one of :data:`OPERATIONS`.

    :param pools: moto's user pools, by id.
    :param request: its members, parsed.
    :raises ApiError: if the request breaks botocore's model, there is no such pool, or it would have too many tags.
    """
    if broken := model.violations(call.operation, request, Service.COGNITO):
        raise _invalid(constraint_error(broken).message)
    arn = request["ResourceArn"]
    pool = next((pool for pool in pools.values() if pool.arn == arn), None)
    if pool is None:
        raise ApiError("ResourceNotFoundException", f"There is no user pool {arn}.")
    tags = dict(pool.extended_config.get(_TAGS) or {})
    if call.operation == "ListTagsForResource":
        return _response({"Tags": tags})
    if call.operation == "TagResource":
        tags |= request["Tags"]
        if len(tags) > Quota.TAGS:
            raise _invalid(f"A user pool has at most {Quota.TAGS} tags.")
    else:
        tags = {key: value for key, value in tags.items() if key not in request["TagKeys"]}
    pool.extended_config[_TAGS] = tags
    return _response({})


def _invalid(message: str) -> ApiError:
    return ApiError("InvalidParameterException", message)


def _response(content: dict[str, Any]) -> ServiceResponse:
    body = json.dumps(content).encode()
    return ServiceResponse(200, [("content-type", "application/x-amz-json-1.1")], BytesIO(body), len(body))

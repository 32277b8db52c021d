"""The consolidation functions of the self-hosted service for drawings, which are custom tasks on Amazon.

They are named like Lambda functions, in an account that nobody has, because that is the only place for them in a
CreateLabelingJob request.
"""

from __future__ import annotations

import re
from typing import Final

from labeling_provider.groundtruth.facts import arn_of

READY_ACCOUNT: Final = "000000000000"
"""The account in the ARNs of ready functions."""

READY_ELEMENTS: Final = {
    "polygons": "crowd-polygon",
    "polylines": "crowd-polyline",
    "lines": "crowd-line",
    "keypoints": "crowd-keypoint",
    "instances": "crowd-instance-segmentation",
}
"""What Amazon's functions consolidate, and the elements with which workers draw it."""
READY_CONSOLIDATIONS: Final = tuple(READY_ELEMENTS)

_PREFIX: Final = "consolidate-"
_ARN: Final = re.compile(rf"arn:aws[a-z-]*:lambda:[a-z0-9-]*:{READY_ACCOUNT}:function:{_PREFIX}(\w+)")


def ready_function_arn(name: str, region: str) -> str:
    """ARN of a ready function.

    :param name: one of :data:`READY_CONSOLIDATIONS`.
    """
    return arn_of("lambda", f"function:{_PREFIX}{name}", region, READY_ACCOUNT)


def ready_function(arn: str) -> str | None:
    """What a ready function consolidates, by its ARN; None if it is not the ARN of one."""
    match = _ARN.fullmatch(arn)
    return match[1] if match and match[1] in READY_CONSOLIDATIONS else None


def drawing_type(name: str) -> str:
    """The value of ``type`` in the metadata of labels that a ready function makes.

    :param name: one of :data:`READY_CONSOLIDATIONS`.
    """
    return f"labeling/{name}"

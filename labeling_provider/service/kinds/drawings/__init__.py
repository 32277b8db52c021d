"""Ready consolidation functions for drawings that are custom tasks on Amazon: polygons, polylines, lines, keypoints and
instances.

They have the interface of Lambda functions. Jobs name them by ``consolidation="polygons"`` in the operator, by the ARN
of :func:`~labeling_provider.groundtruth.ready_functions.ready_function_arn`, or by an ARN of your own that the
workforce file maps to ``labeling_provider.service.kinds.drawings:polygons``.
Source of the contract: developer guide, "Processing data in a custom labeling workflow with AWS Lambda".
"""

from __future__ import annotations

from typing import Any

Event = dict[str, Any]


def polygons(event: Event, context: object) -> list[Event]:
    """Consolidate the answers of ``crowd-polygon``."""
    return _consolidated("polygons", event)


def polylines(event: Event, context: object) -> list[Event]:
    """Consolidate the answers of ``crowd-polyline``."""
    return _consolidated("polylines", event)


def lines(event: Event, context: object) -> list[Event]:
    """Consolidate the answers of ``crowd-line``."""
    return _consolidated("lines", event)


def keypoints(event: Event, context: object) -> list[Event]:
    """Consolidate the answers of ``crowd-keypoint``."""
    return _consolidated("keypoints", event)


def instances(event: Event, context: object) -> list[Event]:
    """Consolidate the answers of ``crowd-instance-segmentation``."""
    return _consolidated("instances", event)


def mask(event: Event, context: object) -> Event:
    """Turn four extreme points, or a box, into a mask: the mask function of a service that is given no other.

    :param event: what :class:`~labeling_provider.service.engine.mask_helper.MaskHelper` asks.
    """
    from labeling_provider.service.kinds.drawings.handlers import mask_answer

    return mask_answer(event)


def _consolidated(name: str, event: Event) -> list[Event]:
    from labeling_provider.service.kinds.drawings.handlers import consolidated

    return consolidated(name, event)

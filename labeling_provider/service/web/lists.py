"""What the List operations share: MaxResults, SortOrder, NextToken and time ranges."""

from __future__ import annotations

from typing import Any

from labeling_provider.service.database.paging import PAGE_SIZE, Between, PageRequest


def page_request(request: dict[str, Any]) -> PageRequest:
    """The page that a request asks for."""
    return PageRequest(
        request.get("MaxResults", PAGE_SIZE), request.get("SortOrder") == "Descending", request.get("NextToken")
    )


def next_token(token: str | None) -> dict[str, str]:
    """The part of a response that leads to the next page."""
    return {} if token is None else {"NextToken": token}


def between(request: dict[str, Any], name: str) -> Between:
    """A time range: the members …After and …Before.

    :param name: what they begin with, such as ``CreationTime``.
    """
    return Between(request.get(f"{name}After"), request.get(f"{name}Before"))

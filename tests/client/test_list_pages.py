"""Lists are read page by page."""

from __future__ import annotations

from itertools import islice
from typing import Any

import pytest

from labeling_provider.client.list_pages import pages


class Listing:
    """Three pages, of which each names the next."""

    def __init__(self) -> None:
        self.requests: list[dict[str, Any]] = []

    def __call__(self, **request: Any) -> dict[str, Any]:
        self.requests.append(request)
        number = int(request.get("NextToken", 0))
        return {"Names": [number], "NextToken": str(number + 1) if number < 2 else ""}


def test_every_page_is_read_with_the_token_of_the_one_before() -> None:
    listing = Listing()
    assert [page["Names"] for page in pages(listing, MaxResults=1)] == [[0], [1], [2]]
    assert listing.requests == [
        {"MaxResults": 1},
        {"MaxResults": 1, "NextToken": "1"},
        {"MaxResults": 1, "NextToken": "2"},
    ]


def test_a_page_that_nobody_needs_is_not_asked_for() -> None:
    listing = Listing()
    assert len(list(islice(pages(listing), 2))) == 2
    assert len(listing.requests) == 2


def test_what_goes_wrong_ends_the_list() -> None:
    def refuse(**request: Any) -> dict[str, Any]:
        raise PermissionError(request)

    with pytest.raises(PermissionError):
        next(pages(refuse))

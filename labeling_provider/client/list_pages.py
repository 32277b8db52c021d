"""Lists that a service answers page by page."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any


def pages(ask: Callable[..., Mapping[str, Any]], **request: Any) -> Iterator[Mapping[str, Any]]:
    """The answers of a list operation, page by page. Each is asked for only when it is needed.

    :param ask: makes a request, such as ``client.list_labeling_jobs``. What it raises ends the list.
    :param request: the members of the first request; later ones have a ``NextToken`` as well.
    """
    while True:
        page = ask(**request)
        yield page
        if not page.get("NextToken"):
            return
        request["NextToken"] = page["NextToken"]

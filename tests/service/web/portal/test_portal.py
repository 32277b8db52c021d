"""The portal answers at its own addresses, and at no others."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from dev.portal import Browser

NOTHING = (404, "404 There is no such page.")


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("GET", "/help", 200),
        ("GET", "/frame/999999", 404),
        ("POST", "/api/tasks/999999/submit", 401),
        ("POST", "/api/settings", 401),
        ("GET", "/sign-in/provider", 303),
        ("GET", "/sign-out", 405),
        ("GET", "/api/settings", 405),
    ],
)
def test_pages_protocol_and_provider_are_one_portal(
    browser: Callable[[str], Browser], method: str, path: str, expected: int
) -> None:
    status, _, text = browser("Ina").ask(method, f"/portal{path}", b"{" if method == "POST" else None)
    assert status == expected, text
    assert (status, text) != NOTHING


@pytest.mark.parametrize("path", ["/nothing", "/help/x", "/api/nothing", "/jobs/x", "/frame/"])
def test_what_is_no_page_is_told_so(browser: Callable[[str], Browser], path: str) -> None:
    status, _, text = browser("Ina").ask("GET", f"/portal{path}")
    assert (status, text) == NOTHING

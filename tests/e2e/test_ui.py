"""The plugin's pages inside a real Airflow, in a real browser."""

from __future__ import annotations

import os
from typing import Any

import pytest

from dev.browser import browser_page
from dev.stack import wait_until
from tests.e2e.conftest import Stack

pytestmark = [pytest.mark.e2e, pytest.mark.browser]


def finished(stack: Stack, dag: str, seconds: float = 180) -> str:
    run = stack.airflow.trigger(dag, 120)
    wait_until(lambda: stack.airflow.run_state(dag, run) == "success", seconds, f"{dag} succeeds")
    return run


def shot(page: Any, name: str) -> None:
    """Keep a picture of the page, if somebody wants to look."""
    if folder := os.environ.get("SCREENSHOTS"):
        page.screenshot(path=f"{folder}/{name}.png")


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (400, "dark")])
def test_jobs_are_listed_in_the_navigation(stack: Stack, width: int, scheme: str) -> None:
    finished(stack, "label_digits")
    with browser_page(width, 900, color_scheme=scheme) as page:
        page.goto(f"{stack.airflow.url}/plugin/labeling")
        frame = page.frame_locator("iframe[title=Labeling]")
        row = frame.get_by_role("row").filter(has_text="label_digits").first
        row.wait_for(timeout=60_000)
        shot(page, f"jobs-{width}")
        assert "Completed" in row.inner_text()
        row.get_by_role("link").first.click()
        frame.locator("#labels figure svg image").first.wait_for(timeout=60_000)
        shot(page, f"job-{width}")

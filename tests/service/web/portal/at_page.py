"""What a person does at the task page in a browser."""

from __future__ import annotations

from typing import Any

from tests.conftest import Lab
from tests.service.web.portal.conftest import PeopleJob


def signed_in(page: Any, lab: Lab, name: str, job: PeopleJob) -> None:
    """Sign in, open a job, and wait until its first task stands."""
    started(page, lab, name, job)
    shown(page)


def started(page: Any, lab: Lab, name: str, job: PeopleJob) -> None:
    """Sign in and open a job."""
    page.goto(f"{lab.service.endpoint_url}/portal/labeling-jobs/{job.name}")
    page.get_by_label("Name").fill(name)
    page.get_by_role("button", name="Start").click()


def shown(page: Any, besides: str = "") -> Any:
    """The frame of the task in hand, when its page stands with the work that was kept."""
    page.wait_for_selector(f"iframe.shown[aria-busy=false]:not([data-task='{besides}'])")
    return page.frame_locator("iframe.shown")


def task_of(page: Any) -> str:
    return str(page.locator("iframe.shown").get_attribute("data-task"))


def submitted(page: Any) -> None:
    """Wait until another task is there, or none."""
    before = task_of(page)
    page.keyboard.press("Control+Enter")
    page.wait_for_function(
        "before => (document.querySelector('iframe.shown')?.dataset.task ?? '') !== before",
        arg=before,
    )

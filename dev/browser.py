"""A headless Chromium: Debian's, or the one that CHROMIUM names."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright

from dev.stack import PATIENCE, StackError

_QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    # On a busy machine the watchdog ends the process that draws, and the page hangs.
    "--disable-gpu-watchdog",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
# Features are named at once: a second list would replace the first, as this one does Playwright's. So it has those of
# them that pages notice; and the address bar's own pages, which take longer to start than the rest of the browser.
_WITHOUT = (
    "AimEnabled",
    "AvoidUnnecessaryBeforeUnloadCheckSync",
    "DestroyProfileOnBrowserClose",
    "HttpsUpgrades",
    "LensOverlay",
    "MediaRouter",
    "OptimizationHints",
    "PaintHolding",
    "ThirdPartyStoragePartitioning",
    "WebUIOmniboxAimPopup",
    "WebUIOmniboxPopup",
)


@contextmanager
def browser_page(
    width: int = 1280,
    height: int = 800,
    *,
    profile: Path | None = None,
    without: Sequence[str] = (),
    **options: Any,
) -> Iterator[Any]:
    """A page of a browser with an empty profile; ``page.context.browser.new_page()`` is somebody else's.

    :param profile: the browser's folder, which outlives it; such a browser has one person only.
    :param without: features of Chromium that are turned off.
    :param options: further options of the browser context, such as ``color_scheme``.
    """
    executable = shutil.which(os.environ.get("CHROMIUM", "chromium"))
    if executable is None:
        raise StackError("there is no chromium: run make setup, or name yours, as in CHROMIUM=google-chrome")
    features = f"--disable-features={','.join((*_WITHOUT, *without))}"
    started = {"executable_path": executable, "args": [*_QUIET, features]}
    with sync_playwright() as playwright:
        if profile is None:
            with (
                closing(playwright.chromium.launch(**started)) as browser,
                another_page(browser, width, height, **options) as page,
            ):
                yield page
        else:
            seen = {"viewport": {"width": width, "height": height}, **options}
            with closing(playwright.chromium.launch_persistent_context(str(profile), **started, **seen)) as context:
                yield _patient(context.pages[0])


@contextmanager
def another_page(browser: Any, width: int = 1280, height: int = 800, **options: Any) -> Iterator[Any]:
    """A page of somebody else: they share a browser that runs already, and nothing that it keeps.

    :param options: as of :func:`browser_page`.
    """
    with closing(browser.new_page(viewport={"width": width, "height": height}, **options)) as page:
        yield _patient(page)


def _patient(page: Any) -> Any:
    page.context.set_default_timeout(PATIENCE * 30_000)
    return page

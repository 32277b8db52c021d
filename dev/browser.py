"""A headless Chromium: Debian's, or the one that CHROMIUM names."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
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


@contextmanager
def browser_page(
    width: int = 1280, height: int = 800, *, profile: Path | None = None, browser: Any = None, **options: Any
) -> Iterator[Any]:
    """A page of a browser with an empty profile; ``page.context.browser.new_page()`` is somebody else's.

    :param profile: the browser's folder, which outlives it; such a browser has one person only.
    :param browser: one that runs already, and goes on; by default one is started.
    :param options: further options of the browser context, such as ``color_scheme``.
    """
    seen = {"viewport": {"width": width, "height": height}, **options}
    if browser is not None:
        page = browser.new_page(**seen)
        page.context.set_default_timeout(PATIENCE * 30_000)
        try:
            yield page
        finally:
            page.context.close()
        return
    executable = shutil.which(os.environ.get("CHROMIUM", "chromium"))
    if executable is None:
        raise StackError("there is no chromium: run make setup, or name yours, as in CHROMIUM=google-chrome")
    started = {"executable_path": executable, "args": list(_QUIET)}
    with sync_playwright() as playwright:
        if profile is None:
            browser = playwright.chromium.launch(**started)
            page = browser.new_page(**seen)
        else:
            browser = playwright.chromium.launch_persistent_context(str(profile), **started, **seen)
            page = browser.pages[0]
        page.context.set_default_timeout(PATIENCE * 30_000)
        try:
            yield page
        finally:
            browser.close()

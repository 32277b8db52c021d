"""A headless Chromium: Debian's, or the one that CHROMIUM names."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright

_QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@contextmanager
def browser_page(width: int = 1280, height: int = 800, *, profile: Path | None = None, **options: Any) -> Iterator[Any]:
    """A page of a browser.

    :param profile: the browser's folder; without one it is empty, and removed in the end.
    :param options: further options of the browser context, such as ``color_scheme``.
    """
    executable = shutil.which(os.environ.get("CHROMIUM", "chromium"))
    if executable is None:
        raise RuntimeError("there is no chromium; run make setup")
    place = nullcontext(str(profile)) if profile else tempfile.TemporaryDirectory()
    with place as folder, sync_playwright() as playwright:
        context = playwright.chromium.launch_persistent_context(
            folder,
            executable_path=executable,
            args=list(_QUIET),
            viewport={"width": width, "height": height},
            **options,
        )
        try:
            yield context.pages[0] if context.pages else context.new_page()
        finally:
            context.close()

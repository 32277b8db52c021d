"""Somebody who labels sentences in a browser, by keys alone."""

from __future__ import annotations

import re
from typing import Any

from dev.stack import wait_until

FINISHED = "This job is finished"


class Person:
    """Somebody who labels in a browser of their own, and is always right.

    :param page: of the browser.
    :param truth: what each sentence is.
    :param kinds: the labels, in the order of their keys.
    """

    def __init__(self, page: Any, truth: dict[str, str], kinds: tuple[str, ...]) -> None:
        self.page, self.truth, self.kinds = page, truth, kinds

    def sign_in(self, name: str, url: str) -> None:
        self.page.goto(url)
        self.page.get_by_label("Name").fill(name)
        self.page.get_by_role("button", name="Start").click()

    @property
    def has_finished(self) -> bool:
        return bool(self.page.get_by_text(FINISHED).count())

    def label(self) -> None:
        """Label the sentence that is shown, by two keys; nothing if none is there."""
        if self.choose():
            self.submit()

    def choose(self) -> bool:
        """Choose the label of the sentence that is shown; False if none is there."""
        shown = self.page.locator("iframe.shown")
        if not shown.count():
            return False
        task = shown.get_attribute("data-task")
        frame = self.page.frame_locator(f"iframe.shown[data-task='{task}']")
        frame.locator("crowd-classifier .option").first.wait_for()
        page_text = re.sub(r"\s+", " ", frame.locator("body").inner_text())
        (sentence,) = [sentence for sentence in self.truth if sentence in page_text]
        chosen = frame.locator("crowd-classifier .option input:checked")

        def chooses() -> bool:
            # The frame may not have the keyboard yet.
            self.page.keyboard.press(str(self.kinds.index(self.truth[sentence]) + 1))
            return bool(chosen.count())

        wait_until(chooses, 20, "the key is heard", 0.1)
        return True

    def submit(self) -> None:
        """Send the answer, and wait until the page has gone on."""
        task = self.page.locator("iframe.shown").get_attribute("data-task")
        self.page.keyboard.press("Control+Enter")
        self.page.wait_for_selector(f"iframe.shown[data-task='{task}']", state="detached")

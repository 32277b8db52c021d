"""People label in a browser what a DAG asks for, and the DAG goes on with their labels."""

from __future__ import annotations

import json
import re
import runpy
from typing import Any

import pytest

from dev.browser import browser_page
from dev.stack import PATIENCE, ROOT, wait_until
from labeling_provider.links import WORKERS_LINK
from tests.e2e.conftest import Stack

pytestmark = [pytest.mark.e2e, pytest.mark.browser]

DAG = "label_by_hand"
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
        shown = self.page.locator("iframe.shown")
        if not shown.count():
            return
        task = shown.get_attribute("data-task")
        frame = self.page.frame_locator(f"iframe.shown[data-task='{task}']")
        frame.locator("crowd-classifier .option").first.wait_for()
        told = re.sub(r"\s+", " ", frame.locator("body").inner_text())
        (sentence,) = [sentence for sentence in self.truth if sentence in told]
        chosen = frame.locator("crowd-classifier .option input:checked")

        def chooses() -> bool:
            # The frame may not have the keyboard yet.
            self.page.keyboard.press(str(self.kinds.index(self.truth[sentence]) + 1))
            return bool(chosen.count())

        wait_until(chooses, 20, "the key is heard", 0.1)
        self.page.keyboard.press("Control+Enter")
        self.page.wait_for_selector(f"iframe.shown[data-task='{task}']", state="detached")


def test_two_people_and_a_simulated_worker_label_what_a_dag_asks_for(stack: Stack) -> None:
    dag = runpy.run_path(str(ROOT / "dags" / f"{DAG}.py"))
    # The sentences take turns.
    truth = {sentence: dag["KINDS"][number % 2] for number, sentence in enumerate(dag["SENTENCES"])}
    lines = [json.dumps({"source": sentence, "truth": kind}) + "\n" for sentence, kind in truth.items()]
    stack.lab.put("by-hand/truth.jsonl", "".join(lines))
    run = stack.airflow.trigger(DAG, 120, workteam_arn=stack.lab.team("mixed"))
    url = stack.wait_for_xcom(DAG, run, "sentences", WORKERS_LINK.xcom_key)
    job = stack.wait_for_xcom(DAG, run, "sentences", "labeling_job")["job_name"]
    wait_until(lambda: stack.states(DAG, run)["sentences"] == "deferred", 60, "the task is deferred")
    with browser_page() as page:
        other = page.context.browser.new_page()
        other.set_default_timeout(PATIENCE * 30_000)
        people = [Person(one, truth, dag["KINDS"]) for one in (page, other)]
        for name, person in zip(("Ada", "Bob"), people, strict=True):
            person.sign_in(name, url)

        def all_labeled() -> bool:
            for person in people:
                person.label()
            return all(person.has_finished for person in people)

        wait_until(all_labeled, 180, "everything is labeled", 0.05)
    stack.succeeds(DAG, run)
    assert stack.airflow.xcom(DAG, run, "sentences") == truth
    assert stack.airflow.xcom(DAG, run, "train")["labeled"] == len(truth)
    lab = stack.lab
    pages = lab.s3.get_paginator("list_objects_v2").paginate(
        Bucket="labeling-demo", Prefix=f"by-hand/{job}/annotations/worker-response/"
    )
    answered = [
        [answer["workerId"] for answer in json.loads(lab.get(f"s3://labeling-demo/{one['Key']}"))["answers"]]
        for page in pages
        for one in page["Contents"]
    ]
    assert [len(set(workers)) for workers in answered] == [2] * len(truth)
    assert len({worker for workers in answered for worker in workers}) == 3

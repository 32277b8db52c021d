"""People label in a browser what a DAG asks for, and the DAG goes on with their labels."""

from __future__ import annotations

import json
import runpy
from typing import Any

import pytest

from dev.browser import another_page
from dev.person import Person
from dev.stack import ROOT, wait_until
from labeling_provider.links import WORKERS_LINK
from tests.e2e.conftest import Stack

pytestmark = [pytest.mark.e2e, pytest.mark.browser]

DAG = "label_by_hand"


def test_two_people_and_a_simulated_worker_label_what_a_dag_asks_for(stack: Stack, chromium: Any) -> None:
    dag = runpy.run_path(str(ROOT / "dags" / f"{DAG}.py"))
    # The sentences take turns.
    truth = {sentence: dag["KINDS"][number % 2] for number, sentence in enumerate(dag["SENTENCES"])}
    lines = [json.dumps({"source": sentence, "truth": kind}) + "\n" for sentence, kind in truth.items()]
    stack.lab.put("by-hand/truth.jsonl", "".join(lines))
    run = stack.airflow.trigger(DAG, 120, workteam_arn=stack.lab.team("mixed"), people=2)
    url = stack.wait_for_xcom(DAG, run, "sentences", WORKERS_LINK.xcom_key)
    job = stack.wait_for_xcom(DAG, run, "sentences", "labeling_job")["job_name"]
    wait_until(lambda: stack.states(DAG, run)["sentences"] == "deferred", 60, "the task is deferred")
    with another_page(chromium) as page, another_page(chromium) as other:
        people = [Person(window, truth, dag["KINDS"]) for window in (page, other)]
        for name, person in zip(("Ada", "Bob"), people, strict=True):
            person.sign_in(name, url)

        def all_labeled() -> bool:
            for person in people:
                person.label()
            return all(person.has_finished for person in people)

        wait_until(all_labeled, 180, "everything is labeled", 0.05)
    stack.succeeds(DAG, run)
    assert stack.airflow.xcom(DAG, run, "sentences") == truth
    result = stack.airflow.xcom(DAG, run, "train")
    assert (result["labeled"], result["guessed_right"]) == (len(truth), len(truth) // 2)
    assert result["read_right"] > result["guessed_right"]
    lab = stack.lab
    pages = lab.s3.get_paginator("list_objects_v2").paginate(
        Bucket="labeling-demo", Prefix=f"by-hand/{job}/annotations/worker-response/"
    )
    answered = [
        [answer["workerId"] for answer in json.loads(lab.get(f"s3://labeling-demo/{entry['Key']}"))["answers"]]
        for page in pages
        for entry in page["Contents"]
    ]
    assert [len(set(workers)) for workers in answered] == [2] * len(truth)
    assert len({worker for workers in answered for worker in workers}) == 3

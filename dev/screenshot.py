"""``make screenshot``: run some Dags and take the pictures of the README and the docs."""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import quote

from dev import film, tool_pictures
from dev.browser import browser_page
from dev.demo import DAG_ID, TRUTH, WORKFORCE
from dev.stack import ROOT, Service, Standalone, wait_until
from labeling_provider.request import LabelingJobSpec, PrivateWorkteam

PICTURES = ROOT / "docs" / "images"
PICTURES_THERE = "labels => Promise.all([...labels.querySelectorAll('svg image')].map(picture => picture.decode()))"
SENTENCES = ("The parcel came two weeks late, and nobody answered my letters.", "Do you ship to Norway?", "Thank you!")


def main() -> int:
    """Take the pictures.

    :return: the exit status.
    """
    tool_pictures.main()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        dags = folder / "dags"
        shutil.copytree(ROOT / "dags", dags)
        shutil.copy(ROOT / "tests/e2e/dags/gallery.py", dags)
        workforce = folder / "workforce.json"
        workforce.write_text(json.dumps(WORKFORCE))
        service = Service(folder, "--workforce", str(workforce), *TRUTH)
        service.client("s3").create_bucket(Bucket="lab")
        portal(service)
        airflow = Standalone(folder, dags, service.connection())
        try:
            airflow.wait_healthy()
            film.take(airflow, service)
            gallery = _ended(airflow, "gallery")
            run = airflow.trigger(DAG_ID)
            with browser_page(1280, 720) as page:
                film.wrap_logs(page)
                _jobs(airflow, page, run)
                _ended_run(airflow, DAG_ID, run)
                page.goto(f"{airflow.url}/dags/{DAG_ID}/runs/{run}/tasks/label")
                page.get_by_text("Created labeling job").wait_for()
                page.screenshot(path=PICTURES / "dag.png")
                _automated(airflow, page, run)
                _objects(airflow, page, gallery)
        finally:
            airflow.stop()
            service.stop()
    return 0


def portal(service: Service) -> None:
    """Somebody labels a sentence."""
    s3, lines = service.client("s3"), [{"source": text} for text in SENTENCES]
    s3.put_object(Bucket="lab", Key="sentences.manifest", Body="".join(json.dumps(line) + "\n" for line in lines))
    draft = LabelingJobSpec(
        task_type="text-classification",
        manifest_uri="s3://lab/sentences.manifest",
        output_uri="s3://lab/out",
        labels=["praise", "complaint", "question", "order", "other"],
        workforce=PrivateWorkteam(service.ready["workteams"]["private-people"]),
        role_arn=service.ready["role_arn"],
        title="What does the customer want?",
        instructions="Read the whole message. If two labels fit, choose the one that needs an answer first.",
        workers_per_object=2,
    ).draft("customers", service.ready["region"])
    for uri, text in draft.files.items():
        s3.put_object(Bucket="lab", Key=uri.removeprefix("s3://lab/"), Body=text.encode())
    service.client("sagemaker").create_labeling_job(**draft.request)
    with browser_page(1280, 560) as page:
        page.goto(f"{service.ready['portal_url']}/labeling-jobs/customers")
        page.get_by_label("Name").fill("Ada")
        page.get_by_role("button", name="Start").click()
        option = page.frame_locator("iframe.shown").locator("crowd-classifier .option")
        option.first.wait_for()
        page.keyboard.press("2")
        page.get_by_text("Saved").wait_for()
        page.screenshot(path=PICTURES / "portal.png")


def _ended(airflow: Standalone, dag_id: str) -> str:
    return _ended_run(airflow, dag_id, airflow.trigger(dag_id, 120))


def _ended_run(airflow: Standalone, dag_id: str, run: str) -> str:
    wait_until(lambda: airflow.run_state(dag_id, run) == "success", 180, f"{dag_id} succeeds")
    return run


def _jobs(airflow: Standalone, page: Any, run: str) -> None:
    """All jobs, while one is in the middle."""

    def half_done() -> bool:
        progress = airflow.xcom(DAG_ID, run, "label", "labeling_progress") or {}
        return bool(progress.get("labeled", 0) > 150)

    wait_until(half_done, 120, "some digits are labeled", 0.1)
    page.goto(f"{airflow.url}/plugin/labeling")
    frame = page.frame_locator("iframe[title=Labeling]")
    frame.get_by_role("row").filter(has_text="InProgress").wait_for()
    page.screenshot(path=PICTURES / "jobs.png")


def _automated(airflow: Standalone, page: Any, run: str) -> None:
    """A job in which people and a model have labeled."""
    page.goto(f"{airflow.url}/dags/{DAG_ID}/runs/{quote(run)}/tasks/label/plugin/labeling-task-instance")
    frame = page.frame_locator("iframe[title=Labeling]")
    frame.locator("svg.chart polyline").last.wait_for()
    page.set_viewport_size({"width": 1280, "height": 960})
    page.screenshot(path=PICTURES / "automated.png")
    page.set_viewport_size({"width": 1280, "height": 720})


def _objects(airflow: Standalone, page: Any, run: str) -> None:
    """The tab of a task, scrolled to its objects."""
    page.goto(f"{airflow.url}/dags/gallery/runs/{quote(run)}/tasks/boxes/plugin/labeling-task-instance")
    frame = page.frame_locator("iframe[title=Labeling]")
    with page.expect_response(lambda answer: "/job/workers" in answer.url):
        pass
    frame.locator("#labels figure").first.wait_for()
    # Not until the network is idle: Airflow asks for news as long as the page is open.
    frame.locator("#labels").evaluate(PICTURES_THERE)
    frame.locator("#labels h2").last.evaluate("heading => { heading.scrollIntoView(); scrollBy(0, -16); }")
    page.screenshot(path=PICTURES / "job.png")


if __name__ == "__main__":
    sys.exit(main())

"""``make screenshot``: run the digits DAG and take the README's picture of it."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from dev.browser import browser_page
from dev.demo import DAG_ID, follow, start
from dev.stack import ROOT

PICTURE = ROOT / "docs" / "images" / "dag.png"


def main() -> int:
    """Take the picture.

    :return: the exit status.
    """
    with tempfile.TemporaryDirectory() as name:
        service, airflow = start(Path(name))
        try:
            airflow.wait_healthy()
            run_id = airflow.trigger(DAG_ID)
            follow(airflow, service, run_id)
            with browser_page(1280, 720) as page:
                page.goto(f"{airflow.url}/dags/{DAG_ID}/runs/{run_id}/tasks/label")
                page.get_by_role("link", name="Labeling job").wait_for(timeout=60_000)
                page.wait_for_timeout(3000)
                page.screenshot(path=PICTURE)
                page.goto(f"{airflow.url}/dags/{DAG_ID}/runs/{run_id}")
                page.wait_for_timeout(4000)
                page.screenshot(path=PICTURE.with_name("run.png"))
                jobs = service.client("sagemaker").list_labeling_jobs()["LabelingJobSummaryList"]
                page.goto(f"{service.ready['pages_url']}/jobs/{jobs[0]['LabelingJobName']}")
                page.screenshot(path=PICTURE.with_name("job.png"))
        finally:
            airflow.stop()
            service.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())

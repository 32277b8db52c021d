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
                page.get_by_text("Created labeling job").wait_for(timeout=60_000)
                page.screenshot(path=PICTURE)
        finally:
            airflow.stop()
            service.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())

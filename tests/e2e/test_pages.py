"""What a person sees: Airflow's page of the task with its links, and the service's pages behind them."""

from __future__ import annotations

import os
from io import BytesIO
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
from PIL import Image

from dev.browser import another_page
from labeling_provider.operators.quality import LabelQualityOperator
from labeling_provider.request import PrivateWorkteam, derive_job_name
from tests.airflow_context import context
from tests.conftest import Lab
from tests.e2e.conftest import Stack

pytestmark = [pytest.mark.e2e, pytest.mark.browser]


def test_the_links_of_the_task_lead_from_airflow_to_the_job(stack: Stack, chromium: Any) -> None:
    run = stack.finished("sense_and_tear_down")
    name = derive_job_name("sense_and_tear_down", "label", run)
    with another_page(chromium) as page:
        page.goto(f"{stack.airflow.url}/dags/sense_and_tear_down/runs/{run}/tasks/label/details")
        link = page.get_by_role("link", name="Labeling job")
        link.wait_for()
        href = link.get_attribute("href")
        assert href == f"{stack.lab.service.endpoint_url}/_labeling/jobs/{name}"
        page.goto(href)
        assert page.locator("h1").inner_text() == name
        assert page.get_by_role("cell", name="Stopped").is_visible()
        page.get_by_role("link", name="Log").click()
        assert "InProgress: 5 objects" in page.locator("pre").inner_text()
        page.get_by_role("link", name="Output").click()
        assert "text 0" in page.locator("pre").inner_text()
        page.get_by_role("link", name="All jobs").click()
        assert page.get_by_role("link", name=name).is_visible()


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (400, "dark")])
def test_the_link_of_the_quality_gate_leads_to_its_report(
    connected: Lab, chromium: Any, width: int, scheme: str
) -> None:
    evil = "<script>document.title='owned'</script>"
    lines = []
    for number in range(8):
        picture = BytesIO()
        Image.effect_noise((300, 200), 20 * number).save(picture, "PNG")
        uri = connected.put(f"report/{number}.png", picture.getvalue())
        box = {"label": evil, "left": 20.0 * number, "top": 30.0, "width": 90.0, "height": 80.0}
        lines.append({"source-ref": uri, "truth": [box]})
    team = PrivateWorkteam(connected.team("careless"))
    # Its name decides how careless the workers are with it: a picture may keep no box, and is no sample then.
    name = connected.create(lines, f"gate-{width}", task_type="bounding-box", labels=[evil, "b"], workforce=team)
    job = connected.wait(name)
    drawn = sum(bool(line["label"]["annotations"]) for line in connected.output(job) if "label" in line)
    assert drawn >= 5
    around = context(task_id="quality")
    result = LabelQualityOperator(
        task_id="quality",
        manifest_uri=job["LabelingJobOutput"]["OutputDatasetS3Uri"],
        label_attribute_name=job["LabelAttributeName"],
        min_agreement=0.99,
        on_poor_labels="warn",
    ).execute(around)
    with another_page(chromium, width, 800, color_scheme=scheme) as page:
        complaints: list[str] = []
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        page.goto(around["ti"].pushed["_link_QualityReportLink"])
        assert page.title() == "Label quality"
        assert page.locator("h1").inner_text() == f"Quality of {result['manifest_uri']}"
        assert "Krippendorff" in page.locator(".verdict").inner_text()
        assert page.locator("figure svg image").count() == drawn
        assert page.locator("figure svg rect").count() >= drawn
        assert page.get_by_role("cell", name=evil).is_visible()
        assert page.get_by_role("cell", name="private.us-east-1").first.is_visible()
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        assert complaints == []
        if folder := os.environ.get("SCREENSHOTS"):
            page.screenshot(path=f"{folder}/report-{width}.png", full_page=True)


@pytest.mark.parametrize(
    "path", ["reports/lab/in/x.manifest", "reports/lab/nothing.html", "reports/lab", "reports/../jobs"]
)
def test_only_reports_are_shown(lab: Lab, path: str) -> None:
    lab.put("in/x.manifest", "{}")
    with pytest.raises(HTTPError) as caught:
        urlopen(f"{lab.service.endpoint_url}/_labeling/{path}")
    assert caught.value.code == 404


@pytest.mark.parametrize("width", [1280, 400])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_hostile_text_is_shown_and_not_run_at_any_width(lab: Lab, chromium: Any, width: int, scheme: str) -> None:
    evil = "<script>document.title='owned'</script><svg onload=\"document.title='owned'\">\u202egnihton" + "x" * 300
    name = lab.create([{"source": evil, "truth": "a"}], labels=["a", "b"], title=evil[:120])
    lab.wait(name)
    with another_page(chromium, width, 800, color_scheme=scheme) as page:
        complaints: list[str] = []
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        for path in ("", "/output", "/log"):
            page.goto(f"{lab.service.endpoint_url}/_labeling/jobs/{name}{path}")
            assert page.title().startswith(name)
            assert page.locator("script, svg").count() == 0
            assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        assert complaints == []

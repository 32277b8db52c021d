"""What Airflow loads: where the pages are, and nothing slow before one is requested."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from labeling_provider.ui import application
from labeling_provider.ui.plugin import PREFIX, LabelingPlugin, PluginPages, _view
from labeling_provider.ui.showing import STATIC


def test_the_pages_are_in_the_navigation_and_on_dags_runs_and_task_instances() -> None:
    views = {view["destination"]: view for view in LabelingPlugin.external_views}
    assert list(views) == ["nav", "dag", "dag_run", "task_instance"]
    assert {view["name"] for view in views.values()} == {"Labeling"}
    assert len({view["url_route"] for view in views.values()}) == 4
    assert all(view["href"].startswith(f"{PREFIX}/") for view in views.values())
    for view, places in (("dag", ["DAG_ID"]), ("task_instance", ["DAG_ID", "RUN_ID", "TASK_ID", "MAP_INDEX"])):
        assert all(f"{{{place}}}" in views[view]["href"] for place in places)
    icon = {view["icon"] for view in views.values()}
    assert icon == {f"{PREFIX}/static/icon.svg"}
    assert "icon.svg" in STATIC
    (mounted,) = LabelingPlugin.fastapi_apps
    assert (mounted["url_prefix"], mounted["name"]) == (PREFIX, "Labeling")


@pytest.mark.parametrize(
    ("base_url", "href"), [("http://a.example/airflow/", "/airflow/labeling/"), ("", "/labeling/")]
)
def test_addresses_are_below_airflow_s_own(monkeypatch: pytest.MonkeyPatch, base_url: str, href: str) -> None:
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", base_url)
    assert _view("Labeling", "nav", "/")["href"] == href


def test_the_application_is_made_at_the_first_request_and_once(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[list[Any]] = []

    def make() -> Any:
        asked: list[Any] = []
        made.append(asked)

        async def answer(scope: Any, receive: Any, send: Any) -> None:
            asked.append((scope, receive, send))

        return answer

    monkeypatch.setattr(application, "make_application", make)
    pages = PluginPages()
    assert made == []

    async def requests() -> None:
        await pages("first", "receive", "send")
        await pages("second", "receive", "send")

    asyncio.run(requests())
    assert made == [[("first", "receive", "send"), ("second", "receive", "send")]]

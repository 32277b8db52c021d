"""The plugin that Airflow loads (entry point ``airflow.plugins``). Nothing slow is loaded until a page is requested."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from airflow.configuration import conf
from airflow.plugins_manager import AirflowPlugin

PREFIX = "/labeling"


class PluginPages:
    """The application with the pages, created at the first request, because schedulers and workers load plugins too."""

    def __init__(self) -> None:
        self._application: Any = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer a request (ASGI)."""
        if self._application is None:
            from labeling_provider.ui.application import make_application

            self._application = make_application()
        await self._application(scope, receive, send)


def _view(name: str, destination: str, path: str) -> dict[str, Any]:
    base = urlsplit(conf.get("api", "base_url", fallback="")).path.rstrip("/")
    return {
        "name": name,
        "destination": destination,
        "href": f"{base}{PREFIX}{path}",
        # It has a light border, so that it stands out from a light background, a dark one, and a chosen entry.
        "icon": f"{base}{PREFIX}/static/icon.svg",
        "url_route": "labeling" if destination == "nav" else f"labeling-{destination.replace('_', '-')}",
        **({"nav_top_level": True} if destination == "nav" else {}),
    }


class LabelingPlugin(AirflowPlugin):
    """Pages about labeling jobs: all of them in the navigation, and a tab on Dags, Dag runs and task instances."""

    name = "labeling"
    fastapi_apps = [{"app": PluginPages(), "url_prefix": PREFIX, "name": "Labeling"}]  # noqa: RUF012 - Airflow's attributes
    external_views = [  # noqa: RUF012
        _view("Labeling", "nav", "/"),
        _view("Labeling", "dag", "/?dag_id={DAG_ID}"),
        _view("Labeling", "dag_run", "/?dag_id={DAG_ID}&run_id={RUN_ID}"),
        _view(
            "Labeling", "task_instance", "/job?dag_id={DAG_ID}&run_id={RUN_ID}&task_id={TASK_ID}&map_index={MAP_INDEX}"
        ),
    ]

"""Values and functions for the plugin's templates: links into Airflow, counters, progress bar, chart of labels."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, urlencode, urlsplit

from airflow.configuration import conf
from markupsafe import Markup

from labeling_provider.jobs.progress import duration
from labeling_provider.rendering.drawing import class_names
from labeling_provider.rendering.environment import render, style_sheet
from labeling_provider.ui.output_manifest import Labels
from labeling_provider.ui.task_jobs import TaskJob, TaskKey

STATIC: Final = {"labeling.js": "text/javascript", "labeling.css": "text/css", "icon.svg": "image/svg+xml"}
_SHARES: Final = (
    ("human_labeled", "people", "by people"),
    ("machine_labeled", "machine", "by machine"),
    ("failed", "failed", "failed"),
    ("unlabeled", "", "unlabeled"),
)
"""Counters, their CSS class in the progress bar, and their name."""


def render_page(template: str, **values: Any) -> str:
    """A page of the plugin, as HTML.

    :param template: name of its file in ``ui/templates``.
    :param values: what the template shows, beside the helpers that every page has.
    """
    return render(
        f"ui/templates/{template}",
        age=_age,
        moment=_moment,
        duration=duration,
        counters_of=_counters_of,
        counts_of=_counts_of,
        bar_of=_bar_of,
        class_names=class_names,
        short_workteam=lambda job: job.workteam.rpartition("/")[2],
        task_page=_task_page,
        run_page=_run_page,
        dag_page=_dag_page,
        airflow_page=_airflow,
        job_page=lambda task: f"job?{query_of(task)}",
        versions=_versions(),
        **values,
    )


def query_of(task: TaskKey) -> str:
    """The query of an address that names a task instance."""
    return urlencode(task._asdict())


@cache
def static_file(name: str) -> bytes:
    """The bytes of one of the plugin's files.

    :param name: a key of :data:`STATIC`.
    """
    if name == "labeling.css":
        return style_sheet().encode()
    return (Path(__file__).parent / "static" / name).read_bytes()


def chart(labels: Labels, job: TaskJob) -> dict[str, Any] | None:
    """Lines for the number of labels over time, total and by machine, in a box of 600 by 160 pixels."""
    if len(labels.points) < 2:
        return None
    span, last, machine = labels.points[-1]
    hours, objects = max(span, 1 / 3600), max(job.count("total"), last, 1)

    def line(counts: Iterable[tuple[float, int]]) -> str:
        return "0,160 " + " ".join(f"{600 * x / hours:.1f},{160 - 160 * y / objects:.1f}" for x, y in counts)

    return {
        "points": line((x, total) for x, total, _ in labels.points),
        "machine_points": line((x, by_machine) for x, _, by_machine in labels.points) if machine else "",
        "span": duration(hours * 3600),
        "objects": objects,
        "last": last,
        "machine": machine,
    }


@cache
def _versions() -> dict[str, str]:
    """Hashes of the static files, which are part of their URLs, so that no browser uses an outdated file."""
    return {name: hashlib.sha256(static_file(name)).hexdigest()[:12] for name in STATIC}


def _age(since: float) -> Markup:
    """How long ago something was; the pages' script adds the date, in the time zone that Airflow shows."""
    return _time(since, duration(max(time.time() - since, 0))) if since else Markup("")


def _moment(at: float) -> Markup:
    """A date, which the pages' script puts into the time zone that Airflow shows."""
    return _time(at, f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M:%S} UTC", "moment") if at else Markup("")


def _time(at: float, words: str, css_class: str = "") -> Markup:
    stamp = datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds")
    return Markup('<time class="{}" datetime="{}">{}</time>').format(css_class, stamp, words)


def _counters_of(job: TaskJob) -> dict[str, int]:
    """Counters by name."""
    return {words: job.count(counter) for counter, _, words in _SHARES}


def _counts_of(job: TaskJob) -> str:
    """Counters in one line."""
    return ", ".join(f"{count:,} {words}" for words, count in _counters_of(job).items())


def _bar_of(job: TaskJob) -> list[tuple[str, float]]:
    """Parts of the progress bar: CSS class and percentage."""
    total = max(job.count("total"), 1)
    return [(css_class, 100 * job.count(counter) / total) for counter, css_class, _ in _SHARES if css_class]


def _dag_page(task: TaskKey) -> str:
    return _airflow(f"/dags/{_quoted(task.dag_id)}")


def _run_page(task: TaskKey) -> str:
    return f"{_dag_page(task)}/runs/{_quoted(task.run_id)}"


def _task_page(task: TaskKey) -> str:
    mapped = f"/mapped/{task.map_index}" if task.map_index >= 0 else ""
    return f"{_run_page(task)}/tasks/{_quoted(task.task_id)}{mapped}"


def _airflow(path: str) -> str:
    return urlsplit(conf.get("api", "base_url", fallback="")).path.rstrip("/") + path


def _quoted(part: str) -> str:
    return quote(part, safe="")

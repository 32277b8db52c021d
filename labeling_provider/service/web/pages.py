"""What a browser sees of the local service: its jobs, one job with its progress, and its log.

This is where the operators' extra links point to when the connection's endpoint is local.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from html import escape
from typing import Any, Final
from urllib.parse import quote, unquote

import sqlalchemy as sa

from labeling_provider.groundtruth import layout
from labeling_provider.groundtruth.job import is_streaming, queue_name
from labeling_provider.groundtruth.uris import join_s3_uri
from labeling_provider.service.cloud.object_store import MissingObject, ObjectStore
from labeling_provider.service.database.database import Database
from labeling_provider.service.database.schema import events, jobs, messages, trainings
from labeling_provider.service.engine.engine import ACTIVE
from labeling_provider.service.work.records import labeled_by_machine

PAGES_PATH: Final = "/_labeling"
_MOST_JOBS: Final = 200
_MOST_LINES: Final = 200
_MOST_TRAININGS: Final = 100
_LONGEST_LINE: Final = 2_000
_MOST_OUTPUT_BYTES: Final = 1 << 20
_MOST_REPORT_BYTES: Final = 64 << 20
_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
_REPORT_POLICY: Final = f"{_POLICY}; img-src data:; sandbox"
_STYLE: Final = """
:root { color-scheme: light dark; --line: #8884; --soft: #8881; }
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem; padding: 0 1rem; }
h1 { font-size: 1.3rem; overflow-wrap: anywhere; }
h2 { font-size: 1.1rem; margin-top: 2rem; }
nav a { margin-right: 1rem; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; padding: .35rem .6rem; border-bottom: 1px solid var(--line); overflow-wrap: anywhere; }
pre { background: var(--soft); padding: .8rem; overflow-x: auto; white-space: pre-wrap; overflow-wrap: anywhere; }
.bar { display: flex; height: 1rem; border-radius: .5rem; overflow: hidden; background: var(--soft); }
.labeled { background: #2e8540; } .machine { background: #0ea5e9; }
.failed { background: #c0392b; } .given { background: #7aa6da; }
"""


class Pages:
    """Answers ``/_labeling``, ``/_labeling/jobs/NAME`` and its ``/log`` and ``/output``, ``/_labeling/reports/…``."""

    def __init__(self, database: Database, object_store: ObjectStore) -> None:
        self._database, self._object_store = database, object_store

    def __call__(self, method: str, path: str) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and text of a page.

        :param path: percent-encoded.
        """
        status, title, body, refresh = 404, "Not found", "<p>There is no such page.</p>", False
        parts = [part for part in unquote(path).removeprefix(PAGES_PATH).split("/") if part]
        if method not in {"GET", "HEAD"}:
            status, title, body = 405, "Not allowed", "<p>These pages can only be read.</p>"
        elif not parts:
            status, title, body = 200, "Labeling jobs", self._list()
        elif parts[0] == "jobs" and len(parts) in {2, 3} and (row := self._job(parts[1])):
            view = {"": self._overview, "log": self._log, "output": self._output}.get("".join(parts[2:]))
            if view:
                refresh = row.status in ACTIVE
                status, title, body = 200, row.name, _navigation(row) + view(row)
        policy, page = _POLICY, _page(title, body, refresh).encode()
        if status == 404 and (report := self._report(parts)) is not None:
            status, policy, page = 200, _REPORT_POLICY, report
        headers = {
            "content-type": "text/html; charset=utf-8",
            "content-security-policy": policy,
            "x-content-type-options": "nosniff",
            "x-frame-options": "DENY",
            "referrer-policy": "no-referrer",
            "cache-control": "no-store",
        }
        return status, headers, page

    def _report(self, parts: list[str]) -> bytes | None:
        """A report in S3, which may be anybody's: the browser gets it in a sandbox."""
        if len(parts) < 3 or parts[0] != "reports" or not parts[-1].endswith(".html"):
            return None
        try:
            report = self._object_store.beginning(f"s3://{'/'.join(parts[1:])}", _MOST_REPORT_BYTES + 1)
        except (MissingObject, ValueError):
            return None
        return report if len(report) <= _MOST_REPORT_BYTES else None

    def _job(self, name: str) -> sa.Row[Any] | None:
        with self._database.read() as connection:
            return connection.execute(sa.select(jobs).where(jobs.c.name_key == name.lower())).one_or_none()

    def _list(self) -> str:
        with self._database.read() as connection:
            rows = connection.execute(sa.select(jobs).order_by(jobs.c.id.desc()).limit(_MOST_JOBS)).all()
            by_machine = labeled_by_machine(connection, [row.id for row in rows])
        if not rows:
            return "<p>No labeling job has been created yet.</p>"
        cells = "".join(
            f'<tr><td><a href="{_address(row)}">{escape(row.name)}</a></td><td>{escape(row.status)}</td>'
            f"<td>{row.labeled + by_machine.get(row.id, 0) + row.given:,} / {row.lines:,}</td>"
            f"<td>{_time(row.created)}</td></tr>"
            for row in rows
        )
        return f"<table><tr><th>Job</th><th>Status</th><th>Labeled</th><th>Created</th></tr>{cells}</table>"

    def _overview(self, row: sa.Row[Any]) -> str:
        request = json.loads(row.request)
        human, source = request["HumanTaskConfig"], request["InputConfig"]["DataSource"]
        with self._database.read() as connection:
            machine = labeled_by_machine(connection, [row.id]).get(row.id, 0)
            learned = connection.execute(
                sa.select(trainings).where(trainings.c.job_id == row.id).order_by(trainings.c.iteration.desc())
            ).all()
        left = max(row.lines - row.given - row.labeled - machine - row.failed, 0)
        facts = {
            "Status": row.status,
            "Reason": row.failure_reason or "",
            "Labeled by people": f"{row.labeled:,}",
            "Labeled by machine": f"{machine:,}" if learned else "",
            "Labeled before": f"{row.given:,}",
            "Failed": f"{row.failed:,}",
            "Unlabeled": f"{left:,}",
            "Workteam": row.workteam_arn,
            "Workers per object": human["NumberOfHumanWorkersPerDataObject"],
            "Title": human["TaskTitle"],
            "Input": source.get("S3DataSource", {}).get("ManifestS3Uri", ""),
            "Input topic": source.get("SnsDataSource", {}).get("SnsTopicArn", ""),
            "Waiting in the queue": f"{self._waiting(row):,}" if is_streaming(request) else "",
            "Output topic": request["OutputConfig"].get("SnsTopicArn", ""),
            "Output": layout.output_manifest_uri(join_s3_uri(request["OutputConfig"]["S3OutputPath"], row.name)),
            "Created": _time(row.created),
            "Changed": _time(row.modified),
        }
        cells = "".join(
            f"<tr><th>{escape(name)}</th><td>{escape(str(value))}</td></tr>" for name, value in facts.items() if value
        )
        return f"{_bar(row, machine)}<table>{cells}</table>{_trainings(learned)}"

    def _waiting(self, row: sa.Row[Any]) -> int:
        """Messages in a streaming job's queue."""
        own = messages.c.queue.endswith(f":{queue_name(row.name)}", autoescape=True)
        with self._database.read() as connection:
            return int(connection.execute(sa.select(sa.func.count()).select_from(messages).where(own)).scalar_one())

    def _log(self, row: sa.Row[Any]) -> str:
        query = sa.select(events).where(events.c.job_id == row.id).order_by(events.c.id.desc()).limit(_MOST_LINES)
        with self._database.read() as connection:
            lines = [f"{_time(one.at)}  {one.message}" for one in connection.execute(query)]
        return f"<pre>{escape(chr(10).join(reversed(lines)))}</pre>"

    def _output(self, row: sa.Row[Any]) -> str:
        request = json.loads(row.request)
        uri = layout.output_manifest_uri(join_s3_uri(request["OutputConfig"]["S3OutputPath"], row.name))
        try:
            beginning = self._object_store.beginning(uri, _MOST_OUTPUT_BYTES)
        except (MissingObject, ValueError):
            return f"<p>There is no output yet at {escape(uri)}.</p>"
        lines = beginning.decode(errors="replace").splitlines()
        shown = "\n".join(line[:_LONGEST_LINE] for line in lines[:_MOST_LINES])
        more = f", the first {_MOST_LINES} lines" if len(lines) > _MOST_LINES else ""
        return f"<p>{escape(uri)}{more}</p><pre>{escape(shown)}</pre>"


def _address(row: sa.Row[Any]) -> str:
    return f"{PAGES_PATH}/jobs/{quote(row.name)}"


def _navigation(row: sa.Row[Any]) -> str:
    here = _address(row)
    return (
        f'<nav><a href="{PAGES_PATH}">All jobs</a><a href="{here}">Overview</a>'
        f'<a href="{here}/output">Output</a><a href="{here}/log">Log</a></nav>'
    )


def _trainings(rows: Sequence[sa.Row[Any]]) -> str:
    """What automated labeling has learned and done, the latest first."""
    if not rows:
        return ""
    cells = "".join(
        f"<tr><td>{one.iteration}</td><td>{one.examples:,}</td>"
        f"<td>{'–' if one.agreement is None else f'{one.agreement:.1%}'}</td>"
        f"<td>{'–' if one.threshold is None else f'{one.threshold:.2f}'}</td><td>{one.labeled:,}</td>"
        f"<td>{escape((one.model_arn or '').rpartition('/')[2])}</td></tr>"
        for one in rows[:_MOST_TRAININGS]
    )
    return (
        "<h2>Automated labeling</h2><table><tr><th>Iteration</th><th>Learned from</th>"
        "<th>Agreement on what was left</th><th>Labels from score</th><th>Labeled</th><th>Model</th></tr>"
        f"{cells}</table>"
    )


def _bar(row: sa.Row[Any], machine: int) -> str:
    total = max(row.lines, 1)
    parts = "".join(
        f'<span class="{name}" style="width:{100 * count / total:.2f}%"></span>'
        for name, count in (
            ("given", row.given),
            ("labeled", row.labeled),
            ("machine", machine),
            ("failed", row.failed),
        )
    )
    done = row.given + row.labeled + machine + row.failed
    return f'<div class="bar" role="progressbar" aria-valuenow="{done}" aria-valuemax="{total}">{parts}</div>'


def _time(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def _page(title: str, body: str, refresh: bool) -> str:
    again = '<meta http-equiv="refresh" content="2">' if refresh else ""
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8">{again}'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)} – local Ground Truth</title><style>{_STYLE}</style></head>"
        f"<body><h1>{escape(title)}</h1>{body}</body></html>"
    )

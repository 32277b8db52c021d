"""``make demo`` and ``make up``: the self-hosted service and a real Airflow, and the digits Dag run in it."""

from __future__ import annotations

import argparse
import json
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import Any
from urllib.parse import quote

from dev.install import QUIET_SECONDS, Progress
from dev.stack import ROOT, Service, StackError, Standalone, wait_until
from labeling_provider.request import derive_job_name

DAG_ID = "label_digits"
BY_HAND = "label_by_hand"
WORKFORCE = {"workteams": {"private-simulated": {"workers": 10, "accuracy": 0.95, "seconds_per_task": 0.02}}}
TRUTH = [
    f"--truth=s3://labeling-demo/{folder}/truth.jsonl"
    for folder in ("digits", "live", "weekly", "messages", "review", "vehicles")
]
RUN_SECONDS = 180
_STAY = "See the job and its labels: make demo in a terminal, which keeps Airflow running until Ctrl-C"
_YOUR_OWN = "Label your own data:        docs/quickstart.md"
_ENDS = (signal.SIGINT, signal.SIGTERM)


def start(folder: Path) -> Service:
    """Start the service."""
    workforce = folder / "workforce.json"
    workforce.write_text(json.dumps(WORKFORCE))
    return Service(folder, "--workforce", str(workforce), "--minimum-automated", "0", *TRUTH)


def follow(airflow: Standalone, service: Service, run_id: str) -> str:
    """Show what the run is doing until it ends; its last state."""
    jobs = service.client("sagemaker")
    shown: tuple[Any, ...] = ()
    printed_at = time.monotonic()
    deadline = printed_at + RUN_SECONDS
    while time.monotonic() < deadline:
        state = airflow.run_state(DAG_ID, run_id)
        tasks = airflow.get(f"/api/v2/dags/{DAG_ID}/dagRuns/{quote(run_id)}/taskInstances")["task_instances"]
        line = "  ".join(f"{task['task_id']}: {task['state'] or 'waiting'}" for task in tasks)
        tenths, progress = 0, ""
        for job in jobs.list_labeling_jobs(NameContains=derive_job_name(DAG_ID, "label", run_id))[
            "LabelingJobSummaryList"
        ]:
            counters = job["LabelCounters"]
            total = sum(counters[key] for key in ("TotalLabeled", "FailedNonRetryableError", "Unlabeled"))
            tenths = 10 * counters["TotalLabeled"] // max(total, 1)
            progress = f"  |  {counters['TotalLabeled']:,} of {total:,} labeled"
            if counters["MachineLabeled"]:
                progress += f", {counters['MachineLabeled']:,} by machine"
        if (line, tenths) != shown or time.monotonic() - printed_at >= QUIET_SECONDS:
            print(f"  {line}{progress}", flush=True)
            shown, printed_at = (line, tenths), time.monotonic()
        if state in {"success", "failed"}:
            return state
        time.sleep(0.5)
    raise StackError(f"the run {run_id} has not ended within {RUN_SECONDS} s")


def show_result(airflow: Standalone, service: Service, run_id: str, seconds: float, *, stays: bool) -> None:
    """Print what came out, and in three lines where to look and what to try next.

    :param stays: whether Airflow and the service go on; otherwise their addresses lead nowhere, and are not told.
    """
    labeled: dict[str, Any] = airflow.xcom(DAG_ID, run_id, "label")
    result: dict[str, Any] = airflow.xcom(DAG_ID, run_id, "report")
    print(
        f"\n  objects labeled   {result['objects']:,}"
        f"\n  by people         {result['by_people']:,}  (three workers each, right in 95 %: "
        f"{result['answers']:,} answers)"
        f"\n  by machine        {result['by_machine']:,}  ({result['machine_accuracy'] or 0:.2%} of them right)"
        f"\n  saved             {result['answers_saved']:,} answers of workers, USD {result['usd_saved']:,.2f} at "
        f"Mechanical Turk's lowest price"
        f"\n  label accuracy    {result['label_accuracy']:.2%}"
        f"\n  model accuracy    {result['model_accuracy']:.2%}  (trained on {result['trained_on']:,} labels, "
        f"tested on {result['tested_on']:,} other digits)"
        f"\n  seconds           {seconds:.0f}"
    )
    if stays:
        print(
            f"  labels            {labeled['output_manifest_uri']}"
            f"\n  labeling job      {service.ready['pages_url']}/jobs/{labeled['job_name']}"
            f"\n  Dag               {airflow.url}/dags/{DAG_ID}"
        )
    look = f"See the job and its labels: {airflow.url}/plugin/labeling" if stays else _STAY
    print(f"\n{look}\nLabel some yourself:        make up\n{_YOUR_OWN}", flush=True)


def show_up(airflow: Standalone, service: Service) -> None:
    """Print where to label, where to look and what to try next."""
    print(
        f"\nLabel some yourself:        {service.ready['portal_url']}  (type any name; 24 sentences wait for you)"
        f"\nSee what the Dag does:      {airflow.url}/dags/{BY_HAND}"
        f"\n{_YOUR_OWN}",
        flush=True,
    )


def _end(*_: object) -> None:
    """End the demo. Further signals must not keep it from stopping what it has started."""
    for number in _ENDS:
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


def main() -> int:
    """Run the demo, or with ``--up`` just start everything and stay.

    :return: the exit status.
    """
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--up", action="store_true", help=f"start everything and {BY_HAND}, and stay")
    chosen = options.parse_args()
    stays = chosen.up or sys.stdin.isatty()
    for number in _ENDS:
        signal.signal(number, _end)
    started = time.monotonic()
    folder = Path(tempfile.mkdtemp(prefix="labeling-demo-"))
    service = airflow = None
    failed = True
    try:
        print("Starting the self-hosted service and Airflow …", flush=True)
        with Progress() as progress:
            progress.tell("starting them; the first time, Python compiles what it reads", at_once=False)
            service = start(folder)
            airflow = Standalone(folder, ROOT / "dags", service.connection())
            progress.tell("waiting until Airflow is up; a minute or two", at_once=False)
            airflow.wait_healthy()
        if chosen.up:
            airflow.trigger(BY_HAND)
            jobs = service.client("sagemaker")
            with Progress() as progress:
                progress.tell(f"waiting until {BY_HAND} asks for people", at_once=False)
                wait_until(
                    lambda: bool(jobs.list_labeling_jobs()["LabelingJobSummaryList"]),
                    RUN_SECONDS,
                    f"{BY_HAND} creates its labeling job",
                )
            show_up(airflow, service)
        else:
            print(f"Running the Dag {DAG_ID} …", flush=True)
            run_id = airflow.trigger(DAG_ID)
            state = follow(airflow, service, run_id)
            if state != "success":
                raise StackError(f"the Dag run ended {state}; the logs are in {folder}")
            show_result(airflow, service, run_id, time.monotonic() - started, stays=stays)
        failed = False
        if stays:
            print("\nCtrl-C stops everything.", flush=True)
            while True:
                time.sleep(3600)
    except KeyboardInterrupt:
        print("\nStopping …", flush=True)
    except StackError as error:
        print(f"The demo failed: {error}", file=sys.stderr)
    finally:
        for part in (airflow, service):
            if part is not None:
                part.stop()
        if not failed:
            shutil.rmtree(folder, ignore_errors=True)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())

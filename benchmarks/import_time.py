"""``make bench-import``: what it costs to parse a DAG file that uses our operators.

A cold process each, in turns, median of nine: the bare ``from airflow.sdk import BaseOperator``, our operators,
amazon's SageMaker operators, our example DAGs that have no operator of theirs. The last line is JSON: times as
multiples of the bare import.
"""

from __future__ import annotations

import argparse
import compileall
import json
import os
import statistics
import subprocess
import sys
import tempfile

from dev.stack import ROOT

ROUNDS = 9
HEAVY = ("boto3", "botocore", "moto", "sklearn", "airflow.providers.amazon.aws.hooks.base_aws")
SDK = "from airflow.sdk import BaseOperator"
WHAT = {
    "sdk": SDK,
    "ours": "from labeling_provider.operators.labeling_job import CreateLabelingJobOperator",
    "peer": "from airflow.providers.amazon.aws.operators.sagemaker import SageMakerTrainingOperator",
    "dags": "import runpy; [runpy.run_path(path) for path in {paths!r}]",
}


def seconds(statement: str, home: str) -> float:
    """CPU seconds that a statement takes in a fresh process: other processes do not count.

    :raises AssertionError: if one of our own statements has loaded something heavy.
    """
    code = (
        "import json, sys, time; began = time.process_time()\n"
        f"{statement}\n"
        "took = time.process_time() - began\n"
        f"print(json.dumps([took, [name for name in {HEAVY} if name in sys.modules]]))"
    )
    env = {**os.environ, "AIRFLOW_HOME": home, "AIRFLOW__CORE__LOAD_EXAMPLES": "False"}
    done = subprocess.run([sys.executable, "-c", code], env=env, cwd=ROOT, capture_output=True, text=True, check=True)
    took, loaded = json.loads(done.stdout.splitlines()[-1])
    assert statement == WHAT["peer"] or not loaded, f"{statement} has loaded {loaded}"
    return float(took)


def main() -> None:
    """Measure, print a table and the ratios."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--smallest", action="store_true", help="as little as runs all of it")
    rounds = 1 if options.parse_args().smallest else ROUNDS
    files = sorted((ROOT / "dags").glob("*.py"))
    paths = [str(path) for path in files if "airflow.providers.amazon" not in path.read_text()]
    statements = {name: statement.format(paths=paths) for name, statement in WHAT.items()}
    times: dict[str, list[float]] = {name: [] for name in statements}
    # As pip does when it installs a package; the others were installed so.
    compileall.compile_dir(ROOT / "labeling_provider", quiet=1)
    with tempfile.TemporaryDirectory() as home:
        if rounds > 1:
            seconds(SDK, home)
        for _ in range(rounds):
            for name, statement in statements.items():
                times[name].append(seconds(statement, home))
    median = {name: statistics.median(taken) for name, taken in times.items()}
    for name, value in median.items():
        print(f"{name:>5} {value:7.3f} s  {value / median['sdk']:6.3f}")
    result = {
        "import_over_sdk": round(median["ours"] / median["sdk"], 3),
        "peer_over_sdk": round(median["peer"] / median["sdk"], 3),
        "dag_parse_over_sdk": round(median["dags"] / median["sdk"], 3),
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()

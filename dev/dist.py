"""``make dist``: wheel and source distribution, tried in fresh environments with the oldest and the newest Airflow.

Nothing of the checkout is in reach there, and no node. Beside the packages come a bill of materials (CycloneDX) and a
list of the licenses of all that is installed with them.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from dev.stack import BIN, ROOT

DIST: Final = ROOT / "dist"
MAX_WHEEL_BYTES: Final = 2_000_000
NEEDED: Final = (
    "labeling_provider/py.typed",
    "labeling_provider/rendering/templates/page.html",
    "labeling_provider/service/web/static/crowd-html-elements.js",
    "labeling_provider/service/web/static/crowd-html-elements.licenses.txt",
    "labeling_provider/service/web/static/portal.js",
    "labeling_provider/service/database/migrations/env.py",
)
PAIRS: Final = {"oldest": "constraints-lowest.txt", "newest": "constraints.txt"}
DAG: Final = "label_digits"
# Prints the name, version and license of everything that is installed.
_LICENSES: Final = """
from importlib import metadata
for one in sorted(metadata.distributions(), key=lambda one: one.name.lower()):
    told = one.metadata
    named = [name.rpartition(" :: ")[2] for name in told.get_all("Classifier", []) if name.startswith("License ::")]
    license = told["License-Expression"] or ", ".join(named) or (told["License"] or "").strip().partition("\\n")[0]
    print(f"{one.name} {one.version}: {license or 'not told'}")
"""


class DistError(Exception):
    """Something is wrong with the packages."""


def build(root: Path = ROOT) -> Path:
    """Build both from a tree into its ``dist/``; the wheel.

    :raises DistError: if they can't be built.
    """
    made = root / "dist"
    shutil.rmtree(made, ignore_errors=True)
    command = [sys.executable, "-m", "hatchling", "build", "-d", str(made)]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    if done.returncode:
        raise DistError(f"the packages can't be built:\n{done.stdout[-3000:]}{done.stderr[-3000:]}")
    (wheel,) = made.glob("*.whl")
    return wheel


def check_contents(wheel: Path) -> None:
    """See that a wheel has what it needs and nothing else.

    :raises DistError: naming the file that is missing or too much.
    """
    if wheel.stat().st_size > MAX_WHEEL_BYTES:
        raise DistError(f"{wheel.name} has {wheel.stat().st_size:,} bytes, more than {MAX_WHEEL_BYTES:,}")
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    missing = [name for name in NEEDED if name not in names]
    if not any(name.endswith(".dist-info/licenses/LICENSE") for name in names):
        missing.append("LICENSE")
    if missing:
        raise DistError(f"{wheel.name} lacks {', '.join(missing)}")
    strange = [
        name
        for name in names
        if (not name.startswith("labeling_provider/") and ".dist-info/" not in name) or name.endswith((".ts", ".pyc"))
    ]
    if strange:
        raise DistError(f"{wheel.name} has what does not belong into it: {', '.join(strange[:5])}")


class Fresh:
    """An environment with the wheel and what it needs, where nothing else is in reach.

    :param folder: where everything of it is.
    :param constraints: the versions of the dependencies.
    """

    def __init__(self, folder: Path, wheel: Path, constraints: Path) -> None:
        self.folder, self.bin = folder, folder / "venv" / "bin"
        subprocess.run([sys.executable, "-m", "venv", str(folder / "venv")], check=True)
        install = ["install", "--quiet", "--disable-pip-version-check", "--constraint", str(constraints)]
        self.run(str(self.bin / "python"), "-m", "pip", *install, f"{wheel}[local]", env=os.environ)
        home = folder / "airflow"
        shutil.copytree(ROOT / "dags", folder / "dags")
        self.env = {
            "PATH": f"{self.bin}:/usr/bin:/bin",
            "HOME": str(folder),
            "LANG": "C.UTF-8",
            "AIRFLOW_HOME": str(home),
            "AIRFLOW__CORE__DAGS_FOLDER": str(folder / "dags"),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        }

    def run(self, *command: str, env: Mapping[str, str] | None = None) -> str:
        """Run a command there; what it prints.

        :raises DistError: if it fails.
        """
        where = self.env if env is None else dict(env)
        done = subprocess.run(command, cwd=self.folder, env=where, capture_output=True, text=True, check=False)
        if done.returncode:
            raise DistError(f"{' '.join(command)} failed:\n{done.stdout[-3000:]}{done.stderr[-3000:]}")
        return done.stdout

    def try_out(self) -> None:
        """See that Airflow knows the provider and its pages, that the service serves, and that the demo's DAG runs."""
        airflow = str(self.bin / "airflow")
        listed = json.loads(self.run(airflow, "providers", "list", "--output", "json"))
        if "airflow-provider-labeling" not in {one["package_name"] for one in listed}:
            raise DistError("airflow providers list does not know the provider")
        self.run(airflow, "providers", "get", "airflow-provider-labeling", "--full", "--output", "json")
        if "labeling" not in self.run(airflow, "plugins", "--output", "json"):
            raise DistError("airflow plugins does not know the plugin")
        self.run(airflow, "db", "migrate")
        command = [str(self.bin / "labeling"), "local", "--data-dir", "data", "--minimum-automated", "0"]
        command += ["--truth=s3://labeling-demo/digits/truth.jsonl"]
        with (self.folder / "service.log").open("w") as log:
            service = subprocess.Popen(command, cwd=self.folder, env=self.env, stdout=subprocess.PIPE, stderr=log)
        try:
            assert service.stdout
            line = service.stdout.readline()
            if not line:
                raise DistError((self.folder / "service.log").read_text()[-3000:])
            ready = json.loads(line)
            for path in ("/portal/", "/_labeling/"):
                with urllib.request.urlopen(ready["endpoint_url"] + path, timeout=30) as answer:
                    answer.read()
            extra = {"endpoint_url": ready["endpoint_url"], "region_name": ready["region"]}
            connection = {"conn_type": "aws", "login": "local", "password": "local", "extra": extra}
            env = {**self.env, "AIRFLOW_CONN_AWS_DEFAULT": json.dumps(connection)}
            self.run(airflow, "dags", "test", DAG, env=env)
        finally:
            service.terminate()
            service.wait(30)

    def licenses(self) -> str:
        """Name, version and license of all that is installed, a line each."""
        return self.run(str(self.bin / "python"), "-c", _LICENSES)


def main() -> int:
    """Build, check and try out.

    :return: the exit status.
    """
    began = time.monotonic()

    def tell(text: str) -> None:
        print(f"{time.monotonic() - began:4.0f} s  {text}", flush=True)

    try:
        tell("building the wheel and the source distribution")
        wheel = build()
        check_contents(wheel)
        for pair, constraints in PAIRS.items():
            with tempfile.TemporaryDirectory(prefix="labeling-dist-") as name:
                tell(f"installing it beside the {pair} Airflow that is supported")
                fresh = Fresh(Path(name), wheel, ROOT / constraints)
                tell(f"running {DAG} there")
                fresh.try_out()
                if pair == "newest":
                    tell("writing the bill of materials and the licenses")
                    (DIST / "licenses.txt").write_text(fresh.licenses())
                    bill = [str(BIN / "cyclonedx-py"), "environment", str(fresh.bin / "python"), "--output-file"]
                    subprocess.run([*bill, str(DIST / "sbom.cdx.json")], check=True)
    except DistError as error:
        print(f"make dist: {error}", file=sys.stderr)
        return 1
    tell(f"{', '.join(sorted(path.name for path in DIST.iterdir()))} are in dist/")
    return 0


if __name__ == "__main__":
    sys.exit(main())

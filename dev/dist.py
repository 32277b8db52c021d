"""``make dist``: wheel and source distribution, tried in fresh environments with the oldest and the newest Airflow.

Nothing of the checkout is in reach there, and no node. Beside the packages come a bill of materials (CycloneDX) and a
list of the licenses of all that is installed with them.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import urllib.request
import zipfile
from collections.abc import Mapping
from html import unescape
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import quote

from dev.install import InstallError, Progress, follow_pip
from dev.stack import BIN, ROOT, StackError, free_port, wait_until
from dev.tree import STATIC, files_of_tree

DIST: Final = ROOT / "dist"
MAX_WHEEL_BYTES: Final = 2_000_000
BUILT: Final = (
    "crowd-html-elements.css",
    "crowd-html-elements.js",
    "crowd-html-elements-clouds.js",
    "crowd-html-elements-frames.js",
    "crowd-html-elements.licenses.txt",
    "crowd-html-elements.stamp",
    "portal.css",
    "portal.js",
)
"""What frontend/ is built into."""
SCRIPTS: Final = (STATIC / "crowd-html-elements.licenses.txt").as_posix()
PACKAGE: Final = "airflow-provider-labeling"
ABOUT: Final = ("METADATA", "RECORD", "WHEEL", "entry_points.txt", "licenses/LICENSE")
TOOLS: Final = ("sh", "env", "uname")
"""All that is in reach in a fresh environment, beside what pip puts there."""
PAIRS: Final = {"oldest": "constraints-lowest.txt", "newest": "constraints.txt"}
DAGS: Final = ("label_digits", "label_notes")
"""The demo, and what the empty Labeling page shows."""
# Prints the name, version and license of everything that is installed.
_LICENSES: Final = """
from importlib import metadata
for package in sorted(metadata.distributions(), key=lambda package: package.name.lower()):
    about = package.metadata
    named = [name.rpartition(" :: ")[2] for name in about.get_all("Classifier", []) if name.startswith("License ::")]
    license = about["License-Expression"] or ", ".join(named) or (about["License"] or "").strip().partition("\\n")[0]
    print(f"{package.name} {package.version}: {license or 'not told'}")
"""


class DistError(Exception):
    """Something is wrong with the packages."""


def build(root: Path = ROOT, *targets: str) -> Path:
    """Build both from a tree into its ``dist/``; the wheel.

    :param targets: such as ``wheel``, for only that.
    :raises DistError: if they can't be built.
    """
    folder = root / "dist"
    shutil.rmtree(folder, ignore_errors=True)
    command = [sys.executable, "-m", "hatchling", "build", "-d", str(folder)]
    command += [part for target in targets for part in ("-t", target)]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    if done.returncode:
        raise DistError(f"the packages can't be built:\n{done.stdout[-3000:]}{done.stderr[-3000:]}")
    (wheel,) = folder.glob("*.whl")
    return wheel


def files_of_wheel() -> set[str]:
    """What a wheel of this tree has, without what tells about it: the package, the pages' scripts, the example Dags."""
    examples = {f"labeling_provider/example_dags/{Path(name).name}" for name in files_of_tree("dags")}
    built = {(STATIC / name).as_posix() for name in BUILT}
    return {*files_of_tree("labeling_provider"), *built, *examples}


def check_contents(wheel: Path) -> None:
    """See that a wheel has what it needs and nothing else.

    :raises DistError: naming the file that is missing or too much, or the script without a license.
    """
    if wheel.stat().st_size > MAX_WHEEL_BYTES:
        raise DistError(f"{wheel.name} has {wheel.stat().st_size:,} bytes, more than {MAX_WHEEL_BYTES:,}")
    about = "-".join(wheel.name.split("-")[:2]) + ".dist-info"
    wanted = files_of_wheel() | {f"{about}/{name}" for name in ABOUT}
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        if missing := sorted(wanted - names):
            raise DistError(f"{wheel.name} lacks {', '.join(missing[:5])}")
        if strange := sorted(names - wanted):
            raise DistError(f"{wheel.name} has what does not belong into it: {', '.join(strange[:5])}")
        scripts = bundled_scripts(archive.read(SCRIPTS).decode())
    needed = json.loads((ROOT / "frontend" / "package.json").read_text())["dependencies"]
    if unlicensed := sorted(set(needed.items()) - {(script.name, script.version) for script in scripts}):
        raise DistError(f"{wheel.name} has no license of {', '.join(map(' '.join, unlicensed))}: see {SCRIPTS}")


class Script(NamedTuple):
    """A JavaScript package that is part of the worker pages."""

    name: str
    version: str
    license: str


def bundled_scripts(text: str) -> list[Script]:
    """The packages of the file of licenses that frontend/build.mjs writes.

    :raises DistError: if one has no license's text.
    """
    scripts = []
    for part in re.split(r"^-{80}$", text, flags=re.MULTILINE):
        head, _, license_text = part.strip().partition("\n")
        license_line = re.fullmatch(r"(\S+) (\S+) \((.+)\)", head)
        if license_line is None or not license_text.strip():
            raise DistError(f"{SCRIPTS}: {head[:80]!r} has no license's text, or is not NAME VERSION (LICENSE)")
        scripts.append(Script(*license_line.groups()))
    return scripts


def complete_bill(bill: Mapping[str, Any], scripts: list[Script]) -> dict[str, Any]:
    """The bill of materials of an environment as that of our package.

    It is the main component, the bundled scripts are among what it needs, and pip, which only made the environment,
    is not.

    :param bill: a CycloneDX document.
    :raises DistError: if our package is not in it.
    """
    ours = [component for component in bill["components"] if component["name"] == PACKAGE]
    if not ours:
        raise DistError(f"the bill of materials lacks {PACKAGE}")
    left_out = {component["bom-ref"] for component in bill["components"] if component["name"] == "pip"} | {
        ours[0]["bom-ref"]
    }
    javascript = [
        {
            "bom-ref": f"npm:{script.name}@{script.version}",
            "type": "library",
            "name": script.name,
            "version": script.version,
            "purl": f"pkg:npm/{quote(script.name)}@{script.version}",
            "licenses": [{"license": {"id": script.license}}],
        }
        for script in scripts
    ]
    edges = {dependency["ref"]: list(dependency.get("dependsOn", [])) for dependency in bill.get("dependencies", [])}
    edges.setdefault(ours[0]["bom-ref"], []).extend(component["bom-ref"] for component in javascript)
    edges |= {component["bom-ref"]: [] for component in javascript}
    pip = left_out - {ours[0]["bom-ref"]}
    return {
        **bill,
        "metadata": {**bill.get("metadata", {}), "component": ours[0]},
        "components": [
            *(component for component in bill["components"] if component["bom-ref"] not in left_out),
            *javascript,
        ],
        "dependencies": [
            {"ref": ref, "dependsOn": [needed for needed in needs if needed not in pip]}
            for ref, needs in edges.items()
            if ref not in pip
        ],
    }


class Fresh:
    """An environment with the wheel and what it needs, where nothing else is in reach.

    :param folder: where everything of it is.
    :param constraints: the versions of the dependencies.
    :raises DistError: if it can't be made.
    """

    def __init__(self, folder: Path, wheel: Path, constraints: Path, progress: Progress) -> None:
        self.folder, self.bin = folder, folder / "venv" / "bin"
        self.run(sys.executable, "-m", "venv", str(folder / "venv"), env=os.environ)
        install = ["install", "--disable-pip-version-check", "--progress-bar=off", "--constraint", str(constraints)]
        try:
            follow_pip([str(self.bin / "pip"), *install, f"{wheel}[local]"], folder / "venv", progress)
        except InstallError as error:
            raise DistError(str(error)) from None
        self.dags, tools = folder / "dags", folder / "tools"
        self.dags.mkdir()
        tools.mkdir()
        for name in TOOLS:
            (tools / name).symlink_to(shutil.which(name) or f"/usr/bin/{name}")
        self.env = {
            "PATH": f"{self.bin}:{tools}",
            "HOME": str(folder),
            "LANG": "C.UTF-8",
            "AIRFLOW_HOME": str(folder / "airflow"),
            "AIRFLOW__CORE__DAGS_FOLDER": str(self.dags),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
        }
        for name in ("node", "npm"):
            if program := shutil.which(name, path=self.env["PATH"]):
                raise DistError(f"{program} is in reach, so nothing shows that the wheel works without it")

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
        """See that Airflow knows the provider and its pages, that the service serves, and that the demo's Dag runs."""
        airflow = str(self.bin / "airflow")
        listed = json.loads(self.run(airflow, "providers", "list", "--output", "json"))
        if "airflow-provider-labeling" not in {package["package_name"] for package in listed}:
            raise DistError("airflow providers list does not know the provider")
        self.run(airflow, "providers", "get", "airflow-provider-labeling", "--full", "--output", "json")
        if "labeling" not in self.run(airflow, "plugins", "--output", "json"):
            raise DistError("airflow plugins does not know the plugin")
        self.run(airflow, "db", "migrate")
        pasted = self._pasted()
        self.run(str(self.bin / "labeling"), "examples", str(self.dags))
        (self.dags / "label_notes.py").write_text(pasted)
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
                _read(ready["endpoint_url"] + path)
            extra = {"endpoint_url": ready["endpoint_url"], "region_name": ready["region"]}
            connection = {"conn_type": "aws", "login": "airflow", "password": "airflow", "extra": extra}
            env = {**self.env, "AIRFLOW_CONN_AWS_DEFAULT": json.dumps(connection)}
            for dag in DAGS:
                self.run(airflow, "dags", "test", dag, env=env)
        finally:
            service.terminate()
            service.wait(30)

    def _pasted(self) -> str:
        """The code that the empty Labeling page shows to somebody whose Airflow has no Dag yet, for machines to label.

        :raises DistError: if the page does not say how to get the examples.
        """
        url = f"http://127.0.0.1:{free_port()}"
        command = [str(self.bin / "airflow"), "api-server", "--host", "127.0.0.1", "--port", url.rpartition(":")[2]]
        with (self.folder / "api-server.log").open("w") as log:
            server = subprocess.Popen(command, cwd=self.folder, env=self.env, stdout=log, stderr=log)
        try:
            token = json.loads(_first_answer(server, f"{url}/auth/token"))["access_token"]
            page = _read(f"{url}/labeling/", token)
            for name in set(re.findall(r"static/[\w.-]+", page)):
                _read(f"{url}/labeling/{name}", token)
        finally:
            server.terminate()
            server.wait(30)
        shown = [unescape(text) for text in re.findall(r"<pre>(.*?)</pre>", page, re.DOTALL)]
        if len(shown) != 2 or not shown[0].startswith("labeling examples"):
            raise DistError(f"the empty Labeling page does not say how to get the examples:\n{page[-3000:]}")
        return shown[1].replace("private-people", "private-simulated")

    def licenses(self) -> str:
        """Name, version and license of all that is installed, a line each."""
        return self.run(str(self.bin / "python"), "-c", _LICENSES)


def _read(url: str, token: str = "") -> str:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=30) as answer:
        text: str = answer.read().decode()
        return text


def _first_answer(server: subprocess.Popen[bytes], url: str) -> str:
    """What a server that is being started answers.

    :raises DistError: if it ends, or takes too long.
    """

    def answer() -> str:
        if server.poll() is not None:
            raise DistError(f"the API server has ended with status {server.returncode}")
        try:
            return _read(url)
        except OSError:
            return ""

    try:
        return str(wait_until(answer, 120, f"{url} answers"))
    except StackError as error:
        raise DistError(str(error)) from None


def make(progress: Progress) -> Path:
    """Build, check and try out; the wheel.

    :raises DistError: if something is wrong with the packages.
    """
    progress.tell("building the wheel and the source distribution")
    wheel = build()
    check_contents(wheel)
    for pair, constraints in PAIRS.items():
        with tempfile.TemporaryDirectory(prefix="labeling-dist-") as name:
            progress.tell(f"installing it beside the {pair} Airflow that is supported")
            fresh = Fresh(Path(name), wheel, ROOT / constraints, progress)
            progress.tell(f"running {' and '.join(DAGS)} there")
            fresh.try_out()
            if pair == "newest":
                progress.tell("writing the bill of materials and the licenses")
                _write_bill(fresh, wheel)
    return wheel


def _write_bill(fresh: Fresh, wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        scripts = bundled_scripts(archive.read(SCRIPTS).decode())
    of_scripts = "".join(f"{script.name} {script.version} (JavaScript): {script.license}\n" for script in scripts)
    (DIST / "licenses.txt").write_text(fresh.licenses() + of_scripts)
    bill = fresh.run(str(BIN / "cyclonedx-py"), "environment", str(fresh.bin / "python"), env=os.environ)
    (DIST / "sbom.cdx.json").write_text(json.dumps(complete_bill(json.loads(bill), scripts), indent=2) + "\n")


def main() -> int:
    """Build, check and try out.

    :return: the exit status.
    """
    try:
        with Progress() as progress:
            make(progress)
            progress.tell(f"{', '.join(sorted(path.name for path in DIST.iterdir()))} are in dist/")
    except DistError as error:
        print(f"make dist: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""What is wrong with a wheel is found, and the bill of materials tells all that is in it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from collections.abc import Callable
from html import unescape
from pathlib import Path
from urllib.parse import urljoin
from urllib.request import urlopen

import pytest

import labeling_provider
from dev.dist import (
    ABOUT,
    MAX_WHEEL_BYTES,
    SCRIPTS,
    DistError,
    build,
    bundled_scripts,
    check_contents,
    complete_bill,
    files_of_wheel,
)
from dev.stack import ROOT
from dev.tree import copy_of_tree, files_of_tree

pytestmark = pytest.mark.once
NEEDED = json.loads((ROOT / "frontend" / "package.json").read_text())["dependencies"]
RULE = "-" * 80
LICENSES = f"\n{RULE}\n\n".join(f"{name} {version} (MIT)\n\nDo as you like.\n" for name, version in NEEDED.items())
ABOUT_IT = "airflow_provider_labeling-9.0.0.dist-info"


@pytest.fixture
def wheel(tmp_path: Path) -> Callable[[dict[str, bytes | None]], Path]:
    """A good wheel with some of its files changed, or without them where they are None."""

    def make(changes: dict[str, bytes | None]) -> Path:
        files = dict.fromkeys((*files_of_wheel(), *(f"{ABOUT_IT}/{name}" for name in ABOUT)), b"")
        path = tmp_path / "airflow_provider_labeling-9.0.0-py3-none-any.whl"
        with zipfile.ZipFile(path, "w") as archive:
            for name, content in {**files, SCRIPTS: LICENSES.encode(), **changes}.items():
                if content is not None:
                    archive.writestr(name, content)
        return path

    return make


def test_a_good_wheel_is_taken(wheel: Callable[[dict[str, bytes | None]], Path]) -> None:
    check_contents(wheel({}))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"tests/test_x.py": b""}, "does not belong into it: tests/test_x.py"),
        ({"labeling_provider/tests/test_x.py": b""}, "does not belong into it: labeling_provider/tests/test_x.py"),
        ({"labeling_provider/cli/keys.pyc": b""}, "does not belong into it: labeling_provider/cli/keys.pyc"),
        *(
            ({f"labeling_provider/{name}": None}, f"lacks labeling_provider/{name}")
            for name in (
                "service/web/static/crowd-html-elements-clouds.js",
                "service/web/static/crowd-html-elements-frames.js",
                "service/web/static/portal.css",
                "service/web/static/crowd-html-elements.licenses.txt",
                "service/web/portal/messages/de.json",
                "ui/static/labeling.js",
                "ui/templates/welcome.html",
                "example_dags/label_by_hand.py",
                "py.typed",
            )
        ),
        ({f"{ABOUT_IT}/licenses/LICENSE": None}, f"lacks {ABOUT_IT}/licenses/LICENSE"),
        (
            {SCRIPTS: LICENSES.replace(f"three {NEEDED['three']}", "three 0.1.0").encode()},
            f"has no license of three {NEEDED['three']}",
        ),
        ({SCRIPTS: LICENSES.replace("Do as you like.", "").encode()}, "has no license's text"),
        ({"labeling_provider/py.typed": b" " * MAX_WHEEL_BYTES}, "bytes, more than 2,000,000"),
    ],
)
def test_what_is_wrong_with_a_wheel_is_named(
    wheel: Callable[[dict[str, bytes | None]], Path], changes: dict[str, bytes | None], words: str
) -> None:
    with pytest.raises(DistError, match=re.escape(words)):
        check_contents(wheel(changes))


def test_the_licenses_of_the_built_scripts_are_read_with_three_among_them() -> None:
    scripts = bundled_scripts((ROOT / SCRIPTS).read_text())
    assert set(NEEDED.items()) <= {(script.name, script.version) for script in scripts}
    assert {script.license for script in scripts} <= {"MIT", "Apache-2.0", "BSD-3-Clause"}


def test_the_bill_of_materials_is_that_of_our_package() -> None:
    parts = {"us": ("airflow-provider-labeling", "9.0.0"), "boto": ("boto3", "1.40.0"), "pip": ("pip", "25.0")}
    bill = complete_bill(
        {
            "bomFormat": "CycloneDX",
            "metadata": {"timestamp": "now"},
            "components": [
                {"bom-ref": ref, "type": "library", "name": name, "version": version}
                for ref, (name, version) in parts.items()
            ],
            "dependencies": [{"ref": "us", "dependsOn": ["boto"]}, {"ref": "boto"}, {"ref": "pip"}],
        },
        bundled_scripts(LICENSES),
    )
    assert bill["metadata"]["component"]["name"] == "airflow-provider-labeling"
    assert bill["metadata"]["timestamp"] == "now"
    named = {component["name"]: component["version"] for component in bill["components"]}
    assert named == {"boto3": "1.40.0", **NEEDED}
    assert "pkg:npm/%40mdi/js@" + NEEDED["@mdi/js"] in {component.get("purl") for component in bill["components"]}
    needs = {dependency["ref"]: dependency["dependsOn"] for dependency in bill["dependencies"]}
    assert needs["us"] == ["boto", *(f"npm:{name}@{version}" for name, version in NEEDED.items())]
    assert "pip" not in needs
    with pytest.raises(DistError, match="lacks airflow-provider-labeling"):
        complete_bill({"components": []}, [])


SEEN = """
import json, labeling_provider
from airflow.plugins_manager import get_fastapi_plugins
from airflow.providers_manager import ProvidersManager
from labeling_provider.ui.showing import STATIC, render_page, static_file
pages = {name: len(static_file(name)) for name in STATIC}
provider = ProvidersManager().providers["airflow-provider-labeling"]
apps = [app["name"] for app in get_fastapi_plugins()[0]]
print(json.dumps([labeling_provider.__file__, provider.version, apps, pages]))
"""


def test_the_wheel_works_beside_airflow_without_the_checkout(tmp_path: Path) -> None:
    """As ``make dist`` tries it, with the dependencies of the environment that runs the tests.

    It is built from what an image is built from.
    """
    tree = copy_of_tree(tmp_path)
    let_in = {line.removeprefix("!") for line in (ROOT / ".dockerignore").read_text().splitlines() if line[:1] == "!"}
    for path in tree.iterdir():
        if path.name not in let_in:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    wheel = build(tree, "wheel")
    check_contents(wheel)
    venv = tmp_path / "venv"
    run(sys.executable, "-m", "venv", "--without-pip", str(venv))
    python = str(venv / "bin" / "python")
    pip = ("install", "--quiet", "--no-deps", "--no-index", "--no-compile", "--disable-pip-version-check")
    run(sys.executable, "-m", "pip", "--python", python, *pip, str(wheel))
    (site,) = (venv / "lib").glob("python3*/site-packages")
    # Only a path: what its own .pth files say, such as where an editable installation is, is not read.
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib"))
    env = {"PATH": "", "HOME": str(tmp_path), "AIRFLOW_HOME": str(tmp_path / "airflow"), "LANG": "C.UTF-8"}
    path, version, apps, pages = json.loads(run(python, "-c", SEEN, cwd=tmp_path, env=env).splitlines()[-1])
    assert Path(path).is_relative_to(venv)
    assert version == labeling_provider.__version__
    assert "labeling" in [name.lower() for name in apps]
    assert all(pages.values())
    labeling = str(venv / "bin" / "labeling")
    assert f"{len(files_of_tree('dags'))} example Dags" in run(labeling, "examples", "dags", cwd=tmp_path, env=env)
    service = subprocess.Popen([labeling, "local"], cwd=tmp_path, env=env, stdout=subprocess.PIPE, text=True)
    try:
        assert service.stdout
        address = json.loads(service.stdout.readline())["endpoint_url"]
        portal = f"{address}/portal/"
        files = re.findall(r'(?:src|href)="([^"]+\.(?:js|css)[^"]*)"', read(portal))
        assert files
        assert all(read(urljoin(portal, unescape(name))) for name in files)
        assert read(f"{address}/_labeling/")
    finally:
        service.terminate()
        service.wait(30)


def read(url: str) -> str:
    with urlopen(url, timeout=30) as answer:
        text: str = answer.read().decode()
        return text


def run(*command: str, cwd: Path | None = None, env: dict[str, str] | None = None) -> str:
    done = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return done.stdout

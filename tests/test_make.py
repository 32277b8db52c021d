"""What make runs: it shows what goes on, and its errors say what to do."""

from __future__ import annotations

import importlib.util
import io
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from dev import demo, install, lanes
from dev.browser import browser_page
from dev.stack import ROOT, StackError

pytestmark = pytest.mark.once


def test_an_installation_tells_what_it_does_also_while_pip_is_silent(tmp_path: Path) -> None:
    pip = tmp_path / "pip.py"
    first, two = (tmp_path / f"lib/python3/site-packages/{name}.dist-info" for name in ("one", "two"))
    pip.write_text(
        "import os, time; print('Collecting one'); print('  Downloading one.whl (2 MB)', flush=True); time.sleep(0.3);"
        f"print('Installing collected packages: one, two', flush=True); time.sleep(0.3);"
        f"os.makedirs({str(first)!r}); time.sleep(0.3); os.makedirs({str(two)!r}); time.sleep(0.3)"
    )
    assert install.QUIET_SECONDS <= 10, "what is silent for longer looks as if it had stopped"
    out = io.StringIO()
    with install.Progress(out, quiet=0.05) as progress:
        install.follow_pip([sys.executable, str(pip)], tmp_path, progress)
    printed = out.getvalue()
    assert "0 s  packages found: 1, downloading one.whl (2 MB)" in printed
    assert "installing 2 packages, 0 are done" in printed
    assert "installing 2 packages, 1 are done" in printed
    assert "2 packages are there, pip is looking them over" in printed


@pytest.mark.parametrize(
    ("said", "remedy"),
    [
        ("Retrying after connection broken by NewConnectionError", "Look at the network, and at the proxy"),
        ("ERROR: No matching distribution", "When that is mended, run make again."),
    ],
)
def test_a_failed_installation_says_what_to_do(tmp_path: Path, said: str, remedy: str) -> None:
    with pytest.raises(install.InstallError) as failed, install.Progress(io.StringIO()) as progress:
        install.follow_pip([sys.executable, "-c", f"print({said!r}); raise SystemExit(1)"], tmp_path, progress)
    assert said in str(failed.value)
    assert remedy in str(failed.value).splitlines()[-1]


def test_what_failed_once_is_installed_the_second_time(tmp_path: Path) -> None:
    """As when a page of the index did not come."""
    before, out = tmp_path / "before", io.StringIO()
    pip = f"import os; there = os.path.exists({str(before)!r}); open({str(before)!r}, 'a').close(); exit(not there)"
    with install.Progress(out) as progress:
        install.follow_pip([sys.executable, "-c", pip], tmp_path, progress)
    assert "pip has failed, and is started again" in out.getvalue()


@pytest.mark.parametrize(
    ("venv_is_there", "remedy"), [(True, "If something is in its place, remove that"), (False, "install python3-venv")]
)
def test_an_environment_that_cannot_be_made_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, venv_is_there: bool, remedy: str
) -> None:
    if not venv_is_there:
        monkeypatch.setattr(importlib.util, "find_spec", {}.get)
    taken = tmp_path / "venv"
    taken.write_text("a file")
    with pytest.raises(install.InstallError) as failed, install.Progress(io.StringIO()) as progress:
        install.environment(taken, ROOT / "constraints.txt", "dev", progress)
    assert remedy in str(failed.value)
    assert "\n" not in str(failed.value)


def test_a_machine_that_lacks_programs_says_which(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(install, "lacking", lambda: ["chromium"])
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(install.InstallError, match="for it: chromium"), install.Progress(io.StringIO()) as progress:
        install.system(progress)
    monkeypatch.setenv("CHROMIUM", "no-such-browser")
    with pytest.raises(StackError, match="run make setup, or name yours"), browser_page():
        pass


def test_an_old_python_is_told_which_is_needed(tmp_path: Path) -> None:
    old = tmp_path / "python3"
    old.write_text(
        f'#!/bin/sh\nexec {sys.executable} -c "import sys; sys.version_info = (3, 9, 2); exec(sys.argv[1])" "$2"\n'
    )
    old.chmod(0o755)
    made = tmp_path / "venv"
    command = ["make", f"PYTHON={old}", f"VENV={made}", f"{made}/.ready"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode
    assert done.stderr.startswith("Python 3.9 is too old for Airflow 3.2: install 3.11 or newer")
    assert not made.exists()


def test_lanes_show_lines_as_they_come_and_all_endings_together() -> None:
    say = "import time; print('tests/a.py .. [ 40%]', flush=True); time.sleep(0.5); print('=== 2 passed in 1s ===')"
    fail = "print('FAILED tests/b.py::test'); print('=== 1 failed in 1s ==='); raise SystemExit(1)"
    out = io.StringIO()
    commands = {"new": [sys.executable, "-c", say], "oldest": [sys.executable, "-c", fail]}
    assert lanes.run(commands, 2, out, silence=0.05) == 1
    lines = out.getvalue().splitlines()
    assert "new    | tests/a.py .. [ 40%]" in lines
    assert "oldest | FAILED tests/b.py::test" in lines
    assert any(line.endswith("min: new 40%, oldest failed") for line in lines)
    ending = "\n".join(lines[-6:])
    assert "FAILED tests/b.py::test\n=== 1 failed in 1s ===" in ending
    assert "=== 2 passed in 1s ===" in ending
    assert lanes.run({"new": [sys.executable, "-c", "pass"]}, 1, out) == 0


def test_a_lane_begins_when_another_has_ended_whatever_its_end(tmp_path: Path) -> None:
    there = tmp_path / "running"
    alone = f"import os, time; os.mkdir({str(there)!r}); time.sleep(0.1); os.rmdir({str(there)!r}); print('alone')"
    commands = {
        "first": [sys.executable, "-c", alone + "; raise SystemExit(1)"],
        "second": [sys.executable, "-c", alone],
        "third": [sys.executable, "-c", alone],
    }
    out = io.StringIO()
    assert lanes.run(commands, 1, out) == 1
    assert [line for line in out.getvalue().splitlines() if line.endswith("| alone")] == [
        "first  | alone",
        "second | alone",
        "third  | alone",
    ]


XCOMS: dict[str, dict[str, Any]] = {
    "label": {"output_manifest_uri": "s3://labeling-demo/output.manifest", "job_name": "label-digits"},
    "report": {
        **dict.fromkeys(("objects", "by_people", "by_machine", "answers", "trained_on", "tested_on"), 1_797),
        **dict.fromkeys(("answers_saved", "usd_saved"), 3_000),
        **dict.fromkeys(("machine_accuracy", "label_accuracy", "model_accuracy"), 0.99),
    },
}
AIRFLOW: Any = SimpleNamespace(url="http://127.0.0.1:1", xcom=lambda _dag, _run, task: XCOMS[task])
SERVICE: Any = SimpleNamespace(
    ready={"pages_url": "http://127.0.0.1:2/pages", "portal_url": "http://127.0.0.1:2/portal"}
)


@pytest.mark.parametrize("stays", [True, False])
def test_the_demo_ends_with_where_to_look_and_what_to_try_next(capsys: pytest.CaptureFixture[str], stays: bool) -> None:
    demo.show_result(AIRFLOW, SERVICE, "manual__1", 60, stays=stays)
    printed = capsys.readouterr().out
    result, ending = printed.rstrip().rsplit("\n\n", 1)
    assert "labeled   1,797" in result
    look, label, own = ending.splitlines()
    assert look.startswith("See the job and its labels:")
    assert label.endswith("make up")
    assert (ROOT / own.split()[-1]).exists()
    # Without a terminal everything has ended when this is read.
    assert ("http://127.0.0.1:1/plugin/labeling" in look, "://" in printed) == (stays, stays)


def test_make_up_opens_with_where_to_label(capsys: pytest.CaptureFixture[str]) -> None:
    demo.show_up(AIRFLOW, SERVICE)
    label, look, own = capsys.readouterr().out.split("\n", 1)[1].splitlines()
    assert label.split("  ")[0] == "Label some yourself:"
    assert "http://127.0.0.1:2/portal" in label
    assert f"http://127.0.0.1:1/dags/{demo.BY_HAND}" in look
    assert (ROOT / own.split()[-1]).exists()


def test_the_hooks_before_a_commit_run_what_make_lint_runs() -> None:
    rule = (ROOT / "Makefile").read_text().split("\nlint:", 1)[1].split("\n\n", 1)[0]
    commands = [line.strip().replace("$(BIN)", ".venv/bin").removesuffix(" .") for line in rule.splitlines()[1:]]
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"][0]["hooks"]
    assert [hook["entry"] for hook in hooks] == commands

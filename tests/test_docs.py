"""What the README and the docs say is run."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
import threading
import tomllib
from collections.abc import Iterator
from html import unescape
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
import yaml
from airflow.sdk.log import mask_secret, redact
from airflow.triggers.base import BaseEventTrigger

from dev import site
from dev.stack import BIN, ROOT, wait_until
from labeling_provider import get_provider_info
from labeling_provider.cli import COMMANDS as LABELING
from labeling_provider.cli.airflow_commands import get_labeling_commands
from labeling_provider.request import TASK_TYPES, PrivateWorkteam
from labeling_provider.service.__main__ import parser
from labeling_provider.service.kinds import KINDS
from labeling_provider.service.learning.models import BUILT_IN
from labeling_provider.service.settings import read_options
from labeling_provider.service.web.assets import read_outside
from labeling_provider.service.work.workforce import load_workforce
from tests.airflow_context import context
from tests.conftest import Lab
from tests.operators.test_arguments import classes
from tests.own_names import own_id
from tests.snippets import blocks

PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
SITE = ROOT / "build" / "site"
SECRETS = {"access_key_id", "secret_access_key", "encryption_key"}
"""Settings that are only in the environment, by the end of their names."""
ANSWER = "{database:ok,objects:ok}"
"""What one of the commands prints, which stands below it."""


@pytest.mark.parametrize(
    "code",
    [
        pytest.param(code, id=f"{path.name}-{number}")
        for path in PAGES
        for number, code in enumerate(blocks(path, "python"))
    ],
)
def test_every_python_snippet_runs(code: str) -> None:
    exec(compile(code, "snippet", "exec"), {})
    assert "deferrable=True" in code or "@task.label(" not in code, "it would occupy a worker while people label"
    assert "private-simulated" not in code or '"truth"' in code, "simulated workers decline what they know no truth of"


def test_the_notebook_of_the_docs_prints_what_the_page_says(capsys: pytest.CaptureFixture[str]) -> None:
    page = ROOT / "docs" / "datasets.md"
    *_, code = blocks(page, "python")
    names: dict = {}
    exec(compile(code, page.name, "exec"), names)
    assert f"This prints `{capsys.readouterr().out.strip()}`" in page.read_text()
    assert b"complaint" in (names["folder"] / "report.html").read_bytes()


def test_what_the_readme_labels_is_labeled(connected: Lab) -> None:
    code, function = blocks(ROOT / "README.md", "python")
    names: dict = {}
    exec(compile(code, "README.md", "exec"), names)
    if "bucket" not in {bucket["Name"] for bucket in connected.s3.list_buckets()["Buckets"]}:
        connected.s3.create_bucket(Bucket="bucket")
    connected.s3.put_object(Bucket="bucket", Key="birds/1.jpg", Body=b"a bird")
    line = json.dumps({"source-ref": "s3://bucket/birds/1.jpg", "truth": "stork"})
    connected.s3.put_object(Bucket="bucket", Key="birds/input.manifest", Body=line.encode())
    task = names["label"]
    assert task.deferrable
    task.deferrable, task.poll_interval, task.workforce = False, 0.1, PrivateWorkteam(connected.team())
    result = task.execute(context())
    assert result["counters"]["total_labeled"] == 1
    exec(compile(function, "README.md", "exec"), names)
    task = names["labels"].operator
    assert task.deferrable
    task.deferrable, task.poll_interval, task.workforce = False, 0.1, PrivateWorkteam(connected.team())
    # Simulated workers decline what they know no truth of.
    assert task.execute(context(task_id="notes")) == {"Lovely room.": None, "Cold soup.": None}


def test_the_pictures_of_the_tutorial_are_uploaded(connected: Lab, tmp_path: Path) -> None:
    code, *_ = blocks(ROOT / "docs" / "tutorials" / "dag-author.md", "python")
    names: dict = {}
    exec(compile(code, "dag-author.md", "exec"), names)
    (tmp_path / "heron.jpg").write_bytes(b"a heron")
    bucket = f"birds-{own_id()}"
    names["upload"](tmp_path, bucket)
    assert connected.s3.get_object(Bucket=bucket, Key="photos/heron.jpg")["Body"].read() == b"a heron"


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_every_json_snippet_is_json(path: Path) -> None:
    for block in blocks(path, "json"):
        json.loads(block.replace("…", "x"))


def test_the_workforce_file_of_the_docs_is_taken(tmp_path: Path) -> None:
    text, assets = blocks(ROOT / "docs" / "local-service.md", "json")
    document = json.loads(text)
    document["functions"] = dict.fromkeys(document["functions"], "tests.functions:pre")
    document["mask_function"] = "tests.functions:mask_of_box"
    document["models"] = dict.fromkeys(document["models"], BUILT_IN["text-classification"])
    path = tmp_path / "workforce.json"
    path.write_text(json.dumps(document))
    workforce = load_workforce(path, seed=0, region="us-east-1", account="123456789012")
    assert len(workforce.teams[workforce.names["slow-experts"]]) == 3
    (tmp_path / "copies").mkdir()
    (tmp_path / "copies" / "jquery.js").write_text("1")
    (tmp_path / "assets.json").write_text(assets)
    assert list(read_outside(tmp_path / "assets.json").values()) == [b"1"]


COMMANDS = [
    pytest.param(line, id=f"{path.name}: {line[:60]}")
    for path in PAGES
    for block in blocks(path, "")
    for line in block.splitlines()
]


@pytest.mark.parametrize("line", COMMANDS)
def test_every_command_of_the_docs_exists_with_its_options(line: str) -> None:
    program, *words = shlex.split(line, comments=True)
    if program == "make":
        done = subprocess.run(["make", "-n", *words], cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    elif program == "labeling":
        command = import_module(LABELING[words[0]].partition(":")[0])
        # One module has the three forms of the service.
        made = command.parser(words[0]) if words[0] in {"serve", "work"} else command.parser()
        made.parse_args(words[1:])
    elif program == "airflow":
        assert words[0] == "labeling"
        (known,) = [command for command in get_labeling_commands()[0].subcommands if command.name == words[1]]
        options = {flag for argument in known.args for flag in argument.flags}
        assert {word for word in words[2:] if word.startswith("--")} <= options
    elif program == "export" and words[0].startswith("AIRFLOW_CONN_"):
        assert json.loads(words[0].partition("=")[2])["extra"]["endpoint_url"].startswith("http://127.0.0.1:")
    elif program == "export" and words[0].startswith("LABELING_LOCAL_"):
        option = words[0].partition("=")[0].removeprefix("LABELING_LOCAL_").lower()
        assert option in SECRETS or hasattr(parser().parse_args([]), option)
    else:
        assert [program, *words][:2] in (["pip", "install"], ["$", "curl"]) or program in {"export", ANSWER}


def test_airflow_hides_no_part_of_a_word_as_the_password_of_a_connection_of_the_docs() -> None:
    passwords = {
        password for path in PAGES for password in re.findall(r'"login": "\w+", "password": "(\w+)"', path.read_text())
    }
    assert passwords
    for password in passwords:
        mask_secret(password)
        assert redact(f"http://{password}host") == f"http://{password}host"


PIP_LINES = [
    pytest.param(line, id=f"{path.relative_to(ROOT)}:{number}")
    for path in (*PAGES, *sorted((ROOT / "labeling_provider").rglob("*.py")))
    for number, line in enumerate(path.read_text().splitlines(), 1)
    if "pip install" in line
]


@pytest.mark.parametrize("line", PIP_LINES)
def test_what_pip_installs_is_quoted_where_zsh_would_read_a_pattern(line: str) -> None:
    # A word with [, <, > or * outside of quotes.
    assert not re.search(r"pip install[^'\"`]*[\[<>*]", line), "write it within single quotes"


def test_a_lead_makes_a_team_with_the_commands_of_the_tutorial(lab: Lab) -> None:
    block, _ = blocks(ROOT / "docs" / "tutorials" / "labeling-lead.md", "")
    said = [
        subprocess.run(
            [str(BIN / "labeling"), *shlex.split(line.replace("http://127.0.0.1:4566", lab.service.endpoint_url))[1:]],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for line in block.splitlines()
    ]
    arn, _, _, invitation, members = said
    assert lab.sagemaker.describe_workteam(WorkteamName="birds")["Workteam"]["WorkteamArn"] == arn.strip()
    assert arn.strip() in (ROOT / "docs" / "quickstart.md").read_text()
    assert "/portal/" in invitation
    assert "Ada" in members
    assert "Grace" in members


def test_every_task_type_is_in_the_docs() -> None:
    text = (ROOT / "docs" / "operators.md").read_text()
    assert [name for name in TASK_TYPES if f"`{name}`" not in text] == []


def test_the_readme_says_where_each_task_type_runs() -> None:
    rows = re.findall(r"^\| `([\w-]+)` \| (.*) \|$", (ROOT / "README.md").read_text(), re.MULTILINE)
    said = {name: cells.split(" | ") for name, cells in rows if name in TASK_TYPES}

    def true(name: str) -> list[str]:
        here = "yes" if name in KINDS else "no"
        return ["yes", here, here, "yes" if TASK_TYPES[name].algorithm else "–"]

    assert said == {name: true(name) for name in TASK_TYPES}


def test_every_dependency_has_a_line_in_the_readme_with_its_lower_bound() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    table = (ROOT / "README.md").read_text().partition("## Dependencies")[2].partition("\n## ")[0]
    columns = [line.split(" | ")[0] for line in table.splitlines() if line.startswith("| ")]
    said = {
        (name.lower(), bound)
        for column in columns
        for name, bound in re.findall(r"([\w.-]+)(?:\[[^\]]*\])?(?: \([^)]*\))? ≥ ([\d.]+)", column)
    }
    extras = project["optional-dependencies"].values()
    listed = [*project["dependencies"], *(needed for extra in extras for needed in extra)]
    others = [needed for needed in listed if not needed.startswith(project["name"])]
    bounds = {tuple(re.sub(r"\[.*\]", "", needed).split(">=")) for needed in others}
    assert said == bounds


def test_every_operator_sensor_trigger_of_assets_and_command_is_explained() -> None:
    pages = "\n".join(path.read_text() for path in PAGES)
    info = get_provider_info()
    modules = [import_module(module) for entry in info["triggers"] for module in entry["python-modules"]]
    triggers = {
        name
        for module in modules
        for name, member in vars(module).items()
        if isinstance(member, type) and member.__module__ == module.__name__ and issubclass(member, BaseEventTrigger)
    }
    assert triggers
    public = {public_class.__name__ for public_class in classes()} | triggers
    public |= {path.rpartition(".")[2] for path in info["notifications"]} | {"LabelingHook", "task.label"}
    public |= {f"labeling {name}" for name in LABELING}
    public |= {f"airflow labeling {command.name}" for command in get_labeling_commands()[0].subcommands}
    assert [name for name in sorted(public) if not re.search(rf"{re.escape(name)}\b", pages)] == []


def test_links_between_the_pages_lead_somewhere() -> None:
    for path in PAGES:
        for target in re.findall(r"\]\(((?!https?://)[^)#]+)\)", path.read_text()):
            assert (path.parent / target).exists(), f"{path.name}: {target}"


def test_pages_messages_and_sources_of_pages_are_spelled_as_in_america() -> None:
    british = r"(?i)colour|behaviour|neighbour|favour|licence|centre|grey\b|metres?\b|(?<!aria-)labell|organise|analyse"
    words = [ROOT / folder / "messages/en.json" for folder in ("frontend", "labeling_provider/service/web/portal")]
    templates = sorted((ROOT / "labeling_provider").rglob("*.html"))
    frontend = ROOT / "frontend"
    sources = [frontend / "README.md", frontend / "build.mjs", *sorted((frontend / "src").rglob("*.*"))]
    for path in [*PAGES, ROOT / "CHANGELOG.md", *words, *templates, *sources]:
        assert re.findall(british, path.read_text()) == [], path


def test_pages_call_a_dag_what_airflow_calls_it() -> None:
    templates = sorted((ROOT / "labeling_provider" / "ui").rglob("*.html"))
    for path in [*PAGES, ROOT / "CHANGELOG.md", *templates]:
        prose = re.sub(r"```.*?```|<pre>.*?</pre>|`[^`\n]*`", "", path.read_text(), flags=re.DOTALL)
        assert re.findall(r"\bDAGs?\b", prose) == [], f"{path.name}: Airflow's pages say Dag"


def test_the_self_hosted_service_has_one_name() -> None:
    others = r"(?i)(?:local|self-hosted|own) ground truth|\blocal service\b|service of your own"
    files = [*(ROOT / "labeling_provider" / "ui").rglob("*.html"), *(ROOT / "dags").glob("*.py")]
    for path in [*PAGES, *sorted(files), *(ROOT / name for name in ("CHANGELOG.md", "mkdocs.yml", "pyproject.toml"))]:
        assert re.findall(others, path.read_text()) == [], f"{path.name}: call it the self-hosted service"


def test_every_picture_is_shown_on_a_page_and_made_by_make_screenshot() -> None:
    shown = {
        (path.parent / target).resolve()
        for path in PAGES
        for target in re.findall(r"!\[[^\]]*\]\(([^)]+)\)", path.read_text())
    }
    assert {path for path in (ROOT / "docs" / "images").rglob("*.*") if path.is_file()} == shown
    code = "".join((ROOT / "dev" / f"{name}.py").read_text() for name in ("screenshot", "film", "tool_pictures"))
    names = [(path.name, path.stem) for path in shown]
    assert [name for name, stem in names if f'"{name}"' not in code and f'"{stem}"' not in code] == []


def test_every_benchmark_has_a_row_on_the_page_of_figures() -> None:
    targets = re.findall(r"^(bench-[\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    rows = re.findall(
        r"^\| `make (bench-[\w-]+)` \| .+ \| .*\d.* \|$", (ROOT / "docs/performance.md").read_text(), re.M
    )
    assert sorted(rows) == sorted(targets)


def test_the_settings_file_of_the_docs_is_one(tmp_path: Path) -> None:
    (content,) = blocks(ROOT / "docs" / "local-service.md", "toml")
    file = tmp_path / "settings.toml"
    file.write_text(content)
    options = read_options(parser(), ["--settings", str(file)], {})
    assert (options.port, options.data_dir, options.truth) == (
        8000,
        Path("/var/lib/labeling"),
        ["s3://bucket/truth.jsonl"],
    )


def test_the_site_has_every_page_and_loads_nothing_from_another_host() -> None:
    done = subprocess.run([sys.executable, "-m", "dev.site"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "griffe:" not in done.stdout + done.stderr, "it can't read a docstring"
    pages = {path.relative_to(SITE).as_posix(): path.read_text() for path in SITE.rglob("*.html")}
    assert {"index.html", "tutorials/worker.html", "changelog.html", "reference/operators.html"} <= pages.keys()
    operators = pages["reference/operators.html"]
    assert "CreateLabelingJobOperator" in operators
    assert "BuildManifestOperator" in operators
    assert "seconds without any answer after which to give up waiting" in operators
    request = " ".join(re.sub(r"<[^>]+>", " ", pages["reference/request.html"]).split())
    assert re.search(r"adult_content bool \| None False declares [^|]*? to fewer workers\. None ", request), "a default"
    assert re.search(r"price_usd float \| str \| Decimal USD paid [^|]*? prices\. required ", request), "none"
    for name, text in pages.items():
        loaded = re.findall(r"<(?:script|img|link|iframe|source)[^>]* (?:src|href)=\"?((?:https?:)?//[^\" >]+)", text)
        assert loaded == [], name
    styles = {path.name: path.read_text() for path in SITE.rglob("*.css")}
    assert styles
    styles |= {name: "".join(re.findall(r"<style.*?</style>", text, re.DOTALL)) for name, text in pages.items()}
    for name, text in styles.items():
        # Fonts, pictures and other style sheets.
        assert re.findall(r"(?:url\(|@import)\s*[\"']?((?:https?:)?//[^\"') ;]+)", text) == [], name
    assert dead_links({SITE / name: text for name, text in pages.items() if name != "404.html"}) == []
    nav = yaml.safe_load((ROOT / "mkdocs.yml").read_text())["nav"]
    titles = {page: title for title, page in entries(nav) if not page.startswith("reference/")}
    listed = re.findall(r"\[([^\]]+)\]\(([^)#]+)\)", (site.PAGES / "pages.md").read_text())
    assert {page: title for title, page in listed} == {
        page: title for page, title in titles.items() if page not in {"index.md", "pages.md"}
    }


def entries(nav: list[dict[str, Any]]) -> Iterator[tuple[str, str]]:
    """Title and page of each entry of the site's navigation."""
    for entry in nav:
        for title, below in entry.items():
            yield from [(title, below)] if isinstance(below, str) else entries(below)


def test_the_site_follows_what_one_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("README.md", "CHANGELOG.md", "CONTRIBUTING.md"):
        shutil.copy(ROOT / name, tmp_path)
    docs, readme = tmp_path / "docs", tmp_path / "README.md"
    docs.mkdir()
    (docs / "index.md").write_text("# Home\n\n[What runs where](../README.md#what-runs-where)\n")
    (docs / "other.md").write_text("# Other\n")
    monkeypatch.setattr(site, "ROOT", tmp_path)
    monkeypatch.setattr(site, "PAGES", tmp_path / "build")
    site.assemble()
    untouched = (site.PAGES / "changelog.md").stat().st_mtime_ns
    over = threading.Event()
    thread = threading.Thread(target=site.follow, args=[over, 0.01])
    thread.start()
    try:
        (docs / "other.md").unlink()
        wait_until(lambda: not (site.PAGES / "other.md").exists(), 10, "a page goes", 0.01)
        text = readme.read_text()
        readme.write_text("half")
        wait_until(lambda: "has no section 'What runs where'" in capsys.readouterr().err, 10, "it says so", 0.01)
        readme.write_text(text.replace("## What runs where", "## What runs where\n\nAlmost all."))
        page = site.PAGES / "what-runs-where.md"
        wait_until(lambda: "Almost all." in page.read_text(), 10, "the README's part changes", 0.01)
        (docs / "index.md").write_text("# Home\n\n[License](../LICENSE)\n")
        (tmp_path / "LICENSE").write_text("free")
        (docs / "index.md").touch()
        wait_until(lambda: "(LICENSE)" in (site.PAGES / "index.md").read_text(), 10, "a page changes", 0.01)
    finally:
        over.set()
        thread.join()
    assert (site.PAGES / "LICENSE").read_text() == "free"
    # What has not changed is not written again: the site would be built anew.
    assert (site.PAGES / "changelog.md").stat().st_mtime_ns == untouched
    # zensical itself looks at what the docstrings are in.
    assert re.search(r"^watch: \[labeling_provider\]", (ROOT / "mkdocs.yml").read_text(), re.MULTILINE)


def dead_links(pages: dict[Path, str]) -> list[str]:
    """Links, also to parts of pages, that lead nowhere; those to other sites are not looked at."""
    ids = {path: set(re.findall(r' id="?([^" >]+)', text)) for path, text in pages.items()}
    dead = []
    for path, text in pages.items():
        for link in re.findall(r' (?:href|src)="?([^" >]+)', text):
            address, _, part = unquote(unescape(link)).partition("#")
            if re.match(r"[a-z]+:|//", address):
                continue
            target = (path.parent / address).resolve() if address else path
            target = target / "index.html" if target.is_dir() else target
            if not target.exists() or (part and target in ids and part not in ids[target]):
                dead.append(f"{path.relative_to(SITE)}: {link}")
    return dead

"""``labeling preview``: a template as workers will see it, without a service."""

from __future__ import annotations

import asyncio
import html
import json
import os
import re
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from dev.stack import PATIENCE
from labeling_provider.cli import main
from labeling_provider.service.web import assets, preview
from labeling_provider.service.web.assets import Assets
from labeling_provider.service.web.preview import FolderObjects, Preview, PreviewSource

BASE = "http://127.0.0.1:8098"
TEMPLATE = """<script src="https://assets.crowd.aws/crowd-html-elements.js"></script>
<crowd-form><img src="{{ task.input.source-ref | grant_read_access }}">{{ task.input.note }}</crowd-form>"""


@pytest.fixture(autouse=True)
def static(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the scripts, as the build would make it."""
    folder = tmp_path / "static"
    folder.mkdir()
    (folder / "crowd-html-elements.js").write_text("'elements'")
    monkeypatch.setattr(preview, "Assets", lambda **named: Assets(folder, **named))
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    return folder


def written(
    folder: Path, template: str = TEMPLATE, task_input: str = '{"source-ref": "s3://lab/a b.png", "note": "<"}'
) -> PreviewSource:
    (folder / "page.liquid").write_text(template)
    (folder / "input.json").write_text(task_input)
    return PreviewSource(folder / "page.liquid", folder / "input.json", 1, "custom", None)


def get(application: Preview, path: str, host: str = "127.0.0.1:8098", method: str = "GET") -> tuple[int, Any, bytes]:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "asgi": {"spec_version": "2.4"},
        "method": method,
        "http_version": "1.1",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [(b"host", host.encode())],
    }
    asyncio.run(application(scope, None, send))  # type: ignore[arg-type]
    headers = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return sent[0]["status"], headers, b"".join(message.get("body", b"") for message in sent[1:])


@pytest.fixture
def page(tmp_path: Path, static: Path) -> Preview:
    (tmp_path / "files" / "lab").mkdir(parents=True)
    (tmp_path / "files" / "lab" / "a b.png").write_bytes(b"\x89PNG")
    (tmp_path / "secret.txt").write_text("secret")
    return Preview(written(tmp_path), FolderObjects(tmp_path / "files", BASE), Assets(static), BASE)


def test_the_page_is_that_of_the_frame(page: Preview, tmp_path: Path) -> None:
    status, headers, body = get(page, "/")
    assert status == 200
    assert "sandbox allow-scripts" in headers["content-security-policy"]
    assert f"{BASE}/objects/lab/a%20b.png" in headers["content-security-policy"]
    assert b"&lt;</crowd-form>" in body
    script, picture = re.findall(rb'src="([^"]+)"', body)
    assert get(page, script.decode())[2] == b"'elements'"
    status, headers, body = get(page, html.unescape(picture.decode()).removeprefix(BASE))
    assert (status, body, headers["access-control-allow-origin"]) == (200, b"\x89PNG", "*")
    (tmp_path / "page.liquid").write_text("{{ changed")
    status, headers, body = get(page, "/")
    assert (status, b"Line 1: {{ is not closed" in body) == (422, True)


@pytest.mark.parametrize(
    "path",
    ["/objects/lab/..%2F..%2Fsecret.txt", "/objects/../secret.txt", "/objects/lab/", "/objects/lab/b", "/x", "//"],
)
def test_nothing_else_is_served(page: Preview, path: str) -> None:
    status, _, body = get(page, path)
    assert (status, b"secret" in body) == (404, False)


def test_other_hosts_and_methods_are_refused(page: Preview) -> None:
    assert get(page, "/", host="evil.example.com")[0] == 403
    assert get(page, "/", host="a b")[0] == 400
    status, headers, _ = get(page, "/", method="POST")
    assert (status, headers["allow"]) == (405, "GET, HEAD")
    assert get(page, "/", method="HEAD")[0] == 200


def test_the_page_can_be_one_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = written(tmp_path, TEMPLATE + '<img src="https://example.com/x.png">')
    (tmp_path / "a b.png").write_bytes(b"\x89PNG")
    out = tmp_path / "out.html"
    given = [str(source.template), "--input", str(source.input), "--files", str(tmp_path), "--output", str(out)]
    assert main(["preview", *given]) == 0
    document = out.read_text()
    assert '<script src="data:text/javascript;charset=utf-8;base64,' in document
    assert "data:image/png;base64," in document
    assert "script-src data: &#x27;unsafe-inline&#x27;" in document
    assert "/portal/static" not in document
    assert "may not load https://example.com/x.png" in capsys.readouterr().err


def test_the_input_is_made_as_the_task_type_does(tmp_path: Path) -> None:
    (tmp_path / "labels.json").write_text(json.dumps({"labels": [{"label": "a"}, {"label": "b"}]}))
    lines = '{"source": "first"}\n\n{"source": "second"}\n'
    source = written(tmp_path, task_input=lines)

    def made(**change: Any) -> Any:
        named = {"line": 2, "task_type": "custom", "categories": tmp_path / "labels.json", **change}
        return PreviewSource(source.template, source.input, **named).task_input()

    assert made() == {"source": "second"}
    assert made(task_type="text-classification") == {"taskObject": "second", "labels": ["a", "b"]}
    entities = made(task_type="named-entity-recognition", line=1)
    assert (entities["taskObject"], entities["labels"]) == ("first", [{"label": "a"}, {"label": "b"}])


@pytest.mark.parametrize(
    ("template", "task_input", "arguments", "status", "what"),
    [
        ("{% if %}{% endif %}", "{}", [], 1, "page.liquid: Line 1: Missing expression"),
        ("x", "{", [], 2, "input.json line 1 is not JSON"),
        ("x", "[1]", [], 2, "must hold a JSON object"),
        ("x", "{}\n{}", ["--line", "3"], 2, "has 2 lines"),
        ("x", "{}", ["--categories", "missing.json"], 2, "missing.json"),
        ("x", "{}", ["--template-assets", "missing.json"], 2, "missing.json"),
        (
            "x",
            '{"source-ref": "s3://lab/s.json"}',
            ["--task-type", "video-object-tracking"],
            2,
            "There is no sequence file",
        ),
        ("x", "{}", ["--port", "99999"], 2, "cannot listen on 127.0.0.1:99999"),
        ("\udcff", "{}", [], 2, "is not UTF-8"),
    ],
)
def test_what_is_wrong_is_told(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    template: str,
    task_input: str,
    arguments: list[str],
    status: int,
    what: str,
) -> None:
    source = written(tmp_path, "x", task_input)
    source.template.write_bytes(template.encode("utf-8", "surrogateescape"))
    out = [] if "--port" in arguments else ["--output", str(tmp_path / "out.html")]
    assert main(["preview", str(source.template), "--input", str(source.input), *out, *arguments]) == status
    assert what in capsys.readouterr().err


def test_it_is_told_that_the_scripts_are_missing(
    tmp_path: Path, static: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (static / assets.ELEMENTS).unlink()
    source = written(tmp_path)
    assert main(["preview", str(source.template), "--input", str(source.input)]) == 2
    assert "make setup" in capsys.readouterr().err


def test_the_command_serves_until_it_is_stopped(tmp_path: Path, static: Path) -> None:
    source = written(tmp_path, "<p>{{ task.input.note }}")
    code = (
        "import sys, pathlib; from labeling_provider.cli import main; from labeling_provider.service.web import assets;"
        f"assets.Assets.__init__.__defaults__ = (pathlib.Path({str(static)!r}), None); sys.exit(main(sys.argv[1:]))"
    )
    command = [sys.executable, "-c", code, "preview", str(source.template), "--input", str(source.input)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=dict(os.environ))
    try:
        assert process.stdout
        with urllib.request.urlopen(process.stdout.readline().strip(), timeout=PATIENCE * 20) as answer:
            assert b"<p>&lt;" in answer.read()
        process.send_signal(signal.SIGINT)
        assert process.wait(60) in {0, -signal.SIGINT}
    finally:
        process.kill()
        process.wait()

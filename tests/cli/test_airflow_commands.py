"""``airflow labeling …``, through Airflow's own command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from labeling_provider.cli.airflow_commands import _say
from labeling_provider.errors import InvalidManifestError, LabelingError, Problem
from labeling_provider.manifest import LabelError, LineProblem, ManifestError
from tests.conftest import Lab, texts


def airflow(*arguments: str) -> None:
    from airflow.cli.cli_parser import get_parser

    parsed = get_parser().parse_args(["labeling", *arguments])
    parsed.func(parsed)


def test_jobs_are_listed_and_described(connected: Lab, capsys: pytest.CaptureFixture[str]) -> None:
    names = [connected.create(texts(3), f"command-line-{number}") for number in range(3)]
    for name in names:
        connected.wait(name)
    airflow("list", "--name", "command-line", "--limit", "2", "--status", "Completed")
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[-1] for line in lines[-2:]] == names[:0:-1]
    assert "3/3" in lines[-1]
    airflow("describe", names[0])
    out = capsys.readouterr().out
    assert json.loads(out[out.index("{\n") :])["LabelingJobName"] == names[0]
    with pytest.raises(SystemExit, match="command-line-9"):
        airflow("describe", "command-line-9")


def test_a_manifest_is_validated(connected: Lab, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    uri = connected.manifest(texts(3))
    airflow("validate-manifest", uri)
    assert "3 lines, 0 labeled, 0 failed, 3 to label" in capsys.readouterr().out
    bad = tmp_path / "bad.manifest"
    bad.write_text('{"source": "a"}\n{\n')
    with pytest.raises(SystemExit, match="1 wrong line$"):
        airflow("validate-manifest", str(bad))
    assert "line 2: not JSON" in capsys.readouterr().err
    with pytest.raises(SystemExit, match="can't be read"):
        airflow("validate-manifest", str(tmp_path / "none"))


ESCAPES = "\x1b[2Jred\u202e\u2066\x9b31m\u200b\r\nline 9: fine\ud800"


def harmless(text: str) -> bool:
    return all(sign.isprintable() or sign == "\n" for sign in text) and "line 9: fine" not in text.split("\n")


def test_what_comes_from_a_manifest_does_nothing_to_the_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = ESCAPES.replace("\ud800", "")
    lines = [
        {"source": whole, "y": 0, "y-metadata": {"class-name": f"heron {whole}"}},
        {"source": "größer", "y": 0, "y-metadata": {"class-name": "Größe 好"}},
    ]
    manifest = tmp_path / "in.manifest"
    manifest.write_text("".join(json.dumps(line) + "\n" for line in lines))
    airflow("validate-manifest", str(manifest), "--label-attribute", "y")
    out = capsys.readouterr().out
    assert harmless(out)
    assert "1 heron \\u001b[2Jred\\u202e\\u2066\\u009b31m\\u200b\\r\\nline 9: fine" in out
    assert "1 Größe 好" in out
    lines = [{"source-ref": whole}, {"source": "a", "y": 0, "y-metadata": {whole: 1, "class-map": {whole: 5}}}]
    manifest.write_text("".join(json.dumps(line) + "\n" for line in lines) + f'{{"source": "{ESCAPES[:5]}"}}\n')
    with pytest.raises(SystemExit, match="3 wrong lines"):
        airflow("validate-manifest", str(manifest), "--label-attribute", "y")
    err = capsys.readouterr().err
    assert harmless(err)
    assert err.count("line 9: fine") == 1
    with pytest.raises(SystemExit) as caught:
        airflow("validate-manifest", str(tmp_path / whole.replace("/", "")))
    assert harmless(str(caught.value))


def test_errors_that_quote_something_are_harmless_too() -> None:
    errors = [
        LabelingError(f"job {ESCAPES}"),
        LabelError(f"{ESCAPES}: is none"),
        ManifestError(ESCAPES, [LineProblem(2, 17, ESCAPES)]),
        InvalidManifestError("s3://b/m", [Problem(ESCAPES, "is odd", "")]),
    ]
    for error in errors:
        assert all(sign.isprintable() or sign == "\n" for sign in str(error)), error
    assert str(LineProblem(2, 17, ESCAPES)).startswith("line 2: \\u001b[2J")
    assert str(LabelingError("two\nlines: Größe 好")) == "two\nlines: Größe 好"


def test_jobs_of_odd_names_are_listed_harmlessly(capsys: pytest.CaptureFixture[str]) -> None:
    _say(f"name {ESCAPES}")
    _say(json.dumps({"Tags": [ESCAPES]}, indent=2, ensure_ascii=False), keep="\n")
    out = capsys.readouterr().out
    assert harmless(out)
    assert json.loads(out[out.index("{") :]) == {"Tags": [ESCAPES]}


def test_a_cost_is_estimated(capsys: pytest.CaptureFixture[str]) -> None:
    airflow("estimate-cost", "1000", "--workers", "3", "--price", "0.012")
    said = capsys.readouterr().out
    assert said.startswith("On Amazon: ")
    assert "total $116.00" in said
    with pytest.raises(SystemExit, match="'cheap' is not an amount"):
        airflow("estimate-cost", "1000", "--price", "cheap")

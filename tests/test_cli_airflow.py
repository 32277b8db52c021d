"""``airflow labeling …``, through Airflow's own command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

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
    with pytest.raises(SystemExit, match="1 lines are wrong"):
        airflow("validate-manifest", str(bad))
    assert "line 2: not JSON" in capsys.readouterr().err
    with pytest.raises(SystemExit, match="can't be read"):
        airflow("validate-manifest", str(tmp_path / "none"))


def test_a_cost_is_estimated(capsys: pytest.CaptureFixture[str]) -> None:
    airflow("estimate-cost", "1000", "--workers", "3", "--price", "0.012")
    assert "together $116.00" in capsys.readouterr().out
    with pytest.raises(SystemExit, match="'cheap' is no amount"):
        airflow("estimate-cost", "1000", "--price", "cheap")

"""``labeling examples`` brings the example DAGs to where Airflow reads them, and overwrites nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from dev.stack import ROOT
from labeling_provider.cli import main

NAMES = sorted(path.name for path in (ROOT / "dags").glob("*.py"))


def test_the_examples_are_copied_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "new" / "dags"
    assert main(["examples", str(folder)]) == 0
    assert sorted(path.name for path in folder.iterdir()) == NAMES
    assert f"{len(NAMES)} example Dags are in {folder}" in capsys.readouterr().out
    edited = folder / "label_by_hand.py"
    edited.write_text("# mine")
    (folder / "label_digits.py").unlink()
    assert main(["examples", str(folder)]) == 1
    assert "already has" in capsys.readouterr().err
    assert edited.read_text() == "# mine"
    assert not (folder / "label_digits.py").exists()


def test_a_folder_that_can_not_be_written_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    assert main(["examples", str(tmp_path / "file" / "dags")]) == 1
    assert f"labeling examples: {tmp_path / 'file' / 'dags'} can't be written: " in capsys.readouterr().err


def test_without_a_folder_each_example_says_what_it_does(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["examples"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] + ".py" for line in lines] == NAMES
    assert "Label 24 sentences by hand, and train a classifier on the labels." in lines[NAMES.index("label_by_hand.py")]

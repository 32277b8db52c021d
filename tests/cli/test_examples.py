"""``labeling examples`` brings the example DAGs to where Airflow reads them, and overwrites nothing."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import Mock

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


def test_an_example_says_that_a_classifier_has_no_labels_to_learn_from(monkeypatch: pytest.MonkeyPatch) -> None:
    # The classifier itself takes seconds to import, and is not used without labels.
    for name, part in {
        "feature_extraction.text": "TfidfVectorizer",
        "linear_model": "LogisticRegression",
        "model_selection": "LeaveOneOut",
        "pipeline": "make_pipeline",
    }.items():
        module = SimpleNamespace(**{part: None, "cross_val_predict": None})
        monkeypatch.setitem(sys.modules, f"sklearn.{name}", module)
    train = runpy.run_path(str(ROOT / "dags" / "label_by_hand.py"))["train"].function
    log = Mock()
    monkeypatch.setitem(train.__globals__, "log", log)
    assert train({"The room was clean.": None})["labeled"] == 0
    train({"The room was clean.": "praise"})
    texts = [call.args[0] % call.args[1:] for call in log.info.call_args_list]
    assert [text.partition(": a classifier needs")[0] for text in texts] == ["No labels", "{'praise': 1}"]

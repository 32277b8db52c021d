"""The command that prepares, backs up and restores a database."""

from __future__ import annotations

from pathlib import Path

import pytest

from labeling_provider.cli.database_commands import main


def test_a_data_directory_is_prepared_backed_up_and_restored(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    state, other, file = tmp_path / "state", tmp_path / "other", tmp_path / "labeling.backup"
    state.mkdir()
    assert main(["--data-dir", str(state), "upgrade"]) == 0
    assert capsys.readouterr().out.startswith("The database has tables of version ")
    assert main(["--data-dir", str(state), "backup", str(file)]) == 0
    assert main(["--data-dir", str(state), "backup", str(file)]) == 1
    assert "already exists: choose another file" in capsys.readouterr().err
    monkeypatch.setenv("LABELING_LOCAL_DATABASE_URL", f"sqlite:///{other / 'labeling.sqlite'}")
    assert main(["restore", str(file)]) == 0
    assert (other / "labeling.sqlite").stat().st_size > 0
    monkeypatch.delenv("LABELING_LOCAL_DATABASE_URL")
    with pytest.raises(SystemExit):
        main(["upgrade"])

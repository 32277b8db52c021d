"""Secrets in the database are of no use without the key."""

from __future__ import annotations

from pathlib import Path

import pytest

from labeling_provider.service.cloud.sealing import SETTING, Seal, Unreadable
from labeling_provider.service.failures import StartError

KEY, OTHER = "k" * 32, "o" * 40


def test_what_is_sealed_is_read_with_the_key_for_its_purpose_only() -> None:
    sealed = Seal([KEY]).seal("secret", "api key")
    assert "secret" not in sealed
    assert sealed != Seal([KEY]).seal("secret", "api key")
    assert Seal([KEY]).unseal(sealed, "api key") == "secret"
    for keys, purpose in (([OTHER], "api key"), ([KEY], "client secret")):
        with pytest.raises(Unreadable, match="does not have"):
            Seal(keys).unseal(sealed, purpose)
    with pytest.raises(Unreadable, match=f"set {SETTING}"):
        Seal().unseal(sealed, "api key")


def test_a_new_key_comes_first_and_the_old_one_still_reads() -> None:
    old = Seal([KEY]).seal("secret", "x")
    both = Seal([OTHER, KEY])
    assert both.unseal(old, "x") == "secret"
    assert Seal([OTHER]).unseal(both.seal("secret", "x"), "x") == "secret"


def test_the_keys_are_in_the_environment_or_in_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not Seal.from_environment().is_closed
    monkeypatch.setenv(SETTING, f"{OTHER},{KEY}")
    sealed = Seal.from_environment().seal("secret", "x")
    monkeypatch.delenv(SETTING)
    path = tmp_path / "key"
    path.write_text(f"{OTHER}\n{KEY}\n")
    monkeypatch.setenv(f"{SETTING}_FILE", str(path))
    assert Seal.from_environment().unseal(sealed, "x") == "secret"
    monkeypatch.setenv(SETTING, KEY)
    with pytest.raises(StartError, match="not both"):
        Seal.from_environment()
    monkeypatch.delenv(SETTING)
    monkeypatch.setenv(f"{SETTING}_FILE", str(tmp_path / "none"))
    with pytest.raises(StartError, match="can't be read: FileNotFoundError"):
        Seal.from_environment()


def test_a_short_key_is_refused_without_being_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SETTING, f"{KEY},tooshort")
    with pytest.raises(StartError, match="at least 32 characters") as refused:
        Seal.from_environment()
    assert "tooshort" not in str(refused.value)

"""The portal's texts."""

from __future__ import annotations

import json
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from dev.stack import ROOT
from labeling_provider.service.web.portal import words
from labeling_provider.service.work.desk import NoJobs, Waiting

PORTAL = ROOT / "labeling_provider" / "service" / "web" / "portal"


def test_every_language_has_all_texts() -> None:
    assert next(iter(words.languages().items())) == ("en", "English")
    english = words.words_of("en")
    for language in words.languages():
        assert list(words.words_of(language)) == list(english), language
        assert all(words.words_of(language).values()), language


def test_every_text_is_used() -> None:
    files = [*PORTAL.rglob("*.html"), *PORTAL.rglob("*.py"), *(ROOT / "frontend" / "src" / "portal").glob("*.ts")]
    sources = "".join(path.read_text() for path in files)
    # The task page makes the keys of these from what the protocol says, and the list of jobs from what the desk says.
    made = {f"wait_{why}" for why in Waiting} | {f"no_jobs_{why}" for why in NoJobs}
    made |= {f"left_{why}" for why in Waiting} - {"left_over", "left_stopped", "left_failed"}
    assert {key for key in words.words_of("en") if not re.search(rf"""["'.]{key}\b""", sources)} == made


def test_a_language_is_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    french = {**words.words_of("en"), "own_name": "Français", "help": "Aide"}
    for language, texts in (("en", words.words_of("en")), ("fr", french)):
        (tmp_path / f"{language}.json").write_text(json.dumps(texts), "utf-8")
    monkeypatch.setattr(words, "_FOLDER", tmp_path)
    for cached in (words.languages, words.words_of):
        cached.cache_clear()
    try:
        assert words.languages() == {"en": "English", "fr": "Français"}
        asked: Any = SimpleNamespace(headers={"accept-language": "de, fr-CA;q=0.8, en;q=0.5"})
        assert words.choose_language(asked, None) == "fr"
        assert words.words_of("fr")["help"] == "Aide"
    finally:
        for cached in (words.languages, words.words_of):
            cached.cache_clear()

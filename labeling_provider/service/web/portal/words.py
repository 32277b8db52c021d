"""The portal's texts: a language is a file in ``messages/``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Final

from starlette.requests import Request

from labeling_provider.service.work.people import Person

_DEFAULT: Final = "en"
_FOLDER: Final = files("labeling_provider.service.web.portal") / "messages"
_MAX_ACCEPTED: Final = 20


@cache
def languages() -> Mapping[str, str]:
    """The available languages by code, each with its own name for itself, English first."""
    codes = sorted(entry.name.removesuffix(".json") for entry in _FOLDER.iterdir() if entry.name.endswith(".json"))
    return {code: words_of(code)["own_name"] for code in sorted(codes, key=lambda code: code != _DEFAULT)}


def choose_language(request: Request, person: Person | None) -> str:
    """A person's language, or else the first available one of the browser's."""
    if person is not None and person.settings.get("language") in languages():
        return str(person.settings["language"])
    for wanted in request.headers.get("accept-language", "")[:500].split(",")[:_MAX_ACCEPTED]:
        code = wanted.partition(";")[0].strip().lower().partition("-")[0]
        if code in languages():
            return code
    return _DEFAULT


@cache
def words_of(language: str) -> Mapping[str, str]:
    """All texts in a language, by key."""
    words: dict[str, str] = json.loads((_FOLDER / f"{language}.json").read_text("utf-8"))
    return words

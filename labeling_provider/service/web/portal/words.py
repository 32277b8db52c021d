"""The portal's texts: a language is a file in ``messages/``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Final

from starlette.requests import Request

from labeling_provider.service.work.people import Person

LANGUAGES: Final = {"en": "English", "de": "Deutsch"}
"""What each language calls itself."""
_MAX_ACCEPTED: Final = 20


def choose_language(request: Request, person: Person | None) -> str:
    """A person's language, or else the first of the browser's that there is."""
    if person is not None and person.settings.get("language") in LANGUAGES:
        return str(person.settings["language"])
    for wanted in request.headers.get("accept-language", "")[:500].split(",")[:_MAX_ACCEPTED]:
        code = wanted.partition(";")[0].strip().lower().partition("-")[0]
        if code in LANGUAGES:
            return code
    return "en"


@cache
def words_of(language: str) -> Mapping[str, str]:
    """All texts in a language, by key."""
    path = files("labeling_provider.service.web.portal") / "messages" / f"{language}.json"
    words: dict[str, str] = json.loads(path.read_text("utf-8"))
    return words

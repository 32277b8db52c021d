"""Named entities in texts: JSON Lines, and CoNLL's columns.

Spans lose the blanks at their ends, as spaCy refuses spans with such; those that are nothing but blanks are left out.
Both are counted, and so are words that a span divides.
"""

from __future__ import annotations

import re
from abc import abstractmethod
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from contextlib import ExitStack
from functools import cache
from itertools import pairwise
from typing import Any, Final, cast

from labeling_provider.manifest.export.base import Example, Format, as_json
from labeling_provider.manifest.labels import EntitiesLabel, Entity, LabelError

_SOLID: Final = re.compile(r"\S+")
_BLANK: Final = re.compile(r"\s+")


def spans_in(example: Example) -> list[Entity]:
    """The spans of a text in its order, without blanks at their ends; what is changed is noted.

    :raises LabelError: if one ends after the text, or has no label.
    """
    label, spans = cast(EntitiesLabel, example.label), []
    for number, one in enumerate(label.entities):
        where = f"{label.attribute}.annotations.entities[{number}]"
        if one.end > len(example.text):
            raise LabelError(f"{where}: ends at character {one.end}, and the text has {len(example.text):,}")
        if not one.label.strip():
            raise LabelError(f"{where}: has no label")
        inner = example.text[one.start : one.end]
        start, end = one.end - len(inner.lstrip()), one.start + len(inner.rstrip())
        if start >= end:
            example.notes["spans_left_out"] += 1
            continue
        example.notes["spans_trimmed"] += (start, end) != (one.start, one.end)
        spans.append(Entity(one.label, start, end))
    spans.sort(key=lambda one: (one.start, one.end))
    ends = _ends(spans)
    if ends:
        example.notes["words_divided"] += sum(
            bisect_right(ends, start) < bisect_left(ends, end) for start, end in words_of(example.text)
        )
    return spans


def _ends(spans: list[Entity]) -> list[int]:
    return sorted({place for one in spans for place in (one.start, one.end)})


def words_of(text: str) -> Iterator[tuple[int, int]]:
    """Start and end of each word and sign of a text, blanks left out.

    Words are those of Unicode's default rules. What is written without blanks between words and needs a dictionary to
    be parted, such as Thai, Lao, Khmer and Burmese, stays together from blank to blank.

    Source: Unicode Standard Annex #29, "Word boundaries" and its note on such scripts; #14, class SA.
    """
    patterns = _patterns()
    start = first = 0
    for last in (*(flags.end() for flags in patterns.flags.finditer(text)), len(text)):
        for border in patterns.border.finditer(text[first:last]):
            place = first + border.start()
            if place == start or (place < len(text) and patterns.together.match(text, place - 1, place + 1)):
                continue
            yield from ((found.start(), found.end()) for found in _SOLID.finditer(text, start, place))
            start = place
        first = last
    yield from ((found.start(), found.end()) for found in _SOLID.finditer(text, start))


class _Patterns:
    """Compiled when they are first needed, as is their library."""

    def __init__(self) -> None:
        import regex

        self.border: Any = regex.compile(r"\b", regex.WORD | regex.V1)
        self.together: Any = regex.compile(r"\p{Line_Break=SA}{2}", regex.V1)
        # The time that borders take grows with the square of a row of flags: a long one is looked at in parts.
        self.flags: Any = regex.compile(
            r"(?:\p{Regional_Indicator}[\p{Word_Break=Extend}\p{Word_Break=Format}\p{Word_Break=ZWJ}]*+){64}", regex.V1
        )


@cache
def _patterns() -> _Patterns:
    return _Patterns()


class Entities(Format[None]):
    """What the formats of entities share."""

    takes = (EntitiesLabel,)
    ending = ""

    def needs_text(self, example: Example) -> bool:
        """Always."""
        return True

    def begin(self, set_name: str, stack: ExitStack) -> None:
        """Start the set's file."""
        self._sink = self.folder.sink(stack, f"{set_name}{self.ending}")

    def read(self, example: Example) -> None:
        """Nothing: what can be written depends on the text, which is read later."""

    def write(self, example: Example, content: None) -> None:
        """Write a text with its entities."""
        spans = spans_in(example)
        body = self._body(example, spans)
        self.classes.add(example.label, [one.label for one in spans])
        self._sink.write(body)

    @abstractmethod
    def _body(self, example: Example, spans: list[Entity]) -> bytes: ...


class JsonLines(Entities):
    """JSON Lines: ``SET.jsonl``, ``{"text": …, "spans": [{"start", "end", "label"}]}``, as spaCy's tools have it."""

    ending = ".jsonl"

    def _body(self, example: Example, spans: list[Entity]) -> bytes:
        told = [{"start": one.start, "end": one.end, "label": one.label} for one in spans]
        return as_json({"text": example.text, "spans": told}) + b"\n"


class Conll(Entities):
    """CoNLL: ``SET.conll``, a token and its tag (``B-LABEL``, ``I-LABEL``, ``O``) a line, an empty line after a text.

    Tokens are words and single signs; a span that begins or ends within one divides it, so that nothing is lost.

    Format: the CoNLL-2003 shared task, with the first and the last of its columns.
    """

    ending = ".conll"

    def _body(self, example: Example, spans: list[Entity]) -> bytes:
        for before, after in pairwise(spans):
            if after.start < before.end:
                raise LabelError(
                    f"{example.label.attribute}: characters {after.start} to {after.end} are in two spans, for which "
                    "CoNLL has no place; export them as jsonl"
                )
        lines = [f"{token} {tag}\n" for token, tag in _tagged(example.text, spans)]
        return ("".join(lines) + "\n").encode(errors="backslashreplace")


def _tagged(text: str, spans: list[Entity]) -> Iterator[tuple[str, str]]:
    """Tokens and their tags; the ends of spans are ends of tokens."""
    ends, ahead = iter(_ends(spans)), iter(spans)
    end, span = next(ends, None), next(ahead, None)
    for word_start, word_end in words_of(text):
        start = word_start
        while start < word_end:
            while end is not None and end <= start:
                end = next(ends, None)
            stop = word_end if end is None else min(end, word_end)
            while span is not None and span.end <= start:
                span = next(ahead, None)
            if span is None or start < span.start:
                tag = "O"
            else:
                tag = f"{'B' if start == span.start else 'I'}-{_BLANK.sub('_', span.label)}"
            yield text[start:stop], tag
            start = stop

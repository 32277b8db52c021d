"""Exports named entities: JSON Lines and CoNLL.

Spans lose the spaces at their ends, because spaCy refuses them. Spans of nothing but spaces are left out. Both are
counted, and so are words that a span divides.
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

from labeling_provider.manifest.export.format import Example, Format, json_bytes
from labeling_provider.manifest.label_parts import Entity
from labeling_provider.manifest.typed_labels import EntitiesLabel, LabelError

_SOLID: Final = re.compile(r"\S+")
_BLANK: Final = re.compile(r"\s+")


def spans_in(example: Example) -> list[Entity]:
    """The spans of a text in order, without spaces at their ends. Changes are counted in the example's notes.

    :raises LabelError: if a span ends after the text, or has no label.
    """
    label, spans = cast(EntitiesLabel, example.label), []
    for number, entity in enumerate(label.entities):
        where = f"{label.attribute}.annotations.entities[{number}]"
        if entity.end > len(example.text):
            raise LabelError(f"{where}: ends at character {entity.end}, but the text has {len(example.text):,}")
        if not entity.label.strip():
            raise LabelError(f"{where}: has no label")
        inner = example.text[entity.start : entity.end]
        start, end = entity.end - len(inner.lstrip()), entity.start + len(inner.rstrip())
        if start >= end:
            example.notes["spans_left_out"] += 1
            continue
        example.notes["spans_trimmed"] += (start, end) != (entity.start, entity.end)
        spans.append(Entity(entity.label, start, end))
    spans.sort(key=lambda span: (span.start, span.end))
    ends = _ends(spans)
    if ends:
        example.notes["words_divided"] += sum(
            bisect_right(ends, start) < bisect_left(ends, end) for start, end in words_of(example.text)
        )
    return spans


def _ends(spans: list[Entity]) -> list[int]:
    """All starts and ends of spans, sorted."""
    return sorted({place for span in spans for place in (span.start, span.end)})


def span_dicts(spans: list[Entity]) -> list[dict[str, int | str]]:
    """Spans as JSON objects with ``start``, ``end`` and ``label``."""
    return [{"start": span.start, "end": span.end, "label": span.label} for span in spans]


def words_of(text: str) -> Iterator[tuple[int, int]]:
    """Start and end of each word and punctuation mark of a text, without spaces.

    Words follow Unicode's default rules. Scripts that are written without spaces and need a dictionary to be split,
    such as Thai, Lao, Khmer and Burmese, are split at spaces only.

    Source: Unicode Standard Annex #29, "Word boundaries" and its note on such scripts; #14, class SA.
    """
    patterns = _patterns()
    start = first = 0
    for last in (*(flags.end() for flags in patterns.flags.finditer(text)), len(text)):
        for border in patterns.border.finditer(text[first:last]):
            place = first + border.start()
            if place == start or (place < len(text) and patterns.together.match(text, place - 1, place + 1)):
                continue
            yield from (word.span() for word in _SOLID.finditer(text, start, place))
            start = place
        first = last
    yield from (word.span() for word in _SOLID.finditer(text, start))


class _Patterns:
    """Patterns compiled on first use, because their library is slow to load."""

    def __init__(self) -> None:
        import regex

        self.border: Any = regex.compile(r"\b", regex.WORD | regex.V1)
        self.together: Any = regex.compile(r"\p{Line_Break=SA}{2}", regex.V1)
        # The time to find borders grows with the square of the length of a row of flags, so long rows are split.
        self.flags: Any = regex.compile(
            r"(?:\p{Regional_Indicator}[\p{Word_Break=Extend}\p{Word_Break=Format}\p{Word_Break=ZWJ}]*+){64}", regex.V1
        )


@cache
def _patterns() -> _Patterns:
    return _Patterns()


class Entities(Format[None]):
    """Base of the formats for entities."""

    takes = (EntitiesLabel,)
    ending = ""

    def needs_text(self, example: Example) -> bool:
        """Always."""
        return True

    def begin(self, set_name: str, stack: ExitStack) -> None:
        """Start the set's file."""
        self._sink = self.folder.sink(stack, f"{set_name}{self.ending}")

    def read(self, example: Example) -> None:
        """Nothing yet: the content depends on the text, which is fetched later."""

    def write(self, example: Example, content: None) -> None:
        """Write a text with its entities."""
        spans = spans_in(example)
        body = self._body(example, spans)
        self.classes.add(example.label, [span.label for span in spans])
        self._sink.write(body)

    @abstractmethod
    def _body(self, example: Example, spans: list[Entity]) -> bytes: ...


class JsonLines(Entities):
    """JSON Lines: ``SET.jsonl`` with ``{"text": …, "spans": [{"start", "end", "label"}]}``, as in spaCy's tools."""

    ending = ".jsonl"

    def _body(self, example: Example, spans: list[Entity]) -> bytes:
        return json_bytes({"text": example.text, "spans": span_dicts(spans)}) + b"\n"


class Conll(Entities):
    """CoNLL: ``SET.conll``, a token and its tag (``B-LABEL``, ``I-LABEL``, ``O``) per line, an empty line per text.

    Tokens are words and punctuation marks. A span that starts or ends inside a token divides it, so nothing is lost.

    Format: the CoNLL-2003 shared task, with the first and the last of its columns.
    """

    ending = ".conll"

    def _body(self, example: Example, spans: list[Entity]) -> bytes:
        for before, after in pairwise(spans):
            if after.start < before.end:
                raise LabelError(
                    f"{example.label.attribute}: characters {after.start} to {after.end} overlap another span, which "
                    "CoNLL does not allow; export as jsonl"
                )
        lines = [f"{token} {tag}\n" for token, tag in _tagged(example.text, spans)]
        return ("".join(lines) + "\n").encode(errors="backslashreplace")


def _tagged(text: str, spans: list[Entity]) -> Iterator[tuple[str, str]]:
    """Tokens and their tags; every start or end of a span is a token boundary."""
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

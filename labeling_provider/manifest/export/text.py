"""Named entities in texts: JSON Lines, and CoNLL's columns."""

from __future__ import annotations

import re
from abc import abstractmethod
from contextlib import ExitStack
from itertools import pairwise
from typing import Final, cast

from labeling_provider.manifest.export.base import Example, Format, as_json
from labeling_provider.manifest.labels import EntitiesLabel, Entity, LabelError

_TOKEN: Final = re.compile(r"\w+|[^\w\s]")
_BLANK: Final = re.compile(r"\s+")


def spans_in(example: Example) -> list[Entity]:
    """The spans of a text in its order.

    :raises LabelError: if one ends after the text.
    """
    label = cast(EntitiesLabel, example.label)
    for number, one in enumerate(label.entities):
        if one.end > len(example.text):
            where = f"{label.attribute}.annotations.entities[{number}]"
            raise LabelError(f"{where}: ends at character {one.end}, and the text has {len(example.text):,}")
    return sorted(label.entities, key=lambda one: (one.start, one.end))


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
        lines, position = [], 0
        for span in spans:
            lines += _tagged(example.text[position : span.start], "")
            lines += _tagged(example.text[span.start : span.end], _BLANK.sub("_", span.label))
            position = span.end
        lines += _tagged(example.text[position:], "")
        return ("".join(lines) + "\n").encode(errors="backslashreplace")


def _tagged(text: str, label: str) -> list[str]:
    tokens = _TOKEN.findall(text)
    tags = [f"{'I' if number else 'B'}-{label}" if label else "O" for number in range(len(tokens))]
    return [f"{token} {tag}\n" for token, tag in zip(tokens, tags, strict=True)]

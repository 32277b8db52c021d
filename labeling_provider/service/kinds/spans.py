"""Named entities, labeled stretches of a text: the form's element ``crowd-entity-annotation``.

Source: developer guide, "Annotation consolidation": selections are clustered by Jaccard similarity; a border is the
mode of the cluster's, else the median; the label is the most frequent one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from random import Random
from statistics import median_low
from typing import Any, Final

from labeling_provider.service.kinds.kind import Answered, AnswerError, Content, Label, OneByOne, runs

Span = dict[str, Any]
"""``label``, ``startOffset`` and ``endOffset``, in characters, the end not included."""

_MATCH: Final = 0.5


@runs("named-entity-recognition")
class TextSpans(OneByOne):
    """An answer, as the truth, is a list of spans."""

    def _spans(self, value: Any, length: int) -> list[Span]:
        """Well-formed spans of known labels.

        :param length: of the text, in characters.
        :raises AnswerError: if the value is no list of spans, or one is not inside the text.
        """
        if not isinstance(value, list) or not all(isinstance(span, dict) for span in value):
            raise AnswerError(f"{self.key}.entities is missing or no list of spans.")
        spans = []
        for number, span in enumerate(value):
            where = f"entities[{number}]"
            start, end = span.get("startOffset"), span.get("endOffset")
            if type(start) is not int or type(end) is not int or not 0 <= start < end <= length:
                raise AnswerError(
                    f"{self.key}.{where} is not inside the text: "
                    f"startOffset and endOffset are whole numbers, 0 ≤ startOffset < endOffset ≤ {length}."
                )
            self.known_class(span.get("label"), f"{where}.label")
            spans.append({"label": span["label"], "startOffset": start, "endOffset": end})
        return spans

    def read_answer(self, content: Content, line: dict[str, Any]) -> list[Span]:
        return self._spans(self.form(content).get("entities"), len(self.source(line)))

    def simulate(self, line: dict[str, Any], truth: Any, right: bool, rng: Random) -> Content | None:
        length = len(self.source(line))
        try:
            spans = self._spans(truth, length)
        except AnswerError:
            return None
        if not right and spans:
            wrong = rng.randrange(len(spans))
            if rng.random() < 0.3:
                del spans[wrong]
            elif rng.random() < 0.5 and len(self.job.labels) > 1:
                spans[wrong]["label"] = self.another_label(spans[wrong]["label"], rng)
            else:
                spans[wrong]["endOffset"] = min(spans[wrong]["endOffset"] + rng.randint(1, 6), length)
        elif not right and length:
            start = rng.randrange(length)
            end = min(start + 5, length)
            spans.append({"label": rng.choice(self.job.labels), "startOffset": start, "endOffset": end})
        return {self.key: {"entities": spans}}

    def label_of(self, answers: Sequence[list[Span]], answered: Answered, stamp: str) -> Label:
        kept = consolidate_spans(answers)
        entities = [span for span, _ in kept]
        return Label(
            {"annotations": {"labels": self.job.categories["labels"], "entities": entities}},
            {"entities": [{"confidence": self.confidence(sure)} for _, sure in kept]},
        )


def consolidate_spans(answers: Sequence[Sequence[Span]]) -> list[tuple[Span, float]]:
    """Spans that at least half of the workers marked, with the share that did as confidence, in text order.

    :param answers: per worker the list of ``{label, startOffset, endOffset}``, in characters.
    """
    import numpy as np

    count = sum(map(len, answers))
    starts, ends, latest = np.zeros(count), np.zeros(count), np.full(count, -1)
    clusters: list[list[Span]] = []
    for worker, spans in enumerate(answers):
        for span in spans:
            found = len(clusters)
            shared = np.minimum(span["endOffset"], ends[:found]) - np.maximum(span["startOffset"], starts[:found])
            joint = np.maximum(span["endOffset"], ends[:found]) - np.minimum(span["startOffset"], starts[:found])
            # A worker has one span in a cluster; spans are never empty.
            fitting = (shared >= _MATCH * joint) & (latest[:found] != worker)
            place = int(fitting.argmax()) if fitting.any() else found
            if place == found:
                starts[place], ends[place] = span["startOffset"], span["endOffset"]
                clusters.append([])
            clusters[place].append(span)
            latest[place] = worker
    kept = []
    for members in clusters:
        if 2 * len(members) < len(answers):
            continue
        label, votes = Counter(span["label"] for span in members).most_common(1)[0]
        start = _border([span["startOffset"] for span in members])
        end = _border([span["endOffset"] for span in members])
        kept.append(({"label": label, "startOffset": start, "endOffset": end}, votes / len(answers)))
    return sorted(kept, key=lambda one: (one[0]["startOffset"], one[0]["endOffset"]))


def _border(offsets: list[int]) -> int:
    """The most frequent offset if there is one, else the median."""
    ranked = Counter(offsets).most_common(2)
    if len(ranked) == 1 or ranked[0][1] > ranked[1][1]:
        return ranked[0][0]
    return median_low(offsets)

"""Named entities, that is labeled spans of a text: the form element ``crowd-entity-annotation``.

Source: developer guide, "Annotation consolidation": selections are clustered by Jaccard similarity; each boundary is
the mode of the cluster, or else the median; the label is the most frequent one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from random import Random
from statistics import median_low
from typing import Any, Final

from labeling_provider.service.kinds.kind import Answered, AnswerError, Content, ObjectLabel, OneByOne, runs

Span = dict[str, Any]
"""``label``, ``startOffset`` and ``endOffset``, in characters, excluding the end."""

_MATCH: Final = 0.5


@runs("named-entity-recognition")
class TextSpans(OneByOne):
    """Answers and the truth are lists of spans."""

    def _spans(self, value: Any, length: int) -> list[Span]:
        """Parse a list of spans.

        :param length: the text's length, in characters.
        :raises AnswerError: if it is malformed, a label is unknown, or a span is not within the text.
        """
        if not isinstance(value, list) or not all(isinstance(span, dict) for span in value):
            raise AnswerError(f"{self.key}.entities is missing or not a list of spans.")
        spans = []
        for number, span in enumerate(value):
            where = f"entities[{number}]"
            start, end = span.get("startOffset"), span.get("endOffset")
            if type(start) is not int or type(end) is not int or not 0 <= start < end <= length:
                raise AnswerError(
                    f"{self.key}.{where} is not within the text: "
                    f"startOffset and endOffset must be whole numbers, 0 ≤ startOffset < endOffset ≤ {length}."
                )
            self.known_class(span.get("label"), f"{where}.label")
            spans.append({"label": span["label"], "startOffset": start, "endOffset": end})
        return spans

    def own_input(self, line: dict[str, Any]) -> dict[str, Any]:
        """With what the interface that Amazon hosts shows besides: it has no template to say it."""
        return {
            "taskObject": self.source(line),
            "labels": self.job.categories["labels"],
            "header": self.job.request["HumanTaskConfig"]["TaskTitle"],
            "instructions": self.job.categories.get("instructions", {}),
        }

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

    def label_of(self, answers: Sequence[list[Span]], answered: Answered, stamp: str) -> ObjectLabel:
        kept = consolidate_spans(answers)
        entities = [span for span, _ in kept]
        return ObjectLabel(
            {"annotations": {"labels": self.job.categories["labels"], "entities": entities}},
            {"entities": [{"confidence": self.confidence(sure)} for _, sure in kept]},
        )


def consolidate_spans(answers: Sequence[Sequence[Span]]) -> list[tuple[Span, float]]:
    """The spans that at least half of the workers marked, in text order, each with a confidence.

    :param answers: for each worker, a list of ``{label, startOffset, endOffset}``, in characters.
    :return: spans, each with the share of workers that marked it with that label, 0 to 1.
    """
    import numpy as np

    count = sum(map(len, answers))
    starts, ends, latest = np.zeros(count), np.zeros(count), np.full(count, -1)
    clusters: list[list[Span]] = []
    for worker, spans in enumerate(answers):
        for span in spans:
            size = len(clusters)
            shared = np.minimum(span["endOffset"], ends[:size]) - np.maximum(span["startOffset"], starts[:size])
            joint = np.maximum(span["endOffset"], ends[:size]) - np.minimum(span["startOffset"], starts[:size])
            # A worker has at most one span in a cluster; spans are never empty.
            fitting = (shared >= _MATCH * joint) & (latest[:size] != worker)
            place = int(fitting.argmax()) if fitting.any() else size
            if place == size:
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
    return sorted(kept, key=lambda pair: (pair[0]["startOffset"], pair[0]["endOffset"]))


def _border(offsets: list[int]) -> int:
    """The most frequent offset; the median if several are equally frequent."""
    ranked = Counter(offsets).most_common(2)
    if len(ranked) == 1 or ranked[0][1] > ranked[1][1]:
        return ranked[0][0]
    return median_low(offsets)

"""Named entities, that is, labeled spans of a text: form element ``crowd-entity-annotation``.

Source: developer guide, "Annotation consolidation": selections are clustered by Jaccard similarity; each boundary is
the mode of the cluster, or else the median; the label is the most frequent one. Here skilled workers count for more.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from statistics import median_low
from typing import TYPE_CHECKING, Any, Final

from labeling_provider.service.kinds import marks
from labeling_provider.service.kinds.kind import Answered, AnswerError, Content, ObjectLabel, OneByOne, runs
from labeling_provider.service.kinds.skills import Evidence, Skill

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

Span = dict[str, Any]
"""``label``, ``startOffset`` and ``endOffset``, in characters, excluding the end."""

_MATCH: Final = 0.5
_LURES: Final = 0.01
"""How many places in a text look like an entity, per entity that is there."""
USUAL: Final = Skill(recall=0.9, extra=0.06, misnamed=0.05, off=0.1)
"""A worker about whom nothing is known; how far spans are off is the share of their borders that differ from those on
which most of the others agree."""
_BORDERS: Final = 4.0
"""Number of borders among which a wrong one is chosen."""


@runs("named-entity-recognition")
class TextSpans(OneByOne):
    """Answers and the truth are lists of spans."""

    usual = USUAL

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
        """The input, plus what the interface that Amazon hosts shows: it has no template that would define it."""
        return {
            "taskObject": self.source(line),
            "labels": self.job.categories["labels"],
            "header": self.job.request.title,
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

    def evidence(self, answers: Sequence[list[Span]]) -> Sequence[Evidence]:
        return evidence_of_spans(answers, len(self.job.labels))

    def label_of(
        self, answers: Sequence[list[Span]], skills: Sequence[Skill], answered: Answered, stamp: str
    ) -> ObjectLabel:
        kept = consolidate_spans(answers, skills)
        entities = [span for span, _ in kept]
        return ObjectLabel(
            {"annotations": {"labels": self.job.categories["labels"], "entities": entities}},
            {"entities": [{"confidence": self.confidence(sure)} for _, sure in kept]},
        )


def consolidate_spans(
    answers: Sequence[Sequence[Span]], skills: Sequence[Skill] | None = None
) -> list[tuple[Span, float]]:
    """The spans that are probably right, in text order, each with its confidence.

    :param answers: for each worker, a list of ``{label, startOffset, endOffset}``, in characters.
    :param skills: how well each of them works, see :func:`evidence_of_spans`; None if all work alike.
    :return: spans, each with the probability that there is one with exactly these borders and this label, 0 to 1.
    """
    kept = [
        (
            {"label": mark.label, "startOffset": int(mark.extent[0]), "endOffset": int(mark.extent[1])},
            mark.confidence,
        )
        for mark in marks.consolidate(answers, skills, _RULES)
    ]
    return sorted(kept, key=lambda pair: (pair[0]["startOffset"], pair[0]["endOffset"]))


def evidence_of_spans(answers: Sequence[Sequence[Span]], class_count: int) -> list[Evidence]:
    """What the spans of a text reveal about each worker.

    :param answers: as for :func:`consolidate_spans`.
    :param class_count: how many labels the job has.
    """
    return marks.evidence(answers, class_count, _RULES)


def _extents(spans: Sequence[Span]) -> npt.NDArray[np.float64]:
    """Where each span of a worker begins and ends."""
    import numpy as np

    return np.array([[span["startOffset"], span["endOffset"]] for span in spans], dtype=np.float64).reshape(-1, 2)


def _likely_borders(extents: Any, there: Any, off: Any) -> tuple[Any, Any]:
    """The borders of groups on which most workers agree, or else the median. See :class:`.marks.Rules`."""
    import numpy as np

    sure = np.clip(off, 0.01, 0.75)
    weights = np.log((1 - sure) * _BORDERS / sure)
    likely = [
        [_border(borders[is_in].tolist(), weights[is_in].tolist()) for borders in own.T]
        for own, is_in in zip(extents, there, strict=True)
    ]
    borders = np.array(likely).reshape(-1, 2, 2)
    return borders[..., 0], borders[..., 1].prod(axis=1)


def _border(offsets: list[float], weights: list[float]) -> tuple[float, float]:
    """The offset that most workers chose, the median if several have as many, and the probability that it is right.

    :param weights: the weight of each worker's vote: the logarithm of how much more probable it makes a border.
    """
    from math import exp, fsum

    votes = {offset: fsum(w for own, w in zip(offsets, weights, strict=True) if own == offset) for offset in offsets}
    top = max(votes.values())
    best = [offset for offset, total in votes.items() if top - total < 1e-9]
    # There are also the borders that nobody chose.
    likely = sum(exp(total - top) for total in votes.values()) + _BORDERS * exp(-top)
    return (best[0] if len(best) == 1 else median_low(offsets)), 1 / likely


def _off(extents: Any, there: Any) -> Any:
    """The share of each span's borders that differ from the others'. See :data:`USUAL`."""
    import numpy as np

    return np.mean([marks.outvoted(extents[..., border], there) for border in range(2)], axis=0)


_RULES: Final = marks.Rules(_extents, _MATCH, _LURES, USUAL, _likely_borders, _off)

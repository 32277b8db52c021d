"""One set of text spans out of several workers' spans.

Source: developer guide, "Annotation consolidation": selections are clustered by Jaccard similarity; a border is the
mode of the cluster's, else the median; the label is the most frequent one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from statistics import median_low
from typing import Any, Final

_MATCH: Final = 0.5


def similarity(one: dict[str, Any], other: dict[str, Any]) -> float:
    """Jaccard index of two spans ``{startOffset, endOffset}``, end exclusive."""
    shared = min(one["endOffset"], other["endOffset"]) - max(one["startOffset"], other["startOffset"])
    joint = max(one["endOffset"], other["endOffset"]) - min(one["startOffset"], other["startOffset"])
    return max(shared, 0) / joint if joint > 0 else 0.0


def consolidate_spans(answers: Sequence[Sequence[dict[str, Any]]]) -> list[tuple[dict[str, Any], float]]:
    """Spans that at least half of the workers marked, with the share that did as confidence, in text order.

    :param answers: per worker the list of ``{label, startOffset, endOffset}``, in characters.
    """
    clusters: list[list[tuple[int, dict[str, Any]]]] = []
    for worker, spans in enumerate(answers):
        for span in spans:
            for cluster in clusters:
                if worker not in {one for one, _ in cluster} and similarity(span, cluster[0][1]) >= _MATCH:
                    cluster.append((worker, span))
                    break
            else:
                clusters.append([(worker, span)])
    kept = []
    for cluster in clusters:
        if 2 * len(cluster) < len(answers):
            continue
        members = [span for _, span in cluster]
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

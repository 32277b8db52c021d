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


def consolidate_spans(answers: Sequence[Sequence[dict[str, Any]]]) -> list[tuple[dict[str, Any], float]]:
    """Spans that at least half of the workers marked, with the share that did as confidence, in text order.

    :param answers: per worker the list of ``{label, startOffset, endOffset}``, in characters.
    """
    import numpy as np

    count = sum(map(len, answers))
    starts, ends, latest = np.zeros(count), np.zeros(count), np.full(count, -1)
    clusters: list[list[dict[str, Any]]] = []
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

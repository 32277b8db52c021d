"""Whether the order of the workers makes a difference to what becomes of their answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import permutations
from typing import Any

from labeling_provider.service.kinds.skills import Evidence, Skill


def outcomes(
    answers: Sequence[Any],
    skills: Sequence[Skill],
    consolidate: Callable[[list[Any], list[Skill]], object],
    evidence_of: Callable[[list[Any], int], list[Evidence]],
) -> set[object]:
    """Each different consolidation, with its evidence, of the answers in every order: one if it makes no difference.

    :param answers: one of each worker.
    :param skills: of at least as many workers, in the same order.
    """
    distinct: set[object] = set()
    for order in permutations(zip(answers, skills, strict=False)):
        own, their_skills = [answer for answer, _ in order], [skill for _, skill in order]
        distinct.add((repr(consolidate(own, their_skills)), tuple(sorted(evidence_of(own, 2)))))
    return distinct

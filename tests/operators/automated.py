"""Jobs with automated labeling."""

from __future__ import annotations

from typing import Any

from labeling_provider.operators.labeling_job import CreateLabelingJobOperator
from tests.conftest import Lab
from tests.operators.tasks import operator


def task(lab: Lab, automated: Any = True, count: int = 500, **arguments: Any) -> CreateLabelingJobOperator:
    animals = ["cat", "dog", "bird"]
    lines = [
        {"source": f"a {animals[number % 3]}, number {number}", "truth": animals[number % 3]} for number in range(count)
    ]
    settings = {"max_concurrent_objects": 80, "automated_labeling": automated}
    return operator(lab, lines, **{**settings, **arguments})

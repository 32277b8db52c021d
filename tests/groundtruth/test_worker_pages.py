"""Each task type has a page for its workers, or none is promised."""

from __future__ import annotations

import pytest

from labeling_provider.groundtruth.task_types import TASK_TYPES
from labeling_provider.groundtruth.worker_pages import clouds_page, frames_page

WITHOUT = {"pass-through", "custom"}


@pytest.mark.parametrize("name", TASK_TYPES.keys() - WITHOUT)
def test_a_task_type_has_a_template_or_stands_in_for_a_hosted_interface(name: str) -> None:
    row = TASK_TYPES[name]
    assert (row.page is not None, row.hosted_page is not None) == (not row.human_task_ui, bool(row.human_task_ui))
    if row.page is not None:
        assert row.element
        assert bool(row.page.reads_old) is row.audits


def test_pages_of_sequences_say_what_workers_do() -> None:
    assert '"tracks": true, "frames": [' in frames_page("true")
    assert '"kind": "classes", "tracks": false, "frames": [' in clouds_page("classes")

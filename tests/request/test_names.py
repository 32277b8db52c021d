"""Job names."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from labeling_provider.request import derive_job_name

NAME = re.compile(r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}")


@given(st.text(), st.text(), st.text(), st.integers(-1, 10_000))
def test_a_derived_name_is_always_allowed_even_with_a_number_behind_it(
    dag: str, task: str, run: str, index: int
) -> None:
    name = derive_job_name(dag, task, run, index)
    assert NAME.fullmatch(f"{name}-99")
    assert len(f"{name}-99") <= 63
    assert name == derive_job_name(dag, task, run, index)


def test_names_differ_wherever_the_task_instance_does() -> None:
    identities = [
        ("d", "t", "r", -1),
        ("d", "t", "r", 0),
        ("d", "t", "q", -1),
        ("d", "s", "r", -1),
        ("d_t", "", "r", -1),
    ]
    names = {derive_job_name(*identity).lower() for identity in identities}
    assert len(names) == len(identities)


def test_a_name_can_be_read() -> None:
    assert derive_job_name("label_digits", "label", "r").startswith("label-digits-label-")

"""The event that tells that a labeling job has ended."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeling_provider.groundtruth.events import DETAIL_TYPE, SOURCE, ended_jobs

ARN = "arn:aws:sagemaker:us-east-1:123456789012:labeling-job/"
NAMES = st.from_regex(r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}", fullmatch=True)


def event(*resources: Any, kind: str = DETAIL_TYPE) -> dict[str, Any]:
    return {"source": SOURCE, "detail-type": kind, "resources": list(resources)}


def in_envelope(body: str) -> str:
    return json.dumps({"Type": "Notification", "Message": body})


@given(st.lists(NAMES, max_size=4))
def test_it_names_its_jobs_in_lower_case_also_inside_an_sns_notification(names: list[str]) -> None:
    body = json.dumps(event(*[ARN + name for name in names]))
    assert ended_jobs(body) == ended_jobs(in_envelope(body)) == {name.lower() for name in names}


@pytest.mark.parametrize(
    "body",
    [
        "",
        "{",
        "null",
        "[]",
        json.dumps(event(ARN + "birds", kind="SageMaker Training Job State Change")),
        json.dumps({**event(), "resources": ARN + "birds"}),
        json.dumps({**event(), "resources": None}),
        json.dumps(event(7, None, {}, "arn:aws:sagemaker:us-east-1:1:endpoint/birds")),
        json.dumps({"Type": "Notification"}),
        json.dumps({"Type": "Notification", "Message": 7}),
        "[" * 100_000,
        in_envelope("[" * 100_000),
        json.dumps(event(ARN + "birds", "x" * 300_000)),
    ],
)
def test_any_other_message_names_none(body: str) -> None:
    assert ended_jobs(body) == frozenset()


@given(
    st.text()
    | st.recursive(
        st.none() | st.text() | st.integers(),
        lambda inner: (
            st.lists(inner) | st.dictionaries(st.sampled_from(["Type", "Message", "detail-type", "resources"]), inner)
        ),
    ).map(json.dumps)
)
def test_no_message_makes_it_stumble(body: str) -> None:
    assert ended_jobs(body) == frozenset()

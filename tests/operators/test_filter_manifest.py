"""Objects are chosen by their labels."""

from __future__ import annotations

from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowSkipException

from labeling_provider.errors import LabelingError
from labeling_provider.operators.manifest import FilterManifestOperator
from tests.airflow_context import context
from tests.conftest import Lab
from tests.operators.manifests import lines_of, place

VERDICTS = ["right", "wrong", "wrong", None, "unsure"]


def verified(lab: Lab) -> dict[str, Any]:
    """The result of a verification."""
    lines = []
    for number, verdict in enumerate(VERDICTS):
        about = {"type": "groundtruth/label-verification", "class-name": verdict, "confidence": 0.8}
        given = {"verdict": 1, "verdict-metadata": about} if verdict else {"verdict-metadata": {"failure-reason": "x"}}
        lines.append({"source": f"text {number}", **given})
    return {"output_manifest_uri": lab.manifest(lines), "label_attribute_name": "verdict"}


def chosen(lab: Lab, **arguments: Any) -> tuple[list[int], dict[str, Any]]:
    """The numbers of the objects that are kept, and the result."""
    task = FilterManifestOperator(task_id="f", manifest_uri=verified(lab), filtered_uri=place(), **arguments)
    result = task.execute(context())
    assert result["manifest_uri"] == task.filtered_uri == task.lineage_outputs[0]
    kept = [int(line["source"].removeprefix("text ")) for line in lines_of(lab, result["manifest_uri"])]
    assert (result["objects"], result["left_out"]) == (len(kept), len(VERDICTS) - len(kept))
    return kept, result


def test_objects_are_chosen_by_their_labels(connected: Lab) -> None:
    rejected, result = chosen(connected, classes=["wrong", "unsure"])
    assert (rejected, result["label_attribute_name"]) == ([1, 2, 4], "verdict")
    assert chosen(connected, state="failed")[0] == [3]
    assert chosen(connected, state="labeled", by="people")[0] == [0, 1, 2, 4]
    assert chosen(connected, state="unlabeled", label_attribute_name="other")[0] == [0, 1, 2, 3, 4]
    assert chosen(connected, min_confidence=0.8, below_confidence=0.9, classes=["right"])[0] == [0]


def test_when_nothing_is_chosen_the_rest_is_skipped_or_fails(connected: Lab) -> None:
    with pytest.raises(AirflowSkipException, match="no object of s3://lab/.* on 'verdict'; it has 5 objects"):
        chosen(connected, below_confidence=0.1)
    with pytest.raises(LabelingError, match="it has 5 objects"):
        chosen(connected, below_confidence=0.1, skip_if_empty=False)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [({}, "give a condition"), ({"state": "lost"}, "state must be"), ({"by": "robots"}, "by must be")],
)
def test_wrong_arguments_are_refused(arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        FilterManifestOperator(task_id="f", manifest_uri="s3://b/m", filtered_uri="s3://b/o", **arguments)

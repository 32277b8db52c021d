"""What the tasks on manifests have in common."""

from __future__ import annotations

from typing import Any

import pytest

from labeling_provider.errors import LabelingError
from labeling_provider.operators.manifest_task import label_attribute_of, manifest_uris_of

URIS = ["s3://lab/a.manifest", "s3://lab/b.manifest"]
RESULT = {"output_manifest_uri": "s3://lab/a.manifest", "label_attribute_name": "tone"}


@pytest.mark.parametrize(
    ("given", "uris"),
    [("s3://lab/a.manifest", URIS[:1]), (URIS, URIS), (RESULT, URIS[:1]), ([RESULT, "s3://lab/b.manifest"], URIS)],
)
def test_manifests_are_named_by_uris_or_by_the_results_of_tasks(given: Any, uris: list[str]) -> None:
    assert manifest_uris_of(given) == uris


@pytest.mark.parametrize("given", [None, 5, "", {}, [{}]])
def test_what_names_no_manifest_is_an_error(given: Any) -> None:
    with pytest.raises(LabelingError):
        manifest_uris_of(given)


def test_a_label_attribute_is_the_one_that_is_given_or_the_job_s() -> None:
    assert label_attribute_of("mood", RESULT) == "mood"
    assert label_attribute_of(None, RESULT) == "tone"
    with pytest.raises(LabelingError):
        label_attribute_of(None, "s3://lab/a.manifest")

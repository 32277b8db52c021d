"""What tasks on video frames and on point clouds share: the truth, and what an adjustment may not change."""

from __future__ import annotations

import json
from random import Random
from typing import Any

import pytest

from labeling_provider.service.failures import ObjectFailure
from labeling_provider.service.kinds.kind import AnswerError
from tests.service.kinds.some_frames import LINE, TRACKING, audit, label_and_content
from tests.service.kinds.some_jobs import LABELS, make_kind
from tests.service.kinds.some_sequences import ATTRIBUTES, sequence_label


@pytest.mark.parametrize("truth", [3, [], {}, {"tracking-annotations": [{"frame-no": "0"}, 3]}])
def test_a_truth_that_is_none_is_declined(truth: Any) -> None:
    assert make_kind(TRACKING).simulate(LINE, truth, True, Random(1)) is None


def test_the_truth_may_be_a_file_and_a_missing_one_is_told() -> None:
    kind = make_kind(TRACKING)
    truth = sequence_label(kind.key, Random(3), LABELS)
    kind.job.object_store.write({"s3://lab/truth.json": (json.dumps(truth).encode(), "")})
    assert kind.simulate(LINE, "s3://lab/truth.json", True, Random(1)) == kind.simulate(LINE, truth, True, Random(1))
    with pytest.raises(ObjectFailure, match=r"there is no file s3://lab/no\.json with the truth"):
        kind.simulate(LINE, "s3://lab/no.json", True, Random(1))


def test_what_the_category_file_locks_comes_back_as_it_was() -> None:
    truth = sequence_label("trackingAnnotations", Random(3), ["cow"])
    labels = [{"label": label, "editsAllowed": "none"} for label in LABELS]
    kind, line = audit(truth, labels=labels, categoryGlobalAttributes=ATTRIBUTES)
    initial = kind.own_input(line)["initial"]
    same = {**initial, "initialValueModified": False}
    kind.check_answer({kind.key: same}, line)
    with pytest.raises(AnswerError, match="frame 0: shapes that the category file locks were changed"):
        kind.check_answer({kind.key: {"frames": initial["frames"][1:]}}, line)
    initial["frames"][0]["boundingBoxes"][0]["labelCategoryAttributes"] = {"parked": "yes"}
    label, _ = label_and_content(kind, {kind.key: initial}, line)
    assert label.metadata["adjustment-status"] == "adjusted", "attributes may change"

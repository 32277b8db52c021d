"""What simulated workers do with labels in frames."""

from __future__ import annotations

import json
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from tests.service.kinds.some_frames import LINE, TRACKING, audit, label_and_content
from tests.service.kinds.some_jobs import LABELS, make_kind
from tests.service.kinds.some_sequences import sequence_label


def test_careless_workers_are_wrong_but_plausible() -> None:
    kind = make_kind(TRACKING)
    truth = sequence_label(kind.key, Random(3), LABELS)
    right = kind.simulate(LINE, truth, True, Random(1))
    for seed in range(6):
        wrong = kind.simulate(LINE, truth, False, Random(seed))
        assert wrong != right
        kind.check_answer(wrong, LINE)


@given(st.integers(0, 10**6))
def test_a_good_worker_leaves_what_is_right_and_corrects_the_rest(seed: int) -> None:
    truth = sequence_label("trackingAnnotations", Random(seed), LABELS)
    kind, line = audit(truth)
    label, document = label_and_content(kind, kind.simulate(line, truth, True, Random(seed)) or {}, line)
    assert label.metadata["adjustment-status"] == "unadjusted"
    assert document == truth, "attributes that this job does not offer are kept"


def test_corrections_keep_the_ids_of_objects() -> None:
    truth = sequence_label("trackingAnnotations", Random(3), LABELS)
    before = json.loads(json.dumps(truth).replace("id-", "old-"))
    moved = before["tracking-annotations"][2]["annotations"][0]
    moved["left"] += 50
    kind, line = audit(before)
    label, document = label_and_content(kind, kind.simulate(line, truth, True, Random(1)) or {}, line)
    assert label.metadata["adjustment-status"] == "adjusted"
    boxes = document["tracking-annotations"][2]["annotations"]
    assert {box["object-id"] for box in boxes} == {
        box["object-id"] for box in before["tracking-annotations"][2]["annotations"]
    }
    assert moved["left"] - 50 in [box["left"] for box in boxes if box["object-id"] == moved["object-id"]]

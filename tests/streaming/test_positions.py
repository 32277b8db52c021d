"""How far a source is done with, in a small S3 object."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labeling_provider.client.ground_truth import GroundTruth
from labeling_provider.errors import LabelingError
from labeling_provider.streaming.positions import S3Position, position_uri
from labeling_provider.streaming.sources import Position
from tests.client.clients import ground_truth
from tests.conftest import Lab, texts
from tests.own_names import own_id
from tests.service.engine.test_stream import stopped
from tests.streaming.yards import Yard


def place() -> str:
    return f"s3://lab/positions/{own_id().hex}.json"


def test_nothing_was_saved_at_first_and_then_what_was_saved(client: GroundTruth) -> None:
    uri = place()
    assert S3Position(client, uri).load() is None
    position = {"threshold": 3.5, "after": "ä/\ud800", "line": 7}
    S3Position(client, uri).save(position)
    assert S3Position(client, uri).load() == position


positions = st.fixed_dictionaries(
    {},
    optional={
        "threshold": st.integers(0, 2).map(float),
        "after": st.sampled_from(["", "a", "b"]),
        "inside": st.sampled_from(["", "b"]),
        "line": st.integers(0, 2),
    },
)


def order(position: Position) -> tuple[float, str, str, int]:
    known = {"threshold": 0.0, "after": "", "inside": "", "line": 0, **position}
    return known["threshold"], known["after"], known["inside"], known["line"]


@settings(max_examples=10, deadline=None)
@given(st.lists(positions, min_size=1, max_size=4))
def test_of_two_who_push_the_same_the_one_who_came_further_counts(lab: Lab, saved: list[Position]) -> None:
    client, uri = ground_truth(lab), place()
    for position in saved:
        S3Position(client, uri).save(position)
    kept = S3Position(client, uri).load()
    assert kept is not None
    assert order(kept) == max(map(order, saved))


@pytest.mark.parametrize("body", ["", "{", "[]", "null", "7", "[" * 5_000])
def test_what_is_no_position_is_an_error_that_says_what_to_do(lab: Lab, client: GroundTruth, body: str) -> None:
    uri = lab.put(f"positions/{own_id().hex}.json", body)
    with pytest.raises(LabelingError, match="is not a saved position of a push; delete it to start over"):
        S3Position(client, uri).load()


def test_a_large_object_is_not_read_for_one(lab: Lab, client: GroundTruth) -> None:
    uri = lab.put(f"positions/{own_id().hex}.json", json.dumps({"after": "x" * 20_000}))
    with pytest.raises(LabelingError, match="larger than 16,384 bytes"):
        S3Position(client, uri).load()


def test_it_is_kept_beside_the_output_of_the_job(lab: Lab, client: GroundTruth, yard: Yard) -> None:
    wanted = f"s3://{lab.bucket}/out/push-positions/key.json"
    assert position_uri(client, yard.job, yard.topic.arn, "key") == wanted
    assert position_uri(client, None, yard.topic.arn, "key") == wanted
    assert position_uri(client, "nobody", yard.topic.arn, "key") is None
    lab.create(texts(1))
    stopped(lab, yard.job)
    assert position_uri(client, None, yard.topic.arn, "key") is None, "nobody listens any more"
    assert position_uri(client, yard.job, yard.topic.arn, "key") == wanted

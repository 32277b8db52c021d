"""What an object is."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeling_provider.groundtruth.objects import ObjectKeys, job_of, metadata_of

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)
PLACES = st.dictionaries(st.sampled_from(["page", "crop", "time-range", "tile", "a"]), JSON, max_size=3)
LABELED = {"bird": 1, "bird-metadata": {"class-name": "stork", "job-name": "labeling-job/birds"}}
NOTES = {"dataset-objectid-attribute-name": "$birds-object-id", "$birds-object-id": "7", "$sequencer": "0A"}


def rewritten(value: Any, chance: random.Random) -> Any:
    """The same JSON value, with its keys in another order and whole numbers as floats."""
    if isinstance(value, dict):
        keys = list(value)
        chance.shuffle(keys)
        return {key: rewritten(value[key], chance) for key in keys}
    if isinstance(value, list):
        return [rewritten(item, chance) for item in value]
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 1 << 53:
        return float(value)
    return value


@given(PLACES, st.randoms(use_true_random=False), st.booleans(), st.booleans())
def test_an_object_is_the_same_however_its_line_is_written_and_whoever_has_labeled_it(
    place: dict[str, Any], chance: random.Random, labeled: bool, streamed: bool
) -> None:
    line = {"source-ref": "s3://docs/1.pdf", **place}
    again = rewritten({**line, **(LABELED if labeled else {}), **(NOTES if streamed else {})}, chance)
    again = json.loads(json.dumps(again, ensure_ascii=chance.random() < 0.5))
    assert ObjectKeys().digest(again) == ObjectKeys().digest(line)
    assert ObjectKeys().identifier(again) == ObjectKeys().identifier(line)


@given(PLACES, PLACES)
def test_objects_that_differ_in_any_input_key_are_others(keys: dict[str, Any], another: dict[str, Any]) -> None:
    said = [{key: value for key, value in place.items() if value is not None} for place in (keys, another)]
    # 1 and 1.0 are equal in Python too, but so are 1 and True.
    same = json.dumps(said[0], sort_keys=True) == json.dumps(said[1], sort_keys=True)
    digests = [ObjectKeys().digest({"source": "a", **place}) for place in (keys, another)]
    if same:
        assert digests[0] == digests[1]
    elif digests[0] == digests[1]:
        assert said[0] == said[1]


def test_an_object_that_is_only_a_source_is_what_it_has_always_been() -> None:
    # As version 1 has it: sets, choices and the ids of running streaming jobs depend on it.
    keys = ObjectKeys()
    assert keys.digest({"source-ref": "s3://b/1.jpg"}).hex() == "45ec208ab4ae12ed8a9cc377c102ef56"
    assert keys.digest({"source": "a text", **LABELED}).hex() == "bbabfebc6b3011df8ca2bb8429a6eb14"
    assert keys.digest({"source": "ä", "source-ref": None}, b"x").hex() == "669d21bc4f202d2165c27d1c9dd64215"
    assert keys.identifier({"source-ref": "s3://b/1.jpg", **LABELED, **NOTES}) == "s3://b/1.jpg"
    assert keys.identifier({"source": "a text"}) is None
    page = keys.identifier({"source-ref": "s3://b/1.pdf", "page": 3})
    assert page is not None
    assert page.startswith("s3://b/1.pdf#")
    assert page != keys.identifier({"source-ref": "s3://b/1.pdf", "page": 4})


def differ(first: dict[str, Any], another: dict[str, Any], keys: ObjectKeys | None = None) -> bool:
    digests = {(keys or ObjectKeys()).digest({"source-ref": "s3://b/1", **more}) for more in (first, another)}
    return len(digests) == 2


@pytest.mark.parametrize(
    ("first", "another"),
    [
        ({"n": 1}, {"n": True}),
        ({"n": 0}, {"n": False}),
        ({"n": 1}, {"n": "1"}),
        ({"n": []}, {"n": {}}),
        ({"n": [1, 2]}, {"n": [2, 1]}),
        ({"n": "\ud800"}, {"n": "\\ud800"}),
        ({"n": 2**60}, {"n": 2**60 + 1}),
        ({"source": "a"}, {"source": "b"}),
        ({"source-ref-metadata": {"unix-timestamp": 1}}, {"source-ref-metadata": {"unix-timestamp": 2}}),
        ({"camera-metadata": {"iso": 100}}, {"camera-metadata": {"iso": 200}}),
        ({"camera": 1, "camera-metadata": "x"}, {"camera": 2, "camera-metadata": "x"}),
        # An id that somebody gives is all that some lines say of a page.
        ({"dataset-objectid-attribute-name": "id", "id": "1"}, {"dataset-objectid-attribute-name": "id", "id": "2"}),
    ],
)
def test_what_tells_objects_apart(first: dict[str, Any], another: dict[str, Any]) -> None:
    assert differ(first, another)


@pytest.mark.parametrize(
    ("first", "another"),
    [
        ({"n": 1}, {"n": 1.0}),
        ({"n": 100}, {"n": 1e2}),
        ({"n": -0.0}, {"n": 0}),
        ({"n": None}, {}),
        ({}, {"bird-metadata": {"failure-reason": "declined"}}),
        ({}, {"bird-metadata": {"type": "groundtruth/custom"}}),
        ({"bird": 1, "bird-metadata": {}}, {"bird": 2, "bird-metadata": {"class-name": "x"}}),
        ({}, {"labeling-object-id": "s3://b/1#etag", "dataset-objectid-attribute-name": "labeling-object-id"}),
        ({}, {"truth": "cat"}),
        ({}, {"$crate-object-id": "b6d6e1c0", "$sequencer": "1"}),
    ],
)
def test_what_does_not(first: dict[str, Any], another: dict[str, Any]) -> None:
    assert not differ(first, another)


def test_labels_without_metadata_are_labels_if_they_are_named() -> None:
    assert differ({"bird": 1}, {"bird": 2})
    assert not differ({"bird": 1}, {"bird": 2}, ObjectKeys(labels=["bird"]))
    assert not differ({"bird-metadata": {"odd": 1}}, {}, ObjectKeys(labels=["bird"]))


def test_keys_may_be_named() -> None:
    keys = ObjectKeys(["source-ref", "page"])
    assert not differ({"page": 1, "shift": "late"}, {"page": 1, "shift": "early"}, keys)
    assert differ({"page": 1}, {"page": 2}, keys)
    assert keys.digest({"source-ref": "s3://b/1"}) == ObjectKeys().digest({"source-ref": "s3://b/1"})
    with pytest.raises(ValueError, match='has none of the keys that identify an object: "page", "id"'):
        ObjectKeys(["page", "id"]).digest({"source": "a"})


@pytest.mark.parametrize("keys", ["page", [], [1], ()])
def test_keys_that_are_none_are_refused(keys: Any) -> None:
    with pytest.raises(ValueError, match="object_keys must be a list of keys"):
        ObjectKeys(keys)


def test_metadata_that_are_no_object_are_none() -> None:
    assert metadata_of({"bird": 1, "bird-metadata": {"odd": 1}}, "bird") == {"odd": 1}
    assert metadata_of({"bird": 1, "bird-metadata": ["odd"]}, "bird") == {}
    assert metadata_of({"bird": 1}, "bird") == {}


@pytest.mark.parametrize(
    ("metadata", "name"),
    [({"job-name": "labeling-job/digits"}, "digits"), ({"job-name": "digits"}, "digits"), ({"job-name": None}, "")],
)
def test_the_job_of_a_label_is_named_without_its_path(metadata: dict[str, Any], name: str) -> None:
    assert job_of(metadata) == name

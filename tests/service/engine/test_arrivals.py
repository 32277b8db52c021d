"""What arrives in a message, or as a line, and by which id it is known again."""

from __future__ import annotations

import json
from typing import Any

import pytest

from labeling_provider.groundtruth.objects import ID_KEY
from labeling_provider.service.cloud.messaging import QueuedMessage
from labeling_provider.service.database.states import ObjectState
from labeling_provider.service.engine.arrivals import Arrival, arrivals_of, first_state, line_arrival


def arrived(body: str, data_key: str = "source", message_id: str = "m-1") -> list[Arrival]:
    return arrivals_of(QueuedMessage(message_id, body, 0.0), "label", data_key)


def notification(*keys: str, event: str = "ObjectCreated:Put") -> str:
    """What a bucket says of objects, with the same sequencer for all."""
    places = [{"bucket": {"name": "b"}, "object": {"key": key, "sequencer": "7"}} for key in keys]
    return json.dumps({"Records": [{"eventName": event, "s3": place} for place in places]})


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ("{'source': 'single quotes'}", "not a data object: not JSON"),
        ('["source"]', "not a data object: not a JSON object"),
        ('{"text": "no source"}', 'has no "source"'),
        ('{"source": 5}', 'has no "source"'),
        ('{"source": "\\ud800"}', "not valid Unicode"),
        ('{"source": "a", "dataset-objectid-attribute-name": "key"}', "under 'key' is not a string"),
        ('{"source": "a", "dataset-objectid-attribute-name": "a b", "a b": "1"}', "'a b', not a key"),
        ('{"source": "a", "dataset-objectid-attribute-name": 7}', "'7', not a key"),
        ("[" * 50_000, "nested more than 100 levels deep"),
        ("x" * 110_000, "110,000 characters"),
        ('{"Records": [{"eventName": "ObjectCreated:Put"}]}', "does not name an object"),
        (notification("k"), "do not work for text"),
    ],
)
def test_a_message_that_is_no_object_is_told_and_has_an_id_all_the_same(message: str, reason: str) -> None:
    (arrival,) = arrived(message)
    assert reason in str(arrival.reason)
    assert len(str(arrival.reason)) <= 1_000
    line = json.loads(arrival.line)
    assert line[ID_KEY] == "$label-object-id"
    assert line["$label-object-id"]


def test_an_object_is_known_by_its_own_id_or_else_by_that_of_its_message() -> None:
    def digest(body: dict[str, Any], message_id: str = "m-1") -> str:
        (arrival,) = arrived(json.dumps(body), message_id=message_id)
        assert arrival.reason is None
        return arrival.digest

    own = {"source": "a", "key": "one", ID_KEY: "key"}
    assert digest(own) == digest({"source": "b", "other": "one", ID_KEY: "other"}, "m-2")
    assert digest(own) != digest({**own, "key": "two"})
    assert digest({"source": "a"}) != digest({"source": "a"}, "m-2")
    envelope = {"Type": "Notification", "Message": '{"source": "a"}', "MessageId": "m-2"}
    assert digest(envelope) == digest({"source": "a"}, "m-2"), "SNS's id, not that of the queue"


def test_each_new_object_of_a_bucket_arrives_and_nothing_else_does() -> None:
    first, second = arrived(notification("a+b%20c.png", "d.png"), "source-ref")
    assert json.loads(first.line)["source-ref"] == "s3://b/a b c.png"
    assert json.loads(second.line)["$sequencer"] == "7"
    assert (first.reason, second.reason) == (None, None)
    assert first.digest != second.digest
    assert arrived(notification("a.png", event="ObjectRemoved:Delete"), "source-ref") == []
    assert arrived('{"Event": "s3:TestEvent"}') == []


def test_a_line_begins_as_what_it_is() -> None:
    def begun(line: str) -> tuple[ObjectState, bool]:
        row, trouble = first_state(line, "label", "groundtruth/text-classification", "Cats", 0.0)
        assert (row["result"] is None) is (trouble is None)
        return row["state"], trouble is not None

    assert begun('{"source": "a"}') == (ObjectState.WAITING, False)
    assert begun('{"source": "a", "label": 0}') == (ObjectState.GIVEN, False)
    assert begun('{"source": "\\ud800"}') == (ObjectState.FAILED, True)
    assert begun('{"source": ' + "[" * 50_000 + "]" * 50_000 + "}") == (ObjectState.FAILED, True)


def test_a_line_without_an_id_is_known_by_its_number() -> None:
    plain, own = '{"source": "a"}', json.dumps({"source": "a", "key": "one", ID_KEY: "key"})
    assert line_arrival(0, plain).digest != line_arrival(1, plain).digest
    assert line_arrival(0, own).digest == line_arrival(1, own).digest == arrived(own)[0].digest
    assert line_arrival(0, '{"source": "\\ud800"}').reason

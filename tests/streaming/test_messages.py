"""Messages and batches of them."""

from __future__ import annotations

import json
from urllib.parse import parse_qs

from hypothesis import given
from hypothesis import strategies as st

from labeling_provider.streaming.messages import MAX_BATCH, MAX_MESSAGE_BYTES, Message, batches, message_of
from labeling_provider.streaming.publisher import encoded_form

IDS = st.text(min_size=1, max_size=1500)


@given(IDS, st.dictionaries(st.text(max_size=20), st.text(max_size=20), max_size=3))
def test_a_message_says_under_which_id_it_is_labeled(object_id: str, more: dict[str, str]) -> None:
    line = {**more, "source": "a text"}
    message = message_of(line, object_id)
    assert message.size == len(message.text.encode())
    content = json.loads(message.text)
    key = content["dataset-objectid-attribute-name"]
    assert 1 <= len(content[key]) <= 1024
    if "dataset-objectid-attribute-name" not in more:
        assert content == {**line, "dataset-objectid-attribute-name": key, key: content[key]}
        assert message_of({}, object_id).text != message_of({}, object_id + "x").text


@given(IDS)
def test_an_object_in_s3_is_its_own_id_as_long_as_it_may_be_one(key: str) -> None:
    uri = f"s3://bucket/{key}"
    content = json.loads(message_of({"source-ref": uri}, uri).text)
    assert content["source-ref"] == uri
    assert (content["dataset-objectid-attribute-name"] == "source-ref") == (len(uri) <= 1024)


def test_a_line_that_names_its_id_keeps_it() -> None:
    line = {"source": "a", "dataset-objectid-attribute-name": "$first-object-id", "$first-object-id": "1"}
    assert json.loads(message_of(line, "another").text) == line


@given(st.lists(st.integers(1, MAX_MESSAGE_BYTES), max_size=60))
def test_batches_hold_everything_in_order_and_are_never_too_large(sizes: list[int]) -> None:
    messages = [Message("", size, str(number)) for number, size in enumerate(sizes)]
    made = list(batches(messages))
    assert [message for batch in made for message in batch] == messages
    for batch in made:
        assert 1 <= len(batch) <= MAX_BATCH
        assert sum(message.size for message in batch) <= MAX_MESSAGE_BYTES


@given(st.dictionaries(st.from_regex(r"[A-Za-z.0-9]+", fullmatch=True), st.text(min_size=1)))
def test_a_form_is_read_as_it_was_written(fields: dict[str, str]) -> None:
    encoded = encoded_form(fields).decode("ascii")
    assert parse_qs(encoded, strict_parsing=bool(fields)) == {name: [value] for name, value in fields.items()}

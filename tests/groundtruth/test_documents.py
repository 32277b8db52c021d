"""JSON and text from outside: written without fail, or told what is wrong."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from labeling_provider.groundtruth.documents import (
    MAX_NESTING,
    NOT_UNICODE,
    TOO_DEEP,
    as_json,
    is_deep,
    is_unicode,
    plain,
    strict_json,
    trouble_with,
    with_result,
)

TEXTS = st.text(st.sampled_from(["a", "ä", "日", "🐈", '"', "\\", "\x00", "\ud800", "\udbff", "\udfff"]), max_size=5)
ATOMS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS
ANY = st.recursive(
    ATOMS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3), max_leaves=6
)
# Two halves side by side are read back as the one character that they are.
VALUES = ANY.map(lambda value: json.loads(json.dumps(value)))
KEYS = TEXTS.map(lambda text: json.loads(json.dumps(text)))


def nested(levels: int) -> str:
    return "[" * levels + "]" * levels


@given(VALUES)
def test_whatever_json_can_say_is_written_in_utf_8_and_read_back(value: Any) -> None:
    text = as_json(value)
    assert json.loads(text.encode()) == value
    assert strict_json(text) == strict_json(text.encode()) == value


def test_text_is_kept_as_it_is() -> None:
    assert as_json({"ä": "日本語🐈"}) == '{"ä": "日本語🐈"}'
    assert as_json("ä \ud800") == '"ä \\ud800"'


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_in_json_is_not_written(number: float) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        as_json([number])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("NaN", "NaN is not a number in JSON"),
        ('{"a": [-Infinity]}', "-Infinity is not a number in JSON"),
        ("[1e999]", "the number 1e999 is too large"),
        ("-1E+400", "-1E.400 is too large"),
        (nested(100_000), "it is nested too deeply"),
        ("[", "Expecting value"),
        (b'"\xff"', "utf-8"),
    ],
)
def test_what_json_does_not_have_is_refused(text: str | bytes, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        strict_json(text)


@given(TEXTS)
def test_a_text_is_unicode_if_it_can_be_written(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        assert not is_unicode(text)
    else:
        assert is_unicode(text)


@given(VALUES)
def test_a_line_is_in_trouble_if_half_a_pair_is_in_it_however_it_is_written(value: Any) -> None:
    line = {"source": "a", "more": value}
    trouble = trouble_with(json.dumps(line), line)
    assert trouble == trouble_with(json.dumps(line, ensure_ascii=False), line)
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        assert trouble == NOT_UNICODE
    else:
        assert trouble is None


@pytest.mark.parametrize(("levels", "deep"), [(1, False), (MAX_NESTING, False), (MAX_NESTING + 1, True), (900, True)])
def test_nesting_has_a_limit(levels: int, deep: bool) -> None:
    value = json.loads(nested(levels))
    assert is_deep(value) is deep
    assert trouble_with(nested(levels), value) == (TOO_DEEP if deep else None)
    for _ in range(levels - 1):
        value = {"key": value}
    assert is_deep(value) is (2 * levels - 1 > MAX_NESTING)


def test_many_lists_side_by_side_are_not_deep() -> None:
    text = f'{{"\\u0061": [{", ".join(["[]"] * 1_000)}]}}'
    assert trouble_with(text, json.loads(text)) is None


@example("a\x00\ud800", 9)
@given(TEXTS, st.integers(0, 9))
def test_a_plain_text_is_one_that_every_database_takes(text: str, max_characters: int) -> None:
    kept = plain(text, max_characters)
    assert len(kept) == min(len(text), max_characters)
    assert is_unicode(kept)
    assert "\x00" not in kept
    if is_unicode(text) and "\x00" not in text:
        assert kept == text[:max_characters]


@given(st.dictionaries(KEYS, VALUES, max_size=3), st.none() | st.dictionaries(KEYS, VALUES, max_size=3))
def test_an_output_line_has_its_object_s_line_and_what_has_become_of_it(line: Any, result: Any) -> None:
    out = with_result(json.dumps(line), None if result is None else json.dumps(result))
    assert json.loads(out) == {**line, **(result or {})}


def test_a_line_that_is_too_deep_to_be_taken_apart_keeps_all_of_it() -> None:
    deep = nested(100_000)
    assert with_result(f'{{"source": {deep} }} ', ' {"label": 1}') == f'{{"source": {deep}, "label": 1}}'

"""What can go wrong, as exceptions: readable, and the same after a journey between processes."""

from __future__ import annotations

import inspect
import pickle
from collections.abc import Iterator

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from labeling_provider import errors
from labeling_provider.errors import (
    InvalidArgumentsError,
    InvalidManifestError,
    InvalidRequestError,
    LabelingError,
    Problem,
    check_choice,
    printable,
)

PROBLEMS = st.lists(st.builds(Problem, st.text(), st.text(), st.text()), max_size=3)


def classes() -> Iterator[type[Exception]]:
    for _, error in inspect.getmembers(errors, inspect.isclass):
        if issubclass(error, Exception):
            yield error


def test_every_error_is_a_labeling_error() -> None:
    assert len(list(classes())) > 8
    assert all(issubclass(error, LabelingError) for error in classes())


@given(st.text(), st.text(max_size=3))
def test_nothing_that_a_terminal_obeys_is_left_in_a_printable_text(text: str, keep: str) -> None:
    shown = printable(text, keep)
    assert all(character.isprintable() or character in keep for character in shown)
    if text.isprintable():
        assert shown == text


def test_escapes_are_those_of_json() -> None:
    assert printable("a\x1b[2J\u202e\ud800") == "a\\u001b[2J\\u202e\\ud800"
    assert printable("a\n\tb", keep="\n") == "a\n\\tb"


@pytest.mark.parametrize("value", ["leave", "stop"])
def test_a_choice_is_one_of_those_that_there_are(value: str) -> None:
    check_choice("on_stall", value, ("leave", "stop"))
    with pytest.raises(ValueError, match="on_stall must be 'leave' or 'stop', not 'LEAVE'"):
        check_choice("on_stall", "LEAVE", ("leave", "stop"))


@example("a\x1b[2J\nb")
@given(st.text())
def test_the_text_of_an_error_is_fit_for_a_terminal(text: str) -> None:
    assert all(character.isprintable() or character == "\n" for character in str(LabelingError(text)))


@given(PROBLEMS)
def test_errors_with_problems_survive_a_journey(problems: list[Problem]) -> None:
    for sent in (
        InvalidRequestError(problems),
        InvalidArgumentsError(problems),
        InvalidManifestError("s3://b/m", problems),
    ):
        arrived = pickle.loads(pickle.dumps(sent))
        assert (type(arrived), str(arrived), arrived.problems) == (type(sent), str(sent), tuple(problems))


@pytest.mark.parametrize(
    ("count", "words"),
    [(0, "0 problems:"), (1, "1 problem:\n  - field 0: wrong."), (2, "2 problems:\n  - field 0: wrong. Mend it.\n  -")],
)
def test_problems_are_counted_and_listed(count: int, words: str) -> None:
    problems = [Problem(f"field {number}", "wrong.", "Mend it.") for number in range(count)]
    assert words in str(InvalidRequestError(problems))


def test_a_problem_without_a_remedy_ends_with_what_is_wrong() -> None:
    assert str(Problem("field", "wrong.", "")) == "field: wrong."

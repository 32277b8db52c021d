"""What can go wrong, as exceptions. Every error of this package is a :class:`LabelingError`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import NamedTuple


def printable(text: str, keep: str = "") -> str:
    """A text from outside, for people: what a terminal would obey, hide or turn around is escaped, as JSON does it.

    :param keep: characters that are not escaped, such as line breaks where the text has several lines.
    """
    if text.isprintable():
        return text
    return "".join(
        character if character.isprintable() or character in keep else json.dumps(character)[1:-1] for character in text
    )


class LabelingError(Exception):
    """Base of every error that this package raises on purpose. Its text is fit for a terminal, whatever it quotes."""

    def __str__(self) -> str:
        return printable(super().__str__(), keep="\n")


class Problem(NamedTuple):
    """One thing that is wrong with an input: where, what, and what to do about it."""

    field: str
    message: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.field}: {self.message} {self.remedy}".rstrip()


class InvalidRequestError(LabelingError):
    """A labeling job that cannot be created as described. Nothing was sent.

    :param problems: every problem that was found, in the order of the request's fields.
    """

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__(f"The labeling job was not created, {_listed(self.problems)}")

    def __reduce__(self) -> tuple[type[InvalidRequestError], tuple[tuple[Problem, ...]]]:
        return type(self), (self.problems,)


class InvalidManifestError(LabelingError):
    """A manifest that is not fit for labeling.

    :param where: its URI.
    :param problems: every problem that was found.
    """

    def __init__(self, where: str, problems: Sequence[Problem]) -> None:
        self.where, self.problems = where, tuple(problems)
        super().__init__(f"{where} is not fit for labeling, {_listed(self.problems)}")

    def __reduce__(self) -> tuple[type[InvalidManifestError], tuple[str, tuple[Problem, ...]]]:
        return type(self), (self.where, self.problems)


class InvalidArgumentsError(LabelingError):
    """Arguments of a task that can't be read as what they are meant to be. Nothing was done.

    :param problems: every argument that is wrong.
    """

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__(f"The task was not started, {_listed(self.problems)}")

    def __reduce__(self) -> tuple[type[InvalidArgumentsError], tuple[tuple[Problem, ...]]]:
        return type(self), (self.problems,)


def _listed(problems: Sequence[Problem]) -> str:
    count = f"{len(problems)} problem" + ("s" if len(problems) != 1 else "")
    lines = "\n".join(f"  - {problem}" for problem in problems)
    return f"{count}:\n{lines}"


class JobNameTakenError(LabelingError):
    """A labeling job of the wanted name exists and was not made by this task."""


class LabelingJobFailedError(LabelingError):
    """A labeling job ended Failed or Stopped, or ended without all of its labels when that is an error."""


class LabelingJobStoppedError(LabelingJobFailedError):
    """A labeling job that somebody else has stopped: a retry that makes another would not be what they want."""


class PoorLabelsError(LabelingError):
    """Labels are not as good as they were asked for."""


class LabelingTimeoutError(LabelingError):
    """A labeling job did not reach the awaited status before the deadline."""


class LabelingJobStalledError(LabelingError):
    """A labeling job on which nothing has moved for too long."""

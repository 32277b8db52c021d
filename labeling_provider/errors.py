"""The exceptions of this package. All derive from :class:`LabelingError`."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from typing import NamedTuple


def printable(text: str, keep: str = "") -> str:
    """Make a string from outside safe to print: control, invisible and bidirectional characters are escaped as in JSON.

    :param keep: characters to leave unescaped, such as line breaks in a string of several lines.
    """
    if text.isprintable():
        return text
    return "".join(
        character if character.isprintable() or character in keep else json.dumps(character)[1:-1] for character in text
    )


class LabelingError(Exception):
    """Base of every error that this package raises on purpose. Its text is safe to print, whatever it quotes."""

    def __str__(self) -> str:
        return printable(super().__str__(), keep="\n")


class Problem(NamedTuple):
    """One thing wrong with an input: where, what, and how to fix it."""

    field: str
    message: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.field}: {self.message} {self.remedy}".rstrip()


class InvalidRequestError(LabelingError):
    """A labeling job cannot be created as described. Nothing was sent.

    :param problems: every problem of the request, in the order of its fields.
    """

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__(f"The labeling job was not created, {_listed(self.problems)}")

    def __reduce__(self) -> tuple[type[InvalidRequestError], tuple[tuple[Problem, ...]]]:
        return type(self), (self.problems,)


class InvalidManifestError(LabelingError):
    """A manifest cannot be used for labeling.

    :param where: its URI or path.
    :param problems: every problem of the manifest.
    """

    def __init__(self, where: str, problems: Sequence[Problem]) -> None:
        self.where, self.problems = where, tuple(problems)
        super().__init__(f"{where} can't be labeled as it is, {_listed(self.problems)}")

    def __reduce__(self) -> tuple[type[InvalidManifestError], tuple[str, tuple[Problem, ...]]]:
        return type(self), (self.where, self.problems)


class InvalidArgumentsError(LabelingError):
    """A task's arguments are not of the types they should be. Nothing was done.

    :param problems: one per wrong argument.
    """

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__(f"The task was not started, {_listed(self.problems)}")

    def __reduce__(self) -> tuple[type[InvalidArgumentsError], tuple[tuple[Problem, ...]]]:
        return type(self), (self.problems,)


def counted(number: int, noun: str) -> str:
    """A number and its noun, such as ``1 object`` or ``2,000 objects``.

    :param noun: in the singular; its plural ends in s.
    """
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def check_choice(argument: str, value: object, allowed: Collection[str]) -> None:
    """Check an argument that takes one of a few values.

    :raises ValueError: if the value is not allowed; the message lists those that are.
    """
    if value not in allowed:
        raise ValueError(f"{argument} must be {' or '.join(map(repr, allowed))}, not {value!r}")


def _listed(problems: Sequence[Problem]) -> str:
    lines = "\n".join(f"  - {problem}" for problem in problems)
    return f"{counted(len(problems), 'problem')}:\n{lines}"


class JobNameTakenError(LabelingError):
    """A labeling job with this name exists and was not created by this task."""


class LabelingJobFailedError(LabelingError):
    """A labeling job ended as Failed or Stopped, or without all of its labels where that counts as an error."""


class LabelingJobStoppedError(LabelingJobFailedError):
    """Somebody else stopped the labeling job, so a retry must not start another."""


class PoorLabelsError(LabelingError):
    """The labels do not meet the required quality."""


class LabelingTimeoutError(LabelingError):
    """A labeling job did not reach the expected status before the deadline."""


class LabelingJobStalledError(LabelingError):
    """A labeling job has made no progress for too long."""

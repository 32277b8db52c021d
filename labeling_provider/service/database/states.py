"""The states that rows are in. A job's own, which are Amazon's, are in ``groundtruth.job``."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class ObjectState(StrEnum):
    """Where a data object of a labeling job is."""

    GIVEN = "given"
    """Its line came with a label."""
    WAITING = "waiting"
    """Nobody has seen it yet."""
    OUT = "out"
    """Workers have it."""
    ANSWERED = "answered"
    """All of its workers are done; its answers wait for consolidation."""
    LABELED = "labeled"
    """It has a label by people."""
    MACHINE = "machine"
    """It has a label by automated labeling."""
    FAILED = "failed"
    """It was given up."""


class TaskState(StrEnum):
    """Where one worker's task about one data object is."""

    OPEN = "open"
    """Any worker of the workteam may accept it."""
    ACCEPTED = "accepted"
    """A worker is at it."""
    SUBMITTED = "submitted"
    """It has its answer."""
    DECLINED = "declined"
    """Its worker would rather not; another task stands in for it."""
    EXPIRED = "expired"
    """Its time was over before anybody answered."""


UNDECIDED: Final = (TaskState.OPEN, TaskState.ACCEPTED)
"""The states of tasks that may still get an answer."""


class LearningRole(StrEnum):
    """What automated labeling sent a data object to people for."""

    TRAIN = "train"
    """To learn from its label."""
    VALIDATE = "validate"
    """To measure the model on its label."""


class RemarkKind(StrEnum):
    """Why a person tells the requester something."""

    DECLINE = "decline"
    """The reason for declining a task."""
    COMMENT = "comment"
    """A comment, or a report of a problem."""

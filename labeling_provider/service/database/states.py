"""The states of rows. The states of jobs are Amazon's and are in ``groundtruth.job``."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class ObjectState(StrEnum):
    """The state of a data object in a labeling job."""

    GIVEN = "given"
    """It came with a label."""
    WAITING = "waiting"
    """It has not been sent to workers yet."""
    OUT = "out"
    """It has been sent to workers."""
    ANSWERED = "answered"
    """All its tasks are finished, and its answers wait for consolidation."""
    LABELED = "labeled"
    """People have labeled it."""
    MACHINE = "machine"
    """Automated labeling has labeled it."""
    FAILED = "failed"
    """It could not be labeled."""


class TaskState(StrEnum):
    """The state of a task: one worker's work on one data object."""

    OPEN = "open"
    """Any worker of the workteam may accept it."""
    ACCEPTED = "accepted"
    """A worker holds it."""
    SUBMITTED = "submitted"
    """It has an answer."""
    DECLINED = "declined"
    """Its worker declined it; another task may replace it."""
    EXPIRED = "expired"
    """Its time ran out, or its job ended, before it had an answer."""


UNDECIDED: Final = (TaskState.OPEN, TaskState.ACCEPTED)
"""The states of tasks that may still get an answer."""


class MessageState(StrEnum):
    """What becomes of a message in a queue."""

    WAITING = "waiting"
    """It can be received."""
    IN_FLIGHT = "in_flight"
    """Somebody has received it and not deleted it yet."""
    DELAYED = "delayed"
    """It can be received later."""
    DEAD = "dead"
    """It is in a dead-letter queue: its receivers have given it back too often."""


class LearningRole(StrEnum):
    """What automated labeling uses people's label on a data object for."""

    TRAIN = "train"
    """To train the model."""
    VALIDATE = "validate"
    """To measure the model."""


class RemarkKind(StrEnum):
    """Why a person tells the requester something."""

    DECLINE = "decline"
    """The reason for declining a task."""
    COMMENT = "comment"
    """A comment, or a report of a problem."""


class Role(StrEnum):
    """The role of whoever does something in the service."""

    ADMINISTRATOR = "administrator"
    REQUESTER = "requester"
    WORKER = "worker"
    NOBODY = "nobody"
    """Somebody who is not known."""
    SERVICE = "service"
    """The service itself, which nobody has asked."""

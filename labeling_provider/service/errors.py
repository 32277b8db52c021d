"""Errors that the service answers with, in Amazon's codes and shapes, and those that end a job or one object of it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Any, Final, TypeVar

from labeling_provider.errors import LabelingError
from labeling_provider.groundtruth.documents import plain
from labeling_provider.groundtruth.model import Violation

log = logging.getLogger(__name__)

T = TypeVar("T")

_SHOWN: Final = 300


class ApiError(Exception):
    """An error answer of the JSON 1.1 protocol.

    :param code: Amazon's error code, such as ``ResourceNotFound``.
    :param message: what a person reads.
    :param status: HTTP status.
    """

    def __init__(self, code: str, message: str, status: int = HTTPStatus.BAD_REQUEST) -> None:
        super().__init__(f"{code}: {message}")
        self.code, self.message, self.status = code, message, int(status)


def validation_error(message: str) -> ApiError:
    """A request that breaks a rule."""
    return ApiError("ValidationException", message)


def constraint_error(violations: Iterable[Violation]) -> ApiError:
    """A request that breaks botocore's model, in the words that Amazon uses."""
    found = list(violations)
    noun = "error" if len(found) == 1 else "errors"
    parts = [
        f"Value {'null' if one.value is None else repr(one.value)} at '{one.path}' failed to satisfy "
        f"constraint: {one.constraint}"
        for one in found
    ]
    return validation_error(f"{len(found)} validation {noun} detected: " + "; ".join(parts))


def not_found(message: str) -> ApiError:
    """Something that does not exist."""
    return ApiError("ResourceNotFound", message)


class StartError(LabelingError):
    """The service cannot start as it was asked to."""


class JobFailure(Exception):
    """The job cannot go on; its text becomes the job's FailureReason."""


class ObjectFailure(Exception):
    """One data object cannot be labeled; its text becomes the failure-reason in the object's output line."""


def may_pass(error: BaseException) -> bool:
    """Whether what has gone wrong may be right again by itself, such as a locked database or a storage that is away.

    What an error was raised from counts as well.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    from labeling_provider.service.database import opening

    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, (BotoCoreError, ClientError, OSError)) or opening.may_pass(cause):
            return True
        cause = cause.__cause__
    return False


def for_object(work: Callable[..., T], *arguments: Any) -> T:
    """Do something with one data object, so that what is wrong with it stops nothing else.

    :raises ObjectFailure: for whatever the object's own content has led to.
    """
    try:
        return work(*arguments)
    except (ObjectFailure, JobFailure):
        raise
    except Exception as error:
        if may_pass(error):
            raise
        log.exception("a data object cannot be worked on")
        raise ObjectFailure(f"{type(error).__name__}: {plain(str(error), _SHOWN)}") from error

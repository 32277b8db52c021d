"""Errors that the service answers with, in Amazon's codes and shapes."""

from __future__ import annotations

from collections.abc import Iterable
from http import HTTPStatus

from labeling_provider.request.model import Violation


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


class JobFailure(Exception):
    """The job cannot go on; its text becomes the job's FailureReason."""

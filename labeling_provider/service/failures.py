"""Errors that the service returns, with Amazon's codes and shapes, and errors that fail a job or one of its objects."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from http import HTTPStatus
from typing import Any, Final, TypeVar

from labeling_provider.errors import LabelingError, counted
from labeling_provider.groundtruth.documents import plain
from labeling_provider.groundtruth.model import Violation

log = logging.getLogger(__name__)

T = TypeVar("T")

_SHOWN: Final = 300
_OVERLOADED: Final = "SlowDown"
"""S3's code for too many requests."""
REFUSED_CREDENTIALS: Final = frozenset(
    {"InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "RequestTimeTooSkewed"}
)
"""S3's codes for what is wrong with the service's keys or a clock, whichever object is asked for."""


class ApiError(Exception):
    """An error that the caller of the API gets.

    :param code: Amazon's error code, such as ``ResourceNotFound``.
    :param message: the text for people.
    :param status: HTTP status.
    """

    def __init__(self, code: str, message: str, status: int = HTTPStatus.BAD_REQUEST) -> None:
        super().__init__(f"{code}: {message}")
        self.code, self.message, self.status = code, message, int(status)


def validation_error(message: str) -> ApiError:
    """The error for a request that breaks a rule."""
    return ApiError("ValidationException", message)


def constraint_error(violations: Iterable[Violation]) -> ApiError:
    """The error for a request that breaks botocore's model, in Amazon's words."""
    parts = [
        f"Value {'null' if violation.value is None else repr(violation.value)} at '{violation.path}' failed to satisfy "
        f"constraint: {violation.constraint}"
        for violation in violations
    ]
    return validation_error(f"{counted(len(parts), 'validation error')} detected: " + "; ".join(parts))


def not_found(message: str) -> ApiError:
    """The error for something that does not exist."""
    return ApiError("ResourceNotFound", message)


class StartError(LabelingError):
    """The service cannot start with the given settings."""


class JobFailure(Exception):
    """The job cannot continue; the text becomes its FailureReason."""


class Outage(Exception):
    """A user's function or model has found S3 or the service's API away; the text says what it met."""


class ObjectFailure(Exception):
    """One data object cannot be labeled; the text becomes the failure-reason in its output line."""


def may_pass(error: BaseException) -> bool:
    """Whether the problem may go away by itself, such as a locked database or storage that is down.

    The exceptions that caused this one count as well.
    """
    from botocore.exceptions import BotoCoreError, ClientError
    from botocore.parsers import ResponseParserError

    from labeling_provider.service.database import opening

    # A proxy's page in place of an answer leads to the last one.
    known = (Outage, BotoCoreError, ClientError, OSError, ResponseParserError)
    return any(isinstance(cause, known) or opening.may_pass(cause) for cause in _causes(error))


def is_outage(error: BaseException) -> bool:
    """Whether the database or the S3 server itself is away, ill or closed to the service, so that no job can go on.

    Refusals about a certain bucket or object are none. The exceptions that caused this one count as well.
    """
    from botocore.exceptions import ClientError, CredentialRetrievalError, NoCredentialsError

    from labeling_provider.service.database import opening

    for cause in _causes(error):
        if isinstance(cause, (Outage, CredentialRetrievalError, NoCredentialsError)):
            return True
        if isinstance(cause, ClientError) and cause.response.get("Error", {}).get("Code") in REFUSED_CREDENTIALS:
            return True
        if is_outage_of_server(cause) or opening.is_outage(cause):
            return True
    return False


def is_outage_of_server(error: BaseException) -> bool:
    """Whether the server that a boto3 client has asked is away, ill or overloaded, going by the error itself alone."""
    from botocore.exceptions import ClientError, ConnectionError, HTTPClientError, IncompleteReadError
    from botocore.parsers import ResponseParserError

    if isinstance(error, ClientError):
        status: int = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        # A server that has not implemented something can't do it later, either.
        is_ill = status >= HTTPStatus.INTERNAL_SERVER_ERROR and status != HTTPStatus.NOT_IMPLEMENTED
        return is_ill or bool(error.response.get("Error", {}).get("Code") == _OVERLOADED)
    return isinstance(error, (ConnectionError, HTTPClientError, IncompleteReadError, ResponseParserError))


def _causes(error: BaseException) -> Iterator[BaseException]:
    """An exception, and those that caused it."""
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.__cause__


def for_object(work: Callable[..., T], *arguments: Any) -> T:
    """Process one data object, so that a problem with it does not stop the others.

    :raises ObjectFailure: for any error that the object's content causes. Errors that may pass are raised as they are.
    """
    try:
        return work(*arguments)
    except (ObjectFailure, JobFailure):
        raise
    except Exception as error:
        if may_pass(error):
            raise
        log.exception("a data object could not be processed")
        raise ObjectFailure(f"{type(error).__name__}: {plain(str(error), _SHOWN)}") from error

"""Decides which calls to retry, and for how long, when a service does not answer."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Final, TypeVar

from labeling_provider.errors import LabelingError

T = TypeVar("T")

log = logging.getLogger(__name__)

_TRANSIENT_CODES: Final = frozenset(
    {
        "Throttling",
        "ThrottlingException",
        "ThrottledException",
        "TooManyRequestsException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestTimeout",
        "InternalFailure",
        "InternalServerError",
        "ServiceUnavailable",
        "ServiceUnavailableException",
        "RequestTimeTooSkewed",
    }
)
# AWS's common errors and their counterparts in S3 and STS. Missing permissions are not among them.
_CREDENTIALS_CODES: Final = frozenset(
    {
        "AuthFailure",
        "ExpiredToken",
        "ExpiredTokenException",
        "IDPCommunicationError",
        "IncompleteSignature",
        "IncompleteSignatureException",
        "InvalidAccessKeyId",
        "InvalidClientTokenId",
        "InvalidIdentityToken",
        "InvalidSignatureException",
        "InvalidToken",
        "MissingAuthenticationToken",
        "MissingAuthenticationTokenException",
        "RequestExpired",
        "SignatureDoesNotMatch",
        "TokenRefreshRequired",
        "UnrecognizedClientException",
    }
)
_CREDENTIALS_ERRORS: Final = (
    "ConfigNotFound",
    "CredentialRetrievalError",
    "LoginError",
    "MetadataRetrievalError",
    "NoAuthTokenError",
    "NoCredentialsError",
    "NoRegionError",
    "PartialCredentialsError",
    "ProfileNotFound",
    "SSOError",
    "TokenRetrievalError",
)
_REFUSED_CODES: Final = frozenset({"AccessDenied", "AccessDeniedException", "UnauthorizedOperation"})
_MISSING_CODES: Final = frozenset({"ResourceNotFound", "ResourceNotFoundException"})
_MAX_PAUSE: Final = 120.0


def is_credentials_trouble(error: Exception) -> bool:
    """Whether credentials are missing, not yet available, expired or rotated, or a signature's time is wrong.

    A missing region counts too, because an Airflow connection that can't be read leaves both out.
    """
    from botocore import exceptions

    # Older versions of botocore lack some of these.
    known = tuple(getattr(exceptions, name) for name in _CREDENTIALS_ERRORS if hasattr(exceptions, name))
    return isinstance(error, known) or error_code(error) in _CREDENTIALS_CODES


def is_transient(error: Exception) -> bool:
    """Whether a retry may help: throttling, a server error, a truncated or missing response, or failing credentials."""
    from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError, IncompleteReadError
    from botocore.exceptions import ConnectionError as BotoConnectionError
    from botocore.parsers import ResponseParserError

    if is_credentials_trouble(error):
        return True
    if isinstance(error, ClientError):
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        return error_code(error) in _TRANSIENT_CODES or status >= 500
    if isinstance(error, BotoConnectionError | HTTPClientError | IncompleteReadError | ResponseParserError):
        return True
    return isinstance(error, OSError) and not isinstance(error, BotoCoreError)


def is_refused(error: Exception) -> bool:
    """Whether an error says that the caller lacks permission."""
    return error_code(error) in _REFUSED_CODES


def error_code(error: BaseException | None) -> str:
    """The code of a service's error, such as ``NoSuchKey``, or of a LabelingError's cause; empty for other errors."""
    if isinstance(error, LabelingError):
        error = error.__cause__
    return str((getattr(error, "response", None) or {}).get("Error", {}).get("Code", ""))


def is_not_found(error: BaseException) -> bool:
    """Whether an error's code alone says that something does not exist."""
    return error_code(error) in _MISSING_CODES


def is_missing(error: Exception) -> bool:
    """Whether an error says that a labeling job or model does not exist."""
    code = error_code(error)
    message = str((getattr(error, "response", None) or {}).get("Error", {}).get("Message", ""))
    return is_not_found(error) or (
        code == "ValidationException" and ("not exist" in message or message.startswith("Could not find"))
    )


def is_outage(error: LabelingError) -> bool:
    """Whether an error says that a service has not answered for too long, so that further calls are pointless."""
    return isinstance(error.__cause__, Exception) and is_transient(error.__cause__)


def is_name_taken(error: Exception) -> bool:
    """Whether an error says that a job with this name exists."""
    return error_code(error) == "ResourceInUse"


class Patience:
    """Decides after each failure whether and when to retry.

    :param outage: seconds without any answer after which to give up.
    """

    def __init__(self, outage: float) -> None:
        self._outage = outage
        self._since: float | None = None
        self._failures = 0

    def answered(self) -> None:
        """Note that the service has answered, which resets all failures."""
        self._since, self._failures = None, 0

    def silence(self, now: float) -> float:
        """Seconds since the first of the current row of failures; 0 if the last call was answered."""
        return 0.0 if self._since is None else now - self._since

    def pause(self, error: Exception, what: str, now: float, usual: float) -> float:
        """Seconds until the next try.

        :param what: what was being done, for the message.
        :param now: seconds of any clock.
        :param usual: seconds between polls without failures.
        :raises LabelingError: if a retry can't help, or the service has not answered for too long.
        """
        if is_missing(error):
            raise LabelingError(f"{what}: the labeling job no longer exists ({error})") from error
        if not is_transient(error):
            raise LabelingError(f"{what}: {error}") from error
        if self._since is None:
            self._since = now
        if self.silence(now) >= self._outage:
            raise LabelingError(no_answer(what, self.silence(now), error)) from error
        self._failures += 1
        return float(min(usual * 2 ** (self._failures - 1), _MAX_PAUSE))


def no_answer(what: str, seconds: float, error: Exception) -> str:
    """The message after a service has not answered for too long."""
    return (
        f"{what}: no answer for {seconds:.0f} s ({error}{remedy(error)}). The labeling job itself may still be "
        "running; a retry of this task will find it."
    )


def remedy(error: Exception) -> str:
    """What to do about a mistake that newcomers make, to be appended to the error's text; empty for other errors."""
    from botocore.exceptions import (
        ConnectTimeoutError,
        EndpointConnectionError,
        NoCredentialsError,
        NoRegionError,
        SSLError,
    )

    if isinstance(error, SSLError):
        return (
            "; if the service has no TLS, write http:// in the connection's endpoint_url; if its certificate is of an "
            'authority of your own, name its CA file in the extra: "verify": "/path/of/ca.pem"'
        )
    if isinstance(error, EndpointConnectionError | ConnectTimeoutError):
        return "; start the service there, or correct endpoint_url in the extra of the Airflow connection"
    if isinstance(error, NoCredentialsError | NoRegionError):
        return (
            "; check that the Airflow connection exists and has login, password and region_name, "
            "and, for a self-hosted service, endpoint_url"
        )
    return ""


def persist(call: Callable[[], T], what: str, *, outage: float, pause: float = 1.0) -> T:
    """Repeat a call until the service answers.

    :param what: what is being done, for messages.
    :param outage: seconds without any answer after which to give up.
    :param pause: seconds before the second try; doubled before each further one.
    :raises LabelingError: if the service has not answered for that long.
    :raises Exception: the call's own error, if a retry can't help.
    """
    patience = Patience(outage)
    while True:
        try:
            return call()
        except Exception as error:
            if not is_transient(error):
                raise
            seconds = patience.pause(error, what, time.monotonic(), pause)
            log.warning("%s: no answer, trying again in %.1f s: %s%s", what, seconds, error, remedy(error))
        time.sleep(seconds)


def answer_to(call: Callable[[], T], what: str, *, outage: float, pause: float = 1.0) -> T:
    """Repeat a call until the service answers, and turn any AWS error into a LabelingError.

    :param what: what is being done, for messages.
    :param outage: seconds without any answer after which to give up.
    :param pause: seconds before the second try; doubled before each further one.
    :raises LabelingError: if the answer is an error, which is its cause, or the service has not answered for that long.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        return persist(call, what, outage=outage, pause=pause)
    except (BotoCoreError, ClientError) as error:
        raise LabelingError(f"{what}: {error}") from error

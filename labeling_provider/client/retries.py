"""What to ask again, and for how long, when a service does not answer."""

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
# Common errors of AWS, and what S3 and STS call the same. That somebody may not do something is none of them.
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
_MAX_PAUSE: Final = 120.0


def is_credentials_trouble(error: Exception) -> bool:
    """Whether credentials are missing, late, expired, replaced, or signed for by a wrong clock.

    A region that is missing counts as well: an Airflow connection that can't be read just now leaves nothing at all.
    """
    from botocore import exceptions

    # Older versions of botocore lack some of them.
    known = tuple(getattr(exceptions, name) for name in _CREDENTIALS_ERRORS if hasattr(exceptions, name))
    return isinstance(error, known) or error_code(error) in _CREDENTIALS_CODES


def is_transient(error: Exception) -> bool:
    """Whether asking again may help: throttling, a server error, half an answer or none, or credentials that fail."""
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
    """Whether the answer is that the caller may not do this."""
    return error_code(error) in _REFUSED_CODES


def error_code(error: BaseException | None) -> str:
    """The code of a service's error, such as ``NoSuchKey``, also behind an error of ours; empty for any other error."""
    if isinstance(error, LabelingError):
        error = error.__cause__
    return str((getattr(error, "response", None) or {}).get("Error", {}).get("Code", ""))


def is_missing(error: Exception) -> bool:
    """Whether the answer is that there is no such labeling job, or model."""
    code = error_code(error)
    message = str((getattr(error, "response", None) or {}).get("Error", {}).get("Message", ""))
    return code in {"ResourceNotFound", "ResourceNotFoundException"} or (
        code == "ValidationException" and ("not exist" in message or message.startswith("Could not find"))
    )


def is_name_taken(error: Exception) -> bool:
    """Whether the answer is that a job of this name exists."""
    return error_code(error) == "ResourceInUse"


class Patience:
    """Decides, failure by failure, whether to ask again and when.

    :param outage: seconds without any answer after which to give up.
    """

    def __init__(self, outage: float) -> None:
        self._outage = outage
        self._since: float | None = None
        self._failures = 0

    def answered(self) -> None:
        """The service has answered: all is forgiven."""
        self._since, self._failures = None, 0

    def silence(self, now: float) -> float:
        """Seconds since the first failure in a row; 0 if the last try was answered."""
        return 0.0 if self._since is None else now - self._since

    def pause(self, error: Exception, what: str, now: float, usual: float) -> float:
        """Seconds until the next try.

        :param what: what was being done, for the message.
        :param now: any clock's seconds.
        :param usual: seconds between polls when all is well.
        :raises LabelingError: if asking again can't help, or nobody has answered for too long.
        """
        if is_missing(error):
            raise LabelingError(f"{what}: there is no such labeling job any more ({error})") from error
        if not is_transient(error):
            raise LabelingError(f"{what}: {error}") from error
        if self._since is None:
            self._since = now
        if self.silence(now) >= self._outage:
            raise LabelingError(no_answer(what, self.silence(now), error)) from error
        self._failures += 1
        return float(min(usual * 2 ** (self._failures - 1), _MAX_PAUSE))


def no_answer(what: str, seconds: float, error: Exception) -> str:
    """What to tell when nobody has answered for too long."""
    return (
        f"{what}: no answer for {seconds:.0f} s ({error}). The labeling job itself may still run; "
        "a retry of this task finds it again."
    )


def persist(call: Callable[[], T], what: str, *, outage: float, pause: float = 1.0) -> T:
    """Call until the service answers.

    :param what: what is being done, for the messages.
    :param outage: seconds without any answer after which to give up.
    :param pause: seconds before the second try; each further one waits twice as long.
    :raises LabelingError: if nobody has answered for so long.
    :raises Exception: the call's own, if trying again can't help.
    """
    patience = Patience(outage)
    while True:
        try:
            return call()
        except Exception as error:
            if not is_transient(error):
                raise
            seconds = patience.pause(error, what, time.monotonic(), pause)
            log.warning("%s: no answer, next try in %.1f s: %s", what, seconds, error)
        time.sleep(seconds)


def answer_to(call: Callable[[], T], what: str, *, outage: float, pause: float = 1.0) -> T:
    """Call until the service answers; any error of AWS is one of ours.

    :param what: what is being done, for the messages.
    :param outage: seconds without any answer after which to give up.
    :param pause: seconds before the second try; each further one waits twice as long.
    :raises LabelingError: if the answer is an error, its cause; or nobody has answered for so long.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        return persist(call, what, outage=outage, pause=pause)
    except (BotoCoreError, ClientError) as error:
        raise LabelingError(f"{what}: {error}") from error

"""How long to wait for a job, and to bear with a service that does not answer. Plain Python, for all that waits."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

from labeling_provider.errors import LabelingError
from labeling_provider.jobs import JobState

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
_LONGEST_PAUSE: Final = 120.0


def is_credentials_trouble(error: Exception) -> bool:
    """Whether credentials are missing, late, expired, replaced, or signed for by a wrong clock.

    A region that is missing counts as well: an Airflow connection that can't be read just now leaves nothing at all.
    """
    from botocore import exceptions

    # Older versions of botocore lack some of them.
    known = tuple(getattr(exceptions, name) for name in _CREDENTIALS_ERRORS if hasattr(exceptions, name))
    return isinstance(error, known) or _code(error)[0] in _CREDENTIALS_CODES


def is_transient(error: Exception) -> bool:
    """Whether asking again may help: throttling, a server error, half an answer or none, or credentials that fail."""
    from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError, IncompleteReadError
    from botocore.exceptions import ConnectionError as BotoConnectionError
    from botocore.parsers import ResponseParserError

    if is_credentials_trouble(error):
        return True
    if isinstance(error, ClientError):
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        return _code(error)[0] in _TRANSIENT_CODES or status >= 500
    if isinstance(error, BotoConnectionError | HTTPClientError | IncompleteReadError | ResponseParserError):
        return True
    return isinstance(error, OSError) and not isinstance(error, BotoCoreError)


def is_refused(error: Exception) -> bool:
    """Whether the answer is that the caller may not do this."""
    return _code(error)[0] in _REFUSED_CODES


def _code(error: Exception) -> tuple[str, str]:
    """Code and message of a service's error; empty for any other error."""
    answer = (getattr(error, "response", None) or {}).get("Error", {})
    return answer.get("Code", ""), answer.get("Message", "")


def is_missing(error: Exception) -> bool:
    """Whether the answer is that there is no such labeling job, or model."""
    code, message = _code(error)
    return code in {"ResourceNotFound", "ResourceNotFoundException"} or (
        code == "ValidationException" and ("not exist" in message or message.startswith("Could not find"))
    )


def is_name_taken(error: Exception) -> bool:
    """Whether the answer is that a job of this name exists."""
    return _code(error)[0] == "ResourceInUse"


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
        return float(min(usual * 2 ** (self._failures - 1), _LONGEST_PAUSE))


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


class Vigil:
    """Decides when the wait for one job is over.

    :param targets: statuses to wait for; any end of the job ends the wait as well.
    :param deadline: epoch seconds at which to stop waiting; None for never.
    :param stall_timeout: seconds without any change after which to stop waiting; None for never.
    :param memory: what an earlier vigil over this job has remembered.
    """

    def __init__(
        self,
        *,
        targets: frozenset[str] = frozenset(),
        deadline: float | None = None,
        stall_timeout: float | None = None,
        memory: Mapping[str, Any] | None = None,
    ) -> None:
        self._targets, self._deadline, self._stall_timeout = targets, deadline, stall_timeout
        self._state: JobState | None = None
        self._counted: list[str | int] | None = memory["counted"] if memory else None
        self._moved_at: float | None = memory["moved_at"] if memory else None

    @property
    def memory(self) -> dict[str, Any]:
        """A JSON value from which a later vigil over the job goes on: how it was, and since when (epoch seconds)."""
        return {"counted": self._counted, "moved_at": self._moved_at}

    def seconds_left(self, now: float) -> float | None:
        """How long a wait may last before :meth:`verdict` must be asked again; None for as long as it likes."""
        ends = [] if self._deadline is None else [self._deadline]
        if self._stall_timeout is not None and self._moved_at is not None:
            ends.append(self._moved_at + self._stall_timeout)
        return max(min(ends) - now, 0.0) if ends else None

    def verdict(self, state: JobState | None, now: float) -> dict[str, Any] | None:
        """Why the wait is over, as a trigger event; None while it is not.

        :param state: the job as it was just seen; None if there is nothing new.
        :param now: epoch seconds.
        """
        if state is not None:
            if self._counted != state.counted:
                self._counted, self._moved_at = state.counted, now
            self._state = state
            if state.has_ended or state.status in self._targets:
                return {"state": state.as_dict()}
        known = {"state": self._state.as_dict() if self._state else None}
        if self._deadline is not None and now >= self._deadline:
            return {**known, "timeout": True}
        if (
            self._stall_timeout is not None
            and self._moved_at is not None
            and now >= self._moved_at + self._stall_timeout
        ):
            return {**known, "stalled": now - self._moved_at}
        return None

"""How long to bear with a service that does not answer. Plain Python, shared by everything that waits for a job."""

from __future__ import annotations

from typing import Final

from labeling_provider.errors import LabelingError

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
        "ExpiredToken",
        "ExpiredTokenException",
    }
)
_LONGEST_PAUSE: Final = 120.0


def is_transient(error: Exception) -> bool:
    """Whether asking again may help: throttling, a server error, or no connection at all."""
    from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError
    from botocore.exceptions import ConnectionError as BotoConnectionError

    if isinstance(error, ClientError):
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        return error.response["Error"].get("Code") in _TRANSIENT_CODES or status >= 500
    if isinstance(error, BotoConnectionError | HTTPClientError):
        return True
    return isinstance(error, OSError) and not isinstance(error, BotoCoreError)


def is_missing(error: Exception) -> bool:
    """Whether the answer is that there is no such labeling job."""
    from botocore.exceptions import ClientError

    if not isinstance(error, ClientError):
        return False
    code, message = error.response["Error"].get("Code"), error.response["Error"].get("Message", "")
    return code in {"ResourceNotFound", "ResourceNotFoundException"} or (
        code == "ValidationException" and "not exist" in message
    )


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
        if now - self._since >= self._outage:
            raise LabelingError(
                f"{what}: no answer for {now - self._since:.0f} s ({error}). The labeling job itself may still run; "
                "a retry of this task finds it again."
            ) from error
        self._failures += 1
        return float(min(usual * 2 ** (self._failures - 1), _LONGEST_PAUSE))

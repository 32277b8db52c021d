"""How the service's log is written: lines for people, or JSON for programs."""

from __future__ import annotations

import json
import logging
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any, Final

from labeling_provider.service.tracing import trace_id

REQUEST_ID: Final[ContextVar[str | None]] = ContextVar("request_id", default=None)
"""The request that is being answered: its ``x-amzn-RequestId``."""
JOB: Final[ContextVar[str | None]] = ContextVar("job", default=None)
"""The name of the labeling job whose step is running."""

REQUESTS: Final = logging.getLogger("labeling_provider.service.requests")
"""Gets a record for each request, of level INFO; what is in its ``request`` are the line's further members."""

TEXT: Final = "%(asctime)s %(levelname)s %(name)s: %(message)s"
_JSON: Final = json.JSONEncoder(ensure_ascii=False)


class JsonFormatter(logging.Formatter):
    """One JSON object per record: time (ISO 8601, UTC), level, logger, message, and request_id, job, trace_id,
    exception and what is known of a request if there are any.
    """

    def format(self, record: logging.LogRecord) -> str:
        """The record as one line."""
        entry: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        for name, value in (("request_id", REQUEST_ID.get()), ("job", JOB.get()), ("trace_id", trace_id())):
            if value is not None:
                entry[name] = value
        entry |= getattr(record, "request", {})
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        if record.stack_info:
            entry["stack"] = self.formatStack(record.stack_info)
        return _JSON.encode(entry)


def set_up_log(level: str, *, as_json: bool) -> None:
    """Write the log to standard error.

    :param level: records of a lower level are left out.
    :param as_json: whether it is for programs. Up to the level WARNING, they get a line for each request as well.
    """
    has_requests = as_json and logging.getLevelNamesMapping()[level] <= logging.WARNING
    REQUESTS.setLevel(logging.INFO if has_requests else logging.CRITICAL)
    handler = logging.StreamHandler()
    handler.setFormatter(JsonFormatter() if as_json else logging.Formatter(TEXT))
    logging.basicConfig(level=level, handlers=[handler])

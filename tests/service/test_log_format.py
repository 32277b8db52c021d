"""The service's log, as programs read it."""

from __future__ import annotations

import json
import logging
import sys

from labeling_provider.service.log_format import JOB, REQUEST_ID, JsonFormatter


def record(message: str, *arguments: object) -> logging.LogRecord:
    return logging.LogRecord(
        "labeling", logging.ERROR, __file__, 1, message, arguments, sys.exc_info() if sys.exc_info()[0] else None
    )


def test_a_record_is_one_line_with_the_ids_of_request_and_job() -> None:
    JOB.set("cats")
    REQUEST_ID.set("r-1")
    try:
        try:
            raise ValueError('two\nlines and "quotes"')
        except ValueError:
            line = JsonFormatter().format(record("%s failed\nbadly", "it"))
    finally:
        JOB.set(None)
        REQUEST_ID.set(None)
    assert "\n" not in line
    entry = json.loads(line)
    assert entry["time"].endswith("+00:00")
    assert (entry["level"], entry["logger"], entry["message"]) == ("ERROR", "labeling", "it failed\nbadly")
    assert (entry["job"], entry["request_id"]) == ("cats", "r-1")
    assert 'ValueError: two\nlines and "quotes"' in entry["exception"]


def test_what_there_is_not_is_left_out() -> None:
    assert set(json.loads(JsonFormatter().format(record("all is well")))) == {"time", "level", "logger", "message"}

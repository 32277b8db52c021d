"""What failed says what to do about it: wait, give up an object, or tell the caller."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa
from botocore.exceptions import ClientError, EndpointConnectionError, NoCredentialsError

from labeling_provider.groundtruth.model import Violation
from labeling_provider.service.failures import (
    JobFailure,
    ObjectFailure,
    Outage,
    constraint_error,
    for_object,
    is_outage,
    is_outage_of_server,
    may_pass,
)


def refusal(code: str, status: int) -> ClientError:
    return ClientError({"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}, "GetObject")


def caused_by(error: Exception) -> Exception:
    """An error that another one has led to."""
    try:
        raise ValueError("a second one") from error
    except ValueError as second:
        return second


@pytest.mark.parametrize(
    ("error", "passes", "stops_all"),
    [
        (ValueError("odd"), False, False),
        (OSError("no space"), True, False),
        (Outage("the function met none"), True, True),
        (EndpointConnectionError(endpoint_url="http://s3"), True, True),
        (NoCredentialsError(), True, True),
        (refusal("AccessDenied", 403), True, False),
        (refusal("NoSuchBucket", 404), True, False),
        (refusal("ExpiredToken", 400), True, True),
        (refusal("SlowDown", 400), True, True),
        (refusal("InternalError", 500), True, True),
        (refusal("NotImplemented", 501), True, False),
        (sa.exc.OperationalError("SELECT", {}, Exception("database is locked")), True, True),
        (sa.exc.IntegrityError("INSERT", {}, Exception("UNIQUE")), False, False),
    ],
)
def test_what_may_pass_and_what_stops_every_job(error: Exception, passes: bool, stops_all: bool) -> None:
    for failure in (error, caused_by(error)):
        assert (may_pass(failure), is_outage(failure)) == (passes, stops_all)


def test_a_server_is_judged_by_the_error_itself() -> None:
    away = refusal("ServiceUnavailable", 503)
    assert is_outage_of_server(away)
    assert not is_outage_of_server(caused_by(away))


def test_a_broken_model_is_told_in_amazons_words() -> None:
    violations = [
        Violation("maxResults", "MaxResults", 0, "It must be at least 1"),
        Violation("name", "Name", None, "It must not be null"),
    ]
    error = constraint_error(violations)
    assert (error.code, error.status) == ("ValidationException", 400)
    assert error.message == (
        "2 validation errors detected: Value 0 at 'maxResults' failed to satisfy constraint: It must be at least 1; "
        "Value null at 'name' failed to satisfy constraint: It must not be null"
    )
    assert constraint_error(violations[:1]).message.startswith("1 validation error detected: ")


def test_a_problem_with_an_object_stops_no_other(caplog: pytest.LogCaptureFixture) -> None:
    def fail(error: Exception) -> Any:
        raise error

    assert for_object(max, 1, 2) == 2
    with pytest.raises(ObjectFailure) as caught:
        for_object(fail, KeyError("x\x1b[0m" + "y" * 9_000))
    assert "\x1b" not in str(caught.value)
    assert 300 < len(str(caught.value)) < 400
    assert "a data object could not be processed" in caplog.text
    for error in (JobFailure("the job ends"), OSError("for now")):
        with pytest.raises(type(error)):
            for_object(fail, error)

"""When a wait is over."""

from __future__ import annotations

import dataclasses

import pytest
from botocore import exceptions

from labeling_provider.client.retries import is_credentials_trouble, is_transient
from labeling_provider.groundtruth.job import JobState
from labeling_provider.jobs.waiting import Vigil

STATE = JobState("job", "arn", "InProgress", 3, 3, 0, 1, 6, "", 0.0, None)


def moved(labeled: int) -> JobState:
    return dataclasses.replace(STATE, labeled=labeled, human_labeled=labeled)


def test_a_later_vigil_goes_on_with_the_clock_of_an_earlier_one() -> None:
    first = Vigil(stall_timeout=100)
    assert first.verdict(STATE, 1000) is None
    assert first.seconds_left(1000) == 100
    second = Vigil(stall_timeout=100, memory=first.memory)
    assert second.seconds_left(1060) == 40
    assert second.verdict(STATE, 1060) is None
    assert second.verdict(None, 1100) == {"state": STATE.as_dict(), "stalled": 100}


def test_what_moved_while_nobody_looked_starts_the_clock_again() -> None:
    first = Vigil(stall_timeout=100)
    first.verdict(STATE, 1000)
    second = Vigil(stall_timeout=100, memory=first.memory)
    assert second.verdict(moved(4), 1090) is None
    assert second.seconds_left(1090) == 100


@pytest.mark.parametrize(
    ("status", "event"), [("Completed", True), ("Failed", True), ("Stopped", True), ("Stopping", False)]
)
def test_any_end_ends_it(status: str, event: bool) -> None:
    state = dataclasses.replace(STATE, status=status)
    assert (Vigil().verdict(state, 0) is not None) is event


def test_a_deadline_counts_even_if_nothing_was_ever_seen() -> None:
    vigil = Vigil(deadline=10)
    assert vigil.seconds_left(4) == 6
    assert vigil.verdict(None, 9.9) is None
    assert vigil.verdict(None, 10) == {"state": None, "timeout": True}


def test_without_limits_it_waits_for_ever() -> None:
    assert Vigil().seconds_left(0) is None
    assert Vigil().verdict(STATE, 1e12) is None


@pytest.mark.parametrize(
    "error",
    [
        exceptions.NoCredentialsError(),
        exceptions.PartialCredentialsError(provider="env", cred_var="key"),
        exceptions.CredentialRetrievalError(provider="iam-role", error_msg="timed out"),
        exceptions.TokenRetrievalError(provider="sso", error_msg="expired"),
        exceptions.UnauthorizedSSOTokenError(),
        exceptions.MetadataRetrievalError(error_msg="timed out"),
        exceptions.ProfileNotFound(profile="mounted later"),
        exceptions.NoRegionError(),
        *(
            exceptions.ClientError({"Error": {"Code": code, "Message": "no"}}, "ListLabelingJobs")
            for code in (
                *("ExpiredToken", "ExpiredTokenException", "UnrecognizedClientException", "InvalidClientTokenId"),
                *("InvalidSignatureException", "SignatureDoesNotMatch", "RequestExpired", "InvalidAccessKeyId"),
            )
        ),
    ],
    ids=repr,
)
def test_credentials_that_fail_are_an_outage(error: Exception) -> None:
    assert is_credentials_trouble(error)
    assert is_transient(error)


@pytest.mark.parametrize("code", ["AccessDenied", "AccessDeniedException", "ValidationException", "ResourceNotFound"])
def test_what_asking_again_does_not_help_is_none(code: str) -> None:
    error = exceptions.ClientError({"Error": {"Code": code, "Message": "no"}}, "ListLabelingJobs")
    assert not is_credentials_trouble(error)
    assert not is_transient(error)

"""What is asked again, and what is an error at once."""

from __future__ import annotations

import pytest
from botocore import exceptions

from labeling_provider.client.retries import is_credentials_trouble, is_transient, remedy


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


def test_tls_that_fails_is_an_outage_with_two_remedies() -> None:
    error = exceptions.SSLError(endpoint_url="https://127.0.0.1:4566", error="WRONG_VERSION_NUMBER")
    assert is_transient(error)
    assert "write http:// in the connection's endpoint_url" in remedy(error)
    assert '"verify": "/path/of/ca.pem"' in remedy(error)

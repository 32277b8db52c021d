"""The boto3 clients of a function sign with keys of the place that they ask, and say whether it was away."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import boto3
import pytest
from botocore.exceptions import (
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    IncompleteReadError,
    ResponseStreamingError,
)
from botocore.session import Session

from labeling_provider.service.cloud.function_clients import met_outage, sign_by_place

API, S3, ELSEWHERE = "https://labeling.example.com", "https://s3.example.com", "https://other.example.com"
CALLS = {"s3": "list_buckets", "sts": "get_caller_identity", "sns": "list_topics"}
OWN = {"aws_access_key_id": "OWN", "aws_secret_access_key": "o"}
ROLE = {"aws_access_key_id": "ROLE", "aws_secret_access_key": "r", "aws_session_token": "t"}


@pytest.fixture
def surroundings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    """The environment of a function in a team's deployment."""
    for name in [name for name in os.environ if name.startswith(("AWS_", "LABELING_"))]:
        monkeypatch.delenv(name)
    (tmp_path / "credentials").write_text("[mine]\naws_access_key_id=MINE\naws_secret_access_key=m\n")
    variables = {
        "AWS_ENDPOINT_URL": API,
        "AWS_ENDPOINT_URL_S3": S3,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "OFS3",
        "AWS_SECRET_ACCESS_KEY": "s",
        "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "credentials"),
        "LABELING_LOCAL_ACCESS_KEY_ID": "OFAPI",
        "LABELING_LOCAL_SECRET_ACCESS_KEY": "a",
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    # It is put back at the end, and so is boto3's session with its keys.
    monkeypatch.setattr(Session, "create_client", Session.create_client)
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    return monkeypatch


def key_of(client: Any) -> str:
    """The access key that a client signs with."""
    query = parse_qs(urlsplit(client.generate_presigned_url(CALLS[client.meta.service_model.service_name])).query)
    return query.get("AWSAccessKeyId", query.get("X-Amz-Credential", [""]))[0].partition("/")[0]


def takes_on_a_role(client: Any) -> None:
    """Let a client of STS get the answer to AssumeRole."""
    given = {"Credentials": {"AccessKeyId": "ROLE", "SecretAccessKey": "r", "SessionToken": "t"}}
    client.meta.events.emit("after-call.sts.AssumeRole", parsed=given, http_response=None, model=None, context={})


def test_a_client_signs_with_keys_of_the_place_that_it_asks(surroundings: pytest.MonkeyPatch) -> None:
    sign_by_place()
    assert [key_of(boto3.client(name)) for name in CALLS] == ["OFS3", "OFAPI", "OFAPI"]
    assert key_of(boto3.resource("s3").meta.client) == "OFS3"
    assert hasattr(boto3.client("s3"), "upload_file")
    assert key_of(boto3.client("sns", endpoint_url=ELSEWHERE)) == "OFS3", "as without the service"


def test_keys_that_a_function_has_chosen_stay(surroundings: pytest.MonkeyPatch) -> None:
    sign_by_place()
    for name in CALLS:
        assert key_of(boto3.client(name, **OWN)) == "OWN"
        assert key_of(boto3.Session(**OWN).client(name)) == "OWN"
        assert key_of(boto3.Session(profile_name="mine").client(name)) == "MINE"


def test_a_role_that_the_api_has_given_opens_both_places(surroundings: pytest.MonkeyPatch) -> None:
    sign_by_place()
    assert key_of(boto3.client("s3", **ROLE)) == "ROLE", "from anywhere else"
    takes_on_a_role(boto3.client("sts"))
    for make in (lambda name: boto3.client(name, **ROLE), boto3.Session(**ROLE).client):
        client = make("s3")
        assert [key_of(client), key_of(make("sns"))] == ["OFS3", "OFAPI"]
        assert "oken" not in client.generate_presigned_url("list_buckets")
    assert hasattr(boto3.Session(**ROLE).client("s3"), "upload_file")


def test_where_all_is_in_one_place_nothing_changes(surroundings: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ENDPOINT_URL_S3", "LABELING_LOCAL_ACCESS_KEY_ID"):
        surroundings.delenv(name)
    before = Session.create_client
    sign_by_place()
    assert Session.create_client is before


def answered(status: int, code: str = "Code") -> ClientError:
    """A server's refusal."""
    return ClientError({"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}, "GetObject")


def without_its_cause(error: Exception, *, hidden: bool = False) -> Exception:
    """What a function raises while it handles an error."""
    try:
        try:
            raise error
        except Exception:  # noqa: BLE001 - any is handled
            if hidden:
                raise RuntimeError("no such picture") from None
            raise RuntimeError("no such picture")  # noqa: B904
    except RuntimeError as raised:
        return raised


AWAY = EndpointConnectionError(endpoint_url=f"{S3}/lab/payload")


def test_an_outage_is_told_from_a_function_s_own_error(surroundings: pytest.MonkeyPatch) -> None:
    cyclic, odd = KeyError("a"), ClientError({"Error": {}}, "GetObject")
    cyclic.__cause__ = cyclic
    odd.response = {"ResponseMetadata": "none"}
    outages = (
        AWAY,
        EndpointConnectionError(endpoint_url=f"{API}/"),
        ConnectTimeoutError(endpoint_url="https://lab.s3.example.com/payload"),
        IncompleteReadError(actual_bytes=1, expected_bytes=2),
        ResponseStreamingError(error="cut"),
        answered(503),
        answered(500),
        answered(400, "SlowDown"),
        without_its_cause(AWAY),
    )
    own = (
        KeyError("grade"),
        EndpointConnectionError(endpoint_url=ELSEWHERE),
        EndpointConnectionError(endpoint_url="https://evils3.example.com"),
        answered(404, "NoSuchKey"),
        answered(403, "InvalidAccessKeyId"),
        answered(501, "NotImplemented"),
        without_its_cause(AWAY, hidden=True),
        cyclic,
        odd,
        OSError("disk"),
    )
    assert [error for error in outages if not met_outage(error)] == []
    assert [error for error in own if met_outage(error)] == []

"""Where an import reads and writes, and which keys are sent where."""

from __future__ import annotations

import json
from argparse import Namespace
from typing import Any

import pytest

from labeling_provider.cli import main
from labeling_provider.cli.import_ends import ImportingError, check_keys, source_of, target_of
from labeling_provider.cli.importing import parser
from tests.conftest import Lab
from tests.flaky import proxy

NOWHERE = "http://127.0.0.1:9"
OURS = ["--endpoint-url", "http://10.0.0.7:4566"]
AMAZON = ["--from-amazon", "--region", "us-east-1"]


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AMAZONSKEY")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://10.0.0.9:4566")
    monkeypatch.delenv("AWS_PROFILE", raising=False)


def chosen(*given: str) -> Namespace:
    return parser().parse_args([*given])


def connect(monkeypatch: pytest.MonkeyPatch, name: str, login: str | None = None, **extra: Any) -> None:
    keys = {"login": login, "password": "secret"} if login else {}
    document = {"conn_type": "aws", **keys, "extra": {"region_name": "us-east-1", **extra}}
    monkeypatch.setenv(f"AIRFLOW_CONN_{name.upper()}", json.dumps(document))


def test_each_side_gets_its_own_keys_and_the_address_that_was_given(
    amazon: Lab, lab: Lab, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LABELING_LOCAL_ACCESS_KEY_ID", "OURKEY")
    monkeypatch.setenv("LABELING_LOCAL_SECRET_ACCESS_KEY", "secret")
    connect(monkeypatch, "old", "OLDKEY", endpoint_url=NOWHERE)
    connect(monkeypatch, "new", "NEWKEY", endpoint_url=NOWHERE)
    with proxy(amazon) as source, proxy(lab) as target:
        ends = ["--from-endpoint", source.url, "--endpoint-url", target.url, "--region", "us-east-1"]
        more = ["--outage", "0", "--name", "nobody-*", "nobody"]
        for given, old, new in (
            ([], "local", "OURKEY"),
            (["--aws-conn-id", "old", "--to-aws-conn-id", "new"], "OLDKEY", "NEWKEY"),
        ):
            source.keys, target.keys = {old}, {new}
            assert main(["import", *ends, *given, *more]) == 0, capsys.readouterr().err
            assert source.spoilt["key"] == target.spoilt["key"] == 0
        target.keys = {"SOMEBODYELSE"}
        assert main(["import", *ends, *more]) == 2
        assert "security token" in capsys.readouterr().err


def test_addresses_of_the_environment_are_the_targets_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    connect(monkeypatch, "amazons", "LOGIN")
    connect(monkeypatch, "ours", "OURKEY")
    for given in (AMAZON, [*AMAZON, "--aws-conn-id", "amazons"]):
        source = source_of(chosen(*given)).ground_truth
        for client in (source.sagemaker, source.s3, source.client("cognito-idp")):
            assert client.meta.endpoint_url.endswith(".amazonaws.com")
    for given in ([], ["--to-aws-conn-id", "ours"]):
        target = target_of(chosen(*AMAZON, *given), "us-east-1").ground_truth
        assert {target.sagemaker.meta.endpoint_url, target.s3.meta.endpoint_url} == {"http://10.0.0.9:4566"}


def test_a_given_address_takes_the_place_of_a_connections_except_where_its_s3_is_elsewhere(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    services = {"s3": {"endpoint_url": "http://10.0.0.8:9000"}, "sns": {"endpoint_url": NOWHERE}}
    connect(monkeypatch, "ours", "OURKEY", endpoint_url=NOWHERE, service_config=services)
    to = ["--to-aws-conn-id", "ours"]
    target = target_of(chosen(*AMAZON, *to, *OURS), "us-east-1").ground_truth
    assert target.sagemaker.meta.endpoint_url == target.client("sns").meta.endpoint_url == OURS[1]
    assert target.s3.meta.endpoint_url == "http://10.0.0.8:9000"
    s3 = "http://s3.example.com"
    target = target_of(chosen(*AMAZON, *to, "--s3-endpoint-url", s3), "us-east-1").ground_truth
    assert (target.s3.meta.endpoint_url, target.sagemaker.meta.endpoint_url) == (s3, NOWHERE)
    # A bucket of a server of one's own has no host name.
    url = target.s3.now.generate_presigned_url("get_object", Params={"Bucket": "marsh", "Key": "a"})
    assert url.startswith(f"{s3}/marsh/a")


@pytest.mark.parametrize(
    ("given", "is_shared"),
    [
        ([*OURS], False),
        ([*OURS, "--s3-endpoint-url", "http://10.0.0.8:9000"], True),
        ([*OURS, "--s3-endpoint-url", "https://s3.us-east-1.amazonaws.com"], False),
        ([*OURS, "--s3-endpoint-url", "http://10.0.0.8:9000", "--aws-conn-id", "amazons"], False),
        (["--to-aws-conn-id", "nobody", *OURS], True),
        (["--to-aws-conn-id", "ours"], False),
        (["--to-aws-conn-id", "ours", "--s3-endpoint-url", "http://10.0.0.8:9000"], False),
    ],
)
def test_amazons_keys_are_sent_to_nobody_else(
    given: list[str], is_shared: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    connect(monkeypatch, "amazons", "LOGIN")
    connect(monkeypatch, "ours", "OURKEY", endpoint_url=OURS[1])
    connect(monkeypatch, "nobody")
    options = chosen(*AMAZON, *given)
    ends = source_of(options), target_of(options, "us-east-1")
    if not is_shared:
        check_keys(*ends)
        return
    with pytest.raises(ImportingError, match="The access key …SKEY would sign requests to .*amazonaws.com and to http"):
        check_keys(*ends)
    assert main(["import", *AMAZON, *given]) == 2
    output = capsys.readouterr()
    assert output.err.splitlines()[-1].startswith("labeling import: The access key …SKEY")
    assert output.out == ""


@pytest.mark.parametrize(("key", "is_shared"), [("S3KEY", False), ("AMAZONSKEY", True)])
def test_a_connections_keys_for_s3_are_checked_and_not_its_login(
    key: str, is_shared: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = {"endpoint_url": NOWHERE, "aws_access_key_id": key, "aws_secret_access_key": "secret"}
    connect(monkeypatch, "team", "OURKEY", endpoint_url=OURS[1], service_config={"s3": own})
    options = chosen(*AMAZON, "--to-aws-conn-id", "team")
    source, target = source_of(options), target_of(options, "us-east-1")
    assert (target.key_of("s3"), target.key_of("sagemaker")) == (key, "OURKEY")
    if not is_shared:
        check_keys(source, target)
        return
    with pytest.raises(ImportingError, match=f"…SKEY would sign requests to .*amazonaws.com and to {NOWHERE}"):
        check_keys(source, target)


def test_keys_of_a_service_are_not_sent_to_amazons_s3(monkeypatch: pytest.MonkeyPatch) -> None:
    connect(monkeypatch, "mine", "SAMEKEY")
    options = chosen("--from-endpoint", NOWHERE, "--region", "us-east-1", "--aws-conn-id", "mine", *OURS)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "SAMEKEY")
    options.s3_endpoint_url = "https://s3.us-east-1.amazonaws.com"
    with pytest.raises(ImportingError, match="SKEY|EKEY"):
        check_keys(source_of(options), target_of(options, "us-east-1"))


def test_what_contradicts_itself_is_told_in_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    connect(monkeypatch, "ours", "OURKEY", endpoint_url=NOWHERE)
    for given, words in (
        (["--aws-conn-id", "ours"], f"which is not Amazon's. Use --from-endpoint {NOWHERE} with it."),
        (["--aws-conn-id", "no_such"], "There is no Airflow connection no_such."),
        (["--to-aws-conn-id", "no_such"], "There is no Airflow connection no_such."),
    ):
        assert main(["import", *AMAZON, *OURS, *given]) == 2
        assert capsys.readouterr().err.splitlines()[-1].endswith(words)
    monkeypatch.setenv("LABELING_LOCAL_ACCESS_KEY_ID", "OURKEY")
    assert main(["import", *AMAZON, *OURS]) == 2
    assert "LABELING_LOCAL_SECRET_ACCESS_KEY is not set, but" in capsys.readouterr().err


def test_a_region_that_nobody_knows_is_asked_for(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Any
) -> None:
    for name in ("AWS_DEFAULT_REGION", "AWS_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    assert main(["import", "--from-amazon", *OURS]) == 2
    assert "Name it with --region." in capsys.readouterr().err

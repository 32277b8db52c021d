"""Facts of Amazon's contract that are more than a number."""

from __future__ import annotations

import botocore.session
import pytest

from labeling_provider.groundtruth.facts import is_amazon


@pytest.mark.parametrize("dual_stack", [False, True])
@pytest.mark.parametrize("region", ["us-east-1", "cn-north-1", "us-gov-west-1", "eusc-de-east-1"])
def test_every_endpoint_that_botocore_makes_is_amazons(region: str, dual_stack: bool) -> None:
    session = botocore.session.get_session()
    config = botocore.config.Config(use_dualstack_endpoint=dual_stack)
    keys = {"aws_access_key_id": "a", "aws_secret_access_key": "b"}
    for service in ("sagemaker", "s3"):
        client = session.create_client(service, region_name=region, config=config, **keys)
        assert is_amazon(client.meta.endpoint_url), client.meta.endpoint_url


@pytest.mark.parametrize(
    "url",
    [
        "https://vpce-1-a.api.sagemaker.us-east-1.vpce.amazonaws.com",
        "https://API.SageMaker.us-east-1.AMAZONAWS.COM:443",
        "https://api.sagemaker.us-east-1.amazonaws.com./",
    ],
)
def test_other_spellings_are_amazons_too(url: str) -> None:
    assert is_amazon(url)


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:8080",
        "http://localhost/x.amazonaws.com",
        "http://gt.amazonaws.com.example",
        "https://notamazonaws.com",
        "https://myapi.aws",
        "http://[",
        "",
    ],
)
def test_what_one_hosts_oneself_is_not(url: str) -> None:
    assert not is_amazon(url)

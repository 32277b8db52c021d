"""Facts of Amazon's contract that are more than a number."""

from __future__ import annotations

from decimal import Decimal

import botocore.session
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeling_provider.groundtruth.facts import (
    CLASSIFICATION_PRICES_USD,
    amount_to_usd,
    arn_of,
    bucket_arn,
    image_uri,
    is_amazon,
    names_function,
    principal_of,
    topics_and_queues,
    usd_to_amount,
)


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


@pytest.mark.parametrize("price", CLASSIFICATION_PRICES_USD)
def test_every_allowed_price_is_split_exactly(price: Decimal) -> None:
    for given_as in (price, float(price), str(price)):
        assert amount_to_usd(usd_to_amount(given_as)) == price


def test_a_price_has_dollars_cents_and_tenths_of_a_cent() -> None:
    assert usd_to_amount(0.036) == {"Dollars": 0, "Cents": 3, "TenthFractionsOfACent": 6}
    assert usd_to_amount("1.2") == {"Dollars": 1, "Cents": 20, "TenthFractionsOfACent": 0}


@given(st.integers(0, 2999))
def test_any_whole_number_of_tenths_of_a_cent_comes_back(mills: int) -> None:
    assert amount_to_usd(usd_to_amount(mills / 1000)) == Decimal(mills) / 1000


@pytest.mark.parametrize("price", ["0.0125", "-0.012", "nan", "inf", "much", ""])
def test_what_is_no_price_is_refused(price: str) -> None:
    with pytest.raises(ValueError, match="USD"):
        usd_to_amount(price)


def test_names_are_composed_as_amazon_does() -> None:
    digits = arn_of("sagemaker", "labeling-job/digits", "us-east-1", "123456789012")
    assert digits == "arn:aws:sagemaker:us-east-1:123456789012:labeling-job/digits"
    assert bucket_arn("bucket/key", partition="aws-cn") == "arn:aws-cn:s3:::bucket/key"
    assert principal_of("sagemaker") == "sagemaker.amazonaws.com"
    assert image_uri("model:1", "us-east-1", "123456789012") == ("123456789012.dkr.ecr.us-east-1.amazonaws.com/model:1")


def test_arns_are_seen_in_any_text_and_partition() -> None:
    policy = '{"Topic": "arn:aws-cn:sns:cn-north-1:123456789012:New_1.fifo", "Queue": "arn:aws:sqs:::labels"}'
    assert topics_and_queues(policy) == [("sns", "New_1.fifo"), ("sqs", "labels")]
    assert not names_function(policy)
    assert topics_and_queues("arn:aws:s3:::lab arn:of:sns:a:1:b") == []
    assert names_function("call arn:aws-us-gov:lambda:us-gov-west-1:1:function:f")

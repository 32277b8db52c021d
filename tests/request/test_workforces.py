"""Who works, and what they are paid."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeling_provider.groundtruth import facts
from labeling_provider.request import MechanicalTurk, PrivateWorkteam, VendorWorkteam
from labeling_provider.request.workforces import amount_to_usd, usd_to_amount


@pytest.mark.parametrize("price", facts.CLASSIFICATION_PRICES_USD)
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


def test_the_public_workforce_has_one_arn_per_region_and_declares_only_what_it_is_told() -> None:
    turk = MechanicalTurk(0.012)
    config = turk.human_task_config("eu-west-1")
    assert config["WorkteamArn"] == "arn:aws:sagemaker:eu-west-1:394669845002:workteam/public-crowd/default"
    assert turk.content_classifiers == []
    declared = MechanicalTurk(0.012, free_of_personal_information=True, adult_content=False)
    assert declared.content_classifiers == ["FreeOfPersonallyIdentifiableInformation", "FreeOfAdultContent"]
    assert MechanicalTurk(0.012, True, adult_content=True).content_classifiers == [
        "FreeOfPersonallyIdentifiableInformation"
    ]


def test_private_and_vendor_teams_are_their_arn() -> None:
    for team in (PrivateWorkteam("arn:a"), VendorWorkteam("arn:a")):
        assert team.human_task_config("us-east-1") == {"WorkteamArn": "arn:a"}
        assert team.content_classifiers == []

"""Who works, and what they are paid."""

from __future__ import annotations

from labeling_provider.request import MechanicalTurk, PrivateWorkteam, VendorWorkteam


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

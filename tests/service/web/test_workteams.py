"""Workteams, as they are made, changed and deleted."""

from __future__ import annotations

from tests.conftest import Lab
from tests.service.web.test_labeling_jobs import refused


def test_workteams_are_made_changed_and_deleted(lab: Lab) -> None:
    member = {"CognitoMemberDefinition": {"UserPool": "us-east-1_a", "UserGroup": "g", "ClientId": "c"}}
    arn = lab.sagemaker.create_workteam(WorkteamName="Herons", MemberDefinitions=[member], Description="Watch")[
        "WorkteamArn"
    ]
    assert arn == "arn:aws:sagemaker:us-east-1:123456789012:workteam/private-crowd/Herons"
    lab.sagemaker.add_tags(ResourceArn=arn, Tags=[{"Key": "k", "Value": "v"}])
    team = lab.sagemaker.describe_workteam(WorkteamName="herons")["Workteam"]
    assert (team["Description"], team["MemberDefinitions"]) == ("Watch", [member])
    again = {"WorkteamName": "HERONS", "MemberDefinitions": [member], "Description": "d"}
    assert refused(lab, "create_workteam", **again)[0] == "ResourceInUse"
    changed = lab.sagemaker.update_workteam(WorkteamName="Herons", Description="Watch closely")["Workteam"]
    assert changed["Description"] == "Watch closely"
    names = [team["WorkteamName"] for team in lab.sagemaker.list_workteams(NameContains="eron")["Workteams"]]
    assert names == ["Herons"]
    mixed = [member, {"OidcMemberDefinition": {"Groups": ["g"]}}]
    request = {"WorkteamName": "mixed", "MemberDefinitions": mixed, "Description": "d"}
    assert refused(lab, "create_workteam", **request)[0] == "ValidationException"
    assert lab.sagemaker.delete_workteam(WorkteamName="Herons")["Success"] is True
    assert refused(lab, "describe_workteam", WorkteamName="Herons")[0] == "ValidationException"


def test_the_workteams_that_are_promised_are_there(lab: Lab) -> None:
    teams = lab.service.ready["workteams"]
    assert teams["public"] == "arn:aws:sagemaker:us-east-1:394669845002:workteam/public-crowd/default"
    assert ":workteam/vendor-crowd/" in teams["vendor-simulated"]
    listed_teams = lab.sagemaker.list_workteams(SortBy="Name", MaxResults=100)["Workteams"]
    assert {"private-simulated", "private-people"} <= {team["WorkteamName"] for team in listed_teams}


def test_there_are_no_workteams_of_vendors(lab: Lab) -> None:
    assert lab.sagemaker.list_subscribed_workteams()["SubscribedWorkteams"] == []
    arn = "arn:aws:sagemaker:us-east-1:123456789012:workteam/vendor-crowd/x"
    assert refused(lab, "describe_subscribed_workteam", WorkteamArn=arn)[0] == "ResourceNotFound"
    assert refused(lab, "list_subscribed_workteams", NextToken="x")[0] == "ValidationException"

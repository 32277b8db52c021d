"""Workteams and people that come from Amazon."""

from __future__ import annotations

from typing import Any

import pytest

from labeling_provider.jobs import moving_teams
from labeling_provider.jobs.moving_parts import SOURCE_TAG, Entry, MovingError, Outcome
from labeling_provider.jobs.moving_teams import Teams
from labeling_provider.service.work import workforce
from tests.client.clients import ground_truth
from tests.conftest import Lab
from tests.flaky import proxy
from tests.jobs.moves import arn_of_team, make_team, people_of_team
from tests.own_names import own_id


@pytest.fixture
def teams(amazon: Lab, lab: Lab) -> Teams:
    return Teams(ground_truth(amazon), ground_truth(lab))


@pytest.fixture(autouse=True)
def _room_for_more(amazon: Lab, lab: Lab, name: str) -> Any:
    """A service has room for 25 workteams."""
    yield
    for side in (amazon, lab):
        for team in side.sagemaker.list_workteams(NameContains=name)["Workteams"]:
            side.sagemaker.delete_workteam(WorkteamName=team["WorkteamName"])


def test_a_workteam_comes_with_its_people(amazon: Lab, lab: Lab, teams: Teams, name: str) -> None:
    topic = {"NotificationTopicArn": "arn:aws:sns:us-east-1:123456789012:team"}
    tags = [{"Key": "project", "Value": "marsh"}]
    make_team(amazon, name, "ada@example.com", "Grace", Tags=tags, NotificationConfiguration=topic)
    (entry,) = teams.bring(arn_of_team(amazon, name))
    assert (entry.kind, entry.name, entry.outcome) == ("workteam", name, Outcome.MADE)
    assert entry.notes[0] == "Its notification topic was left out."
    assert entry.notes[1].startswith("2 people.")
    old, new = (side.sagemaker.describe_workteam(WorkteamName=name)["Workteam"] for side in (amazon, lab))
    for member in ("Description", "MemberDefinitions"):
        assert new[member] == old[member]
    assert teams.arn(arn_of_team(amazon, name)) == new["WorkteamArn"]
    assert people_of_team(lab, name) == {"ada@example.com", "Grace"}
    tags_here = {tag["Key"]: tag["Value"] for tag in lab.sagemaker.list_tags(ResourceArn=new["WorkteamArn"])["Tags"]}
    assert tags_here["project"] == "marsh"
    assert tags_here[SOURCE_TAG] == old["WorkteamArn"]
    assert list(teams.bring(arn_of_team(amazon, name))) == []


def test_a_second_run_makes_nothing_twice_and_takes_nobody_back(amazon: Lab, lab: Lab, teams: Teams, name: str) -> None:
    pool = make_team(amazon, name, "Ada", "Grace")
    list(teams.bring(arn_of_team(amazon, name)))
    cognito = lab.service.client("cognito-idp")
    cognito.admin_remove_user_from_group(UserPoolId=pool, GroupName="experts", Username="Ada")
    again = Teams(ground_truth(amazon), ground_truth(lab))
    assert list(again.bring(arn_of_team(amazon, name))) == [Entry("workteam", name, Outcome.THERE)]
    assert people_of_team(lab, name) == {"Grace"}


def test_people_who_are_missing_after_a_kill_come_with_the_next_run(
    amazon: Lab, lab: Lab, teams: Teams, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_team(amazon, name, "Ada", "Grace")

    def killed(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Teams, "_add", killed)
        with pytest.raises(KeyboardInterrupt):
            list(teams.bring(arn_of_team(amazon, name)))
    (entry,) = Teams(ground_truth(amazon), ground_truth(lab)).bring(arn_of_team(amazon, name))
    assert entry.outcome == Outcome.THERE
    assert people_of_team(lab, name) == {"Ada", "Grace"}


def test_whose_name_is_only_a_number_signs_in_with_the_address(amazon: Lab, lab: Lab, teams: Teams, name: str) -> None:
    number = str(own_id())
    pool = make_team(amazon, name, "Grace")
    cognito = amazon.service.client("cognito-idp")
    cognito.admin_create_user(
        UserPoolId=pool, Username=number, UserAttributes=[{"Name": "email", "Value": f"{name}@example.com"}]
    )
    cognito.admin_add_user_to_group(UserPoolId=pool, GroupName="experts", Username=number)
    cognito.admin_disable_user(UserPoolId=pool, Username="Grace")
    (entry,) = teams.bring(arn_of_team(amazon, name))
    assert people_of_team(lab, name) == {f"{name}@example.com"}
    assert "Grace is disabled and was left out." in entry.notes


def test_without_the_permission_to_see_people_the_team_comes_alone(amazon: Lab, lab: Lab, name: str) -> None:
    make_team(amazon, name, "Ada")
    with proxy(amazon) as refusing:
        refusing.refused |= {"ListUsersInGroup", "ListTags"}
        (entry,) = Teams(ground_truth(amazon, refusing.url), ground_truth(lab)).bring(arn_of_team(amazon, name))
    assert entry.outcome == Outcome.MADE
    notes = " ".join(entry.notes)
    assert "Not all of its people are here" in notes
    assert "Its tags can't be read" in notes
    assert lab.sagemaker.describe_workteam(WorkteamName=name)["Workteam"]["Description"] == "They know birds."


def test_somebody_with_an_impossible_name_keeps_nobody_else(amazon: Lab, lab: Lab, name: str) -> None:
    make_team(amazon, name, "Ada", "Grace")
    source = ground_truth(amazon)
    real, _ = source.client("cognito-idp"), source.sagemaker

    class Cognito:
        def list_users_in_group(self, **request: Any) -> Any:
            users = real.list_users_in_group(**request)["Users"]
            return {"Users": [users[0], {**users[0], "Username": "x" * 65}, users[1]]}

    source.client = lambda service, *_, **__: Cognito()  # type: ignore[method-assign,assignment]
    (entry,) = Teams(source, ground_truth(lab)).bring(arn_of_team(amazon, name))
    assert people_of_team(lab, name) == {"Ada", "Grace"}
    assert "Not all of its people are here: Adding xxx" in " ".join(entry.notes)
    # The next run tries again.
    (again,) = Teams(ground_truth(amazon), ground_truth(lab)).bring(arn_of_team(amazon, name))
    assert again.notes[0].startswith("2 people.")


def test_the_services_people_are_known_by_name() -> None:
    assert moving_teams.PEOPLE == workforce.PEOPLE


def test_people_of_an_oidc_provider_need_its_workforce(amazon: Lab, lab: Lab, teams: Teams, name: str) -> None:
    amazon.sagemaker.create_workteam(
        WorkteamName=name, Description="x", MemberDefinitions=[{"OidcMemberDefinition": {"Groups": ["experts"]}}]
    )
    with pytest.raises(MovingError, match="First create its workforce on the service"):
        list(teams.bring(arn_of_team(amazon, name)))
    addresses = ("Issuer", "AuthorizationEndpoint", "TokenEndpoint", "UserInfoEndpoint", "LogoutEndpoint", "JwksUri")
    config = {address: f"https://idp.example.com/{address}" for address in addresses}
    provider = {"ClientId": "portal", "ClientSecret": "secret", **config}
    lab.sagemaker.create_workforce(WorkforceName=name, OidcConfig=provider)
    try:
        (entry,) = teams.bring(arn_of_team(amazon, name))
        assert entry.notes == ("Its people sign in with their OIDC provider.",)
        team = lab.sagemaker.describe_workteam(WorkteamName=name)["Workteam"]
        assert team["WorkforceArn"].endswith(f"/{name}")
        lab.sagemaker.delete_workteam(WorkteamName=name)
    finally:
        lab.sagemaker.delete_workforce(WorkforceName=name)


def test_all_workteams_are_found_and_a_dry_run_makes_none(amazon: Lab, lab: Lab, name: str) -> None:
    make_team(amazon, name, "Ada")
    dry = Teams(ground_truth(amazon), ground_truth(lab), dry_run=True)
    made = {(entry.kind, entry.name): entry.outcome for entry in dry.bring_all()}
    assert made[("workteam", name)] == Outcome.MADE
    assert made[("workteam", "private-people")] == Outcome.THERE
    with pytest.raises(MovingError, match="no workteam named"):
        dry.existing(name)
    assert lab.sagemaker.list_workteams(NameContains=name)["Workteams"] == []


def test_a_workteam_that_the_service_had_before_is_left_as_it_is_and_told(
    amazon: Lab, lab: Lab, teams: Teams, name: str
) -> None:
    make_team(amazon, name, "Ada")
    make_team(lab, name, "Grace")
    (entry,) = teams.bring(arn_of_team(amazon, name))
    assert entry.outcome == Outcome.THERE
    (note,) = entry.notes
    assert "already had a workteam with this name" in note
    assert f"--workteam {arn_of_team(amazon, name)}=NAME" in note
    assert people_of_team(lab, name) == {"Grace"}

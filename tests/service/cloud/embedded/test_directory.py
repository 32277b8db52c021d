"""User pools, the workteams that name them, and the people in both."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from labeling_provider.service.clock import Clock
from labeling_provider.service.web.workteams import Workteams
from labeling_provider.service.work.passwords import Passwords
from labeling_provider.service.work.people import People
from labeling_provider.service.work.sign_ins import SignIns
from labeling_provider.service.work.tries import Tries
from labeling_provider.service.work.workforce import WorkforceFile
from tests.service.inside import ACCOUNT, REGION, Inside


def teams(inside: Inside, workforce: WorkforceFile) -> Workteams:
    assert inside.store is not None
    return Workteams(inside.store, workforce, inside.embedded.directory, region=REGION, account=ACCOUNT)


def people(inside: Inside) -> People:
    assert inside.store is not None
    return People(inside.store, REGION, passwords=False)


def sign_ins(inside: Inside) -> SignIns:
    """How they come in."""
    clock = Clock(1)
    return SignIns(inside.store, clock, people(inside), Passwords(inside.store, Tries(inside.store, clock)))


def names(inside: Inside, pool: str, group: str | None = None) -> set[str]:
    cognito = inside.client("cognito-idp")
    if group is None:
        return {user["Username"] for user in cognito.list_users(UserPoolId=pool)["Users"]}
    users = cognito.list_users_in_group(UserPoolId=pool, GroupName=group)["Users"]
    return {user["Username"] for user in users}


def in_team(inside: Inside, team: str) -> set[str]:
    return {person["name"] for person in people(inside).list(team)}


def make_pool(inside: Inside, **settings: Any) -> dict[str, Any]:
    """A pool with a client and a group; the member definition for them."""
    cognito = inside.client("cognito-idp")
    pool = cognito.create_user_pool(PoolName="birders", **settings)["UserPool"]["Id"]
    client = cognito.create_user_pool_client(UserPoolId=pool, ClientName="labeling", GenerateSecret=True)
    cognito.create_group(UserPoolId=pool, GroupName="experts")
    return {"UserPool": pool, "ClientId": client["UserPoolClient"]["ClientId"], "UserGroup": "experts"}


def make_team(inside: Inside, workforce: WorkforceFile, *members: dict[str, Any]) -> None:
    definitions = [{"CognitoMemberDefinition": member} for member in members]
    teams(inside, workforce).create({"WorkteamName": "herons", "MemberDefinitions": definitions, "Description": "x"})


def test_the_users_of_a_group_are_the_people_of_its_workteam(inside: Inside, workforce: WorkforceFile) -> None:
    cognito, member = inside.client("cognito-idp"), make_pool(inside)
    pool, group = member["UserPool"], {"UserPoolId": member["UserPool"], "GroupName": "experts"}
    made = cognito.admin_create_user(UserPoolId=pool, Username="ada@example.com")["User"]
    cognito.admin_add_user_to_group(**group, Username="ada@example.com")
    make_team(inside, workforce, member)
    assert in_team(inside, "herons") == {"ada@example.com"}
    cognito.admin_create_user(UserPoolId=pool, Username="Grace")
    assert in_team(inside, "herons") == {"ada@example.com"}
    cognito.admin_add_user_to_group(**group, Username="Grace")
    assert in_team(inside, "herons") == {"ada@example.com", "Grace"}
    (sub,) = [attribute["Value"] for attribute in made["Attributes"] if attribute["Name"] == "sub"]
    (user,) = cognito.list_users(UserPoolId=pool, Filter=f'sub = "{sub}"')["Users"]
    assert user["Username"] == "ada@example.com"
    cognito.admin_remove_user_from_group(**group, Username="Grace")
    cognito.admin_delete_user(UserPoolId=pool, Username="ada@example.com")
    assert in_team(inside, "herons") == set()


def test_who_is_known_becomes_a_member_of_a_workteam_that_was_everybodys(
    inside: Inside, workforce: WorkforceFile
) -> None:
    cognito, member = inside.client("cognito-idp"), make_pool(inside)
    for name in ("Ada", "Grace"):
        people(inside).add(name)
    make_team(inside, workforce, member)
    assert names(inside, member["UserPool"], "experts") == {"Ada", "Grace", "anybody"}
    cognito.admin_add_user_to_group(UserPoolId=member["UserPool"], GroupName="experts", Username="Ada")
    assert in_team(inside, "herons") == {"Ada"}
    assert names(inside, member["UserPool"], "experts") == {"Ada"}


def test_people_who_are_added_here_are_users_there(inside: Inside, workforce: WorkforceFile) -> None:
    member = make_pool(inside)
    make_team(inside, workforce, member)
    assert names(inside, member["UserPool"], "experts") == {"anybody"}
    person = people(inside).add("Ada", "herons")
    assert names(inside, member["UserPool"], "experts") == {"Ada"}
    cognito = inside.client("cognito-idp")
    (user,) = cognito.list_users(UserPoolId=member["UserPool"], Filter=f'sub="{person.sub}"')["Users"]
    assert user["Username"] == "Ada"
    assert names(inside, member["UserPool"]) == {"Ada"}
    people(inside).remove("Ada")
    assert names(inside, member["UserPool"], "experts") == {"anybody"}


def test_after_a_restart_pools_of_workteams_have_their_clients_groups_and_people(
    inside: Inside, workforce: WorkforceFile
) -> None:
    cognito, member = inside.client("cognito-idp"), make_pool(inside)
    make_team(inside, workforce, member)
    place = {"UserPoolId": member["UserPool"]}
    cognito.admin_create_user(**place, Username="Ada")
    cognito.admin_add_user_to_group(**place, GroupName="experts", Username="Ada")
    before = cognito.admin_get_user(**place, Username="Ada")["UserAttributes"]
    inside.start()
    assert names(inside, member["UserPool"], "experts") == {"Ada"}
    sub = {attribute["Name"]: attribute["Value"] for attribute in before}["sub"]
    after = cognito.admin_get_user(**place, Username="Ada")["UserAttributes"]
    assert {"Name": "sub", "Value": sub} in after
    client = cognito.describe_user_pool_client(**place, ClientId=member["ClientId"])["UserPoolClient"]
    assert client["ClientId"] == member["ClientId"]
    pool = cognito.describe_user_pool(**place)["UserPool"]
    assert pool["Id"] == member["UserPool"]
    assert pool["Arn"].endswith(f":userpool/{member['UserPool']}")


def test_a_pool_may_know_people_by_their_addresses(inside: Inside, workforce: WorkforceFile) -> None:
    cognito, member = inside.client("cognito-idp"), make_pool(inside, UsernameAttributes=["email"])
    make_team(inside, workforce, member)
    place = {"UserPoolId": member["UserPool"]}
    cognito.admin_create_user(**place, Username="ada@example.com")
    cognito.admin_add_user_to_group(**place, GroupName="experts", Username="ada@example.com")
    assert in_team(inside, "herons") == {"ada@example.com"}
    people(inside).add("grace@example.com", "herons")
    emails = [
        attribute["Value"]
        for user in cognito.list_users_in_group(**place, GroupName="experts")["Users"]
        for attribute in user["Attributes"]
        if attribute["Name"] == "email"
    ]
    assert sorted(emails) == ["ada@example.com", "grace@example.com"]


def test_who_is_disabled_or_signed_out_in_the_pool_is_so_at_the_portal(
    inside: Inside, workforce: WorkforceFile
) -> None:
    cognito, member = inside.client("cognito-idp"), make_pool(inside)
    pool, group = member["UserPool"], {"UserPoolId": member["UserPool"], "GroupName": "experts"}
    make_team(inside, workforce, member)
    user = {"UserPoolId": pool, "Username": "Ada"}

    def is_enabled() -> bool:
        return bool(cognito.admin_get_user(**user)["Enabled"])

    def is_signed_in(token: str) -> bool:
        return sign_ins(inside).of_session(token) is not None

    for name in ("Ada", "Grace"):
        cognito.admin_create_user(UserPoolId=pool, Username=name)
        cognito.admin_add_user_to_group(**group, Username=name)
    ada, grace = (sign_ins(inside).sign_in(name) for name in ("Ada", "Grace"))
    cognito.admin_user_global_sign_out(**user)
    assert (is_signed_in(ada), is_signed_in(grace)) == (False, True)
    assert in_team(inside, "herons") == {"Ada", "Grace"}

    ada = sign_ins(inside).sign_in("Ada")
    cognito.admin_disable_user(**user)
    assert in_team(inside, "herons") == {"Grace"}
    assert not is_enabled()
    assert not is_signed_in(ada)
    assert names(inside, pool, "experts") == {"Ada", "Grace"}
    cognito.admin_enable_user(**user)
    assert in_team(inside, "herons") == {"Ada", "Grace"}

    cognito.admin_disable_user(**user)
    people(inside).add("Ada", "herons")
    assert is_enabled()
    assert names(inside, pool, "experts") == {"Ada", "Grace"}
    ada = sign_ins(inside).sign_in("Ada")
    cognito.admin_delete_user(**user)
    assert (in_team(inside, "herons"), is_signed_in(ada)) == ({"Grace"}, False)
    for operation in (cognito.admin_disable_user, cognito.admin_user_global_sign_out):
        with pytest.raises(cognito.exceptions.UserNotFoundException):
            operation(**user)


def test_another_group_means_other_people(inside: Inside, workforce: WorkforceFile) -> None:
    cognito, member = inside.client("cognito-idp"), make_pool(inside)
    place = {"UserPoolId": member["UserPool"]}
    cognito.create_group(**place, GroupName="beginners")
    for name, group in (("Ada", "experts"), ("Grace", "beginners"), ("Joan", "experts"), ("Joan", "beginners")):
        if name not in names(inside, member["UserPool"]):
            cognito.admin_create_user(**place, Username=name)
        cognito.admin_add_user_to_group(**place, GroupName=group, Username=name)
    make_team(inside, workforce, member)
    assert in_team(inside, "herons") == {"Ada", "Joan"}
    change = [{"CognitoMemberDefinition": {**member, "UserGroup": "beginners"}}]
    teams(inside, workforce).update({"WorkteamName": "herons", "MemberDefinitions": change})
    assert in_team(inside, "herons") == {"Grace", "Joan"}
    assert names(inside, member["UserPool"], "experts") == {"Ada", "Joan"}


def test_the_services_own_people_are_in_a_pool_too(inside: Inside, workforce: WorkforceFile) -> None:
    teams(inside, workforce)
    own = f"{REGION}_local"
    assert names(inside, own, "private-people") == {"anybody"}
    people(inside).add("Ada")
    assert names(inside, own, "private-people") == {"anybody", "Ada"}
    cognito = inside.client("cognito-idp")
    assert {group["GroupName"] for group in cognito.list_groups(UserPoolId=own)["Groups"]} >= {"private-people"}
    cognito.admin_create_user(UserPoolId=own, Username="Grace")
    cognito.admin_add_user_to_group(UserPoolId=own, GroupName="private-people", Username="Grace")
    assert in_team(inside, "private-people") == {"Grace"}
    assert names(inside, own, "private-people") == {"Grace"}


def test_a_name_is_one_person_however_it_is_written(inside: Inside, workforce: WorkforceFile) -> None:
    cognito, member = inside.client("cognito-idp"), make_pool(inside)
    make_team(inside, workforce, member)
    people(inside).add("Ada", "herons")
    known = people(inside).add("Zoë")
    place = {"UserPoolId": member["UserPool"]}
    cognito.admin_create_user(**place, Username="ZOE\u0308")
    cognito.admin_add_user_to_group(**place, GroupName="experts", Username="ZOE\u0308")
    assert in_team(inside, "herons") == {"Ada", "Zoë"}
    assert names(inside, member["UserPool"], "experts") == {"Ada", "ZOE\u0308"}
    user = cognito.admin_get_user(**place, Username="ZOE\u0308")
    assert {"Name": "sub", "Value": known.sub} in user["UserAttributes"]


def test_workteams_of_one_group_have_the_same_people(inside: Inside, workforce: WorkforceFile) -> None:
    cognito, member = inside.client("cognito-idp"), make_pool(inside)
    make_team(inside, workforce, member)
    definitions = [{"CognitoMemberDefinition": member}]
    people(inside).add("Ada", "herons")
    teams(inside, workforce).create({"WorkteamName": "gulls", "MemberDefinitions": definitions, "Description": "x"})
    assert in_team(inside, "gulls") == {"Ada"}
    cognito.admin_create_user(UserPoolId=member["UserPool"], Username="Grace")
    cognito.admin_add_user_to_group(UserPoolId=member["UserPool"], GroupName="experts", Username="Grace")
    assert in_team(inside, "gulls") == in_team(inside, "herons") == {"Ada", "Grace"}
    people(inside).add("Joan", "herons")
    assert names(inside, member["UserPool"], "experts") == {"Ada", "Grace", "Joan"}


def test_what_was_done_here_meanwhile_is_not_undone_by_a_change_of_the_workteam(
    inside: Inside, workforce: WorkforceFile
) -> None:
    member = make_pool(inside)
    make_team(inside, workforce, member)
    people(inside).add("Ada", "herons")
    assert names(inside, member["UserPool"], "experts") == {"Ada"}
    people(inside).add("Grace", "herons")
    people(inside).remove("Ada", "herons")
    same = [{"CognitoMemberDefinition": member}]
    teams(inside, workforce).update({"WorkteamName": "HERONS", "MemberDefinitions": same})
    assert in_team(inside, "herons") == {"Grace"}


def test_a_workteam_that_is_made_again_begins_with_its_group(inside: Inside, workforce: WorkforceFile) -> None:
    member = make_pool(inside)
    make_team(inside, workforce, member)
    people(inside).add("Ada", "herons")
    teams(inside, workforce).delete({"WorkteamName": "herons"})
    make_team(inside, workforce, {**member, "UserGroup": "beginners"})
    assert in_team(inside, "herons") == set()


@pytest.mark.parametrize("name", ["", "x" * 65, "a\x07b", " ", 7, None, ["a"]])
def test_a_name_that_no_person_can_have_is_refused(inside: Inside, name: Any) -> None:
    cognito = inside.client("cognito-idp")
    pool = make_pool(inside)["UserPool"]
    headers = {
        "x-amz-target": "AWSCognitoIdentityProviderService.AdminCreateUser",
        "content-type": "application/x-amz-json-1.1",
    }
    body = json.dumps({"UserPoolId": pool, "Username": name}).encode()
    status, _, answer = inside.send("POST", "http://localhost/", headers, body)
    assert (status, json.loads(answer)["__type"]) == (400, "InvalidParameterException")
    assert cognito.list_users(UserPoolId=pool)["Users"] == []


def test_what_is_not_there_is_told(inside: Inside) -> None:
    with pytest.raises(ClientError) as caught:
        inside.client("cognito-idp").describe_user_pool(UserPoolId=f"{REGION}_nowhere")
    assert caught.value.response["Error"]["Code"] == "ResourceNotFoundException"

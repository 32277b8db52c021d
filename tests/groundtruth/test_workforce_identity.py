"""Who the people of a workforce and of a workteam are."""

from __future__ import annotations

from labeling_provider.groundtruth.workforce_identity import TeamMember, UserGroup, UserPool, WorkforceIdentity

POOL = UserPool("eu-west-1_birds", "herons")
PROVIDER = {"Issuer": "https://idp.example.com", "ClientId": "herons", "ClientSecret": "reed"}


def test_people_of_a_user_pool_are_read_as_they_are_written() -> None:
    group = UserGroup(POOL, "waders")
    member, identity = TeamMember(group.as_member()), WorkforceIdentity(POOL.as_identity())
    assert (member.group, member.user_pool, member.is_at_provider, member.provider_groups) == (group, POOL, False, ())
    assert (identity.user_pool, identity.provider, identity.issuer, identity.client_secret) == (POOL, None, None, None)
    assert identity.as_shown() == identity.members
    assert group.place == {"UserPoolId": "eu-west-1_birds", "GroupName": "waders"}


def test_people_at_a_provider_are_in_no_user_pool() -> None:
    member = TeamMember({"OidcMemberDefinition": {"Groups": ["waders"]}})
    assert (member.group, member.user_pool, member.is_at_provider) == (None, None, True)
    assert member.provider_groups == ["waders"]


def test_the_secret_of_a_provider_is_not_shown() -> None:
    identity = WorkforceIdentity({"WorkforceName": "birders", "OidcConfig": PROVIDER})
    assert (identity.user_pool, identity.issuer, identity.client_secret) == (None, "https://idp.example.com", "reed")
    assert identity.as_shown() == {"OidcConfig": {"Issuer": "https://idp.example.com", "ClientId": "herons"}}

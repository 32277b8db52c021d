"""What workteams may expect of user pools, whatever is behind them."""

from __future__ import annotations

import pytest

from labeling_provider.groundtruth.facts import arn_of
from labeling_provider.service.cloud.identity import Directory
from labeling_provider.service.database import workteam_rows
from labeling_provider.service.work.workforce import WorkforceFile
from tests.service.cloud.embedded.test_directory import in_team, make_pool, names, people, teams
from tests.service.inside import ACCOUNT, REGION, Inside


def test_a_workteam_has_the_people_of_its_groups_once_it_is_there(inside: Inside) -> None:
    cognito, member = inside.client("cognito-idp"), make_pool(inside)
    cognito.admin_create_user(UserPoolId=member["UserPool"], Username="Ada")
    cognito.admin_add_user_to_group(UserPoolId=member["UserPool"], GroupName="experts", Username="Ada")
    assert inside.store is not None
    directory: Directory = inside.embedded.directory
    arn = arn_of("sagemaker", "workteam/private-crowd/herons", REGION, ACCOUNT)
    row = {"name": "herons", "arn": arn, "description": "x", "members": [{"CognitoMemberDefinition": member}]}
    with pytest.raises(KeyError), directory.following(arn):
        with inside.store.write() as connection:
            workteam_rows.insert(connection, **row, settings={})
        assert in_team(inside, "herons") == set()
        raise KeyError("what makes it has failed")
    assert in_team(inside, "herons") == set()
    with inside.store.write() as connection:
        workteam_rows.delete_workteam(connection, arn)
    with directory.following(arn), inside.store.write() as connection:
        workteam_rows.insert(connection, **row, settings={})
    assert in_team(inside, "herons") == {"Ada"}


def test_where_a_name_is_not_enough_a_workteam_without_members_is_nobodys(
    inside: Inside, workforce: WorkforceFile
) -> None:
    inside.is_open = False
    inside.start()
    inside.is_open = True
    teams(inside, workforce)
    people(inside).add("Ada")
    assert names(inside, f"{REGION}_local", "private-people") == set()
